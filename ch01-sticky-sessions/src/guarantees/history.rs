//! Histories as text: one JSON line for each request and each answer.
//!
//! | `f` | asks with | `ok` brings |
//! |---|---|---|
//! | `sign-in` | `value`: who, if `sign-out-everywhere` is to mean anything | `value`: the name of the new session |
//! | `look` | `key`: the session of its cookies | `value`: what is in the cart, `["boots","candle"]` |
//! | `copied` | the same, with cookies that were copied | the same |
//! | `add` | `key`, and `value`: one thing | the same |
//! | `sign-out`, `sign-out-everywhere` | `key` | |
//!
//! `key` is a string; a request without cookies has none, and is shown no cart. `fail` is the sign-in page.
//! `info` is an error or no answer; its process asks nothing more. A process is a tab of a browser: one
//! request at a time. Name sessions as you like, but not by their secret.

use lab::check::{BadHistory, Counts, Entry, History, Judged, Operation, Type, Verdict};
use serde_json::Value;

use super::{Deed, Findings, Told, TooMany, Visit, judge};
use crate::types::Item;

/// The words of `f`.
const SIGN_IN: &str = "sign-in";
const LOOK: &str = "look";
const COPIED: &str = "copied";
const ADD: &str = "add";
const SIGN_OUT: &str = "sign-out";
const SIGN_OUT_EVERYWHERE: &str = "sign-out-everywhere";
/// From µs to ns.
const NS: u64 = 1_000;

/// Visits, whose times are in µs, as a history.
#[must_use]
pub fn of(visits: &[Visit]) -> History {
    let mut asked: Vec<&Visit> = visits.iter().collect();
    asked.sort_by_key(|visit| visit.asked);
    // Until when each process waits; `None`: for ever.
    let mut processes: Vec<Option<u64>> = Vec::new();
    let mut entries = Vec::new();
    for visit in asked {
        let is_free = |until: &Option<u64>| until.is_some_and(|until| until < visit.asked);
        let process = processes.iter().position(is_free).unwrap_or(processes.len());
        let until = (visit.told != Told::Unknown).then_some(visit.answered);
        if process == processes.len() {
            processes.push(until);
        } else {
            processes[process] = until;
        }
        entries.extend(lines(visit, process as u64));
    }
    entries.sort_by_key(|entry| entry.time);
    History::of(entries)
}

fn lines(visit: &Visit, process: u64) -> [Entry; 2] {
    let name = Value::from(visit.session.as_str());
    let (f, key, value) = match &visit.deed {
        Deed::SignIn if visit.user.is_empty() => (SIGN_IN, Value::Null, Value::Null),
        Deed::SignIn => (SIGN_IN, Value::Null, Value::from(&*visit.user)),
        Deed::Look if visit.is_copied => (COPIED, name.clone(), Value::Null),
        Deed::Look => (LOOK, name.clone(), Value::Null),
        Deed::Add(item) => (ADD, name.clone(), Value::from(&*item.0)),
        Deed::SignOut => (SIGN_OUT, name.clone(), Value::Null),
        Deed::SignOutEverywhere => (SIGN_OUT_EVERYWHERE, name.clone(), Value::Null),
    };
    let (kind, told) = match (&visit.told, &visit.deed) {
        (Told::Cart(cart), _) => (Type::Ok, cart.iter().map(|item| &*item.0).collect()),
        (Told::Done, Deed::SignIn) => (Type::Ok, name),
        (Told::Done, _) => (Type::Ok, Value::Null),
        (Told::SignInPage, _) => (Type::Fail, Value::Null),
        (Told::Unknown, _) => (Type::Info, Value::Null),
    };
    let entry = |kind, key, value, time| Entry { process, kind, f: f.into(), key, value, time };
    [
        entry(Type::Invoke, key, value, visit.asked * NS),
        entry(kind, Value::Null, told, visit.answered * NS),
    ]
}

/// Reads a history. Times are as they stand in it.
///
/// # Errors
/// The first line that is not of this kind.
pub fn read(history: &History) -> Result<Vec<Visit>, BadHistory> {
    history.operations()?.iter().map(|operation| visit(history, operation)).collect()
}

fn visit(history: &History, operation: &Operation) -> Result<Visit, BadHistory> {
    let Operation { invoked, question, end } = operation;
    let bad = |at: usize, why: &str| BadHistory { line: history.line(at), why: why.into() };
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let deed = match question.f.as_str() {
        SIGN_IN => Deed::SignIn,
        LOOK | COPIED => Deed::Look,
        SIGN_OUT => Deed::SignOut,
        SIGN_OUT_EVERYWHERE => Deed::SignOutEverywhere,
        ADD => {
            let item = question.value.as_str();
            Deed::Add(Item::new(item.ok_or_else(|| bad(*invoked, "`add` names one thing"))?))
        }
        other => return Err(bad(*invoked, &format!("`{other}` is nothing that a browser does"))),
    };
    let mut session = match &question.key {
        Value::Null => String::new(),
        key => text(key).ok_or_else(|| bad(*invoked, "`key` names a session by a string"))?,
    };
    let told = match end {
        None => Told::Unknown,
        Some(end) if !end.done => Told::SignInPage,
        Some(end) => match deed {
            Deed::SignIn => {
                let name = text(&end.value);
                session =
                    name.ok_or_else(|| bad(end.at, "a sign-in is told the session's name"))?;
                Told::Done
            }
            Deed::SignOut | Deed::SignOutEverywhere => Told::Done,
            Deed::Look | Deed::Add(_) if question.key.is_null() => {
                return Err(bad(end.at, "a cart without a `key`: name the session of the cookies"));
            }
            Deed::Look | Deed::Add(_) => {
                let cart = end.value.as_array().map(|items| items.iter().map(Value::as_str));
                let cart = cart.and_then(|items| items.map(|item| item.map(Item::new)).collect());
                Told::Cart(cart.ok_or_else(|| bad(end.at, "a cart is a list of names"))?)
            }
        },
    };
    Ok(Visit {
        asked: question.time,
        answered: end.as_ref().map_or(u64::MAX, |end| history.entries[end.at].time),
        session,
        user: if deed == Deed::SignIn {
            text(&question.value).unwrap_or_default()
        } else {
            String::new()
        },
        deed,
        is_copied: question.f == COPIED,
        told,
    })
}

/// What a history of sessions shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checked {
    /// The verdict on the guarantees.
    pub judged: Judged,
    /// Sign-in pages for sessions that were not ended: they break no guarantee, and nobody wants them.
    pub forced: usize,
}

/// Judges a history. A cart may be shown until `within` ns after the sign-out.
///
/// # Errors
/// The first line that is not of this kind.
pub fn check(history: &History, within: u64) -> Result<Checked, BadHistory> {
    let (visits, operations) = (read(history)?, history.operations()?);
    let end = |at: usize| operations[at].end.as_ref().map_or(operations[at].invoked, |end| end.at);
    let findings = judge(&visits).map_err(|TooMany { at }| {
        let why = format!("its session has more than {} things", super::MOST_ITEMS);
        BadHistory { line: history.line(end(at)), why }
    })?;
    let verdict = match first(&findings, within) {
        None => Verdict::Ok,
        Some((why, since, at)) => {
            let mut window = vec![operations[since].invoked, end(since), operations[at].invoked];
            window.push(end(at));
            window.sort_unstable();
            let window = window.into_iter().map(|at| history.entries[at].clone()).collect();
            Verdict::Violation { why, window }
        }
    };
    let counts = Counts {
        operations: visits.len(),
        reads: visits.iter().filter(|visit| matches!(visit.told, Told::Cart(_))).count(),
        unknown: visits.iter().filter(|visit| visit.told == Told::Unknown).count(),
        keys: visits
            .iter()
            .map(|visit| &visit.session)
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
    };
    Ok(Checked { judged: Judged { verdict, counts }, forced: findings.forced.len() })
}

/// What is wrong first, with the two visits that contradict each other.
fn first(findings: &Findings, within: u64) -> Option<(String, usize, usize)> {
    let late = findings.revoked.iter().find(|late| late.what > within).map(|late| {
        let why =
            format!("revocation is final: a cart is shown {} ns after the sign-out", late.what);
        (why, late.since, late.at)
    });
    let unread = findings.unread.first().map(|item| {
        let why =
            format!("read your writes: {} was added, and is missing in a later cart", item.what);
        (why, item.since, item.at)
    });
    let unseen = findings.unseen.first().map(|item| {
        let why =
            format!("monotonic reads: {} was shown, and is missing in a later cart", item.what);
        (why, item.since, item.at)
    });
    [late, unread, unseen].into_iter().flatten().min_by_key(|(_, _, at)| *at)
}

#[cfg(test)]
mod tests;
