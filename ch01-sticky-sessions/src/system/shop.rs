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
//! | `GET /` | the same as a page for a browser |
//!
//! What is asked in a browser is answered by a page, and all else by JSON.

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
use serde_json::{Value, json};

use super::cookies;
use super::till::Till;
use crate::shop::Shop;
use crate::types::{
    Action, Address, Answer, CART, Cookies, Item, Msg, Session, SessionId, SetCookie, User,
};

/// A web process waits for its store a while; then it says so.
const PATIENCE: Duration = Duration::from_secs(2);
/// No name is longer.
const LONGEST: usize = 40;
/// Which web process answered.
const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");

#[derive(Clone)]
struct Pages {
    pool: ClientPool<Shop>,
    till: Option<Arc<Till>>,
}

/// The pages of the web process of this name.
///
/// # Panics
/// If the name is no field value.
pub(super) fn router(pool: ClientPool<Shop>, name: &str, till: Option<Till>) -> Router {
    let name = HeaderValue::from_str(name).expect("the name of a role");
    let sign = move |mut response: Response| {
        response.headers_mut().insert(SERVED_BY, name.clone());
        std::future::ready(response)
    };
    let buying = match &till {
        Some(_) => Router::new().route("/buy", post(buy)),
        None => Router::new(),
    };
    buying
        .route("/", get(page))
        .route("/cart", get(cart).post(add))
        .route("/sign-in", post(sign_in))
        .route("/sign-out", post(sign_out))
        .layer(map_response(sign))
        .with_state(Pages { pool, till: till.map(Arc::new) })
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    item: String,
    key: Option<String>,
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
    let Some(fresh) = random() else {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "no random numbers; try again");
    };
    let fresh = SessionId(fresh);
    pages.answer(&headers, Action::SignIn { user: User::new(&user), fresh }, false).await
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

/// 128 bits that nobody can guess.
fn random() -> Option<u128> {
    let mut fresh = [0; 16];
    getrandom::fill(&mut fresh).ok()?;
    Some(u128::from_le_bytes(fresh))
}

/// Who is signed in buys what is in the cart. A browser sends the key that its page came with, so a button
/// that is pressed twice buys once.
async fn buy(
    State(pages): State<Pages>,
    headers: HeaderMap,
    order: Result<Query<Order>, QueryRejection>,
) -> Response {
    let order = order.ok().and_then(|Query(Order { item, key })| {
        let key = key.map_or_else(|| random().map(|key| format!("{key:032x}")), checked)?;
        Some((checked(item)?, key))
    });
    let Some((item, key)) = order else { return bad("POST /buy?item=umbrella") };
    let look = pages.ask(cookies::read(&headers), Action::Look).await;
    let session = match look.map(|(shown, _)| shown) {
        Some(Answer::Cart(session)) => session,
        other => return as_json(&other.unwrap_or(Answer::Unavailable)),
    };
    if !session.cart.contains(&Item::new(&item)) {
        let why = format!("there is no {item} in the cart: POST /cart?item={item}");
        return refuse(StatusCode::CONFLICT, &why);
    }
    let till = pages.till.as_ref().expect("there is a page to buy only with a till");
    let (status, said) = till.buy(&key, &item, &session.user.0).await;
    if wants_html(&headers) {
        (status, Html(receipt(&item, &key, &said))).into_response()
    } else {
        answer(status, &said)
    }
}

/// A name of a user or an item: letters, digits, hyphens.
fn checked(name: String) -> Option<String> {
    let is_good = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_good = !name.is_empty() && name.len() <= LONGEST && name.chars().all(is_good);
    is_good.then_some(name)
}

fn bad(example: &str) -> Response {
    let why = format!("write {example}, with 1 to {LONGEST} letters, digits or hyphens");
    refuse(StatusCode::BAD_REQUEST, &why)
}

impl Pages {
    async fn answer(&self, headers: &HeaderMap, action: Action, as_page: bool) -> Response {
        let is_change = action != Action::Look;
        let wants_page = as_page || wants_html(headers);
        let asked = self.ask(cookies::read(headers), action).await;
        let (shown, set) = asked.unwrap_or((Answer::Unavailable, Vec::new()));
        let mut response = match (wants_page, is_change) {
            // A form was sent: the page that it came from, once more.
            (true, true) if !matches!(shown, Answer::Unavailable | Answer::Full) => {
                (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response()
            }
            (true, _) => (status(&shown), Html(html(&shown, self.till.is_some()))).into_response(),
            (false, _) => as_json(&shown),
        };
        let fields = response.headers_mut();
        // A page of one user must not be given to another one.
        fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for cookie in &set {
            fields.append(header::SET_COOKIE, cookies::field(cookie));
        }
        response
    }

    /// `None`: the node did not answer in time, or has too many requests.
    async fn ask(&self, cookies: Cookies, action: Action) -> Option<(Answer, Vec<SetCookie>)> {
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

fn wants_html(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

fn as_json(shown: &Answer) -> Response {
    match shown {
        Answer::SignedIn => answer(StatusCode::OK, &json!({ "outcome": "signed in" })),
        Answer::SignedOut => answer(StatusCode::OK, &json!({ "outcome": "signed out" })),
        Answer::Full => {
            let say = format!("a cart holds {CART} different things");
            answer(StatusCode::CONFLICT, &json!({ "outcome": "the cart is full", "say": say }))
        }
        Answer::Cart(Session { user, cart }) => {
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

fn button(action: &str, text: &str) -> String {
    format!("<form method=\"post\" action=\"{action}\"><button>{text}</button></form>")
}

/// All names were [`checked`], so nothing has to be escaped.
fn html(shown: &Answer, has_till: bool) -> String {
    let body = match shown {
        Answer::Cart(Session { user, cart }) => {
            let buy = |item: &Item| match random().filter(|_| has_till) {
                Some(key) => button(&format!("/buy?item={item}&amp;key={key:032x}"), "buy"),
                None => String::new(),
            };
            let items: String =
                cart.iter().map(|item| format!("<li>{item} {}</li>", buy(item))).collect();
            let goods = ["umbrella", "boots", "candle"];
            let add: String = goods
                .into_iter()
                .map(|item| button(&format!("/cart?item={item}"), &format!("add {item}")))
                .collect();
            let out = button("/sign-out", "sign out");
            format!("<p>Welcome, {user}. Your cart:</p><ul>{items}</ul>{add}{out}")
        }
        Answer::Full => format!("<p>A cart holds {CART} different things; yours is full.</p>"),
        Answer::Unavailable => "<p>Not now; please try again in a moment.</p>".into(),
        Answer::SignInPage | Answer::SignedIn | Answer::SignedOut => {
            let users = ["alice", "bob"];
            let sign_in = users.into_iter().map(|user| {
                button(&format!("/sign-in?user={user}"), &format!("sign in as {user}"))
            });
            format!("<p>Please sign in.</p>{}", sign_in.collect::<String>())
        }
    };
    framed(&body)
}

/// What became of an order, and how to ask again.
fn receipt(item: &str, key: &str, said: &Value) -> String {
    let text = match said["outcome"].as_str() {
        Some("done") => format!("<p>The {item} is yours.</p>"),
        Some("declined") => {
            format!("<p>Nothing was bought: the {item} or your coins are used up.</p>")
        }
        _ => {
            let again = button(&format!("/buy?item={item}&amp;key={key}"), "ask again");
            format!("<p>It is not known yet whether the {item} is yours. {again}</p>")
        }
    };
    framed(&format!("{text}<p><a href=\"/\">Back to the cart</a></p>"))
}

fn framed(body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>The shop</title>\
         <style>:root{{color-scheme:light dark}}body{{font:18px/1.5 system-ui;margin:2rem auto;\
         max-width:32rem;padding:0 1rem}}form{{display:inline-block;margin:.25rem}}</style>\
         <h1>The shop</h1>{body}</html>"
    )
}
