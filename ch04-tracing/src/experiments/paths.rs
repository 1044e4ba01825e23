//! The critical path, against what would be faster if one piece of work were.

use std::collections::{BTreeMap, BTreeSet};

use lab::chapter::Table;

use super::tables::share;
use super::{MANY, SKEW};
use crate::analysis::critical_path::{Step, guessed, recorded};
use crate::analysis::{self, Tree};
use crate::types::Kind;
use crate::workload::judge::Tally;
use crate::workload::{Arrival, Config, Process, Run};

/// Checkouts, one at a time.
pub const REQUESTS: usize = 64;

/// The shop with one request at a time, so that one piece of work can be made faster and nothing else.
#[must_use]
pub fn config(skew: u64) -> Config {
    Config { requests: REQUESTS, skew, ..Config::shop(1) }
}

/// The places of the checkouts, in the order of the requests.
fn roots(run: &Run) -> Vec<usize> {
    let is_root = |place: &usize| run.works[*place].arrival == Arrival::Edge;
    (0..run.works.len()).filter(is_root).collect()
}

/// How long each request took.
#[must_use]
pub fn took(run: &Run) -> Vec<u64> {
    let took = |place: usize| run.works[place].seen.end - run.works[place].seen.start;
    roots(run).into_iter().map(took).collect()
}

/// The work that each request waited for, by trial: every piece of work is made 1 µs faster, each in
/// a run of its own, and the request that is over earlier then did wait for it. Not twice as fast: a
/// slow follower would then often be the faster one of the two, and another path would count.
#[must_use]
pub fn by_trial(config: Config) -> Vec<BTreeSet<usize>> {
    let run = Run::of(config);
    let before = took(&run);
    let mut waited = vec![BTreeSet::new(); before.len()];
    for place in 0..run.works.len() {
        let after = took(&Run::of(Config { faster: Some(place), ..config }));
        let earlier = before.iter().zip(&after).position(|(before, after)| after < before);
        if let Some(request) = earlier {
            waited[request].insert(place);
        }
    }
    waited
}

/// A way to find the path of a request.
pub type Way = fn(&Tree<'_>, usize) -> Vec<Step>;
/// Both of them, by name.
pub const WAYS: [(Way, &str); 2] =
    [(guessed, "the child that ended last"), (recorded, "recorded join edges")];

/// What one way says about all requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Judged {
    /// Requests whose path is exactly the work that they waited for.
    pub whole: usize,
    /// Pieces of work on the paths.
    pub pieces: Tally,
}

/// Compares a way with a trial.
#[must_use]
pub fn judge(run: &Run, truth: &[BTreeSet<usize>], way: Way) -> Judged {
    let spans = analysis::spans(run);
    let tree = Tree::new(&spans);
    let mut judged = Judged::default();
    for (root, truth) in roots(run).into_iter().zip(truth) {
        let path: BTreeSet<usize> = way(&tree, root).iter().map(|step| step.span).collect();
        judged.whole += usize::from(path == *truth);
        judged.pieces.right += path.intersection(truth).count();
        judged.pieces.missing += truth.difference(&path).count();
        judged.pieces.wrong += path.difference(truth).count();
    }
    judged
}

pub(super) fn table() -> Table {
    let truth = by_trial(config(0));
    let mut rows = Vec::new();
    for (way, name) in WAYS {
        for (skew, clocks) in [(0, "agree"), (SKEW, "± 5 ms")] {
            let Judged { whole, pieces } = judge(&Run::of(config(skew)), &truth, way);
            let Tally { right, missing, wrong } = pieces;
            let counts = [right, missing, wrong].map(lab::view::thousands);
            let whole = format!("{whole} of {REQUESTS}");
            rows.push([vec![name.to_owned(), clocks.to_owned(), whole], counts.to_vec()].concat());
        }
    }
    let columns = ["rule", "clocks", "whole paths right", "work: right", "missed", "wrong"];
    Table { columns: columns.map(Into::into).to_vec(), rows }
}

/// Where the time of all requests goes, by each way: the share of the time, by process and work.
fn shares() -> Vec<(String, [usize; 2])> {
    let run = Run::of(Config::shop(MANY));
    let spans = analysis::spans(&run);
    let tree = Tree::new(&spans);
    let mut sums: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for root in roots(&run) {
        for (i, (way, _)) in WAYS.iter().enumerate() {
            for Step { span, own, .. } in way(&tree, root) {
                let seen = &run.works[span].seen;
                let is_replica = Process::REPLICAS.contains(&seen.process);
                let process = if is_replica { "replica".into() } else { seen.process.to_string() };
                let side = if seen.kind == Kind::Client { " (the call itself)" } else { "" };
                sums.entry(format!("{process}: {}{side}", seen.what)).or_default()[i] += own;
            }
        }
    }
    let all = [0, 1].map(|i| sums.values().map(|sum| sum[i]).sum::<u64>().max(1));
    let part = |sum: [u64; 2]| [0, 1].map(|i| (sum[i] * 10_000 / all[i]) as usize);
    let mut shares: Vec<_> = sums.into_iter().map(|(name, sum)| (name, part(sum))).collect();
    shares.sort_by_key(|(_, part)| std::cmp::Reverse(part[1]));
    shares
}

pub(super) fn profile() -> Table {
    let rows = shares().into_iter().take(8);
    let rows = rows.map(|(name, [guessed, recorded])| vec![name, share(guessed), share(recorded)]);
    let columns = ["work", "the child that ended last", "recorded join edges"];
    Table { columns: columns.map(Into::into).to_vec(), rows: rows.collect() }
}

pub(super) fn numbers() -> Vec<(&'static str, String)> {
    let works = Run::of(config(0)).works.len();
    vec![("path_trials", lab::view::thousands(works)), ("path_requests", REQUESTS.to_string())]
}
