//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! One role as a process: a node behind a driver, a page for operators (and on `coord` the shop), and
//! a parent that is listened to on standard input. When that ends, the role ends.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use clap::{Args, Parser, ValueEnum};
use lab::NodeId;
use lab::event::NodeInfo;
use lab::run::children::{say_ready, watch_stdin};
use lab::run::{Config, Data, Driver, EventFile, Observer};
use serde::{Deserialize, Serialize};

use super::by_hand;
use super::design::Design;
use super::inhabitant::Inhabitant;
use super::operator;
use super::shop::{self as pages, Edges};
use super::trouble::Trouble;
use crate::deeper::paxos_commit;
use crate::shop::Shop;
use crate::types::{COORD, PAY, STOCK};

/// The processes.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes orders, and decides.
    Coord,
    /// Keeps votes, and decides if `coord` cannot (Paxos Commit).
    #[serde(rename = "coord-2")]
    #[value(name = "coord-2")]
    Coord2,
    /// As `coord-2`.
    #[serde(rename = "coord-3")]
    #[value(name = "coord-3")]
    Coord3,
    /// Keeps the shelf.
    Stock,
    /// Keeps the purses and the till.
    Pay,
}

impl Role {
    /// All there are in any design, in the order of their columns.
    pub const ALL: [Self; 5] = [Self::Coord, Self::Coord2, Self::Coord3, Self::Stock, Self::Pay];

    /// As it is called everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Coord => "coord",
            Self::Coord2 => "coord-2",
            Self::Coord3 => "coord-3",
            Self::Stock => "stock",
            Self::Pay => "pay",
        }
    }

    /// What it is in a picture.
    fn kind(self) -> &'static str {
        if self.decides() { "coord" } else { self.name() }
    }

    /// The node it runs.
    #[must_use]
    pub fn id(self) -> NodeId {
        match self {
            Self::Coord => COORD,
            Self::Coord2 => paxos_commit::COORD_2,
            Self::Coord3 => paxos_commit::COORD_3,
            Self::Stock => STOCK,
            Self::Pay => PAY,
        }
    }

    /// Whether it is a coordinator: one that decides, and keeps no accounts.
    #[must_use]
    pub fn decides(self) -> bool {
        match self {
            Self::Coord | Self::Coord2 | Self::Coord3 => true,
            Self::Stock | Self::Pay => false,
        }
    }
}

/// How to run one role.
#[derive(Args, Clone, Debug)]
pub struct RoleArgs {
    /// Which one
    pub role: Role,
    /// Where it keeps its log
    #[arg(long)]
    pub dir: PathBuf,
    /// Which cluster it belongs to
    #[arg(long)]
    pub cluster: u64,
    /// What the cluster runs
    #[arg(long, value_enum, default_value_t)]
    pub design: Design,
    /// Where it serves HTTP; if that is taken, on a free port
    #[arg(long, default_value = "127.0.0.1:0")]
    pub http: SocketAddr,
    /// Make kill -9 as bad as a power cut
    #[arg(long)]
    pub power_cut: bool,
    /// Abort right after this effect, counted from 1
    #[arg(long)]
    pub crash_after_effect: Option<u64>,
    /// Write the event log into this directory
    #[arg(long, requires = "epoch")]
    pub events: Option<PathBuf>,
    /// Time 0 of the event log, in µs since 1970
    #[arg(long)]
    pub epoch: Option<u64>,
    /// Keep the accounts in this PostgreSQL database
    #[arg(long, conflicts_with_all = ["events", "power_cut"])]
    pub postgres: Option<String>,
}

/// What a parent tells its roles about each other.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Book {
    pub(super) nodes: BTreeMap<NodeId, SocketAddr>,
    pub(super) edges: BTreeMap<Role, SocketAddr>,
}

/// Runs a role until its standard input ends: what `role coord --dir …` on a command line means.
///
/// # Errors
/// It cannot start.
pub fn role<T: Into<OsString> + Clone>(args: impl IntoIterator<Item = T>) -> Result<(), Trouble> {
    #[derive(Parser)]
    #[command(name = "role", no_binary_name = true)]
    struct Line {
        #[command(flatten)]
        args: RoleArgs,
    }
    let line = Line::try_parse_from(args).map_err(|e| Trouble::Refused(e.to_string()))?;
    play(line.args, ())
}

/// As [`role`], with somebody who watches the node.
///
/// # Errors
/// It cannot start.
pub fn play(args: RoleArgs, observer: impl Observer<Shop>) -> Result<(), Trouble> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // Somebody else may have installed one: then that one is wanted.
    let _ =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).try_init();
    let edges = Edges::default();
    if let Some(url) = &args.postgres {
        return elsewhere(&args, url, edges);
    }
    let driver = Arc::new(Driver::start(config(&args), args.design.node(args.role), observer)?);
    let pages = match args.role {
        Role::Coord => pages::router(&driver, Arc::clone(&edges)),
        Role::Coord2 | Role::Coord3 => Router::new(),
        Role::Stock | Role::Pay => by_hand::router(&driver),
    };
    live(&args, driver, edges, pages)
}

#[cfg(feature = "engines")]
fn elsewhere(args: &RoleArgs, url: &str, edges: Edges) -> Result<(), Trouble> {
    let config = super::postgres::Config {
        crash_after_effect: args.crash_after_effect,
        ..super::postgres::Config::new(args.cluster, args.role.id(), url)
    };
    let participant = Arc::new(super::postgres::Participant::start(&config)?);
    live(args, participant, edges, Router::new())
}

#[cfg(not(feature = "engines"))]
fn elsewhere(_args: &RoleArgs, _url: &str, _edges: Edges) -> Result<(), Trouble> {
    Err(Trouble::NotBuiltIn)
}

fn config(args: &RoleArgs) -> Config {
    let dir = args.dir.clone();
    let data = if args.power_cut { Data::PowerCut(dir) } else { Data::Dir(dir) };
    let mut config = Config::new(args.cluster, args.role.id(), data);
    config.crash_after_effect = args.crash_after_effect;
    let node = |role: Role| NodeInfo { name: role.name().into(), role: role.kind().into() };
    config.events = args.events.clone().map(|dir| EventFile {
        dir,
        title: args.design.title().into(),
        nodes: args.design.roles().iter().map(|role| (role.id(), node(*role))).collect(),
        epoch: UNIX_EPOCH + Duration::from_micros(args.epoch.unwrap_or_default()),
    });
    config
}

/// Lets somebody live in this process until standard input ends.
pub(super) fn live<I: Inhabitant>(
    args: &RoleArgs,
    inhabitant: Arc<I>,
    edges: Edges,
    pages: Router,
) -> Result<(), Trouble> {
    let pages = operator::finish(pages.merge(operator::router(args.role, &inhabitant)));
    let listener = listen(args.http)?;
    let edge = listener.local_addr().map_err(Trouble::io("read the own address"))?;
    let runtime = inhabitant.runtime();
    runtime.spawn(async move {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => drop(axum::serve(listener, pages).await),
            Err(error) => tracing::error!(%error, "no HTTP"),
        }
    });
    // Ctrl-C in a terminal reaches every process of it. Here the parent decides when to end.
    runtime.spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
    say_ready(inhabitant.addr());
    println!("http {edge}");
    let (for_lines, for_end) = (Arc::clone(&inhabitant), Arc::clone(&inhabitant));
    let peers = args.design.peers(args.role);
    watch_stdin(move |line| hear(&peers, &for_lines, &edges, &line), move || for_end.stop());
    let waiting = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(Trouble::io("wait for the end"))?;
    waiting.block_on(inhabitant.ended());
    Ok(())
}

/// The parent tells who is where. Answered with `linked` once messages can leave.
fn hear<I: Inhabitant>(peers: &[NodeId], inhabitant: &Arc<I>, edges: &Edges, line: &str) {
    match serde_json::from_str::<Book>(line) {
        Ok(book) => {
            *edges.lock().expect("nobody panics with it") = book.edges;
            inhabitant.set_peers(book.nodes);
            let (linking, peers) = (Arc::clone(inhabitant), peers.to_vec());
            inhabitant.runtime().spawn(async move {
                linking.linked_to(&peers).await;
                println!("linked");
            });
        }
        Err(error) => tracing::error!(%error, line, "the parent was not understood"),
    }
}

fn listen(wanted: SocketAddr) -> Result<TcpListener, Trouble> {
    let free = SocketAddr::new(wanted.ip(), 0);
    let listener = TcpListener::bind(wanted).or_else(|_| TcpListener::bind(free));
    let listener = listener.map_err(Trouble::io(format!("listen on {wanted}")))?;
    listener.set_nonblocking(true).map_err(Trouble::io("listen without blocking"))?;
    Ok(listener)
}
