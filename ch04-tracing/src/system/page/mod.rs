//! Spans are found, as pages: HTML from here, one stylesheet, one script in two files, nothing from anywhere else.
//!
//! Without JavaScript the list works as it is, and a trace is a table of its first spans. The script draws a
//! trace as a waterfall.
//!
//! | file | what it is |
//! |---|---|
//! | `html.rs` | what all pages share |
//! | `list.rs` | search, scatter, list of traces |
//! | `trace.rs` | one trace |
//! | `graph.rs` | who calls whom |
//! | `compare.rs` | a trace beside another one, or beside what is usual |
//! | `waterfall.js`, `tree.js`, `style.css` | what the browser does with it |

mod compare;
mod graph;
mod html;
mod list;
mod trace;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::api;
use super::collector::Shared;
use crate::store::Summary;
use crate::types::TraceId;

const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(super) fn routes() -> Router<Shared> {
    let file = |kind: &'static str, text: &'static str| move || async move { typed(kind, text) };
    Router::new()
        .route("/", get(list::show))
        .route("/trace", get(trace::go))
        .route("/trace/{id}", get(trace::show))
        .route("/graph", get(graph::show))
        .route("/compare", get(compare::show))
        .route("/style.css", get(file("text/css; charset=utf-8", include_str!("style.css"))))
        .route("/waterfall.js", get(file(SCRIPT, include_str!("waterfall.js"))))
        .route("/tree.js", get(file(SCRIPT, include_str!("tree.js"))))
}

/// Pages that look at several traces read so many spans.
const SPANS: usize = 20_000;

/// The traces that are read: the first one however long it is, and of the others those that still fit.
fn that_fit(found: impl Iterator<Item = Summary>) -> impl Iterator<Item = TraceId> {
    let mut spans = 0;
    let fits = move |found: &Summary| {
        let all = spans + found.spans;
        let fits = spans == 0 || all <= SPANS;
        spans = if fits { all } else { spans };
        fits
    };
    found.filter(fits).filter_map(|found| api::trace_id(&found.trace_id))
}

fn typed(kind: &'static str, text: impl IntoResponse) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // Names in spans come from outside. Should one ever get into a page unescaped, it still cannot act.
    let policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                  connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_newest_trace_is_read_however_long_it_is_and_others_if_they_fit() {
        let found = |lengths: &[usize]| {
            let one = |(id, spans): (u128, &usize)| Summary {
                trace_id: TraceId(id).to_string(),
                service: "web".into(),
                name: "work".into(),
                start: "0".into(),
                duration: 0,
                spans: *spans,
                errors: 0,
                missing: 0,
                services: BTreeMap::new(),
            };
            that_fit((0..).zip(lengths).map(one)).map(|id| id.0).collect::<Vec<_>>()
        };
        assert_eq!(found(&[SPANS + 1, 1, 5]), [0]);
        assert_eq!(found(&[SPANS - 6, 7, 5, 1]), [0, 2, 3]);
        assert_eq!(found(&[]), []);
    }
}
