//! The shop as a system of processes: its roles, what runs in each of them, and its own commands.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use lab::event::Log;
use lab::run::{ClientPool, Driver};
use lab::system::{
    BoxFuture, Error, Handle, Layout, NodeService, Options, RoleConfig, Service, Status, System,
    Texts, Workload, say,
};
use serde_json::Value;

use super::catalog;
use super::customer::{self, Client};
use super::decisions;
use super::design::{Design, Role};
use super::heuristic::{self, HeuristicOutcome};
use super::load::Transfers;
use super::replay::replay;
use super::{NAME, shop, status};
use crate::types::{Msg, TxId};

const PARTICIPANT: &str = "participant";
const DECISIONS: &str = "decisions";

/// Two-phase commit as processes: see [`super`].
pub const SYSTEM: &dyn System = &Processes;

struct Processes;

/// Decide by hand what a participant is in doubt about. It may be wrong, and then it stays wrong
#[derive(Args, Clone, Debug)]
struct Resolve {
    /// stock or pay
    role: Role,
    /// Which transaction, such as 2.1
    #[arg(value_parser = heuristic::tx)]
    tx: TxId,
    /// commit or abort
    end: HeuristicOutcome,
}

impl System for Processes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "Two-phase commit as three processes: a shop whose checkout is all or nothing."
    }

    fn texts(&self) -> Texts {
        Texts {
            ready: "the shop is open",
            try_first: &["client buy umbrella", "restart coord --crash-after-effect 5", "status"],
            after_a_kill: "client in-doubt",
        }
    }

    fn options(&self) -> Vec<Arg> {
        let flag = |name| Arg::new(name).long(name).action(ArgAction::SetTrue);
        let paxos =
            "Let three coordinators keep the votes: two are enough to finish what one began";
        vec![
            flag("paxos").conflicts_with_all(["termination", PARTICIPANT, DECISIONS]).help(paxos),
            flag("termination")
                .conflicts_with_all([PARTICIPANT, DECISIONS])
                .help("Let participants in doubt ask each other"),
            Arg::new(PARTICIPANT)
                .long(PARTICIPANT)
                .value_name("ROLE=URL")
                .action(ArgAction::Append)
                .value_parser(database)
                .help("Let one participant keep its accounts in PostgreSQL"),
            Arg::new(DECISIONS)
                .long(DECISIONS)
                .value_name("redis://HOST:PORT,…")
                .conflicts_with(PARTICIPANT)
                .help(
                    "Keep the decisions in a store, where two coordinators find them: chapter 3's, a \
                     Redis, or etcd://HOST:PORT,…",
                ),
        ]
    }

    fn role_names(&self) -> Vec<&'static str> {
        Role::ALL.map(Role::name).into()
    }

    fn layout(&self, options: &Options) -> Result<Layout, Error> {
        let (design, databases) = (Design::of_options(options), databases(options)?);
        let stores = options.values(DECISIONS);
        let needs_engine =
            !databases.is_empty() || stores.iter().any(|store| decisions::is_etcd(store));
        if needs_engine && cfg!(not(feature = "engines")) {
            return Err(not_built_in());
        }
        stores.iter().try_for_each(|store| decisions::check(store))?;
        if let Some(flag) = design.flag().filter(|_| !databases.is_empty()) {
            let why = "a participant in PostgreSQL takes part in two-phase commit alone: leave out";
            return Err(Error::Refused(format!("{why} --{flag}")));
        }
        let role = |role: &Role| lab::system::Role {
            name: role.name().into(),
            id: role.id(),
            kind: role.kind().into(),
            has_log: !databases.contains_key(role) && *role != Role::Store,
            ends_last: false,
            peers: design.peers(*role),
        };
        // Not the address: a database may move, and the address may hold a password.
        let kept = databases
            .keys()
            .fold(design.options(), |kept, role| kept.with_value(PARTICIPANT, role.name()));
        Ok(Layout {
            title: design.title().into(),
            roles: design.roles().iter().map(role).collect(),
            front: Role::Coord.name().into(),
            kept,
        })
    }

    /// A log is read by the design that wrote it. A participant that kept its accounts in a database
    /// does so for ever: elsewhere they would be as at the opening.
    fn cannot_go_on(&self, dir: &Path, kept: &Options, now: &Options) -> Option<String> {
        let dir = dir.display();
        let (began, design) = (Design::of_options(kept), Design::of_options(now));
        if began != design {
            return Some(match (began.flag(), design.flag()) {
                (Some(flag), _) => {
                    format!("{dir} was started with --{flag}: add it, or choose another --dir")
                }
                (None, flag) => {
                    format!("{dir} is without --{}; choose another --dir", flag.unwrap_or_default())
                }
            });
        }
        let names = |options: &Options| -> BTreeSet<String> {
            options.values(PARTICIPANT).iter().cloned().collect()
        };
        let (before, now) = (names(kept), names(now));
        let name = now.symmetric_difference(&before).next()?;
        Some(if now.contains(name) {
            format!("the accounts of {name} are in {dir} already; choose another --dir")
        } else {
            format!(
                "the accounts of {name} are in PostgreSQL: add --participant {name}=postgres://…"
            )
        })
    }

    fn absent(&self, role: &str) -> String {
        format!(
            "there is no {role} here: `cargo {NAME} cluster --paxos` has it, in a --dir of its own"
        )
    }

    fn serve(&self, config: &RoleConfig) -> Result<Arc<dyn Service>, Error> {
        let name = &config.role.name;
        let role = Role::of_name(name).ok_or_else(|| Error::Refused(self.absent(name)))?;
        if let Some(url) = databases(&config.options)?.remove(&role) {
            return participant(config, &url);
        }
        if role == Role::Store {
            let address = config.options.values(DECISIONS).last().cloned().unwrap_or_default();
            return Ok(Arc::new(decisions::start(config, &address)?));
        }
        let design = Design::of_options(&config.options);
        let driver = Arc::new(Driver::start(config.node(), design.node(role), ())?);
        let pool = ClientPool::new(driver.clients());
        let routes = match role {
            Role::Coord => {
                shop::router(pool.clone(), driver.start_count(), Arc::clone(&config.endpoints))
            }
            Role::Coord2 | Role::Coord3 | Role::Store => Router::new(),
            Role::Stock | Role::Pay => heuristic::router(pool.clone()),
        };
        Ok(Arc::new(NodeService::new(driver, pool, (Msg::Status, status::read), routes)))
    }

    fn describe(&self, role: &str, status: Option<&Status>) -> Vec<String> {
        let own = status.map_or(Value::Null, |status| Value::Object(status.own.clone()));
        let mut lines = vec![status::doubts(role, &own)];
        for field in ["because", "guessed", "damage"] {
            let ends = own[field].as_array().into_iter().flatten().filter_map(Value::as_str);
            lines.extend(ends.map(|end| format!("{field}: {end}")));
        }
        lines
    }

    fn lost(&self, _role: &str, status: &Status) -> String {
        format!("its memory, and with it what it knew of {} open orders", open(status))
    }

    fn is_busy(&self, _role: &str, status: &Status) -> bool {
        open(status) > 0
    }

    fn commands(&self) -> Vec<Command> {
        let client = Client::augment_args(Command::new("client")).about("Be a customer");
        vec![client, Resolve::augment_args(Command::new("resolve"))]
    }

    fn act<'a>(
        &'a self,
        command: &'a str,
        args: &'a ArgMatches,
        cluster: &'a Handle,
    ) -> BoxFuture<'a, Result<u8, Error>> {
        Box::pin(async move {
            let unread = |e: clap::Error| Error::Refused(e.to_string());
            match command {
                "client" => {
                    customer::act(&Client::from_arg_matches(args).map_err(unread)?, cluster).await
                }
                "resolve" => {
                    resolve(Resolve::from_arg_matches(args).map_err(unread)?, cluster).await
                }
                other => Err(Error::Refused(format!("there is no command {other}"))),
            }
        })
    }

    fn replay(&self, log: &Log) -> Result<Log, String> {
        replay(log)
    }

    fn workload(&self, front: SocketAddr) -> Box<dyn Workload> {
        Box::new(Transfers { shop: front, accounts: catalog::NUMBERED })
    }
}

fn open(status: &Status) -> usize {
    status.own.get("in_doubt").and_then(Value::as_array).map_or(0, Vec::len)
}

async fn resolve(Resolve { role, tx, end }: Resolve, cluster: &Handle) -> Result<u8, Error> {
    let roles = cluster.report().await?.roles;
    let found = roles.iter().find(|one| one.role == role.name());
    let found = found.ok_or_else(|| Error::Refused(SYSTEM.absent(role.name())))?;
    if let Some(why) = heuristic::resolve(cluster, found.http, tx, end).await? {
        say(&format!("not done: {why}"));
        return Ok(1);
    }
    say(&format!("{} has ended {tx} as you ask, and released its accounts", role.name()));
    let flag = cluster.flag();
    say(&format!("if that was wrong, nothing here can repair it: see cargo {NAME} status{flag}"));
    Ok(0)
}

/// `pay=postgres://…`
fn database(text: &str) -> Result<(Role, String), String> {
    let wanted = "write stock=postgres://USER@HOST:PORT/DATABASE, or pay=…";
    let (role, url) = text.split_once('=').ok_or(wanted)?;
    let role = Role::of_name(role).ok_or(wanted)?;
    if !role.is_participant() || !url.starts_with("postgres") {
        return Err(wanted.into());
    }
    let user = url.split_once("://").and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'));
    if user.is_some_and(|(user, _)| user.contains(':')) || url.contains("password=") {
        let why = "leave the password out: every user of this machine can read a command line; set \
                   PGPASSWORD in the environment of `cluster` instead";
        return Err(why.into());
    }
    Ok((role, url.to_owned()))
}

/// Which participants keep their accounts in PostgreSQL, and where.
fn databases(options: &Options) -> Result<BTreeMap<Role, String>, Error> {
    let values = options.values(PARTICIPANT).iter();
    values.map(|value| database(value).map_err(Error::Refused)).collect()
}

#[cfg(feature = "engines")]
fn participant(config: &RoleConfig, url: &str) -> Result<Arc<dyn Service>, Error> {
    let config = super::postgres::Config {
        crash_after_effect: config.crash_after_effect,
        password: std::env::var("PGPASSWORD").ok(),
        ..super::postgres::Config::new(config.cluster, config.role.id, url)
    };
    Ok(Arc::new(super::postgres::Participant::start(&config)?))
}

#[cfg(not(feature = "engines"))]
fn participant(_config: &RoleConfig, _url: &str) -> Result<Arc<dyn Service>, Error> {
    Err(not_built_in())
}

fn not_built_in() -> Error {
    Error::Refused(
        "this build has no client of PostgreSQL or etcd in it; start it with `cargo run -p \
         ch02-two-phase-commit --features engines --bin ch02-two-phase-commit -- cluster \
         …` and the same options"
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_password_is_refused_with_the_place_for_it() {
        for address in [
            "pay=postgres://shop:secret@localhost/shop",
            "pay=postgresql://shop:@localhost:5432/shop",
            "stock=postgres://localhost/shop?user=shop&password=secret",
        ] {
            let refused = database(address).unwrap_err();
            assert!(refused.contains("PGPASSWORD"), "{address}: {refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
        for address in
            ["pay=postgres://shop@localhost:5432/shop", "pay=postgres://localhost/shop?user=a:b"]
        {
            assert!(database(address).is_ok(), "{address}");
        }
    }
}
