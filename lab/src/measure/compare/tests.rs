use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::measure::{Floors, Measured};

/// Moves money, and takes some of it in the rounds it is told to.
struct Fake {
    name: &'static str,
    /// Who was asked for what, all contenders together.
    calls: Rc<RefCell<Vec<String>>>,
    loads: usize,
    takes_at: Option<usize>,
    total: u64,
}

const WAITS: Waits = Waits { fsyncs: 2, round_trips: 1 };

/// So many operations, each of this time, one after the other.
fn measured(count: u32, each: Duration) -> Measured {
    let mut measured = Measured::empty();
    for _ in 0..count {
        measured.add(each);
    }
    measured.took(each * count)
}

impl Contender for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> String {
        if self.name == "ours" { "fake 1.0".into() } else { String::new() }
    }

    fn waits(&self) -> Waits {
        WAITS
    }

    fn load(&mut self, clients: usize, _: Duration) -> Result<Measured, Error> {
        self.calls.borrow_mut().push(format!("{clients} × {}", self.name));
        self.loads += 1;
        self.total -= u64::from(self.takes_at == Some(self.loads));
        Ok(measured(10, Duration::from_millis(1)))
    }

    fn settle(&mut self) -> Result<(), Error> {
        self.calls.borrow_mut().push(format!("{} settles", self.name));
        Ok(())
    }

    fn fsyncs(&mut self) -> Result<Option<u64>, Error> {
        Ok(Some(30 * self.loads as u64))
    }

    fn audit(&mut self) -> Result<Value, Error> {
        Ok(json!(self.total))
    }
}

fn run(takes_at: Option<usize>) -> (Comparison, Vec<String>, String) {
    let calls = Rc::default();
    let fake = |name, takes_at| -> Box<dyn Contender> {
        Box::new(Fake { name, calls: Rc::clone(&calls), loads: 0, takes_at, total: 2_000 })
    };
    let mut contenders = vec![fake("ours", takes_at), fake("theirs, local", None)];
    let dir = tempfile::tempdir().unwrap();
    let plan = Plan {
        dir: dir.path().to_owned(),
        turn: Duration::from_millis(1),
        rounds: 2,
        clients: vec![1, 8],
    };
    let mut out = Vec::new();
    let compared = compare(&plan, &mut contenders, &mut out).unwrap();
    drop(contenders);
    let calls = Rc::into_inner(calls).unwrap().into_inner();
    (compared, calls, String::from_utf8(out).unwrap())
}

#[test]
fn contenders_take_turns_and_nothing_is_counted_while_something_is_under_way() {
    let (_, calls, said) = run(None);
    // A turn: settle, warm up, load, settle.
    let turn = |clients: usize, name: &str| {
        let (settles, load) = (format!("{name} settles"), format!("{clients} × {name}"));
        [settles.clone(), load.clone(), load, settles]
    };
    let round: Vec<String> = [1, 8]
        .iter()
        .flat_map(|clients| ["ours", "theirs, local"].map(|name| turn(*clients, name)))
        .flatten()
        .collect();
    assert_eq!(calls, [round.clone(), round].concat());
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 8, "{said}");
    assert!(lines[0].starts_with("round 1 of 2: 1 × ours: 1000/s"), "{said}");
    assert!(lines[7].starts_with("round 2 of 2: 8 × theirs, local: "), "{said}");
    assert!(lines[7].ends_with("; ok, 2000 before and 2000 after"), "{said}");
}

#[test]
fn no_speed_stands_without_its_verdict() {
    let (all_there, ..) = run(None);
    assert!(all_there.is_ok());
    // The sixth load of eight: in its turn in round 2 with one client.
    let (missing, _, said) = run(Some(6));
    assert!(!missing.is_ok());
    assert!(said.contains("; unsafe, 2000 before and 1999 after"), "{said}");
    let outcome = missing.outcome(Terms { unit: "commit", reference: Some("theirs, local") });
    assert!(!outcome.is_ok);
    let verdicts: Vec<&Value> =
        outcome.kept["rows"].as_array().unwrap().iter().map(|row| &row[2]).collect();
    assert_eq!(verdicts, ["unsafe", "ok", "ok", "ok"], "one turn is enough");
}

fn turn(rate: u32, failed: bool, is_ok: bool) -> Turn {
    let each = Duration::from_secs(1) / rate;
    let measured = if failed { measured(0, each) } else { measured(rate, each) };
    let floors =
        Floors { fsync: Duration::from_micros(100), round_trip: Duration::from_micros(20) };
    let (cpu, verdict) = (Duration::from_micros(50), (is_ok, String::new()));
    Turn { measured, cpu, fsyncs: Some(2.5), verdict, floors }
}

fn row(name: &'static str, clients: usize, rates: [u32; 3]) -> Row {
    let turns = rates.map(|rate| turn(rate, false, true)).into();
    Row { name, job: "", clients, waits: WAITS, turns }
}

fn comparison(rows: Vec<Row>) -> Comparison {
    let unknown = || "unknown".to_owned();
    let machine = Machine {
        cores: 2,
        cpu: unknown(),
        kernel: unknown(),
        filesystem: unknown(),
        rustc: unknown(),
        release: true,
    };
    Comparison { rows, machine, versions: "fake 1.0".into() }
}

#[test]
fn the_table_has_medians_and_ratios_of_the_same_round() {
    // Every contender is twice as fast in round 2: that is the machine. Times have three digits.
    let rows = vec![row("ours", 1, [1000, 2000, 1000]), row("theirs, local", 1, [500, 1000, 500])];
    let compared = comparison(rows);
    let terms = Terms { unit: "commit", reference: Some("theirs, local") };
    let text = compared.table(terms).to_string();
    let expected = "\
who             clients   verdict   commits/s ± spread   × theirs              median    99 %      CPU per commit   fsyncs per commit   median ÷ floor
ours            1         ok        1000 ± 0             2.00 (2.00 to 2.00)   1000 µs   1000 µs   50 µs            2.50                4.55
theirs, local   1         ok        500 ± 0              1                     2001 µs   2001 µs   50 µs            2.50                9.09

Medians of 3 turns, all in turn; ± is half the middle half, × compares turns of the same round. Just \
before each turn one fsync took 100 ± 0 µs, one round trip 20 µs. The floor is what one commit waits \
for at least: 2 fsyncs and 1 round trip (ours / theirs, local). CPU is of all processes, the clients' \
too.
2 cores (unknown), unknown, unknown, unknown, release build; fake 1.0";
    assert_eq!(text, expected, "{text}");
}

#[test]
fn one_contender_alone_has_no_ratio_and_many_clients_no_floor() {
    let compared = comparison(vec![row("ours", 8, [100, 100, 100])]);
    let table = compared.table(Terms { unit: "add", reference: None });
    assert_eq!(table.columns.len(), table.rows[0].len());
    assert!(!table.columns.iter().any(|column| column.starts_with('×')), "{table}");
    assert_eq!(table.rows[0].last().map(String::as_str), Some("–"), "{table}");
    assert!(!table.spread.contains('×'), "{table}");
}

/// A job is compared with the same job, and fsyncs that are not counted are not 0.
#[test]
fn several_jobs_have_a_column_and_are_compared_apart() {
    let of = |name, job, rate| Row { job, ..row(name, 1, [rate; 3]) };
    let puts = [of("ours", "put", 200), of("theirs", "put", 100)];
    let mut reads = [of("ours", "read", 900), of("theirs", "read", 300)];
    reads[1].turns.iter_mut().for_each(|turn| turn.fsyncs = None);
    let compared = comparison([puts, reads].concat());
    let table = compared.table(Terms { unit: "operation", reference: Some("theirs") });
    assert_eq!(table.columns[..3], ["who", "job", "clients"]);
    let cells = |column: &str| -> Vec<&str> {
        let at = table.columns.iter().position(|name| name == column).unwrap();
        table.rows.iter().map(|row| row[at].as_str()).collect()
    };
    assert_eq!(cells("job"), ["put", "put", "read", "read"]);
    assert_eq!(cells("× theirs"), ["2.00 (2.00 to 2.00)", "1", "3.00 (3.00 to 3.00)", "1"]);
    assert_eq!(cells("fsyncs per operation"), ["2.50", "2.50", "2.50", "unknown"]);
    assert!(
        table.spread.contains("(ours, put / theirs, put / ours, read / theirs, read)"),
        "{table}"
    );
}

#[test]
fn a_turn_in_which_nothing_was_done_is_not_ok() {
    let turns = vec![turn(100, true, true)];
    let compared = comparison(vec![Row { name: "ours", job: "", clients: 1, waits: WAITS, turns }]);
    assert!(!compared.is_ok());
}

#[test]
fn the_book_keeps_a_table_with_all_that_it_needs() {
    let compared = comparison(vec![row("ours", 1, [100, 100, 100])]);
    let kept = compared.table(Terms { unit: "commit", reference: None }).kept();
    let file: Value = serde_json::from_str(&crate::measure::file(kept, "cargo guide")).unwrap();
    let fields: Vec<&str> = file.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["columns", "command", "date", "machine", "rows", "spread", "versions"]);
    assert_eq!(file["command"], "cargo guide");
    assert_eq!(file["rows"][0][0], "ours");
}
