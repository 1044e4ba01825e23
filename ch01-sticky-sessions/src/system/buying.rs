//! Edge: makes it survive the real world. The lesson is in chapter 2.
//!
//! `POST /buy`: who is signed in buys what is in the cart.
//!
//! An order has a key, and is done at most once for each key. Until it has an end, its key is in a cookie of
//! the browser: pressed twice, asked again after *pending*, or after a page that never came, it is the same
//! order.
//!
//! # Left out
//!
//! Asking the session store: a copy of the session will do, so for a few seconds after a sign-out elsewhere
//! a copied cookie may still buy.

use std::collections::BTreeMap;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use lab::http::{answer, refuse};
use lab::view::svg::escape;
use serde::Deserialize;
use serde_json::Value;

use super::cookies;
use super::html::{button, framed};
use super::shop::{GOODS, Pages, as_json, bad, checked, random, wants_html};
use crate::types::{Action, Answer, Item, Session};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    item: String,
    key: Option<String>,
}

/// The key that an order for each thing in the cart has from now on: that of an order without an end, or a
/// new one.
pub(super) fn keys(headers: &HeaderMap, session: &Session) -> BTreeMap<Item, String> {
    let sold = session.cart.iter().filter(|item| GOODS.contains(&&*item.0));
    let key = |item: &Item| Some((item.clone(), key(headers, &item.0)?));
    sold.filter_map(key).collect()
}

fn key(headers: &HeaderMap, item: &str) -> Option<String> {
    let open = cookies::open_order(headers, item).and_then(checked);
    open.or_else(|| random().map(|key| format!("{key:032x}")))
}

/// Buys one thing.
pub(super) async fn buy(
    State(pages): State<Pages>,
    headers: HeaderMap,
    order: Result<Query<Order>, QueryRejection>,
) -> Response {
    let order = order.ok().and_then(|Query(Order { item, key: given })| {
        let item = checked(item)?;
        let key = given.map_or_else(|| key(&headers, &item), checked)?;
        Some((item, key))
    });
    let Some((item, key)) = order else { return bad("POST /buy?item=umbrella") };
    let look = pages.ask(pages.read(&headers), Action::Look).await;
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
    let is_open = matches!(status, StatusCode::ACCEPTED | StatusCode::SERVICE_UNAVAILABLE);
    let mut response = match wants_html(&headers) {
        true => (status, Html(receipt(&item, is_open.then_some(&*key), &said))).into_response(),
        false => answer(status, &said),
    };
    let fields = response.headers_mut();
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.append(header::SET_COOKIE, cookies::order(&item, is_open.then_some(&*key)));
    response
}

/// What became of an order, and how to ask again if it is open.
fn receipt(item: &str, open: Option<&str>, said: &Value) -> String {
    let text = match open {
        Some(key) => {
            let again = button(&format!("/buy?item={item}&amp;key={key}"), "ask again");
            format!("It is not known yet whether the {item} is yours. {again}")
        }
        None if said["outcome"] == "done" => format!("The {item} is yours."),
        None => {
            let why = [&said["why"], &said["error"]].into_iter().find_map(Value::as_str);
            format!("Nothing was bought: {}", escape(why.unwrap_or("the order was refused")))
        }
    };
    framed(&format!("<p>{text}</p><p><a href=\"/\">Back to the cart</a></p>"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::types::User;

    fn with(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, cookie.parse().expect("a field"))])
    }

    #[test]
    fn an_order_without_an_end_keeps_its_key_and_others_get_new_ones() {
        let mut session = Session::new(User::new("alice"));
        for item in ["candle", "boots", "teapot"] {
            assert!(session.add(Item::new(item)));
        }
        let keys = keys(&with("order-candle=0af7"), &session);
        assert_eq!(keys[&Item::new("candle")], "0af7");
        assert_eq!(keys[&Item::new("boots")].len(), 32);
        assert!(!keys.contains_key(&Item::new("teapot")), "the shop does not sell it");
        assert_ne!(key(&with("a=b"), "boots"), key(&with("a=b"), "boots"));
        let bad = key(&with("order-boots=<b>"), "boots").expect("random numbers");
        assert_eq!(bad.len(), 32, "what is no key of ours is none");
    }

    #[test]
    fn a_receipt_says_why_and_asks_again_only_while_the_order_is_open() {
        let declined = json!({ "outcome": "declined", "why": "no <b>candle</b> is left" });
        let page = receipt("candle", None, &declined);
        assert!(page.contains("no &lt;b&gt;candle") && !page.contains("ask again"), "{page}");
        let unsold = receipt("teapot", None, &json!({ "error": "it is not sold here" }));
        assert!(unsold.contains("it is not sold here"), "{unsold}");
        let pending = receipt("candle", Some("k1"), &json!({ "outcome": "pending" }));
        assert!(pending.contains("key=k1"), "{pending}");
    }
}
