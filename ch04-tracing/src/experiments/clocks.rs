//! Clocks that are off by up to half a second: what each rule makes of the times, beside the truth.

use std::collections::BTreeMap;

use lab::chapter::{Mark, Plot, Series, Table};

use super::tables::{ms, share};
use crate::analysis::clocks::{Clock, Clocks, Interval, Order, centred, is_answered, order};
use crate::analysis::{self, Tree};
use crate::types::{Kind, Span};
use crate::workload::{Config, Process, Run, What};

/// How far a clock may be off, in ns.
pub const OFF: u64 = 500_000_000;
/// Calls that are looked at.
const CALLS: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// Seeds of a curve.
const SEEDS: u64 = 32;

/// A shop whose clocks are off; an answer takes as many times as long on its way as a request.
#[must_use]
pub fn config(slow_answers: u64, seed: u64) -> Config {
    Config { requests: 160, skew: OFF, slow_answers, seed, ..Config::shop(4) }
}

/// What has to be added to the clock of each process to get the true time.
#[must_use]
pub fn truth(run: &Run) -> BTreeMap<String, i128> {
    let off = |(began, start): (u64, u64)| i128::from(began) - i128::from(start);
    let works = run.works.iter();
    works.map(|w| (w.seen.process.to_string(), off((w.began, w.seen.start)))).collect()
}

/// What becomes of the times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// Each clock is believed.
    Raw,
    /// A child is moved into the middle of its parent.
    Centred,
    /// The middle of the interval that all calls allow.
    Intervals,
}

/// The rules, by name.
pub const RULES: [(Rule, &str); 3] =
    [(Rule::Raw, "raw"), (Rule::Centred, "centred"), (Rule::Intervals, "intervals")];

/// What one rule makes of one run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Judged {
    /// Calls between processes, and those whose child is outside its parent.
    pub outside: [usize; 2],
    /// How far the offset between caller and callee is from the true one, for each call, in ns; sorted.
    pub off: Vec<u64>,
    /// Begins in two processes, for one request: their order is right, not known, wrong.
    pub order: [usize; 3],
    /// Begins in one process, for one request, and those whose order was changed.
    pub swapped: [usize; 2],
}

/// What a rule adds to the times of each span.
fn moved(rule: Rule, tree: &Tree<'_>, clocks: &BTreeMap<Clock<'_>, Interval>) -> Vec<i128> {
    match rule {
        Rule::Raw => vec![0; tree.spans.len()],
        Rule::Centred => centred(tree),
        Rule::Intervals => {
            tree.spans.iter().map(|span| clocks[&Clock::of(span)].middle()).collect()
        }
    }
}

/// Judges a rule.
///
/// # Panics
/// If no offsets fit all calls, which would be a fault.
#[must_use]
pub fn judge(run: &Run, rule: Rule) -> Judged {
    let spans = analysis::spans(run);
    let (tree, truth) = (Tree::new(&spans), truth(run));
    let clocks = Clocks::of(&tree);
    let relative = |to: &Process| {
        clocks.relative_to(to.to_string().as_str().into()).expect("the clocks keep their offsets")
    };
    let all: Vec<_> = Process::ALL.iter().map(relative).collect();
    let moved = moved(rule, &tree, &all[Process::Lb as usize]);
    let at = |place: usize| i128::from(spans[place].start) + moved[place];
    let mut judged = Judged::default();
    for (parent, child) in tree.calls() {
        judged.outside[0] += 1;
        let [outer, inner] =
            [parent, child].map(|place| i128::from(spans[place].end) + moved[place]);
        let too_late = is_answered(&spans[parent], &spans[child]) && inner > outer;
        judged.outside[1] += usize::from(at(child) < at(parent) || too_late);
        let true_offset = truth[&spans[child].service] - truth[&spans[parent].service];
        let off = moved[child] - moved[parent] - true_offset;
        judged.off.push(u64::try_from(off.unsigned_abs()).unwrap_or(u64::MAX));
    }
    judged.off.sort_unstable();
    for (a, b) in pairs(run) {
        let [(seen_a, began_a), (seen_b, began_b)] =
            [a, b].map(|place| (&run.works[place].seen, run.works[place].began));
        let says = match rule {
            Rule::Intervals => {
                let offset = all[seen_a.process as usize][&Clock::of(&spans[b])];
                order(seen_a.start, seen_b.start, offset)
            }
            _ if at(a) < at(b) => Order::Before,
            _ if at(a) > at(b) => Order::After,
            _ => Order::Unknown,
        };
        let truth = if began_a < began_b { Order::Before } else { Order::After };
        if seen_a.process == seen_b.process {
            let was_before = seen_a.start < seen_b.start;
            judged.swapped[0] += 1;
            judged.swapped[1] += usize::from((at(a) < at(b)) != was_before);
        } else {
            let part = if says == Order::Unknown { 1 } else { 2 * usize::from(says != truth) };
            judged.order[part] += 1;
        }
    }
    judged
}

/// Two works of one request that did not begin at the same time.
fn pairs(run: &Run) -> Vec<(usize, usize)> {
    let mut requests: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, work) in run.works.iter().enumerate() {
        requests.entry(work.request.unwrap_or(usize::MAX)).or_default().push(place);
    }
    requests.remove(&usize::MAX);
    let both = |works: &Vec<usize>| -> Vec<(usize, usize)> {
        let before = |(i, b)| works[..i].iter().map(move |a| (*a, b));
        works.iter().copied().enumerate().flat_map(before).collect()
    };
    let all = requests.values().flat_map(both);
    all.filter(|(a, b)| run.works[*a].began != run.works[*b].began).collect()
}

/// The interval that the first calls of `coord` to `pay` allow, and the true offset.
///
/// # Panics
/// If there are fewer calls.
#[must_use]
pub fn first_calls(run: &Run, calls: usize) -> (Interval, i128) {
    let spans = analysis::spans(run);
    let tree = Tree::new(&spans);
    let between = |(a, b): &(usize, usize)| {
        let (a, b) = (&spans[*a], &spans[*b]);
        (a.service.as_str(), b.service.as_str()) == ("coord", "pay") && is_answered(a, b)
    };
    let pairs: Vec<_> = tree.calls().filter(between).take(calls).collect();
    assert_eq!(pairs.len(), calls, "there are fewer calls");
    let first: Vec<Span> =
        pairs.iter().flat_map(|(a, b)| [spans[*a].clone(), spans[*b].clone()]).collect();
    let clocks = Clocks::of(&Tree::new(&first)).relative_to("coord".into()).expect("they agree")
        [&"pay".into()];
    let truth = truth(run);
    (clocks, truth["pay"] - truth["coord"])
}

/// Prices that are asked for one after the other, if only the server's side makes spans: how many pairs
/// there are, and how many overlap, or change places, once each is centred.
#[must_use]
pub fn sequences() -> [usize; 2] {
    let run = Run::of(Config { requests: 160, skew: OFF, ..Config::serial(4) });
    let spans = without_callers(analysis::spans(&run));
    let tree = Tree::new(&spans);
    let moved = centred(&tree);
    let mut found = [0, 0];
    for children in &tree.caused {
        let is_price = |place: &usize| spans[*place].name == What::Price.to_string();
        let prices: Vec<usize> = children.iter().copied().filter(is_price).collect();
        for pair in prices.windows(2) {
            let [end, start] = [
                i128::from(spans[pair[0]].end) + moved[pair[0]],
                i128::from(spans[pair[1]].start) + moved[pair[1]],
            ];
            found[0] += 1;
            found[1] += usize::from(end > start);
        }
    }
    found
}

/// The spans that are left if callers make none.
fn without_callers(spans: Vec<Span>) -> Vec<Span> {
    let of_callers = spans.iter().filter(|span| span.kind == Kind::Client);
    let above: BTreeMap<_, _> =
        of_callers.map(|span| ((span.trace, span.id), span.parent)).collect();
    let mut rest: Vec<Span> = spans.into_iter().filter(|s| s.kind != Kind::Client).collect();
    for span in &mut rest {
        let caller = span.parent.and_then(|id| above.get(&(span.trace, id)));
        span.parent = caller.copied().unwrap_or(span.parent);
    }
    rest
}

pub(super) fn table() -> Table {
    let mut rows = Vec::new();
    for slow_answers in [1, 10] {
        let run = Run::of(config(slow_answers, 1));
        for (rule, name) in RULES {
            let Judged { outside, off, order, swapped } = judge(&run, rule);
            let of = |part: usize, all: usize| share(part * 10_000 / all.max(1));
            let all = order.iter().sum();
            let way = if slow_answers == 1 { "as long" } else { "10 times as long" };
            let mut row = vec![name.to_owned(), way.to_owned(), of(outside[1], outside[0])];
            row.extend([off[off.len() / 2], off[off.len() - 1]].map(ms));
            row.extend([of(order[2], all), of(order[1], all), of(swapped[1], swapped[0])]);
            rows.push(row);
        }
    }
    let columns = [
        "times",
        "answers take",
        "calls outside their parent",
        "offset off by: median",
        "at most",
        "order across processes: wrong",
        "not known",
        "order in one process: changed",
    ];
    Table { columns: columns.map(Into::into).to_vec(), rows }
}

/// The mean of many seeds: the width of the interval, and how far its middle is from the truth, in ns.
fn narrowing(slow_answers: u64, calls: usize) -> [f64; 2] {
    let mut sums = [0, 0];
    for seed in 0..SEEDS {
        let (interval, truth) = first_calls(&Run::of(config(slow_answers, seed)), calls);
        sums[0] += interval.width().expect("both bounds are known");
        sums[1] += (interval.middle() - truth).abs();
    }
    sums.map(|sum| sum as f64 / SEEDS as f64)
}

pub(super) fn plot() -> Plot {
    let [even, uneven] =
        [1, 10].map(|slow_answers| CALLS.map(|calls| narrowing(slow_answers, calls)));
    let curve = |name: &str, of: &[[f64; 2]], part: usize| {
        let points = CALLS.iter().zip(of).map(|(calls, ns)| (*calls as f64, ns[part] / 1_000.0));
        Series { name: name.into(), points: points.collect(), mark: Mark::Dots }
    };
    Plot {
        title: "More calls narrow the interval, down to the fastest round trip".into(),
        x: "calls of coord to pay".into(),
        y: "µs, mean of 32 seeds".into(),
        series: vec![
            curve("width, 1:10", &uneven, 0),
            curve("middle off, 1:10", &uneven, 1),
            curve("width, 1:1", &even, 0),
            curve("middle off, 1:1", &even, 1),
        ],
    }
}

pub(super) fn numbers() -> Vec<(&'static str, String)> {
    let [pairs, overlap] = sequences();
    vec![("clock_pairs", pairs.to_string()), ("clock_overlap", overlap.to_string())]
}
