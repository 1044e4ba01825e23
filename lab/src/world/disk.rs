//! What is durable at a host: its records, or only what they recover to.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::node::{AnyNode, Mark, NodeId, Protocol, recover};

/// What a world keeps of its disks, and by what it tells two of them apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Disks {
    /// Every record, for the eyes of a reader. Two disks are the same if they recover to the same
    /// node.
    Log,
    /// Only the node that the records recover to: a start costs nothing, and histories that no longer
    /// matter are one state. This is what a search keeps.
    Fold,
    /// Every record, because a crash may take the newest. Two disks are the same only if their records
    /// are.
    Lying,
}

/// A disk.
#[derive(Clone, Debug)]
pub enum Disk<P: Protocol> {
    /// Every record.
    Log {
        /// Oldest first.
        records: Vec<P::Record>,
        /// The snapshot under way: its mark, and how many records stand before it.
        mark: Option<(Mark, usize)>,
    },
    /// What the records recover to.
    Fold {
        /// The node after the last record.
        node: Arc<AnyNode<P>>,
        /// The snapshot under way: its mark, and what the records behind it recover to.
        mark: Option<(Mark, Arc<AnyNode<P>>)>,
    },
}

/// The node as it is before its first input, and its id.
pub(super) type Program<'a, P> = (&'a AnyNode<P>, NodeId);

impl<P: Protocol> Disk<P> {
    pub(super) fn empty(disks: Disks, program: &AnyNode<P>) -> Self {
        match disks {
            Disks::Log | Disks::Lying => Self::Log { records: Vec::new(), mark: None },
            Disks::Fold => Self::Fold { node: Arc::new(program.clone()), mark: None },
        }
    }

    /// The records, oldest first; none where only what they recover to is kept.
    #[must_use]
    pub fn records(&self) -> &[P::Record] {
        match self {
            Self::Log { records, .. } => records,
            Self::Fold { .. } => &[],
        }
    }

    /// The same disk, of another kind. Nothing brings records back that were not kept.
    pub(super) fn converted(&self, disks: Disks, program: Program<'_, P>) -> Self {
        if disks != Disks::Fold || matches!(self, Self::Fold { .. }) {
            return self.clone();
        }
        let (node, mark) = (Arc::new(self.recovered(program)), self.recovered_mark(program));
        Self::Fold { node, mark: mark.map(|(mark, node)| (mark, Arc::new(node))) }
    }

    pub(super) fn append(&mut self, record: P::Record, me: NodeId) {
        match self {
            Self::Log { records, .. } => records.push(record),
            Self::Fold { node, mark } => {
                if let Some((_, node)) = mark {
                    recover(Arc::make_mut(node), me, [record.clone()]);
                }
                recover(Arc::make_mut(node), me, [record]);
            }
        }
    }

    pub(super) fn mark(&mut self, new: Mark, program: &AnyNode<P>) {
        match self {
            Self::Log { records, mark } => *mark = Some((new, records.len())),
            Self::Fold { mark, .. } => *mark = Some((new, Arc::new(program.clone()))),
        }
    }

    /// Drops what stands before a mark.
    ///
    /// # Panics
    /// If it is not the newest mark, or if what is kept does not recover to the same node.
    pub(super) fn discard_before(&mut self, mark: Mark, program: Program<'_, P>) {
        let kept = self.recovered_mark(program).filter(|(open, _)| *open == mark);
        let Some((_, kept)) = kept else {
            panic!("a node discards before its newest mark, and only once")
        };
        let same = self.recovered(program) == kept;
        assert!(same, "what is kept behind a mark must recover to what the whole log recovers to");
        match self {
            Self::Log { records, mark } => {
                let (_, before) = mark.take().expect("just seen");
                records.drain(..before);
            }
            Self::Fold { mark, .. } => *mark = None,
        }
    }

    /// A snapshot that is under way dies with the process. A lying disk forgets its newest records.
    pub(super) fn crash(&mut self, forget: usize) -> Vec<P::Record> {
        match self {
            Self::Log { records, mark } => {
                *mark = None;
                records.split_off(records.len().saturating_sub(forget))
            }
            Self::Fold { mark, .. } => {
                assert!(forget == 0, "a disk that keeps no records forgets none");
                *mark = None;
                Vec::new()
            }
        }
    }

    /// The node that a start finds.
    pub(super) fn recovered(&self, program: Program<'_, P>) -> AnyNode<P> {
        match self {
            Self::Log { records, .. } => recovered(records, program),
            Self::Fold { node, .. } => (**node).clone(),
        }
    }

    fn recovered_mark(&self, program: Program<'_, P>) -> Option<(Mark, AnyNode<P>)> {
        match self {
            Self::Log { records, mark } => {
                mark.map(|(mark, before)| (mark, recovered(&records[before..], program)))
            }
            Self::Fold { mark, .. } => mark.as_ref().map(|(mark, node)| (*mark, (**node).clone())),
        }
    }

    /// Hashes that by which two disks of this kind are told apart.
    pub(super) fn hash<H: Hasher>(&self, disks: Disks, program: Program<'_, P>, state: &mut H) {
        match (self, disks) {
            (Self::Log { records, mark }, Disks::Lying) => (records, mark).hash(state),
            (Self::Fold { node, mark }, _) => (&**node, mark).hash(state),
            (Self::Log { .. }, _) => {
                let mark = self.recovered_mark(program);
                (self.recovered(program), mark).hash(state);
            }
        }
    }
}

fn recovered<P: Protocol>(records: &[P::Record], (program, me): Program<'_, P>) -> AnyNode<P> {
    let mut node = program.clone();
    recover(&mut node, me, records.iter().cloned());
    node
}
