//! Compares what a design says with what happened.
//!
//! Right, missing and wrong are counted apart. A missing parent shows as a gap; a wrong one looks like
//! any other parent.

use std::collections::{BTreeMap, BTreeSet};

use super::{Process, Run, What};
use crate::types::Kind;

/// What became of the true causes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Found.
    pub right: usize,
    /// Not found, and nothing else in their place.
    pub missing: usize,
    /// Something else was named as the cause.
    pub wrong: usize,
}

impl Tally {
    /// The three, in hundredths of a percent of all.
    #[must_use]
    pub fn shares(&self) -> [usize; 3] {
        let all = (self.right + self.missing + self.wrong).max(1);
        [self.right, self.missing, self.wrong].map(|part| (part * 10_000 + all / 2) / all)
    }
}

/// The causes that a design names for each work, by their places in [`Run::works`].
pub type Found = Vec<Vec<usize>>;

/// Every edge from a cause to what it caused.
#[must_use]
pub fn edges(run: &Run, found: &Found) -> Tally {
    edges_where(run, found, |_| true)
}

/// The edges to some of the works: those whose place is asked for.
#[must_use]
pub fn edges_where(run: &Run, found: &Found, mut asked: impl FnMut(usize) -> bool) -> Tally {
    let mut tally = Tally::default();
    for (place, (work, named)) in run.works.iter().zip(found).enumerate() {
        if !asked(place) {
            continue;
        }
        let causes = work.arrival.causes();
        let right = named.iter().filter(|cause| causes.contains(cause)).count();
        let wrong = named.len() - right;
        tally.right += right;
        tally.wrong += wrong;
        tally.missing += (causes.len() - right).saturating_sub(wrong);
    }
    tally
}

/// The top of each work's chain of first causes; where it ends depends on what is missing.
#[must_use]
pub fn tops(found: &Found) -> Vec<Option<usize>> {
    let top = |place: usize| {
        let mut at = place;
        // Wrong parents may form a circle.
        for _ in 0..found.len() {
            match found[at].first() {
                Some(above) => at = *above,
                None => return Some(at),
            }
        }
        None
    };
    (0..found.len()).map(top).collect()
}

/// Requests whose own works, and no others, are in one group; `groups` has one for each work, or none.
/// Work that several requests share is no request's own.
#[must_use]
pub fn whole_requests<G: Ord>(run: &Run, groups: &[Option<G>]) -> usize {
    let mut truth: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    let mut said: BTreeMap<&G, BTreeSet<usize>> = BTreeMap::new();
    for (place, work) in run.works.iter().enumerate() {
        let Some(request) = work.request else { continue };
        truth.entry(request).or_default().insert(place);
        if let Some(group) = &groups[place] {
            said.entry(group).or_default().insert(place);
        }
    }
    let groups: BTreeSet<&BTreeSet<usize>> = said.values().collect();
    truth.values().filter(|works| groups.contains(works)).count()
}

/// `pay` takes this long for a card that is slow, and never for another one, in ns.
pub const SLOW: u64 = 15_000_000;

/// Who was the customer? For each payment that took `pay` long: whether the checkout in its group is the
/// right one, whether there is none, or whether it is another one.
#[must_use]
pub fn customers<G: Ord>(run: &Run, groups: &[Option<G>]) -> Tally {
    let mut checkouts: BTreeMap<&G, Option<usize>> = BTreeMap::new();
    let mut slow = Vec::new();
    for (work, group) in run.works.iter().zip(groups) {
        let seen = &work.seen;
        match (seen.process, seen.kind, seen.what) {
            (Process::Lb, Kind::Server, What::Checkout) => {
                checkouts.extend(group.iter().map(|group| (group, work.request)));
            }
            (Process::Pay, Kind::Server, What::Prepare) if seen.end - seen.start >= SLOW => {
                slow.push((work, group));
            }
            _ => (),
        }
    }
    let mut tally = Tally::default();
    for (work, group) in slow {
        match group.as_ref().and_then(|group| checkouts.get(group)) {
            Some(request) if *request == work.request => tally.right += 1,
            Some(_) => tally.wrong += 1,
            None => tally.missing += 1,
        }
    }
    tally
}
