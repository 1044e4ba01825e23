//! What has to be true, whatever happens.
//!
//! | name | says |
//! |---|---|
//! | AGREE | no two processes learn different values |
//! | VALID | what is learned was proposed |
//! | LOG | no two replicas apply different entries in the same slot (from step 6 on) |
//! | ACK | what was answered is in the log, in the slot that was named (from step 6 on) |
//! | READ | a read finds what was acknowledged before it began, or something newer (steps 1 and 7) |
//! | ONCE | what a client asked for, however often, is done once (step 7; step 6 breaks it) |
//! | STATE | replicas that have executed as many slots hold the same state (step 7) |
//!
//! AGREE and VALID are the safety of consensus (Lamport, *Paxos Made Simple*, section 2.1). READ is
//! linearizability (Herlihy and Wing 1990) for a register that is written a few times, and with ONCE for
//! a counter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lab::world::{Event, World};
use lab::{Node, NodeId};

use crate::client::{Client, StoreClient, Writer};
use crate::group::Paxos;
use crate::replicated_kv::Replica;
use crate::types::kv::{self, Op, Outcome};
use crate::types::log::{Command, Entry, Msg as Log, Slot};
use crate::types::{Msg, Note, Value};
use crate::worlds::{PROPOSERS, REPLICAS, WANTED};

/// What only an observer of all processes can see.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Ledger {
    /// What was learned, by whomever.
    learned: BTreeSet<Value>,
    /// Writes that were acknowledged.
    written: BTreeSet<Value>,
    /// For each write, what had been acknowledged when it began.
    before_write: BTreeMap<Value, BTreeSet<Value>>,
    /// For each read under way, what had been acknowledged when it began.
    before_read: BTreeMap<NodeId, BTreeSet<Value>>,
    /// The first read that found too little.
    stale: Option<String>,
    /// What was applied, by whichever replica first.
    log: BTreeMap<Slot, Entry>,
    /// The first slot in which a replica applied something else.
    forked: Option<(Slot, Entry)>,
    /// The same in the store of step 7.
    executed: BTreeMap<Slot, kv::Entry>,
    misexecuted: Option<(Slot, kv::Entry)>,
    /// What each client of the store is asking for, and the first of its messages that does.
    asking: BTreeMap<NodeId, (Op, Option<kv::RequestId>, u64)>,
    /// How many increments clients asked for, and what they were told.
    increments: usize,
    counted: Vec<i64>,
    /// For each client that reads the counter, what had been told when it asked.
    before_get: BTreeMap<NodeId, i64>,
    /// What clients were told.
    answered: BTreeMap<Command, Slot>,
    /// Ballots that were begun, where [`observe_ballots`] counts them.
    pub ballots: u64,
}

/// Folds what happens into the ledger.
pub fn observe(ledger: &mut Arc<Ledger>, at: NodeId, event: &Event<'_, Paxos>) {
    let own = Arc::make_mut;
    match event {
        Event::Note(Note::Learned(value)) if !ledger.learned.contains(value) => {
            own(ledger).learned.insert(value.clone());
        }
        Event::Note(Note::Applied(slot, entry)) => match ledger.log.get(slot) {
            None => {
                own(ledger).log.insert(*slot, entry.clone());
            }
            Some(known) if known != entry && ledger.forked.is_none() => {
                own(ledger).forked = Some((*slot, entry.clone()));
            }
            Some(_) => {}
        },
        Event::Note(Note::Executed(slot, entry)) => match ledger.executed.get(slot) {
            None => {
                own(ledger).executed.insert(*slot, entry.clone());
            }
            Some(known) if known != entry && ledger.misexecuted.is_none() => {
                own(ledger).misexecuted = Some((*slot, entry.clone()));
            }
            Some(_) => {}
        },
        Event::Send(envelope) => match &envelope.msg {
            Msg::Kv(kv::Msg::Request { number, id, op }) => asked(ledger, at, (op, *id, *number)),
            Msg::Kv(kv::Msg::Read { number, key, .. }) => {
                asked(ledger, at, (&Op::Get { key: key.clone() }, None, *number));
            }
            Msg::Write { value } if !ledger.before_write.contains_key(value) => {
                let written = ledger.written.clone();
                own(ledger).before_write.insert(value.clone(), written);
            }
            Msg::Read if !ledger.before_read.contains_key(&at) => {
                let written = ledger.written.clone();
                own(ledger).before_read.insert(at, written);
            }
            _ => {}
        },
        Event::Receive(envelope) => match &envelope.msg {
            Msg::Kv(kv::Msg::Answer { number, outcome: Ok(outcome) }) => {
                told(ledger, at, *number, outcome);
            }
            Msg::Written { value } if !ledger.written.contains(value) => {
                own(ledger).written.insert(value.clone());
            }
            Msg::Log(Log::Answer { command, slot }) if !ledger.answered.contains_key(command) => {
                own(ledger).answered.insert(command.clone(), *slot);
            }
            Msg::Have { value } if ledger.before_read.contains_key(&at) => {
                own(ledger).read(at, value.as_ref());
            }
            _ => {}
        },
        _ => {}
    }
}

/// Folds what happens into the ledger, and counts the ballots that are begun. For runs only: a search
/// would tell states apart by the count.
pub fn observe_ballots(ledger: &mut Arc<Ledger>, at: NodeId, event: &Event<'_, Paxos>) {
    observe(ledger, at, event);
    if let Event::Send(envelope) = event
        && let Msg::Prepare { .. } = envelope.msg
        && envelope.to == REPLICAS[0]
    {
        Arc::make_mut(ledger).ballots += 1;
    }
}

/// A client of the store asks for this, for the first time or once more.
fn asked(
    ledger: &mut Arc<Ledger>,
    client: NodeId,
    (op, id, number): (&Op, Option<kv::RequestId>, u64),
) {
    let asking = ledger.asking.get(&client);
    if asking.is_some_and(|(known, of, _)| known == op && *of == id) {
        return;
    }
    let ledger = Arc::make_mut(ledger);
    ledger.asking.insert(client, (op.clone(), id, number));
    match op {
        Op::Increment { .. } => ledger.increments += 1,
        Op::Get { .. } => {
            let told = ledger.counted.iter().max().copied().unwrap_or(0);
            ledger.before_get.insert(client, told);
        }
        _ => {}
    }
}

/// A client of the store is answered.
fn told(ledger: &mut Arc<Ledger>, client: NodeId, number: u64, outcome: &Outcome) {
    let Some((op, _, first)) = ledger.asking.get(&client) else { return };
    if number < *first {
        return;
    }
    let op = op.clone();
    let ledger = Arc::make_mut(ledger);
    ledger.asking.remove(&client);
    match (op, outcome) {
        (Op::Increment { .. }, Outcome::Number(number)) => ledger.counted.push(*number),
        (Op::Get { .. }, Outcome::Value(_) | Outcome::Nothing) => {
            let found = match outcome {
                Outcome::Value(value) => value.number().unwrap_or(i64::MIN),
                _ => 0,
            };
            let least = ledger.before_get.remove(&client).unwrap_or(0);
            if found < least {
                let why = format!("a client was told {least}, and a later read finds {found}");
                ledger.stale.get_or_insert(why);
            }
        }
        _ => {}
    }
}

impl Ledger {
    /// A read ends: is what it found new enough?
    fn read(&mut self, at: NodeId, found: Option<&Value>) {
        let acknowledged = self.before_read.remove(&at).expect("the read began");
        // Something acknowledged is newer than `found` if `found` was acknowledged before it began.
        let is_newer = |written: &Value| match found {
            None => true,
            Some(found) => self.before_write[written].contains(found),
        };
        if let Some(lost) = acknowledged.iter().find(|written| is_newer(written)) {
            let found = found.map_or("nothing".into(), ToString::to_string);
            let why = format!("{lost} was acknowledged, and a later read finds {found}");
            self.stale.get_or_insert(why);
        }
    }
}

/// A world of the chapter.
pub type GroupWorld = World<Paxos, Ledger>;

/// AGREE: no two processes learn different values.
///
/// # Errors
/// The values.
pub fn agree(world: &GroupWorld) -> Result<(), String> {
    let mut learned = world.ghost().learned.iter();
    match (learned.next(), learned.next()) {
        (Some(one), Some(other)) => Err(format!("{one} is learned, and {other} is too")),
        _ => Ok(()),
    }
}

/// VALID: what is learned was proposed.
///
/// # Errors
/// The value.
pub fn valid(world: &GroupWorld) -> Result<(), String> {
    match world.ghost().learned.iter().find(|value| !WANTED.contains(&&*value.0)) {
        Some(value) => Err(format!("{value} is learned, and no process proposed it")),
        None => Ok(()),
    }
}

/// LOG: no two replicas apply different entries in the same slot.
///
/// # Errors
/// The slot and the entries.
pub fn log(world: &GroupWorld) -> Result<(), String> {
    let ledger = world.ghost();
    if let Some((slot, entry)) = &ledger.misexecuted {
        return Err(format!("{slot} is {} here and {entry} there", ledger.executed[slot]));
    }
    ledger.forked.as_ref().map_or(Ok(()), |(slot, entry)| {
        Err(format!("{slot} is {} here and {entry} there", ledger.log[slot]))
    })
}

/// ONCE: what a client asked for, however often, is done once. In a log of commands: no command is in
/// two slots. In the store: no two increments are told the same number, and none is told a number above
/// that of all increments that were asked for.
///
/// # Errors
/// What is done twice.
pub fn once(world: &GroupWorld) -> Result<(), String> {
    let ledger = world.ghost();
    let mut commands = BTreeMap::new();
    for (slot, entry) in &ledger.log {
        if let Entry::Command(command) = entry
            && let Some(first) = commands.insert(command, slot)
        {
            return Err(format!("{command} is in {first} and in {slot}"));
        }
    }
    let numbers: BTreeSet<i64> = ledger.counted.iter().copied().collect();
    let most = ledger.increments;
    match numbers.last() {
        Some(last) if usize::try_from(*last).is_ok_and(|last| last > most) => {
            Err(format!("a client was told {last}, and {most} increments were asked for"))
        }
        _ if numbers.len() < ledger.counted.len() => Err("two increments gave one number".into()),
        _ => Ok(()),
    }
}

/// STATE: replicas that have executed as many slots hold the same state, whether they executed all of
/// them or began with a snapshot.
///
/// # Errors
/// The slot.
pub fn state(world: &GroupWorld) -> Result<(), String> {
    let replicas = || world.nodes().filter_map(|(_, node)| node.downcast_ref::<Replica>());
    for (one, replica) in replicas().enumerate() {
        for other in replicas().skip(one + 1) {
            if replica.open() == other.open() && replica.machine() != other.machine() {
                return Err(format!("two states have executed what is before {}", replica.open()));
            }
        }
    }
    Ok(())
}

/// ACK: what was answered is in the log, in the slot that was named.
///
/// # Errors
/// The command.
pub fn ack(world: &GroupWorld) -> Result<(), String> {
    let ledger = world.ghost();
    let is_there = |(command, slot): &(&Command, &Slot)| {
        ledger.log.get(slot) == Some(&Entry::Command((*command).clone()))
    };
    match ledger.answered.iter().find(|answer| !is_there(answer)) {
        Some((command, slot)) => {
            Err(format!("{command} was answered, and {slot} is another entry"))
        }
        None => Ok(()),
    }
}

/// READ: a read finds what was acknowledged before it began, or something newer.
///
/// # Errors
/// What is lost.
pub fn read(world: &GroupWorld) -> Result<(), String> {
    world.ghost().stale.clone().map_or(Ok(()), Err)
}

/// Whether every client has its answers, and every proposer that is up knows what is chosen.
#[must_use]
pub fn settled(world: &GroupWorld) -> bool {
    let mut nodes = world.nodes().filter(|(id, _)| PROPOSERS.contains(id));
    nodes.all(|(_, node)| {
        let client = node.downcast_ref().map(Client::is_done);
        let writer = node.downcast_ref().map(Writer::is_done);
        let store = node.downcast_ref().map(StoreClient::is_done);
        client.or(writer).or(store).unwrap_or_else(|| node.summary().learned.is_some())
    })
}

/// Whether a value is learned.
#[must_use]
pub fn something_is_learned(world: &GroupWorld) -> bool {
    !world.ghost().learned.is_empty()
}

/// Whether a client was answered.
#[must_use]
pub fn something_is_answered(world: &GroupWorld) -> bool {
    !world.ghost().answered.is_empty() || !world.ghost().counted.is_empty()
}

/// Whether a read found what was written.
#[must_use]
pub fn something_is_written(world: &GroupWorld) -> bool {
    !world.ghost().written.is_empty() && world.ghost().before_read.is_empty()
}
