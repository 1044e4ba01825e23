//! Edge: makes it survive the real world. The lesson is in `step4_isolation/` of chapter 2.
//!
//! The picture: for the terminal, and for the book.
//!
//! # Left out
//!
//! A curve through it.

use std::fmt;
use std::time::Duration;

use lab::measure::{Machine, quartiles, today};
use serde_json::{Value, json};

use super::turn::Turn;
use super::watch::{Look, Own};
use super::{ACCOUNTS, BACK, BUCKET, DESIGNS, END, KILL, OWN, PAYMENTS};

const COMMAND: &str = "cargo run --release --features engines --bin guide -- measure ch02 --outage";
/// In the middle of the outage's first half.
const MIDDLE: Duration = Duration::from_secs(7);
const COLUMNS: [&str; 8] = [
    "design",
    "verdict",
    "in doubt at 7 s",
    "accounts locked at 7 s",
    "all free after the kill",
    "pay's own stopped by a lock",
    "99 % of those within",
    "99 % of the others within",
];

/// All turns, those of one design together.
pub(super) struct Picture {
    pub(super) turns: Vec<Vec<Turn>>,
    pub(super) machine: Machine,
}

impl Turn {
    /// From the kill until nobody holds anything that was begun before it.
    pub(super) fn free_after(&self) -> Duration {
        let mut looks = self.seen.looks.iter().filter(|look| look.at > self.killed);
        let free = looks.find(|look| look.locked == 0);
        free.map_or(END, |look| look.at).saturating_sub(self.killed)
    }

    fn look_at(&self, at: Duration) -> Option<&Look> {
        self.seen.looks.iter().find(|look| look.at >= at)
    }

    fn own(&self, from: Duration, to: Duration, stopped: bool) -> Vec<f64> {
        let wanted = |own: &&Own| own.stopped == stopped && own.at >= from && own.at < to;
        self.seen.own.iter().filter(wanted).map(|own| own.took.as_secs_f64() * 1_000.0).collect()
    }

    fn most(&self, from: Duration, to: Duration, stopped: bool) -> Option<f64> {
        let mut times = self.own(from, to, stopped);
        times.sort_by(f64::total_cmp);
        times.get((times.len() * 99).div_ceil(100).saturating_sub(1)).copied()
    }

    /// The most that were in doubt and locked in a bucket, and what 99 % of `pay`'s own waited.
    fn bucket(&self, from: Duration) -> (usize, usize, Option<f64>, Option<f64>) {
        let to = from + BUCKET;
        let looks = self.seen.looks.iter().filter(|look| look.at >= from && look.at < to);
        let looks: Vec<&Look> = looks.collect();
        let in_doubt = looks.iter().map(|look| look.in_doubt).max().unwrap_or_default();
        let locked = looks.iter().map(|look| look.locked).max().unwrap_or_default();
        (in_doubt, locked, self.most(from, to, true), self.most(from, to, false))
    }
}

fn buckets() -> impl Iterator<Item = Duration> {
    (0..).map(|i| BUCKET * i).take_while(|from| *from < END)
}

fn millis(time: Option<f64>) -> String {
    time.map_or_else(|| "–".into(), |time| format!("{time:.0} ms"))
}

fn of(turns: &[Turn], value: impl Fn(&Turn) -> Option<f64>) -> Option<f64> {
    let values: Vec<f64> = turns.iter().filter_map(value).collect();
    (!values.is_empty()).then(|| quartiles(values).1)
}

fn row(name: &str, turns: &[Turn]) -> [String; 8] {
    let middle = |value: fn(&Look) -> usize| {
        let count = of(turns, |turn| turn.look_at(MIDDLE).map(|look| value(look) as f64));
        format!("{:.0}", count.unwrap_or_default())
    };
    let away = |turn: &Turn, stopped| turn.most(turn.killed, turn.back, stopped);
    let stopped = of(turns, |turn| Some(turn.own(turn.killed, turn.back, true).len() as f64));
    let free = of(turns, |turn| Some(turn.free_after().as_secs_f64()));
    [
        name.to_owned(),
        if turns.iter().all(Turn::is_ok) { "ok" } else { "unsafe" }.to_owned(),
        middle(|look| look.in_doubt),
        middle(|look| look.locked),
        format!("{:.2} s", free.unwrap_or_default()),
        format!("{:.0}", stopped.unwrap_or_default()),
        millis(of(turns, |turn| away(turn, true))),
        millis(of(turns, |turn| away(turn, false))),
    ]
}

impl Picture {
    /// Whether the money is all there, everywhere.
    pub(super) fn is_ok(&self) -> bool {
        self.turns.iter().flatten().all(Turn::is_ok)
    }

    fn rows(&self) -> Vec<[String; 8]> {
        let all = DESIGNS.iter().zip(&self.turns);
        all.map(|((_, name), turns)| row(name, turns)).collect()
    }

    fn spread(&self) -> String {
        let rounds = self.turns.first().map_or(0, Vec::len);
        format!(
            "Medians of {rounds} turns of {} s, the designs in turn: {PAYMENTS} payments a second between \
             {ACCOUNTS} accounts here and {ACCOUNTS} there, coord killed at {} s and back at {} s. In doubt \
             and locked are stock and pay together. Beside them {OWN} operations a second of pay's own, \
             each for one of its {ACCOUNTS} accounts; counted are those of the outage. Whether an account \
             is free was looked at every 5 ms",
            END.as_secs(),
            KILL.as_secs(),
            BACK.as_secs(),
        )
    }

    /// The first turn of each design, bucket by bucket.
    fn timeline(&self) -> Value {
        let line = |turn: &Turn| -> Vec<Value> {
            let bucket = |from: Duration| {
                let (in_doubt, locked, stopped, others) = turn.bucket(from);
                json!({
                    "from_ms": from.as_millis() as u64, "in_doubt": in_doubt, "locked": locked,
                    "stopped_p99_ms": stopped, "others_p99_ms": others,
                })
            };
            buckets().map(bucket).collect()
        };
        let lines = DESIGNS.iter().zip(&self.turns).filter_map(|((_, name), turns)| {
            Some(json!({ "design": name, "buckets": line(turns.first()?) }))
        });
        lines.collect()
    }

    /// For the book.
    pub(super) fn kept(&self) -> String {
        let kept = json!({
            "machine": self.machine.to_string(),
            "date": today(),
            "versions": format!("fun-topics {}", env!("CARGO_PKG_VERSION")),
            "command": COMMAND,
            "spread": self.spread(),
            "columns": COLUMNS,
            "rows": self.rows(),
            "timeline": self.timeline(),
        });
        serde_json::to_string_pretty(&kept).expect("plain data always serialises") + "\n"
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nThe first turn of each: in doubt, locked, 99 % of pay's own stopped, and not"
        )?;
        for from in buckets() {
            write!(f, "{:>6} ms", from.as_millis())?;
            for turn in self.turns.iter().filter_map(|turns| turns.first()) {
                let (in_doubt, locked, stopped, others) = turn.bucket(from);
                let (stopped, others) = (millis(stopped), millis(others));
                write!(f, "   | {in_doubt:>3} {locked:>4} {stopped:>8} {others:>7}")?;
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        let lines = std::iter::once(COLUMNS.map(ToOwned::to_owned)).chain(self.rows());
        for line in lines {
            writeln!(f, "{}", line.join(" | "))?;
        }
        writeln!(f, "\n{}.", self.spread())?;
        write!(f, "{}", self.machine)
    }
}
