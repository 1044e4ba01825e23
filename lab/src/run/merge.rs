//! One timeline out of the files that several processes recorded. Clocks of one machine agree well,
//! not perfectly: where a message seems to arrive before it was sent, its send goes first.
//!
//! # Left out
//!
//! Clocks of several machines: the order stays causal, the times stay as recorded.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::event::{Event, Header, Log};

/// Names an event among all files: node, start, number in that file.
type Name = (String, u64, u64);

/// Puts the logs of one run into one, in an order in which every cause stands before its effect.
/// Each log comes with the start count of its node, as in its file's name.
#[must_use]
pub fn merge(logs: Vec<(u64, Log)>) -> Log {
    let header = logs.first().map_or_else(Header::default, |(_, log)| log.header.clone());
    let mut queues: Vec<(u64, VecDeque<Event>)> =
        logs.into_iter().map(|(start, log)| (start, log.events.into())).collect();
    let mut names: BTreeMap<Name, u64> = BTreeMap::new();
    // Sends that are still to come, so that no receive waits for one whose file was lost.
    let mut ahead: BTreeSet<Name> = BTreeSet::new();
    for (start, queue) in &queues {
        ahead.extend(queue.iter().map(|e| (e.node.clone(), *start, e.seq)));
    }
    let mut events: Vec<Event> = Vec::new();
    loop {
        let heads = queues.iter().enumerate().filter_map(|(i, (_, q))| Some((i, q.front()?)));
        let ready = |e: &Event| sent_by(e).is_none_or(|name| !ahead.contains(&name));
        let oldest = |(_, e): &(usize, &Event)| e.time;
        let Some((i, _)) = heads
            .clone()
            .filter(|(_, e)| ready(e))
            .min_by_key(oldest)
            // Only in a damaged log: a circle of causes is cut at its oldest event.
            .or_else(|| heads.min_by_key(oldest))
        else {
            return Log { header, events };
        };
        let (start, queue) = &mut queues[i];
        let mut event = queue.pop_front().expect("it has a head");
        let name = (event.node.clone(), *start, event.seq);
        let own = |seq: &u64| names.get(&(event.node.clone(), *start, *seq)).copied();
        let mut causes: Vec<u64> = event.causes.iter().filter_map(own).collect();
        causes.extend(sent_by(&event).and_then(|sent| names.get(&sent).copied()));
        causes.dedup();
        event.causes = causes;
        event.seq = events.len() as u64 + 1;
        ahead.remove(&name);
        names.insert(name, event.seq);
        events.push(event);
    }
}

/// The send behind a receive, as the driver recorded it.
fn sent_by(event: &Event) -> Option<Name> {
    let sent = event.input.as_ref()?.get("sent")?;
    Some((event.peer.clone()?, sent.get(0)?.as_u64()?, sent.get(1)?.as_u64()?))
}
