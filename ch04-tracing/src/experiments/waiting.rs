//! What tail sampling needs while it waits, and what it loses if there is too little of that.

use std::collections::VecDeque;

use lab::rng::Rng;

use crate::step6_sampling::{Left, Trace, Waiting};
use crate::types::TraceId;

/// In ns.
const SECOND: u64 = 1_000_000_000;
/// How long a trace waits for its decision, in seconds. This and the room are what the tail sampling
/// processor of the OpenTelemetry Collector has if nothing else is said.
pub const WAIT: u64 = 30;
/// How many traces may wait.
pub const ROOM: usize = 50_000;
/// Spans per second of a shop with a thousand checkouts per second.
const SPANS: u64 = 45_000;
/// Bytes of one span.
const BYTES: u64 = 559;
/// Traces of one experiment.
const TRACES: u64 = 200_000;

/// How many bytes of spans wait for a decision.
#[must_use]
pub fn memory(spans_per_second: u64, wait: u64, bytes_per_span: u64) -> u64 {
    spans_per_second * wait * bytes_per_span
}

/// The largest number of traces per second of which none has to go before its decision.
#[must_use]
pub fn most() -> u64 {
    ROOM as u64 / WAIT
}

/// Of the traces that stopped waiting: how many were decided, and how many evicted before that. So many
/// come per second, in gaps by chance.
#[must_use]
pub fn fates(per_second: u64) -> (usize, usize) {
    let mut rng = Rng::new(per_second);
    let mut waiting = Waiting { wait: WAIT * SECOND, room: ROOM, traces: VecDeque::new() };
    let (mut now, mut decided, mut evicted) = (0, 0, 0);
    for i in 1..=TRACES {
        now += rng.pick(0..2 * SECOND / per_second);
        let trace = Trace { id: TraceId(i.into()), took: 0, failed: false };
        for left in waiting.arrive(now, trace) {
            match left {
                Left::Decided(_) => decided += 1,
                Left::Evicted(_) => evicted += 1,
            }
        }
    }
    (decided, evicted)
}

pub(super) fn numbers() -> Vec<(&'static str, String)> {
    vec![
        ("tail_spans", lab::view::thousands(SPANS as usize)),
        ("tail_bytes", BYTES.to_string()),
        ("tail_wait", WAIT.to_string()),
        ("tail_room", lab::view::thousands(ROOM)),
        ("tail_memory", format!("{} MB", (memory(SPANS, WAIT, BYTES) + 500_000) / 1_000_000)),
        ("tail_most", lab::view::thousands(most() as usize)),
        ("tail_evicted_1600", fates(1_600).1.to_string()),
        ("tail_decided_1750", fates(1_750).0.to_string()),
    ]
}
