//! The table that stays on the screen.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use lab::measure::{Machine, quartiles, today};
use serde_json::json;

use crate::micros;

const COLUMNS: [&str; 7] =
    ["step", "verdict", "messages", "forced writes", "median ± spread", "CPU", "ratio to step 1"];

/// One step.
pub(crate) struct Row {
    step: &'static str,
    verdict: &'static str,
    /// The median of each round.
    pub(crate) medians: Vec<Duration>,
    pub(crate) orders: u64,
    pub(crate) messages: u64,
    pub(crate) syncs: u64,
    pub(crate) cpu: Duration,
}

/// All of them.
pub(crate) struct Table {
    pub(crate) rows: Vec<Row>,
    /// One forced write, in each round.
    pub(crate) forced: Vec<Duration>,
    pub(crate) trip: Duration,
    pub(crate) machine: Machine,
}

impl Row {
    pub(crate) fn new(step: &'static str, verdict: &'static str) -> Self {
        let (orders, messages, syncs) = (0, 0, 0);
        Self { step, verdict, medians: Vec::new(), orders, messages, syncs, cpu: Duration::ZERO }
    }

    fn each(&self, count: u64) -> f64 {
        count as f64 / self.orders.max(1) as f64
    }

    fn cells(&self, first: &Self) -> [String; 7] {
        let (low, middle, high) =
            quartiles(self.medians.iter().map(|time| micros(*time)).collect());
        let ratios = self.medians.iter().zip(&first.medians);
        let ratios = ratios.map(|(own, first)| micros(*own) / micros(*first)).collect();
        let (least, ratio, most) = quartiles(ratios);
        let same = std::ptr::eq(self, first);
        let ratio = match (same, least <= 1.0 && most >= 1.0) {
            (true, _) => "1".to_owned(),
            (false, true) => format!("≈ {ratio:.2}"),
            (false, false) => format!("{ratio:.2}"),
        };
        let cpu = micros(self.cpu) / self.orders.max(1) as f64;
        [
            self.step.to_owned(),
            self.verdict.to_owned(),
            format!("{:.1}", self.each(self.messages)),
            format!("{:.1}", self.each(self.syncs)),
            format!("{middle:.0} ± {:.0} µs", (high - low) / 2.0),
            if self.cpu.is_zero() { "unknown".into() } else { format!("{cpu:.0} µs") },
            ratio,
        ]
    }
}

impl Table {
    fn cells(&self) -> Vec<[String; 7]> {
        self.rows.iter().map(|row| row.cells(&self.rows[0])).collect()
    }

    fn spread(&self) -> String {
        let (low, forced, high) = quartiles(self.forced.iter().map(|time| micros(*time)).collect());
        format!(
            "± is half the middle half of {} rounds, all steps in turn in each; beside them one \
             forced write {forced:.0} ± {:.0} µs, one round trip {:.0} µs",
            self.forced.len(),
            (high - low) / 2.0,
            micros(self.trip)
        )
    }

    /// Keeps it for the book.
    pub(crate) fn save(&self) -> io::Result<()> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/data/measured");
        std::fs::create_dir_all(&dir)?;
        let kept = json!({
            "machine": self.machine.to_string(),
            "date": today(),
            "versions": format!("ch02-two-phase-commit {}", env!("CARGO_PKG_VERSION")),
            "command": "BENCH_SAVE=1 cargo bench --bench ch02_steps",
            "spread": self.spread(),
            "columns": COLUMNS,
            "rows": self.cells(),
        });
        let text = serde_json::to_string_pretty(&kept)? + "\n";
        std::fs::write(dir.join("ch02_steps.json"), text)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![COLUMNS.map(ToOwned::to_owned)];
        lines.extend(self.cells());
        // The verdicts are sentences: they stand last, where they need no padding.
        let order = [0, 2, 3, 4, 5, 6];
        let width = |column: usize| {
            lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
        };
        writeln!(f)?;
        for line in &lines {
            for column in order {
                let pad = width(column) - line[column].chars().count();
                write!(f, "{}{}   ", line[column], " ".repeat(pad))?;
            }
            writeln!(f, "{}", line[1])?;
        }
        writeln!(f, "\nPer order, until the client is told. {}.", self.spread())?;
        writeln!(f, "{}", self.machine)?;
        write!(
            f,
            "How to read it: a ratio with ≈ is no difference; steps 3 and 4 wait for two forced writes, \
             one after the other, and a faster step with a worse verdict is not faster at the same thing."
        )
    }
}
