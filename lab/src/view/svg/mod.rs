//! A log as a space-time diagram: one column a node, time downwards.
//!
//! The picture is one self-contained `<svg>`. Colours and text go through theme variables with
//! fallbacks, so it reads on light, on dark and on paper; nothing is told by colour alone. It has
//! classes and no ids, because the print page puts all pages into one document. Every event is a
//! group with its `data-seq`, so that a page can light up what has happened so far.

mod layout;
mod marks;
mod words;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use self::words::{shorten, wrap};
use super::Messages;
use crate::event::{Event, Kind, Log};

pub use self::words::escape;

const TOP: f64 = 58.0;
const GUTTER: f64 = 34.0;
const CHAR: f64 = 6.7;

/// The diagram. Equal logs give equal bytes.
#[must_use]
pub fn render(log: &Log) -> String {
    Diagram::of(log).draw()
}

/// The colour of a role: a theme variable with a fallback from the palette of Okabe and Ito.
#[must_use]
pub fn role_colour(role: &str) -> String {
    let fallback = match role {
        "lb" => "#56b4e9",
        "web" => "#0072b2",
        "coord" => "#d55e00",
        "stock" => "#009e73",
        "pay" => "#cc79a7",
        "replica" => "#e69f00",
        "collector" => "#a89a00",
        _ => "#6b7280",
    };
    let known = ["client", "lb", "web", "coord", "stock", "pay", "replica", "collector"];
    let name = if known.contains(&role) { role } else { "client" };
    format!("var(--role-{name}, {fallback})")
}

struct Diagram<'a> {
    log: &'a Log,
    messages: Messages<'a>,
    columns: BTreeMap<&'a str, f64>,
    /// The height of each event, by `seq`.
    rows: BTreeMap<u64, f64>,
    /// From one column to the next.
    step: f64,
    width: f64,
    height: f64,
    out: String,
    /// Words come after all strokes, so that no line crosses them.
    words: String,
}

impl<'a> Diagram<'a> {
    fn of(log: &'a Log) -> Self {
        let step = layout::step(log);
        let mut columns = BTreeMap::new();
        let mut x = GUTTER + step * 0.42;
        for node in &log.header.nodes {
            columns.insert(node.name.as_str(), x);
            x += step;
        }
        let width = x - step + step * 0.45;
        let mut rows = BTreeMap::new();
        let mut y = TOP;
        let mut before: Option<&Event> = None;
        for event in &log.events {
            y += layout::height_of(event, before, width);
            rows.insert(event.seq, y);
            before = Some(event);
        }
        let tail = before.map_or(20.0, |e| if e.kind == Kind::Violation { 26.0 } else { 24.0 });
        let messages = Messages::of(log);
        Self {
            log,
            messages,
            columns,
            rows,
            step,
            width,
            height: y + tail,
            out: String::new(),
            words: String::new(),
        }
    }

    fn draw(mut self) -> String {
        let (w, h) = (self.width.ceil(), self.height.ceil());
        let title = escape(&self.log.header.title);
        let _ = write!(
            self.out,
            "<svg class=\"spacetime\" role=\"img\" aria-label=\"{title}\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" \
             height=\"{h}\" xmlns=\"http://www.w3.org/2000/svg\" style=\"font-family:var(--sans-font, \
             system-ui, sans-serif);font-size:13px;--w:{w}\"><title>{title}</title>"
        );
        self.lifelines();
        for event in &self.log.events {
            let kind = format!("{:?}", event.kind).to_lowercase();
            let seq = event.seq;
            let _ = write!(self.out, "<g class=\"ev ev-{kind}\" data-seq=\"{seq}\">");
            let _ = write!(self.words, "<g class=\"ev words\" data-seq=\"{seq}\">");
            self.event(event);
            self.out.push_str("</g>");
            self.words.push_str("</g>");
        }
        let words = std::mem::take(&mut self.words);
        self.out.push_str(&words);
        self.out.push_str("</svg>");
        self.out
    }

    fn lifelines(&mut self) {
        let bottom = self.lifeline_end();
        for node in &self.log.header.nodes {
            let x = self.columns[node.name.as_str()];
            let colour = role_colour(&node.role);
            let name = escape(&node.name);
            let half =
                (f64::from(u32::try_from(name.chars().count()).unwrap_or(8)) * 8.0 + 22.0) / 2.0;
            let (left, wide) = (x - half, half * 2.0);
            let _ = write!(
                self.out,
                "<g class=\"node\" data-node=\"{name}\" style=\"--c:{colour}\"><rect x=\"{left:.1}\" y=\"10\" \
                 width=\"{wide:.1}\" height=\"26\" rx=\"13\" style=\"fill:var(--c);fill-opacity:.16;\
                 stroke:var(--c);stroke-width:1.5\"/><text x=\"{x:.1}\" y=\"27.5\" text-anchor=\"middle\" \
                 style=\"fill:var(--fg, #1c1c28);font-weight:600\">{name}</text>"
            );
            let mut up_from = Some(36.0);
            let mut down_from = None;
            for event in self.log.events.iter().filter(|e| e.node == node.name) {
                let y = self.rows[&event.seq];
                if event.kind == Kind::Crash
                    && let Some(from) = up_from.take()
                {
                    self.out.push_str(&marks::lifeline(x, from, y));
                    down_from = Some(y);
                }
                if event.kind == Kind::Boot
                    && let Some(from) = down_from.take()
                {
                    self.out.push_str(&marks::hatched(x, from + 9.0, y - 7.0));
                    up_from = Some(y);
                }
            }
            if let Some(from) = up_from {
                self.out.push_str(&marks::lifeline(x, from, bottom));
            }
            if let Some(from) = down_from {
                self.out.push_str(&marks::hatched(x, from + 9.0, bottom));
            }
            self.out.push_str("</g>");
        }
    }

    fn lifeline_end(&self) -> f64 {
        let last_is_violation = self.log.events.last().is_some_and(|e| e.kind == Kind::Violation);
        let room = if last_is_violation { self.violation_height() + 8.0 } else { 6.0 };
        self.height - room
    }

    fn violation_height(&self) -> f64 {
        let lines = self.log.events.last().map_or(1, |e| wrap(&e.text, self.width).len());
        f64::from(u32::try_from(lines).unwrap_or(1)) * 17.0 + 16.0
    }

    /// How many letters fit into so much width.
    fn room(&self, width: f64) -> usize {
        let letters = ((width.max(self.step) - 22.0) / CHAR).floor();
        (10..80).take_while(|n| f64::from(*n) <= letters).last().map_or(10, |n: u32| n as usize)
    }

    fn x(&self, node: &str) -> f64 {
        self.columns.get(node).copied().unwrap_or(GUTTER)
    }

    fn event(&mut self, event: &Event) {
        let y = self.rows[&event.seq];
        let x = self.x(&event.node);
        if event.kind != Kind::Violation {
            self.out.push_str(&marks::number(event.seq, y));
        }
        match event.kind {
            Kind::Send => self.send(event, x, y),
            Kind::Receive => self.receive(event, x, y),
            Kind::Lose => self.lose(event, y),
            Kind::Duplicate => self.duplicate(event, x, y),
            Kind::Violation => {
                let lines = wrap(&event.text, self.width);
                self.out.push_str(&marks::violation(&lines, self.width, y));
            }
            Kind::Fault => {
                let peer = event.peer.as_deref().map(|p| self.x(p));
                self.out.push_str(&marks::cut(x, peer, y));
                self.label(event, x, y);
            }
            Kind::Boot
            | Kind::Replay
            | Kind::Timeout
            | Kind::Disconnected
            | Kind::Persist
            | Kind::Discard
            | Kind::Note
            | Kind::Crash
            | Kind::Wipe => {
                self.out.push_str(&marks::mark(event.kind, x, y));
                self.label(event, x, y);
            }
        }
    }

    /// Text beside the lifeline: to the right, but to the left at the last column.
    fn label(&mut self, event: &Event, x: f64, y: f64) {
        let last = self.log.header.nodes.last().is_some_and(|c| c.name == event.node);
        let text = match event.kind {
            Kind::Crash if event.text.is_empty() => "crash".to_string(),
            Kind::Boot if event.text.is_empty() => "starts".to_string(),
            Kind::Disconnected if event.text.is_empty() => "disconnected".to_string(),
            Kind::Wipe if event.text.is_empty() => "disk wiped".to_string(),
            Kind::Boot
            | Kind::Replay
            | Kind::Receive
            | Kind::Timeout
            | Kind::Disconnected
            | Kind::Send
            | Kind::Persist
            | Kind::Discard
            | Kind::Note
            | Kind::Lose
            | Kind::Duplicate
            | Kind::Crash
            | Kind::Wipe
            | Kind::Fault
            | Kind::Violation => event.text.clone(),
        };
        let text = shorten(&text, self.room(self.step));
        let (dx, anchor) = if last { (x - 13.0, "end") } else { (x + 13.0, "start") };
        self.words.push_str(&marks::label(&text, dx, y + 4.5, anchor));
    }

    /// A send draws its own shaft only while nothing else does: an arrival or a loss draws it whole.
    fn send(&mut self, event: &Event, x: f64, y: f64) {
        self.out.push_str(&marks::dot(x, y));
        let Some(peer) = event.peer.as_deref() else { return };
        let to = self.x(peer);
        // The words sit at the sending end; a fan-out's further words on the other side of the
        // lifeline, where no earlier shaft crosses them.
        let way = if to < x { -1.0 } else { 1.0 };
        let fan = self.fans_out(event, way);
        let (side, dy) = match (fan, self.has_neighbour(x, -way)) {
            (false, _) => (way, -4.0),
            (true, true) => (-way, 4.5),
            (true, false) => (way, 15.0),
        };
        let room = if (side - way).abs() < 0.5 { (to - x).abs() } else { self.step };
        let text = shorten(&event.text, self.room(room));
        let anchor = if side < 0.0 { "end" } else { "start" };
        self.words.push_str(&marks::label(&text, x + side * 9.0, y + dy, anchor));
        if self.messages.fate(event).is_empty() {
            self.out.push_str(&marks::dashed(x, y, x + way * 46.0, y + 8.0));
        }
    }

    /// Whether there is a column to the right of `x`, or to its left.
    fn has_neighbour(&self, x: f64, way: f64) -> bool {
        self.columns.values().any(|other| (other - x) * way > 1.0)
    }

    /// Whether the event just before is a send from the same node to the same side.
    fn fans_out(&self, event: &Event, way: f64) -> bool {
        let before = self.log.events.iter().take_while(|e| e.seq < event.seq).last();
        before.filter(|b| b.kind == Kind::Send && b.node == event.node).is_some_and(|b| {
            let to = b.peer.as_deref().map_or(0.0, |p| self.x(p));
            (to - self.x(&b.node)) * way > 0.0
        })
    }

    fn receive(&mut self, event: &Event, x: f64, y: f64) {
        let Some(send) = self.messages.send_of(event) else {
            let from = event.peer.as_deref().map_or(x - 40.0, |p| self.x(p));
            self.out.push_str(&marks::arrow(from, y - 12.0, x, y, false));
            let (at, anchor) = if from < x { (from + 9.0, "start") } else { (from - 9.0, "end") };
            let text = shorten(&event.text, self.room((x - from).abs()));
            self.words.push_str(&marks::label(&text, at, y - 16.0, anchor));
            return;
        };
        let double = self.messages.fate(send).iter().any(|f| f.kind == Kind::Duplicate);
        self.out.push_str(&marks::arrow(self.x(&send.node), self.rows[&send.seq], x, y, double));
    }

    fn lose(&mut self, event: &Event, y: f64) {
        let Some(send) = self.messages.send_of(event) else {
            let x = self.x(&event.node);
            self.out.push_str(&marks::cross(x, y));
            self.label(event, x, y);
            return;
        };
        let (from, at) = (self.x(&send.node), self.rows[&send.seq]);
        let to = send.peer.as_deref().map_or(from, |p| self.x(p));
        let x = from + (to - from) * 0.62;
        self.out.push_str(&marks::dashed(from, at, x, y));
        self.out.push_str(&marks::cross(x, y));
    }

    fn duplicate(&mut self, event: &Event, x: f64, y: f64) {
        let Some(send) = self.messages.send_of(event) else {
            self.out.push_str(&marks::mark(Kind::Duplicate, x, y));
            self.label(event, x, y);
            return;
        };
        let (from, at) = (self.x(&send.node), self.rows[&send.seq]);
        let to = send.peer.as_deref().map_or(x, |p| self.x(p));
        if !self.messages.fate(send).iter().any(|f| f.kind == Kind::Receive) {
            self.out.push_str(&marks::arrow(from, at, to, y, true));
        }
        self.out.push_str(&marks::mark(Kind::Duplicate, from + (to - from) * 0.62, y));
    }
}

#[cfg(test)]
pub(crate) mod tests;
