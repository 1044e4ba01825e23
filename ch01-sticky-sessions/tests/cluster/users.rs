//! Users of real processes, who write down what they were told.

use std::net::SocketAddr;
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
pub(crate) struct Book {
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
        // A session is named by its user and a number.
        let user = session.split('.').next().unwrap().to_owned();
        let (method, path) = match &deed {
            Deed::SignIn => (Method::POST, format!("/sign-in?user={user}")),
            Deed::Look => (Method::GET, "/cart".to_owned()),
            Deed::Add(item) => (Method::POST, format!("/cart?item={}", &*item.0)),
            Deed::SignOut => (Method::POST, "/sign-out".to_owned()),
            Deed::SignOutEverywhere => (Method::POST, "/sign-out-everywhere".to_owned()),
        };
        let asked = self.now();
        let told = told(tab.call(method, &path).await, &deed);
        self.carts.fetch_add(u64::from(matches!(told, Told::Cart(_))), Relaxed);
        let (answered, session) = (self.now(), session.to_owned());
        let is_copied = false;
        let visit = Visit { asked, answered, session, user, deed, is_copied, told: told.clone() };
        self.visits.lock().unwrap().push(visit);
        told
    }

    pub(crate) fn findings(&self) -> Findings {
        judge(&self.visits.lock().unwrap()).unwrap()
    }
}

fn told(page: Option<Page>, deed: &Deed) -> Told {
    let Some(page) = page else { return Told::Unknown };
    match page.status {
        StatusCode::OK if matches!(deed, Deed::Look | Deed::Add(_)) => {
            let cart = page.body["cart"].as_array().unwrap();
            Told::Cart(cart.iter().map(|item| Item::new(item.as_str().unwrap())).collect())
        }
        StatusCode::OK => Told::Done,
        StatusCode::UNAUTHORIZED => Told::SignInPage,
        _ => Told::Unknown,
    }
}

/// One user with two tabs: signs in, fills the cart with both at once, signs out, and begins anew. Every
/// other time, everywhere: then a second browser is signed in as well, and looks before and after that.
async fn user(book: Arc<Book>, shop: SocketAddr, who: u64) {
    for number in 0.. {
        if book.is_over.load(Relaxed) {
            return;
        }
        let (session, other) =
            (format!("user-{who}.{number}"), format!("user-{who}.{number}-other"));
        let (mut one, mut elsewhere) = (Browser::new(shop), Browser::new(shop));
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
        if number % 2 == 0 {
            book.visit(&mut one, &session, Deed::SignOut).await;
        } else {
            book.visit(&mut elsewhere, &other, Deed::SignIn).await;
            book.visit(&mut elsewhere, &other, Deed::Look).await;
            book.visit(&mut one, &session, Deed::SignOutEverywhere).await;
            book.visit(&mut elsewhere, &other, Deed::Look).await;
        }
        book.visit(&mut two, &session, Deed::Look).await;
    }
}

/// Lets users work at this address while something happens to the shop, and gives what they wrote down.
pub(crate) fn recorded(
    mut shop: TestShop,
    at: SocketAddr,
    trouble: impl FnOnce(&mut TestShop, &Book),
) -> Arc<Book> {
    let book = Book::new();
    let users: Vec<_> =
        (0..USERS).map(|who| shop.spawn(user(Arc::clone(&book), at, who))).collect();
    trouble(&mut shop, &book);
    book.is_over.store(true, Relaxed);
    users.into_iter().for_each(|user| shop.join(user));
    book
}

/// Waits until so many more carts were shown.
pub(crate) fn goes_on(shop: &TestShop, book: &Book) {
    let before = book.carts.load(Relaxed);
    shop.until("users go on", || (book.carts.load(Relaxed) > before + 60).then_some(()));
}

/// Holds what they were told against the session guarantees: the same checker that judges simulated runs.
/// Nobody has to sign in, and a session that has ended is shown for as long as a copy may be used, at most.
pub(crate) fn assert_kept(book: &Book) {
    let found = book.findings();
    assert!(found.lag() <= FRESH * 1_000_000, "{:?}", found.revoked);
    assert_eq!(Findings { revoked: vec![], ..found }, Findings::default());
    let text = of(&book.visits.lock().unwrap()).to_json_lines();
    let checked = check(&History::read(&text).unwrap(), FRESH * 1_000_000_000).unwrap();
    assert_eq!(checked.judged.verdict, Verdict::Ok);
}
