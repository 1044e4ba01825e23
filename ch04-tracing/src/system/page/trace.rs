//! One trace. What is here works without JavaScript; the script takes the place of the table.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::super::api::{self, Analysis};
use super::super::collector::Shared;
use super::html::{Text, class, date, page, service, sorry, took};
use crate::analysis::clocks::{Clock, Contradiction, Interval};
use crate::analysis::critical_path::Step;
use crate::store::Shown;
use crate::types::{Span, SpanId};

/// As many spans are in the table.
const ROWS: usize = 500;
/// As many steps of the critical path are listed.
const WAITS: usize = 20;

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
    let Analysis { path, clocks } = Analysis::of(spans);
    format!(
        "<h1>{title}</h1><p class=\"facts\"><b>{}</b> · {} spans · {} · <code>{id}</code></p>{more}\
         <p class=\"legend\">{legend}</p>{}\
         <p class=\"muted\">Times in tables are raw: what the clock of each process said. Clocks differ, so a \
         span may seem to begin before the one that caused it. <a href=\"/api/traces/{id}\">As JSON</a> · \
         <a href=\"/api/traces/{id}/perfetto\" download=\"{id}.json\">For Perfetto</a> · \
         <a href=\"/compare?a={id}\">Compare with what is usual</a></p>{}{}\
         <section id=\"waterfall\" data-trace=\"{id}\" hidden></section>\
         <div id=\"plain\">{}</div>\
         <script type=\"application/json\" id=\"classes\">{classes}</script>\
         <script type=\"module\" src=\"/waterfall.js\"></script>",
        took(end - start),
        spans.len(),
        date(start),
        missing(spans),
        waits(spans, &path),
        offsets(clocks),
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

/// What the request waited for, by how long.
fn waits(spans: &[Span], path: &[Step]) -> String {
    // Durations from outside: their sum may be longer than any of them can be.
    let whole: u128 = path.iter().map(|step| u128::from(step.own)).sum();
    let mut longest = path.to_vec();
    longest.sort_by_key(|step| Reverse(step.own));
    let mut rows = String::new();
    for step in longest.iter().filter(|step| step.own > 0).take(WAITS) {
        let span = &spans[step.span];
        let _ = write!(
            rows,
            "<tr><td>{}<td>{} %<td>{}<td>{}<td>{}",
            took(step.own),
            u128::from(step.own) * 100 / whole.max(1),
            service(&span.service),
            Text(&span.name),
            api::kind(span.kind),
        );
    }
    format!(
        "<details><summary>Critical path: the request waited for {} of {} spans</summary>\
         <p>Of a call, the time on the way counts. Where a process does not record what it waits for, the \
         child that ended last is taken.</p><table><thead><tr><th>waited<th>share<th>service<th>what<th>kind\
         </thead><tbody>{rows}</tbody></table></details>",
        path.len(),
        spans.len()
    )
}

/// How far the clocks may be apart.
fn offsets(clocks: Result<BTreeMap<Clock<'_>, Interval>, Contradiction>) -> String {
    let clocks = match clocks {
        Ok(clocks) if clocks.len() < 2 => return String::new(),
        Ok(clocks) => clocks,
        Err(why) => return format!("<p class=\"alarm\">Clocks: {why}.</p>"),
    };
    let mut rows = String::new();
    for (Clock { service: name, instance }, clock) in clocks.iter().take(ROWS) {
        let bound = |bound: Option<i128>| bound.map_or_else(|| "not known".into(), signed);
        let _ = write!(
            rows,
            "<tr><td>{} {}<td>{}<td>{}<td>{}",
            service(name),
            Text(instance.unwrap_or_default()),
            bound(clock.low),
            bound(clock.high),
            signed(clock.middle())
        );
    }
    format!(
        "<details><summary>Clocks: what has to be added to their times</summary><p>To get the times of the \
         first span. Each call gives two bounds: it was served after it was sent, and before it was answered. \
         Two events are in an order that is known only if the bounds allow no other.</p><table><thead><tr>\
         <th>service<th>at least<th>at most<th>drawn with</thead><tbody>{rows}</tbody></table></details>"
    )
}

fn signed(ns: i128) -> String {
    let size = u64::try_from(ns.unsigned_abs()).unwrap_or(u64::MAX);
    format!("{}{}", if ns < 0 { "−" } else { "+" }, took(size))
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
