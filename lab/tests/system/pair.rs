//! A ledger and its backup as a system.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use clap::{Arg, ArgAction, ArgMatches, Command};
use lab::NodeId;
use lab::event::Log;
use lab::http::Caller;
use lab::measure::{Failed, Waits};
use lab::run::{ClientPool, Driver};
use lab::system::{
    BoxFuture, Config, Customer, Error, Handle, Layout, NodeService, Options, Role, RoleConfig,
    Service, Status, System, Texts, Words, Workload,
};
use serde_json::{Map, Value, json};

use crate::toy::{Ledger, Msg};

const PRIMARY: NodeId = NodeId(1);
const BACKUP: NodeId = NodeId(2);

pub(crate) const PAIR: &dyn System = &Pair;

struct Pair;

impl System for Pair {
    fn name(&self) -> &'static str {
        "pair"
    }

    fn about(&self) -> &'static str {
        "A ledger and its backup."
    }

    fn texts(&self) -> Texts {
        Texts { ready: "the ledger is open", try_first: &["status"], after_a_kill: "status" }
    }

    fn options(&self) -> Vec<Arg> {
        vec![Arg::new("small").long("small").action(ArgAction::SetTrue)]
    }

    fn role_names(&self) -> Vec<&'static str> {
        vec!["primary", "backup"]
    }

    fn layout(&self, options: &Options) -> Result<Layout, Error> {
        let role = |name: &str, id, peer| Role {
            name: name.into(),
            id,
            kind: name.into(),
            has_log: true,
            ends_last: false,
            peers: vec![peer],
        };
        let roles = vec![role("primary", PRIMARY, BACKUP), role("backup", BACKUP, PRIMARY)];
        let (title, front) = ("pair".into(), "primary".into());
        Ok(Layout { title, roles, front, kept: options.clone() })
    }

    fn serve(&self, config: &RoleConfig) -> Result<Arc<dyn Service>, Error> {
        let ledger = Ledger::new(config.role.peers[0]);
        let driver = Arc::new(Driver::start(config.node(), ledger, ())?);
        let pool = ClientPool::new(driver.clients());
        Ok(Arc::new(NodeService::new(driver, pool, (Msg::Ask, sum), Router::new())))
    }

    fn describe(&self, _role: &str, status: Option<&Status>) -> Vec<String> {
        vec![format!("{:?}", status.map(|status| &status.own))]
    }

    fn lost(&self, _role: &str, _status: &Status) -> String {
        "its memory".into()
    }

    fn commands(&self) -> Vec<Command> {
        Vec::new()
    }

    fn act<'a>(
        &'a self,
        command: &'a str,
        _args: &'a ArgMatches,
        _cluster: &'a Handle,
    ) -> BoxFuture<'a, Result<u8, Error>> {
        unreachable!("{command} is not a command")
    }

    fn replay(&self, log: &Log) -> Result<Log, String> {
        Ok(log.clone())
    }

    fn workload(&self, front: SocketAddr) -> Box<dyn Workload> {
        Box::new(Reads(front))
    }
}

/// Reads the status of the primary.
struct Reads(SocketAddr);
struct Reader(Caller);

impl Customer for Reader {
    fn ask(&mut self, _: u64) -> BoxFuture<'_, Result<(), Failed>> {
        Box::pin(async move { self.0.get("/status").await.map(drop).map_err(|_| Failed) })
    }
}

impl Workload for Reads {
    fn words(&self) -> Words {
        let waits = Waits { fsyncs: 0, round_trips: 1 };
        Words { unit: "read", done: "read", waits, because: "one round trip" }
    }

    fn customer(&self, _: String, _: u64) -> Box<dyn Customer> {
        Box::new(Reader(Caller::new(self.0)))
    }

    fn audit(&self) -> BoxFuture<'_, Result<Value, Error>> {
        Box::pin(async move {
            let answered = Caller::new(self.0).get("/status").await;
            Ok(answered.map_err(|none| Error::no_answer("pair", none))?.body["sum"].clone())
        })
    }

    fn verdict(&self, before: &Value, after: &Value) -> (bool, String) {
        (before == after, format!("the sum was {before} and is {after}"))
    }
}

fn sum(answer: Msg) -> Option<Map<String, Value>> {
    match answer {
        Msg::Sum { entries, sum } => json!({ "entries": entries, "sum": sum }).as_object().cloned(),
        _ => None,
    }
}

/// Hands its arguments over in the environment: the program of the roles is this test program, which
/// reads its command line in its own way.
const AS_A_ROLE: &str = "ROLE_ARGS=$(printf '%s\\n' \"$@\") exec \"$0\" --exact pair::role --ignored \
                         --nocapture --test-threads=1";

/// A pair in this directory.
pub(crate) fn config(dir: &Path) -> Config {
    let program = std::env::current_exe().unwrap();
    let prefix = vec!["-c".into(), AS_A_ROLE.into(), program.into()];
    Config { program: "/bin/sh".into(), prefix, ..Config::new(PAIR, dir.to_owned()).unwrap() }
}

#[test]
#[ignore = "a role that the other tests start as a process"]
fn role() {
    let Ok(args) = std::env::var("ROLE_ARGS") else { return };
    println!();
    let args = args.lines().map(Into::into).collect::<Vec<_>>();
    lab::system::role(PAIR, args).unwrap();
}
