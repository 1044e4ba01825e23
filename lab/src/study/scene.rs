//! A small world that is searched from a moment in the middle.

use crate::event::Log;
use crate::explore::{Limits, Model, Report, Search};
use crate::node::Protocol;
use crate::script::Play;
use crate::world::{Action, Ghost};

/// A world, what has happened in it already, and what may happen from there on. Some errors take more
/// events than an exhaustive search has time for: a script plays the first of them.
#[derive(Clone, Debug)]
pub struct Scene<P: Protocol, G> {
    /// The world.
    pub world: Model<P, G>,
    /// What has happened, as a script; commands that cannot happen are left out.
    pub opening: String,
    /// What may happen.
    pub limits: Limits,
}

impl<P: Protocol, G: Ghost> Scene<P, G> {
    /// A world from its first state.
    #[must_use]
    pub fn new(world: Model<P, G>, limits: Limits) -> Self {
        Self { world, opening: String::new(), limits }
    }

    /// The same world, when this has happened too.
    #[must_use]
    pub fn after(self, script: &str) -> Self {
        Self { opening: self.opening + script + "\n", ..self }
    }

    /// Explores every order of the events that may follow.
    #[must_use]
    pub fn explore(&self) -> Report<P> {
        if self.opening.is_empty() {
            return Search::new(&self.world, &self.limits).finish();
        }
        let begun = self.begun("");
        Search::from_world(&self.world, &self.limits, begun.world()).finish()
    }

    /// What has happened, and then this.
    #[must_use]
    pub fn log(&self, path: &[Action<P>], title: &str) -> Log {
        self.begun(title).log_with(&self.limits, path)
    }

    fn begun(&self, title: &str) -> Play<P, G> {
        Play::new(self.world.clone(), title).follow(&self.opening)
    }
}
