//! Each of the two fences by itself is not enough: without the store's, a sleeper's decision is
//! written after all; without the participants', what it does not know is answered *abort*.

use ch02_two_phase_commit::deeper::{Msg as Deeper, fencing};
use ch02_two_phase_commit::shop::{AnyNode, Cx, Effect, Input, Shop, Summary};
use ch02_two_phase_commit::step3_log_first as step3;
use ch02_two_phase_commit::types::{COORD, Msg};
use ch02_two_phase_commit::worlds::{Nodes, Scope};
use lab::Node;
use lab::explore::{Limits, explore};

/// A coordinator or store. As a store it takes whatever is written for the newest epoch's.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Careless {
    inner: fencing::Coordinator,
    newest: u64,
}

impl Node for Careless {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        let input = match input {
            Input::Message { from, msg: Msg::Deeper(Deeper::TakeOver { epoch }) } => {
                self.newest = self.newest.max(epoch);
                Input::Message { from, msg: Msg::Deeper(Deeper::TakeOver { epoch }) }
            }
            Input::Message { from, msg: Msg::Deeper(Deeper::Write { record, .. }) } => {
                let msg = Msg::Deeper(Deeper::Write { epoch: self.newest, record });
                Input::Message { from, msg }
            }
            other => other,
        };
        self.inner.step(input, cx);
    }

    fn summary(&self) -> Summary {
        self.inner.summary()
    }
}

/// A participant that accepts messages of every epoch.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Trusting(step3::Participant);

impl Node for Trusting {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        let input = match input {
            Input::Message { from, msg: Msg::Deeper(Deeper::Fenced { msg, .. }) } => {
                Input::Message { from, msg: *msg }
            }
            other => other,
        };
        for effect in cx.capture(|cx| self.0.step(input, cx)) {
            if let Effect::Send { msg: Msg::Inquire { tx }, .. } = effect {
                cx.send(COORD, Msg::Inquire { tx });
                cx.send(fencing::COORD_2, Msg::Inquire { tx });
            } else {
                cx.push(effect);
            }
        }
    }

    fn summary(&self) -> Summary {
        self.0.summary()
    }
}

const FENCED: Nodes = Nodes {
    standbys: fencing::STANDBYS,
    endpoints: fencing::ENDPOINTS,
    ..Nodes::new(
        || AnyNode::new(fencing::Coordinator::default()),
        |accounts| AnyNode::new(fencing::Participant::new(step3::Participant::new(accounts))),
    )
};

/// The length of a shortest schedule that breaks AC1 when no process crashes: with three timers a
/// client asks the other coordinator, that one takes over, and a participant asks both.
fn shortest(design: &Nodes) -> Option<usize> {
    let limits = Limits { timeouts: Some(3), states: 400_000, ..Limits::safety(0) };
    let report = explore(&design.model(Scope::ONE_ORDER, &["AC1"]), &limits);
    assert!(!report.gave_up, "more than {} states", limits.states);
    report.violation.map(|violation| violation.path.len())
}

#[test]
fn with_both_fences_the_replaced_coordinator_changes_nothing() {
    assert_eq!(shortest(&FENCED), None);
}

#[test]
fn a_store_without_a_fence_writes_what_the_replaced_coordinator_decides() {
    let careless = FENCED.with_coordinator(|| AnyNode::new(Careless::default()));
    assert_eq!(shortest(&careless), Some(16));
}

#[test]
fn a_participant_without_a_fence_obeys_the_replaced_coordinator() {
    let trusting = FENCED
        .with_participants(|accounts| AnyNode::new(Trusting(step3::Participant::new(accounts))));
    assert_eq!(shortest(&trusting), Some(17));
}
