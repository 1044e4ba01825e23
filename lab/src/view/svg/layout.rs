//! How far apart things stand.

use super::CHAR;
use super::words::wrap;
use crate::event::{Event, Kind, Log};

/// A page has room for so much before its letters get small.
const WIDEST: f64 = 860.0;

/// From one column to the next: as wide as the longest words need, as narrow as the page asks.
pub(super) fn step(log: &Log) -> f64 {
    let longest = log.events.iter().map(|e| e.text.chars().count()).max().unwrap_or(0);
    let wanted = f64::from(u32::try_from(longest).unwrap_or(30)) * CHAR + 34.0;
    let columns = f64::from(u32::try_from(log.header.nodes.len().max(1)).unwrap_or(1));
    wanted.clamp(128.0, (WIDEST / columns).clamp(136.0, 206.0))
}

/// How far below the event before it an event stands. What needs room for text gets it; an arrival
/// needs none, since its words stand where it was sent.
pub(super) fn height_of(event: &Event, before: Option<&Event>, width: f64) -> f64 {
    let same_node = before.is_some_and(|b| b.node == event.node);
    match event.kind {
        Kind::Receive => 19.0,
        Kind::Send if same_node => 22.0,
        Kind::Send | Kind::Lose | Kind::Duplicate => 26.0,
        Kind::Violation => {
            let lines = u32::try_from(wrap(&event.text, width).len()).unwrap_or(1);
            38.0 + f64::from(lines - 1) * 17.0
        }
        Kind::Crash | Kind::Boot => 30.0,
        Kind::Replay
        | Kind::Timeout
        | Kind::Disconnected
        | Kind::Persist
        | Kind::Discard
        | Kind::Note
        | Kind::Wipe
        | Kind::Fault => 26.0,
    }
}
