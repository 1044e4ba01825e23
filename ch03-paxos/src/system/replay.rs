//! A recorded run of the cluster once more, without the cluster: same inputs, same nodes, and what
//! they do has to be what they did.

use lab::event::Log;

use super::options;
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
    let (config, (_, spares)) = (options::config(&chosen), options::sizes(&chosen));
    let group = group_of(&replicas[..replicas.len().saturating_sub(spares)]);
    lab::replay::replay::<Paxos>(
        log,
        |summary| summary.to_string(),
        |name| {
            let replica = Replica::new(group.clone(), config);
            Some((replica_of(name)?, lab::AnyNode::new(replica)))
        },
    )
}
