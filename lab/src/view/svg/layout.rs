//! How far apart things stand.

use std::collections::BTreeMap;

use super::geometry::{Area, Shaft};
use super::place::{Label, Obstacles, Page, Sent};
use super::words::{CHAR, LINE, letters, wrap};
use super::{GUTTER, TOP};
use crate::event::{Event, Kind, Log};
use crate::view::Messages;

/// A page has room for so much before its letters get small.
const WIDEST: f64 = 920.0;
/// What a column needs at least: with six of them letters get a little smaller.
const NARROWEST: f64 = 156.0;

/// The stroke of a message that nothing became of: how far it goes, and how far it falls.
pub(super) const STUB: (f64, f64) = (46.0, 8.0);

/// Where everything in a diagram stands.
pub(super) struct Layout {
    /// From left to right, in the order of the log's nodes.
    pub(super) columns: Vec<f64>,
    /// The height of each event, by `seq`.
    pub(super) rows: BTreeMap<u64, f64>,
    /// The words of events that have some, by `seq`.
    pub(super) labels: BTreeMap<u64, Label>,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Layout {
    pub(super) fn of(log: &Log, messages: &Messages<'_>) -> Self {
        let step = step(log);
        let first = GUTTER + step * 0.42;
        let count = u32::try_from(log.header.nodes.len()).unwrap_or(1);
        let columns: Vec<f64> = (0..count).map(|i| first + f64::from(i) * step).collect();
        let width = first + f64::from(count.max(1) - 1) * step + step * 0.45;
        let mut rows =
            Rows { log, messages, columns: &columns, width, y: TOP, rows: BTreeMap::new() };
        let mut clear = Vec::new();
        let mut shafts = Vec::new();
        for event in &log.events {
            rows.add(event, &mut clear, &shafts);
            shafts.extend(rows.shaft(event));
        }
        let places: Vec<Vec<Label>> =
            log.events.iter().map(|e| rows.places(e, rows.rows[&e.seq], &shafts)).collect();
        let marks = log.events.iter().filter(|e| has_mark(e.kind));
        let marks = marks.map(|e| (e.seq, Area::around(rows.x(&e.node), rows.rows[&e.seq], 8.0)));
        let violation = log.events.last().is_some_and(|e| e.kind == Kind::Violation);
        let height = rows.y + 26.0;
        let obstacles = Obstacles {
            page: Page { columns: &columns, width },
            marks: marks.collect(),
            shafts,
            top: TOP - 16.0,
            bottom: if violation { height - violation_height(log, width) } else { height },
        };
        let places: Vec<Vec<Label>> = places.into_iter().filter(|p| !p.is_empty()).collect();
        let labels = obstacles.choose(&places).into_iter().map(|l| (l.seq, l)).collect();
        let rows = rows.rows;
        Self { columns, rows, labels, width, height }
    }
}

/// From one column to the next: as wide as the longest words need, as narrow as the page asks.
fn step(log: &Log) -> f64 {
    let longest = log.events.iter().map(|e| letters(&e.text)).fold(0.0, f64::max);
    let columns = f64::from(u32::try_from(log.header.nodes.len().max(1)).unwrap_or(1));
    let room = (WIDEST - GUTTER) / (columns - 0.13);
    (longest * CHAR + 34.0).clamp(NARROWEST, room.clamp(NARROWEST, 250.0))
}

/// What a verdict takes at the bottom, with a little air above it.
pub(super) fn violation_height(log: &Log, width: f64) -> f64 {
    let lines = log.events.last().map_or(1, |e| wrap(&e.text, width - 90.0).len());
    f64::from(u32::try_from(lines).unwrap_or(1)) * LINE + 24.0
}

/// How far below the event before it an event stands at least.
fn gap(event: &Event, width: f64) -> f64 {
    match event.kind {
        Kind::Send | Kind::Lose | Kind::Receive | Kind::Duplicate => 21.0,
        Kind::Violation => {
            let lines = u32::try_from(wrap(&event.text, width - 90.0).len()).unwrap_or(1);
            40.0 + f64::from(lines - 1) * LINE
        }
        Kind::Crash | Kind::Boot => 27.0,
        Kind::Replay
        | Kind::Timeout
        | Kind::Disconnected
        | Kind::Persist
        | Kind::Discard
        | Kind::Note
        | Kind::Wipe
        | Kind::Fault => 23.0,
    }
}

fn has_mark(kind: Kind) -> bool {
    !matches!(kind, Kind::Send | Kind::Receive | Kind::Violation)
}

/// The words of an event where its text says nothing.
fn text_of(event: &Event) -> String {
    let default = match event.kind {
        Kind::Crash => "crash",
        Kind::Boot => "starts",
        Kind::Disconnected => "disconnected",
        Kind::Wipe => "disk wiped",
        Kind::Replay
        | Kind::Receive
        | Kind::Timeout
        | Kind::Send
        | Kind::Persist
        | Kind::Discard
        | Kind::Note
        | Kind::Lose
        | Kind::Duplicate
        | Kind::Fault
        | Kind::Violation => "",
    };
    if event.text.is_empty() { default.to_string() } else { event.text.clone() }
}

/// Rows as they come, each as high as its words allow.
struct Rows<'a> {
    log: &'a Log,
    messages: &'a Messages<'a>,
    columns: &'a [f64],
    width: f64,
    y: f64,
    rows: BTreeMap<u64, f64>,
}

impl Rows<'_> {
    fn x(&self, node: &str) -> f64 {
        let at = self.log.header.nodes.iter().position(|n| n.name == node);
        at.and_then(|i| self.columns.get(i)).copied().unwrap_or(GUTTER)
    }

    /// Words keep clear of those above them, and of arrows that have ended.
    fn add(&mut self, event: &Event, clear: &mut Vec<Area>, shafts: &[Shaft]) {
        let wanted = self.y + gap(event, self.width);
        let area = self.places(event, wanted, &[]).first().map(Label::area);
        let down = area.map_or(0.0, |area| {
            let words = clear.iter().filter(|c| area.beside(c.left, c.right)).map(|c| c.bottom);
            let strokes = shafts.iter().filter_map(|s| s.between(area.left, area.right));
            let lowest = words.chain(strokes.map(|(_, bottom)| bottom)).fold(TOP - 16.0, f64::max);
            (lowest + 1.0 - area.top).max(0.0)
        });
        self.y = wanted + down;
        self.rows.insert(event.seq, self.y);
        clear.extend(area.map(|a| Area { top: a.top + down, bottom: a.bottom + down, ..a }));
    }

    /// The arrow that ends with an event.
    fn shaft(&self, event: &Event) -> Option<Shaft> {
        let y = self.rows[&event.seq];
        let send = self.messages.send_of(event);
        if event.kind == Kind::Send && self.messages.fate(event).is_empty() {
            let (x, to) = (self.x(&event.node), self.x(event.peer.as_deref()?));
            let to = (x + (to - x).signum() * STUB.0, y + STUB.1);
            return Some(Shaft { send: 0, end: event.seq, from: (x, y), to });
        }
        let from = match send {
            Some(send) => (self.x(&send.node), self.rows[&send.seq]),
            None => (self.x(event.peer.as_deref()?), y - 12.0),
        };
        let peer = send.and_then(|s| s.peer.as_deref()).map_or(from.0, |p| self.x(p));
        let x = match (event.kind, send) {
            (Kind::Receive, _) => self.x(&event.node),
            (Kind::Lose, Some(_)) => from.0 + (peer - from.0) * 0.62,
            (Kind::Duplicate, Some(_)) => peer,
            _ => return None,
        };
        Some(Shaft { send: send.map_or(event.seq, |s| s.seq), end: event.seq, from, to: (x, y) })
    }

    /// Where the words of an event may go if it stands at `y`; none where it has no words.
    fn places(&self, event: &Event, y: f64, shafts: &[Shaft]) -> Vec<Label> {
        let page = Page { columns: self.columns, width: self.width };
        let (seq, x) = (event.seq, self.x(&event.node));
        let text = text_of(event);
        let known = self.messages.send_of(event).is_some();
        let message = |from, to, shaft| page.of_message(Sent { seq, text: &text, from, to, shaft });
        match event.kind {
            _ if text.is_empty() => vec![],
            Kind::Violation => vec![],
            Kind::Send => {
                let Some(peer) = event.peer.as_deref() else { return vec![] };
                let shaft = shafts.iter().find(|s| s.send == seq).copied();
                message((x, y), self.x(peer), shaft)
            }
            Kind::Receive | Kind::Lose | Kind::Duplicate if known => vec![],
            Kind::Receive => {
                let from = event.peer.as_deref().map_or(x - 40.0, |p| self.x(p));
                message((from, y - 12.0), x, shafts.iter().find(|s| s.end == seq).copied())
            }
            Kind::Boot
            | Kind::Replay
            | Kind::Timeout
            | Kind::Disconnected
            | Kind::Persist
            | Kind::Discard
            | Kind::Note
            | Kind::Lose
            | Kind::Duplicate
            | Kind::Crash
            | Kind::Wipe
            | Kind::Fault => page.beside(seq, &text, x, y),
        }
    }
}
