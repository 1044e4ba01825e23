//! What a search asks about each new state.

use std::ops::Range;

use super::level::{Level, Scratch, State};
use super::moves::moves;
use super::tables::Tables;
use super::{Broken, Limits, Model};
use crate::node::Protocol;
use crate::world::Ghost;

/// What is known of a new state.
pub(super) struct Judged {
    pub(super) broken: Option<Broken>,
    pub(super) is_goal: bool,
    /// Whether a limit held something back.
    pub(super) is_truncated: bool,
    /// For each goal of `sometimes` whether this state, or one before it, reaches it.
    pub(super) reached: Vec<bool>,
}

/// Asks the properties of a model.
pub(super) struct Judge<'a, P: Protocol, G> {
    pub(super) model: &'a Model<P, G>,
    pub(super) limits: &'a Limits,
    pub(super) tables: &'a Tables<P, G>,
    /// Which goals of `sometimes` were reached before.
    pub(super) reached: &'a [bool],
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
            let sometimes = self.model.sometimes.iter().zip(self.reached);
            Judged {
                broken: self.model.broken(world),
                is_goal: (self.model.goal)(world),
                is_truncated,
                reached: sometimes.map(|((_, reached), seen)| *seen || reached(world)).collect(),
            }
        };
        slice.map(&mut judge).collect()
    }
}
