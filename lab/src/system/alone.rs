//! One role as a program in a terminal of its own, without a parent: every role has ports that follow from
//! one number, so that each finds the others without being told.
//!
//! # Left out
//!
//! Other machines: all ports are on loopback. Kills and restarts from elsewhere: Ctrl-C and the same command
//! once more do both.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, value_parser};

use super::control::asked_to_end;
use super::error::Error;
use super::interface::System;
use super::layout::{Endpoints, Layout, Options};
use super::lock::DirectoryLock;
use super::role::{Running, log_to_stderr};
use super::service::RoleConfig;
use super::terminal::say;
use crate::NodeId;
use crate::run::disk::make_durable_directory;

/// The first port, if none is given.
const PORT: &str = "7400";

/// The command.
pub(super) fn command(system: &dyn System) -> Command {
    let names = PossibleValuesParser::new(system.role_names());
    Command::new("node")
        .about("Be one role alone, in this terminal; the others run in terminals of their own")
        .arg(
            Arg::new("role")
                .value_name("ROLE")
                .required(true)
                .value_parser(names)
                .help("Which one"),
        )
        .arg(
            Arg::new("ports")
                .long("ports")
                .value_name("FIRST")
                .default_value(PORT)
                .value_parser(value_parser!(u16).range(1024..))
                .help("The first of two ports for each role; the same in all terminals"),
        )
        .args(system.options())
}

/// Where a role listens for the others, and where it serves HTTP.
fn ports(layout: &Layout, first: u16) -> Result<Vec<[SocketAddr; 2]>, Error> {
    let addr = |place: usize| {
        let port = u16::try_from(place).ok().and_then(|place| first.checked_add(place));
        port.map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
    };
    let of_role = |role: usize| Some([addr(2 * role)?, addr(2 * role + 1)?]);
    let all: Option<Vec<_>> = (0..layout.roles.len()).map(of_role).collect();
    let needed = 2 * layout.roles.len();
    let too_high = || {
        Error::Refused(format!(
            "{needed} ports from {first} on end after 65535; choose a lower --ports"
        ))
    };
    all.ok_or_else(too_high)
}

/// Where a role keeps what it has.
struct Directories {
    /// Of all roles with these ports.
    shared: PathBuf,
    /// Of this role.
    own: PathBuf,
}

impl Directories {
    fn new(dir: &Path, first: u16, role: &str) -> Self {
        let shared = dir.join(format!("ports-{first}"));
        Self { own: shared.join(role), shared }
    }
}

/// Runs a role until Ctrl-C.
pub(super) fn play(
    system: &'static dyn System,
    args: &ArgMatches,
    dir: &Path,
) -> Result<(), Error> {
    log_to_stderr();
    let options = Options::from_matches(&system.options(), args);
    let layout = system.layout(&options)?;
    let name = args.get_one::<String>("role").expect("it is required");
    let place = layout.roles.iter().position(|role| role.name == *name);
    let place = place.ok_or_else(|| Error::Refused(system.absent(name)))?;
    let first = *args.get_one::<u16>("ports").expect("it has a default");
    let ports = ports(&layout, first)?;
    let Directories { shared, own: dir } = Directories::new(dir, first, name);
    make_durable_directory(&dir).map_err(Error::io("make the data directory"))?;
    let _lock = DirectoryLock::take(&dir)?;
    let role = layout.roles[place].clone();
    let all = || layout.roles.iter().zip(&ports);
    let endpoints: Endpoints = all().map(|(role, [_, http])| (role.name.clone(), *http)).collect();
    let nodes: BTreeMap<NodeId, SocketAddr> = all()
        .filter(|(other, _)| role.peers.contains(&other.id))
        .map(|(other, [peer, _])| (other.id, *peer))
        .collect();
    let [listen, http] = ports[place];
    let own = RoleConfig::new(role.clone(), (layout, options), u64::from(first), dir.join("data"));
    let endpoints = Arc::new(Mutex::new(endpoints));
    let config = RoleConfig { shared, endpoints, listen, ..own };
    let running = Running::start(system, config, http, true)?;
    let service = running.service();
    say(&format!(
        "{name} listens for the others at {listen} and serves HTTP at {http}; Ctrl-C ends it"
    ));
    let others = nodes.keys().copied().collect::<Vec<_>>();
    service.set_peers(nodes);
    let name = name.clone();
    let linking = Arc::clone(&service);
    service.runtime().spawn(async move {
        linking.linked_to(&others).await;
        say(&format!("{name} reaches all others"));
        let status = linking.status().await;
        system.describe(&name, status.as_ref()).iter().for_each(|line| say(&format!("  {line}")));
    });
    let ending = {
        let _inside = service.runtime().enter();
        asked_to_end()?
    };
    let stopping = Arc::clone(&service);
    service.runtime().spawn(async move {
        ending.await;
        stopping.stop();
    });
    running.until_ended()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_with_the_same_ports_share_one_directory_and_have_one_each() {
        let of = |first, role| Directories::new(Path::new("data"), first, role);
        let (lb, web) = (of(7400, "lb"), of(7400, "web-1"));
        assert_eq!(lb.shared, web.shared);
        assert!(lb.own != web.own && lb.own.starts_with(&lb.shared));
        assert_ne!(of(7500, "lb").shared, lb.shared);
    }
}
