//! What the book shows of this chapter: the runs of its figures, and the numbers in its text.

use lab::event::Log;
use lab::explore::Limits;
use lab::study::{Story, Told};

use crate::designs;
use crate::experiments::{
    FRESH, PEOPLE, TWICE, bounded, formula, hit_ratio, restarted, short_hit_ratio,
};
use crate::worlds::Scene;

/// Alice signs in, and `web-1` has her session.
const SIGNED_IN: &str = "deliver alice lb
deliver lb web-1
deliver web-1 lb
deliver lb alice";

/// Her next click.
const NEXT_CLICK: &str = "deliver alice lb
deliver lb web-2
deliver web-2 lb
deliver lb alice";

/// `web-1` dies with her session, and the balancer notices.
const CRASH: &str = "crash web-1
deliver alice lb
timeout lb
deliver lb web-2
deliver web-2 lb
timeout lb
deliver lb alice
timeout alice
deliver alice lb
deliver lb web-2
deliver web-2 lb
deliver lb alice";

/// Alice signs in, buys, is copied, and signs out; then the copy is used. The nodes take turns.
const STOLEN: [&str; 5] = [ON_1, ON_2, ON_1, ON_2, ON_1];
const ON_1: &str = SIGNED_IN;
const ON_2: &str = NEXT_CLICK;

/// Looks of one user in a hundred seconds.
const TEN_LOOKS: u64 = 10;

/// A figure that a script tells.
const TOLD: [(&str, &str, Scene, &[&str]); 4] = [
    ("lost-sign-in", "step1", Scene::Visit, &[SIGNED_IN, NEXT_CLICK]),
    ("back-in-time", "step1", Scene::TwoLooks, &[TWICE]),
    ("crash", "step3", Scene::Visit, &[SIGNED_IN, CRASH]),
    ("old-cookie", "step6", Scene::Stolen, &STOLEN),
];

/// The runs that the book shows, by name.
///
/// # Panics
/// If a script no longer fits its step.
#[must_use]
pub fn figures() -> Vec<(String, Log)> {
    let told = TOLD.into_iter().map(|(name, step, scene, parts)| {
        let world = designs::row(step).nodes.model(scene);
        let script = parts.join("\n");
        let title = format!("ch01/{step}: {}", name.replace('-', " "));
        let play = lab::script::Play::new(world, &title).run(&script);
        let log = play.unwrap_or_else(|why| panic!("{name}: {why}")).into_log();
        (name.to_owned(), log)
    });
    let limits = Limits { timeouts: Some(0), ..Limits::progress(0, 0, 0) };
    let lost = Story {
        name: "lost-update",
        step: "ch01/step5".into(),
        world: designs::row("step5").nodes.model(Scene::TwoAtOnce),
        told: Told::Shortest(limits),
    };
    told.chain([("lost-update".to_owned(), lost.log())]).collect()
}

/// The counted numbers in the text, by name.
#[must_use]
pub fn numbers() -> Vec<(String, String)> {
    let mut numbers = Vec::new();
    for n in [2, 4, 10] {
        numbers.push((format!("restart_{n}"), format!("{:.2}", restarted("step3", n))));
        numbers.push((format!("restart_{n}_formula"), format!("{:.2}", formula(n))));
    }
    for n in [4, 10] {
        numbers.push((format!("away_{n}"), format!("{:.0}", 100.0 * bounded(n, 125).away)));
    }
    let copies = [
        ("copies_hint", hit_ratio(TEN_LOOKS, true)),
        ("copies_chance", hit_ratio(TEN_LOOKS, false)),
        ("copies_hint_short", short_hit_ratio(TEN_LOOKS)),
    ];
    let percent = |(name, share): (&str, f64)| (name.to_owned(), format!("{:.0}", 100.0 * share));
    numbers.extend(copies.map(percent));
    numbers.push(("workload_users".to_owned(), PEOPLE.to_string()));
    numbers.push(("workload_copy".to_owned(), FRESH.to_string()));
    numbers
}
