//! Decisions by hand: what they break, and what is left of it.

use ch02_two_phase_commit::deeper::Msg as Deeper;
use ch02_two_phase_commit::deeper::heuristic::Participant;
use ch02_two_phase_commit::invariants::Ledger;
use ch02_two_phase_commit::shop::{AnyNode, Cx, Input, Shop, Summary};
use ch02_two_phase_commit::step3_log_first as step3;
use ch02_two_phase_commit::types::{COORD, Msg, PAY, Timer, TxId, wait};
use ch02_two_phase_commit::worlds::{Nodes, Scope};
use lab::explore::{Limits, Model, explore};
use lab::script::Play;
use lab::world::Role;
use lab::{Node, NodeId};

const OPERATOR: NodeId = NodeId(20);
const TX: TxId = TxId { start: 1, count: 1, attempt: 1 };

/// Decides for `pay`, once, at any time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Operator {
    commit: bool,
}

impl Node for Operator {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { .. } => cx.set_timer(Timer::Retry, wait::RETRY),
            Input::Timeout(_) => {
                cx.send(PAY, Msg::Deeper(Deeper::Resolve { tx: TX, commit: self.commit }));
            }
            Input::Replay(_) | Input::Message { .. } | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> Summary {
        Summary::default()
    }
}

fn world(commit: bool, promised: &[&'static str]) -> Model<Shop, Ledger> {
    let design = Nodes::STEP3.with_participants(|accounts| {
        AnyNode::new(Participant::new(step3::Participant::new(accounts)))
    });
    let mut model = design.model(Scope::ONE_ORDER, promised);
    model.sometimes.push(("an operator decides", |world| {
        world.summaries().any(|(_, summary)| summary.line.contains("guessed"))
    }));
    model.roles.push(Role::new(OPERATOR, "ops", "coord", Operator { commit }));
    model
}

/// What is broken and after how many events, and how many states there are.
fn searched(
    commit: bool,
    promised: &[&'static str],
    limits: &Limits,
) -> (Option<(&'static str, usize)>, usize) {
    let report = explore(&world(commit, promised), limits);
    assert!(!report.gave_up && (report.violation.is_some() || report.never.is_empty()));
    let broken = report.violation.map(|v| (v.broken.property, v.path.len()));
    (broken, report.graph.states())
}

#[test]
fn a_decision_by_hand_can_break_atomicity() {
    let limits = Limits::safety(0);
    let shortest = |commit, promised| searched(commit, &[promised], &limits).0;
    assert_eq!(shortest(true, "AC3"), Some(("AC3", 4)), "the other has not even voted");
    assert_eq!(shortest(true, "AC1"), Some(("AC1", 7)));
    assert_eq!(shortest(false, "AC1"), Some(("AC1", 8)));
}

/// All vote yes, and only one stops waiting: the operator, who is lucky, or the coordinator.
#[test]
fn an_operator_who_guesses_right_breaks_nothing() {
    let limits = Limits { timeouts: Some(1), ..Limits::safety(0) };
    let promised = ["AC1", "AC2", "ACK", "NACK", "ONCE", "MONEY"];
    assert_eq!(searched(true, &promised, &limits), (None, 226));
}

/// `pay` votes yes and is told by hand to abort, while `coord` receives both votes and commits.
const ABORT: &str = "deliver web-1 coord
deliver coord stock
deliver coord pay
timeout ops
deliver ops pay
deliver pay ops
deliver stock coord
deliver pay coord
";

fn lines(script: &str) -> (String, String) {
    let play = Play::new(world(false, &["AC1"]), "").run(script).expect("it can happen");
    (play.world().line(PAY), play.world().line(COORD))
}

#[test]
fn the_truth_comes_and_the_damage_stays() {
    let (pay, _) = lines(ABORT);
    assert_eq!(pay, "alice 1, till 0; guessed: tx 1.1");
    let (pay, coord) = lines(&format!("{ABORT}run\n"));
    assert_eq!(pay, "alice 1, till 0; damage: tx 1.1");
    assert_eq!(coord, "", "every participant has acknowledged, and it has forgotten");
    let (pay, _) = lines(&format!("{ABORT}run\ncrash pay\nrestart pay\nrun\n"));
    assert_eq!(pay, "alice 1, till 0; damage: tx 1.1");
}

#[test]
fn a_guess_is_followed_after_a_crash_right_after_it() {
    let cut = ABORT.replace("deliver ops pay", "crash pay after 1 deliver ops pay\nrestart pay");
    let (pay, _) = lines(&cut.replace("deliver pay ops\n", ""));
    assert_eq!(pay, "alice 1, till 0; guessed: tx 1.1");
}

#[test]
fn what_is_not_in_doubt_cannot_be_decided_by_hand() {
    let (pay, _) = lines("timeout ops\ndeliver ops pay\nrun\n");
    assert_eq!(pay, "alice 0, till 1");
}
