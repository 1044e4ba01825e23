//! The states that a search visited, and what can be read off their graph.

use super::code::{Code, Key};
use crate::node::Protocol;
use crate::world::Action;

/// What sort of event leads from one state to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edge {
    /// The system at work: a delivery, a timer, the disk.
    Work,
    /// A process comes back.
    Restart,
    /// A fault, between two steps or in place of one.
    Fault,
    /// A crash in the middle of a step.
    Cut,
}

/// The state before, and the step from there.
pub(super) type Parent = (u32, Code);

/// All states by number, in the order a breadth-first search found them; 0 is the first.
#[derive(Clone, Debug)]
pub struct Graph<P: Protocol> {
    /// For each state its key; empty without edges.
    prints: Vec<u128>,
    /// For each state the one before it on a shortest path, and how it got there from that.
    parents: Vec<Parent>,
    /// What the codes stand for.
    pub(super) actions: Key<P>,
    /// Every step between two different states, if that was asked for.
    pub(super) edges: Vec<(u32, u32, Edge)>,
    has_edges: bool,
    /// States that are as all of them should be able to become.
    pub(super) goals: Vec<u32>,
    /// States in which a limit held something back.
    pub(super) truncated: Vec<u32>,
    /// States that break a property.
    pub(super) broken: Vec<u32>,
    /// The longest shortest path.
    pub(super) depth: usize,
}

impl<P: Protocol> Graph<P> {
    pub(super) fn new(has_edges: bool, actions: Key<P>) -> Self {
        Self {
            prints: Vec::new(),
            parents: Vec::new(),
            actions,
            edges: Vec::new(),
            has_edges,
            goals: Vec::new(),
            truncated: Vec::new(),
            broken: Vec::new(),
            depth: 0,
        }
    }

    /// Adds a state and gives its number; the first one has no parent.
    pub(super) fn add(&mut self, key: u128, parent: Option<Parent>) -> u32 {
        let number = u32::try_from(self.parents.len()).expect("fewer than 2³² states");
        self.parents.push(parent.unwrap_or((0, Code::NONE)));
        if self.has_edges {
            self.prints.push(key);
        }
        number
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Parent>() * self.parents.capacity()
            + 16 * self.prints.capacity()
            + size_of::<(u32, u32, Edge)>() * self.edges.capacity()
            + 4 * (self.goals.capacity() + self.truncated.capacity() + self.broken.capacity())
    }

    /// Distinct states.
    #[must_use]
    pub fn states(&self) -> usize {
        self.parents.len()
    }

    /// Steps between different states.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.edges.len()
    }

    /// The longest shortest path.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The steps of a shortest path to a state.
    pub(super) fn codes_to(&self, mut state: u32) -> Vec<Code> {
        let mut codes = Vec::new();
        while state != 0 {
            let (parent, code) = self.parents[state as usize];
            codes.push(code);
            state = parent;
        }
        codes.reverse();
        codes
    }

    /// A shortest path to a state.
    #[must_use]
    pub fn path(&self, state: u32) -> Vec<Action<P>> {
        self.codes_to(state).into_iter().map(|code| self.actions.action(code)).collect()
    }

    /// All states from which no event of the allowed sorts, nor any number of them, reaches a goal,
    /// in the order of their distance from the first state. States from which a truncated one can be
    /// reached prove nothing and are left out.
    ///
    /// # Panics
    /// If the search kept no edges; see [`super::Limits::edges`].
    #[must_use]
    pub fn stuck(&self, allowed: &[Edge]) -> Vec<u32> {
        let from_goals = self.backwards(self.goals.iter().chain(&self.truncated), allowed);
        (0..self.states() as u32).filter(|&state| from_goals[state as usize].is_none()).collect()
    }

    /// For each state the number of steps of the allowed sorts to the nearest state that breaks a
    /// property.
    ///
    /// # Panics
    /// If the search kept no edges; see [`super::Limits::edges`].
    #[must_use]
    pub fn distances_to_broken(&self, allowed: &[Edge]) -> Vec<Option<u32>> {
        self.backwards(self.broken.iter(), allowed)
    }

    /// The fingerprint of each state, by number.
    ///
    /// # Panics
    /// If the search kept no edges; see [`super::Limits::edges`].
    #[must_use]
    pub fn prints(&self) -> &[u128] {
        self.assert_has_edges();
        &self.prints
    }

    fn assert_has_edges(&self) {
        assert!(self.has_edges, "this search kept no steps: set `edges` in its limits");
    }

    /// States that break a property.
    #[must_use]
    pub fn broken(&self) -> &[u32] {
        &self.broken
    }

    /// Breadth-first from the targets against the direction of the steps.
    fn backwards<'a>(
        &self,
        targets: impl Iterator<Item = &'a u32>,
        allowed: &[Edge],
    ) -> Vec<Option<u32>> {
        self.assert_has_edges();
        let mut into = vec![Vec::new(); self.states()];
        for (from, to, edge) in &self.edges {
            if allowed.contains(edge) {
                into[*to as usize].push(*from);
            }
        }
        let mut distance = vec![None; self.states()];
        let mut level: Vec<u32> = targets.copied().collect();
        for target in &level {
            distance[*target as usize] = Some(0);
        }
        let mut steps = 0;
        while !level.is_empty() {
            steps += 1;
            let mut next = Vec::new();
            for from in level.iter().flat_map(|state| &into[*state as usize]) {
                if distance[*from as usize].is_none() {
                    distance[*from as usize] = Some(steps);
                    next.push(*from);
                }
            }
            level = next;
        }
        distance
    }
}
