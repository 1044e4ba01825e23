//! Watches a world and writes the event log.

use std::collections::{BTreeMap, VecDeque};

use crate::event::{self, Header, Kind, Log, NodeInfo};
use crate::node::{Effect, NodeId, Protocol};
use crate::world::{Envelope, Event, Ghost, Observer, Topology, World};

/// An observer that writes down everything.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    time: u64,
    log: Log,
    /// Where each message was last sent, to name the cause of its arrival.
    sent: BTreeMap<(NodeId, NodeId, String), u64>,
    /// The input that each node acts on.
    acting_on: BTreeMap<NodeId, u64>,
    /// Each node's last state line, and the index of its last event.
    shown: BTreeMap<NodeId, (String, usize)>,
}

impl Recorder {
    /// A recorder for the nodes of a topology.
    #[must_use]
    pub fn new<P: Protocol, G>(title: &str, topology: &Topology<P, G>) -> Self {
        let roles = topology.roles.iter();
        let nodes = roles.map(|r| NodeInfo { name: r.name.into(), role: r.role.into() });
        let header = Header { title: title.into(), nodes: nodes.collect(), verdict: None };
        Self { log: Log { header, events: Vec::new() }, ..Self::default() }
    }

    /// The log so far.
    #[must_use]
    pub fn into_log(self) -> Log {
        self.log
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.log.events.len()
    }

    /// Whether nothing has happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.log.events.is_empty()
    }

    /// Ends the log with a broken property: at the node of the last event, as its last event.
    pub fn violation(&mut self, property: &str, why: &str) {
        let text = format!("{property}: {why}");
        self.log.header.verdict = Some(text.clone());
        if let Some(last) = self.log.events.last() {
            let (node, causes) = (last.node.clone(), vec![last.seq]);
            self.push(node, Kind::Violation, text, None, causes);
        }
    }

    /// Something that a driver does to the world from outside: a cut link, a pause.
    pub fn fault(&mut self, node: &str, text: &str) {
        self.push(node.into(), Kind::Fault, text.into(), None, Vec::new());
    }

    fn push(
        &mut self,
        node: String,
        kind: Kind,
        text: String,
        peer: Option<String>,
        causes: Vec<u64>,
    ) -> u64 {
        let seq = self.log.events.len() as u64 + 1;
        let time = self.time;
        self.log.events.push(event::Event {
            seq,
            time,
            node,
            kind,
            text,
            peer,
            causes,
            input: None,
            state: None,
        });
        seq
    }

    fn arrival<M: std::fmt::Display>(&self, envelope: &Envelope<M>) -> Vec<u64> {
        let key = (envelope.from, envelope.to, envelope.msg.to_string());
        self.sent.get(&key).copied().into_iter().collect()
    }
}

/// What a crash takes away, in words.
fn lost_words<P: Protocol>(lost: &VecDeque<Effect<P>>, forgotten: &[P::Record]) -> String {
    let mut words: Vec<String> = lost
        .iter()
        .filter_map(|effect| match effect {
            Effect::Persist(record) => Some(format!("{record}, not yet on disk")),
            Effect::Send { msg, .. } | Effect::SendAhead { msg, .. } => {
                Some(format!("{msg}, not yet sent"))
            }
            Effect::Mark(_)
            | Effect::DiscardBefore(_)
            | Effect::SetTimer { .. }
            | Effect::CancelTimer(_)
            | Effect::Connect { .. }
            | Effect::Disconnect(_)
            | Effect::Note(_) => None,
        })
        .collect();
    words
        .extend(forgotten.iter().map(|record| format!("{record}, though its disk called it safe")));
    if words.is_empty() { String::new() } else { format!("lost: {}", words.join("; ")) }
}

impl<P: Protocol, G: Ghost> Observer<P, G> for Recorder {
    fn see(&mut self, at: NodeId, event: &Event<'_, P>, world: &World<P, G>) {
        let causes: Vec<u64> = self.acting_on.get(&at).copied().into_iter().collect();
        let peer = |id| Some(world.topology().name(id));
        let (kind, text, peer, causes, is_input) = match event {
            Event::Boot { start: 1 } | Event::SetTimer { .. } | Event::CancelTimer(_) => return,
            Event::Boot { start } => {
                let records = world.host(at).disk.records();
                let kept: Vec<String> = records.iter().map(ToString::to_string).collect();
                let kept = if kept.is_empty() { "nothing".into() } else { kept.join("; ") };
                (Kind::Boot, format!("start {start}, kept: {kept}"), None, Vec::new(), true)
            }
            Event::Receive(m) => {
                (Kind::Receive, m.msg.to_string(), peer(m.from), self.arrival(m), true)
            }
            Event::Duplicate(m) => {
                (Kind::Duplicate, m.msg.to_string(), peer(m.from), self.arrival(m), false)
            }
            Event::Lose(m) => (Kind::Lose, m.msg.to_string(), peer(m.from), self.arrival(m), false),
            Event::Timeout(timer) => (Kind::Timeout, timer.to_string(), None, Vec::new(), true),
            Event::Disconnected(client) => {
                (Kind::Disconnected, String::new(), peer(*client), Vec::new(), true)
            }
            Event::Send(m) => (Kind::Send, m.msg.to_string(), peer(m.to), causes, false),
            Event::Persist(record) => (Kind::Persist, record.to_string(), None, causes, false),
            Event::Discard => {
                (Kind::Discard, "records before the mark".into(), None, causes, false)
            }
            Event::Note(note) => (Kind::Note, note.to_string(), None, causes, false),
            Event::Crash { lost, forgotten } => {
                (Kind::Crash, lost_words::<P>(lost, forgotten), None, Vec::new(), true)
            }
            Event::Wipe => (Kind::Wipe, String::new(), None, Vec::new(), true),
        };
        let seq = self.push(world.topology().name(at), kind, text, peer, causes);
        if is_input {
            self.acting_on.insert(at, seq);
        }
        if let Event::Send(m) = event {
            self.sent.insert((m.from, m.to, m.msg.to_string()), seq);
        }
        let index = self.log.events.len() - 1;
        self.shown.entry(at).or_default().1 = index;
    }

    fn time(&mut self, micros: u64) {
        self.time = micros;
    }

    fn after(&mut self, at: NodeId, world: &World<P, G>) {
        let line = world.line(at);
        let index = self.shown.get(&at).map(|(_, index)| *index);
        let changed = self.shown.get(&at).is_none_or(|(shown, _)| *shown != line);
        if let (Some(index), true) = (index, changed)
            && let Some(event) = self.log.events.get_mut(index)
        {
            event.state = Some(line.clone());
        }
        self.shown.entry(at).or_default().0 = line;
    }
}
