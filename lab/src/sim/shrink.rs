//! From a long broken run to a short one: leave things out for as long as it still breaks.
//!
//! A run is a list of actions. Without some of them the rest can be played again: an action that is no
//! longer possible (its message was never sent) is skipped. This is delta debugging (Zeller and
//! Hildebrandt, *Simplifying and isolating failure-inducing input*, 2002), on schedules.

use super::FaultSchedule;
use crate::explore::{Broken, Model};
use crate::node::Protocol;
use crate::record::Recorder;
use crate::world::{Action, Ghost, Observer, Wire, World};

/// Something that happened, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimedAction<P: Protocol> {
    /// Virtual time in µs.
    pub time: u64,
    /// What happened.
    pub action: Action<P>,
}

/// Plays actions in a fresh world until a property breaks; actions that are not possible are skipped.
/// The nodes' clocks show what they showed in the run under this schedule. Returns what was played,
/// and the broken property.
pub fn replay<P: Protocol, G: Ghost>(
    model: &Model<P, G>,
    schedule: &FaultSchedule,
    actions: &[TimedAction<P>],
    watch: &mut dyn Observer<P, G>,
) -> (Vec<TimedAction<P>>, Option<Broken>) {
    let topology = model.topology(Wire::Copies, true);
    let mut world = World::with_clocks(topology, |id| schedule.clock(id, 0), watch);
    let mut played = Vec::new();
    for timed in actions {
        if !world.can(&timed.action.transition) {
            continue;
        }
        watch.time(timed.time);
        let broken = super::apply(model, schedule, &mut world, timed, watch);
        played.push(timed.clone());
        if broken.is_some() {
            return (played, broken);
        }
    }
    (played, None)
}

/// The smallest run found that still breaks this property, with its log.
///
/// # Panics
/// If the run does not break it once more: then a node is not a function of its inputs.
pub fn shrink<P: Protocol, G: Ghost>(
    model: &Model<P, G>,
    schedule: &FaultSchedule,
    actions: Vec<TimedAction<P>>,
    property: &str,
    title: &str,
) -> (Vec<TimedAction<P>>, Recorder) {
    let breaks = |candidate: &[TimedAction<P>]| {
        let (played, broken) = replay(model, schedule, candidate, &mut ());
        broken.filter(|broken| broken.property == property).map(|_| played)
    };
    let mut best = breaks(&actions).expect("a run that is played again breaks the same property");
    let mut chunk = best.len().div_ceil(2);
    while chunk > 0 {
        let mut from = 0;
        let before = best.len();
        while from < best.len() {
            let mut candidate = best.clone();
            candidate.drain(from..(from + chunk).min(best.len()));
            match breaks(&candidate) {
                Some(shorter) if shorter.len() < best.len() => best = shorter,
                _ => from += chunk,
            }
        }
        if best.len() == before || chunk > 1 {
            chunk /= 2;
        }
    }
    let mut recorder = Recorder::new(title, &model.topology(Wire::Copies, true));
    let (played, broken) = replay(model, schedule, &best, &mut recorder);
    if let Some(broken) = broken {
        recorder.violation(broken.property, &broken.why);
    }
    (played, recorder)
}
