//! A log as a space-time diagram: one column a node, time downwards.
//!
//! The picture is one self-contained `<svg>`. Colours and text go through theme variables with
//! fallbacks, so it reads on light, on dark and on paper; nothing is told by colour alone. It has
//! classes and no ids, because the print page puts all pages into one document. Every event is a
//! group with its `data-seq` and the height it stands at, so that a page can light up what has happened
//! so far and move what is under way.

mod geometry;
mod layout;
mod marks;
mod place;
mod words;

use std::fmt::Write as _;

use self::layout::Layout;
use self::words::{letters, wrap};
use super::Messages;
use crate::event::{Event, Kind, Log};

pub use self::words::escape;

/// Below the names of the nodes.
const TOP: f64 = 58.0;
/// Left of everything, for the numbers of events.
const GUTTER: f64 = 36.0;

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
    layout: Layout,
    out: String,
    /// Words come after all strokes, so that no line crosses them.
    words: String,
}

impl<'a> Diagram<'a> {
    fn of(log: &'a Log) -> Self {
        let messages = Messages::of(log);
        let layout = Layout::of(log, &messages);
        Self { log, messages, layout, out: String::new(), words: String::new() }
    }

    fn draw(mut self) -> String {
        let (w, h) = (self.layout.width.ceil(), self.layout.height.ceil());
        let title = escape(&self.log.header.title);
        let _ = write!(
            self.out,
            "<svg class=\"spacetime\" role=\"img\" aria-label=\"{title}\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" \
             height=\"{h}\" xmlns=\"http://www.w3.org/2000/svg\" style=\"font-family:var(--sans-font, \
             system-ui, sans-serif);font-size:15px;--w:{w}\"><title>{title}</title>"
        );
        self.lifelines();
        for event in &self.log.events {
            let kind = format!("{:?}", event.kind).to_lowercase();
            let (seq, y) = (event.seq, self.row(event));
            let _ =
                write!(self.out, "<g class=\"ev ev-{kind}\" data-seq=\"{seq}\" data-y=\"{y:.1}\">");
            self.event(event);
            self.out.push_str("</g>");
            let label = self.layout.labels.get(&seq).map(marks::label).unwrap_or_default();
            let _ = write!(self.words, "<g class=\"ev words\" data-seq=\"{seq}\">{label}</g>");
        }
        let words = std::mem::take(&mut self.words);
        self.out.push_str(&words);
        self.out.push_str("</svg>");
        self.out
    }

    fn lifelines(&mut self) {
        let bottom = self.lifeline_end();
        for node in &self.log.header.nodes {
            let x = self.x(&node.name);
            let colour = role_colour(&node.role);
            let name = escape(&node.name);
            let half = (letters(&node.name) * 9.0 + 24.0) / 2.0;
            let (left, wide) = (x - half, half * 2.0);
            let _ = write!(
                self.out,
                "<g class=\"node\" data-node=\"{name}\" style=\"--c:{colour}\"><rect x=\"{left:.1}\" y=\"8\" \
                 width=\"{wide:.1}\" height=\"29\" rx=\"14.5\" style=\"fill:var(--c);fill-opacity:.16;\
                 stroke:var(--c);stroke-width:1.5\"/><text x=\"{x:.1}\" y=\"27.5\" text-anchor=\"middle\" \
                 style=\"fill:var(--fg, #1c1c28);font-weight:600\">{name}</text>"
            );
            let mut up_from = Some(37.0);
            let mut down_from = None;
            for event in self.log.events.iter().filter(|e| e.node == node.name) {
                let y = self.row(event);
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
        let room = if last_is_violation {
            layout::violation_height(self.log, self.layout.width)
        } else {
            6.0
        };
        self.layout.height - room
    }

    fn x(&self, node: &str) -> f64 {
        let at = self.log.header.nodes.iter().position(|n| n.name == node);
        at.map_or(GUTTER, |i| self.layout.columns[i])
    }

    fn row(&self, event: &Event) -> f64 {
        self.layout.rows[&event.seq]
    }

    fn event(&mut self, event: &Event) {
        let (x, y) = (self.x(&event.node), self.row(event));
        if event.kind != Kind::Violation {
            self.out.push_str(&marks::number(event.seq, y));
        }
        match event.kind {
            Kind::Send => self.send(event, x, y),
            Kind::Receive => self.receive(event, x, y),
            Kind::Lose => self.lose(event, x, y),
            Kind::Duplicate => self.duplicate(event, x, y),
            Kind::Violation => {
                let lines = wrap(&event.text, self.layout.width - 90.0);
                self.out.push_str(&marks::violation(&lines, self.layout.width, y));
            }
            Kind::Fault => {
                let peer = event.peer.as_deref().map(|p| self.x(p));
                self.out.push_str(&marks::cut(x, peer, y));
            }
            Kind::Boot
            | Kind::Replay
            | Kind::Timeout
            | Kind::Disconnected
            | Kind::Persist
            | Kind::Discard
            | Kind::Note
            | Kind::Crash
            | Kind::Wipe => self.out.push_str(&marks::mark(event.kind, x, y)),
        }
    }

    /// A send draws its own shaft only while nothing else does: an arrival or a loss draws it whole.
    fn send(&mut self, event: &Event, x: f64, y: f64) {
        self.out.push_str(&marks::dot(x, y));
        let Some(peer) = event.peer.as_deref() else { return };
        let way = if self.x(peer) < x { -1.0 } else { 1.0 };
        if self.messages.fate(event).is_empty() {
            self.out.push_str(&marks::dashed(x, y, x + way * layout::STUB.0, y + layout::STUB.1));
        }
    }

    fn receive(&mut self, event: &Event, x: f64, y: f64) {
        let Some(send) = self.messages.send_of(event) else {
            let from = event.peer.as_deref().map_or(x - 40.0, |p| self.x(p));
            self.out.push_str(&marks::arrow(from, y - 12.0, x, y, false));
            return;
        };
        let double = self.messages.fate(send).iter().any(|f| f.kind == Kind::Duplicate);
        self.out.push_str(&marks::arrow(self.x(&send.node), self.row(send), x, y, double));
    }

    fn lose(&mut self, event: &Event, x: f64, y: f64) {
        let Some(send) = self.messages.send_of(event) else {
            self.out.push_str(&marks::cross(x, y));
            return;
        };
        let (from, at) = (self.x(&send.node), self.row(send));
        let to = send.peer.as_deref().map_or(from, |p| self.x(p));
        let x = from + (to - from) * 0.62;
        self.out.push_str(&marks::dashed(from, at, x, y));
        self.out.push_str(&marks::cross(x, y));
    }

    fn duplicate(&mut self, event: &Event, x: f64, y: f64) {
        let Some(send) = self.messages.send_of(event) else {
            self.out.push_str(&marks::mark(Kind::Duplicate, x, y));
            return;
        };
        let (from, at) = (self.x(&send.node), self.row(send));
        let to = send.peer.as_deref().map_or(x, |p| self.x(p));
        if !self.messages.fate(send).iter().any(|f| f.kind == Kind::Receive) {
            self.out.push_str(&marks::arrow(from, at, to, y, true));
        }
        self.out.push_str(&marks::mark(Kind::Duplicate, from + (to - from) * 0.62, y));
    }
}

#[cfg(test)]
pub(crate) mod tests;
