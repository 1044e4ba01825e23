//! Edge: makes it survive the real world. The lesson is in `step4_isolation/` of chapter 2.
//!
//! What our shop does beside PostgreSQL, same transfers, same disk, one run. Three contenders:
//!
//! - **ours**: step 4 as three processes, asked over HTTP, every order under a key that makes it
//!   safe to ask again;
//! - **two PostgreSQL**: the same transfer as two prepared transactions, under a plain coordinator
//!   that forces its decision, many decisions with one write, and answers once it is down. No keys,
//!   no outcome rows: cheaper than a real one would be;
//! - **one PostgreSQL**: both accounts in one database, one local transaction. What is missing to the
//!   line above is the price of distribution.
//!
//! Everyone forces what it says it has. The contenders take turns, and what the machine does
//! meanwhile hits them alike; before each turn stands the price of one forced write and one round
//! trip at that moment. Money is counted before and after each turn: never a speed without its verdict.
//!
//! # Left out
//!
//! Two machines. On one, the clients take cores from the servers, and the network is for nothing.

mod apart;
mod cell;
mod forced_log;
mod local;
mod ours;
mod outage;
mod pool;
mod server;
mod table;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use lab::measure::Machine;
use tokio::runtime::Runtime;

use crate::commands::say;
use crate::trouble::{Result, Trouble};
use crate::workspace::Workspace;
use cell::{Cell, Contender};
pub use outage::{Plan as Outage, outage};
use table::Table;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program that plays the roles of the shop: this one.
    pub program: PathBuf,
    /// Where all data goes; a folder on the disk that is meant.
    pub dir: PathBuf,
    /// How long each turn is.
    pub turn: Duration,
    /// How many turns each contender has at each number of clients.
    pub rounds: usize,
    /// Numbers of clients.
    pub clients: Vec<usize>,
}

impl Plan {
    /// The whole comparison in about this many seconds.
    #[must_use]
    pub fn within(program: PathBuf, dir: PathBuf, seconds: u64) -> Self {
        let (rounds, clients) = (5, vec![1, 8, 64]);
        let turns = u32::try_from(rounds * clients.len() * 3).expect("a small number");
        // Connecting, warming up, counting money and floors take about half a second a turn.
        let turn = Duration::from_secs(seconds) / turns;
        let turn = turn.saturating_sub(Duration::from_millis(500)).max(Duration::from_millis(200));
        Self { program, dir, turn, rounds, clients }
    }
}

/// Measures, prints, and keeps the table: for the book if `save` says so, else under `target/`.
///
/// # Errors
/// An engine is missing, or something does not run.
pub fn measure(ws: &Workspace, plan: &Plan, save: bool, out: &mut dyn Write) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Trouble::new(format!("no runtime: {e}"), ""))?;
    std::fs::create_dir_all(&plan.dir).map_err(|e| {
        Trouble::new(format!("cannot make {}: {e}", plan.dir.display()), "choose another --dir")
    })?;
    say(
        out,
        "Transfers of one between 1000 accounts here and 1000 there, each until it is told.\n",
    )?;
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(ours::Ours::start(&runtime, plan)?),
        Box::new(apart::Apart::start(&runtime, &plan.dir)?),
        Box::new(local::Local::start(&runtime, &plan.dir)?),
    ];
    let cells = turns(&runtime, plan, &mut contenders, out)?;
    let versions = contenders.iter().map(|contender| contender.version());
    let versions: Vec<String> = versions.filter(|version| !version.is_empty()).collect();
    let table = Table { cells, machine: Machine::read(&plan.dir), versions: versions.join(", ") };
    say(out, &table.to_string())?;
    let name = "ch02_engines.json";
    let folder = if save { "book/data/measured" } else { "target/measure" };
    ws.write(&format!("{folder}/{name}"), &table.kept())?;
    say(out, &format!("\nkept in {folder}/{name}"))?;
    Ok(table.is_ok())
}

/// All in turn, again and again.
fn turns(
    runtime: &Runtime,
    plan: &Plan,
    contenders: &mut [Box<dyn Contender>],
    out: &mut dyn Write,
) -> Result<Vec<Vec<Cell>>> {
    let (columns, rows) = (plan.clients.len(), contenders.len());
    let mut cells: Vec<Vec<Cell>> = (0..columns * rows).map(|_| Vec::new()).collect();
    for round in 1..=plan.rounds {
        for (column, clients) in plan.clients.iter().enumerate() {
            for (row, contender) in contenders.iter_mut().enumerate() {
                let cell = cell::turn(runtime, plan, contender.as_mut(), *clients)?;
                say(out, &format!("round {round} of {}: {cell}", plan.rounds))?;
                cells[column * rows + row].push(cell);
            }
        }
    }
    Ok(cells)
}
