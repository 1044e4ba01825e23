//! Load on the shop of all chapters: users who sign in at the balancer, and buy over its pages.
//!
//! Each has a browser, and an account of chapter 2. It signs in once, puts a candle into the cart, and buys one
//! after the other. What a user bought is counted here, and what left the shelf is asked of the shop: both
//! have to be the same.
//!
//! A shelf and a purse are empty at some time. Then an order is declined, and what is missing is brought by a
//! transfer: candles from a numbered account of the stock, coins back from the till. It is the same purchase, so
//! its time counts. One of some hundred purchases takes that long.
//!
//! # Left out
//!
//! A balancer that is started again elsewhere: it has the same port as long as that is free.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use ch01_sticky_sessions::system::client::{Browser, Page};
use lab::http::Caller;
use lab::measure::{Failed, Waits};
use lab::rng::Rng;
use lab::system::{BoxFuture, Customer, Error, Words, Workload};
use serde_json::{Value, json};

/// What all buy; it costs least.
const ITEM: &str = "candle";
/// Chapter 2 has so many accounts with numbers on each side.
const ACCOUNTS: u64 = 1_000;
/// What is on each of them at first, and what is brought at a time.
const AT_A_TIME: u64 = 1_000;
/// So many numbered accounts of the stock are tried; some may be empty.
const TRIES: usize = 20;

/// Users who buy.
pub(super) struct Buyers(Arc<Shop>);

/// Where they buy, and what became of it.
struct Shop {
    /// The pages of the balancer for operators: they say where users come.
    balancer: SocketAddr,
    /// Chapter 2's coordinator.
    coordinator: SocketAddr,
    /// Who has bought here, and comes back: a user signs in once.
    users: Mutex<Vec<User>>,
    begun: AtomicU64,
    done: AtomicU64,
    declined: AtomicU64,
    /// How often a user who had signed in was asked to do so.
    forced: AtomicU64,
}

/// One with an account and a session.
struct User {
    account: String,
    browser: Browser,
    is_signed_in: bool,
}

/// A user who buys.
struct Buyer {
    shop: Arc<Shop>,
    user: Option<User>,
    name: String,
    rng: Rng,
    /// How many orders it has begun.
    orders: u64,
    /// The key of an order that has no end yet: asked again, it is the same order.
    open: Option<String>,
}

/// How an order ended.
enum End {
    Done,
    /// For want of what is in this account.
    Declined(String),
}

impl Buyers {
    /// At a balancer, and at the coordinator behind it.
    pub(super) fn new(balancer: SocketAddr, coordinator: SocketAddr) -> Self {
        Self(Arc::new(Shop {
            balancer,
            coordinator,
            users: Mutex::default(),
            begun: AtomicU64::default(),
            done: AtomicU64::default(),
            declined: AtomicU64::default(),
            forced: AtomicU64::default(),
        }))
    }
}

impl Shop {
    /// A user who was here, or a new one.
    async fn user(&self, rng: &mut Rng) -> Option<User> {
        let known = self.users.lock().expect("no thread panics with this lock held").pop();
        if known.is_some() {
            return known;
        }
        let status = Caller::new(self.balancer).get("/status").await.ok()?;
        let browser = Browser::new(status.field("shop").parse().ok()?);
        let account = format!("p{:04}", rng.pick(0..ACCOUNTS));
        Some(User { account, browser, is_signed_in: false })
    }
}

impl User {
    async fn post(&mut self, path: &str) -> Option<Page> {
        self.browser.call(Method::POST, path).await
    }

    /// With something in the cart.
    async fn sign_in(&mut self) -> Result<(), Failed> {
        for path in [format!("/sign-in?user={}", self.account), format!("/cart?item={ITEM}")] {
            let page = self.post(&path).await.ok_or(Failed)?;
            if page.status != StatusCode::OK {
                return Err(Failed);
            }
        }
        self.is_signed_in = true;
        Ok(())
    }
}

impl Buyer {
    /// One purchase.
    async fn purchase(&mut self) -> Result<(), Failed> {
        if let End::Declined(why) = self.order().await? {
            self.bring(&why).await;
            return match self.order().await? {
                End::Done => Ok(()),
                End::Declined(_) => Err(Failed),
            };
        }
        Ok(())
    }

    /// One order, or the one that has no end yet.
    async fn order(&mut self) -> Result<End, Failed> {
        if self.user.is_none() {
            self.user = self.shop.user(&mut self.rng).await;
        }
        let user = self.user.as_mut().ok_or(Failed)?;
        if !user.is_signed_in {
            user.sign_in().await?;
        }
        let key = self.open.get_or_insert_with(|| {
            self.orders += 1;
            self.shop.begun.fetch_add(1, Relaxed);
            format!("{}-{}", self.name, self.orders)
        });
        let page = user.post(&format!("/buy?item={ITEM}&key={key}")).await.ok_or(Failed)?;
        let end = match page.status {
            StatusCode::OK => End::Done,
            StatusCode::CONFLICT if page.body["outcome"] == "declined" => {
                End::Declined(page.body["why"].as_str().unwrap_or_default().to_owned())
            }
            StatusCode::UNAUTHORIZED => {
                self.shop.forced.fetch_add(1, Relaxed);
                user.is_signed_in = false;
                return Err(Failed);
            }
            _ => return Err(Failed),
        };
        self.open = None;
        let ended = if matches!(end, End::Done) { &self.shop.done } else { &self.shop.declined };
        ended.fetch_add(1, Relaxed);
        Ok(end)
    }

    /// Brings what an order was declined for. If that is not done, the next order is declined as well.
    async fn bring(&mut self, why: &str) {
        let account = self.user.as_ref().map_or("", |user| user.account.as_str());
        let lacks = |what: &str| why.split([' ', ':']).any(|word| word == what);
        if lacks(ITEM) {
            for _ in 0..TRIES {
                let from = format!("stock/s{:04}", self.rng.pick(0..ACCOUNTS));
                if self.transfer(&from, &format!("stock/{ITEM}")).await {
                    break;
                }
            }
        } else if lacks(account) {
            let to = format!("pay/{account}");
            self.transfer("pay/till", &to).await;
        }
    }

    async fn transfer(&mut self, from: &str, to: &str) -> bool {
        self.orders += 1;
        let key = format!("{}-{}", self.name, self.orders);
        let order = json!({ "key": key, "from": from, "to": to, "amount": AT_A_TIME });
        let answer = Caller::new(self.shop.coordinator).post("/transfer", &order).await;
        answer.is_ok_and(|answer| answer.status == 200)
    }
}

impl Customer for Buyer {
    fn ask(&mut self, _: u64) -> BoxFuture<'_, Result<(), Failed>> {
        Box::pin(self.purchase())
    }
}

/// The browser stays open.
impl Drop for Buyer {
    fn drop(&mut self) {
        if let (Some(user), Ok(mut users)) = (self.user.take(), self.shop.users.lock()) {
            users.push(user);
        }
    }
}

impl Workload for Buyers {
    fn words(&self) -> Words {
        Words {
            unit: "purchase",
            done: "bought",
            waits: Waits { fsyncs: 2, round_trips: 7 },
            because: "a purchase waits for two fsyncs, of a vote and of the decision, and for seven round trips: \
                      browser, balancer, web process, coordinator, participant; coordinator, store, replica, replica",
        }
    }

    fn customer(&self, name: String, seed: u64) -> Box<dyn Customer> {
        let (shop, rng) = (Arc::clone(&self.0), Rng::new(seed));
        Box::new(Buyer { shop, user: None, name, rng, orders: 0, open: None })
    }

    /// What is on the shelf and who has how many coins, all of one moment; and what users know.
    fn audit(&self) -> BoxFuture<'_, Result<Value, Error>> {
        Box::pin(async move {
            let (name, shop) = ("ch04 shop", &self.0);
            let answer = Caller::new(shop.coordinator).get("/balances?of=all").await;
            let answer = answer.map_err(|none| Error::no_answer(name, none))?;
            if answer.status != 200 {
                // A role is just being restarted, or what is read is locked: worth another question.
                let why = answer.field("error").to_owned();
                return Err(Error::silent(name, "the shop".into(), why));
            }
            let total = |ledger: &str| -> u64 {
                let all = answer.body[ledger].as_object().into_iter().flat_map(|all| all.values());
                all.filter_map(Value::as_u64).sum()
            };
            let (begun, done) = (shop.begun.load(Relaxed), shop.done.load(Relaxed));
            let ended = done + shop.declined.load(Relaxed);
            Ok(json!({
                "goods": total("stock"),
                "coins": total("pay"),
                "done": done,
                "open": begun.saturating_sub(ended),
                "forced": shop.forced.load(Relaxed),
            }))
        })
    }

    /// An order that has no end yet may have taken its goods, and one that had none before may have done so then.
    fn verdict(&self, before: &Value, after: &Value) -> (bool, String) {
        let of = |audit: &Value, field: &str| audit[field].as_u64().unwrap_or_default();
        let rose = |field: &str| of(after, field).saturating_sub(of(before, field));
        let gone = of(before, "goods").checked_sub(of(after, "goods"));
        let (told, open) = (rose("done"), of(after, "open"));
        let at_least = told.saturating_sub(of(before, "open"));
        let is_right = gone.is_some_and(|gone| (at_least..=told + open).contains(&gone));
        let is_kept = of(before, "coins") == of(after, "coins");
        let forced = rose("forced");
        let gone =
            gone.map_or("more than before is there".into(), |gone| format!("{gone} are gone"));
        let why = format!(
            "{told} were bought, {open} are open and {gone} from the shelf; there were {} coins and there are {}; \
             {forced} times a user had to sign in again",
            before["coins"], after["coins"]
        );
        (is_right && is_kept && forced == 0, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_were_told_is_compared_with_what_left_the_shelf() {
        let here = SocketAddr::from(([127, 0, 0, 1], 1));
        let buyers = Buyers::new(here, here);
        let audit = |goods: u64, coins: u64, done: u64, open: u64, forced: u64| json!({ "goods": goods, "coins": coins, "done": done, "open": open, "forced": forced });
        let before = audit(100, 50, 3, 1, 0);
        for (after, is_ok) in [
            (audit(98, 50, 5, 0, 0), true),
            // The one that was open had taken its goods before.
            (audit(99, 50, 5, 0, 0), true),
            (audit(100, 50, 5, 0, 0), false),
            (audit(97, 50, 5, 0, 0), false),
            (audit(97, 50, 5, 1, 0), true),
            (audit(101, 50, 3, 0, 0), false),
            (audit(98, 49, 5, 0, 0), false),
            (audit(98, 50, 5, 0, 1), false),
        ] {
            let (is, why) = buyers.verdict(&before, &after);
            assert_eq!(is, is_ok, "{after}: {why}");
        }
    }
}
