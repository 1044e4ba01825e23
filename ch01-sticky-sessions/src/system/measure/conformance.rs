//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! How many cases of the probe each balancer answers as they have it, section by section of the RFCs, and what
//! becomes of a few that the book explains. Counted, not timed: any machine and any build gives the same.

use std::collections::BTreeMap;
use std::io::Write;

use lab::measure::{Error, Machine, Outcome, Setup, Table, runtime};

use crate::system::probe::{self, Case};

/// The cases that the book explains, by name; of two with one name, the request.
const EXPLAINED: [&str; 6] = [
    "a length and chunks",
    "a bare LF after a chunk's size",
    "fields that Connection names",
    "Connection cannot name what the proxy adds",
    "a user in Host",
    "a cookie of 64 KB",
];

/// Puts all cases to our balancer, HAProxy and nginx.
pub(crate) fn conformance(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    writeln!(out, "{} cases a balancer", probe::cases().len()).map_err(Error::io("print"))?;
    let put = runtime()?.block_on(probe::table()).map_err(Error::io("put the cases"))?;
    let names = put.columns.iter().map(|column| column.name.clone());
    let versions = names.collect::<Vec<_>>().join(", ");
    let head = ["what is asked", "section of the RFC"].map(ToOwned::to_owned);
    let who = put.columns.iter().map(|column| short(&column.name));
    let columns = head.into_iter().chain(who).collect();
    let explained = EXPLAINED.iter().filter_map(|name| {
        put.cases.iter().position(|case| case.name == *name).map(|at| one(&put, at))
    });
    let rows = [sections(&put), vec![all(&put)], explained.collect()].concat();
    let spread = "Each case once. Where an RFC leaves a choice, a case asks for the stricter one, so not every \
                  answer that differs is an error; HAProxy and nginx run with few settings, and operators \
                  can make them stricter"
        .to_owned();
    let table = Table { columns, rows, spread, machine: Machine::read(&setup.dir), versions };
    let is_ok = put.right(&put.columns[0]) == put.cases.len();
    Ok(Outcome { text: table.to_string(), kept: table.kept(), is_ok })
}

/// The name without its version.
fn short(name: &str) -> String {
    name.split([' ', ':']).next().unwrap_or_default().to_owned()
}

/// The RFC and the chapter of a case: `9112 7.1.1` is in `9112 7`.
fn section(case: &Case) -> (&'static str, u32) {
    let (rfc, section) = case.section.split_once(' ').unwrap_or((case.section, ""));
    let chapter = section.split('.').next().and_then(|chapter| chapter.parse().ok());
    (rfc, chapter.unwrap_or(0))
}

/// A row for each chapter of an RFC: how many of its cases are answered as they have it.
fn sections(put: &probe::Table) -> Vec<Vec<String>> {
    let mut sections: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (at, case) in put.cases.iter().enumerate() {
        sections.entry(section(case)).or_default().push(at);
    }
    let row = |((rfc, chapter), cases): (_, Vec<usize>)| {
        let what =
            if cases.len() == 1 { "1 case".into() } else { format!("{} cases", cases.len()) };
        counted(put, what, format!("RFC {rfc}, {chapter}"), &cases)
    };
    sections.into_iter().map(row).collect()
}

fn all(put: &probe::Table) -> Vec<String> {
    let cases: Vec<usize> = (0..put.cases.len()).collect();
    counted(put, format!("all {} cases", cases.len()), "all".into(), &cases)
}

fn counted(put: &probe::Table, what: String, section: String, cases: &[usize]) -> Vec<String> {
    let right = put.columns.iter().map(|column| {
        cases.iter().filter(|at| column.complaints[**at].is_empty()).count().to_string()
    });
    [what, section].into_iter().chain(right).collect()
}

/// One case.
fn one(put: &probe::Table, at: usize) -> Vec<String> {
    let case = &put.cases[at];
    let verdict = put.columns.iter().map(|column| {
        if column.complaints[at].is_empty() { "✓ as asked" } else { "✗ otherwise" }.to_owned()
    });
    [case.name.to_owned(), format!("RFC {}", case.section)].into_iter().chain(verdict).collect()
}
