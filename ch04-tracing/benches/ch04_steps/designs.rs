//! What each design does for one checkout.

use std::fmt::Write as _;
use std::hint::black_box;

use ch04_tracing::context::{Flags, Frame, TraceContext};
use ch04_tracing::otlp;
use ch04_tracing::step2_request_id::{RequestId, pass_on};
use ch04_tracing::step4_exporter::{Class, Dropped, Outcome, SpanQueue};
use ch04_tracing::step6_sampling::{Threshold, keep, random};
use ch04_tracing::system::lean::Lean;
use ch04_tracing::types::{Kind, Link, Span, SpanId, Status, TraceId};
use ch04_tracing::workload::{Arrived, Config, Run, Seen};
use lab::rng::Rng;
use prost::Message as _;

/// As in the exporter of the system.
const QUEUE: usize = 8192;
const BATCH: usize = 512;
const SLOW: std::time::Duration = std::time::Duration::from_millis(250);
/// The log of a process is written out when it is this long.
const LOG: usize = 64 << 10;
/// The place of step 1 among the designs.
pub(crate) const STEP_1: usize = 1;

/// A design, and the checkouts that it traces.
pub(crate) struct Design {
    pub(crate) name: &'static str,
    pub(crate) verdict: &'static str,
    pub(crate) once: Box<dyn FnMut()>,
}

fn checkout() -> Run {
    Run::of(Config { requests: 1, ..Config::shop(1) })
}

/// How many pieces of work a checkout is.
pub(crate) fn works() -> usize {
    checkout().works.len()
}

/// All of them, the cheapest idea first.
pub(crate) fn all() -> Vec<Design> {
    let design = |name, verdict, once| Design { name, verdict, once };
    let unsafe_guess = "unsafe: causes are guessed from times";
    let exact = "ok: each cause is carried, and each lost span is counted";
    let in_calls = "ok within calls; links are not kept, and each lost span is counted";
    vec![
        design("nothing", "nothing is known", nothing()),
        design("step1, log lines", unsafe_guess, log_lines()),
        design("step2, request id", "unsafe: within a request, causes are guessed", request_ids()),
        design("step3, contexts", "ok in the process; no span leaves it", contexts()),
        design("step4, exporter", exact, exported(Sampler::All)),
        design("step6, all kept", exact, exported(Sampler::OneIn(Threshold::one_in(1)))),
        design("step6, 1 of 1,024 kept", exact, exported(Sampler::OneIn(Threshold::one_in(1024)))),
        design("step6, none kept", "ok: contexts go on", exported(Sampler::None)),
        design("lean path, all kept", in_calls, lean(Sampler::All)),
        design("lean path, none kept", "ok: contexts go on", lean(Sampler::None)),
    ]
}

fn nothing() -> Box<dyn FnMut()> {
    let run = checkout();
    Box::new(move || {
        black_box(run.carry(|seen, _| seen.start));
    })
}

/// A line for each piece of work; the text is written out when there is much of it.
fn log_lines() -> Box<dyn FnMut()> {
    let (run, mut log) = (checkout(), String::with_capacity(LOG));
    Box::new(move || {
        let _ = black_box(run.carry(|seen, _| line(&mut log, seen, None)));
    })
}

fn request_ids() -> Box<dyn FnMut()> {
    let (run, mut log, mut ids) = (checkout(), String::with_capacity(LOG), Rng::new(1));
    Box::new(move || {
        let fresh = RequestId(ids.next_u64());
        black_box(run.carry(|seen, arrived| {
            let id = pass_on(&arrived, fresh);
            line(&mut log, seen, id);
            id
        }));
    })
}

fn line(log: &mut String, seen: &Seen, id: Option<RequestId>) {
    if log.len() > LOG - 256 {
        black_box(&log);
        log.clear();
    }
    let Seen { start, end, process, kind, what, .. } = seen;
    let line = write!(log, "{start} {process} {what} {kind:?} took={}", end - start);
    let id = id.map_or(Ok(()), |RequestId(id)| write!(log, " request={id:016x}"));
    line.and(id).and_then(|()| writeln!(log)).expect("a String takes any text");
}

/// Which traces are kept.
#[derive(Clone, Copy)]
enum Sampler {
    None,
    OneIn(Threshold),
    All,
}

impl Sampler {
    fn flags(self, trace: TraceId) -> Flags {
        let keeps = match self {
            Self::None => false,
            Self::OneIn(threshold) => keep(threshold, random(trace)),
            Self::All => true,
        };
        if keeps { Flags::RANDOM.with(Flags::SAMPLED) } else { Flags::RANDOM }
    }
}

/// What a piece of work hands on: to what its process does next, and in a message if it is a call.
struct Handed {
    context: TraceContext,
    message: Option<Frame>,
}

impl Handed {
    /// What the receiver knows: a message is read from its bytes.
    fn context(&self) -> TraceContext {
        match &self.message {
            Some(frame) => TraceContext::from_frame(frame.as_bytes()).expect("it was just written"),
            None => self.context.clone(),
        }
    }
}

fn contexts() -> Box<dyn FnMut()> {
    let (run, mut ids) = (checkout(), Rng::new(1));
    Box::new(move || {
        trace(&run, &mut ids, Sampler::All, |span| {
            black_box(span);
        });
    })
}

/// Spans wait in a queue; a whole batch is taken out, encoded, and called stored.
fn exported(sampler: Sampler) -> Box<dyn FnMut()> {
    let (run, mut ids) = (checkout(), Rng::new(1));
    let mut waiting = SpanQueue::new(QUEUE);
    Box::new(move || {
        trace(&run, &mut ids, sampler, |span| {
            waiting.record(Class::of(&span, SLOW), span);
            if waiting.waiting() == BATCH {
                let batch = waiting.take(BATCH);
                black_box(otlp::request(&batch).encode_to_vec());
                waiting.settle(Outcome { stored: BATCH, dropped: 0, why: Dropped::Refused });
            }
        });
    })
}

/// Records of a fixed size, which become spans when a batch of them is taken out.
fn lean(sampler: Sampler) -> Box<dyn FnMut()> {
    let (run, mut ids, lean) = (checkout(), Rng::new(1), Lean::new("shop", QUEUE, SLOW));
    let mut ended = 0;
    Box::new(move || {
        black_box(run.carry(|seen, arrived: Arrived<'_, Handed>| {
            let (context, parent, _) = place(&arrived, &mut ids, sampler);
            let mut span = lean.answer(&context, parent, "work");
            span.kind(seen.kind);
            ended += usize::from(span.is_sampled());
            drop(span);
            let message = (seen.kind == Kind::Client).then(|| context.to_frame());
            Handed { context, message }
        }));
        if ended >= BATCH {
            let batch = lean.take(BATCH);
            black_box(otlp::request(&batch).encode_to_vec());
            lean.settle(Outcome { stored: batch.len(), dropped: 0, why: Dropped::Refused });
            ended -= batch.len();
        }
    })
}

fn trace(run: &Run, ids: &mut Rng, sampler: Sampler, mut sink: impl FnMut(Span)) {
    black_box(run.carry(|seen, arrived: Arrived<'_, Handed>| {
        let (context, parent, links) = place(&arrived, ids, sampler);
        if context.flags.has(Flags::SAMPLED) {
            sink(span(seen, &context, parent, links));
        }
        let message = (seen.kind == Kind::Client).then(|| context.to_frame());
        Handed { context, message }
    }));
}

/// The context of a new span, and its causes.
fn place(
    arrived: &Arrived<'_, Handed>,
    ids: &mut Rng,
    sampler: Sampler,
) -> (TraceContext, Option<SpanId>, Vec<Link>) {
    let own = SpanId(ids.next_u64().max(1));
    let mut fresh = || TraceId(u128::from(ids.next_u64()) << 64 | u128::from(ids.next_u64() | 1));
    match arrived {
        Arrived::Edge => {
            let trace = fresh();
            (TraceContext::root(trace, own, sampler.flags(trace)), None, Vec::new())
        }
        Arrived::Call(cause) => {
            let cause = cause.context();
            (cause.child(own), Some(cause.span), Vec::new())
        }
        Arrived::Batch(causes) | Arrived::Log(causes) => {
            let causes: Vec<TraceContext> = causes.iter().map(|cause| cause.context()).collect();
            let kept = causes.iter().find(|cause| cause.flags.has(Flags::SAMPLED));
            let flags = kept.map_or(Flags::RANDOM, |cause| cause.flags);
            let link = |cause: &TraceContext| Link { trace: cause.trace, span: cause.span };
            let links = kept.map(|_| causes.iter().map(link).collect()).unwrap_or_default();
            (TraceContext::root(fresh(), own, flags), None, links)
        }
    }
}

fn span(seen: &Seen, context: &TraceContext, parent: Option<SpanId>, links: Vec<Link>) -> Span {
    Span {
        trace: context.trace,
        id: context.span,
        parent,
        links,
        service: seen.process.to_string(),
        name: seen.what.to_string(),
        kind: seen.kind,
        start: seen.start,
        end: seen.end,
        status: Status::Unset,
        attributes: Vec::new(),
    }
}
