//! What the exercises of every chapter are checked with: small worlds searched from end to end, seeded
//! storms, and single messages. The same answer gets the same verdict, always.

use std::fmt::Display;
use std::time::Duration;

use super::Scene;
use super::judged::REPAIRED;
use crate::Protocol;
use crate::node::{AnyNode, Effect, Input, NodeId, react};
use crate::rng::Rng;
use crate::sim::{FaultSchedule, find};
use crate::view::text;
use crate::world::Ghost;

/// What a node sends when it takes one message.
pub fn answers<P: Protocol>(
    node: &mut AnyNode<P>,
    me: NodeId,
    from: NodeId,
    msg: P::Msg,
) -> Vec<P::Msg> {
    let effects = react(node, me, Duration::ZERO, Input::Message { from, msg });
    let sent = effects.into_iter().filter_map(|effect| match effect {
        Effect::Send { msg, .. } | Effect::SendAhead { msg, .. } => Some(msg),
        Effect::Persist(_)
        | Effect::Mark(_)
        | Effect::DiscardBefore(_)
        | Effect::Connect { .. }
        | Effect::Disconnect(_)
        | Effect::SetTimer { .. }
        | Effect::CancelTimer(_)
        | Effect::Note(_) => None,
    });
    sent.collect()
}

/// One thing to guess.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question<T> {
    /// What is asked.
    pub situation: &'static str,
    /// The right answer.
    pub truth: T,
    /// What helps whoever is wrong.
    pub nudge: &'static str,
}

/// Compares guesses with the truth.
///
/// # Errors
/// The first wrong guess, with a nudge.
pub fn guessed<T: PartialEq + Display>(
    guesses: &[T],
    questions: &[Question<T>],
) -> Result<(), String> {
    let mut pairs = guesses.iter().zip(questions);
    match pairs.find(|(guess, question)| **guess != question.truth) {
        Some((guess, Question { situation, nudge, .. })) => {
            Err(format!("{situation}: you said {guess}. {nudge}"))
        }
        None => Ok(()),
    }
}

/// Whether every promise is kept in each of these scenes, and no state of them is stuck once all
/// processes are back; and the same in a hundred storms over the first of them. Returns in how many
/// states.
///
/// # Errors
/// What broke, with a short schedule that shows it.
pub fn survives<P: Protocol, G: Ghost>(
    scenes: impl IntoIterator<Item = Scene<P, G>>,
    storm: impl Fn(&mut Rng) -> FaultSchedule,
) -> Result<usize, String> {
    let mut states = 0;
    let mut first = None;
    for scene in scenes {
        let scene = Scene { limits: scene.limits.with_edges(), ..scene };
        let report = scene.explore();
        if let Some(violation) = report.violation {
            return Err(text::render(&scene.log(&violation.path, "unsafe")));
        }
        if report.gave_up {
            return Err("undecided: this has too many states; does it keep counting?".into());
        }
        if let Some(state) = report.graph.stuck(&REPAIRED).first() {
            let log = scene.log(&report.graph.path(*state), "stuck");
            return Err(text::render(&log) + "     ✗ stuck: from here it can never end\n");
        }
        if let Some(never) = report.never.first() {
            let why = "Nothing bad happens because nothing happens";
            return Err(format!("never reached: {never}. {why}"));
        }
        states += report.graph.states();
        first.get_or_insert(scene.world);
    }
    let found = first.and_then(|world| find(&world, storm, 0..100, "a storm").counterexample);
    found.map_or(Ok(states), |example| Err(text::render(&example.log)))
}
