//! One trace. What is here works without JavaScript; the script takes the place of the table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::super::api;
use super::super::collector::Shared;
use super::html::{Text, class, date, page, service, sorry, took};
use crate::store::Shown;
use crate::types::{Span, SpanId};

/// As many spans are in the table.
const ROWS: usize = 500;

#[derive(Deserialize)]
pub(super) struct Wanted {
    id: String,
}

/// Opens the trace with an id that was typed.
pub(super) async fn go(Query(Wanted { id }): Query<Wanted>) -> Response {
    let id: String = id.chars().filter(char::is_ascii_hexdigit).take(32).collect();
    Redirect::to(&format!("/trace/{id:0>32}")).into_response()
}

pub(super) async fn show(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    let answer = |found: api::Found| match found {
        Ok(shown) => page(StatusCode::OK, "Trace", &content(&shown)),
        Err((status, why)) => sorry(status, &why),
    };
    api::read(shared, id, answer).await
}

fn content(Shown { spans, more }: &Shown) -> String {
    let start = spans.iter().map(|span| span.start).min().unwrap_or(0);
    let end = spans.iter().map(|span| span.end).max().unwrap_or(0);
    let first = spans.iter().min_by_key(|span| (span.parent.is_some(), span.start));
    let title = first.map_or_else(String::new, |span| {
        format!("{} {}", service(&span.service), Text(&span.name))
    });
    let names: BTreeSet<_> = spans.iter().map(|span| span.service.as_str()).collect();
    let legend: String = names.iter().map(|name| service(name) + " ").collect();
    let classes: BTreeMap<_, _> = names.iter().map(|name| (*name, class(name))).collect();
    let classes = serde_json::to_string(&classes).expect("texts").replace('<', "\\u003c");
    let id = spans.first().map_or_else(String::new, |span| span.trace.to_string());
    let more = match more {
        0 => String::new(),
        _ => format!(
            "<p class=\"alarm\">{more} more spans are stored. The first {} of this trace are shown.</p>",
            spans.len()
        ),
    };
    format!(
        "<h1>{title}</h1><p class=\"facts\"><b>{}</b> · {} spans · {} · <code>{id}</code></p>{more}\
         <p class=\"legend\">{legend}</p>{}\
         <p class=\"muted\">All times are raw: what the clock of each process said. Clocks differ, so a span \
         may seem to begin before the one that caused it. <a href=\"/api/traces/{id}\">As JSON</a></p>\
         <section id=\"waterfall\" data-trace=\"{id}\" hidden></section>\
         <div id=\"plain\">{}</div>\
         <script type=\"application/json\" id=\"classes\">{classes}</script>\
         <script type=\"module\" src=\"/waterfall.js\"></script>",
        took(end - start),
        spans.len(),
        date(start),
        missing(spans),
        table(spans, start),
    )
}

/// Which parents never arrived, and how many spans name each.
fn missing(spans: &[Span]) -> String {
    let ids: BTreeSet<SpanId> = spans.iter().map(|span| span.id).collect();
    let mut orphans = BTreeMap::<SpanId, usize>::new();
    for parent in spans.iter().filter_map(|span| span.parent).filter(|id| !ids.contains(id)) {
        *orphans.entry(parent).or_default() += 1;
    }
    if orphans.is_empty() {
        return String::new();
    }
    let count = match orphans.len() {
        1 => {
            "1 span is missing or more: it is named as a parent, and was never received".to_owned()
        }
        n => format!(
            "{n} spans are missing or more: they are named as a parent, and were never received"
        ),
    };
    let mut text = format!("<details class=\"alarm\"><summary>{count}</summary><ul>");
    for (parent, children) in orphans.iter().take(20) {
        let _ =
            write!(text, "<li><code>{parent}</code>, the parent of {children} that arrived</li>");
    }
    if orphans.len() > 20 {
        let _ = write!(text, "<li>and {} more</li>", orphans.len() - 20);
    }
    text + "</ul></details>"
}

fn table(spans: &[Span], start: u64) -> String {
    let mut rows = String::new();
    for span in spans.iter().take(ROWS) {
        let parent = span.parent.map_or_else(String::new, |parent| parent.to_string());
        let failed = api::error(&span.status)
            .map_or_else(String::new, |why| format!(" <b class=\"alarm\">✕ {}</b>", Text(why)));
        let _ = write!(
            rows,
            "<tr><td>{}<td>{}<td>{}<td>{}{failed}<td>{}<td><code>{}</code><td><code>{parent}</code>",
            took(span.start - start),
            took(span.end - span.start),
            service(&span.service),
            Text(&span.name),
            api::kind(span.kind),
            span.id,
        );
    }
    let rest = spans.len().saturating_sub(ROWS);
    let rest =
        if rest == 0 { String::new() } else { format!("<p>{rest} later spans are not shown.</p>") };
    format!(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>at<th>took<th>service<th>what<th>kind\
         <th>span<th>caused by</thead><tbody>{rows}</tbody></table></div>{rest}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Kind, Status, TraceId};

    #[test]
    fn a_trace_that_is_not_shown_to_its_end_says_so() {
        let span = Span {
            trace: TraceId(1),
            id: SpanId(1),
            parent: None,
            links: vec![],
            service: "web".into(),
            name: "work".into(),
            kind: Kind::Internal,
            start: 0,
            end: 0,
            status: Status::Unset,
            attributes: vec![],
        };
        let mut shown = Shown { spans: vec![span], more: 0 };
        assert!(!content(&shown).contains("more spans"));
        shown.more = 7;
        let text = content(&shown);
        assert!(text.contains("7 more spans are stored. The first 1 of this trace are shown."));
        assert_eq!(serde_json::to_value(api::Trace::new(&shown)).unwrap()["more"], 7);
    }
}
