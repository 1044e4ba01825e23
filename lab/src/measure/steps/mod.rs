//! What does each fix cost? A chapter's designs side by side, one whole request by one client at a
//! time, and the table that stays on the screen at the end.
//!
//! | file | what it is |
//! |---|---|
//! | `nodes.rs` | a design as drivers in this process, with a real log each |
//! | `table.rs` | what was counted and timed, as a table |
//!
//! # Left out
//!
//! Many clients. What a design does under load is measured where it runs as processes.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

mod nodes;
mod table;

use std::path::Path;
use std::time::{Duration, Instant};

pub use nodes::{Exchange, Nodes};
use table::{Row, table};

use super::{Floors, Machine, file, micros};

/// One design of a chapter, running.
pub trait Step {
    /// `step3`.
    fn name(&self) -> &'static str;

    /// What is expected of it, in one line.
    fn verdict(&self) -> &'static str;

    /// One whole request, until the answer.
    fn once(&mut self);

    /// Messages between nodes and fsyncs so far, once no node does anything any more.
    fn counts(&mut self) -> (u64, u64);
}

/// How such a comparison is put into words.
#[derive(Clone, Copy, Debug)]
pub struct Steps {
    /// What is counted: "order".
    pub unit: &'static str,
    /// What one is, and what it runs on. Lines.
    pub about: &'static str,
    /// What a reader of the table has to know. One line.
    pub how_to_read: &'static str,
    /// The package and its version.
    pub versions: &'static str,
    /// The command that measures it again, and keeps the table.
    pub command: &'static str,
    /// Where the book keeps the table.
    pub kept: &'static str,
}

impl Steps {
    /// Prints what is measured, and what one fsync and one round trip take here.
    ///
    /// # Panics
    /// If the disk or loopback cannot be measured.
    pub fn begin(&self, dir: &Path) {
        let Floors { fsync, round_trip } = floors(dir);
        println!("{}", self.about);
        println!(
            "Floors here: one fsync {:.0} µs, one round trip {:.0} µs.\n",
            micros(fsync),
            micros(round_trip)
        );
    }

    /// Lets the steps take turns and prints the table; keeps it where `BENCH_SAVE` is set. A quick run
    /// measures nothing that is worth keeping.
    ///
    /// # Panics
    /// If a step does not answer, or the table cannot be kept.
    pub fn end(&self, dir: &Path, steps: &mut [Box<dyn Step>], quick: bool) {
        let (rounds, requests) = if quick { (1, 3) } else { (40, 20) };
        let (rows, floors) = measure(steps, dir, rounds, requests);
        let table = table(self, &rows, &floors, Machine::read(dir));
        println!("\n{table}\nHow to read it: {}", self.how_to_read);
        if std::env::var_os("BENCH_SAVE").is_some() && !quick {
            let text = file(table.kept(), self.command);
            std::fs::write(self.kept, text).expect("the book's folder can be written");
        }
    }
}

fn floors(dir: &Path) -> Floors {
    Floors::measure(dir).expect("disk and loopback can be measured")
}

/// All steps in turn, again and again, and the floors beside them: what the machine does meanwhile
/// hits them alike.
fn measure(
    steps: &mut [Box<dyn Step>],
    dir: &Path,
    rounds: usize,
    requests: u32,
) -> (Vec<Row>, Vec<Floors>) {
    let mut beside = Vec::new();
    let mut rows: Vec<Row> =
        steps.iter().map(|step| Row::new(step.name(), step.verdict())).collect();
    for _ in 0..rounds {
        beside.push(floors(dir));
        for (step, row) in steps.iter_mut().zip(&mut rows) {
            let (before, cpu) = (step.counts(), cpu());
            let mut times: Vec<Duration> = (0..requests)
                .map(|_| {
                    let asked = Instant::now();
                    step.once();
                    asked.elapsed()
                })
                .collect();
            let (after, busy) = (step.counts(), self::cpu().saturating_sub(cpu));
            times.sort_unstable();
            row.medians.push(times[times.len() / 2]);
            row.requests += u64::from(requests);
            row.messages += after.0 - before.0;
            row.syncs += after.1 - before.1;
            row.cpu += busy;
        }
    }
    (rows, beside)
}

/// What all threads of this process have computed so far, finer than [`super::cpu`]; zero where the
/// system does not say.
fn cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two messages and one fsync a request.
    struct Fake {
        name: &'static str,
        requests: u64,
    }

    impl Step for Fake {
        fn name(&self) -> &'static str {
            self.name
        }

        fn verdict(&self) -> &'static str {
            "ok"
        }

        fn once(&mut self) {
            self.requests += 1;
        }

        fn counts(&mut self) -> (u64, u64) {
            (2 * self.requests, self.requests)
        }
    }

    #[test]
    fn steps_take_turns_and_everything_is_counted_per_request() {
        let fake = |name| -> Box<dyn Step> { Box::new(Fake { name, requests: 7 }) };
        let dir = tempfile::tempdir().unwrap();
        let mut steps = vec![fake("step1"), fake("step2")];
        let (rows, floors) = measure(&mut steps, dir.path(), 3, 5);
        assert_eq!(floors.len(), 3, "once a round");
        for step in &mut steps {
            assert_eq!(step.counts(), (44, 22), "three rounds of five, and seven before");
        }
        let words = Steps {
            unit: "order",
            about: "",
            how_to_read: "",
            versions: "fake 1.0",
            command: "",
            kept: "",
        };
        let table = table(&words, &rows, &floors, Machine::read(dir.path()));
        assert_eq!(table.rows.len(), 2);
        for row in &table.rows {
            assert_eq!(row.len(), table.columns.len());
            assert_eq!((row[1].as_str(), row[2].as_str()), ("2.0", "1.0"), "{table}");
        }
        assert_eq!(table.rows[0][5], "1", "{table}");
        assert!(table.spread.starts_with("Per order, until the client is told."), "{table}");
    }
}
