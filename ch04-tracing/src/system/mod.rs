//! Edge: makes it survive the real world. The lesson is in the steps.
//!
//! The collector as a process: it takes spans from any OpenTelemetry exporter, keeps them, and shows them in
//! a browser. And what else runs beside it.
//!
//! | file | what it is |
//! |---|---|
//! | `collector.rs` | the process: its store, its pages, its end |
//! | `ingest.rs`, `gzip.rs` | spans arrive |
//! | `grpc.rs` | the same over gRPC (feature `grpc`) |
//! | `api.rs`, `query.rs` | spans are found, as JSON |
//! | `perfetto.rs` | a trace for Chrome's and Perfetto's viewers |
//! | `page/` | spans are found, as pages |
//! | `exporter/` | the other side: sends finished spans, and counts what became of each |
//! | `lean/` | spans for code that runs a million times a second |
//! | `recorder/` | the last spans of a process, in a file that outlives it |
//! | `shop.rs`, `role.rs`, `spans.rs`, `share.rs` | the shop of all chapters, with everything traced into a collector |
//! | `buyers.rs` | load: users who buy over the pages of that shop |
//! | `fire.rs` | a purchase that loses a replica half-way, measured |
//! | `capacity.rs` | how much the collector takes, and how fast it finds, measured |
//! | `collectors.rs` | the same over HTTP, beside another collector (feature `engines`) |
//! | `cost.rs` | what tracing costs the shop, measured |
//! | `w3c.rs` | a service for the W3C's test suite |
//!
//! # Left out
//!
//! TLS and sign-in: everything is on this machine.

mod api;
mod buyers;
pub(crate) mod capacity;
mod collector;
#[cfg(all(feature = "engines", unix))]
pub(crate) mod collectors;
pub(crate) mod cost;
pub mod exporter;
pub(crate) mod fire;
#[cfg(feature = "grpc")]
mod grpc;
mod gzip;
mod ingest;
pub mod lean;
mod page;
mod perfetto;
mod query;
pub mod recorder;
mod role;
mod share;
pub mod shop;
mod spans;
mod w3c;

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};
use tokio::net::TcpListener;

use crate::store::{Options, Store, StoreError};

const _: () = assert!(crate::store::BYTES_PER_SPAN == 411, "the help of the collector says so");

const _: () = assert!(
    crate::context::MAX_FRAME <= lab::run::MAX_CONTEXT,
    "a context travels in a frame of lab"
);

/// The command that has commands of its own: those of every system of this workspace.
const SHOP: &str = "shop";

/// Collect traces, and read them in a browser.
#[derive(Parser)]
#[command(name = "ch04", bin_name = "cargo ch04", version, about, disable_help_subcommand = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Exit code: 0 done, 2 could not be done.")]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take spans by OTLP over HTTP, keep them, and show them, until Ctrl-C
    Collector {
        /// Where the spans are kept
        #[arg(long, value_name = "DIR", default_value = "target/ch04")]
        dir: PathBuf,
        /// Where to listen; port 0 takes a free one
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4318")]
        listen: SocketAddr,
        /// Where to listen for OTLP over gRPC; port 0 takes a free one
        #[cfg(feature = "grpc")]
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4317")]
        grpc: SocketAddr,
        /// Delete the oldest spans when all of them take more room than this, in MiB
        #[arg(long, value_name = "MIB", default_value = "4096")]
        #[arg(value_parser = clap::value_parser!(u64).range(128..=1 << 24))]
        keep_mib: u64,
        /// Delete the oldest spans when there are more than this; each takes up to 411 bytes of memory
        #[arg(long, value_name = "COUNT", default_value = "4000000")]
        #[arg(value_parser = clap::value_parser!(u32).range(10_000..))]
        keep_spans: u32,
        /// Delete spans that arrived longer ago than this, in hours in which the collector runs
        #[arg(long, value_name = "HOURS", default_value = "168")]
        #[arg(value_parser = clap::value_parser!(u64).range(1..=24 * 3660))]
        keep_hours: u64,
    },
    /// Chapter 2's shop as processes, with everything traced into a collector, until Ctrl-C
    #[command(name = SHOP)]
    Shop,
    /// Answer the W3C's test suite for Trace Context, until Ctrl-C
    W3cService {
        /// Where to listen on 127.0.0.1; 0 takes a free port
        #[arg(long, value_name = "PORT", default_value = "5000")]
        port: u16,
    },
}

/// Why a command is not done.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The port is not free.
    #[error(
        "cannot listen on {address}: another program does already (an OpenTelemetry collector or Jaeger \
         would be on 4317 and 4318 too). Stop it, or add {flag} to take a free port"
    )]
    PortTaken { address: SocketAddr, flag: &'static str },
    /// The address is none of this machine.
    #[error(
        "cannot listen on {address}: {source}; choose an address of this machine and a port above 1023"
    )]
    Listen { address: SocketAddr, source: io::Error },
    /// The runtime.
    #[error("cannot start: {0}")]
    Start(io::Error),
    #[error(transparent)]
    Signals(#[from] lab::system::Error),
    #[error(transparent)]
    Files(#[from] lab::http::TooFewFiles),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The collector's pages and its intake over a store, for a program that serves them itself.
pub fn pages_over(store: Arc<Store>) -> axum::Router {
    collector::router(collector::Shared::new(store))
}

/// The whole command line.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if args.get(1).is_some_and(|command| command == SHOP) {
        return shop::main(&args[1..]);
    }
    let line = match Line::try_parse_from(args) {
        Ok(line) => line,
        Err(error) => {
            // If the terminal is gone, there is no place to report that.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let runtime = tokio::runtime::Runtime::new().map_err(Error::Start);
    let done = runtime.and_then(|runtime| runtime.block_on(run(line.command)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

async fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Collector {
            dir,
            listen,
            #[cfg(feature = "grpc")]
            grpc,
            keep_mib,
            keep_spans,
            keep_hours,
        } => {
            let options = Options {
                bytes: keep_mib << 20,
                spans: keep_spans as usize,
                age: Duration::from_secs(keep_hours * 3600),
                ..Options::default()
            };
            let addresses = collector::Addresses {
                http: listen,
                #[cfg(feature = "grpc")]
                grpc,
            };
            collector::run(&dir, addresses, options).await
        }
        Command::Shop => unreachable!("its command line is that of a system"),
        Command::W3cService { port } => w3c::run(port).await,
    }
}

async fn listen(address: SocketAddr, flag: &'static str) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => Error::PortTaken { address, flag },
        _ => Error::Listen { address, source },
    })
}

/// In ns since 1970.
#[expect(clippy::disallowed_methods, reason = "the edge is where the real clock is read")]
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
