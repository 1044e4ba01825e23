//! What the exercises are checked against: every order of events of small worlds, some of them from a
//! moment at which several ballots are under way, and seeded storms. The same answer gets the same
//! verdict, always.

use std::fmt::{self, Display, Formatter};

use lab::explore::Limits;
use lab::node::Changed;
use lab::study::exercise::{self, Question};
use lab::study::{Scene, Target};
use lab::{Effect, NodeId};

use crate::designs::CONSENSUS;
use crate::designs::scenes::PROMISED;
use crate::group::{AnyNode, Group, Input, Paxos};
use crate::invariants::Ledger;
use crate::step4_durable as step4;
use crate::types::{Ballot, Msg, Record};
use crate::worlds::{Crashing, Nodes, Scope, wanted};

/// Crashes are drawn from the first so many µs, in which a group is busy.
const BUSY: u64 = 8_000;

/// Replicas 1 and 3 have promised both ballots, `replica-2` was not asked. Both proposers ask for
/// acceptance.
const ASKED: &str = "deliver web-1 replica-1
deliver web-1 replica-3
deliver web-2 replica-1
deliver web-2 replica-3
lose web-1 replica-2
lose web-2 replica-2
deliver replica-1 web-1
deliver replica-3 web-1
deliver replica-1 web-2
deliver replica-3 web-2";

/// Ballot 1.1: `replica-1` accepts Alice, and says so. Ballot 1.2, promised by the other two:
/// `replica-2` accepts Bob. Ballot 2.1, promised by replicas 1 and 3: `web-1` asks for Alice again.
/// Then `web-2` begins 2.2.
const FOUR_BALLOTS: &str = "lose web-1 replica-2
lose web-2 replica-1
deliver web-1 replica-1
deliver web-1 replica-3
deliver replica-1 web-1
deliver replica-3 web-1
deliver web-1 replica-1
lose web-1 replica-2
lose web-1 replica-3
deliver web-2 replica-2
deliver web-2 replica-3
deliver replica-2 web-2
deliver replica-3 web-2
deliver web-2 replica-2
lose web-2 replica-1
lose web-2 replica-3
timeout web-1
deliver web-1 replica-1
lose web-1 replica-2
deliver web-1 replica-3
deliver replica-1 web-1
deliver replica-3 web-1
lose web-1 replica-2
timeout web-2";

/// An acceptor that keeps its promises: with step 4's proposers.
///
/// # Errors
/// What broke, with the shortest schedule found.
pub fn acceptor(acceptor: fn(Group) -> AnyNode) -> Result<String, String> {
    let proposer = |group, i| AnyNode::new(step4::Proposer::new(group, wanted(i)));
    let nodes = Nodes::Group { proposer, acceptor };
    let replica = |scope: Scope| nodes.model(scope.crashing(Crashing::OneReplica), CONSENSUS);
    let two = replica(Scope::TWO);
    let states = survives(vec![
        Scene::new(two.clone(), ballots(0, 0)),
        Scene::new(two.clone(), ballots(0, 1)),
        Scene::new(two.clone(), ballots(1, 0)).after(PROMISED),
        Scene::new(two, ballots(1, 1)).after(ASKED),
        Scene::new(replica(Scope::ONE), Limits::progress(1, 1, 0)),
    ])?;
    Ok(format!("agreed in {states} states, and never stuck once every process is back"))
}

/// A proposer that adopts what may be chosen: with step 4's acceptors.
///
/// # Errors
/// What broke, with the shortest schedule found.
pub fn proposer(proposer: fn(Group, usize) -> AnyNode) -> Result<String, String> {
    let nodes = Nodes::Group { proposer, acceptor: |group| AnyNode::new(plain_acceptor(group)) };
    let crashing = |scope: Scope| nodes.model(scope.crashing(Crashing::Proposers), CONSENSUS);
    let two = crashing(Scope::TWO);
    let states = survives(vec![
        Scene::new(two.clone(), ballots(0, 0)),
        Scene::new(nodes.model(Scope::ONE, CONSENSUS), Limits::progress(1, 1, 0)),
        Scene::new(two.clone(), ballots(1, 0)).after(PROMISED),
        Scene::new(two.clone(), ballots(0, 1)).after(PROMISED),
        Scene::new(two, ballots(0, 0)).after(FOUR_BALLOTS),
    ])?;
    Ok(format!("agreed in {states} states, and never stuck once every process is back"))
}

fn plain_acceptor(group: Group) -> step4::Acceptor {
    step4::Acceptor::new(group)
}

/// So many timers expire, and each gives a proposer one more ballot; so many crashes.
fn ballots(more: u8, crashes: u8) -> Limits {
    Limits { timeouts: Some(more), ..Limits::safety(crashes) }
}

fn survives(scenes: Vec<Scene<Paxos, Ledger>>) -> Result<usize, String> {
    let target = scenes.first().map(|scene| Target::of(&scene.world));
    let target = Target { busy: 0..BUSY, ..target.expect("some scene") };
    exercise::survives(scenes, |rng| target.storm(rng))
}

/// The first world in this order in which a change can be seen. In each, two proposers want two values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Each proposer has one ballot.
    TwoBallots,
    /// The same, and a replica crashes and comes back.
    ReplicaRestarts,
    /// One of the proposers has a second ballot.
    ThreeBallots,
    /// Each proposer has one ballot, and one of them crashes and comes back.
    ProposerRestarts,
    /// None of these.
    Nowhere,
}

impl Seen {
    fn of(nodes: &Nodes) -> Self {
        let world = |crashing| nodes.model(Scope::TWO.crashing(crashing), CONSENSUS);
        let (replica, proposer) = (world(Crashing::OneReplica), world(Crashing::Proposers));
        let scenes = [
            (Self::TwoBallots, Scene::new(replica.clone(), ballots(0, 0))),
            (Self::ReplicaRestarts, Scene::new(replica.clone(), ballots(0, 1))),
            (Self::ThreeBallots, Scene::new(replica, ballots(1, 0)).after(PROMISED)),
            (Self::ProposerRestarts, Scene::new(proposer, ballots(0, 1)).after(PROMISED)),
        ];
        let found = scenes.into_iter().find(|(_, scene)| {
            let report = scene.explore();
            assert!(!report.gave_up, "too many states");
            report.violation.is_some()
        });
        found.map_or(Self::Nowhere, |(seen, _)| seen)
    }
}

impl Display for Seen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TwoBallots => "two ballots",
            Self::ReplicaRestarts => "two ballots, and a replica restarts",
            Self::ThreeBallots => "three ballots",
            Self::ProposerRestarts => "two ballots, and a proposer restarts",
            Self::Nowhere => "nowhere",
        })
    }
}

/// Compares guesses with what the explorer says about five changes of step 4.
///
/// # Errors
/// The first wrong guess, with a nudge.
pub fn scopes(guesses: [Seen; 5]) -> Result<String, String> {
    let question = |situation, nodes, nudge| Question { situation, truth: Seen::of(&nodes), nudge };
    let questions = [
        question(
            "an acceptor writes what it accepts, and not what it promises",
            with_acceptor(|group| forgets_promises(plain_acceptor(group))),
            "As long as it is up, it remembers.",
        ),
        question(
            "a proposer proposes its own value, whatever it is told",
            with_proposer(|group, i| AnyNode::new(step4_of(group, i).takes(told_nothing))),
            "What could the first proposer have done before the second one asked?",
        ),
        question(
            "a proposer does not count its starts",
            with_proposer(|group, i| AnyNode::new(step4_of(group, i).takes(always_first_start))),
            "When does it use the same ballot once more?",
        ),
        question(
            "a proposer takes the value with the lowest ballot, of those that it is told",
            with_proposer(|group, i| AnyNode::new(step4_of(group, i).takes(lowest_first))),
            "It has to be told of two values before it can take the wrong one.",
        ),
        question(
            "all proposers use the same ballots",
            with_proposer(|group, i| {
                AnyNode::new(step4_of(group, i).takes(ballots_are_mine).asks(nameless_ballots))
            }),
            "How many majorities promise one ballot, if each acceptor promises it once?",
        ),
    ];
    exercise::guessed(&guesses, &questions)?;
    Ok("five of five; the explorer agrees".into())
}

fn with_acceptor(acceptor: fn(Group) -> AnyNode) -> Nodes {
    let proposer = |group, i| AnyNode::new(step4::Proposer::new(group, wanted(i)));
    Nodes::Group { proposer, acceptor }
}

fn with_proposer(proposer: fn(Group, usize) -> AnyNode) -> Nodes {
    Nodes::Group { proposer, acceptor: |group| AnyNode::new(plain_acceptor(group)) }
}

fn step4_of(group: Group, i: usize) -> Changed<Paxos> {
    Changed::new(AnyNode::new(step4::Proposer::new(group, wanted(i))))
}

fn forgets_promises(acceptor: step4::Acceptor) -> AnyNode {
    AnyNode::new(Changed::new(AnyNode::new(acceptor)).asks(|effect| match effect {
        Effect::Persist(Record::Promised(_)) => None,
        other => Some(other),
    }))
}

fn told_nothing(input: Input, _me: NodeId) -> Input {
    match input {
        Input::Message { from, msg: Msg::Promise { ballot, .. } } => {
            Input::Message { from, msg: Msg::Promise { ballot, accepted: None } }
        }
        other => other,
    }
}

fn always_first_start(input: Input, _me: NodeId) -> Input {
    match input {
        Input::Boot { .. } => Input::Boot { start: 1 },
        other => other,
    }
}

/// The proposer takes the highest, so the ballots are told in reverse.
fn lowest_first(input: Input, _me: NodeId) -> Input {
    let reversed = |Ballot { round, node, start }: Ballot| Ballot {
        round: u32::MAX - round,
        node: NodeId(u64::MAX - node.0),
        start,
    };
    match input {
        Input::Message { from, msg: Msg::Promise { ballot, accepted: Some((of, value)) } } => {
            let accepted = Some((reversed(of), value));
            Input::Message { from, msg: Msg::Promise { ballot, accepted } }
        }
        other => other,
    }
}

fn nameless_ballots(effect: Effect<Paxos>) -> Option<Effect<Paxos>> {
    let nameless = |ballot: Ballot| Ballot { node: NodeId(0), ..ballot };
    Some(match effect {
        Effect::Send { to, msg: Msg::Prepare { ballot } } => {
            Effect::Send { to, msg: Msg::Prepare { ballot: nameless(ballot) } }
        }
        Effect::Send { to, msg: Msg::Accept { ballot, value } } => {
            Effect::Send { to, msg: Msg::Accept { ballot: nameless(ballot), value } }
        }
        other => other,
    })
}

fn ballots_are_mine(input: Input, me: NodeId) -> Input {
    let mine = |ballot: Ballot| Ballot { node: me, ..ballot };
    match input {
        Input::Message { from, msg: Msg::Promise { ballot, accepted } } => {
            Input::Message { from, msg: Msg::Promise { ballot: mine(ballot), accepted } }
        }
        Input::Message { from, msg: Msg::Accepted { ballot, value } } => {
            Input::Message { from, msg: Msg::Accepted { ballot: mine(ballot), value } }
        }
        other => other,
    }
}
