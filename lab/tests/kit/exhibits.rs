//! What the page is told: hints, and what a search proves.

use lab::exhibit::Exhibit;
use lab::explore::{Limits, Model};
use lab::fingerprint;
use lab::node::{Input, Node, NodeId};
use lab::world::{Role, World};
use serde_json::json;

use crate::faults::BATCHES;
use crate::numbers::{
    CLIENT, Number, Numbers, Rule, SERVER, SPARE, answered, keeper, model, number, server,
};

/// Two clients that differ by nothing: a state and its mirror image count once.
fn mirrored() -> Model<Numbers, ()> {
    const ASKS: Rule = |number, input, cx| match input {
        Input::Boot { .. } => cx.send(SERVER, Number(1)),
        Input::Message { .. } => *number = 1,
        _ => {}
    };
    const ANSWERS: Rule = |_number, input, cx| {
        if let Input::Message { from, .. } = input {
            cx.send(from, Number(1));
        }
    };
    let never_both = |world: &World<Numbers, ()>| {
        let both = number(world, CLIENT) + number(world, SPARE) == 2;
        if both { Err("both were answered".into()) } else { Ok(()) }
    };
    let representative = |world: &World<Numbers, ()>| {
        let of = |id: NodeId| {
            let sent = world.network().in_flight().filter(|e| e.from == id || e.to == id);
            (number(world, id), sent.map(|e| e.from == id).collect::<Vec<_>>())
        };
        let mut clients = [of(CLIENT), of(SPARE)];
        clients.sort_unstable();
        fingerprint(&clients)
    };
    let roles = vec![
        server(ANSWERS),
        Role::new(CLIENT, "client", "client", keeper(ASKS)),
        Role::new(SPARE, "other", "client", keeper(ASKS)),
    ];
    Model {
        always: vec![("NEVER BOTH", never_both)],
        symmetry: Some(representative),
        ..Model::new(roles)
    }
}

#[test]
fn hints_are_right_where_states_are_counted_by_their_representatives() {
    let exhibit = Exhibit::new(mirrored(), Limits::progress(0, 0, 0));
    // Whatever is picked, four deliveries break it: the hint counts down from every state.
    let choices = |path: &[usize]| {
        let view = exhibit.call(&json!({ "call": "view", "path": path }));
        view["choices"].as_array().expect("choices").len()
    };
    for first in 0..choices(&[]) {
        let hint = exhibit.call(&json!({ "call": "hint", "path": [first] }));
        assert_eq!(hint["distance"], json!(3), "after {first}: {hint}");
        for second in 0..choices(&[first]) {
            let hint = exhibit.call(&json!({ "call": "hint", "path": [first, second] }));
            assert_eq!(hint["distance"], json!(2), "after {first}, {second}: {hint}");
        }
    }
}

#[test]
fn a_search_that_was_capped_never_calls_a_frontier_stuck() {
    let limits = Limits { states: 3, ..Limits::progress(1, 1, 0) };
    let exhibit = Exhibit::new(model(BATCHES), limits);
    let proof = exhibit.call(&json!({ "call": "proof" }));
    assert_eq!((&proof["capped"], &proof["stuck"]), (&json!(true), &json!(null)), "{proof}");
    let whole = Exhibit::new(model(BATCHES), Limits::progress(1, 1, 0));
    let proof = whole.call(&json!({ "call": "proof" }));
    assert_eq!(proof["capped"], json!(false));
    assert!(proof["stuck"].is_u64(), "{proof}");
}

#[test]
fn hints_lead_only_to_what_the_page_offers() {
    // Broken only by a crash in the middle of a step, which nobody can pick.
    const SAYS_FIRST: Rule = |number, input, cx| match input {
        Input::Message { msg, .. } if *number == 0 => {
            *number = msg.0;
            cx.send(CLIENT, msg);
            cx.persist(msg);
        }
        Input::Replay(record) => *number = record.0,
        _ => {}
    };
    let kept = |world: &World<Numbers, ()>| {
        let lost = answered(world) && world.recovered(SERVER).summary() == Number(0);
        if lost { Err("answered, and not on disk".into()) } else { Ok(()) }
    };
    let model = Model { always: vec![("KEPT", kept)], ..model(SAYS_FIRST) };
    let exhibit = Exhibit::new(model, Limits::progress(1, 0, 0));
    assert_ne!(exhibit.call(&json!({ "call": "proof" }))["unsafe"], json!(0));
    let hint = exhibit.call(&json!({ "call": "hint", "path": [] }));
    assert_eq!(hint["distance"], json!(null), "no sequence of choices gets there");
}
