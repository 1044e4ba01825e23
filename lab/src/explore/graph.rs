//! The states that a search visited, and what can be read off their graph.

use crate::node::Protocol;
use crate::world::{Action, Transition};

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

impl Edge {
    pub(super) fn of<P: Protocol>(action: &Action<P>) -> Self {
        match &action.transition {
            _ if action.cut.is_some() => Self::Cut,
            fault if fault.is_fault() => Self::Fault,
            Transition::Restart(_) => Self::Restart,
            _ => Self::Work,
        }
    }
}

/// All states by number, in the order a breadth-first search found them; 0 is the first.
#[derive(Clone, Debug)]
pub struct Graph<P: Protocol> {
    /// For each state its fingerprint.
    pub(super) prints: Vec<u128>,
    /// For each state but the first: the one before it on a shortest path, and the action.
    pub(super) parents: Vec<Option<(u32, Action<P>)>>,
    /// Every step between two different states.
    pub(super) edges: Vec<(u32, u32, Edge)>,
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
    /// Distinct states.
    #[must_use]
    pub fn states(&self) -> usize {
        self.prints.len()
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

    /// A shortest path to a state.
    #[must_use]
    pub fn path(&self, mut state: u32) -> Vec<Action<P>> {
        let mut path = Vec::new();
        while let Some((parent, action)) = &self.parents[state as usize] {
            path.push(action.clone());
            state = *parent;
        }
        path.reverse();
        path
    }

    /// All states from which no event of the allowed sorts, nor any number of them, reaches a goal,
    /// in the order of their distance from the first state. States from which a truncated one can be
    /// reached prove nothing and are left out.
    #[must_use]
    pub fn stuck(&self, allowed: &[Edge]) -> Vec<u32> {
        let from_goals = self.backwards(self.goals.iter().chain(&self.truncated), allowed);
        (0..self.states() as u32).filter(|&state| from_goals[state as usize].is_none()).collect()
    }

    /// For each state the number of steps of the allowed sorts to the nearest state that breaks a
    /// property.
    #[must_use]
    pub fn distances_to_broken(&self, allowed: &[Edge]) -> Vec<Option<u32>> {
        self.backwards(self.broken.iter(), allowed)
    }

    /// The fingerprints, by state.
    #[must_use]
    pub fn prints(&self) -> &[u128] {
        &self.prints
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
