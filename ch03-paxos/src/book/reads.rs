//! What a read costs.

use lab::event::Kind;
use lab::explore::Model;
use lab::script::Play;
use lab::world::Role;

use crate::client::{COUNTER, StoreClient};
use crate::designs::KV;
use crate::group::Group;
use crate::types::kv::{Blob, Op};
use crate::worlds::{Nodes, PROPOSERS, REPLICAS, Scope};

/// Messages between replicas and records, all together.
type Cost = [usize; 2];

/// Of one read through the log, of one beside it, and of one by lease, by a client of the leader.
pub(super) fn costs() -> [Cost; 3] {
    let ways: [fn(StoreClient) -> StoreClient; 3] =
        [|client| client, StoreClient::reading_beside, StoreClient::reading_by_lease];
    ways.map(|way| {
        let [more, less] = [cost(2, way), cost(1, way)];
        [more[0] - less[0], more[1] - less[1]]
    })
}

/// Of a run with so many reads, its election included.
fn cost(reads: usize, way: fn(StoreClient) -> StoreClient) -> Cost {
    let world = Nodes::LEASED.model(Scope::ONE, KV);
    let gets = (0..reads).map(|_| Op::Get { key: Blob::new(COUNTER) });
    let client = StoreClient::new(&Group::new(&REPLICAS), 0, gets);
    let client = way(client);
    let replicas = world.roles.iter().filter(|role| REPLICAS.contains(&role.id)).cloned();
    let client = Role::new(PROPOSERS[0], "web-1", "client", client);
    let roles = std::iter::once(client).chain(replicas).collect();
    let play =
        Play::new(Model { roles, ..world.clone() }, "").run("run").expect("reads are answered");
    let events = play.into_log().events;
    let is_replica = |name: &str| name.starts_with("replica-");
    let between = events.iter().filter(|event| {
        let peer = event.peer.as_deref().unwrap_or_default();
        event.kind == Kind::Send
            && is_replica(&event.node)
            && is_replica(peer)
            && event.node != peer
    });
    let records = events.iter().filter(|event| event.kind == Kind::Persist);
    [between.count(), records.count()]
}
