//! What the exercises are checked against: a run without faults, seeded storms, and every order of
//! events of a small world. The same answer gets the same verdict, always.

use lab::Node;
use lab::chapter::Verdict;
use lab::explore::Limits;
use lab::study::exercise::{self, Question};
use lab::study::{Scene, Target, verdict};

use crate::accounts::Accounts;
use crate::designs::{ATOMIC, PLAIN as SAGA};
use crate::shop::AnyNode;
use crate::types::{COORD, Key, Msg, PAY, STOCK, TxId};
use crate::worlds::{Nodes, Read, Scope, umbrella};
use crate::{step1_no_coordination as step1, step2_two_phases as step2, step5_saga as step5};

/// Crashes are drawn from the first so many µs, in which an order is busy.
const BUSY: u64 = 12_000;

/// A participant that keeps its promises: with step 3's coordinator.
///
/// # Errors
/// What broke, with the shortest schedule found.
pub fn participant(participant: fn(Accounts) -> AnyNode) -> Result<String, String> {
    let mut stock = participant(Accounts::new(&[("umbrella", 1)]));
    let answered = receive(&mut stock, Msg::Commit { tx: TX });
    if !answered.is_empty() {
        return Err(format!("it answered a commit that it never prepared: {answered:?}"));
    }
    let branch = umbrella(2).0[&STOCK].clone();
    receive(&mut stock, Msg::Prepare { tx: TX, key: Key::new("order-1"), branch });
    for time in ["", " that came again"] {
        if !receive(&mut stock, Msg::Commit { tx: TX }).contains(&Msg::Ack { tx: TX }) {
            return Err(format!(
                "a commit{time} got no acknowledgement: `coord` sends it for ever"
            ));
        }
    }
    let states = survives(&Nodes::STEP3.with_participants(participant), ATOMIC)?;
    Ok(format!("safe in {states} states, and never stuck once every process is back"))
}

/// A participant that does each branch once and takes it back once: with step 5's coordinator.
///
/// # Errors
/// What broke, with the shortest schedule found.
pub fn barrier(participant: fn(Accounts) -> AnyNode) -> Result<String, String> {
    let branch = umbrella(2).0[&STOCK].clone();
    let mut stock = participant(Accounts::new(&[("umbrella", 1)]));
    let undone = receive(&mut stock, Msg::Undo { tx: TX });
    if !undone.contains(&Msg::Undone { tx: TX }) {
        return Err("an undo without an apply was not answered: `coord` asks for ever".into());
    }
    receive(&mut stock, Msg::Apply { tx: TX, key: Key::new("order-1"), branch: branch.clone() });
    let left = stock.summary().balances.unwrap_or_default();
    if left.values().any(|left| *left != 1) {
        return Err("an apply that came after its undo was done, and nothing takes it back".into());
    }
    let states =
        survives(&Nodes::new(|| AnyNode::new(step5::Coordinator::default()), participant), SAGA)?;
    Ok(format!("done once and taken back once in {states} states"))
}

const TX: TxId = TxId { start: 1, count: 1, attempt: 1 };

/// One message from the coordinator; what it sends back.
fn receive(participant: &mut AnyNode, msg: Msg) -> Vec<Msg> {
    exercise::answers(participant, STOCK, COORD, msg)
}

/// Compares guesses with what the explorer says.
///
/// # Errors
/// The first wrong guess, with a nudge.
pub fn guesses(guesses: [Verdict; 5]) -> Result<String, String> {
    let step1 = Nodes::new(
        || AnyNode::new(step1::Coordinator::default()),
        |accounts| AnyNode::new(step1::Participant::new(accounts)),
    );
    let step2 = Nodes::new(
        || AnyNode::new(step2::Coordinator::default()),
        |accounts| AnyNode::new(step2::Participant::new(accounts)),
    );
    let step3 = Nodes::STEP3;
    let quiet = Limits::progress(0, 0, 0);
    let crash = Limits { restarts: false, ..Limits::progress(1, 0, 0) };
    let restart = Limits::progress(1, 0, 0);
    let question = |situation, truth, nudge| Question { situation, truth, nudge };
    let questions = [
        question(
            "step 1, and nothing fails",
            verdict(&step1.model(Scope::TWO_ORDERS, SAGA), &quiet),
            "Alice orders twice and has one coin.",
        ),
        question(
            "step 2, and a process restarts",
            verdict(&step2.model(Scope::ONE_ORDER, ATOMIC), &restart),
            "What is in memory is gone.",
        ),
        question(
            "step 3, and a process never comes back",
            verdict(&step3.model(Scope::ONE_ORDER, ATOMIC), &crash),
            "Who waits for whom after a yes?",
        ),
        question(
            "step 3, and a process restarts",
            verdict(&step3.model(Scope::ONE_ORDER, ATOMIC), &restart),
            "What is on disk is there.",
        ),
        question(
            "step 3, and a client reads in the middle",
            verdict(&step3.model(Scope::ONE_ORDER.with(Read::Each), &["HALF"]), &quiet),
            "There is a moment between the two commits.",
        ),
    ];
    exercise::guessed(&guesses, &questions)?;
    Ok("five of five; the explorer agrees".into())
}

/// Two orders with a message that comes twice; one order that is done, and one that is refused, each with
/// a crash beside it; and storms.
fn survives(nodes: &Nodes, promised: &[&'static str]) -> Result<usize, String> {
    let two = nodes.model(Scope::TWO_ORDERS, promised);
    let one = nodes.model(Scope::ONE_ORDER, promised);
    let refused = nodes.model(Scope::REFUSED, promised);
    let crash = Limits::progress(1, 0, 1);
    let scenes = [(two, Limits::progress(0, 0, 1)), (one, crash), (refused, crash)];
    let servers = vec![COORD, STOCK, PAY];
    let target = Target { servers, links: Vec::new(), busy: 0..BUSY, lasts: 0..1 };
    let scenes = scenes.map(|(world, limits)| Scene::new(world, limits));
    exercise::survives(scenes, |rng| target.storm(rng))
}
