//! What copies save where users look seldom: design 7 beside design 5, by how many looks fall into the time for
//! which a copy is used.
//!
//! A message is on its way for half a millisecond, so a question to the store takes a millisecond, there and back.

use lab::chapter::Table;
use lab::rng::Rng;

use super::{Experiment, FRESH, SECOND, SEED, arrived, crowd, each, scoreboard, user_at_home};
use crate::crowd::What;
use crate::guarantees::Deed;
use crate::types::Msg;
use crate::worlds::STORE;

const PEOPLE: usize = 100;
/// How often a copy would be young in a row while people look.
const COPIES: u64 = 60;
/// λτ: looks of one user while a copy is young, in tenths.
const LOOKS: [u64; 5] = [2, 5, 10, 20, 50];

/// What looks cost.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reads {
    /// Questions to the store, per look.
    pub per_look: f64,
    /// Half of the looks are answered within so long, in µs.
    pub median: u64,
}

/// Everybody looks so many times, in tenths, in each five seconds; four web nodes.
#[must_use]
pub fn reads(step: &str, tenths: u64) -> Reads {
    let mut rng = Rng::new(SEED);
    let mut experiment = Experiment::new(step, 4);
    scoreboard::as_in_the_shop(step, &mut experiment);
    experiment.people = (0..PEOPLE).map(user_at_home).collect();
    experiment.clicks = each(PEOPLE, What::SignIn, 0..SECOND, &mut rng);
    let end = 2 * SECOND + COPIES * FRESH * SECOND;
    for _ in 0..tenths * COPIES / 10 {
        experiment.clicks.extend(each(PEOPLE, What::Look, 2 * SECOND..end, &mut rng));
    }
    let run = experiment.run();
    let looks = crowd(&run).visits().iter().filter(|visit| visit.deed == Deed::Look);
    let mut times: Vec<u64> = looks.map(|visit| visit.answered - visit.asked).collect();
    times.sort_unstable();
    let asked = arrived(&run, STORE).filter(|msg| matches!(msg, Msg::Load { .. })).count();
    Reads { per_look: asked as f64 / times.len() as f64, median: times[times.len() / 2] }
}

/// λτ/(1 + λτ): the share of looks that find a copy.
fn formula(tenths: u64) -> f64 {
    let looks = tenths as f64 / 10.0;
    looks / (1.0 + looks)
}

/// Both designs, by λτ.
pub(super) fn table() -> Table {
    let columns = [
        "λτ",
        "looks from a copy",
        "λτ/(1 + λτ)",
        "design 5: reads per look",
        "design 7: reads per look",
        "design 5 ÷ design 7",
        "design 5: median",
        "design 7: median",
    ];
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let millis = |median: u64| format!("{:.2} ms", median as f64 / 1_000.0);
    let row = |tenths: u64| {
        let [five, seven] = ["step5", "step7"].map(|step| reads(step, tenths));
        vec![
            format!("{}.{}", tenths / 10, tenths % 10),
            percent(1.0 - seven.per_look),
            percent(formula(tenths)),
            format!("{:.2}", five.per_look),
            format!("{:.2}", seven.per_look),
            format!("{:.1}", five.per_look / seven.per_look),
            millis(five.median),
            millis(seven.median),
        ]
    };
    Table { columns: columns.map(Into::into).into(), rows: LOOKS.map(row).into() }
}
