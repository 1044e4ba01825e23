//! Who calls whom, in the newest traces.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use axum::extract::{Query as UrlQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::api::{self, Pairs};
use super::super::collector::Shared;
use super::super::{now, query};
use super::html::{page, service, sorry};
use super::that_fit;
use crate::analysis::Tree;
use crate::analysis::graph::{Edge, Node, graph};
use crate::store::{Query, Store};
use crate::types::Span;

pub(super) async fn show(State(shared): State<Shared>, UrlQuery(pairs): Pairs) -> Response {
    match query::parse(&pairs, now()) {
        Ok(query) => {
            let answer =
                move |store: &Store| page(StatusCode::OK, "Services", &content(store, &query));
            api::reading(shared, answer).await
        }
        Err(why) => sorry(StatusCode::BAD_REQUEST, &why.to_string()),
    }
}

fn content(store: &Store, query: &Query) -> String {
    let found = store.search(query).traces;
    let in_all = found.len();
    let ids: Vec<_> = that_fit(found.into_iter()).collect();
    let (traces, left_out) = (ids.len(), in_all - ids.len());
    let spans: Vec<Span> = ids.into_iter().flat_map(|id| store.trace(id).spans).collect();
    let tree = Tree::new(&spans);
    // Each counts once, also where a sampler kept one of many: no weight is read from the trace state.
    let edges = graph(&tree, |_| 1);
    let seen: BTreeSet<&str> = spans.iter().map(|span| span.service.as_str()).collect();
    let most = edges.values().map(|edge| edge.calls).max().unwrap_or(1);
    let mut rows = String::new();
    for ((from, to), Edge { calls, one_sided, failed }) in &edges {
        let width = 100.0 * *calls as f64 / most as f64;
        let _ = write!(
            rows,
            "<tr><td>{}<td>{}<td>{calls}<td>{failed}<td>{one_sided}\
             <td class=\"bar\"><i style=\"width:{width:.1}%\"></i>",
            node(*from, &seen),
            node(*to, &seen),
        );
    }
    if edges.is_empty() {
        rows.push_str("<tr><td colspan=\"6\">No call between services is stored.");
    }
    let left_out = match left_out {
        0 => String::new(),
        _ => format!("{left_out} more would be too many spans at once, and are left out. "),
    };
    format!(
        "<h1>Services</h1><p>Who calls whom, in the newest {traces} traces. {left_out}\
         <em>One side</em>: only the caller's or only the callee's span arrived. A service in brackets made \
         no span in these traces; others name it.</p>\
         <div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>caller<th>callee<th>calls<th>failed\
         <th>one side<th></thead><tbody>{rows}</tbody></table></div>\
         <p class=\"muted\">All parameters of a search work here too: \
         <code>/graph?service=coord&amp;since=1h&amp;limit=200</code></p>"
    )
}

fn node(node: Node<'_>, seen: &BTreeSet<&str>) -> String {
    match node {
        Node::Named(name) if seen.contains(name) => service(name),
        Node::Named(name) => format!("({})", service(name)),
        Node::Unknown => "(unknown)".into(),
    }
}
