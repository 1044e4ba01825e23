//! Edge: makes it survive the real world. The lesson is in `step1_round_robin.rs`.
//!
//! The pages of a web process: an HTTP request becomes a message to its node, and the answer a page.
//!
//! | request | does |
//! |---|---|
//! | `POST /sign-in?user=alice` | begins a session |
//! | `GET /cart` | who you are, and what you have |
//! | `POST /cart?item=umbrella` | one more thing |
//! | `POST /buy?item=umbrella&key=…` | buys what is in the cart, once for each key, where there is a till |
//! | `POST /sign-out` | ends the session |
//! | `POST /sign-out-everywhere` | ends all sessions of the user (design 7; before, this one only) |
//! | `GET /` | the same as a page for a browser |
//!
//! What is asked in a browser is answered by a page, and all else by JSON.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use lab::http::{answer, refuse};
use lab::run::ClientPool;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;

use super::buying;
use super::cookies;
use super::hashed::hashed;
use super::html::{html, refused};
use super::seal::cart::NotSealed;
use super::seal::keys::Keys;
use super::seal::now;
use super::till::Till;
use crate::shop::Shop;
use crate::types::{
    Action, Address, Answer, CART, Cookies, Item, Msg, Session, SessionId, SetCookie, User,
};

/// A web process waits for its store a while; then it says so.
const PATIENCE: Duration = Duration::from_secs(2);
/// One that has just started reaches its store within this time, if that runs.
const LINKING: Duration = Duration::from_millis(500);
/// Between two tries to reach it.
const LOOK: Duration = Duration::from_millis(10);
/// No name is longer.
const LONGEST: usize = 40;
/// What has a button on the page.
pub(super) const GOODS: [&str; 3] = ["umbrella", "boots", "candle"];
/// A page of one user must not be given to another one.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// Which web process answered.
const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");

/// The pages of a web process.
#[derive(Clone)]
pub(super) struct Pages {
    pool: ClientPool<Shop>,
    /// Whether the node has heard from its store.
    is_linked: Arc<watch::Sender<bool>>,
    pub(super) till: Option<Arc<Till>>,
    /// Sealed cookies open with them, if the design has any.
    keys: Option<Arc<Keys>>,
}

/// Where a session begins.
pub(super) const SIGN_IN: &str = "/sign-in";
/// The paths of the shop.
pub(super) const PATHS: [&str; 6] =
    ["/", "/cart", SIGN_IN, "/sign-out", "/sign-out-everywhere", "/buy"];

/// These pages, in the web process of this name.
///
/// # Panics
/// If the name is no field value.
pub(super) fn router(pages: Pages, name: &str) -> Router {
    let name = HeaderValue::from_str(name).expect("the name of a role");
    let sign = move |mut response: Response| {
        response.headers_mut().insert(SERVED_BY, name.clone());
        std::future::ready(response)
    };
    let buying = match &pages.till {
        Some(_) => Router::new().route("/buy", post(buying::buy)),
        None => Router::new(),
    };
    buying
        .route("/", get(page))
        .route("/cart", get(cart).post(add))
        .route(SIGN_IN, post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/sign-out-everywhere", post(sign_out_everywhere))
        .layer(map_response(sign))
        .with_state(pages)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct What {
    item: String,
}

async fn page(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    pages.answer(&headers, Action::Look, true).await
}

async fn cart(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    pages.answer(&headers, Action::Look, false).await
}

async fn sign_in(
    State(pages): State<Pages>,
    headers: HeaderMap,
    who: Result<Query<Who>, QueryRejection>,
) -> Response {
    let user = who.ok().and_then(|Query(Who { user })| checked(user));
    let Some(user) = user else { return bad("POST /sign-in?user=alice") };
    // Without the system's random numbers no session is safe.
    let Some(secret) = random().map(SessionId) else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "no random numbers; try again");
    };
    let action = Action::SignIn { user: User::new(&user), fresh: hashed(secret) };
    pages.answer_with(&headers, action, false, Some(secret)).await
}

async fn add(
    State(pages): State<Pages>,
    headers: HeaderMap,
    what: Result<Query<What>, QueryRejection>,
) -> Response {
    let item = what.ok().and_then(|Query(What { item })| checked(item));
    let Some(item) = item else { return bad("POST /cart?item=umbrella") };
    pages.answer(&headers, Action::Add(Item::new(&item)), false).await
}

async fn sign_out(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    pages.answer(&headers, Action::SignOut, false).await
}

async fn sign_out_everywhere(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    pages.answer(&headers, Action::SignOutEverywhere, false).await
}

/// 128 bits that nobody can guess.
pub(super) fn random() -> Option<u128> {
    let mut fresh = [0; 16];
    getrandom::fill(&mut fresh).ok()?;
    Some(u128::from_le_bytes(fresh))
}

/// A name of a user or an item: letters, digits, hyphens.
pub(super) fn checked(name: String) -> Option<String> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_good = !name.is_empty() && name.len() <= LONGEST && name.chars().all(is_good);
    is_good.then_some(name)
}

pub(super) fn bad(example: &str) -> Response {
    let why = format!("write {example}, with 1 to {LONGEST} letters, digits or hyphens");
    refuse(StatusCode::BAD_REQUEST, &why)
}

impl Pages {
    /// Pages of the node that this pool reaches.
    pub(super) fn new(pool: ClientPool<Shop>, till: Option<Till>, keys: Option<Arc<Keys>>) -> Self {
        Self { pool, is_linked: Arc::default(), till: till.map(Arc::new), keys }
    }

    /// The cookies of a request.
    pub(super) fn read(&self, headers: &HeaderMap) -> Cookies {
        let ring = self.keys.as_ref().map(|keys| keys.now());
        cookies::opened(headers, ring.as_deref(), now())
    }

    /// What a browser is told to keep: of a session that begins, its secret.
    fn field(
        &self,
        cookie: &SetCookie,
        secret: Option<SessionId>,
    ) -> Result<HeaderValue, NotSealed> {
        match (cookie, &self.keys) {
            (SetCookie::Session(Some(_)), _) => Ok(cookies::field(&SetCookie::Session(secret))),
            (SetCookie::Sealed(Some(sealed)), Some(keys)) => {
                cookies::sealed(sealed, &keys.now(), now())
            }
            _ => Ok(cookies::field(cookie)),
        }
    }

    /// Until the node can show a cart: what it asks its store is answered, and the answer comes back.
    pub(super) async fn linked(&self) {
        loop {
            let nobody = Cookies { session: random().map(SessionId), ..Cookies::default() };
            match self.ask_now(nobody, Action::Look).await {
                None | Some((Answer::Unavailable, _)) => tokio::time::sleep(LOOK).await,
                Some(_) => break,
            }
        }
        self.is_linked.send_replace(true);
    }

    async fn answer(&self, headers: &HeaderMap, action: Action, as_page: bool) -> Response {
        self.answer_with(headers, action, as_page, None).await
    }

    /// The same; `secret` is that of the session that begins.
    async fn answer_with(
        &self,
        headers: &HeaderMap,
        action: Action,
        as_page: bool,
        secret: Option<SessionId>,
    ) -> Response {
        let is_change = action != Action::Look;
        let wants_page = as_page || wants_html(headers);
        let asked = self.ask(self.read(headers), action).await;
        let (shown, set) = asked.unwrap_or((Answer::Unavailable, Vec::new()));
        let fields = set.iter().map(|cookie| self.field(cookie, secret));
        let set = match fields.collect::<Result<Vec<_>, _>>() {
            Ok(set) => set,
            Err(none) => return not_sealed(&none, wants_page),
        };
        let keys = match (&shown, &self.till) {
            (Answer::Cart(session), Some(_)) if wants_page => buying::keys(headers, session),
            _ => BTreeMap::new(),
        };
        let mut response = match (wants_page, is_change) {
            // A form was sent: the page that it came from, once more.
            (true, true) if !matches!(shown, Answer::Unavailable | Answer::Full) => {
                (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response()
            }
            (true, _) => (status(&shown), Html(html(&shown, &keys))).into_response(),
            (false, _) => as_json(&shown),
        };
        let fields = response.headers_mut();
        fields.insert(header::CACHE_CONTROL, NO_STORE);
        for cookie in set {
            fields.append(header::SET_COOKIE, cookie);
        }
        for (item, key) in &keys {
            fields.append(header::SET_COOKIE, cookies::order(&item.0, Some(key)));
        }
        response
    }

    /// `None`: the node did not answer in time, or has too many requests.
    pub(super) async fn ask(
        &self,
        cookies: Cookies,
        action: Action,
    ) -> Option<(Answer, Vec<SetCookie>)> {
        let mut is_linked = self.is_linked.subscribe();
        // After that, the node itself says that its store is not there.
        let _ = tokio::time::timeout(LINKING, is_linked.wait_for(|is_linked| *is_linked)).await;
        self.ask_now(cookies, action).await
    }

    async fn ask_now(&self, cookies: Cookies, action: Action) -> Option<(Answer, Vec<SetCookie>)> {
        let mut client = self.pool.take().ok()?;
        // A connection has one request at a time, and the balancer has dealt with the address.
        let (number, address) = (0, Address(0));
        let request = Msg::Request { number, address, cookies, action };
        client.send(request).await.ok()?;
        match tokio::time::timeout(PATIENCE, client.recv()).await {
            Ok(Some(Msg::Response { answer, set, .. })) => {
                client.answered();
                Some((answer, set))
            }
            _ => None,
        }
    }
}

/// The session does not fit into a cookie, or cannot be sealed; it stays as it was.
fn not_sealed(none: &NotSealed, wants_page: bool) -> Response {
    let status = match none {
        NotSealed::TooLong(_) => StatusCode::CONFLICT,
        NotSealed::NoRandom => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = match wants_page {
        true => (status, Html(refused(&none.to_string()))).into_response(),
        false => refuse(status, &none.to_string()),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    response
}

/// The status of a page: the sign-in page is a page like any other.
fn status(shown: &Answer) -> StatusCode {
    match shown {
        Answer::Full => StatusCode::CONFLICT,
        Answer::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Answer::SignedIn | Answer::SignedOut | Answer::Cart(_) | Answer::SignInPage => {
            StatusCode::OK
        }
    }
}

pub(super) fn wants_html(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

pub(super) fn as_json(shown: &Answer) -> Response {
    match shown {
        Answer::SignedIn => answer(StatusCode::OK, &json!({ "outcome": "signed in" })),
        Answer::SignedOut => answer(StatusCode::OK, &json!({ "outcome": "signed out" })),
        Answer::Full => {
            let say = format!("a cart holds {CART} different things");
            answer(StatusCode::CONFLICT, &json!({ "outcome": "the cart is full", "say": say }))
        }
        Answer::Cart(Session { user, cart, .. }) => {
            answer(StatusCode::OK, &json!({ "user": user, "cart": cart }))
        }
        Answer::SignInPage => {
            let say = "sign in first: POST /sign-in?user=alice";
            answer(StatusCode::UNAUTHORIZED, &json!({ "outcome": "please sign in", "say": say }))
        }
        Answer::Unavailable => {
            let say = "the session store does not answer; ask again, you are still signed in";
            let body = json!({ "outcome": "unavailable", "say": say });
            let later = [(header::RETRY_AFTER, "1")];
            (later, answer(StatusCode::SERVICE_UNAVAILABLE, &body)).into_response()
        }
    }
}
