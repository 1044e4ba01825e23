//! Edge: makes it survive the real world. The lesson is in `step1_round_robin.rs`.
//!
//! What a browser shows: the pages of the shop as HTML. They work without scripts.
//!
//! # Left out
//!
//! Templates: there are a few lines of text.

use std::collections::BTreeMap;

use super::shop::GOODS;
use crate::types::{Answer, CART, Item, Session};

/// A button that changes something.
pub(super) fn button(action: &str, text: &str) -> String {
    format!("<form method=\"post\" action=\"{action}\"><button>{text}</button></form>")
}

/// All names were [`super::shop::checked`], so nothing has to be escaped.
pub(super) fn html(shown: &Answer, keys: &BTreeMap<Item, String>) -> String {
    let body = match shown {
        Answer::Cart(Session { user, cart, .. }) => {
            let buy = |item: &Item| {
                let key = keys.get(item);
                key.map(|key| button(&format!("/buy?item={item}&amp;key={key}"), "buy"))
            };
            let line = |item: &Item| format!("<li>{item} {}</li>", buy(item).unwrap_or_default());
            let items: String = cart.iter().map(line).collect();
            let add: String = GOODS
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

/// A page with this in it.
pub(super) fn framed(body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>The shop</title>\
         <style>:root{{color-scheme:light dark}}body{{font:18px/1.5 system-ui;margin:2rem auto;\
         max-width:32rem;padding:0 1rem}}form{{display:inline-block;margin:.25rem}}</style>\
         <h1>The shop</h1>{body}</html>"
    )
}

/// Why nothing was changed; it is our own text.
pub(super) fn refused(why: &str) -> String {
    framed(&format!("<p>{why}.</p><p><a href=\"/\">Back to the cart</a></p>"))
}
