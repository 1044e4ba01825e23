//! What a search asks about each new state.

use std::ops::Range;

use super::level::{Level, Scratch, State};
use super::moves::moves;
use super::tables::Tables;
use super::{Broken, Limits, Model};
use crate::node::Protocol;
use crate::world::{Ghost, World};

/// What is known of a new state.
pub(super) struct Judged {
    pub(super) broken: Option<Box<Broken>>,
    pub(super) is_goal: bool,
    /// Whether a limit held something back.
    pub(super) is_truncated: bool,
    /// A bit for each goal of `sometimes` that this state reaches, if no level before did.
    pub(super) reached: u64,
}

/// Asks the properties of a model.
pub(super) struct Judge<'a, P: Protocol, G> {
    pub(super) model: &'a Model<P, G>,
    pub(super) limits: &'a Limits,
    pub(super) tables: &'a Tables<P, G>,
    /// Which goals of `sometimes` were reached before.
    pub(super) reached: u64,
}

impl<P: Protocol, G: Ghost> Judge<'_, P, G> {
    /// Judges the states of a slice, in order.
    pub(super) fn judge(&self, level: &Level, slice: Range<usize>) -> Vec<Judged> {
        let mut found = Vec::new();
        let mut scratch = Scratch::new(self.tables, level.row(slice.start), self.limits);
        let mut judge = |row: usize| {
            let world = scratch.load(self.tables, level.row(row));
            let is_truncated = self.limits.timeouts.is_some() && {
                moves(&State::read(self.tables, level.row(row)), self.limits, &mut found)
            };
            Judged {
                broken: self.model.broken(world).map(Box::new),
                is_goal: (self.model.goal)(world),
                is_truncated,
                reached: self.newly_reached(world),
            }
        };
        slice.map(&mut judge).collect()
    }

    fn newly_reached(&self, world: &World<P, G>) -> u64 {
        let open = self.model.sometimes.iter().enumerate();
        let open = open.filter(|(goal, _)| self.reached & (1 << goal) == 0);
        open.filter(|(_, (_, reached))| reached(world)).map(|(goal, _)| 1 << goal).sum()
    }
}
