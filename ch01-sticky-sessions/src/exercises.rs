//! What the exercises are checked against: single answers, every order of events of small worlds, and
//! seeded storms. The same answer gets the same verdict, always.

use std::collections::BTreeSet;

use lab::NodeId;
use lab::chapter::{Models, Verdict};
use lab::explore::Limits;
use lab::study::exercise::{self, Question};
use lab::study::{Scene, Target};

use crate::balancer::{Asked, Backend, Route};
use crate::designs::{self, BOUND};
use crate::shop::AnyNode;
use crate::types::{Address, Kept, Msg, Session, SessionId, User, Version};
use crate::worlds::{LBS, Nodes, STORE, Scene as Shown, WEBS};

/// Compares guesses with the matrix.
///
/// # Errors
/// The first wrong guess, with a nudge.
pub fn guesses(guesses: [Verdict; 5]) -> Result<String, String> {
    let cells = [
        ("step3", "restart", "step 3, and a server restarts", "What is in memory is gone."),
        (
            "step4",
            "one address",
            "step 4, and two users share an address",
            "Their server has too much to do. Where do they go, and who knows them there?",
        ),
        ("step5", "restart", "step 5, and a server restarts", "Where is the session?"),
        (
            "step5",
            "two at once",
            "step 5, and one user has two requests open",
            "Both load the same cart, and both save it.",
        ),
        (
            "step6",
            "sign out",
            "step 6, and a user signs out",
            "Who can take back a copy of a cookie?",
        ),
    ];
    let questions = cells.map(|(step, fault, situation, nudge)| {
        let judged = designs::study().check(step, fault).expect("a cell of the matrix");
        Question { situation, truth: judged.cell.verdict, nudge }
    });
    exercise::guessed(&guesses, &questions)?;
    Ok("five of five; the explorer agrees".into())
}

const ID: SessionId = SessionId(7);

/// A store for step 7.
///
/// # Errors
/// What broke, with the shortest schedule found.
pub fn store(store: fn() -> AnyNode) -> Result<String, String> {
    let session = || Some(Session::new(User::new("alice")));
    let mut node = store();
    let mut save = |session, expected| saved(&mut node, session, expected);
    for (expected, version) in [(Some(0), 1), (Some(1), 2), (None, 3)] {
        let result = save(session(), expected)?;
        if expected.is_none() && result.is_err() {
            return Err("a save that expects nothing was refused".into());
        }
        if result != Ok(version) {
            return Err(format!("save number {version} was answered with {result:?}"));
        }
    }
    for wrong in [0, 2, 9] {
        let there = Kept { version: 3, session: session() };
        if save(None, Some(wrong))? != Err(there) {
            return Err(format!("it saved over version 3, and version {wrong} was expected"));
        }
    }
    if save(None, None)? != Ok(4) {
        return Err("the end of a session is a save like any other: it has the next version".into());
    }
    if save(session(), Some(0))?.is_ok() {
        return Err("a session that had ended was begun again".into());
    }
    let states = in_worlds(Nodes { store: Some(store), ..designs::row("step7").nodes })?;
    Ok(format!("nothing is lost, and nothing comes back, in {states} states"))
}

fn saved(
    node: &mut AnyNode,
    session: Option<Session>,
    expected: Option<Version>,
) -> Result<Result<Version, Kept>, String> {
    let msg = Msg::Save { number: 1, id: ID, session, expected };
    let mut sent = exercise::answers(node, STORE, WEBS[0], msg).into_iter();
    match sent.next() {
        Some(Msg::Saved { result, .. }) => Ok(result),
        other => Err(format!("a save was answered with {other:?}")),
    }
}

/// Two tabs, and a store that restarts; then sign-outs, while it does.
fn in_worlds(nodes: Nodes) -> Result<usize, String> {
    let limits = |crashes| Limits { timeouts: Some(4), ..Limits::progress(crashes, 0, 0) };
    let two = Scene::new(nodes.model(Shown::TwoAtOnce), limits(0));
    let restarts = Scene::new(nodes.model(Shown::StoreFails), limits(1));
    let target = || Target {
        servers: vec![STORE],
        links: vec![(LBS[0], STORE)],
        busy: 0..2_000_000,
        lasts: 1_000..1_000_000,
    };
    let states = exercise::survives([two, restarts], |rng| target().storm(rng))?;
    let sign_outs = nodes.model(Shown::SignOut);
    let found = lab::sim::find(
        &sign_outs,
        |rng| target().schedule("restart", rng),
        0..50,
        "after a restart of the store",
    );
    match found.counterexample {
        Some(example) => Err(format!("after a restart: {}", lab::view::text::render(&example.log))),
        None => Ok(states),
    }
}

/// A route for step 7, made with a bound.
///
/// # Errors
/// What it does wrong.
pub fn hint<R: Route>(make: fn(u32) -> R) -> Result<String, String> {
    let route = make(BOUND);
    let pick = |asked: &Asked, pool: &[Backend]| route.pick(asked, pool);
    let session = |id: u64| Asked {
        address: Address(1),
        affinity: None,
        session: Some(SessionId(u128::from(crate::hash::mix(id)))),
        turn: 0,
    };
    let must = |holds: bool, why: &str| if holds { Ok(()) } else { Err(why.to_owned()) };
    let idle = pool();
    must(pick(&session(1), &[]).is_none(), "there is no server, and it picked one")?;
    for id in 0..200 {
        let home = pick(&session(id), &idle).ok_or("a request was refused, and all are idle")?;
        let other = Asked { turn: id + 1, ..session(id) };
        must(pick(&other, &idle) == Some(home), "two balancers send one session to two servers")?;
        for (place, web) in WEBS.into_iter().enumerate() {
            let back = Asked { affinity: Some(web), ..session(id) };
            must(
                pick(&back, &idle) == Some(place),
                "the server in the cookie has room, and is not used",
            )?;
            let mut busy = idle.clone();
            busy[place].open = 9;
            must(
                pick(&back, &busy) != Some(place),
                "the server in the cookie has no room, and is used",
            )?;
            must(pick(&session(id), &busy) != Some(place), "a server that has no room is used")?;
            busy[place] = Backend { is_up: false, ..idle[place].clone() };
            let now = pick(&back, &busy);
            must(
                now.is_some_and(|now| now != place),
                "the server in the cookie is down, and is used",
            )?;
            let stays = home == place || now == Some(home);
            must(stays, "a server went, and sessions of another one moved")?;
        }
        let full: Vec<Backend> = idle.iter().map(|b| Backend { open: 9, ..b.clone() }).collect();
        must(pick(&session(id), &full).is_some(), "a request was refused, because all are busy")?;
    }
    let newcomer = |turn| Asked { session: None, turn, ..session(0) };
    let homes: BTreeSet<Option<usize>> = (0..50).map(|turn| pick(&newcomer(turn), &idle)).collect();
    must(homes.len() == WEBS.len(), "newcomers behind one address all go to one server")?;
    Ok("the hint is used, and never needed".into())
}

fn pool() -> Vec<Backend> {
    let idle = |id: NodeId| Backend { id, is_up: true, open: 0, sessions: 0 };
    WEBS.map(idle).to_vec()
}
