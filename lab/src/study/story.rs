//! Runs that the book shows: told by a script, or found by a search.

use crate::Protocol;
use crate::event::Log;
use crate::explore::{Limits, Model, explore, log_of};
use crate::script::Play;
use crate::world::Ghost;

/// A run, and how to get it.
pub struct Story<P: Protocol, G> {
    /// `half-an-order`.
    pub name: &'static str,
    /// `ch02/step1`.
    pub step: String,
    /// The world it happens in.
    pub world: Model<P, G>,
    /// What happens.
    pub told: Told,
}

/// Where a story comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// A script.
    Script(&'static str),
    /// A shortest schedule that breaks a promise within these limits.
    Shortest(Limits),
}

impl<P: Protocol, G: Ghost> Story<P, G> {
    /// The run.
    ///
    /// # Panics
    /// If the script no longer fits its step, or nothing is broken any more.
    #[must_use]
    pub fn log(self) -> Log {
        let Self { name, step, world, told } = self;
        match told {
            Told::Script(script) => {
                let title = format!("{step}: {}", name.replace('-', " "));
                let play = Play::new(world, &title).run(script);
                play.unwrap_or_else(|why| panic!("{name}: {why}")).into_log()
            }
            Told::Shortest(limits) => {
                let title = format!("{step}, a shortest schedule that breaks it");
                let violation = explore(&world, &limits).violation;
                let violation = violation.unwrap_or_else(|| panic!("{name}: nothing is broken"));
                log_of(&world, &limits, &violation.path, &title).0
            }
        }
    }
}
