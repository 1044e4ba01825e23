//! The replicas of each step, running.

use std::path::Path;

use ch03_paxos::designs::row;
use ch03_paxos::group::{AnyNode, Group, Paxos};
use ch03_paxos::step1_primary_backup as step1;
use ch03_paxos::types::kv::{Blob, Msg as Kv, Op, Outcome};
use ch03_paxos::types::log::{Command, Msg as Log};
use ch03_paxos::types::{Msg, Value};
use ch03_paxos::worlds::{self, PROPOSERS, REPLICAS};
use lab::NodeId;
use lab::measure::{Exchange, Nodes, Step};

use crate::decisions::{Decisions, Numbered};

/// To a primary.
const WRITE: Exchange<Paxos> = Exchange {
    request: |_, n| Msg::Write { value: wanted(n) },
    is_answer: |msg, n| *msg == Msg::Written { value: wanted(n) },
};
/// To a proposer.
const DECIDE: Exchange<Decisions> = Exchange {
    request: |_, n| Numbered(n, Msg::Write { value: wanted(n) }),
    is_answer: |Numbered(of, msg), n| *of == n && matches!(msg, Msg::Written { .. }),
};
/// To the leader of a log.
const APPEND: Exchange<Paxos> = Exchange {
    request: |client, seq| {
        Msg::Log(Log::Request { command: Command { client, seq, value: wanted(seq) } })
    },
    is_answer: |msg, n| matches!(msg, Msg::Log(Log::Answer { command, .. }) if command.seq == n),
};
/// To a replica of the store.
const SET: Exchange<Paxos> = Exchange {
    request: |_, number| {
        let (key, value) = (Blob::new("umbrella"), Blob::new("alice"));
        let op = Op::Set { key, value, only_new: false };
        Msg::Kv(Kv::Request { number, id: None, op })
    },
    is_answer: |msg, n| *msg == Msg::Kv(Kv::Answer { number: n, outcome: Ok(Outcome::Done) }),
};

/// Another one each time: a backup does not write what it has.
fn wanted(n: u64) -> Value {
    Value::new(&format!("customer-{n}"))
}

/// All steps, running, with their logs under `dir`.
pub(crate) fn all(dir: &Path) -> Vec<Box<dyn Step>> {
    let names = ["step1", "step2", "step3", "step4", "step5", "step6", "step7"];
    names.map(|name| start(name, dir)).into()
}

fn start(name: &'static str, dir: &Path) -> Box<dyn Step> {
    let words = (name, row(name).info.verdict);
    let replicas = |ids: &[NodeId], exchange, node: &dyn Fn(Group) -> AnyNode| -> Box<dyn Step> {
        let node = |id: &NodeId| (*id, node(Group::new(ids)));
        let nodes = ids.iter().map(node).collect();
        Box::new(Nodes::start(words, dir, nodes, ids, exchange))
    };
    match row(name).nodes {
        worlds::Nodes::PrimaryBackup => {
            let primary_or_backup = |group| AnyNode::new(step1::Replica::new(group));
            replicas(&REPLICAS[..2], WRITE, &primary_or_backup)
        }
        worlds::Nodes::Log(replica) => replicas(&REPLICAS, APPEND, &replica),
        worlds::Nodes::Store { replica, .. } => replicas(&REPLICAS, SET, &replica),
        worlds::Nodes::Group { proposer, acceptor } => {
            let (web, group) =
                (PROPOSERS[0], Group::new(&REPLICAS).with_proposers(&PROPOSERS[..1]));
            let many = |id, one| (id, lab::AnyNode::new(Decisions::of(one)));
            let acceptors = REPLICAS.map(|id| many(id, acceptor(group.clone())));
            let mut nodes = vec![many(web, proposer(group.clone(), 0))];
            nodes.extend(acceptors);
            Box::new(Nodes::start(words, dir, nodes, &[web], DECIDE))
        }
    }
}
