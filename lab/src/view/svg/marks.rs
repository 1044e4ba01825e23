//! The strokes of a diagram. Shapes instead of glyphs where fonts differ: a flash in one browser is
//! a coloured picture in another.

use std::fmt::Write as _;

use super::escape;
use super::place::Label;
use super::words::LINE;
use crate::event::Kind;

const INK: &str = "var(--fg, #1c1c28)";
const MUTED: &str = "var(--fig-muted, #6b7280)";
const PAPER: &str = "var(--fig-bg, var(--bg, #fff))";
const ALARM: &str = "var(--fig-alarm, #c0392b)";

pub(super) fn lifeline(x: f64, from: f64, to: f64) -> String {
    format!(
        "<line class=\"life\" x1=\"{x:.1}\" y1=\"{from:.1}\" x2=\"{x:.1}\" y2=\"{to:.1}\" \
         style=\"stroke:var(--c);stroke-width:2\"/>"
    )
}

/// A lifeline while the process is down: diagonal strokes and no line.
pub(super) fn hatched(x: f64, from: f64, to: f64) -> String {
    let mut path = String::new();
    let mut y = from + 6.0;
    while y < to {
        let _ = write!(path, "M{:.1} {y:.1}l8 -6", x - 4.0);
        y += 7.0;
    }
    format!(
        "<path class=\"down\" d=\"{path}\" style=\"stroke:var(--c);stroke-width:1.3;opacity:.75;fill:none\"/>"
    )
}

pub(super) fn number(seq: u64, y: f64) -> String {
    format!(
        "<text class=\"seq\" x=\"5\" y=\"{:.1}\" style=\"fill:{MUTED};font-size:13px\">{seq}</text>",
        y + 4.5
    )
}

pub(super) fn dot(x: f64, y: f64) -> String {
    format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" style=\"fill:{INK}\"/>")
}

/// Text with a halo of paper, so that lines pass behind it. What is cut off is in its title.
pub(super) fn label(label: &Label) -> String {
    let Label { lines, full, x, baseline, anchor, .. } = label;
    let title = full.as_ref().map(|f| format!("<title>{}</title>", escape(f))).unwrap_or_default();
    let words = match lines.as_slice() {
        [line] => escape(line),
        lines => {
            let tall = |i: usize| if i == 0 { 0.0 } else { LINE };
            let line = |(i, line): (usize, &String)| {
                format!("<tspan x=\"{x:.1}\" dy=\"{}\">{}</tspan>", tall(i), escape(line))
            };
            // The space is for those who read or copy the words as one text.
            lines.iter().enumerate().map(line).collect::<Vec<_>>().join(" ")
        }
    };
    format!(
        "<text class=\"label\" x=\"{x:.1}\" y=\"{baseline:.1}\" text-anchor=\"{anchor}\" style=\"fill:{INK};\
         paint-order:stroke;stroke:{PAPER};stroke-width:4px;stroke-linejoin:round\">{title}{words}</text>"
    )
}

pub(super) fn arrow(x1: f64, y1: f64, x2: f64, y2: f64, double: bool) -> String {
    let length = ((x2 - x1).powi(2) + (y2 - y1).powi(2)).sqrt().max(1.0);
    let (ux, uy) = ((x2 - x1) / length, (y2 - y1) / length);
    let (ex, ey) = (x2 - ux * 3.0, y2 - uy * 3.0);
    let mut out = String::new();
    let shafts: &[f64] = if double { &[-1.8, 1.8] } else { &[0.0] };
    for off in shafts {
        let (ox, oy) = (-uy * off, ux * off);
        let _ = write!(
            out,
            "<line class=\"shaft\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" \
             style=\"stroke:{INK};stroke-width:1.5\"/>",
            x1 + ox,
            y1 + oy,
            ex - ux * 5.0 + ox,
            ey - uy * 5.0 + oy
        );
    }
    let (bx, by) = (ex - ux * 9.0, ey - uy * 9.0);
    let _ = write!(
        out,
        "<path class=\"head\" d=\"M{ex:.1} {ey:.1}L{:.1} {:.1}L{:.1} {:.1}Z\" style=\"fill:{INK}\"/>",
        bx - uy * 4.2,
        by + ux * 4.2,
        bx + uy * 4.2,
        by - ux * 4.2
    );
    out
}

pub(super) fn dashed(x1: f64, y1: f64, x2: f64, y2: f64) -> String {
    format!(
        "<line class=\"shaft dashed\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" \
         style=\"stroke:{INK};stroke-width:1.5;stroke-dasharray:5 4\"/>"
    )
}

pub(super) fn cross(x: f64, y: f64) -> String {
    format!(
        "<path class=\"lost\" d=\"M{:.1} {:.1}l10 10m0 -10l-10 10\" style=\"stroke:{ALARM};\
         stroke-width:2.4;stroke-linecap:round;fill:none\"/>",
        x - 5.0,
        y - 5.0
    )
}

/// A cut link, or a node that was paused: a hatched band across the gap.
pub(super) fn cut(x: f64, peer: Option<f64>, y: f64) -> String {
    let (from, to) = match peer {
        Some(p) => (x.min(p) + 14.0, x.max(p) - 14.0),
        None => (x - 10.0, x + 10.0),
    };
    let mut path = String::new();
    let mut at = from;
    while at < to {
        let _ = write!(path, "M{at:.1} {:.1}l5 -10", y + 5.0);
        at += 7.0;
    }
    format!(
        "<path class=\"cut\" d=\"{path}\" style=\"stroke:{MUTED};stroke-width:1.2;fill:none\"/>"
    )
}

/// The mark of a kind, on its lifeline.
pub(super) fn mark(kind: Kind, x: f64, y: f64) -> String {
    let shape = match kind {
        Kind::Persist => "M-6 -6h12v12h-12zM-2.5 -2.5h5v5h-5z",
        Kind::Discard => "M-6 -6h12v12h-12z",
        Kind::Boot => "M0 -7L7 5H-7Z",
        Kind::Crash => "M2 -11L-6 2H-1L-3 11L7 -3H1L5 -11Z",
        Kind::Timeout => "M-5 -7H5L-5 7H5Z",
        Kind::Replay => "M-5 0a5 5 0 1 1 5 5M0 5l4 -3M0 5l3 4",
        Kind::Wipe => "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0M-6 6L6 -6",
        Kind::Disconnected => "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0 -12 0M-6 0H6",
        Kind::Duplicate => "M-6 -6h8v8h-8zM-2 -2h8v8h-8z",
        Kind::Note => "M0 -4a4 4 0 1 0 .1 0Z",
        Kind::Receive | Kind::Send | Kind::Lose | Kind::Fault | Kind::Violation => "",
    };
    let fill = match kind {
        Kind::Crash => ALARM,
        Kind::Boot | Kind::Note => INK,
        Kind::Replay
        | Kind::Receive
        | Kind::Timeout
        | Kind::Disconnected
        | Kind::Send
        | Kind::Persist
        | Kind::Discard
        | Kind::Lose
        | Kind::Duplicate
        | Kind::Wipe
        | Kind::Fault
        | Kind::Violation => PAPER,
    };
    let stroke = if kind == Kind::Crash { PAPER } else { INK };
    let class = format!("{kind:?}").to_lowercase();
    format!(
        "<path class=\"mark {class}\" transform=\"translate({x:.1} {y:.1})\" d=\"{shape}\" \
         style=\"fill:{fill};stroke:{stroke};stroke-width:1.4;fill-rule:evenodd;paint-order:stroke\"/>"
    )
}

/// The verdict: outlined, with its own sign, and in words.
pub(super) fn violation(lines: &[String], width: f64, y: f64) -> String {
    let tall = f64::from(u32::try_from(lines.len()).unwrap_or(1)) * LINE + 16.0;
    let top = y + 15.0 - tall;
    let left = super::GUTTER - 8.0;
    let mut out = format!(
        "<rect class=\"verdict\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" rx=\"6\" \
         style=\"fill:{PAPER};stroke:{ALARM};stroke-width:2\"/>\
         <path d=\"M{:.1} {:.1}l9 9m0 -9l-9 9\" style=\"stroke:{ALARM};stroke-width:2.6;stroke-linecap:round\"/>",
        width - left - 8.0,
        left + 12.0,
        top + 11.0,
    );
    for (i, line) in lines.iter().enumerate() {
        let at = top + 21.0 + f64::from(u32::try_from(i).unwrap_or(0)) * LINE;
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{at:.1}\" style=\"fill:{INK};font-weight:600\">{}</text>",
            super::GUTTER + 24.0,
            escape(line)
        );
    }
    out
}
