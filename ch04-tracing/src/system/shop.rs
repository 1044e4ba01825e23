//! The shop as processes, with everything traced: `cargo ch04 shop`.
//!
//! It is chapter 2's shop with one role more, the collector. Every other role makes spans of what it does for
//! a request, and sends them there. Chapter 2 does not know about it: contexts travel in the frames of
//! [`lab::run`], and spans are made where a driver takes a message.
//!
//! # Left out
//!
//! The balancer and the sessions of chapter 1, and the replicas of chapter 3. A role that is killed takes
//! along the spans that it had not sent.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use clap::{Arg, ArgMatches, Command};
use lab::NodeId;
use lab::event::Log;
use lab::run::Tracer;
use lab::system::{
    BoxFuture, Endpoints, Error, Handle, Layout, Options, Role, RoleConfig, RoleReport, Service,
    Status, System, Texts, Workload, run_within,
};
use serde_json::{Map, json};
use tokio::runtime::{self, Builder, Runtime};
use tokio::sync::watch;

use super::collector::{self, Shared};
use super::exporter::{self, Exporter};
use super::now;
use super::spans::Spans;
use crate::store::{self, Store};

/// The shop with its collector.
pub const SYSTEM: &dyn System = &Shop;

const CHECKOUT: &dyn System = ch02_two_phase_commit::system::SYSTEM;
const COLLECTOR: &str = "collector";
/// No node has this id.
const COLLECTOR_ID: NodeId = NodeId(1_000);

struct Shop;

fn is_collector(config: &RoleConfig) -> bool {
    config.role.name == COLLECTOR
}

/// Where the collector serves now; it may be elsewhere after a restart.
fn target(endpoints: &Mutex<Endpoints>) -> Option<SocketAddr> {
    let all = endpoints.lock().expect("no thread panics with this lock held");
    all.iter().find(|(name, _)| name == COLLECTOR).map(|(_, http)| *http)
}

/// The command line of the shop: `cluster` if nothing else is said. `args` begin with `shop`.
pub(super) fn main(args: &[OsString]) -> ExitCode {
    let is_option = |arg: &OsString| arg.to_string_lossy().starts_with("--");
    let starts =
        args.get(1).is_none_or(|arg| is_option(arg) && arg != "--help" && arg != "--version");
    let cluster = starts.then(|| OsString::from("cluster"));
    let args = args[..1].iter().cloned().chain(cluster).chain(args[1..].iter().cloned());
    run_within(SYSTEM, vec![super::SHOP.into(), "role".into()], args).into()
}

impl System for Shop {
    fn name(&self) -> &'static str {
        "ch04 shop"
    }

    fn about(&self) -> &'static str {
        "Chapter 2's shop, traced: each order is one picture of what every process did for it."
    }

    fn texts(&self) -> Texts {
        CHECKOUT.texts()
    }

    fn greeting(&self, roles: &[RoleReport]) -> Vec<String> {
        let collector = roles.iter().find(|role| role.role == COLLECTOR);
        let lines = collector.map(|role| {
            let http = role.http;
            [format!("open http://{http}/ in a browser: each order is a trace")]
        });
        let own = lines.into_iter().flatten();
        own.chain(CHECKOUT.greeting(roles)).collect()
    }

    fn options(&self) -> Vec<Arg> {
        CHECKOUT.options()
    }

    fn role_names(&self) -> Vec<&'static str> {
        CHECKOUT.role_names().into_iter().chain([COLLECTOR]).collect()
    }

    fn tracer(&self, config: &RoleConfig) -> Option<Arc<dyn Tracer>> {
        if is_collector(config) {
            return None;
        }
        let endpoints = Arc::clone(&config.endpoints);
        let exporter = Exporter::start_at(exporter::Options::new(""), move || target(&endpoints));
        let exporter = exporter.inspect_err(|why| tracing::error!(%why, "no spans")).ok()?;
        let seed = now() ^ u64::from(std::process::id()).rotate_left(40);
        Some(Arc::new(Spans::new(seed, Box::new(move |span| exporter.record(span)))))
    }

    fn layout(&self, options: &Options) -> Result<Layout, Error> {
        let mut layout = CHECKOUT.layout(options)?;
        layout.roles.push(Role {
            kind: "collector".into(),
            has_log: false,
            ..Role::new(COLLECTOR, COLLECTOR_ID, &[])
        });
        Ok(layout)
    }

    fn cannot_go_on(&self, dir: &Path, kept: &Options, now: &Options) -> Option<String> {
        CHECKOUT.cannot_go_on(dir, kept, now)
    }

    fn absent(&self, role: &str) -> String {
        CHECKOUT.absent(role)
    }

    fn serve(&self, config: &RoleConfig) -> Result<Arc<dyn Service>, Error> {
        if is_collector(config) {
            return Ok(Arc::new(Collector::open(&config.dir)?));
        }
        CHECKOUT.serve(config)
    }

    fn describe(&self, role: &str, status: Option<&Status>) -> Vec<String> {
        match status {
            Some(status) if role == COLLECTOR => vec![format!("spans: {}", status.own["spans"])],
            _ => CHECKOUT.describe(role, status),
        }
    }

    fn lost(&self, status: &Status) -> String {
        if status.own.contains_key("spans") {
            return "spans that no process was told are stored; they are sent again".into();
        }
        CHECKOUT.lost(status)
    }

    fn is_busy(&self, status: &Status) -> bool {
        CHECKOUT.is_busy(status)
    }

    fn commands(&self) -> Vec<Command> {
        CHECKOUT.commands()
    }

    fn act<'a>(
        &'a self,
        command: &'a str,
        args: &'a ArgMatches,
        cluster: &'a Handle,
    ) -> BoxFuture<'a, Result<u8, Error>> {
        CHECKOUT.act(command, args, cluster)
    }

    fn load_options(&self) -> Vec<Arg> {
        CHECKOUT.load_options()
    }

    fn load_other<'a>(
        &'a self,
        args: &'a ArgMatches,
        customers: usize,
        time: Duration,
    ) -> Option<BoxFuture<'a, Result<u8, Error>>> {
        CHECKOUT.load_other(args, customers, time)
    }

    fn replay(&self, log: &Log) -> Result<Log, String> {
        CHECKOUT.replay(log)
    }

    fn workload(&self, front: SocketAddr) -> Box<dyn Workload> {
        CHECKOUT.workload(front)
    }
}

/// The collector as a role.
struct Collector {
    store: Arc<Store>,
    runtime: Mutex<Option<Runtime>>,
    handle: runtime::Handle,
    /// Whether it has ended.
    ended: watch::Sender<bool>,
}

impl Collector {
    fn open(dir: &Path) -> Result<Self, Error> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(Error::io("start the collector"))?;
        let store = Store::open(dir, store::Options::default());
        let store = Arc::new(store.map_err(|why| Error::Refused(why.to_string()))?);
        let (handle, ended) = (runtime.handle().clone(), watch::Sender::new(false));
        Ok(Self { store, runtime: Mutex::new(Some(runtime)), handle, ended })
    }
}

impl Service for Collector {
    /// No node sends it messages.
    fn addr(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    fn runtime(&self) -> runtime::Handle {
        self.handle.clone()
    }

    fn set_peers(&self, _: BTreeMap<NodeId, SocketAddr>) {}

    fn linked_to<'a>(&'a self, _: &'a [NodeId]) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn stop(&self) {
        self.ended.send_replace(true);
    }

    fn ended(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let mut ended = self.ended.subscribe();
            let _ = ended.wait_for(|ended| *ended).await;
            self.store.close();
            let runtime = self.runtime.lock().expect("no thread panics with it").take();
            if let Some(runtime) = runtime {
                runtime.shutdown_background();
            }
        })
    }

    fn status(&self) -> BoxFuture<'_, Option<Status>> {
        let own = Map::from_iter([("spans".into(), json!(self.store.spans()))]);
        Box::pin(std::future::ready(Some(Status { own, start: 1, ..Status::default() })))
    }

    fn routes(&self) -> Router {
        collector::pages(Shared::new(Arc::clone(&self.store)))
    }
}
