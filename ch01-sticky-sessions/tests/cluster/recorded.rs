//! What users of real processes were told, written down and held against the session guarantees: the same
//! checker that judges simulated runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use axum::http::{Method, StatusCode};
use ch01_sticky_sessions::experiments::FRESH;
use ch01_sticky_sessions::guarantees::history::{check, of};
use ch01_sticky_sessions::guarantees::{Deed, Findings, Told, Visit, judge};
use ch01_sticky_sessions::system::client::{Browser, Page};
use ch01_sticky_sessions::types::Item;
use lab::check::{History, Verdict};
use tokio::time::Instant;

use crate::kit::TestShop;

const USERS: u64 = 6;
/// Things that are put into one cart.
const ITEMS: u64 = 8;

/// What all users share.
struct Book {
    began: Instant,
    visits: Mutex<Vec<Visit>>,
    carts: AtomicU64,
    is_over: AtomicBool,
}

impl Book {
    fn new() -> Arc<Self> {
        let (carts, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Self { began: Instant::now(), visits: Mutex::default(), carts, is_over })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap()
    }

    /// Asks, and writes down what was told.
    async fn visit(&self, tab: &mut Browser, session: &str, deed: Deed) -> Told {
        let (method, path) = match &deed {
            Deed::SignIn => (Method::POST, "/sign-in?user=alice".to_owned()),
            Deed::Look => (Method::GET, "/cart".to_owned()),
            Deed::Add(item) => (Method::POST, format!("/cart?item={}", &*item.0)),
            Deed::SignOut => (Method::POST, "/sign-out".to_owned()),
        };
        let asked = self.now();
        let told = told(tab.call(method, &path).await, &deed);
        self.carts.fetch_add(u64::from(matches!(told, Told::Cart(_))), Relaxed);
        let (answered, session) = (self.now(), session.to_owned());
        let visit = Visit { asked, answered, session, deed, is_copied: false, told: told.clone() };
        self.visits.lock().unwrap().push(visit);
        told
    }

    fn findings(&self) -> Findings {
        judge(&self.visits.lock().unwrap()).unwrap()
    }
}

fn told(page: Option<Page>, deed: &Deed) -> Told {
    let Some(page) = page else { return Told::Unknown };
    match page.status {
        StatusCode::OK if matches!(deed, Deed::SignIn | Deed::SignOut) => Told::Done,
        StatusCode::OK => {
            let cart = page.body["cart"].as_array().unwrap();
            Told::Cart(cart.iter().map(|item| Item::new(item.as_str().unwrap())).collect())
        }
        StatusCode::UNAUTHORIZED => Told::SignInPage,
        _ => Told::Unknown,
    }
}

/// One user with two tabs: signs in, fills the cart with both at once, signs out, and begins anew.
async fn user(book: Arc<Book>, shop: std::net::SocketAddr, who: u64) {
    for number in 0.. {
        let session = format!("{who}-{number}");
        let mut one = Browser::new(shop);
        if book.visit(&mut one, &session, Deed::SignIn).await != Told::Done {
            continue;
        }
        let mut two = one.tab();
        for item in 0..ITEMS {
            if book.is_over.load(Relaxed) {
                return;
            }
            let add = |tab: &str| Deed::Add(Item::new(&format!("{tab}-{item}")));
            tokio::join!(
                book.visit(&mut one, &session, add("one")),
                book.visit(&mut two, &session, add("two")),
            );
            book.visit(&mut two, &session, Deed::Look).await;
        }
        book.visit(&mut one, &session, Deed::SignOut).await;
        book.visit(&mut two, &session, Deed::Look).await;
    }
}

/// Lets users work while something happens to the shop, and gives what they wrote down.
fn recorded(mut shop: TestShop, trouble: impl FnOnce(&mut TestShop, &Book)) -> Arc<Book> {
    let (book, at) = (Book::new(), shop.shop());
    let users: Vec<_> =
        (0..USERS).map(|who| shop.spawn(user(Arc::clone(&book), at, who))).collect();
    trouble(&mut shop, &book);
    book.is_over.store(true, Relaxed);
    users.into_iter().for_each(|user| shop.join(user));
    book
}

/// Waits until so many more carts were shown.
fn goes_on(shop: &TestShop, book: &Book) {
    let before = book.carts.load(Relaxed);
    shop.until("users go on", || (book.carts.load(Relaxed) > before + 60).then_some(()));
}

#[test]
fn design_7_keeps_its_guarantees_while_processes_are_killed_and_drained() {
    let book = recorded(TestShop::new(7), |shop, book| {
        for role in ["web-1", "store", "web-3"] {
            goes_on(shop, book);
            shop.cluster.kill(role).unwrap();
            if role != "store" {
                goes_on(shop, book);
            }
            shop.cluster.restart(role, None).unwrap();
        }
        goes_on(shop, book);
        let (code, said) = shop.command(&["drain", "web-2"]);
        assert_eq!(code, Some(0), "{said}");
        goes_on(shop, book);
    });
    assert_eq!(book.findings(), Findings::default());
    let text = of(&book.visits.lock().unwrap()).to_json_lines();
    let checked = check(&History::read(&text).unwrap(), FRESH * 1_000_000_000).unwrap();
    assert_eq!(checked.judged.verdict, Verdict::Ok);
}

/// Both tabs load the session, and the second save puts an older cart in the place of a newer one.
#[test]
fn design_5_loses_what_a_tab_was_told() {
    recorded(TestShop::new(5), |shop, book| {
        shop.until("an update is lost", || (!book.findings().unread.is_empty()).then_some(()));
    });
}
