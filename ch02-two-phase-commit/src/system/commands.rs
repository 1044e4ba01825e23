//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! What the command line can be asked for, and what it prints.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::by_hand::{self, Ending};
use super::call::Caller;
use super::cluster::{Config, Killed, Restarted};
use super::control::{Order, run};
use super::customer::{Wanted, ask, doubts};
use super::design::Design;
use super::load::load;
use super::memory::Memory;
use super::role::{Role, RoleArgs, play};
use super::terminal::show;
use super::trouble::Trouble;
use crate::types::TxId;

const DIR: &str = "target/ch02";

/// Where a cluster lives.
#[derive(Args, Clone, Debug)]
pub struct Dir {
    /// The cluster's data directory
    #[arg(long, global = true, default_value = DIR)]
    dir: PathBuf,
}

/// One command.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Start coord, stock and pay (with --paxos coord-2 and coord-3, too), and keep them until Ctrl-C
    Cluster {
        /// Which cluster.
        #[command(flatten)]
        dir: Dir,
        /// The shop's port; without it, the one of last time or a free one
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Let three coordinators keep the votes: two are enough to finish what one began
        #[arg(long, conflicts_with_all = ["termination", "participant"])]
        paxos: bool,
        /// Let participants in doubt ask each other
        #[arg(long, conflicts_with = "participant")]
        termination: bool,
        /// Make `kill` as bad as a power cut: what was not forced to disk is lost
        #[arg(long)]
        power_cut: bool,
        /// Record the run into this empty directory, for `cargo guide replay DIR/run.jsonl`
        #[arg(long)]
        events: Option<PathBuf>,
        /// Let one participant keep its accounts in PostgreSQL
        #[arg(long, value_name = "ROLE=URL", value_parser = database)]
        participant: Vec<(Role, String)>,
    },
    /// Be a customer
    Client {
        /// Which cluster.
        #[command(flatten)]
        dir: Dir,
        /// What the customer wants.
        #[command(subcommand)]
        wanted: Wanted,
    },
    /// Who is up, what is in doubt, what was written
    Status(Dir),
    /// kill -9 one role
    Kill {
        /// coord, stock or pay; with --paxos also coord-2 or coord-3
        role: Role,
        /// Which cluster.
        #[command(flatten)]
        dir: Dir,
    },
    /// Start one role again
    Restart {
        /// coord, stock or pay; with --paxos also coord-2 or coord-3
        role: Role,
        /// Which cluster.
        #[command(flatten)]
        dir: Dir,
        /// Let it die by itself right after its Kth effect: the worst moment, every time
        #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..))]
        crash_after_effect: Option<u64>,
    },
    /// Decide by hand what a participant is in doubt about. It may be wrong, and then it stays wrong
    Resolve {
        /// stock or pay
        role: Role,
        /// Which transaction, such as 2.1
        #[arg(value_parser = by_hand::tx)]
        tx: TxId,
        /// commit or abort
        end: Ending,
        /// Which cluster.
        #[command(flatten)]
        dir: Dir,
    },
    /// Many customers at once: committed per second, with the verdict beside it
    Load {
        /// Which cluster.
        #[command(flatten)]
        dir: Dir,
        /// How many customers
        #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
        clients: u16,
        /// For how long
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
        seconds: u64,
    },
    /// Be one role (the cluster starts these itself)
    #[command(hide = true)]
    Role(RoleArgs),
}

/// Does what was asked; gives the exit code.
///
/// # Errors
/// It could not be done.
pub fn act(command: Command) -> Result<u8, Trouble> {
    match command {
        Command::Cluster { dir, port, paxos, termination, power_cut, events, participant } => {
            if cfg!(not(unix)) {
                let why = "`cluster` needs Linux or macOS; on Windows run it inside WSL";
                return Err(Trouble::Refused(why.into()));
            }
            if !participant.is_empty() && cfg!(not(feature = "engines")) {
                return Err(Trouble::NotBuiltIn);
            }
            let config = Config::new(dir.dir.clone())?;
            let databases = participant.into_iter().collect();
            let design = match (paxos, termination) {
                (true, _) => Design::Paxos,
                (false, true) => Design::Termination,
                (false, false) => Design::TwoPhases,
            };
            let config = Config { design, port, power_cut, events, databases, ..config };
            let flag = dir.flag();
            run(config, move |happening| show(happening, &flag)).map(|()| 0)
        }
        Command::Role(args) => play(args, ()).map(|()| 0),
        Command::Client { dir, wanted } => wait(customer(&dir, &wanted)),
        Command::Status(dir) => wait(status(&dir)),
        Command::Kill { role, dir } => wait(kill(&dir, role)),
        Command::Restart { role, dir, crash_after_effect } => {
            wait(restart(&dir, Order { role, crash_after_effect }))
        }
        Command::Resolve { role, tx, end, dir } => wait(resolve(&dir, role, tx, end)),
        Command::Load { dir, clients, seconds } => wait(loaded(&dir, clients, seconds)),
    }
}

/// `pay=postgres://…`
fn database(text: &str) -> Result<(Role, String), String> {
    let wanted = "write stock=postgres://USER@HOST:PORT/DATABASE, or pay=…";
    let (role, url) = text.split_once('=').ok_or(wanted)?;
    let role = <Role as clap::ValueEnum>::from_str(role, false).map_err(|_| wanted)?;
    if role.decides() || !url.starts_with("postgres") {
        return Err(wanted.into());
    }
    Ok((role, url.to_owned()))
}

fn wait(work: impl Future<Output = Result<u8, Trouble>>) -> Result<u8, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Trouble::io("start the runtime"))?;
    runtime.block_on(work)
}

impl Dir {
    /// What the next command has to say to mean the same cluster.
    fn flag(&self) -> String {
        if self.dir == Path::new(DIR) {
            String::new()
        } else {
            format!(" --dir {}", self.dir.display())
        }
    }

    fn memory(&self) -> Result<Memory, Trouble> {
        Memory::read(&self.dir)
    }

    fn control(&self) -> Result<Caller, Trouble> {
        let none = || Trouble::NoCluster(self.dir.clone());
        Ok(Caller::new(self.memory()?.control.ok_or_else(none)?))
    }

    /// Asks the parent. If nobody is there, the cluster is not running.
    async fn control_post(&self, path: &str, order: &Order) -> Result<Value, Trouble> {
        let answer = self.control()?.post(path, &json!(order)).await;
        let answer = answer.map_err(|_| Trouble::NoCluster(self.dir.clone()))?;
        if answer.status == 200 {
            return Ok(answer.body);
        }
        Err(Trouble::Refused(answer.field("error").to_owned()))
    }

    async fn status(&self) -> Result<Value, Trouble> {
        let answer = self.control()?.get("/status").await;
        Ok(answer.map_err(|_| Trouble::NoCluster(self.dir.clone()))?.body)
    }
}

async fn customer(dir: &Dir, wanted: &Wanted) -> Result<u8, Trouble> {
    let none = || Trouble::NoCluster(dir.dir.clone());
    let shop = dir.memory()?.shop.ok_or_else(none)?;
    let said = match ask(shop, wanted).await {
        // The shop is on coord. What the others wait for can be asked without it.
        Err(_) if matches!(wanted, Wanted::InDoubt) => {
            for row in rows(&dir.status().await?) {
                println!("{}", doubts(row["role"].as_str().unwrap_or_default(), &row["says"]));
            }
            return Ok(0);
        }
        said => said?,
    };
    println!("{}", said.text);
    Ok(said.code)
}

fn rows(status: &Value) -> Vec<Value> {
    status["roles"].as_array().cloned().unwrap_or_default()
}

async fn status(dir: &Dir) -> Result<u8, Trouble> {
    let status = dir.status().await?;
    for row in rows(&status) {
        let (role, says) = (row["role"].as_str().unwrap_or_default(), &row["says"]);
        println!("{}", doubts(role, says));
        for field in ["guessed", "damage"] {
            for end in says[field].as_array().into_iter().flatten().filter_map(Value::as_str) {
                println!("       {field}: {end}");
            }
        }
        if !says.is_null() {
            println!(
                "       pid {}, start {}, http {}; since then {} records in {} forced writes, \
                 {} bytes, {} messages sent",
                row["pid"],
                says["start"],
                row["http"].as_str().unwrap_or_default(),
                says["records"],
                says["syncs"],
                says["log_bytes"],
                says["messages"],
            );
        }
    }
    Ok(0)
}

async fn kill(dir: &Dir, role: Role) -> Result<u8, Trouble> {
    let before = rows(&dir.status().await?);
    let before = before.into_iter().find(|row| row["role"] == json!(role)).unwrap_or_default();
    let order = Order { role, crash_after_effect: None };
    let body = dir.control_post("/kill", &order).await?;
    let Ok(killed) = serde_json::from_value::<Killed>(body) else {
        return Err(Trouble::Refused("the cluster answers in words of another version".into()));
    };
    let says = &before["says"];
    if says.is_null() {
        println!("{} was down already", role.name());
        return Ok(1);
    }
    println!("killed {} (SIGKILL), pid {}", role.name(), killed.pid);
    let open = says["in_doubt"].as_array().map_or(0, Vec::len);
    println!("lost:  its memory, and with it what it knew of {open} open orders");
    if killed.power_cut {
        println!("       and whatever it had written and not forced: as in a power cut");
    } else {
        println!("kept:  its log. kill -9 does not take what the operating system already holds,");
        println!("       so it says nothing about forced writes; cluster --power-cut does");
    }
    println!(
        "then:  cargo ch02 client{0} in-doubt, cargo ch02 restart {1}{0}",
        dir.flag(),
        role.name()
    );
    Ok(0)
}

async fn restart(dir: &Dir, order: Order) -> Result<u8, Trouble> {
    let body = dir.control_post("/restart", &order).await?;
    let Ok(restarted) = serde_json::from_value::<Restarted>(body) else {
        return Err(Trouble::Refused("the cluster answers in words of another version".into()));
    };
    let name = order.role.name();
    println!("{name} is back, pid {}, with everything its log kept", restarted.pid);
    if let Some(effect) = restarted.crash_after_effect {
        println!("it will die by itself right after effect {effect} of this life");
    }
    Ok(0)
}

async fn resolve(dir: &Dir, role: Role, tx: TxId, end: Ending) -> Result<u8, Trouble> {
    let edges = edges(&dir.status().await?);
    let edge = edges.get(&role).ok_or(Trouble::NotHere(role))?;
    by_hand::resolve(*edge, tx, end).await?;
    println!("{} has ended {tx} as you say, and let go of its accounts", role.name());
    println!("if that was wrong, nothing here can repair it: see cargo ch02 status{}", dir.flag());
    Ok(0)
}

fn edges(status: &Value) -> BTreeMap<Role, SocketAddr> {
    let mut edges = BTreeMap::new();
    for row in rows(status) {
        let role: Result<Role, _> = serde_json::from_value(row["role"].clone());
        let http = row["http"].as_str().and_then(|http| http.parse().ok());
        if let (Ok(role), Some(http)) = (role, http) {
            edges.insert(role, http);
        }
    }
    edges
}

async fn loaded(dir: &Dir, clients: u16, seconds: u64) -> Result<u8, Trouble> {
    let edges = edges(&dir.status().await?);
    println!("{clients} customers for {seconds} s, each waits for its answer and asks again …");
    let load = load(&edges, &dir.dir, clients.into(), Duration::from_secs(seconds)).await?;
    println!("{load}");
    Ok(u8::from(load.totals.0 != load.totals.1))
}
