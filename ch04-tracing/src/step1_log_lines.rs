//! Step 1: log lines, and a search by time.
//!
//! Each process writes a line for each piece of work. Nobody planned to put the lines of one request
//! together, so all there is to go by is the time, the process, and who is at the other end of the
//! connection. With one request at a time that is enough. With several, each line has several places where
//! it fits.
//!
//! # Left out
//!
//! Statistics. How long calls usually take says which match is the most likely one; systems that do that
//! well need the same call graph as this one, and still guess.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::types::Kind;
use crate::workload::judge::Found;
use crate::workload::{Process, Run, Seen, What};

/// What may have caused each line, by places in the log: the likeliest first.
#[must_use]
pub fn stitch(log: &[Seen]) -> Vec<Vec<usize>> {
    let mut open = Open::default();
    let mut fits = Vec::with_capacity(log.len());
    for (place, line) in log.iter().enumerate() {
        fits.push(match (line.kind, line.peer) {
            (Kind::Server, Some(peer)) => open.calls(log, line, peer),
            _ => open.works(log, line),
        });
        open.lines.entry((line.process, line.what)).or_default().push(place);
    }
    fits
}

/// What has begun and is not at its end.
#[derive(Default)]
struct Open {
    lines: BTreeMap<(Process, What), Vec<usize>>,
    /// Calls that have their other end.
    answered: BTreeSet<usize>,
    /// What each line was already found to have caused.
    caused: BTreeSet<(usize, What, Option<Process>)>,
    /// When the last thing that a line caused was over.
    last: BTreeMap<usize, u64>,
}

impl Open {
    fn of(&mut self, log: &[Seen], process: Process, what: What, now: u64) -> Vec<usize> {
        let lines = self.lines.entry((process, what)).or_default();
        lines.retain(|place| log[*place].end >= now);
        lines.clone()
    }

    // ANCHOR: calls
    /// Work that another process asked for: the first call on this connection that was under way for all
    /// of the time.
    fn calls(&mut self, log: &[Seen], line: &Seen, from: Process) -> Vec<usize> {
        let mut fits = self.of(log, from, line.what, line.start);
        let all_the_time = |call: &Seen| {
            call.kind == Kind::Client && call.peer == Some(line.process) && call.end >= line.end
        };
        fits.retain(|call| all_the_time(&log[*call]) && !self.answered.contains(call));
        self.answered.extend(fits.first());
        fits
    }
    // ANCHOR_END: calls

    // ANCHOR: works
    /// Work of the process itself: of the work around it that may cause it, what did something last.
    fn works(&mut self, log: &[Seen], line: &Seen) -> Vec<usize> {
        let mut fits: Vec<usize> = Vec::new();
        for what in line.what.caused_by() {
            fits.extend(self.of(log, line.process, *what, line.start));
        }
        fits.retain(|place| log[*place].kind != Kind::Client);
        let last = |place: usize| {
            let done = self.last.get(&place).copied().filter(|done| *done <= line.start);
            done.unwrap_or(log[place].start)
        };
        let has_one = |place: usize| self.caused.contains(&(place, line.what, line.peer));
        let ends_first = |place: usize| log[place].end < line.end;
        fits.sort_by_key(|place| {
            (ends_first(*place), has_one(*place), Reverse((last(*place), *place)))
        });
        if let Some(cause) = fits.first() {
            self.caused.insert((*cause, line.what, line.peer));
            self.last.insert(*cause, line.end);
        }
        fits
    }
    // ANCHOR_END: works
}

fn of_run(run: &Run, most: usize) -> Found {
    let places = run.by_time();
    let log: Vec<Seen> = places.iter().map(|place| run.works[*place].seen).collect();
    let mut found = vec![Vec::new(); places.len()];
    for (line, fits) in stitch(&log).into_iter().enumerate() {
        if fits.len() <= most {
            found[places[line]] = fits.first().map(|cause| places[*cause]).into_iter().collect();
        }
    }
    found
}

/// What this design says about a run: always the likeliest cause.
#[must_use]
pub fn found(run: &Run) -> Found {
    of_run(run, usize::MAX)
}

/// The same lines, read with care: a cause is named only where nothing else fits.
#[must_use]
pub fn certain(run: &Run) -> Found {
    of_run(run, 1)
}
