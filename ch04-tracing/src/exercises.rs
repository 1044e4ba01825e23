//! What the exercises are checked against: the crossings as they were found, a run of the shop, and traces with
//! a fixed seed. The same answer gets the same verdict, always.

use std::collections::BTreeSet;
use std::fmt;

use lab::rng::Rng;
use lab::study::exercise::{Question, guessed};

use crate::propagation::{Crossing, MATRIX, Row};
use crate::step3_context::{self, Context, Place};
use crate::step6_sampling::{Threshold, Trace, keep, random};
use crate::types::{Link, SpanId, TraceId};
use crate::workload::judge::{Tally, edges};
use crate::workload::{Arrival, Arrived, Config, Run};

/// What mostly becomes of a cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mostly {
    /// It is named.
    Right,
    /// None is named.
    Missing,
    /// Another one is named.
    Wrong,
}

impl fmt::Display for Mostly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Right => "right",
            Self::Missing => "missing",
            Self::Wrong => "wrong",
        })
    }
}

impl Mostly {
    fn of(tally: Tally) -> Self {
        let Tally { right, missing, wrong } = tally;
        match right.max(missing).max(wrong) {
            most if most == right => Self::Right,
            most if most == missing => Self::Missing,
            _ => Self::Wrong,
        }
    }
}

/// Compares guesses with the crossings.
///
/// # Errors
/// The first wrong guess, with a nudge.
pub fn guesses(guesses: [Mostly; 5]) -> Result<String, String> {
    let question = |crossing, carrier: fn(&Row) -> Tally, situation, nudge| {
        let row = MATRIX.iter().find(|row| row.crossing == crossing).expect("all are there");
        Question { situation, truth: Mostly::of(carrier(row)), nudge }
    };
    let questions = [
        question(
            Crossing::Await,
            |row| row.guard,
            "a guard is held across an await",
            "The thread goes on with another request. Whose span is current then?",
        ),
        question(
            Crossing::SpawnBlocking,
            |row| row.instrument,
            "the span is kept with its future, and a closure runs on the pool",
            "The closure is no part of that future.",
        ),
        question(
            Crossing::Worker,
            |row| row.instrument,
            "the span is kept with its future, and a worker takes the job out of a queue",
            "Which future runs the job?",
        ),
        question(
            Crossing::LogReplay,
            |row| row.guard,
            "a guard is held while a new leader replays a log",
            "Something is current on that thread. Is it what wrote the entry?",
        ),
        question(
            Crossing::LogReplay,
            |row| row.message,
            "the context stands in the log beside the entry",
            "Whoever reads the entry reads its cause.",
        ),
    ];
    guessed(&guesses, &questions)?;
    Ok("five of five".into())
}

/// How a design gives a span its place.
type Receive = fn(&Arrived<'_, Context>, u64) -> Place;

/// The design of step 3.
///
/// # Errors
/// What is wrong with a place, or how many causes of a run of the shop are missing or wrong.
pub fn cause(receive: Receive) -> Result<String, String> {
    let context = |id: u64| Context { trace: TraceId(id.into()), span: SpanId(10 * id) };
    let (one, other) = (context(1), context(2));
    let own = |place: &Place| place.context.span == SpanId(99);
    let edge = receive(&Arrived::Edge, 99);
    if edge.parent.is_some() || !edge.links.is_empty() || !own(&edge) {
        return Err(format!("a request from outside has no cause, and its own id: {edge:?}"));
    }
    let call = receive(&Arrived::Call(&one), 99);
    if !own(&call) {
        return Err("a call hands on the span of its caller, and not its own".into());
    }
    if call.context.trace != one.trace {
        return Err("a call left the trace of its caller".into());
    }
    if call.parent != Some(one.span) || !call.links.is_empty() {
        return Err("a call does not name its caller as its parent, or names more".into());
    }
    let link = |from: Context| Link { trace: from.trace, span: from.span };
    for (what, arrived, links) in [
        ("a batch", Arrived::Batch(vec![&one, &other]), vec![link(one), link(other)]),
        ("what is read from a log", Arrived::Log(vec![&other]), vec![link(other)]),
    ] {
        let place = receive(&arrived, 99);
        if place.parent.is_some() {
            return Err(format!("{what} has a parent, and is put down to that one alone"));
        }
        if place.links != links {
            return Err(format!("{what} does not name each of its causes"));
        }
        if !own(&place) || [one.trace, other.trace].contains(&place.context.trace) {
            return Err(format!("{what} is in the trace of one of its causes"));
        }
    }
    in_the_shop(receive)
}

fn in_the_shop(receive: Receive) -> Result<String, String> {
    let run = Run::of(Config { requests: 64, ..Config::shop(16) });
    let spans = step3_context::spans_by(&run, receive);
    let found = edges(&run, &step3_context::found(&spans));
    if found.missing + found.wrong > 0 {
        return Err(format!(
            "of the causes, {} are missing and {} wrong",
            found.missing, found.wrong
        ));
    }
    let begins = |work: &&crate::workload::Work| !matches!(work.arrival, Arrival::Call(_));
    let traces: BTreeSet<TraceId> = spans.iter().map(|span| span.trace).collect();
    let begun = run.works.iter().filter(begins).count();
    if traces.len() != begun {
        return Err(format!("{begun} traces begin, and there are {}", traces.len()));
    }
    Ok(format!("all {} causes of 64 checkouts, in {begun} traces", found.right))
}

/// So many traces are made for each pair of samplers.
const TRACES: u64 = 400_000;
/// A request takes less, or it is slow; in ns.
const SLOW: u64 = 250;

/// How a tail sampler behind a head sampler keeps a trace, and for how many it stands: by the one of how many that
/// the first one kept, the second one keeps of ordinary ones, and the longest time of those.
type Sample = fn(u64, u64, u64, &Trace) -> Option<u64>;

/// A tail sampler behind a head sampler.
///
/// # Errors
/// What is not kept, or what the weights say that is not so.
pub fn weights(sample: Sample) -> Result<String, String> {
    let mut kept = 0;
    for (seed, [head, n]) in [[1, 10], [8, 16], [16, 8]].into_iter().enumerate() {
        kept += weighed(sample, seed as u64, head, n)?;
    }
    Ok(format!("{kept} ordinary traces stand for those of {} requests", 3 * TRACES))
}

fn weighed(sample: Sample, seed: u64, head: u64, n: u64) -> Result<u64, String> {
    let mut rng = Rng::new(seed);
    let (mut ordinary, mut count, mut weights) = (0_u64, 0_u64, 0_u64);
    for _ in 0..TRACES {
        let id = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
        let (failed, took) = (rng.pick(0..100) == 0, rng.pick(0..SLOW + 20));
        let trace = Trace { id: TraceId(id), took, failed };
        let is_ordinary = !failed && took <= SLOW;
        ordinary += u64::from(is_ordinary);
        if !keep(Threshold::one_in(head), random(trace.id)) {
            continue;
        }
        match (sample(head, n, SLOW, &trace), is_ordinary) {
            (None, false) => return Err("a trace that failed or was slow is not kept".into()),
            (Some(weight), false) if weight != head => {
                return Err(format!(
                    "a trace that failed or was slow stands for {weight}, and the first sampler kept one \
                     of {head}"
                ));
            }
            (Some(weight), true) => (count, weights) = (count + 1, weights + weight),
            (None, true) | (Some(_), false) => (),
        }
    }
    let expected = ordinary / (head * n);
    // More than five standard deviations.
    let margin = |of: u64| of / 8;
    if count.abs_diff(expected) > margin(expected) {
        return Err(format!(
            "{count} ordinary traces were kept, and about {expected} of them should be"
        ));
    }
    if weights.abs_diff(ordinary) > margin(ordinary) {
        return Err(format!(
            "the weights say {weights} ordinary requests, and there were {ordinary}"
        ));
    }
    Ok(count)
}
