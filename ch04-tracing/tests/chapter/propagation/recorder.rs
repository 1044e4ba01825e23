//! Writes down which parent each span gets: a stack of entered spans for each thread, as
//! `tracing_subscriber`'s registry has it.

use std::sync::{Arc, Mutex};
use std::thread::ThreadId;

use ch04_tracing::workload::judge::Tally;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The id of a span is its place here, counted from 1.
    spans: Vec<Noted>,
    entered: Vec<(ThreadId, u64)>,
}

struct Noted {
    name: &'static str,
    /// The request; for a batch, the requests, a bit for each.
    r: u64,
    /// The parent and the links.
    causes: Vec<u64>,
}

impl State {
    fn current(&self) -> Option<u64> {
        let here = std::thread::current().id();
        self.entered.iter().rev().find(|(thread, _)| *thread == here).map(|(_, span)| *span)
    }
}

impl Recorder {
    /// All that was found of work for the first requests.
    pub(crate) fn tally(&self, requests: u64) -> Tally {
        let state = self.0.lock().expect("no panic");
        let mut tally = Tally::default();
        for span in state.spans.iter().filter(|s| s.name != "request" && s.r <= requests) {
            let wanted: Vec<u64> = match span.name {
                "flush" => (1..=requests).collect(),
                _ => vec![span.r],
            };
            let named = span.causes.iter().map(|cause| &state.spans[*cause as usize - 1]);
            let right = named.filter(|n| n.name == "request" && wanted.contains(&n.r)).count();
            let wrong = span.causes.len() - right;
            tally.right += right;
            tally.wrong += wrong;
            tally.missing += (wanted.len() - right).saturating_sub(wrong);
        }
        tally
    }
}

struct Request(u64);

impl Visit for Request {
    fn record_u64(&mut self, _: &Field, value: u64) {
        self.0 = value;
    }

    fn record_debug(&mut self, field: &Field, _: &dyn std::fmt::Debug) {
        panic!("{field} is no number");
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut r = Request(0);
        span.record(&mut r);
        let mut state = self.0.lock().expect("no panic");
        let parent = match span.is_contextual() {
            true => state.current(),
            false => span.parent().map(Id::into_u64),
        };
        let causes = parent.into_iter().collect();
        state.spans.push(Noted { name: span.metadata().name(), r: r.0, causes });
        Id::from_u64(state.spans.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        let mut state = self.0.lock().expect("no panic");
        state.spans[span.into_u64() as usize - 1].causes.push(follows.into_u64());
    }

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        let mut state = self.0.lock().expect("no panic");
        state.entered.push((std::thread::current().id(), span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        let mut state = self.0.lock().expect("no panic");
        let top = (std::thread::current().id(), span.into_u64());
        let last = state.entered.iter().rposition(|entered| *entered == top);
        let last = last.expect("a span is left where it was entered");
        state.entered.remove(last);
    }
}
