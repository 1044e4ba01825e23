//! All contenders in turn, again and again: what the machine does meanwhile hits them alike.
//!
//! # Left out
//!
//! Two machines. On one, the clients take cores from the servers, and the network is for nothing.

#[cfg(test)]
mod tests;

use std::io::Write;

use super::report::{many, micros, quartiles, ratio, spread};
use super::{Contender, Error, Machine, Outcome, Plan, Table, Turn, Waits};

/// How a comparison is put into words.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// What is counted: "commit".
    pub unit: &'static str,
    /// The name of the contender that all are compared with; without one, there is no such column.
    pub reference: Option<&'static str>,
}

/// All turns of one contender at one number of clients.
#[derive(Clone, Debug)]
pub struct Row {
    /// The contender.
    pub name: &'static str,
    /// Which of several jobs it does; empty if all contenders do the same.
    pub job: &'static str,
    /// How many clients.
    pub clients: usize,
    /// What an operation waits for.
    pub waits: Waits,
    /// One each round.
    pub turns: Vec<Turn>,
}

/// What came of all turns.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// By number of clients, then by contender.
    pub rows: Vec<Row>,
    /// Where.
    pub machine: Machine,
    /// What the contenders run.
    pub versions: String,
}

/// Lets all contenders have their turns, and prints a line for each.
///
/// # Errors
/// A contender does not run, or the output is closed.
pub fn compare(
    plan: &Plan,
    contenders: &mut [Box<dyn Contender>],
    out: &mut dyn Write,
) -> Result<Comparison, Error> {
    let mut rows = Vec::new();
    for clients in &plan.clients {
        rows.extend(contenders.iter().map(|contender| {
            let (name, job, waits) = (contender.name(), contender.job(), contender.waits());
            Row { name, job, clients: *clients, waits, turns: Vec::new() }
        }));
    }
    for round in 1..=plan.rounds {
        for (i, row) in rows.iter_mut().enumerate() {
            let contender = contenders[i % contenders.len()].as_mut();
            let turn = Turn::of(contender, &plan.dir, row.clients, plan.turn)?;
            let (rounds, clients, who) = (plan.rounds, row.clients, row.who());
            writeln!(out, "round {round} of {rounds}: {clients} × {who}: {turn}")
                .map_err(Error::io("print"))?;
            row.turns.push(turn);
        }
    }
    let versions = contenders.iter().map(|contender| contender.version());
    let versions: Vec<String> = versions.filter(|version| !version.is_empty()).collect();
    Ok(Comparison { rows, machine: Machine::read(&plan.dir), versions: versions.join(", ") })
}

impl Row {
    /// The contender, and its job if there are several.
    fn who(&self) -> String {
        match self.job {
            "" => self.name.to_owned(),
            job => format!("{}, {job}", self.name),
        }
    }

    fn all(&self, value: impl Fn(&Turn) -> f64) -> Vec<f64> {
        self.turns.iter().map(value).collect()
    }

    fn median(&self, value: impl Fn(&Turn) -> f64) -> f64 {
        quartiles(self.all(value)).1
    }

    fn rates(&self) -> Vec<f64> {
        self.all(|turn| turn.measured.rate())
    }

    fn verdict(&self) -> String {
        let failed: u64 = self.turns.iter().map(|turn| turn.measured.failed()).sum();
        match (self.turns.iter().all(Turn::is_ok), failed) {
            (false, _) => "unsafe".to_owned(),
            (true, 0) => "ok".to_owned(),
            (true, failed) => format!("ok ({failed} declined)"),
        }
    }

    fn fsyncs(&self) -> String {
        let counted: Vec<f64> = self.turns.iter().filter_map(|turn| turn.fsyncs).collect();
        if counted.is_empty() { "unknown".into() } else { format!("{:.2}", quartiles(counted).1) }
    }

    fn cells(&self, reference: Option<&Self>) -> Vec<String> {
        let median = self.median(|turn| micros(turn.measured.median()));
        let most = self.median(|turn| micros(turn.measured.quantile(0.99)));
        let cpu = self.median(|turn| micros(turn.cpu));
        let least = |turn: &Turn| micros(turn.floors.least(self.waits));
        let floor = self.median(|turn| micros(turn.measured.median()) / least(turn));
        let mut cells = vec![self.name.to_owned()];
        cells.extend((!self.job.is_empty()).then(|| self.job.to_owned()));
        cells.extend([self.clients.to_string(), self.verdict(), spread(self.rates())]);
        cells.extend(reference.map(|reference| ratio(&self.rates(), &reference.rates())));
        cells.extend([
            format!("{median:.0} µs"),
            format!("{most:.0} µs"),
            if cpu == 0.0 { "unknown".into() } else { format!("{cpu:.0} µs") },
            self.fsyncs(),
            // Many at once queue for the cores: there a floor for one says nothing.
            if self.clients == 1 { format!("{floor:.2}") } else { "–".into() },
        ]);
        cells
    }
}

impl Comparison {
    /// Whether all is as it has to be, everywhere.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.rows.iter().flat_map(|row| &row.turns).all(Turn::is_ok)
    }

    /// Medians, and ratios round by round.
    #[must_use]
    pub fn table(&self, terms: Terms) -> Table {
        let Terms { unit, reference } = terms;
        let mut columns = vec!["who".into()];
        let one_job = self.rows.iter().all(|row| row.job.is_empty());
        columns.extend((!one_job).then(|| "job".into()));
        columns.extend(["clients".into(), "verdict".into(), format!("{unit}s/s ± spread")]);
        columns.extend(
            reference.and_then(|name| name.split(',').next()).map(|who| format!("× {who}")),
        );
        let (cpu, fsyncs) = (format!("CPU per {unit}"), format!("fsyncs per {unit}"));
        columns.extend(["median".into(), "99 %".into(), cpu, fsyncs, "median ÷ floor".into()]);
        let rows = self.rows.iter().map(|row| {
            let other = |other: &&Row| {
                let same = (other.clients, other.job) == (row.clients, row.job);
                same && Some(other.name) == reference
            };
            row.cells(reference.map(|_| self.rows.iter().find(other).unwrap_or(row)))
        });
        let (machine, versions) = (self.machine.clone(), self.versions.clone());
        Table { columns, rows: rows.collect(), spread: self.spread(terms), machine, versions }
    }

    /// The table, for the terminal and for the book, with the verdict.
    #[must_use]
    pub fn outcome(&self, terms: Terms) -> Outcome {
        let table = self.table(terms);
        Outcome { text: table.to_string(), kept: table.kept(), is_ok: self.is_ok() }
    }

    fn spread(&self, Terms { unit, reference }: Terms) -> String {
        let turns = || self.rows.iter().flat_map(|row| &row.turns);
        let fsync = spread(turns().map(|turn| micros(turn.floors.fsync)).collect());
        let (_, trip, _) = quartiles(turns().map(|turn| micros(turn.floors.round_trip)).collect());
        let times = if reference.is_some() { ", × compares turns of the same round" } else { "" };
        let turns_each = self.rows.first().map_or(0, |row| row.turns.len());
        // What waits for the same is named together.
        let mut waits: Vec<(Waits, Vec<String>)> = Vec::new();
        for row in &self.rows {
            let at = waits.iter().position(|(waits, _)| *waits == row.waits);
            let at = at.unwrap_or_else(|| {
                waits.push((row.waits, Vec::new()));
                waits.len() - 1
            });
            if !waits[at].1.contains(&row.who()) {
                waits[at].1.push(row.who());
            }
        }
        let waits = waits.into_iter().map(|(Waits { fsyncs, round_trips }, who)| {
            let (fsyncs, trips) = (many(fsyncs as usize, "fsync"), round_trips as usize);
            format!("{fsyncs} and {} ({})", many(trips, "round trip"), who.join(" / "))
        });
        let waits: Vec<String> = waits.collect();
        format!(
            "Medians of {}, all in turn; ± is half the middle half{times}. Just before each turn \
             one fsync took {fsync} µs, one round trip {trip:.0} µs. The floor is what one {unit} waits \
             for at least: {}. CPU is of all processes, the clients' too",
            many(turns_each, "turn"),
            waits.join("; "),
        )
    }
}
