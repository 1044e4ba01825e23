//! What became of the workload: counted from a run.

use std::collections::{BTreeMap, BTreeSet};

use lab::NodeId;
use lab::sim::Run;
use lab::world::Transition;

use super::workload::{ALONE, EVENT, RACING};
use super::{MOST, SECOND, arrived, crowd, webs};
use crate::browser::ELSEWHERE;
use crate::crowd::whose;
use crate::guarantees::{self, Deed, Findings, Told, Visit};
use crate::shop::Shop;
use crate::types::{Action, Msg, SessionId};
use crate::worlds::STORE;

/// A page that takes longer is a slow one, in µs. A health check finds a dead node within 220 ms.
const SLOW: u64 = 100_000;
/// A session that can be used so long after its end, in µs, has come back, or never ended.
pub(super) const BACK: u64 = 5 * SECOND + SECOND / 2;

/// What became of one run of the workload.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// Sessions of people who were asked to sign in although they were signed in.
    pub forced: usize,
    /// Those of them that had something in the cart: no later page shows it.
    pub lost: usize,
    /// People who were shown one of them after the event.
    pub signed_out: usize,
    /// People whose next page after the event came from another node than their last before.
    pub moved: usize,
    /// Requests of the busiest node, in percent of the mean.
    pub busiest: usize,
    /// The longest time for which a copied cookie was good after a sign-out, in µs; `None`: to the end.
    pub lag: Option<u64>,
    /// Sign-outs with another request under way, after which the session was there again.
    pub back: usize,
    /// Things that a cart was said to have, and that are missing in a later page of the session.
    pub lost_updates: usize,
    /// What the store was asked.
    pub store: usize,
    /// Pages, sign-in pages among them.
    pub pages: usize,
    /// Requests that were refused.
    pub refused: usize,
    /// Pages that took longer than 100 ms, refused ones among them.
    pub slow: usize,
}

impl Outcome {
    /// Counts.
    pub(super) fn of(run: &Run<Shop, ()>, nodes: usize) -> Self {
        let visits = crowd(run).visits();
        let findings = guarantees::judge(visits).expect("nobody buys so much");
        let own = || visits.iter().filter(|visit| !visit.is_copied);
        let signed_out: BTreeSet<usize> = findings
            .forced
            .iter()
            .filter(|at| visits[**at].asked >= EVENT)
            .map(|at| person(&visits[*at]))
            .collect();
        let forced = findings.forced.iter().map(|at| &*visits[*at].session);
        let forced: BTreeSet<&str> = forced.collect();
        let has_cart = |visit: &&Visit| matches!(&visit.told, Told::Cart(cart) if !cart.is_empty());
        let with_cart: BTreeSet<&str> =
            own().filter(has_cart).map(|visit| &*visit.session).collect();
        let is_slow = |visit: &&Visit| visit.answered - visit.asked > SLOW;
        let is_refused = |visit: &&Visit| visit.told == Told::Unknown;
        Self {
            forced: forced.len(),
            lost: forced.intersection(&with_cart).count(),
            signed_out: signed_out.len(),
            moved: moved(run),
            busiest: busiest(run, nodes),
            lag: lag(visits, &findings),
            back: back(visits, &findings),
            lost_updates: findings.unread.len(),
            store: arrived(run, STORE).filter(is_question).count(),
            pages: own().filter(|visit| !matches!(visit.deed, Deed::SignIn)).count(),
            refused: own().filter(is_refused).count(),
            slow: own().filter(is_slow).count(),
        }
    }
}

fn is_question(msg: &&Msg) -> bool {
    matches!(msg, Msg::Load { .. } | Msg::Save { .. } | Msg::Revoke { .. })
}

/// Whose visit it is.
pub(super) fn person(visit: &Visit) -> usize {
    whose(SessionId::try_from(visit.session.clone()).expect("the name of a session"))
}

/// Which node got whose request, and when.
fn served(run: &Run<Shop, ()>) -> impl Iterator<Item = (u64, usize, NodeId)> {
    let webs = webs(MOST);
    run.actions.iter().filter_map(move |timed| {
        let Transition::Deliver { envelope, .. } = &timed.action.transition else { return None };
        let Msg::Request { cookies, action, address, .. } = &envelope.msg else { return None };
        let session = match action {
            Action::SignIn { fresh, .. } => Some(*fresh),
            Action::Look | Action::Add(_) | Action::SignOut | Action::SignOutEverywhere => {
                cookies.sign_in()
            }
        };
        let is_web = webs.contains(&envelope.to);
        let session = session.filter(|_| is_web && *address != ELSEWHERE)?;
        Some((timed.time, whose(session), envelope.to))
    })
}

fn moved(run: &Run<Shop, ()>) -> usize {
    let mut last: BTreeMap<usize, NodeId> = BTreeMap::new();
    let mut next: BTreeMap<usize, NodeId> = BTreeMap::new();
    for (time, who, web) in served(run) {
        if time < EVENT {
            last.insert(who, web);
        } else {
            next.entry(who).or_insert(web);
        }
    }
    next.iter().filter(|(who, web)| last.get(who).is_some_and(|last| last != *web)).count()
}

fn busiest(run: &Run<Shop, ()>, nodes: usize) -> usize {
    let mut requests: BTreeMap<NodeId, usize> = BTreeMap::new();
    served(run).for_each(|(_, _, web)| *requests.entry(web).or_default() += 1);
    let (all, most) = (requests.values().sum::<usize>(), requests.values().max());
    (most.copied().unwrap_or(0) * nodes * 100 + all / 2) / all
}

fn lag(visits: &[Visit], findings: &Findings) -> Option<u64> {
    let alone = findings.revoked.iter().filter(|late| ALONE.contains(&person(&visits[late.at])));
    let lag = alone.map(|late| late.what).max().unwrap_or(0);
    (lag < BACK).then_some(lag)
}

fn back(visits: &[Visit], findings: &Findings) -> usize {
    let late = findings.revoked.iter().filter(|late| late.what >= BACK);
    let late = late.map(|late| person(&visits[late.at]));
    late.filter(|who| RACING.contains(who)).collect::<BTreeSet<_>>().len()
}
