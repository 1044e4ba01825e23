//! Fault words and what they mean in a simulated run: who is hit, when, and for how long.

use lab::NodeId;
use lab::rng::Rng;
use lab::sim::{Fault, FaultSchedule, NetworkProfile};

use crate::types::COORD;
use crate::worlds::CLIENT;

/// Fault words that only a run with time can show. The explorer judges the others.
pub const TIMED: [&str; 6] = ["cut", "one-way cut", "pause", "drift", "wiped", "lying disk"];

/// An order takes a few milliseconds on an ordinary day; faults that shall hit it start within these.
const BUSY: std::ops::Range<u64> = 0..12_000;
/// How long cuts, pauses and absences last: longer than any timer of the chapter.
const LONG: std::ops::Range<u64> = 1_000..3_000_000;

/// A schedule with one or two faults of this sort, among these servers. `None`: the word is not known.
#[must_use]
pub fn schedule(fault: &str, rng: &mut Rng, servers: &[NodeId]) -> Option<FaultSchedule> {
    let mut faults = Vec::new();
    for _ in 0..rng.pick(1..3) {
        faults.push(one(fault, rng, servers)?);
    }
    Some(FaultSchedule { faults, ..FaultSchedule::none() })
}

/// A bit of everything that can be repaired: crashes with restarts, loss, duplicates.
#[must_use]
pub fn storm(rng: &mut Rng, servers: &[NodeId]) -> FaultSchedule {
    let profile = NetworkProfile { loss: 30_000, duplicates: 20_000, ..NetworkProfile::local() };
    let crashes = FaultSchedule::crashes(rng, servers, BUSY.end);
    FaultSchedule { profile, ..crashes }
}

fn one(fault: &str, rng: &mut Rng, servers: &[NodeId]) -> Option<Fault> {
    let node = pick(rng, servers);
    let at = rng.pick(BUSY);
    let lasts = rng.pick(LONG);
    let others = servers.iter().filter(|id| **id != COORD).map(|id| (COORD, *id));
    let links: Vec<_> = others.chain([(CLIENT, COORD)]).collect();
    let (from, to) = pick(rng, &links);
    let turned = rng.chance(500_000);
    let crash = |wiped, forget| Fault::Crash { node, at, back: Some(lasts), wiped, forget };
    Some(match fault {
        "cut" => Fault::Cut { from, to, both: true, at, lasts },
        "one-way cut" if turned => Fault::Cut { from: to, to: from, both: false, at, lasts },
        "one-way cut" => Fault::Cut { from, to, both: false, at, lasts },
        "pause" => Fault::Pause { node, at, lasts },
        "drift" => {
            let by = i64::try_from(rng.pick(0..400_000)).expect("small") - 200_000;
            Fault::Drift { node, parts_per_million: by }
        }
        "wiped" => crash(true, 0),
        "lying disk" => crash(false, usize::try_from(rng.pick(1..4)).expect("small")),
        "restart" => crash(false, 0),
        _ => return None,
    })
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[usize::try_from(rng.pick(0..from.len() as u64)).expect("an index")]
}
