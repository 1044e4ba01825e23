//! # Name the cause, and no other
//! stars: 2
//! Write `receive`: the place of a span that begins with what arrived. What comes from outside begins a trace. A
//! call goes on with the trace of its caller, which is its parent. A batch, and what is read from a log, may have
//! several causes: it is a trace of its own, and names each of them.
//! hint 1: `fresh` is an id that no span has: good for the span, and for a trace that begins.
//! hint 2: The context of a place is what its messages carry: its own span, not the one of its caller.
//! hint 3: With a parent, the whole batch would be put down to one request. Each cause is a link.

use ch04_tracing::step3_context::{Context, Place};
use ch04_tracing::types::{Link, SpanId, TraceId};
use ch04_tracing::workload::Arrived;

fn receive(arrived: &Arrived<'_, Context>, fresh: u64) -> Place {
    let span = SpanId(fresh);
    let first = Context { trace: TraceId(fresh.into()), span };
    // SOLUTION-BEGIN
    match arrived {
        Arrived::Edge => Place { context: first, parent: None, links: Vec::new() },
        Arrived::Call(caller) => {
            let context = Context { trace: caller.trace, span };
            Place { context, parent: Some(caller.span), links: Vec::new() }
        }
        Arrived::Batch(causes) | Arrived::Log(causes) => {
            let link = |cause: &&Context| Link { trace: cause.trace, span: cause.span };
            Place { context: first, parent: None, links: causes.iter().map(link).collect() }
        }
    }
    // SOLUTION-END
    // STARTER: Place { context: first, parent: None, links: Vec::new() }
}

pub fn check() -> Result<String, String> {
    ch04_tracing::exercises::cause(receive)
}
