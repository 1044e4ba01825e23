//! A recorded run of the cluster once more, without the cluster: same inputs, same nodes, and what
//! they do has to be what they did.

use lab::event::Log;

use super::options::{self, NODES};
use super::processes::{group_of, replica_of};
use crate::group::Paxos;
use crate::replicated_kv::Replica;

/// Re-executes what `cluster --events DIR` recorded in `DIR/run.jsonl`.
///
/// # Errors
/// The first event that could not be read or that came out differently.
pub(super) fn replay(log: &Log) -> Result<Log, String> {
    let replicas: Vec<&str> = log.header.nodes.iter().map(|node| node.name.as_str()).collect();
    let chosen = options::of_title(&log.header.title);
    let (_, spares) = options::sizes(&chosen);
    let members = &replicas[..replicas.len().saturating_sub(spares)];
    let chosen = chosen.with_value(NODES, members.len().to_string());
    let config = options::config(&chosen).map_err(|why| why.to_string())?;
    let group = group_of(members);
    lab::replay::replay::<Paxos>(
        log,
        |summary| summary.to_string(),
        |name| {
            let replica = Replica::new(group.clone(), config);
            Some((replica_of(name)?, lab::AnyNode::new(replica)))
        },
    )
}
