//! One role as a process: a service, its pages, and a parent whose lines come on standard input. When
//! that ends, the role ends.

use std::ffi::OsString;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::error::Error;
use super::interface::System;
use super::layout::{Addresses, Endpoints, Options};
use super::routes::router;
use super::service::{Recording, RoleConfig, Service};
use crate::NodeId;
use crate::http::{Limits, serve};
use crate::run::Tracer;
use crate::run::children::{say_ready, watch_stdin};

/// Runs a role until its standard input ends: what `role NAME --dir …` on a command line means.
/// `args` begin with the role's name.
///
/// # Errors
/// It cannot start.
pub fn role(
    system: &'static dyn System,
    args: impl IntoIterator<Item = OsString>,
) -> Result<(), Error> {
    let matches = command(system).no_binary_name(true).try_get_matches_from(args);
    play(system, &matches.map_err(|e| Error::Refused(e.to_string()))?)
}

/// The arguments of a role. [`super::Cluster`] writes them, [`play`] reads them.
pub(super) fn command(system: &dyn System) -> Command {
    let number = |name| Arg::new(name).long(name).value_parser(value_parser!(u64));
    let flag = |name| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let path = |name| Arg::new(name).long(name).value_parser(value_parser!(PathBuf));
    Command::new("role")
        .about("Be one role (the cluster starts these itself)")
        .hide(true)
        .arg(Arg::new("role").required(true).help("Which one"))
        .arg(path("dir").required(true).help("Where it keeps its log"))
        .arg(number("cluster").required(true).help("Which cluster it belongs to"))
        .arg(
            Arg::new("http")
                .long("http")
                .default_value("127.0.0.1:0")
                .value_parser(value_parser!(SocketAddr))
                .help("Where it serves HTTP; if that is taken, on a free port"),
        )
        .arg(flag("exact-port").help("Refuse to serve HTTP on another port"))
        .arg(flag("power-cut").help("Make kill -9 as bad as a power cut"))
        .arg(number("least-start").help("The least number that this start may have"))
        .arg(number("crash-after-effect").help("Abort right after this effect, counted from 1"))
        .arg(path("events").requires("epoch").help("Write the event log into this directory"))
        .arg(number("epoch").help("Time 0 of the event log, in µs since 1970"))
        .args(system.options())
}

fn config(system: &dyn System, matches: &ArgMatches) -> Result<RoleConfig, Error> {
    let options = Options::from_matches(&system.options(), matches);
    let layout = system.layout(&options)?;
    let name = matches.get_one::<String>("role").expect("it is required");
    let role = layout.role(name).ok_or_else(|| Error::Refused(system.absent(name)))?.clone();
    let number = |name| matches.get_one::<u64>(name).copied();
    let epoch = UNIX_EPOCH + Duration::from_micros(number("epoch").unwrap_or_default());
    let events = matches.get_one::<PathBuf>("events").cloned();
    let cluster = number("cluster").expect("it is required");
    let dir = matches.get_one::<PathBuf>("dir").expect("it is required").clone();
    let own = RoleConfig::new(role, (layout, options), cluster, dir);
    Ok(RoleConfig {
        least_start: number("least-start").unwrap_or(own.least_start),
        power_cut: matches.get_flag("power-cut"),
        crash_after_effect: number("crash-after-effect"),
        recording: events.map(|dir| Recording { dir, epoch }),
        ..own
    })
}

/// What a process has to report goes to standard error.
pub(super) fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // Other code of this program may have installed one: then that one is wanted.
    let _ =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).try_init();
}

/// A role that runs in this process: its service, and its pages beside it.
pub(super) struct Running {
    service: Arc<dyn Service>,
    tracer: Option<Arc<dyn Tracer>>,
    /// Where it serves HTTP.
    pub(super) http: SocketAddr,
}

impl Running {
    /// Starts it. It serves HTTP where it is told, or, unless that has to be `exact`, on a free port.
    pub(super) fn start(
        system: &dyn System,
        mut config: RoleConfig,
        http: SocketAddr,
        exact: bool,
    ) -> Result<Self, Error> {
        config.tracer = system.tracer(&config);
        let service = system.serve(&config)?;
        let tracer = config.tracer;
        let pages = router(config.role.name, config.cluster, &service, tracer.clone());
        let listener = listen(http, !exact)?;
        let http = listener.local_addr().map_err(Error::io("read the own address"))?;
        let limits = Limits::of_process().map_err(|few| Error::Refused(few.to_string()))?;
        service.runtime().spawn(async move {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => serve(listener, pages, limits, std::future::pending()).await,
                Err(error) => tracing::error!(%error, "no HTTP"),
            }
        });
        Ok(Self { service, tracer, http })
    }

    /// What runs in it.
    pub(super) fn service(&self) -> Arc<dyn Service> {
        Arc::clone(&self.service)
    }

    /// Waits until it has ended.
    pub(super) fn until_ended(self) -> Result<(), Error> {
        let waiting = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(Error::io("wait for the end"))?;
        waiting.block_on(self.service.ended());
        if let Some(tracer) = self.tracer {
            tracer.close();
        }
        Ok(())
    }
}

/// Runs the role that these arguments ask for, until standard input ends.
pub(super) fn play(system: &dyn System, matches: &ArgMatches) -> Result<(), Error> {
    log_to_stderr();
    let config = config(system, matches)?;
    let (peers, endpoints) = (config.role.peers.clone(), Arc::clone(&config.endpoints));
    let wanted = *matches.get_one("http").expect("it has a default");
    let running = Running::start(system, config, wanted, matches.get_flag("exact-port"))?;
    let service = running.service();
    // Ctrl-C in a terminal reaches every process of it. Here the parent decides when to end.
    service.runtime().spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
    say_ready(service.addr());
    println!("http {}", running.http);
    let for_end = Arc::clone(&service);
    watch_stdin(move |line| introduce(&service, &peers, &endpoints, &line), move || for_end.stop());
    running.until_ended()
}

/// The parent sends the addresses of all roles. Answered with `linked` once messages can leave.
fn introduce(
    service: &Arc<dyn Service>,
    peers: &[NodeId],
    endpoints: &Mutex<Endpoints>,
    line: &str,
) {
    match serde_json::from_str::<Addresses>(line) {
        Ok(addresses) => {
            *endpoints.lock().expect("no thread panics with this lock held") = addresses.endpoints;
            service.set_peers(addresses.nodes);
            let (linking, peers) = (Arc::clone(service), peers.to_vec());
            service.runtime().spawn(async move {
                linking.linked_to(&peers).await;
                println!("linked");
            });
        }
        Err(error) => tracing::error!(%error, line, "the parent was not understood"),
    }
}

/// A listener there; on a free port if that is taken, unless an operator asked for it.
fn listen(wanted: SocketAddr, or_free: bool) -> Result<TcpListener, Error> {
    let listener = match TcpListener::bind(wanted) {
        Err(_) if or_free => TcpListener::bind(SocketAddr::new(wanted.ip(), 0)),
        listener => listener,
    };
    let listener = listener.map_err(|source| Error::PortTaken { port: wanted.port(), source })?;
    listener.set_nonblocking(true).map_err(Error::io("listen without blocking"))?;
    Ok(listener)
}
