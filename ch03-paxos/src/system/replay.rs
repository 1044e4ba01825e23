//! A recorded run of the cluster once more, without the cluster: same inputs, same nodes, and what
//! they do has to be what they did.

use lab::event::Log;

use super::processes::{TITLE_REDIRECT, group_of, replica_of};
use crate::group::Paxos;
use crate::replicated_kv::{Config, Replica};

/// Re-executes what `cluster --events DIR` recorded in `DIR/run.jsonl`.
///
/// # Errors
/// The first event that could not be read or that came out differently.
pub(super) fn replay(log: &Log) -> Result<Log, String> {
    let replicas: Vec<&str> = log.header.nodes.iter().map(|node| node.name.as_str()).collect();
    let group = group_of(&replicas);
    let forward = log.header.title != TITLE_REDIRECT;
    lab::replay::replay::<Paxos>(
        log,
        |summary| summary.to_string(),
        |name| {
            let replica = Replica::new(group.clone(), Config { forward, ..Config::default() });
            Some((replica_of(name)?, lab::AnyNode::new(replica)))
        },
    )
}
