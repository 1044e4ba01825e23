//! Small worlds: big enough for every failure of this chapter, small enough to explore them all.
//!
//! One umbrella is left. `web-1` wants it for Alice and `web-2` for Bob (and sometimes `web-3` for
//! Carol), and the replicas settle who gets it.

use std::collections::BTreeMap;

use lab::NodeId;
use lab::explore::{Check, Model, Reached};
use lab::world::Role;

use crate::client::{Client, Op, StoreClient, Writer, counting};
use crate::group::{AnyNode, Group, Paxos};
use crate::invariants::{self as must, Ledger};
use crate::replicated_kv as step7;
use crate::step1_primary_backup as step1;
use crate::step4_durable::{self as step4, Learner};
use crate::types::Value;

/// The proposers, or the clients of step 1.
pub const PROPOSERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
const PROPOSER_NAMES: [&str; 3] = ["web-1", "web-2", "web-3"];
/// What each of them wants.
pub const WANTED: [&str; 3] = ["alice", "bob", "carol"];
/// The replicas.
pub const REPLICAS: [NodeId; 3] = [NodeId(11), NodeId(12), NodeId(13)];
/// Waits outside the group.
pub const SPARE: NodeId = NodeId(14);
const REPLICA_NAMES: [&str; 3] = ["replica-1", "replica-2", "replica-3"];
/// Learns without proposing.
pub const LEARNER: NodeId = NodeId(21);

/// So few sessions that a client which opens several has one closed, and so short a log that a run takes
/// snapshots, an item at a time.
const SMALL: step7::Config =
    step7::Config { forward: true, sessions: 8, log: 512, chunk: 1, drift: None, quorums: None };
/// How far clocks are off at most where leases are tried, in parts per million: much more than real
/// ones, to be seen in a run.
pub const DRIFT: u32 = 100_000;
/// How often a client of a simulated world writes and reads.
const ROUNDS: u8 = 10;

/// What the proposer with this number wants.
#[must_use]
pub fn wanted(proposer: usize) -> Value {
    Value::new(WANTED[proposer])
}

/// What a small world contains.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scope {
    /// Proposers: 1 to 3. In step 1, clients.
    pub proposers: u8,
    /// Whether a learner is told what acceptors accept.
    pub learner: bool,
    /// Which processes may crash.
    pub crashing: Crashing,
    /// How many commands each client of a log has.
    pub commands: u8,
}

/// Which processes may crash. All at once would be more than a search has time for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crashing {
    /// Each of the replicas.
    Replicas,
    /// The second replica: enough for a page, since the replicas are alike.
    OneReplica,
    /// Each of the proposers.
    Proposers,
}

impl Scope {
    /// One proposer.
    pub const ONE: Self =
        Self { proposers: 1, learner: false, crashing: Crashing::Replicas, commands: 1 };
    /// Two proposers.
    pub const TWO: Self = Self { proposers: 2, ..Self::ONE };
    /// Three proposers.
    pub const THREE: Self = Self { proposers: 3, ..Self::ONE };

    /// The same with a learner.
    #[must_use]
    pub const fn with_learner(self) -> Self {
        Self { learner: true, ..self }
    }

    /// The same, and each client of a log has so many commands.
    #[must_use]
    pub const fn commands(self, commands: u8) -> Self {
        Self { commands, ..self }
    }

    /// The same, and these may crash.
    #[must_use]
    pub const fn crashing(self, crashing: Crashing) -> Self {
        Self { crashing, ..self }
    }
}

/// What a world of one design is made from.
#[derive(Clone, Copy, Debug)]
pub enum Nodes {
    /// Clients, a primary and its backup.
    PrimaryBackup,
    /// Clients, and replicas that keep a log.
    Log(fn(Group) -> AnyNode),
    /// Clients that count, and replicas of a store.
    Store {
        /// A replica.
        replica: fn(Group) -> AnyNode,
        /// Whether each client has a session.
        sessions: bool,
    },
    /// Proposers and acceptors.
    Group {
        /// The proposer with this number, counted from 0; it wants [`WANTED`].
        proposer: fn(Group, usize) -> AnyNode,
        /// An acceptor that has promised nothing.
        acceptor: fn(Group) -> AnyNode,
    },
}

impl Nodes {
    /// Step 4.
    pub const STEP4: Self = Self::Group {
        proposer: |group, i| AnyNode::new(step4::Proposer::new(group, wanted(i))),
        acceptor: |group| AnyNode::new(step4::Acceptor::new(group)),
    };

    /// Step 7, with clients that have sessions.
    pub const STEP7: Self = Self::Store {
        replica: |group| AnyNode::new(step7::Replica::new(group, SMALL)),
        sessions: true,
    };

    /// The same, and a replica takes a snapshot whenever it has executed a slot.
    pub const SAVING: Self = Self::Store {
        replica: |group| {
            AnyNode::new(step7::Replica::new(group, step7::Config { log: 0, ..SMALL }))
        },
        sessions: true,
    };

    /// The store of step 7 with leases, for clocks that are off by a tenth at most.
    pub const LEASED: Self = Self::Store {
        replica: |group| {
            AnyNode::new(step7::Replica::new(group, step7::Config { drift: Some(DRIFT), ..SMALL }))
        },
        sessions: true,
    };

    /// The same, with clients that have no session.
    #[must_use]
    pub fn without_sessions(self) -> Self {
        match self {
            Self::Store { replica, .. } => Self::Store { replica, sessions: false },
            other => other,
        }
    }

    /// Whether these decide again and again.
    #[must_use]
    pub fn is_log(&self) -> bool {
        matches!(self, Self::Log(_) | Self::Store { .. })
    }

    fn roles(&self, scope: Scope) -> Vec<Role<Paxos>> {
        match *self {
            Self::PrimaryBackup => primary_backup(scope.proposers, 1),
            Self::Log(replica) => {
                let group = Group::new(&REPLICAS);
                let clients = (0..usize::from(scope.proposers)).map(|i| {
                    let values = (1..=scope.commands).map(|round| value(WANTED[i], round));
                    let client = Writer::new(&group, i, values);
                    Role::new(PROPOSERS[i], PROPOSER_NAMES[i], "client", client)
                });
                clients.chain(replicas(scope, || replica(group.clone()))).collect()
            }
            Self::Store { replica, sessions } => {
                let group = Group::new(&REPLICAS);
                let clients = (0..usize::from(scope.proposers)).map(|i| {
                    let client = StoreClient::new(&group, i, counting(scope.commands));
                    // The first one reads through the log, the others beside it.
                    let client = if i > 0 { client.reading_beside() } else { client };
                    let client = if sessions { client.in_a_session() } else { client };
                    Role::new(PROPOSERS[i], PROPOSER_NAMES[i], "client", client)
                });
                clients.chain(replicas(scope, || replica(group.clone()))).collect()
            }
            Self::Group { proposer, acceptor } => {
                let learners: &[NodeId] = if scope.learner { &[LEARNER] } else { &[] };
                let proposers = &PROPOSERS[..usize::from(scope.proposers)];
                let group = Group::new(&REPLICAS).with_proposers(proposers);
                let group = group.with_learners(learners);
                let proposers = (0..usize::from(scope.proposers)).map(|i| {
                    let node = proposer(group.clone(), i);
                    let role = Role::new(PROPOSERS[i], PROPOSER_NAMES[i], "client", node);
                    may_crash(role, scope.crashing == Crashing::Proposers)
                });
                let learner = scope.learner.then(|| {
                    Role::new(LEARNER, "learner", "client", Learner::new(Group::new(&REPLICAS)))
                });
                let acceptors = replicas(scope, || acceptor(group.clone()));
                proposers.chain(acceptors).chain(learner).collect()
            }
        }
    }

    /// A world that is simulated: two proposers, or two clients that take their time.
    #[must_use]
    pub fn busy(&self, promised: &[&'static str]) -> Model<Paxos, Ledger> {
        let small = self.model(Scope::TWO.commands(ROUNDS), promised);
        match self {
            Self::Log(_) | Self::Store { .. } | Self::Group { .. } => small,
            Self::PrimaryBackup => Model { roles: primary_backup(2, ROUNDS), ..small },
        }
    }

    /// A small world with the promises that are to be checked in it.
    #[must_use]
    pub fn model(&self, scope: Scope, promised: &[&'static str]) -> Model<Paxos, Ledger> {
        let all = promises();
        let sometimes: (&str, Reached<Paxos, Ledger>) = match self {
            Self::PrimaryBackup => ("a write is read", must::something_is_written),
            Self::Log(_) | Self::Store { .. } => {
                ("a client is answered", must::something_is_answered)
            }
            Self::Group { .. } => ("a value is learned", must::something_is_learned),
        };
        Model {
            observe: must::observe,
            always: promised.iter().map(|name| (*name, all[name])).collect(),
            sometimes: vec![sometimes],
            goal: must::settled,
            ..Model::new(self.roles(scope))
        }
    }
}

/// `alice`, and from the second round on `alice-2`.
fn value(who: &str, round: u8) -> Value {
    if round == 1 { Value::new(who) } else { Value::new(&format!("{who}-{round}")) }
}

fn may_crash(role: Role<Paxos>, yes: bool) -> Role<Paxos> {
    if yes { role.may_crash() } else { role }
}

/// The three replicas.
fn replicas(scope: Scope, node: impl Fn() -> AnyNode) -> impl Iterator<Item = Role<Paxos>> {
    let all = REPLICAS.into_iter().zip(REPLICA_NAMES).enumerate();
    all.map(move |(i, (id, name))| {
        let crashes = match scope.crashing {
            Crashing::Replicas => true,
            Crashing::OneReplica => i == 1,
            Crashing::Proposers => false,
        };
        may_crash(Role::new(id, name, "replica", node()), crashes)
    })
}

/// Clients that write a value and read, once or several times.
fn primary_backup(clients: u8, rounds: u8) -> Vec<Role<Paxos>> {
    let group = Group::new(&REPLICAS[..2]);
    let ops = |who: &str| {
        let round = |round| match rounds {
            1 => vec![Op::Write(value(who, round)), Op::Read],
            _ => vec![Op::Write(value(who, round)), Op::Wait, Op::Read, Op::Wait],
        };
        (1..=rounds).flat_map(round).collect::<Vec<_>>()
    };
    let clients = (0..usize::from(clients)).map(|i| {
        let client = Client::new(&group, &ops(WANTED[i]));
        Role::new(PROPOSERS[i], PROPOSER_NAMES[i], "client", client)
    });
    let replicas = (0..2).map(|i| {
        let node = step1::Replica::new(group.clone());
        Role::new(REPLICAS[i], REPLICA_NAMES[i], "replica", node).may_crash()
    });
    clients.chain(replicas).collect()
}

/// The properties that a step promises; see [`crate::invariants`].
#[must_use]
pub fn promises() -> BTreeMap<&'static str, Check<Paxos, Ledger>> {
    BTreeMap::from([
        ("AGREE", must::agree as Check<Paxos, Ledger>),
        ("VALID", must::valid),
        ("READ", must::read),
        ("LOG", must::log),
        ("ACK", must::ack),
        ("ONCE", must::once),
        ("STATE", must::state),
    ])
}
