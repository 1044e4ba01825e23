//! A trace in the JSON that Chrome, Perfetto and speedscope open: `GET /api/traces/{id}/perfetto`.
//!
//! The format knows processes and threads, and draws what is on one thread as nested boxes. Spans of one
//! process may overlap without one being inside the other, and then the boxes would be wrong. So each process
//! gets as many *lanes*, written as threads, as it needs for spans that are beside each other.
//!
//! # Left out
//!
//! Arrows from a span to what it caused in another process: `parent` stands in the arguments. Clocks are not
//! corrected.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use lab::http::{answer, refuse};
use serde_json::{Map, Value, json};

use super::api::read;
use super::collector::Shared;
use crate::analysis::clocks::Clock;
use crate::types::{Span, Status};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/traces/{id}/perfetto", get(exported))
}

async fn exported(State(shared): State<Shared>, Path(id): Path<String>) -> Response {
    read(shared, id, |found| match found {
        Ok(shown) => answer(StatusCode::OK, &events(shown.spans, shown.more)),
        Err((status, why)) => refuse(status, &why),
    })
    .await
}

/// The spans of one process: each lane has the ends of the spans that are open on it, the outermost first.
struct Process<'a> {
    clock: Clock<'a>,
    lanes: Vec<Vec<u64>>,
}

impl Process<'_> {
    /// The first lane on which nothing is open, or only spans that end no earlier than this one.
    fn lane(&mut self, span: &Span) -> usize {
        let fits = |lane: &mut Vec<u64>| {
            while lane.last().is_some_and(|end| *end <= span.start) {
                lane.pop();
            }
            lane.last().is_none_or(|end| *end >= span.end)
        };
        let at = self.lanes.iter_mut().position(fits).unwrap_or(self.lanes.len());
        if at == self.lanes.len() {
            self.lanes.push(Vec::new());
        }
        self.lanes[at].push(span.end);
        at
    }
}

/// Times count from the first begin: a number of JSON is too short for ns since 1970. Viewers take process and
/// thread 0 for something else, so both are counted from 1.
fn events(mut spans: Vec<Span>, left_out: usize) -> Value {
    spans.sort_by_key(|span| (span.start, u64::MAX - span.end));
    let first = spans.first().map_or(0, |span| span.start);
    let (mut processes, mut events) = (Vec::<Process>::new(), Vec::new());
    for span in &spans {
        let clock = Clock::of(span);
        let known = processes.iter().position(|process| process.clock == clock);
        let at = known.unwrap_or(processes.len());
        let pid = at + 1;
        if known.is_none() {
            processes.push(Process { clock, lanes: Vec::new() });
            let name = json!({ "name": clock.to_string() });
            events.push(
                json!({ "ph": "M", "name": "process_name", "pid": pid, "tid": 1, "args": name }),
            );
        }
        events.push(json!({
            "ph": "X",
            "name": span.name,
            "cat": format!("{:?}", span.kind),
            "pid": pid,
            "tid": processes[at].lane(span) + 1,
            "ts": micros(span.start - first),
            "dur": micros(span.end.saturating_sub(span.start)),
            "args": arguments(span),
        }));
    }
    let mut all = json!({ "displayTimeUnit": "ms", "traceEvents": events });
    if left_out > 0 {
        all["otherData"] = json!({ "spans left out": left_out.to_string() });
    }
    all
}

fn micros(ns: u64) -> f64 {
    ns as f64 / 1_000.0
}

fn arguments(span: &Span) -> Map<String, Value> {
    let own = span.attributes.iter().map(|(key, value)| (key.clone(), value.to_string().into()));
    let own = ("attributes".to_owned(), Value::Object(own.collect()));
    let parent = span.parent.map(|parent| ("parent".to_owned(), parent.to_string().into()));
    let error = match &span.status {
        Status::Error(why) => Some(("error".to_owned(), why.clone().into())),
        Status::Unset | Status::Ok => None,
    };
    let id = ("span".to_owned(), span.id.to_string().into());
    [own, id].into_iter().chain(parent).chain(error).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Kind, SpanId, TraceId};

    fn span(id: u64, service: &str, times: (u64, u64)) -> Span {
        Span {
            trace: TraceId(1),
            id: SpanId(id),
            parent: (id > 1).then_some(SpanId(1)),
            links: Vec::new(),
            service: service.into(),
            name: format!("work {id}"),
            kind: Kind::Server,
            start: times.0,
            end: times.1,
            status: if id == 2 { Status::Error("no card".into()) } else { Status::Unset },
            attributes: vec![("items".into(), crate::types::Value::Int(3))],
        }
    }

    /// The name, process and lane of each span.
    fn places(spans: Vec<Span>) -> Vec<(String, u64, u64)> {
        let events = events(spans, 0);
        let boxes = events["traceEvents"].as_array().unwrap().iter();
        let number = |event: &Value, field: &str| event[field].as_u64().unwrap();
        let place = |event: &Value| {
            let name = event["name"].as_str().unwrap().to_owned();
            (name, number(event, "pid"), number(event, "tid"))
        };
        boxes.filter(|event| event["ph"] == "X").map(place).collect()
    }

    #[test]
    fn a_span_is_a_complete_event_in_microseconds() {
        let begin = 1_700_000_000_000_000_000;
        let all = vec![
            span(2, "pay", (begin + 1_500, begin + 4_000)),
            span(1, "lb", (begin, begin + 9_000)),
        ];
        let expected = json!({ "displayTimeUnit": "ms", "traceEvents": [
            { "ph": "M", "name": "process_name", "pid": 1, "tid": 1, "args": { "name": "lb" } },
            { "ph": "X", "name": "work 1", "cat": "Server", "pid": 1, "tid": 1, "ts": 0.0, "dur": 9.0,
              "args": { "attributes": { "items": "3" }, "span": "0000000000000001" } },
            { "ph": "M", "name": "process_name", "pid": 2, "tid": 1, "args": { "name": "pay" } },
            { "ph": "X", "name": "work 2", "cat": "Server", "pid": 2, "tid": 1, "ts": 1.5, "dur": 2.5,
              "args": { "attributes": { "items": "3" }, "span": "0000000000000002",
                        "parent": "0000000000000001", "error": "no card" } },
        ], "otherData": { "spans left out": "4" } });
        assert_eq!(events(all, 4), expected);
    }

    #[test]
    fn spans_beside_each_other_have_lanes_of_their_own() {
        let all = vec![
            span(1, "lb", (0, 100)),
            span(2, "lb", (10, 50)),
            span(3, "lb", (20, 60)),
            span(4, "lb", (50, 90)),
            span(5, "lb", (100, 120)),
        ];
        let lanes: Vec<u64> = places(all).into_iter().map(|(_, _, lane)| lane).collect();
        assert_eq!(lanes, [1, 1, 2, 1, 1]);
    }

    #[test]
    fn two_processes_of_one_service_are_two_processes() {
        let mut other = span(2, "lb", (10, 50));
        other.attributes = vec![("host.name".into(), crate::types::Value::Text("b".into()))];
        let places = places(vec![span(1, "lb", (0, 100)), other]);
        assert_eq!(places.iter().map(|(_, pid, _)| *pid).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_span_that_ends_before_it_begins_does_no_harm() {
        assert_eq!(places(vec![span(1, "lb", (9, 3))]), [("work 1".to_owned(), 1, 1)]);
        assert_eq!(events(Vec::new(), 0)["traceEvents"], json!([]));
    }
}
