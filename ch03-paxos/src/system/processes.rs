//! The store as a system of processes: its replicas, what runs in each of them, and its own commands.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use lab::NodeId;
use lab::event::Log;
use lab::system::{
    BoxFuture, Error, Handle, Layout, Options, Role, RoleConfig, RoleReport, Service, Status,
    System, Texts, Workload,
};
use serde_json::Value;

use super::NAME;
use super::client::{self, Client, Replace};
use super::load::Increments;
use super::maelstrom::{self, Maelstrom};
use super::members::{redis, role};
use super::options::{self, LEASE_DRIFT, NODES, QUORUMS, SPARES};
use super::replica;
use crate::group::Group;

/// What is loaded instead of a cluster.
const TARGET: &str = "target";
/// The replicas of the largest group.
const NAMES: [&str; 7] =
    ["replica-1", "replica-2", "replica-3", "replica-4", "replica-5", "replica-6", "replica-7"];
/// The id of the first one.
pub(super) const FIRST: u64 = 11;

/// The replicated store as processes: see [`super`].
pub const SYSTEM: &dyn System = &Processes;

struct Processes;

/// The group of a layout, before any change.
pub(super) fn group(layout: &Layout, options: &Options) -> Group {
    let (nodes, _) = options::sizes(options);
    Group::new(&layout.roles.iter().map(|role| role.id).take(nodes).collect::<Vec<_>>())
}

/// The replicas of these names.
pub(super) fn group_of(names: &[&str]) -> Group {
    Group::new(&names.iter().filter_map(|name| replica_of(name)).collect::<Vec<_>>())
}

/// The replica of this name.
pub(super) fn replica_of(name: &str) -> Option<NodeId> {
    (FIRST..).map(NodeId).zip(NAMES).find(|(_, known)| *known == name).map(|(id, _)| id)
}

/// Which one of a layout a replica is, from 0.
pub(super) fn place(layout: &Layout, replica: NodeId) -> usize {
    layout.roles.iter().position(|role| role.id == replica).expect("it is one of them")
}

impl System for Processes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "A replicated store as three processes: what was acknowledged survives any of them."
    }

    fn texts(&self) -> Texts {
        Texts {
            ready: "the store is open",
            try_first: &[
                "client set umbrella alice",
                "client get umbrella",
                "kill replica-1",
                "status",
            ],
            after_a_kill: "client get umbrella",
        }
    }

    /// Who leads, and how a client of Redis gets there.
    fn greeting(&self, roles: &[RoleReport]) -> Vec<String> {
        let status = |role: &RoleReport| role.status.clone();
        let leader =
            roles.iter().find(|one| status(one).is_some_and(|status| role(&status) == "leads"));
        let first = leader.or(roles.first()).and_then(|one| redis(&status(one)?));
        let mut lines = Vec::new();
        if let Some(leader) = leader {
            let ports: Vec<String> = roles
                .iter()
                .filter_map(|one| Some(redis(&status(one)?)?.port().to_string()))
                .collect();
            let (leader, ports) = (&leader.role, ports.join(", "));
            lines.push(format!("{leader} leads; they serve clients on the ports {ports}"));
        }
        if let Some(redis) = first {
            let port = redis.port();
            lines.push(format!("redis-cli -p {port} set umbrella alice"));
            lines.push(format!("redis-benchmark -p {port} -t set,get -n 100000 -q"));
        }
        lines
    }

    fn options(&self) -> Vec<Arg> {
        options::args()
    }

    fn role_names(&self) -> Vec<&'static str> {
        NAMES.into()
    }

    fn layout(&self, options: &Options) -> Result<Layout, Error> {
        let (nodes, spares) = options::sizes(options);
        let names = NAMES.get(..nodes + spares).ok_or_else(|| {
            let most = NAMES.len();
            Error::Refused(format!("--{NODES} and --{SPARES} together are at most {most}"))
        })?;
        let quorums: Vec<String> =
            options::quorums(options)?.iter().map(ToString::to_string).collect();
        let ids: Vec<NodeId> = (FIRST..).map(NodeId).take(names.len()).collect();
        let role = |(name, id): (&&str, &NodeId)| {
            let peers: Vec<NodeId> = ids.iter().copied().filter(|peer| peer != id).collect();
            Role { kind: "replica".into(), ..Role::new(name, *id, &peers) }
        };
        Ok(Layout {
            title: options::title(options),
            roles: names.iter().zip(&ids).map(role).collect(),
            front: NAMES[0].into(),
            kept: Options::default()
                .with_value(NODES, nodes.to_string())
                .with_value(SPARES, spares.to_string())
                // All replicas have the same bound, or none: one that did not wait would break a lease.
                .with_values(LEASE_DRIFT, options.values(LEASE_DRIFT))
                .with_values(QUORUMS, &quorums),
        })
    }

    fn absent(&self, role: &str) -> String {
        format!(
            "there is no {role} here: `cargo {NAME} cluster --{NODES} 3 --{SPARES} 4` has seven, in a --dir \
             of its own"
        )
    }

    fn serve(&self, config: &RoleConfig) -> Result<Arc<dyn Service>, Error> {
        replica::start(config)
    }

    fn describe(&self, _role: &str, status: Option<&Status>) -> Vec<String> {
        let Some(status) = status else { return vec!["down".into()] };
        let number =
            |field: &str| status.own.get(field).and_then(Value::as_u64).unwrap_or_default();
        let port = redis(status).map_or(0, |redis| redis.port());
        let chosen = number("open").saturating_sub(1);
        let saved = match number("snapshot").saturating_sub(1) {
            0 => String::new(),
            saved => format!(" ({saved} in a snapshot)"),
        };
        let lease = status.own.get("lease").and_then(Value::as_bool).unwrap_or_default();
        let lease = if lease { " with a lease" } else { "" };
        vec![format!(
            "{}{lease}; {chosen} slots chosen{saved}, {} keys, {} sessions; redis-cli -p {port}",
            role(status),
            number("keys"),
            number("sessions"),
        )]
    }

    fn lost(&self, _role: &str, status: &Status) -> String {
        let waiting = status.own.get("waiting").and_then(Value::as_u64).unwrap_or_default();
        format!("its memory, and with it the answers to {waiting} requests")
    }

    fn is_busy(&self, _role: &str, status: &Status) -> bool {
        status.own.get("waiting").and_then(Value::as_u64).is_some_and(|waiting| waiting > 0)
    }

    fn commands(&self) -> Vec<Command> {
        let about = "Send one command to the store, as redis-cli would";
        let replace = "Let a replica that waits take the place of one of the group";
        let bench = "Be a node of Maelstrom's workload lin-kv, on standard input and output";
        vec![
            Client::augment_args(Command::new("client")).about(about),
            Replace::augment_args(Command::new("replace")).about(replace),
            Maelstrom::augment_args(Command::new("maelstrom")).about(bench),
        ]
    }

    fn act<'a>(
        &'a self,
        command: &'a str,
        args: &'a ArgMatches,
        cluster: &'a Handle,
    ) -> BoxFuture<'a, Result<u8, Error>> {
        Box::pin(async move {
            match command {
                "client" => {
                    let client = Client::from_arg_matches(args);
                    let client = client.map_err(|e| Error::Refused(e.to_string()))?;
                    client::act(&client, cluster).await
                }
                "replace" => {
                    let replace = Replace::from_arg_matches(args);
                    let replace = replace.map_err(|e| Error::Refused(e.to_string()))?;
                    client::replace(&replace, cluster).await
                }
                "maelstrom" => {
                    let maelstrom = Maelstrom::from_arg_matches(args);
                    maelstrom::act(maelstrom.map_err(|e| Error::Refused(e.to_string()))?).await
                }
                other => Err(Error::Refused(format!("there is no command {other}"))),
            }
        })
    }

    fn load_options(&self) -> Vec<Arg> {
        vec![Arg::new(TARGET).long(TARGET).value_name("URL").help(
            "Load etcd://HOST:PORT or redis://HOST:PORT instead (commas between its servers), and judge \
             what the customers saw",
        )]
    }

    fn load_other<'a>(
        &'a self,
        args: &'a ArgMatches,
        customers: usize,
        time: Duration,
    ) -> Option<BoxFuture<'a, Result<u8, Error>>> {
        let url = args.get_one::<String>(TARGET)?;
        Some(Box::pin(super::load_target(url, customers, time)))
    }

    fn replay(&self, log: &Log) -> Result<Log, String> {
        super::replay::replay(log)
    }

    fn workload(&self, front: SocketAddr) -> Box<dyn Workload> {
        Box::new(Increments::new(front))
    }
}
