//! Search, a scatter of what was found, and a list of it.

use std::fmt::Write as _;

use axum::extract::{Query as UrlQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::super::api::{Pairs, off_the_threads_that_serve};
use super::super::collector::Shared;
use super::super::{now, query};
use super::html::{Text, date, page, service, took};
use crate::store::{Found, Store, Summary};

pub(super) async fn show(State(shared): State<Shared>, UrlQuery(pairs): Pairs) -> Response {
    off_the_threads_that_serve(move || answer(&shared.store, &pairs)).await
}

fn answer(store: &Store, pairs: &[(String, String)]) -> Response {
    let field =
        |name: &str| pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
    let names = Names {
        services: store.services().into_iter().collect(),
        operations: store.operations(field("service")).into_iter().collect(),
    };
    let mut content = form(&field, &names);
    let status = match query::parse(pairs, now()) {
        Err(why) => {
            let _ =
                write!(content, "<p class=\"alarm\" role=\"alert\">{}</p>", Text(&why.to_string()));
            StatusCode::BAD_REQUEST
        }
        Ok(query) => {
            content.push_str(&results(&store.search(&query), store.spans()));
            StatusCode::OK
        }
    };
    page(status, "Traces", &content)
}

/// What a browser offers while one types.
struct Names {
    services: Vec<String>,
    operations: Vec<String>,
}

fn form<'a>(field: &dyn Fn(&str) -> &'a str, names: &Names) -> String {
    let input = |name: &str, label: &str, hint: &str, more: &str| {
        format!(
            "<label>{label}<input name=\"{name}\" value=\"{}\" placeholder=\"{hint}\" {more}></label>",
            Text(field(name))
        )
    };
    let list = |id: &str, names: &[String]| {
        // A browser shows no more than these anyway.
        let options =
            names.iter().take(500).map(|name| format!("<option value=\"{}\">", Text(name)));
        format!("<datalist id=\"{id}\">{}</datalist>", options.collect::<String>())
    };
    let checked = if matches!(field("error"), "" | "false") { "" } else { " checked" };
    [
        "<h1>Traces</h1><form class=\"search\" action=\"/\">".to_owned(),
        input("service", "Service", "any", "list=\"services\""),
        input("operation", "Operation", "any", "list=\"operations\""),
        input("tag", "Attribute", "order=2.1", ""),
        input("min", "At least", "10ms", "size=\"6\""),
        input("max", "At most", "2s", "size=\"6\""),
        input("since", "In the last", "1h", "size=\"6\""),
        input("limit", "How many", "50", "size=\"4\" inputmode=\"numeric\""),
        format!(
            "<label class=\"check\"><input type=\"checkbox\" name=\"error\" value=\"true\"{checked}> \
             with errors</label><button>Search</button></form>"
        ),
        "<form class=\"search\" action=\"/trace\"><label class=\"wide\">Trace id<input name=\"id\" \
         placeholder=\"32 hex digits\" required pattern=\"[0-9a-fA-F]{1,32}\"></label>\
         <button>Open</button></form>"
            .to_owned(),
        list("services", &names.services),
        list("operations", &names.operations),
    ]
    .concat()
}

fn results(found: &Found, spans: u64) -> String {
    let early = if found.stopped_early {
        "<p class=\"wait\">Older traces were not looked at: to find an attribute, spans have to be read. \
         Ask for a service as well.</p>"
    } else {
        ""
    };
    if found.traces.is_empty() {
        let why = if spans == 0 {
            "No span has arrived yet. Send some by OTLP over HTTP to <code>/v1/traces</code> at this address."
        } else {
            "No trace is like that. A trace is found if <em>one</em> of its spans is all that is asked for."
        };
        return format!("{early}<p>{why}</p>");
    }
    let longest = found.traces.iter().map(|trace| trace.duration).max().unwrap_or(0);
    let rows: String = found.traces.iter().map(|trace| row(trace, longest)).collect();
    format!(
        "{early}{}<p class=\"muted\">{} traces, the newest first; {spans} spans are stored.</p>\
         <div class=\"rows\">{rows}</div>",
        scatter(&found.traces),
        found.traces.len()
    )
}

fn row(trace: &Summary, longest: u64) -> String {
    let start = trace.start.parse().unwrap_or(0);
    let width = share(trace.duration, 0, longest);
    let services = trace.services.iter().take(12);
    let services: String =
        services.map(|(name, spans)| format!("{} {spans} ", service(name))).collect();
    let count = |count: usize, what: &str| match count {
        0 => String::new(),
        1 => format!(" <b class=\"alarm\">1 {what}</b>"),
        _ => format!(" <b class=\"alarm\">{count} {what}s</b>"),
    };
    format!(
        "<a class=\"row\" href=\"/trace/{}\"><span class=\"bar\" style=\"width:{width:.2}%\"></span>\
         <span class=\"took\">{}</span><span class=\"what\">{} {}</span>\
         <span class=\"more\">{} spans{}{} · {services}</span><time>{}</time></a>",
        trace.trace_id,
        took(trace.duration),
        service(&trace.service),
        Text(&trace.name),
        trace.spans,
        count(trace.errors, "error"),
        count(trace.missing, "missing parent"),
        date(start),
    )
}

/// When each trace began, and how long it took: one dot each.
fn scatter(traces: &[Summary]) -> String {
    let start = |trace: &Summary| trace.start.parse::<u64>().unwrap_or(0);
    let first = traces.iter().map(start).min().unwrap_or(0);
    let last = traces.iter().map(start).max().unwrap_or(0);
    // Whole powers of ten around what there is, at least one of them.
    let power = |ns: u64| ns.max(1).ilog10();
    let low = traces.iter().map(|trace| power(trace.duration)).min().unwrap_or(0);
    let high = traces.iter().map(|trace| power(trace.duration)).max().unwrap_or(0) + 1;
    let height = |ns: u64| {
        let log = (ns.max(1) as f64).log10();
        100.0 * (log - f64::from(low)) / f64::from(high - low)
    };
    let mut plot = String::from(
        "<figure><figcaption>How long each trace took (log scale), by when it began</figcaption>\
         <div class=\"scatter\">",
    );
    for power in low..=high {
        let ns = 10u64.saturating_pow(power);
        let at = height(ns);
        let _ =
            write!(plot, "<i class=\"tick\" style=\"bottom:{at:.2}%\"><b>{}</b></i>", round(ns));
    }
    for trace in traces {
        let (x, y) = (share(start(trace), first, last), height(trace.duration));
        let is_bad = trace.errors > 0;
        let (class, sign) = if is_bad { (" bad", "✕") } else { ("", "●") };
        let title = format!("{}: {}, {}", trace.service, trace.name, took(trace.duration));
        let _ = write!(
            plot,
            "<a class=\"dot{class}\" tabindex=\"-1\" href=\"/trace/{}\" title=\"{}\" \
             style=\"left:{x:.2}%;bottom:{y:.2}%\">{sign}</a>",
            trace.trace_id,
            Text(&title)
        );
    }
    let _ = write!(
        plot,
        "</div><p class=\"axis muted\"><span>{}</span><span>{}</span></p></figure>",
        date(first),
        date(last)
    );
    plot
}

/// A power of ten in ns.
fn round(ns: u64) -> String {
    let text = took(ns);
    let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
    format!("{} {unit}", number.split('.').next().unwrap_or(number))
}

/// In percent.
fn share(value: u64, from: u64, to: u64) -> f64 {
    100.0 * (value - from) as f64 / (to - from).max(1) as f64
}
