//! A chapter of two tiny steps, and a book about it in a temporary folder.

use std::ops::Range;

use guide::workspace::Workspace;
use lab::chapter::{
    Bounds, Cell, Chapter, Checked, Counterexample, Dial, Explored, Figure, Found, Mark, Matrix,
    MatrixRow, Models, Plot, Points, Searched, Series, StepInfo, Table, Verdict,
};
use lab::event::{Event, Header, Kind, Log, NodeInfo};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::made_up;

/// `step1` takes stock and then dies; `step2` cannot.
pub(crate) struct Fake;

/// The chapter.
pub(crate) static FAKE: Fake = Fake;

fn event(
    seq: u64,
    node: &str,
    kind: Kind,
    text: &str,
    peer: Option<&str>,
    causes: &[u64],
) -> Event {
    let state = matches!(kind, Kind::Receive | Kind::Persist).then(|| format!("{text} done"));
    let (node, text, peer) = (node.to_string(), text.to_string(), peer.map(str::to_string));
    Event { seq, time: 0, node, kind, text, peer, causes: causes.to_vec(), input: None, state }
}

/// A purchase that stops half way.
pub(crate) fn half_an_order(title: &str) -> Log {
    let names = ["client", "coord", "stock", "pay"];
    let nodes = names.map(|name| NodeInfo { name: name.into(), role: name.into() }).to_vec();
    let events = vec![
        event(1, "client", Kind::Send, "buy umbrella", Some("coord"), &[]),
        event(2, "coord", Kind::Receive, "buy umbrella", Some("client"), &[1]),
        event(3, "coord", Kind::Send, "take 1 umbrella", Some("stock"), &[2]),
        event(4, "coord", Kind::Send, "take 20 €", Some("pay"), &[2]),
        event(5, "stock", Kind::Receive, "take 1 umbrella", Some("coord"), &[3]),
        event(6, "stock", Kind::Persist, "0 left", None, &[5]),
        event(7, "pay", Kind::Crash, "lost: nothing", None, &[]),
        event(8, "stock", Kind::Send, "taken", Some("coord"), &[5]),
        event(9, "coord", Kind::Lose, "taken", Some("stock"), &[8]),
        event(10, "pay", Kind::Boot, "starts again", None, &[]),
        event(11, "stock", Kind::Violation, "stock took it, pay did not", None, &[]),
    ];
    Log { header: Header { title: title.into(), nodes, verdict: Some("unsafe".into()) }, events }
}

impl Chapter for Fake {
    fn id(&self) -> &'static str {
        "ch99"
    }

    fn question(&self) -> &'static str {
        "Who took the umbrella?"
    }

    fn folder(&self) -> &'static str {
        "ch99-fake"
    }

    fn models(&self) -> Option<&dyn Models> {
        Some(self)
    }

    fn figures(&self) -> Vec<(String, Figure)> {
        let run = Figure::SpaceTime(half_an_order("ch99/step1: half an order"));
        vec![("half-an-order".into(), run), ("left".into(), Figure::Plot(left()))]
    }

    fn tables(&self) -> Vec<(String, Table)> {
        let rows = [["1", "9"], ["2", "unsafe"]];
        vec![("left".into(), table(["buyers", "left"], rows))]
    }

    fn scoreboard(&self) -> Option<Table> {
        let rows = [["1 take", "3"], ["2 ask", "12"]];
        Some(table(["design", "messages per order"], rows))
    }

    fn numbers(&self) -> Vec<(String, String)> {
        vec![("states_step2".into(), "12".into())]
    }

    fn dials(&self) -> Vec<(String, Dial)> {
        let dial = Dial {
            question: "How many are left of `ten` after three buyers?".into(),
            range: (0.0, 10.0),
            unit: "umbrellas".into(),
            answer: 7.0,
            formula: "10 - 3 < 10".into(),
            plot: left(),
        };
        vec![("left".into(), dial)]
    }

    fn replay(&self, log: &Log) -> Option<Result<Log, String>> {
        Some(if log.events.is_empty() {
            Err("nothing was recorded".into())
        } else {
            Ok(log.clone())
        })
    }
}

fn table(columns: [&str; 2], rows: [[&str; 2]; 2]) -> Table {
    let words = |row: [&str; 2]| row.map(ToOwned::to_owned).to_vec();
    Table { columns: words(columns), rows: rows.map(words).to_vec() }
}

/// Ten umbrellas, fewer after each buyer.
fn left() -> Plot {
    let points = (0..=4).map(|n| (f64::from(n), f64::from(10 - n))).collect();
    let series = vec![Series { name: "left".into(), points, mark: Mark::Line }];
    Plot { title: "Each takes one".into(), x: "buyers".into(), y: "umbrellas".into(), series }
}

impl Models for Fake {
    fn steps(&self) -> Vec<StepInfo> {
        let step = |id, module, file, title, verdict| StepInfo {
            id,
            module,
            files: vec![file],
            title,
            verdict,
        };
        vec![
            step(
                "step1",
                "step1_take",
                "ch99-fake/src/step1_take.rs",
                "just take it",
                "unsafe: one crash",
            ),
            step(
                "step2",
                "step2_ask",
                "ch99-fake/src/step2_ask.rs",
                "ask before taking",
                "ok in 12 states",
            ),
        ]
    }

    fn run(&self, step: &str, seed: u64) -> Option<Log> {
        Some(half_an_order(&format!("ch99/{step} seed {seed}")))
    }

    fn script(&self, _: &str, script: &str) -> Option<Result<String, String>> {
        Some(if script.contains("buy") {
            Ok("bought".into())
        } else {
            Err("line 1: no `buy`".into())
        })
    }

    fn find(&self, step: &str, fault: Option<&str>, seeds: Range<u64>) -> Option<Found> {
        if fault.is_some_and(|fault| !self.faults().contains(&fault)) {
            return None;
        }
        let broken = Counterexample {
            seed: 7,
            shrunk: (40, 11),
            why: "all or nothing".into(),
            log: half_an_order("ch99/step1 seed 7, shrunk"),
        };
        let unsafe_step = step == "step1";
        let tried = if unsafe_step { 7 } else { seeds.end - seeds.start };
        Some(Found { tried, counterexample: unsafe_step.then_some(broken) })
    }

    fn faults(&self) -> Vec<&'static str> {
        vec!["crash", "loss"]
    }

    fn explore(
        &self,
        step: &str,
        bounds: &Bounds,
        watch: &mut dyn FnMut(usize),
    ) -> Option<Explored> {
        watch(12);
        let ok = step == "step2";
        let summary = if ok { "safe in 12 states" } else { "unsafe in 11 events" };
        let schedules = if ok { vec![] } else { vec![half_an_order("shortest")] };
        Some(Explored {
            summary: summary.into(),
            states: 12,
            timeouts: None,
            searched: Searched { states: 20, bytes: 2_000 },
            as_expected: bounds.losses == 0,
            schedules,
        })
    }

    fn check(&self, step: &str, fault: &str) -> Option<Checked> {
        let column = self.faults().into_iter().position(|known| known == fault)?;
        let row = self.matrix().rows.into_iter().find(|row| row.step == step)?;
        let cell = row.cells[column].clone();
        let shown = (cell.verdict == Verdict::Unsafe).then(|| half_an_order("ch99/step1"));
        Some(Checked { cell, as_expected: fault == "crash", shown })
    }

    fn points(&self, _: &str) -> Option<Points> {
        None
    }

    fn expected(&self) -> Matrix {
        self.matrix()
    }

    fn matrix(&self) -> Matrix {
        let cell = |verdict, step: &str| Cell {
            verdict,
            why: String::new(),
            command: format!("cargo guide explore ch99/{step}"),
        };
        let row = |step: &str, title: &str, a, b| MatrixRow {
            step: step.into(),
            title: title.into(),
            cells: vec![cell(a, step), cell(b, step)],
        };
        let rows = vec![
            row("step1", "just take it", Verdict::Unsafe, Verdict::Stuck),
            row("step2", "ask before taking", Verdict::Ok, Verdict::Slow),
        ];
        Matrix { faults: vec!["crash".into(), "loss".into()], rows }
    }

    /// Two moves to break `step1`: 0 and then 1.
    fn exhibit(&self, step: &str, request: &Value) -> Option<Value> {
        let path: Vec<u64> = serde_json::from_value(request["path"].clone()).unwrap_or_default();
        let broken = step == "step1" && path.ends_with(&[0, 1]);
        let events = &half_an_order("").events[..(path.len() * 3).min(10)];
        let choices: Vec<Value> = (0..8)
            .map(|i| json!({ "index": i, "kind": "receive", "words": format!("deliver *message {i}* to `stock`") }))
            .collect();
        let node = |name: &str| json!({ "name": name, "role": name, "up": true, "state": format!("{} moves", path.len()), "changed": true });
        let nodes = ["client", "coord", "stock", "pay"].map(node);
        Some(match request["call"].as_str()? {
            "view" => json!({
                "nodes": nodes,
                "lamp": { "ok": !broken, "property": "all or nothing", "why": if broken { "half an order" } else { "" } },
                "choices": if broken { vec![] } else { choices },
                "events": events,
                "finished": broken,
            }),
            "search" => json!({ "states": 12, "done": true }),
            "hint" if step == "step1" => json!({ "index": 0, "distance": 2 }),
            "hint" => json!({ "distance": null }),
            "show" if step == "step1" => {
                let whole: Vec<u64> = path.iter().copied().chain([0, 1]).collect();
                json!({ "path": whole })
            }
            "show" => json!({ "path": null }),
            "proof" => json!({ "states": 12, "unsafe": u8::from(step == "step1"), "stuck": 0 }),
            other => json!({ "error": format!("no call {other}") }),
        })
    }
}

const STEP1: &str =
    "// ANCHOR: take\nfn take(left: u32) -> u32 {\n    left - 1\n}\n// ANCHOR_END: take\n";
const STEP2: &str = "// ANCHOR: take\nfn take(left: u32) -> Option<u32> {\n    left.checked_sub(1)\n}\n// ANCHOR_END: take\n";

/// The page of a step that uses everything.
pub(crate) const PAGE: &str = include_str!("page.txt");

/// A book about the fake chapter, generated files included.
pub(crate) fn book() -> (TempDir, Workspace) {
    let wrong = "shows = \"One yes is not enough.\"\nfile = \"ch99-fake/exercises/both.rs\"\n\
                 find = \"yes == 2\"\nreplace = \"yes != 0\"\nkilled_by = \"ready after one yes\"\n";
    let manifest = |name: &str| {
        format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[features]\nexercises = []\n"
        )
    };
    let files = [
        ("ch99-fake/src/step1_take.rs", STEP1),
        ("ch99-fake/src/step2_ask.rs", STEP2),
        ("ch99-fake/exercises/both.rs", include_str!("exercise.txt")),
        ("ch99-fake/exercises/wrong/both/any_yes.toml", wrong),
        ("lab/Cargo.toml", &manifest("lab")),
        ("lab/src/lib.rs", ""),
        ("ch99-fake/Cargo.toml", &manifest("ch99-fake")),
        ("ch99-fake/src/lib.rs", ""),
        ("book/data/outputs/ch99/find.txt", "$ cargo guide find ch99/step1\n"),
        (
            "book/src/SUMMARY.md",
            "# Summary\n\n[Start](start.md)\n\n- [Break it](ch99/breakit.md)\n- [Half](ch99/step1.md)\n- \
             [Ask](ch99/step2.md)\n- [Card](ch99/card.md)\n- [Glossary](glossary.md)\n",
        ),
        (
            "book/src/start.md",
            "<!-- page: kind=start -->\n# Start\n\n[Half an order](ch99/step1.md#the-shop-takes-half-an-order)\n",
        ),
        (
            "book/src/ch99/breakit.md",
            "<!-- page: kind=breakit chapter=ch99 -->\n# Break it\n\n{{#breakit chapter=ch99 step=step1 path=0,3 \
             run=ch99/half-an-order caption=\"Break it.\"}}\n",
        ),
        ("book/src/ch99/step1.md", PAGE),
        (
            "book/src/ch99/step2.md",
            "<!-- page: kind=step chapter=ch99 step=step2 -->\n# Ask first\n\nText.\n",
        ),
        (
            "book/src/ch99/card.md",
            "<!-- page: kind=card chapter=ch99 -->\n# Card\n\n{{#matrix chapter=ch99}}\n",
        ),
        (
            "book/src/glossary.md",
            "<!-- page: kind=glossary -->\n# Glossary\n\nin doubt\n: Voted yes, knows no outcome.\n",
        ),
    ];
    made_up::book(&FAKE, &files)
}
