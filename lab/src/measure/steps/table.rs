//! The table that stays on the screen.

use std::time::Duration;

use super::Steps;
use crate::measure::{Floors, Machine, Table, many, micros, quartiles, ratio, spread};

const COLUMNS: [&str; 7] =
    ["step", "messages", "fsyncs", "median ± spread", "CPU", "ratio to step 1", "verdict"];

/// One step.
pub(super) struct Row {
    step: &'static str,
    verdict: &'static str,
    /// The median of each round.
    pub(super) medians: Vec<Duration>,
    pub(super) requests: u64,
    pub(super) messages: u64,
    pub(super) syncs: u64,
    pub(super) cpu: Duration,
}

impl Row {
    pub(super) fn new(step: &'static str, verdict: &'static str) -> Self {
        let (requests, messages, syncs) = (0, 0, 0);
        let (medians, cpu) = (Vec::new(), Duration::ZERO);
        Self { step, verdict, medians, requests, messages, syncs, cpu }
    }

    fn each(&self, count: u64) -> String {
        format!("{:.1}", count as f64 / self.requests.max(1) as f64)
    }

    fn times(&self) -> Vec<f64> {
        self.medians.iter().map(|time| micros(*time)).collect()
    }

    fn cells(&self, first: &Self) -> Vec<String> {
        let cpu = micros(self.cpu) / self.requests.max(1) as f64;
        vec![
            self.step.to_owned(),
            self.each(self.messages),
            self.each(self.syncs),
            format!("{} µs", spread(self.times())),
            if self.cpu.is_zero() { "unknown".into() } else { format!("{cpu:.0} µs") },
            ratio(&self.times(), &first.times()),
            self.verdict.to_owned(),
        ]
    }
}

/// All steps, and the floors that were measured beside each round.
pub(super) fn table(words: &Steps, rows: &[Row], floors: &[Floors], machine: Machine) -> Table {
    let fsync = spread(floors.iter().map(|floors| micros(floors.fsync)).collect());
    let trip = floors.iter().map(|floors| micros(floors.round_trip)).collect();
    let (_, trip, _) = quartiles(trip);
    Table {
        columns: COLUMNS.map(Into::into).into(),
        rows: rows.iter().map(|row| row.cells(&rows[0])).collect(),
        spread: format!(
            "Per {}, until the client is told. ± is half the middle half of {}, all steps in \
             turn in each, and a ratio compares steps of the same round; beside them one fsync {fsync} \
             µs, one round trip {trip:.0} µs",
            words.unit,
            many(floors.len(), "round"),
        ),
        machine,
        versions: words.versions.to_owned(),
    }
}
