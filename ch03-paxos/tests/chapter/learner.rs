//! A learner counts for each ballot by itself. One that adds up what was accepted under different
//! ballots learns what is not chosen: that takes four ballots to see, more than an exhaustive search
//! has time for from the first state. So a script plays the first three, and the explorer goes on
//! from there.

use std::collections::{BTreeMap, BTreeSet};

use ch03_paxos::designs::row;
use ch03_paxos::group::{Cx, Group, Input, Paxos, Summary};
use ch03_paxos::invariants::Ledger;
use ch03_paxos::types::{Msg, Note, Value};
use ch03_paxos::worlds::{LEARNER, REPLICAS, Scope};
use lab::explore::{Limits, Model, Report, Search};
use lab::script::Play;
use lab::world::Role;
use lab::{Node, NodeId};

/// Learns a value that a majority has accepted, under whichever ballots.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Careless {
    accepted: BTreeMap<Value, BTreeSet<NodeId>>,
}

impl Node for Careless {
    type Protocol = Paxos;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        if let Input::Message { from, msg: Msg::Accepted { value, .. } } = input {
            let accepted = self.accepted.entry(value.clone()).or_default();
            if accepted.insert(from) && Group::new(&REPLICAS).is_majority(accepted) {
                cx.note(Note::Learned(value));
            }
        }
    }

    fn summary(&self) -> Summary {
        Summary::of("counts")
    }
}

/// Ballot 1.1: replica-1 accepts Alice. Ballot 1.2, promised by the other two: replica-2 accepts Bob.
/// Ballot 2.1, promised by replicas 1 and 3: `web-1` asks for Alice again. Then `web-2` begins 2.2.
const THREE_BALLOTS: &str = "lose web-1 replica-2
lose web-2 replica-1
deliver web-1 replica-1
deliver web-1 replica-3
deliver replica-1 web-1
deliver replica-3 web-1
deliver web-1 replica-1
lose replica-1 web-1
lose web-1 replica-2
lose web-1 replica-3
deliver web-2 replica-2
deliver web-2 replica-3
deliver replica-2 web-2
deliver replica-3 web-2
deliver web-2 replica-2
lose replica-2 web-2
lose web-2 replica-1
lose web-2 replica-3
timeout web-1
deliver web-1 replica-1
lose web-1 replica-2
deliver web-1 replica-3
deliver replica-1 web-1
deliver replica-3 web-1
lose web-1 replica-2
timeout web-2
";

fn go_on(world: &Model<Paxos, Ledger>) -> Report<Paxos> {
    let play = Play::new(world.clone(), "").run(THREE_BALLOTS).expect("the script fits");
    let limits = Limits { timeouts: Some(0), states: 5_000_000, ..Limits::progress(0, 0, 0) };
    let limits = Limits { edges: false, timers_last: false, ..limits };
    Search::from_world(world, &limits, play.world()).finish()
}

#[test]
fn accepted_under_different_ballots_is_not_chosen() {
    let world = row("step4").model(Scope::TWO.with_learner());
    let report = go_on(&world);
    assert_eq!((report.violation.map(|v| v.broken), report.gave_up), (None, false));
    assert_eq!(report.graph.states(), 137_308);

    let mut careless = world;
    let learner = careless.roles.iter_mut().find(|role| role.id == LEARNER).expect("a learner");
    *learner = Role::new(LEARNER, "learner", "client", Careless { accepted: BTreeMap::new() });
    let violation = go_on(&careless).violation.expect("two values are learned");
    assert_eq!((violation.broken.property, violation.path.len()), ("AGREE", 10));
}
