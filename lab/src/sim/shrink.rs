//! From a long broken run to a short one: leave things out for as long as it still breaks.
//!
//! A run is a list of actions. Without some of them the rest can be played again: an action that is no
//! longer possible (its message was never sent) is skipped. This is delta debugging (Zeller and
//! Hildebrandt, *Simplifying and isolating failure-inducing input*, 2002), on schedules.

use std::time::Duration;

use crate::explore::Model;
use crate::node::Node;
use crate::record::Recorder;
use crate::world::{Action, Observer, Wire, World};

/// Something that happened, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment<N: Node> {
    /// Virtual time in µs.
    pub time: u64,
    /// What happened.
    pub action: Action<N>,
}

/// Plays moments in a fresh world until a property breaks; moments that are not possible are skipped.
/// Returns those that were played, and the broken property.
pub fn replay<N, G>(
    model: &Model<N, G>,
    moments: &[Moment<N>],
    watch: &mut dyn Observer<N, G>,
) -> (Vec<Moment<N>>, Option<crate::explore::Broken>)
where
    N: Node,
    G: Clone + Eq + std::hash::Hash + Default,
{
    let mut world = World::new(model.stage(Wire::Bag, true), watch);
    let mut played = Vec::new();
    for moment in moments {
        if !world.can(&moment.action.what) {
            continue;
        }
        watch.time(moment.time);
        world.apply(&moment.action, Duration::from_micros(moment.time), watch);
        played.push(moment.clone());
        if let Some(broken) = model.broken(&world) {
            return (played, Some(broken));
        }
    }
    (played, None)
}

/// The smallest run found that still breaks this property, with its log.
pub fn shrink<N, G>(
    model: &Model<N, G>,
    moments: Vec<Moment<N>>,
    property: &str,
    title: &str,
) -> (Vec<Moment<N>>, Recorder)
where
    N: Node,
    G: Clone + Eq + std::hash::Hash + Default,
{
    let breaks = |candidate: &[Moment<N>]| {
        let (played, broken) = replay(model, candidate, &mut ());
        broken.filter(|broken| broken.property == property).map(|_| played)
    };
    let mut best = breaks(&moments).unwrap_or(moments);
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
    let mut recorder = Recorder::new(title, &model.stage(Wire::Bag, true));
    let (played, broken) = replay(model, &best, &mut recorder);
    if let Some(broken) = broken {
        recorder.violation(broken.property, &broken.why);
    }
    (played, recorder)
}
