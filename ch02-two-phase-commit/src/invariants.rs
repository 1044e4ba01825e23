//! What has to be true, whatever happens.
//!
//! The names are those of Bernstein, Hadzilacos and Goodman, *Concurrency Control and Recovery in
//! Database Systems* (1987), section 7.3. Their five conditions are about participants only; the
//! rest ask the client, because a commit bug that no participant can see is still a bug.
//!
//! | name | says |
//! |---|---|
//! | AC1 | no two participants decide differently |
//! | AC2 | a decision is never reversed |
//! | AC3 | commit only if every participant voted yes |
//! | AC4 | without failures, all yes means commit (a test of its own, it is about whole runs) |
//! | AC5 | once failures are repaired, every participant decides (the goal: see [`settled`]) |
//! | ACK | what was answered "done" is never dropped |
//! | NACK | what was answered "declined" is never done |
//! | ONCE | one key is done at most once by each participant |
//! | HALF | no reader sees an umbrella gone that is not paid for, or the other way round |
//! | FORGET | the coordinator forgets only what every participant has done |
//! | MONEY | when every process is at rest, shelf and till together hold what they held at first |
//!
//! An umbrella costs one coin in these worlds, so the umbrella on the shelf and the coin in the till
//! are two names for the same worth: HALF asks what a reader sees, MONEY what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lab::world::{Event, World};
use lab::{Node, NodeId};

use crate::client::{Client, Reader};
use crate::deeper::Msg as Deeper;
use crate::shop::{Shop, Summary};
use crate::types::{Balances, COORD, Key, Msg, Note, Outcome, PAY, Record, STOCK, TxId, Vote};
use crate::worlds::RIBBONS;

/// What only an observer of all processes can see.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Ledger {
    /// Which request an attempt is for.
    key_of: BTreeMap<TxId, Key>,
    /// Who voted yes.
    yes: BTreeSet<(TxId, NodeId)>,
    /// Who did its branch (durably) how often, and has not taken it back.
    done: BTreeMap<(TxId, NodeId), u32>,
    /// Who voted yes and then released what it had set aside.
    released: BTreeSet<(TxId, NodeId)>,
    /// What clients were told.
    told: BTreeMap<Key, Outcome>,
    /// What the coordinator has forgotten.
    forgotten: BTreeSet<TxId>,
    /// What readers saw.
    seen: Vec<BTreeMap<NodeId, Balances>>,
}

/// Folds what happens into the ledger.
pub fn observe(ledger: &mut Arc<Ledger>, at: NodeId, event: &Event<'_, Shop>) {
    let own = Arc::make_mut;
    match event {
        Event::Persist(Record::Applied { tx, .. } | Record::Committed { tx }) => {
            *own(ledger).done.entry((*tx, at)).or_default() += 1;
        }
        Event::Persist(Record::Undone { tx }) => {
            own(ledger).done.remove(&(*tx, at));
        }
        Event::Persist(Record::Ended { tx }) => {
            own(ledger).forgotten.insert(*tx);
        }
        Event::Send(envelope) => match &envelope.msg {
            Msg::Prepare { tx, key, .. }
            | Msg::Apply { tx, key, .. }
            | Msg::Deeper(Deeper::Prepare { tx, key, .. }) => {
                own(ledger).key_of.insert(*tx, key.clone());
            }
            Msg::Vote { tx, vote: Vote::Yes(_) }
            | Msg::Deeper(Deeper::Propose { tx, ballot: 0, .. }) => {
                own(ledger).yes.insert((*tx, at));
            }
            Msg::Deeper(Deeper::Fenced { msg, .. }) => {
                if let Msg::Prepare { tx, key, .. } = &**msg {
                    own(ledger).key_of.insert(*tx, key.clone());
                }
            }
            _ => {}
        },
        Event::Receive(envelope) => {
            if let Msg::Answer { key, outcome } = &envelope.msg {
                own(ledger).told.entry(key.clone()).or_insert_with(|| outcome.clone());
            }
        }
        Event::Note(Note::LetGo(tx)) => {
            own(ledger).released.insert((*tx, at));
        }
        Event::Note(Note::Saw(seen)) => own(ledger).seen.push(seen.clone()),
        _ => {}
    }
}

impl Ledger {
    /// The attempts at a request.
    fn attempts<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = TxId> + 'a {
        self.key_of.iter().filter(move |(_, of)| *of == key).map(|(tx, _)| *tx)
    }

    fn doers(&self, tx: TxId) -> impl Iterator<Item = NodeId> + '_ {
        self.done.keys().filter(move |(done, _)| *done == tx).map(|(_, id)| *id)
    }
}

/// A world of the chapter.
pub type ShopWorld = World<Shop, Ledger>;

/// The participants of a world, up or down.
fn participants(world: &ShopWorld) -> impl Iterator<Item = NodeId> + '_ {
    let ids = world.topology().roles.iter().map(|role| role.id);
    ids.filter(|id| matches!(*id, STOCK | PAY | RIBBONS))
}

fn name(world: &ShopWorld, id: NodeId) -> String {
    world.topology().name(id)
}

/// AC1: no two participants decide differently.
pub fn ac1(world: &ShopWorld) -> Result<(), String> {
    let ledger = world.ghost();
    for (tx, doer) in ledger.done.keys() {
        if let Some((_, other)) =
            ledger.released.iter().find(|(released, at)| released == tx && at != doer)
        {
            let (doer, other) = (name(world, *doer), name(world, *other));
            return Err(format!("{doer} committed {tx}, {other} aborted it"));
        }
    }
    Ok(())
}

/// AC2: a decision is never reversed.
pub fn ac2(world: &ShopWorld) -> Result<(), String> {
    let ledger = world.ghost();
    match ledger.done.keys().find(|done| ledger.released.contains(done)) {
        Some((tx, id)) => Err(format!("{} committed {tx} and aborted it", name(world, *id))),
        None => Ok(()),
    }
}

/// AC3: commit only if every participant voted yes.
pub fn ac3(world: &ShopWorld) -> Result<(), String> {
    let ledger = world.ghost();
    for (tx, doer) in ledger.done.keys() {
        if let Some(id) = participants(world).find(|id| !ledger.yes.contains(&(*tx, *id))) {
            let (doer, id) = (name(world, *doer), name(world, id));
            return Err(format!("{doer} committed {tx}, and {id} never voted yes"));
        }
    }
    Ok(())
}

/// ACK: what was answered "done" is never dropped.
pub fn ack(world: &ShopWorld) -> Result<(), String> {
    let ledger = world.ghost();
    for (key, _) in ledger.told.iter().filter(|(_, told)| **told == Outcome::done()) {
        for id in participants(world) {
            let dropped = |tx: &TxId| ledger.released.contains(&(*tx, id));
            let mut attempts = ledger.attempts(key).peekable();
            if attempts.peek().is_some() && attempts.all(|tx| dropped(&tx)) {
                return Err(format!("{key} was answered done, and {} dropped it", name(world, id)));
            }
        }
    }
    Ok(())
}

/// NACK: what was answered "declined" is never done. A saga may have done it for a while: what counts
/// is what is left when it answers.
pub fn nack(world: &ShopWorld) -> Result<(), String> {
    let ledger = world.ghost();
    for (key, outcome) in &ledger.told {
        let Outcome::Declined(_) = outcome else { continue };
        if let Some(id) = ledger.attempts(key).flat_map(|tx| ledger.doers(tx)).next() {
            return Err(format!("{key} was {outcome}; {} did its part", name(world, id)));
        }
    }
    Ok(())
}

/// ONCE: one key is done at most once by each participant.
pub fn once(world: &ShopWorld) -> Result<(), String> {
    let ledger = world.ghost();
    for id in participants(world) {
        let mut keys = BTreeSet::new();
        let mine = ledger.done.iter().filter(|((_, doer), _)| *doer == id);
        for (key, times) in mine.map(|((tx, _), times)| (&ledger.key_of[tx], *times)) {
            if !keys.insert(key) || times > 1 {
                return Err(format!("{} did {key} twice", name(world, id)));
            }
        }
    }
    Ok(())
}

/// HALF: no reader sees an umbrella gone that is not paid for. Every umbrella costs one coin in
/// these worlds, so shelf and till together always hold the same.
pub fn half(world: &ShopWorld) -> Result<(), String> {
    for seen in &world.ghost().seen {
        if worth(seen.values()) != opening(world) {
            let all: Vec<String> = seen.values().map(crate::words::balances).collect();
            return Err(format!("a reader saw {}: half an order", all.join(", ")));
        }
    }
    Ok(())
}

/// MONEY: when every process is up and at rest, nothing has appeared or vanished.
pub fn money(world: &ShopWorld) -> Result<(), String> {
    let all_up = world.topology().roles.iter().all(|role| world.is_up(role.id));
    if !all_up || world.summaries().any(|(_, summary)| !summary.in_doubt.is_empty()) {
        return Ok(());
    }
    let have = || world.summaries().filter_map(|(_, summary)| summary.balances.as_ref());
    let (now, at_first) = (worth(have()), opening(world));
    if now == at_first {
        return Ok(());
    }
    let all: Vec<String> = have().map(crate::words::balances).collect();
    Err(format!("umbrella + till was {at_first} and is {now}: {}", all.join(", ")))
}

/// Umbrellas on the shelf and coins in the till.
fn worth<'a>(balances: impl Iterator<Item = &'a Balances>) -> u64 {
    let counted = balances.flatten().filter(|(name, _)| matches!(&*name.0, "umbrella" | "till"));
    counted.map(|(_, amount)| *amount).sum()
}

/// What shelf and till held at first.
fn opening(world: &ShopWorld) -> u64 {
    let programs = world.topology().roles.iter().map(|role| role.program.summary());
    let balances: Vec<Balances> = programs.filter_map(|summary| summary.balances).collect();
    worth(balances.iter())
}

/// FORGET: the coordinator forgets only what every participant has done.
pub fn forget(world: &ShopWorld) -> Result<(), String> {
    let ledger = world.ghost();
    for tx in &ledger.forgotten {
        if let Some(id) = participants(world).find(|id| !ledger.done.contains_key(&(*tx, *id))) {
            return Err(format!("coord forgot {tx} before {} had done it", name(world, id)));
        }
    }
    Ok(())
}

/// The goal: no process that is up waits for an outcome or keeps an account locked. No order is
/// half done among them. If the coordinator is up too, every client has its answer; if all are up,
/// what it was told is what was done.
pub fn settled(world: &ShopWorld) -> bool {
    let at_rest = world.nodes().all(|(id, node)| {
        let Summary { in_doubt, locked, .. } = world.summary(id).expect("it is up");
        let client = node.downcast_ref().is_none_or(|client: &Client| {
            client.orders.is_empty() || !client.endpoints.iter().any(|id| world.is_up(*id))
        });
        let reader = node
            .downcast_ref()
            .is_none_or(|reader: &Reader| reader.is_done() || !world.is_up(COORD));
        in_doubt.is_empty() && locked.is_empty() && client && reader
    });
    let all_up = world.nodes().count() == world.topology().roles.len();
    at_rest && whole(world) && (!all_up || told_is_done(world))
}

/// Whether no order is half done among the participants that are up.
fn whole(world: &ShopWorld) -> bool {
    let ledger = world.ghost();
    let done = |tx, id| ledger.done.contains_key(&(tx, id));
    ledger.key_of.keys().all(|&tx| {
        let mut live = participants(world).filter(|id| world.is_up(*id));
        ledger.doers(tx).next().is_none() || live.all(|id| done(tx, id))
    })
}

/// Whether every order that was answered "done" is done by all its participants.
fn told_is_done(world: &ShopWorld) -> bool {
    let ledger = world.ghost();
    let done = |key| {
        let all = |tx| participants(world).all(|id| ledger.done.contains_key(&(tx, id)));
        ledger.attempts(key).any(all)
    };
    ledger.told.iter().filter(|(_, told)| **told == Outcome::done()).all(|(key, _)| done(key))
}

/// Something to reach: a world in which nothing is ever done keeps every promise.
pub fn some_order_is_done(world: &ShopWorld) -> bool {
    world.ghost().told.values().any(|told| *told == Outcome::done()) && told_is_done(world)
}
