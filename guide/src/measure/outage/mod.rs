//! Edge: makes it survive the real world. The lesson is in `step4_isolation/` of chapter 2.
//!
//! What an outage of the coordinator looks like from `pay`. Payments come at a fixed rate, whether or
//! not the earlier ones are answered. At 5 s `coord` is killed, at 10 s it is back. No payment passes
//! a dead coordinator in any design; what differs is what it leaves behind. So beside the payments
//! come operations of `pay`'s own, one account each, and each waits until nobody else holds its
//! account: how many are stopped by an order they have nothing to do with, and for how long?
//!
//! The designs take turns. Money is counted before and after each turn.
//!
//! # Left out
//!
//! Sagas: this cluster does not run them. `pay`'s own operations are not done, only waited for, by
//! looking at its locks every few milliseconds; that interval is the least a wait can be.

mod picture;
mod turn;
mod watch;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use ch02_two_phase_commit::system::Design;
use lab::measure::Machine;

use crate::commands::say;
use crate::trouble::{Result, Trouble};
use crate::workspace::Workspace;
use picture::Picture;

/// When `coord` is killed, when it is brought back, and when the payments end.
const KILL: Duration = Duration::from_secs(5);
const BACK: Duration = Duration::from_secs(10);
const END: Duration = Duration::from_secs(15);
/// Payments, and operations of `pay`'s own, a second.
const PAYMENTS: u32 = 3_000;
const OWN: u32 = 200;
/// So many accounts on each side.
const ACCOUNTS: u64 = 100;
const BUCKET: Duration = Duration::from_millis(250);

const DESIGNS: [(Design, &str); 3] = [
    (Design::TwoPhases, "two-phase commit"),
    (Design::Termination, "those in doubt ask each other"),
    (Design::Paxos, "Paxos Commit"),
];

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program that plays the roles of the shop: this one.
    pub program: PathBuf,
    /// Where all data goes.
    pub dir: PathBuf,
    /// How many turns each design has.
    pub rounds: usize,
}

impl Plan {
    /// The whole picture in about this many seconds; each design has its turn at least once.
    #[must_use]
    pub fn within(program: PathBuf, dir: PathBuf, seconds: u64) -> Self {
        // Starting, settling and counting take about a second a turn.
        let round = (END.as_secs() + 1) * DESIGNS.len() as u64;
        Self { program, dir, rounds: usize::try_from(seconds / round).unwrap_or(1).max(1) }
    }
}

/// Measures, prints, and keeps the table: for the book if `save` says so, else under `target/`.
///
/// # Errors
/// A cluster does not run.
pub fn outage(ws: &Workspace, plan: &Plan, save: bool, out: &mut dyn Write) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Trouble::new(format!("no runtime: {e}"), ""))?;
    std::fs::create_dir_all(&plan.dir).map_err(|e| {
        Trouble::new(format!("cannot make {}: {e}", plan.dir.display()), "choose another --dir")
    })?;
    let mut turns: Vec<Vec<turn::Turn>> = DESIGNS.map(|_| Vec::new()).into();
    for round in 1..=plan.rounds {
        for (i, (design, name)) in DESIGNS.into_iter().enumerate() {
            let turn = turn::turn(&runtime, plan, design)?;
            say(out, &format!("round {round} of {}, {name}: {turn}", plan.rounds))?;
            turns[i].push(turn);
        }
    }
    let picture = Picture { turns, machine: Machine::read(&plan.dir) };
    say(out, &picture.to_string())?;
    let name = "ch02_outage.json";
    let folder = if save { "book/data/measured" } else { "target/measure" };
    ws.write(&format!("{folder}/{name}"), &picture.kept())?;
    say(out, &format!("\nkept in {folder}/{name}"))?;
    Ok(picture.is_ok())
}
