//! How spans come, and what is measured of it: in a process that does nothing else.

use std::fmt;
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use lab::measure::cpu;

use crate::{CHILDREN, End, Stack};

/// Of a run that is not paced.
const TRACES: u64 = 40_000;
/// Traces that come together.
const BURST: u64 = 20;
const BURSTS: u32 = 200;
/// From one burst to the next.
const EVERY: Duration = Duration::from_millis(10);
/// Spans per second, if they are paced.
pub(crate) const PACE: u64 = BURST * (CHILDREN + 1) * 1_000 / EVERY.as_millis() as u64;

/// How spans come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    Unsampled,
    Paced,
    FlatOut,
}

impl Load {
    pub(crate) const ALL: [Self; 3] = [Self::Unsampled, Self::Paced, Self::FlatOut];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Unsampled => "unsampled",
            Self::Paced => "paced",
            Self::FlatOut => "flat out",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|load| load.name() == name).expect("a name of these")
    }

    pub(crate) fn is_sampled(self) -> bool {
        self != Self::Unsampled
    }

    /// So many bursts of so many traces.
    const fn size(self, quick: bool) -> (u32, u64) {
        match (self, quick) {
            (_, true) => (2, 5),
            (Self::Paced, false) => (BURSTS, BURST),
            (_, false) => (1, TRACES),
        }
    }
}

/// What one process has measured.
pub(crate) struct Figures {
    made: u64,
    delivered: u64,
    dropped: u64,
    /// How long the thread that made them was at it.
    making_ns: u64,
    /// Of all threads, until all were delivered.
    cpu_ns: u64,
    pub(crate) peak_kib: u64,
}

impl Figures {
    pub(crate) fn per_made(&self) -> f64 {
        self.making_ns as f64 / self.made as f64
    }

    pub(crate) fn per_delivered(&self) -> f64 {
        self.making_ns as f64 / self.delivered as f64
    }

    pub(crate) fn cpu_per_delivered(&self) -> f64 {
        self.cpu_ns as f64 / self.delivered as f64
    }

    pub(crate) fn share(&self) -> f64 {
        self.delivered as f64 / self.made as f64
    }

    /// The share of those of which the program learns nothing.
    pub(crate) fn unaccounted(&self) -> f64 {
        (self.made - self.delivered - self.dropped) as f64 / self.made as f64
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { made, delivered, dropped, making_ns, cpu_ns, peak_kib } = self;
        write!(f, "{made} {delivered} {dropped} {making_ns} {cpu_ns} {peak_kib}")
    }
}

impl FromStr for Figures {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
        match numbers.as_deref() {
            Ok(&[made, delivered, dropped, making_ns, cpu_ns, peak_kib]) => {
                Ok(Self { made, delivered, dropped, making_ns, cpu_ns, peak_kib })
            }
            _ => Err(format!("no figures: {text:?}")),
        }
    }
}

/// Makes traces, and measures. To be called once in a process.
pub(crate) fn run(mut stack: Box<dyn Stack>, load: Load, quick: bool) -> Figures {
    let (bursts, traces) = load.size(quick);
    let (before, began, mut making) = (cpu_ns(), Instant::now(), Duration::ZERO);
    for burst in 0..bursts {
        thread::sleep((EVERY * burst).saturating_sub(began.elapsed()));
        let begun = Instant::now();
        (0..traces).for_each(|_| stack.trace());
        making += begun.elapsed();
    }
    let End { delivered, dropped } = stack.flush();
    let made = u64::from(bursts) * traces * (CHILDREN + 1);
    assert!(delivered + dropped.unwrap_or(0) <= made, "no span is delivered or counted twice");
    assert_eq!(delivered > 0, load.is_sampled(), "sampled spans arrive, and no other ones");
    Figures {
        made,
        delivered,
        dropped: dropped.unwrap_or(0),
        making_ns: making.as_nanos() as u64,
        cpu_ns: cpu_ns() - before,
        peak_kib: peak_kib(),
    }
}

/// Where the system does not say, 0.
fn cpu_ns() -> u64 {
    cpu(std::process::id()).map_or(0, |time| time.as_nanos() as u64)
}

/// The most memory that this process had resident; where the system does not say, 0.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}
