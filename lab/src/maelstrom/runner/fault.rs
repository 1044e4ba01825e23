//! What happens to the nodes and to their network.
//!
//! # Left out
//!
//! Two faults at a time; disks that lose or damage what was forced.

use std::collections::BTreeSet;
use std::process::Command;

use super::nodes::Nodes;
use crate::rng::Rng;

/// One disturbance, which ends again. The first three are Maelstrom's partitions: clients reach every
/// node in all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// One node is cut off.
    One,
    /// A majority and the rest do not reach each other.
    Majority,
    /// Each node receives from a majority, and no two from the same one.
    MajoritiesRing,
    /// `kill -9` for one node, which is started again when the fault ends.
    Crash,
    /// The same for all nodes at once, which are started again as soon as all are gone.
    CrashAll,
}

impl Fault {
    pub(super) fn begin<C: FnMut(&str) -> Command>(self, nodes: &mut Nodes<C>, rng: &mut Rng) {
        let order = shuffled(nodes.count(), rng);
        match self {
            Self::Crash => nodes.kill(order[0]),
            Self::CrashAll => order.iter().for_each(|node| nodes.kill(*node)),
            _ => nodes.cut(self.cuts(&order)),
        }
    }

    /// Which links are cut, from and to, if the nodes stand in this order.
    fn cuts(self, order: &[usize]) -> BTreeSet<(usize, usize)> {
        let (n, majority) = (order.len(), order.len() / 2 + 1);
        // Whether the node at one place of the order receives from the one at another place.
        let receives = |to: usize, from: usize| match self {
            Self::One => (to == 0) == (from == 0),
            Self::Majority => (to < majority) == (from < majority),
            Self::MajoritiesRing => (from + n + majority / 2 - to) % n < majority,
            Self::Crash | Self::CrashAll => true,
        };
        let pairs = (0..n).flat_map(|from| (0..n).map(move |to| (from, to)));
        let cut = pairs.filter(|(from, to)| !receives(*to, *from));
        cut.map(|(from, to)| (order[from], order[to])).collect()
    }
}

fn shuffled(n: usize, rng: &mut Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for last in (1..n).rev() {
        let other = rng.pick(0..last as u64 + 1);
        order.swap(last, usize::try_from(other).expect("a place of the list"));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From how many nodes, itself among them, each node receives.
    fn sources(fault: Fault, n: usize) -> Vec<BTreeSet<usize>> {
        let order = shuffled(n, &mut Rng::new(7));
        let cuts = fault.cuts(&order);
        (0..n).map(|to| (0..n).filter(|from| !cuts.contains(&(*from, to))).collect()).collect()
    }

    #[test]
    fn in_a_ring_each_node_receives_from_another_majority() {
        for n in 1..8 {
            let all = sources(Fault::MajoritiesRing, n);
            for (node, from) in all.iter().enumerate() {
                assert_eq!(from.len(), n / 2 + 1, "{n} nodes");
                assert!(from.contains(&node), "{n} nodes: from itself");
            }
            let different: BTreeSet<_> = all.iter().collect();
            assert_eq!(different.len(), if n == 2 { 1 } else { n }, "{n} nodes");
        }
    }

    #[test]
    fn one_is_alone_and_a_majority_is_together() {
        for n in 2..8 {
            let sizes = |fault| sources(fault, n).iter().map(BTreeSet::len).collect::<Vec<_>>();
            let one = sizes(Fault::One);
            assert_eq!(one.iter().filter(|size| **size == 1).count(), if n == 2 { 2 } else { 1 });
            assert_eq!(
                one.iter().filter(|size| **size == n - 1).count(),
                if n == 2 { 2 } else { n - 1 }
            );
            let majority = n / 2 + 1;
            let together = sizes(Fault::Majority);
            assert_eq!(together.iter().filter(|size| **size == majority).count(), majority);
            assert_eq!(together.iter().filter(|size| **size == n - majority).count(), n - majority);
        }
    }
}
