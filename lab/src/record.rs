//! Watches a world and writes the event log.

use std::collections::BTreeMap;

use crate::event::{Cast, Event, Header, Kind, Log};
use crate::node::{Effect, Node, NodeId};
use crate::world::{Envelope, Happening, Observer, Stage, World};

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
    /// A recorder for a stage's cast.
    #[must_use]
    pub fn new<N: Node, G>(title: &str, stage: &Stage<N, G>) -> Self {
        let cast = stage.roles.iter();
        let cast = cast.map(|r| Cast { name: r.name.into(), role: r.role.into() }).collect();
        let header = Header { title: title.into(), cast, verdict: None };
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
        self.log.events.push(Event {
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

fn name<N: Node, G>(world: &World<N, G>, id: NodeId) -> String
where
    G: Clone + Eq + std::hash::Hash + Default,
{
    let roles = &world.stage().roles;
    roles.iter().find(|role| role.id == id).map_or_else(|| id.to_string(), |role| role.name.into())
}

/// What a crash takes away, in words.
fn lost_words<N: Node>(
    lost: &std::collections::VecDeque<Effect<N>>,
    forgotten: &[N::Record],
) -> String {
    let mut words: Vec<String> = lost
        .iter()
        .filter_map(|effect| match effect {
            Effect::Persist(record) | Effect::Checkpoint(record) => {
                Some(format!("{record}, not yet on disk"))
            }
            Effect::Send { msg, .. } | Effect::SendAhead { msg, .. } => {
                Some(format!("{msg}, not yet sent"))
            }
            Effect::SetTimer { .. } | Effect::CancelTimer(_) | Effect::Note(_) => None,
        })
        .collect();
    words
        .extend(forgotten.iter().map(|record| format!("{record}, though its disk called it safe")));
    if words.is_empty() { String::new() } else { format!("lost: {}", words.join("; ")) }
}

impl<N: Node, G> Observer<N, G> for Recorder
where
    G: Clone + Eq + std::hash::Hash + Default,
{
    fn see(&mut self, at: NodeId, what: &Happening<'_, N>, world: &World<N, G>) {
        let causes: Vec<u64> = self.acting_on.get(&at).copied().into_iter().collect();
        let peer = |id| Some(name(world, id));
        let (kind, text, peer, causes, is_input) = match what {
            Happening::Boot { start: 1, .. }
            | Happening::SetTimer { .. }
            | Happening::CancelTimer(_) => return,
            Happening::Boot { start, records } => {
                let kept: Vec<String> = records.iter().map(ToString::to_string).collect();
                let kept = if kept.is_empty() { "nothing".into() } else { kept.join("; ") };
                (Kind::Boot, format!("start {start}, kept: {kept}"), None, Vec::new(), true)
            }
            Happening::Receive(m) => {
                (Kind::Receive, m.msg.to_string(), peer(m.from), self.arrival(m), true)
            }
            Happening::Duplicate(m) => {
                (Kind::Duplicate, m.msg.to_string(), peer(m.from), self.arrival(m), false)
            }
            Happening::Lose(m) => {
                (Kind::Lose, m.msg.to_string(), peer(m.from), self.arrival(m), false)
            }
            Happening::Timeout(timer) => (Kind::Timeout, timer.to_string(), None, Vec::new(), true),
            Happening::Gone(client) => (Kind::Gone, String::new(), peer(*client), Vec::new(), true),
            Happening::Send(m) => (Kind::Send, m.msg.to_string(), peer(m.to), causes, false),
            Happening::Persist(record) => (Kind::Persist, record.to_string(), None, causes, false),
            Happening::Note(note) => (Kind::Note, note.to_string(), None, causes, false),
            Happening::Crash { lost, forgotten } => {
                (Kind::Crash, lost_words::<N>(lost, forgotten), None, Vec::new(), true)
            }
            Happening::Wipe => (Kind::Wipe, String::new(), None, Vec::new(), true),
        };
        let seq = self.push(name(world, at), kind, text, peer, causes);
        if is_input {
            self.acting_on.insert(at, seq);
        }
        if let Happening::Send(m) = what {
            self.sent.insert((m.from, m.to, m.msg.to_string()), seq);
        }
        let index = self.log.events.len() - 1;
        self.shown.entry(at).or_default().1 = index;
    }

    fn time(&mut self, micros: u64) {
        self.time = micros;
    }

    fn after(&mut self, at: NodeId, world: &World<N, G>) {
        let line = world.node(at).map_or_else(|| "down".into(), world.stage().describe);
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
