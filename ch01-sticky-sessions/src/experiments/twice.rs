//! A session that two web nodes have: the cart goes back in time, and forward again.
//!
//! A sign-in that is not answered in time is sent again, and reaches the next node. Now both have a session of
//! the same name, each with a cart of its own, and round robin shows them in turn. Nobody is asked to sign in,
//! so only a judge of what was shown notices. With the session in a cookie, an older cookie does the same.
//!
//! # Left out
//!
//! Other ways to the same end: a web node that begins a session under any name that a cookie brings.

use std::collections::BTreeMap;
use std::sync::Arc;

use lab::NodeId;
use lab::chapter::Table;
use lab::explore::Model;
use lab::script::Play;
use lab::world::Event;

use crate::crowd::{deed, named, told};
use crate::designs;
use crate::guarantees::{Deed, Findings, Told, Visit, judge};
use crate::shop::Shop;
use crate::types::{Action, Msg};
use crate::worlds::{BROWSERS, Scene};

/// The sign-in reaches both nodes; then the nodes take turns.
pub const TWICE: &str = "deliver alice lb
deliver lb web-1
timeout alice
deliver alice lb
deliver lb web-2
deliver web-1 lb
deliver lb alice
deliver web-2 lb
deliver lb alice
deliver alice lb
deliver lb web-1
deliver web-1 lb
deliver lb alice
deliver alice lb
deliver lb web-2
deliver web-2 lb
deliver lb alice
deliver alice lb
deliver lb web-1
deliver web-1 lb
deliver lb alice";

/// Five requests, of which the nodes get one each in turn.
const IN_TURN: [&str; 5] = [ON_1, ON_2, ON_1, ON_2, ON_1];
const ON_1: &str = "deliver alice lb\ndeliver lb web-1\ndeliver web-1 lb\ndeliver lb alice";
const ON_2: &str = "deliver alice lb\ndeliver lb web-2\ndeliver web-2 lb\ndeliver lb alice";

/// What one browser asked and was told; times count what it sent and got.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Watched {
    time: u64,
    /// Requests under way, by number: when it was asked first, its session, and what for.
    open: BTreeMap<u64, (u64, String, Action)>,
    visits: Vec<Visit>,
}

fn watch(watched: &mut Arc<Watched>, at: NodeId, event: &Event<'_, Shop>) {
    if at != BROWSERS[0] {
        return;
    }
    let watched = Arc::make_mut(watched);
    watched.time += 1;
    match event {
        Event::Send(envelope) => {
            if let Msg::Request { number, cookies, action, .. } = &envelope.msg {
                let session = named(action, cookies.sign_in());
                let asked = (watched.time, session, action.clone());
                watched.open.entry(*number).or_insert(asked);
            }
        }
        Event::Receive(envelope) => {
            if let Msg::Response { number, answer, .. } = &envelope.msg
                && let Some((asked, session, action)) = watched.open.remove(number)
            {
                let (answered, deed, told) = (watched.time, deed(&action), told(answer));
                // Whoever has the cookies, it is one browser's history.
                let (user, is_copied) = (String::new(), false);
                let visit = Visit { asked, answered, session, user, deed, is_copied, told };
                watched.visits.push(visit);
            }
        }
        _ => {}
    }
}

/// What Alice is shown in the run [`TWICE`] of this design.
///
/// # Panics
/// If the script no longer fits the design.
#[must_use]
pub fn shown(step: &str) -> Vec<Visit> {
    played(step, Scene::TwoLooks, TWICE)
}

/// What she is shown when her session is in a cookie, and her browser sends an older one in the end.
#[must_use]
pub fn shown_with_an_old_cookie() -> Vec<Visit> {
    played("step6", Scene::OldCookie, &IN_TURN.join("\n"))
}

fn played(step: &str, scene: Scene, script: &str) -> Vec<Visit> {
    let roles = designs::row(step).nodes.model(scene).roles;
    let model: Model<Shop, Watched> = Model { observe: watch, ..Model::new(roles) };
    let play = Play::new(model, step).run(script).unwrap_or_else(|why| panic!("{step}: {why}"));
    play.world().ghost().visits.clone()
}

/// Each page of the run [`TWICE`], and what the judge says about it.
pub(super) fn table() -> Table {
    judged(&shown("step1"), &[(0, "sign in, twice")])
}

/// The same of the older cookie.
pub(super) fn old_cookie() -> Table {
    let words = [(2, "show the cart; this cookie is copied"), (4, "show the cart, with the copy")];
    judged(&shown_with_an_old_cookie(), &words)
}

/// Each page with the judge's verdict; `words` say more about some of them.
fn judged(visits: &[Visit], words: &[(usize, &str)]) -> Table {
    let findings = judge(visits).expect("a cart of a few things");
    let asks = |at: usize| {
        let known = words.iter().find(|(known, _)| *known == at);
        known.map_or_else(|| asks(&visits[at].deed), |(_, words)| (*words).to_owned())
    };
    let row =
        |(at, visit): (usize, &Visit)| vec![asks(at), page(&visit.told), verdict(&findings, at)];
    Table {
        columns: ["Alice asks", "she is shown", "the checker"].map(Into::into).into(),
        rows: visits.iter().enumerate().map(row).collect(),
    }
}

fn asks(deed: &Deed) -> String {
    match deed {
        Deed::SignIn => "sign in".into(),
        Deed::Add(item) => format!("add {item}"),
        Deed::Look => "show the cart".into(),
        Deed::SignOut | Deed::SignOutEverywhere => "sign out".into(),
    }
}

fn page(told: &Told) -> String {
    match told {
        Told::Cart(cart) if cart.is_empty() => "an empty cart".into(),
        Told::Cart(cart) => cart.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        Told::Done => "signed in".into(),
        Told::SignInPage => "the sign-in page".into(),
        Told::Unknown => "no answer".into(),
    }
}

fn verdict(findings: &Findings, at: usize) -> String {
    let unread = findings.unread.iter().filter(|item| item.at == at);
    let unread = unread.map(|item| format!("not read your writes: {} was added", item.what));
    let unseen = findings.unseen.iter().filter(|item| item.at == at);
    let unseen = unseen.map(|item| format!("not monotonic reads: {} was shown", item.what));
    let all: Vec<String> = unread.chain(unseen).collect();
    if all.is_empty() { "ok".into() } else { format!("unsafe: {}", all.join("; ")) }
}
