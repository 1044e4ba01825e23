//! The shop as processes, with everything traced: `cargo ch04 shop`.
//!
//! It is chapters 1 to 3 as one system, and a collector. A balancer and web processes serve users (chapter
//! 1); what they buy is paid with a coordinator and two participants (chapter 2); sessions and decisions are
//! in three replicas (chapter 3). No chapter knows another one: what a web process and the coordinators ask
//! outside is put in here ([`Outside`], [`decisions::start_on`]).
//!
//! Every role but the collector makes spans of what it does for a request, and sends them there. Contexts
//! travel in header fields, in the frames of [`lab::run`], and in front of commands to the replicas; spans
//! are made where a driver takes a message.
//!
//! `--small` is chapter 2's shop alone: three processes and the collector.
//! A role that is killed takes along the spans that it had not sent; with `--recorder`, its next start sends them.
//!
//! # Left out
//!
//! Reading the flight recorder of a role that is not started again.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ch01_sticky_sessions::system::{Outside, Till};
use ch02_two_phase_commit::system::{Design, decisions};
use ch03_paxos::types::Timer;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use lab::NodeId;
use lab::event::Log;
use lab::resp::Servers;
use lab::run::Tracer;
use lab::system::{
    BoxFuture, Endpoints, Error, Handle, Layout, Options, Part, RespStore, Role, RoleConfig,
    RoleReport, Service, Status, System, Texts, Workload, report, run_within,
};

use super::buyers::Buyers;
use super::exporter::{self, Exporter};
use super::now;
use super::role::Collector;
use super::share::Share;
use super::spans::{Recorded, Spans};

/// The shop with its collector.
pub const SYSTEM: &dyn System = &Shop;

const PAGES: &dyn System = ch01_sticky_sessions::system::SYSTEM;
const CHECKOUT: &dyn System = ch02_two_phase_commit::system::SYSTEM;
const STORE: &dyn System = ch03_paxos::system::SYSTEM;

const COLLECTOR: &str = "collector";
const BALANCER: &str = "lb";
/// The names of all replicas begin with it.
const REPLICA: &str = "replica-";
/// No node has this id.
const COLLECTOR_ID: NodeId = NodeId(1_000);
/// Each chapter's ids are so much larger than those of the one before.
const OFFSET: u64 = 10_000;
/// Chapter 2's shop alone.
const SMALL: &str = "small";
/// Spans are written down before they are sent.
const RECORDER: &str = "recorder";
/// Which share of the requests is recorded.
pub(super) const SAMPLE: &str = "sample";
/// A server of the replicated store that does not answer within this time is not asked further.
const WITHIN: Duration = Duration::from_millis(500);
/// The same for sessions: a web node waits 400 ms, and a second server is to be asked in this time.
const SESSION_WITHIN: Duration = Duration::from_millis(150);

struct Shop;

fn is_collector(config: &RoleConfig) -> bool {
    config.role.name == COLLECTOR
}

/// Where the collector serves now.
fn target(endpoints: &Mutex<Endpoints>) -> Option<SocketAddr> {
    let all = endpoints.lock().expect("no thread panics with this lock held");
    all.iter().find(|(name, _)| name == COLLECTOR).map(|(_, http)| *http)
}

/// The systems whose processes these are.
fn parts(options: &Options) -> Vec<Part> {
    let part = |system, options, offset| Part { system, options, offset };
    if options.has(SMALL) {
        return vec![part(CHECKOUT, options.clone(), 0)];
    }
    let with = |name: &'static str| Options::default().with_values(name, options.values(name));
    let pages = with("shop-port").with_value("design", "7").with_value("nodes", "2");
    vec![
        part(PAGES, pages.with_flag("sessions"), 0),
        part(CHECKOUT, Design::Decisions.options(), OFFSET),
        part(STORE, Options::default().with_value("redis-port", "0"), 2 * OFFSET),
    ]
}

/// The system that a role belongs to.
fn of(role: &str) -> &'static dyn System {
    match role {
        BALANCER => PAGES,
        web if web.starts_with("web-") => PAGES,
        replica if replica.starts_with(REPLICA) => STORE,
        _ => CHECKOUT,
    }
}

/// The servers of the replicated store, wherever they are now.
fn replicas(config: &RoleConfig, within: Duration) -> Servers {
    let (endpoints, cluster) = (Arc::clone(&config.endpoints), config.cluster);
    let find = move || {
        let mut all = endpoints.lock().expect("no thread panics with this lock held").clone();
        all.retain(|(name, _)| name.starts_with(REPLICA));
        async move {
            let all = report(&all, Some(cluster)).await.into_iter();
            let redis = |status: Status| status.own.get("redis")?.as_str()?.parse().ok();
            all.filter_map(|(_, status)| redis(status?)).collect()
        }
    };
    Servers::found(Box::new(move || Box::pin(find())), within).traced()
}

/// Starts a role of one of the chapters, with what it asks outside.
fn start(part: &Part, config: &RoleConfig, is_small: bool) -> Result<Arc<dyn Service>, Error> {
    let name = config.role.name.as_str();
    if is_small {
        part.system.serve(config)
    } else if name.starts_with("web-") {
        let till = Some(Till::new(config, "coord"));
        ch01_sticky_sessions::system::serve(
            config,
            Outside { sessions: Some(replicas(config, SESSION_WITHIN)), till },
        )
    } else if name == "store" {
        let rows = RespStore::on(replicas(config, WITHIN), &decisions::prefix(config.cluster));
        let store = decisions::start_on(config, "the replicas".into(), Box::new(rows))?;
        Ok(Arc::new(store))
    } else {
        part.system.serve(config)
    }
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
        "The shop of all chapters, traced: each request is one picture of what every process did for it."
    }

    fn texts(&self) -> Texts {
        Texts {
            ready: "orders are taken",
            try_first: &["client buy umbrella", "kill replica-1", "status"],
            after_a_kill: "client in-doubt",
        }
    }

    fn greeting(&self, roles: &[RoleReport]) -> Vec<String> {
        let collector = roles.iter().find(|role| role.role == COLLECTOR);
        let lines = collector.map(|role| {
            let http = role.http;
            [format!("open http://{http}/ in another tab: each request is a trace")]
        });
        let pages = if roles.iter().any(|role| role.role == BALANCER) { PAGES } else { CHECKOUT };
        pages.greeting(roles).into_iter().chain(lines.into_iter().flatten()).collect()
    }

    fn options(&self) -> Vec<Arg> {
        let flag = |name| Arg::new(name).long(name).action(ArgAction::SetTrue);
        let small = flag(SMALL).help("Chapter 2's shop alone: three processes and the collector");
        let port = Arg::new("shop-port").long("shop-port").value_name("N");
        let port = port.value_parser(value_parser!(u16)).conflicts_with(SMALL);
        let port = port.help("Where users come; 0 is any free port");
        let recorder = flag(RECORDER).help("Keep the last spans of each process through a kill -9");
        let sample = Arg::new(SAMPLE).long(SAMPLE).value_name("SHARE");
        let sample = sample.value_parser(str::parse::<Share>);
        let sample = sample.help(
            "Which share of the requests is recorded, of those whose caller does not say: 0, 1 or 1/N; \
             default: 1",
        );
        // What chapter 2's own cluster takes, its shop alone may be asked for.
        let own = CHECKOUT.options().into_iter().map(|option| option.requires(SMALL));
        own.chain([small, port, recorder, sample]).collect()
    }

    fn role_names(&self) -> Vec<&'static str> {
        let all = [PAGES, CHECKOUT, STORE].map(System::role_names);
        let mut all: Vec<_> = all.into_iter().flatten().chain([COLLECTOR]).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn tracer(&self, config: &RoleConfig) -> Option<Arc<dyn Tracer>> {
        if is_collector(config) {
            return None;
        }
        let endpoints = Arc::clone(&config.endpoints);
        let exporter = Exporter::start_at(exporter::Options::new(""), move || target(&endpoints));
        let exporter = exporter.inspect_err(|why| tracing::error!(%why, "no spans")).ok()?;
        let seed = now() ^ u64::from(std::process::id()).rotate_left(40);
        // Beside the folder of the role: in there is its log, and nothing else may be.
        let file = config.options.has(RECORDER).then(|| config.dir.with_extension("ring"));
        let spans = Spans::new(seed, Recorded::new(exporter, file.as_deref()));
        let share = config.options.values(SAMPLE).iter().find_map(|share| share.parse().ok());
        let spans = spans.recording(share.unwrap_or_else(Share::all));
        // A replica that hears of no leader: what follows is an election. No other role elects.
        let begins = config.role.name.starts_with(REPLICA).then(|| Timer::Suspect.to_string());
        Some(Arc::new(spans.beginning_with(begins.into_iter().collect())))
    }

    fn layout(&self, options: &Options) -> Result<Layout, Error> {
        let (parts, is_small) = (parts(options), options.has(SMALL));
        let checkout = if is_small { &parts[0] } else { &parts[1] };
        let Layout { title, front, kept, .. } = CHECKOUT.layout(&checkout.options)?;
        let roles: Result<Vec<Vec<Role>>, Error> = parts.iter().map(Part::roles).collect();
        let collector = Role {
            kind: "collector".into(),
            has_log: false,
            // The others send it what they still have.
            ends_last: true,
            ..Role::new(COLLECTOR, COLLECTOR_ID, &[])
        };
        let roles = roles?.into_iter().flatten().chain([collector]).collect();
        let kept = if is_small { kept.with_flag(SMALL) } else { kept };
        let kept = if options.has(RECORDER) { kept.with_flag(RECORDER) } else { kept };
        Ok(Layout { title, roles, front, kept })
    }

    fn serve(&self, config: &RoleConfig) -> Result<Arc<dyn Service>, Error> {
        if is_collector(config) {
            return Ok(Arc::new(Collector::open(&config.dir)?));
        }
        let is_small = config.options.has(SMALL);
        for part in parts(&config.options) {
            if let Some(service) = part.serve(config, |own| start(&part, own, is_small))? {
                return Ok(service);
            }
        }
        Err(Error::Refused(self.absent(&config.role.name)))
    }

    fn describe(&self, role: &str, status: Option<&Status>) -> Vec<String> {
        match status {
            Some(status) if role == COLLECTOR => vec![format!("spans: {}", status.own["spans"])],
            _ => of(role).describe(role, status),
        }
    }

    fn lost(&self, role: &str, status: &Status) -> String {
        if role == COLLECTOR {
            return "spans that no process was told are stored; they are sent again".into();
        }
        of(role).lost(role, status)
    }

    fn is_busy(&self, role: &str, status: &Status) -> bool {
        of(role).is_busy(role, status)
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

    fn replay(&self, log: &Log) -> Result<Log, String> {
        CHECKOUT.replay(log)
    }

    fn workload(&self, front: SocketAddr) -> Box<dyn Workload> {
        CHECKOUT.workload(front)
    }

    /// Users of the whole shop come to the balancer; chapter 2's shop alone has no pages.
    fn workload_of(&self, front: SocketAddr, endpoints: &Endpoints) -> Box<dyn Workload> {
        match endpoints.iter().find(|(role, _)| role == BALANCER) {
            Some((_, balancer)) => Box::new(Buyers::new(*balancer, front)),
            None => self.workload(front),
        }
    }
}
