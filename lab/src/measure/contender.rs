//! One of the systems that do the same job, and one turn of it: floors, then load, then what it
//! took and whether all is as it has to be.
//!
//! # Left out
//!
//! Throwing away turns that look odd.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::{CpuTime, Error, Measured, WriteKind, cpu, family_cpu, fsync_floor, round_trip_floor};

const WARM_UP: Duration = Duration::from_millis(200);

/// What an operation waits for, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waits {
    /// Fsyncs.
    pub fsyncs: u32,
    /// Round trips.
    pub round_trips: u32,
}

/// What one fsync and one round trip take on this machine at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Floors {
    /// One fsync of 512 bytes.
    pub fsync: Duration,
    /// One round trip of 64 bytes over loopback.
    pub round_trip: Duration,
}

impl Floors {
    /// Measures both, for about a tenth of a second; the disk is the one under this folder.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn measure(dir: &Path) -> Result<Self, Error> {
        let fsync = fsync_floor(dir, WriteKind::Direct, 200).map_err(Error::io("use the disk"))?;
        let trip = round_trip_floor(1_000).map_err(Error::io("use loopback"))?;
        Ok(Self { fsync: fsync.median(), round_trip: trip.median() })
    }

    /// The least that an operation can take that waits for so much.
    #[must_use]
    pub fn least(&self, waits: Waits) -> Duration {
        self.fsync * waits.fsyncs + self.round_trip * waits.round_trips
    }
}

/// One of the systems that do the same job.
pub trait Contender {
    /// What it is called in the table.
    fn name(&self) -> &'static str;

    /// Which of several jobs it does; empty if all contenders do the same.
    fn job(&self) -> &'static str {
        ""
    }

    /// What it runs; empty if another one in the table says so.
    fn version(&self) -> String {
        String::new()
    }

    /// What an operation waits for.
    fn waits(&self) -> Waits;

    /// Its processes, this one apart.
    fn processes(&mut self) -> Vec<u32> {
        Vec::new()
    }

    /// Lets so many clients operate for a while.
    ///
    /// # Errors
    /// It does not run.
    fn load(&mut self, clients: usize, time: Duration) -> Result<Measured, Error>;

    /// Hangs up, and waits until nothing is under way any more.
    ///
    /// # Errors
    /// It does not run.
    fn settle(&mut self) -> Result<(), Error>;

    /// Fsyncs so far; `None` if it does not count them. Only after [`Contender::settle`].
    ///
    /// # Errors
    /// It does not run.
    fn fsyncs(&mut self) -> Result<Option<u64>, Error>;

    /// Reads what the verdict is about, such as the total of all accounts. Only after
    /// [`Contender::settle`].
    ///
    /// # Errors
    /// It does not run.
    fn audit(&mut self) -> Result<Value, Error>;

    /// Whether that is right, before and after a turn, and why.
    fn verdict(&self, before: &Value, after: &Value) -> (bool, String) {
        (before == after, format!("{before} before and {after} after"))
    }
}

/// What came of one turn.
#[derive(Clone, Debug)]
pub struct Turn {
    /// How long the clients waited.
    pub measured: Measured,
    /// What all processes computed per operation, the clients' too.
    pub cpu: Duration,
    /// Fsyncs per operation, where they are counted.
    pub fsyncs: Option<f64>,
    /// Whether all is as it has to be, and why.
    pub verdict: (bool, String),
    /// Just before.
    pub floors: Floors,
}

impl Turn {
    /// Lets a contender have its turn; data on the disk is measured under `dir`.
    pub(super) fn of(
        contender: &mut dyn Contender,
        dir: &Path,
        clients: usize,
        time: Duration,
    ) -> Result<Self, Error> {
        contender.settle()?;
        let floors = Floors::measure(dir)?;
        let (before, synced) = (contender.audit()?, contender.fsyncs()?);
        let warm = contender.load(clients, WARM_UP.min(time))?;
        let computed_before = computed(contender);
        let measured = contender.load(clients, time)?;
        let computed_after = computed(contender);
        contender.settle()?;
        // Databases count fsyncs late, and exactly only when all is quiet: warming up is counted.
        let synced = contender.fsyncs()?.zip(synced).map(|(now, then)| now.saturating_sub(then));
        let after = contender.audit()?;
        let operations = warm.count() + measured.count();
        let each = u32::try_from(measured.count().max(1)).unwrap_or(u32::MAX);
        Ok(Self {
            cpu: computed_after.saturating_sub(computed_before) / each,
            fsyncs: synced.map(|synced| synced as f64 / operations.max(1) as f64),
            verdict: contender.verdict(&before, &after),
            measured,
            floors,
        })
    }

    /// Whether it did something, and all is as it has to be.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.verdict.0 && self.measured.count() > 0
    }
}

/// What all processes have computed, the clients' too.
fn computed(contender: &mut dyn Contender) -> Duration {
    let theirs = contender.processes().into_iter().filter_map(family_cpu);
    let theirs: Duration = theirs.map(CpuTime::total).sum();
    theirs + cpu(std::process::id()).unwrap_or_default()
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_ok() { "ok" } else { "unsafe" };
        write!(f, "{}; {verdict}, {}", self.measured, self.verdict.1)
    }
}
