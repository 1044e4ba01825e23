//! `guide measure`.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use lab::system::{Cluster, Config, load};

use super::{next, say, system};
use crate::trouble::{Result, Trouble};
use crate::workspace::Workspace;

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// About how long it may take in all.
    pub seconds: u64,
    /// Where the data goes.
    pub dir: Option<PathBuf>,
    /// The outage of a coordinator instead of the comparison.
    pub outage: bool,
    /// Keep the table for the book.
    pub save: bool,
}

/// The load that a system without a comparison is measured under: so many clients at once.
const CLIENTS: [usize; 3] = [1, 8, 64];

/// Measures a chapter's system: beside the engines that do the same job, if the chapter has such a
/// comparison, else by itself under more and more clients.
///
/// # Errors
/// The build is not meant for measuring, an engine is missing, or something does not run.
pub fn measure(ws: &Workspace, chapter: &str, wanted: Wanted, out: &mut dyn Write) -> Result<bool> {
    let id = ws.chapter(chapter)?.id();
    let command = match crate::chapters::is_compared(id) {
        true => format!("cargo run --release --features engines --bin guide -- measure {id}"),
        false => format!("cargo run --release --bin guide -- measure {id}"),
    };
    if cfg!(debug_assertions) {
        let what = "this build checks itself at every step: its times mean nothing";
        return Err(Trouble::new(what, format!("run `{command}`")));
    }
    if crate::chapters::is_compared(id) {
        run(ws, wanted, &command, out)
    } else {
        alone(ws, id, wanted, out)
    }
}

/// One cluster, in a directory of its own, and a third of the time for each number of clients.
fn alone(ws: &Workspace, id: &str, wanted: Wanted, out: &mut dyn Write) -> Result<bool> {
    let system = system::of(ws, id)?;
    let error = |e: lab::system::Error| Trouble::new(e.to_string(), "");
    let dir = wanted.dir.unwrap_or_else(|| ws.root.join("target/measure")).join(id);
    let prefix = system::prefix(id);
    let config = Config { prefix, ..Config::new(system, dir.clone()).map_err(error)? };
    let cluster = Cluster::start(config).map_err(error)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Trouble::new(format!("cannot wait: {e}"), ""))?;
    let time = Duration::from_secs((wanted.seconds / CLIENTS.len() as u64).max(1));
    let mut all_ok = true;
    for clients in CLIENTS {
        let workload = system.workload(cluster.front());
        let (name, endpoints) = (system.name(), cluster.endpoints());
        let done = load(name, &*workload, &endpoints, &dir, clients, time);
        let done = runtime.block_on(done).map_err(error)?;
        all_ok &= done.verdict.0;
        say(out, &format!("{done}\n"))?;
    }
    cluster.stop().map_err(error)?;
    next(out, &[format!("cargo guide load {id} --help")])?;
    Ok(all_ok)
}

#[cfg(feature = "engines")]
fn run(ws: &Workspace, wanted: Wanted, _command: &str, out: &mut dyn Write) -> Result<bool> {
    let program = std::env::current_exe()
        .map_err(|e| Trouble::new(format!("cannot find this program: {e}"), ""))?;
    let dir = wanted.dir.unwrap_or_else(|| ws.root.join("target/measure"));
    if wanted.outage {
        let plan = crate::measure::Outage::within(program, dir, wanted.seconds);
        return crate::measure::outage(ws, &plan, wanted.save, out);
    }
    let plan = crate::measure::Plan::within(program, dir, wanted.seconds);
    crate::measure::measure(ws, &plan, wanted.save, out)
}

#[cfg(not(feature = "engines"))]
fn run(_ws: &Workspace, _wanted: Wanted, command: &str, _out: &mut dyn Write) -> Result<bool> {
    Err(Trouble::new("this build has no database client in it", format!("run `{command}`")))
}
