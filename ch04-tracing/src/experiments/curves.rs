//! The curves.

use lab::chapter::{Mark, Plot, Series};

use super::{CLIENTS, Judged, SKEW, clocks, export, head, log_lines};
use crate::workload::{Config, Run};

/// The curves of the chapter, by name.
#[must_use]
pub fn plots() -> Vec<(String, Plot)> {
    vec![
        ("stitched".into(), stitched()),
        ("customers".into(), wrong_customers()),
        ("delivered".into(), export::plot()),
        ("kept".into(), head::kept()),
        ("whole".into(), head::whole()),
        ("offsets".into(), clocks::plot()),
    ]
}

fn series(name: &str, mark: Mark, point: impl Fn(usize) -> f64) -> Series {
    let points = CLIENTS.iter().map(|clients| (*clients as f64, point(*clients))).collect();
    Series { name: name.into(), points, mark }
}

fn stitched() -> Plot {
    let run = |clients, skew| Run::of(Config { skew, ..Config::shop(clients) });
    let right = |judged: Judged| percent(judged.edges.shares()[0]);
    Plot {
        title: "Log lines: the more requests at a time, the fewer lines are put together right"
            .into(),
        x: "requests at a time".into(),
        y: "right, %".into(),
        series: vec![
            series("causes", Mark::Dots, |c| right(log_lines(&run(c, 0)))),
            series("causes, ± 5 ms", Mark::Dots, |c| right(log_lines(&run(c, SKEW)))),
            series("whole requests", Mark::Dots, |c| {
                let run = run(c, 0);
                100.0 * log_lines(&run).whole as f64 / run.requests() as f64
            }),
            series("1/c", Mark::Line, |c| 100.0 / c as f64),
        ],
    }
}

fn wrong_customers() -> Plot {
    let share = |part: usize, c: usize| {
        percent(log_lines(&Run::of(Config::shop(c))).customers.shares()[part])
    };
    Plot {
        title: "Log lines: a busy shop puts slow payments down to the wrong customer".into(),
        x: "requests at a time".into(),
        y: "slow payments, %".into(),
        series: vec![
            series("wrong customer", Mark::Dots, |c| share(2, c)),
            series("right customer", Mark::Dots, |c| share(0, c)),
            series("no customer", Mark::Dots, |c| share(1, c)),
        ],
    }
}

fn percent(share: usize) -> f64 {
    share as f64 / 100.0
}
