//! A trace beside another one, or beside what is usual for its endpoint.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::extract::{Query as UrlQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::super::api;
use super::super::collector::Shared;
use super::html::{Text, page, service, sorry, took};
use super::that_fit;
use crate::analysis::Tree;
use crate::analysis::compare::{Change, Difference, Operation, Usual, compare, typical};
use crate::store::{Query, Store};
use crate::types::Span;

/// What is usual is the median of so many traces at most.
const TRACES: usize = 50;

#[derive(Deserialize)]
pub(super) struct Wanted {
    a: String,
    b: Option<String>,
}

pub(super) async fn show(
    State(shared): State<Shared>,
    UrlQuery(wanted): UrlQuery<Wanted>,
) -> Response {
    let answer = move |store: &Store| match content(store, &wanted) {
        Ok(content) => page(StatusCode::OK, "Compare", &content),
        Err((status, why)) => sorry(status, &why),
    };
    api::reading(shared, answer).await
}

fn content(store: &Store, Wanted { a, b }: &Wanted) -> Result<String, (StatusCode, String)> {
    let here = api::find(store, a)?.spans;
    let (others, beside) = match b.as_deref().map(str::trim).filter(|b| !b.is_empty()) {
        Some(b) => {
            let other = api::find(store, b)?.spans;
            let id = other[0].trace;
            (vec![other], format!("the trace <a href=\"/trace/{id}\"><code>{id}</code></a>"))
        }
        None => {
            let others = like(store, &here);
            let beside = format!("the median of {} other traces that begin alike", others.len());
            (others, beside)
        }
    };
    let usual = typical(others.iter().map(Vec::as_slice));
    let found = compare(&typical([here.as_slice()]), &usual);
    let id = here[0].trace;
    let form = format!(
        "<form class=\"search\" action=\"/compare\"><input type=\"hidden\" name=\"a\" value=\"{id}\">\
         <label class=\"wide\">Another trace<input name=\"b\" placeholder=\"32 hex digits\" \
         pattern=\"[0-9a-fA-F]{{1,32}}\"></label><button>Compare</button></form>"
    );
    Ok(format!(
        "<h1>Compare</h1><p>The trace <a href=\"/trace/{id}\"><code>{id}</code></a> beside {beside}. \
         Work that takes less than twice as long, and more than half as long, is not listed.</p>{form}{}",
        table(&found, &usual)
    ))
}

/// Other traces with the same first operation, the newest ones.
fn like(store: &Store, here: &[Span]) -> Vec<Vec<Span>> {
    let Some(root) = Tree::new(here).root().map(|root| &here[root]) else { return Vec::new() };
    let query = Query {
        service: Some(root.service.clone()),
        operation: Some(root.name.clone()),
        limit: TRACES + 1,
        ..Query::default()
    };
    let found = store.search(&query).traces.into_iter();
    let alike = found.filter(|found| (&found.service, &found.name) == (&root.service, &root.name));
    let id = here[0].trace;
    let others = alike.filter(|found| api::trace_id(&found.trace_id) != Some(id));
    that_fit(others).take(TRACES).map(|id| store.trace(id).spans).collect()
}

fn table(found: &[Difference<'_>], usual: &BTreeMap<Operation<'_>, Usual>) -> String {
    if usual.is_empty() {
        return "<p>There is nothing to compare with: no other trace begins like this one.</p>"
            .into();
    }
    if found.is_empty() {
        return "<p>Nothing differs.</p>".into();
    }
    let mut rows = String::new();
    for Difference { operation: (process, name, kind), change, usual, here } in found {
        let change = match change {
            Change::Longer => "longer",
            Change::More => "more often",
            Change::Missing => "missing",
            Change::New => "new",
            Change::Fewer => "less often",
            Change::Shorter => "shorter",
        };
        let _ = write!(
            rows,
            "<tr><td><b>{change}</b><td>{}<td>{}<td>{}<td>{}<td>{}",
            service(process),
            Text(name),
            api::kind(*kind),
            times(*here),
            times(*usual),
        );
    }
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>is<th>service<th>what<th>kind<th>here\
         <th>usual</thead><tbody>{rows}</tbody></table></div>"
    )
}

fn times(usual: Option<Usual>) -> String {
    usual.map_or_else(|| "–".into(), |Usual { count, took: ns }| format!("{count} × {}", took(ns)))
}
