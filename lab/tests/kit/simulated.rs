//! What only a run with time can show: clocks, delays, and disks that take their time.

use lab::event::Kind;
use lab::explore::Model;
use lab::node::Input;
use lab::sim::{Fault, FaultSchedule, NetworkProfile, find, simulate};
use lab::world::{Role, World};

use crate::numbers::{CLIENT, Number, Numbers, Rule, SERVER, keeper, model, number, server};

/// Leases by its own clock, at a tenth of a second after its start, are over.
const TELLS_THE_TIME: Rule = |number, input, cx| match input {
    Input::Boot { .. } => *number = cx.now().as_micros() as u64,
    Input::Message { .. } => {
        let passed = cx.now().as_micros() as u64 - *number;
        cx.send(CLIENT, Number(passed));
    }
    _ => {}
};

#[test]
fn a_run_that_reads_the_clock_shrinks_and_replays() {
    // The request is on its way for long, and only then the answer breaks the property.
    let never_long = |world: &World<Numbers, ()>| match number(world, CLIENT) {
        passed if passed > 50_000 => Err(format!("{passed} µs passed")),
        _ => Ok(()),
    };
    let model = Model { always: vec![("SHORT", never_long)], ..model(TELLS_THE_TIME) };
    let schedule = |_: &mut lab::rng::Rng| {
        let profile = NetworkProfile { latency: 60_000..80_000, ..NetworkProfile::local() };
        let faults = vec![Fault::Drift { node: SERVER, parts_per_million: 100_000 }];
        FaultSchedule { profile, faults, ..FaultSchedule::none() }
    };
    let found = find(&model, schedule, 0..3, "").counterexample.expect("time passes");
    assert!(found.why.starts_with("SHORT"), "{}", found.why);
}

#[test]
fn two_copies_of_one_message_have_delays_and_losses_of_their_own() {
    const TWICE: Rule = |number, input, cx| match input {
        Input::Boot { .. } => (0..2).for_each(|_| cx.send(SERVER, Number(1))),
        Input::Message { msg, .. } => *number = msg.0,
        _ => {}
    };
    const COUNTS: Rule = |number, input, _cx| {
        if let Input::Message { .. } = input {
            *number += 1;
        }
    };
    let roles = vec![server(COUNTS), Role::new(CLIENT, "client", "client", keeper(TWICE))];
    let model = Model::<Numbers, ()> { goal: |_| false, ..Model::new(roles) };
    let arrived = |seed| {
        let profile = NetworkProfile { loss: 500_000, ..NetworkProfile::local() };
        let schedule = FaultSchedule { profile, ..FaultSchedule::none() };
        number(&simulate(&model, &schedule, seed, "").0.world, SERVER)
    };
    let mut seen: Vec<u64> = (0..40).map(arrived).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [0, 1, 2], "both lost, one lost, both there");
}

#[test]
fn a_disk_is_never_done_with_a_record_that_a_crash_took() {
    // Each start persists its own number; a crash and a quick restart fall into the first write.
    const PERSISTS_STARTS: Rule = |number, input, cx| match input {
        Input::Replay(record) => *number = record.0,
        Input::Boot { start } => cx.persist(Number(start)),
        _ => {}
    };
    let model =
        Model::<Numbers, ()> { goal: |_| false, ..Model::new(vec![server(PERSISTS_STARTS)]) };
    let crash = Fault::Crash { node: SERVER, at: 500, back: Some(1), wiped: false, forget: 0 };
    let profile = NetworkProfile { disk: 1_000..1_001, ..NetworkProfile::local() };
    let schedule = FaultSchedule { profile, faults: vec![crash], ..FaultSchedule::none() };
    let (run, recorder) = simulate(&model, &schedule, 1, "");
    assert_eq!(run.world.host(SERVER).disk.records(), [Number(2)]);
    let log = recorder.into_log();
    let durable = log.events.iter().find(|e| e.kind == Kind::Persist).expect("a durable record");
    assert_eq!((durable.text.as_str(), durable.time), ("2", 501 + 1_000), "its own write, in full");
}
