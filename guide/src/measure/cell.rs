//! Edge: makes it survive the real world. The lesson is in `step4_isolation/` of chapter 2.
//!
//! One turn of one contender: floors, then load, then what it took and whether the money is all there.
//!
//! # Left out
//!
//! Throwing away turns that look odd.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use lab::measure::{Forced, Measured, cpu, family_cpu, fsync_floor, round_trip_floor};
use tokio::runtime::Runtime;

use super::Plan;
use crate::trouble::{Result, Trouble};

const WARM_UP: Duration = Duration::from_millis(200);

/// Somebody who can move money.
pub(super) trait Contender {
    /// What it is called in the table.
    fn name(&self) -> &'static str;

    /// What it runs; empty if somebody else in the table says so.
    fn version(&self) -> String;

    /// How many forced writes, and how many round trips, an order waits for, one after the other.
    fn waits(&self) -> (u32, u32);

    /// Its processes, this one apart.
    fn processes(&mut self) -> Vec<u32>;

    /// Lets so many clients move money for a while.
    fn load(&mut self, runtime: &Runtime, clients: usize, time: Duration) -> Result<Measured>;

    /// Hangs up; then all that is under way is over.
    fn settle(&mut self, runtime: &Runtime) -> Result<()>;

    /// Forced writes so far. Only after [`Contender::settle`].
    fn forced(&mut self, runtime: &Runtime) -> Result<u64>;

    /// The total of all accounts. Only after [`Contender::settle`].
    fn total(&mut self, runtime: &Runtime) -> Result<u64>;
}

/// What came of one turn.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) name: &'static str,
    pub(super) clients: usize,
    pub(super) waits: (u32, u32),
    pub(super) measured: Measured,
    pub(super) cpu_per_commit: Duration,
    pub(super) forced_per_commit: f64,
    pub(super) totals: (u64, u64),
    /// One forced write and one round trip, just before.
    pub(super) floors: (Duration, Duration),
}

/// Lets one contender have its turn.
pub(super) fn turn(
    runtime: &Runtime,
    plan: &Plan,
    contender: &mut dyn Contender,
    clients: usize,
) -> Result<Cell> {
    contender.settle(runtime)?;
    let floors = floors(&plan.dir)?;
    let (total, forced) = (contender.total(runtime)?, contender.forced(runtime)?);
    let warm = contender.load(runtime, clients, WARM_UP.min(plan.turn))?;
    let before = computed(contender);
    let measured = contender.load(runtime, clients, plan.turn)?;
    let after = computed(contender);
    contender.settle(runtime)?;
    // Databases count forced writes late, and exactly only when all is quiet: warming up is counted.
    let forced = contender.forced(runtime)?.saturating_sub(forced);
    let commits = warm.count() + measured.count();
    let each = u32::try_from(measured.count().max(1)).unwrap_or(u32::MAX);
    Ok(Cell {
        name: contender.name(),
        clients,
        waits: contender.waits(),
        cpu_per_commit: after.saturating_sub(before) / each,
        forced_per_commit: forced as f64 / commits.max(1) as f64,
        totals: (total, contender.total(runtime)?),
        measured,
        floors,
    })
}

fn floors(dir: &Path) -> Result<(Duration, Duration)> {
    let trouble = |what: &str, e| Trouble::new(format!("cannot measure {what}: {e}"), "");
    let forced = fsync_floor(dir, Forced::Overwrite, 200).map_err(|e| trouble("the disk", e))?;
    let trip = round_trip_floor(1_000).map_err(|e| trouble("loopback", e))?;
    Ok((forced.median(), trip.median()))
}

/// What all processes have computed, the clients' too.
fn computed(contender: &mut dyn Contender) -> Duration {
    let theirs = contender.processes().into_iter().filter_map(family_cpu).sum::<Duration>();
    theirs + cpu(std::process::id()).unwrap_or_default()
}

impl Cell {
    pub(super) fn is_ok(&self) -> bool {
        self.totals.0 == self.totals.1 && self.measured.count() > 0
    }

    /// What nothing can beat at that moment, if one asks alone.
    pub(super) fn floor(&self) -> Duration {
        self.floors.0 * self.waits.0 + self.floors.1 * self.waits.1
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.totals;
        let verdict = if self.is_ok() { "ok" } else { "unsafe" };
        write!(f, "{} × {}: {}", self.clients, self.name, self.measured)?;
        write!(f, "; {verdict}, {before} before and {after} after")
    }
}
