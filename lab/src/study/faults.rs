//! Fault words and what they mean in a simulated run: what is hit, when, and for how long. One meaning
//! everywhere; see [`crate::sim::Fault`].

use std::ops::Range;

use crate::Protocol;
use crate::explore::Model;
use crate::node::NodeId;
use crate::rng::Rng;
use crate::sim::{Fault, FaultSchedule, NetworkProfile};

/// What faults may hit in the worlds of a design, and when. Times in µs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// Processes that may fail.
    pub servers: Vec<NodeId>,
    /// Links that may be cut.
    pub links: Vec<(NodeId, NodeId)>,
    /// When faults begin: while the system is busy.
    pub busy: Range<u64>,
    /// How long cuts, pauses and absences last: longer than any timer of the design.
    pub lasts: Range<u64>,
}

/// In most designs something happens within these, in µs, and no timer is longer than a second.
const BUSY: Range<u64> = 0..12_000;
const LONG: Range<u64> = 1_000..3_000_000;

impl Target {
    /// Every process that may crash, and every link between two processes.
    #[must_use]
    pub fn of<P: Protocol, G>(world: &Model<P, G>) -> Self {
        let servers = world.roles.iter().filter(|role| role.may_crash).map(|role| role.id);
        let pairs = world
            .roles
            .iter()
            .enumerate()
            .flat_map(|(i, from)| world.roles.iter().skip(i + 1).map(|to| (from.id, to.id)));
        Self { servers: servers.collect(), links: pairs.collect(), busy: BUSY, lasts: LONG }
    }

    /// One or two faults of this sort; of *crash*, which is for good, one, and of *loss* and
    /// *duplicate* one message in ten.
    ///
    /// # Panics
    /// If the word is no fault that a run can have.
    pub fn schedule(&self, fault: &str, rng: &mut Rng) -> FaultSchedule {
        if ["no fault", "loss", "duplicate"].contains(&fault) {
            let of_ten = |word| if fault == word { 100_000 } else { 0 };
            let (loss, duplicates) = (of_ten("loss"), of_ten("duplicate"));
            let profile = NetworkProfile { loss, duplicates, ..NetworkProfile::local() };
            return FaultSchedule { profile, ..FaultSchedule::none() };
        }
        let count = if fault == "crash" { 1 } else { rng.pick(1..3) };
        let faults = (0..count).map(|_| self.one(fault, rng)).collect();
        FaultSchedule { faults, ..FaultSchedule::none() }
    }

    /// A bit of everything that can be repaired: crashes with restarts, loss, duplicates.
    pub fn storm(&self, rng: &mut Rng) -> FaultSchedule {
        let profile =
            NetworkProfile { loss: 30_000, duplicates: 20_000, ..NetworkProfile::local() };
        let crashes = FaultSchedule::crashes(rng, &self.servers, self.busy.end);
        FaultSchedule { profile, ..crashes }
    }

    fn one(&self, fault: &str, rng: &mut Rng) -> Fault {
        let node = pick(rng, &self.servers);
        let at = rng.pick(self.busy.clone());
        let lasts = rng.pick(self.lasts.clone());
        let (from, to) = pick(rng, &self.links);
        let turned = rng.chance(500_000);
        let crash = |wiped, forget| Fault::Crash { node, at, back: Some(lasts), wiped, forget };
        match fault {
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
            "crash" => Fault::Crash { node, at, back: None, wiped: false, forget: 0 },
            other => panic!("`{other}` is no fault that a run can have"),
        }
    }
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[usize::try_from(rng.pick(0..from.len() as u64)).expect("an index")]
}
