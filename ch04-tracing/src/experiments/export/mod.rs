//! Exporters before collectors that fail on schedule, in virtual time: who waits, what is lost, and whether the
//! account is right.
//!
//! A process makes spans at a fixed rate for [`END`]. Its exporter is the one of step 4; the collector keeps an
//! account of its own, which the exporter does not see.

mod figures;

use std::time::Duration;

use lab::rng::Rng;

use crate::step4_exporter::{
    ATTEMPTS, Answer, Attempts, BATCH, Class, FIRST_WAIT, LINGER, Ledger, Next, QUEUE, SpanQueue,
};

pub(super) use figures::{numbers, plot, tables};

/// The process makes spans for so long.
pub const END: Duration = Duration::from_secs(20);
/// A request and its answer are so long on the network.
pub const ROUND_TRIP: Duration = Duration::from_millis(1);
/// A good collector works so long on a request, whatever is in it.
pub const WORK: Duration = Duration::from_millis(19);
/// A collector that fails begins to do so then.
const FAILS: Duration = Duration::from_secs(5);

/// One way to send spans.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Design {
    /// Its name.
    pub name: &'static str,
    /// Whether the application waits for each span to be stored.
    pub waits: bool,
    /// As many spans wait at most.
    pub room: usize,
    /// Whether some spans are worth more than others.
    pub classes: bool,
    /// As many spans go in one request.
    pub batch: usize,
    /// As many requests are under way at a time.
    pub at_once: usize,
    /// As often a batch is sent.
    pub attempts: u32,
}

/// The application waits for each span.
pub const PRINT: Design = Design {
    name: "print: wait for each span",
    waits: true,
    room: usize::MAX,
    classes: false,
    batch: 1,
    at_once: 1,
    attempts: 1,
};
/// It does not wait, and nothing bounds what does.
pub const UNBOUNDED: Design = Design { name: "queue without a bound", waits: false, ..PRINT };
/// What finds no room is dropped.
pub const BOUNDED: Design = Design { name: "bounded queue", room: QUEUE, ..UNBOUNDED };
/// What is worth less makes room.
pub const CLASSES: Design = Design { name: "drop classes", classes: true, ..BOUNDED };
/// Many spans in one request.
pub const BATCHES: Design = Design { name: "batches of 512", batch: BATCH, ..CLASSES };
/// What is not answered is sent again.
pub const RETRIES: Design = Design { name: "retries", attempts: ATTEMPTS, ..BATCHES };
/// The designs, each with one thing more than the one before it.
pub const DESIGNS: [Design; 6] = [PRINT, UNBOUNDED, BOUNDED, CLASSES, BATCHES, RETRIES];

/// How a collector behaves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Collector {
    /// Well.
    Good,
    /// Each answer takes 50 ms longer.
    Slow,
    /// Each answer takes 500 ms longer.
    Stalled,
    /// For five seconds it answers 429 and asks for one second.
    Busy,
    /// For ten seconds nobody answers.
    Down,
    /// It dies with a batch stored and not answered, and is back after a second.
    Killed,
}

/// What comes of one request.
struct Exchange {
    /// When the exporter knows.
    at: Duration,
    answer: Answer,
    /// Whether the collector stored the batch, whatever the exporter is told.
    keeps: bool,
}

impl Collector {
    /// All of them, by name.
    pub const ALL: [(Self, &str); 6] = [
        (Self::Good, "good: 20 ms"),
        (Self::Slow, "slow: 70 ms"),
        (Self::Stalled, "stalled: 520 ms"),
        (Self::Busy, "429 for 5 s"),
        (Self::Down, "down for 10 s"),
        (Self::Killed, "killed, back after 1 s"),
    ];

    /// From one request to its answer, while the collector does not fail.
    #[must_use]
    pub fn takes(self) -> Duration {
        let longer = match self {
            Self::Slow => 50,
            Self::Stalled => 500,
            _ => 0,
        };
        ROUND_TRIP + WORK + Duration::from_millis(longer)
    }

    fn fails_for(self) -> Duration {
        Duration::from_secs(match self {
            Self::Busy => 5,
            Self::Down => 10,
            Self::Killed => 1,
            _ => 0,
        })
    }

    fn ask(self, now: Duration) -> Exchange {
        let end = now + self.takes();
        if (FAILS..FAILS + self.fails_for()).contains(&now) {
            let asked = (self == Self::Busy).then_some(Duration::from_secs(1));
            let answer = Answer::Later(asked);
            return Exchange { at: now + ROUND_TRIP, answer, keeps: false };
        }
        if self == Self::Killed && (now..end).contains(&FAILS) {
            return Exchange { at: FAILS, answer: Answer::Later(None), keeps: true };
        }
        Exchange { at: end, answer: Answer::Stored { refused: 0 }, keeps: true }
    }
}

/// What both sides say at the end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Told {
    /// The exporter's account.
    pub ledger: Ledger,
    /// The most spans that waited at a time.
    pub most_waiting: usize,
    /// For how long the application waited.
    pub waited: Duration,
    /// Dropped spans that had failed.
    pub failed_dropped: u64,
    /// Spans that the collector has.
    pub collected: u64,
    /// Spans that it has twice if it does not look whether it has them already.
    pub twice: u64,
}

/// A batch until it is settled.
struct Sending {
    spans: Vec<Class>,
    attempts: Attempts,
    /// When something happens: the answer comes, or it is sent again.
    at: Duration,
    /// None while it waits to be sent again.
    exchange: Option<Exchange>,
    is_collected: bool,
}

struct Run {
    design: Design,
    collector: Collector,
    queue: SpanQueue<Class>,
    sending: Vec<Sending>,
    /// Since when the first span waits for others of its batch.
    since: Duration,
    rng: Rng,
    told: Told,
}

/// One run: so many spans are made per second.
#[must_use]
pub fn run(design: Design, collector: Collector, per_second: u64) -> Told {
    let mut run = Run {
        design,
        collector,
        queue: SpanQueue::new(design.room),
        sending: Vec::new(),
        since: Duration::ZERO,
        rng: Rng::new(per_second),
        told: Told::default(),
    };
    let gap = Duration::from_secs(1) / u32::try_from(per_second).expect("no process makes so many");
    let (mut now, mut next) = (Duration::ZERO, Duration::ZERO);
    loop {
        let waits = design.waits && run.queue.in_flight() > 0;
        let create = next.max(now);
        let events = run.sending.iter().map(|sending| sending.at).chain(run.due());
        let at = events.chain((!waits).then_some(create)).min().expect("it waits for something");
        if waits {
            run.told.waited += at.min(END) - now;
        }
        if at >= END {
            break;
        }
        now = at;
        run.go_on(now);
        if !waits && create == now {
            run.create(now);
            next += gap;
        }
        if run.due().is_some_and(|due| due <= now) {
            run.send(now);
        }
    }
    Told { ledger: run.queue.ledger(), ..run.told }
}

impl Run {
    /// When the next batch is sent; none if nothing waits, or as many requests are under way as may be.
    fn due(&self) -> Option<Duration> {
        let waiting = self.queue.waiting();
        let may = waiting > 0 && self.sending.len() < self.design.at_once;
        let linger = if waiting < self.design.batch { LINGER } else { Duration::ZERO };
        may.then_some(self.since + linger)
    }

    fn create(&mut self, now: Duration) {
        let class = match self.rng.pick(0..1000) {
            0 => Class::Failed,
            1..=10 => Class::Slow,
            11..=33 => Class::Root,
            _ => Class::Ordinary,
        };
        if self.queue.waiting() == 0 {
            self.since = now;
        }
        let worth = if self.design.classes { class } else { Class::Ordinary };
        let dropped = self.queue.record(worth, class);
        self.told.failed_dropped += u64::from(dropped == Some(Class::Failed));
        self.told.most_waiting = self.told.most_waiting.max(self.queue.waiting());
    }

    fn send(&mut self, now: Duration) {
        let spans = self.queue.take(self.design.batch);
        let attempts = Attempts::new(spans.len(), self.design.attempts, FIRST_WAIT);
        let mut sending = Sending { spans, attempts, at: now, exchange: None, is_collected: false };
        self.ask(&mut sending, now);
        self.sending.push(sending);
        self.since = now;
    }

    fn ask(&self, sending: &mut Sending, now: Duration) {
        let exchange = self.collector.ask(now);
        sending.at = exchange.at;
        sending.exchange = Some(exchange);
    }

    /// The collector's account.
    fn collect(&mut self, sending: &mut Sending) {
        let count = sending.spans.len() as u64;
        if sending.is_collected {
            self.told.twice += count;
        } else {
            self.told.collected += count;
            sending.is_collected = true;
        }
    }

    /// Answers that come now, and batches that are sent again now.
    fn go_on(&mut self, now: Duration) {
        for mut sending in std::mem::take(&mut self.sending) {
            if sending.at > now {
                self.sending.push(sending);
                continue;
            }
            let Some(Exchange { answer, keeps, .. }) = sending.exchange.take() else {
                self.ask(&mut sending, now);
                self.sending.push(sending);
                continue;
            };
            if keeps {
                self.collect(&mut sending);
            }
            match sending.attempts.after(answer, self.rng.next_u64()) {
                Next::SendAgain(wait) => {
                    sending.at = now + wait;
                    self.sending.push(sending);
                }
                Next::Done(outcome) => {
                    self.queue.settle(outcome);
                    if outcome.stored == 0 {
                        let failed = sending.spans.iter().filter(|class| **class == Class::Failed);
                        self.told.failed_dropped += failed.count() as u64;
                    }
                }
            }
        }
    }
}

/// Spans per second that an exporter delivers at most: requests at a time × batch / (round trip + work).
#[must_use]
pub fn most(design: Design, collector: Collector) -> u64 {
    let per_request = (design.at_once * design.batch) as u64;
    per_request * 1_000_000 / collector.takes().as_micros() as u64
}

/// Of all spans, those that were stored, in hundredths of a percent.
#[must_use]
pub fn share_stored(told: &Told) -> u64 {
    told.ledger.stored * 10_000 / told.ledger.created.max(1)
}
