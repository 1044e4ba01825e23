//! Edge: makes it survive the real world. The lesson is in `step4_isolation/` of chapter 2.
//!
//! The table: for the terminal, and for the book.
//!
//! # Left out
//!
//! A winner. The columns say who pays for what.

use std::fmt;

use lab::measure::{Machine, quartiles, today};
use serde_json::json;

use super::apart::REFERENCE;
use super::cell::Cell;

const COLUMNS: [&str; 10] = [
    "who",
    "clients",
    "verdict",
    "commits/s ± spread",
    "× two PostgreSQL",
    "median",
    "99 %",
    "CPU a commit",
    "forced writes a commit",
    "median ÷ floor",
];
const COMMAND: &str = "cargo run --release --features engines --bin guide -- measure ch02";

/// All turns, those of one contender at one number of clients together.
pub(super) struct Table {
    pub(super) cells: Vec<Vec<Cell>>,
    pub(super) machine: Machine,
    pub(super) versions: String,
}

fn of(cells: &[Cell], value: impl Fn(&Cell) -> f64) -> (f64, f64, f64) {
    quartiles(cells.iter().map(value).collect())
}

fn micros(time: std::time::Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}

/// How many times as many commits as the other one had in the same round.
fn times(cells: &[Cell], other: &[Cell]) -> String {
    let pairs = cells.iter().zip(other);
    let ratios = pairs.map(|(own, other)| own.measured.rate() / other.measured.rate().max(1.0));
    let (least, ratio, most) = quartiles(ratios.collect());
    match (std::ptr::eq(cells, other), least <= 1.0 && most >= 1.0) {
        (true, _) => "1".to_owned(),
        (false, true) => format!("≈ {ratio:.2}"),
        (false, false) => format!("{ratio:.2} ({least:.2} to {most:.2})"),
    }
}

fn row(cells: &[Cell], other: &[Cell]) -> [String; 10] {
    let (low, rate, high) = of(cells, |cell| cell.measured.rate());
    let (_, median, _) = of(cells, |cell| micros(cell.measured.median()));
    let (_, most, _) = of(cells, |cell| micros(cell.measured.quantile(0.99)));
    let (_, cpu, _) = of(cells, |cell| micros(cell.cpu_per_commit));
    let (_, forced, _) = of(cells, |cell| cell.forced_per_commit);
    let (_, floor, _) = of(cells, |cell| micros(cell.measured.median()) / micros(cell.floor()));
    let failed: u64 = cells.iter().map(|cell| cell.measured.failed()).sum();
    let verdict = match (cells.iter().all(Cell::is_ok), failed) {
        (false, _) => "unsafe".to_owned(),
        (true, 0) => "ok".to_owned(),
        (true, failed) => format!("ok ({failed} declined)"),
    };
    [
        cells[0].name.to_owned(),
        cells[0].clients.to_string(),
        verdict,
        format!("{rate:.0} ± {:.0}", (high - low) / 2.0),
        times(cells, other),
        format!("{median:.0} µs"),
        format!("{most:.0} µs"),
        if cpu == 0.0 { "unknown".into() } else { format!("{cpu:.0} µs") },
        format!("{forced:.2}"),
        // Many at once queue for the cores: there a floor for one says nothing.
        if cells[0].clients == 1 { format!("{floor:.2}") } else { "–".into() },
    ]
}

impl Table {
    /// Whether the money is all there, everywhere.
    pub(super) fn is_ok(&self) -> bool {
        self.cells.iter().flatten().all(Cell::is_ok)
    }

    fn rows(&self) -> Vec<[String; 10]> {
        let rows = self.cells.iter().map(|cells| {
            let same = |other: &&Vec<Cell>| other[0].clients == cells[0].clients;
            let other = self.cells.iter().filter(same).find(|other| other[0].name == REFERENCE);
            row(cells, other.unwrap_or(cells))
        });
        rows.collect()
    }

    fn spread(&self) -> String {
        let all: Vec<Cell> = self.cells.iter().flatten().cloned().collect();
        let (low, forced, high) = of(&all, |cell| micros(cell.floors.0));
        let (_, trip, _) = of(&all, |cell| micros(cell.floors.1));
        let rounds = self.cells.first().map_or(0, Vec::len);
        format!(
            "Medians of {rounds} turns, all contenders in turn; ± is half the middle half, × compares turns \
             of the same round. Beside \
             each turn one forced write took {forced:.0} ± {:.0} µs, one round trip {trip:.0} µs. \
             The floor is what one order waits for at least: two forced writes and two round trips \
             in ours, two and one in two PostgreSQL, one and one in one. CPU is of all processes, \
             the clients' too",
            (high - low) / 2.0
        )
    }

    /// For the book.
    pub(super) fn kept(&self) -> String {
        let kept = json!({
            "machine": self.machine.to_string(),
            "date": today(),
            "versions": self.versions,
            "command": COMMAND,
            "spread": self.spread(),
            "columns": COLUMNS,
            "rows": self.rows(),
        });
        serde_json::to_string_pretty(&kept).expect("plain data always serialises") + "\n"
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = vec![COLUMNS.map(ToOwned::to_owned)];
        lines.extend(self.rows());
        let width = |column: usize| {
            lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()
        };
        writeln!(f)?;
        for line in &lines {
            for (column, cell) in line.iter().enumerate() {
                let pad = width(column) - cell.chars().count();
                write!(f, "{cell}{}   ", " ".repeat(pad))?;
            }
            writeln!(f)?;
        }
        writeln!(f, "\n{}.", self.spread())?;
        write!(f, "{}; {}", self.machine, self.versions)
    }
}
