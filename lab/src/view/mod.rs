//! Ways to show data: an event log as [`text`] for a terminal or as [`svg`] for a page, and curves as a
//! [`plot`].
//!
//! Views of a log read nothing but the log. What a log does not say, no view shows.

pub mod plot;
pub mod svg;
pub mod text;

use std::collections::BTreeMap;

use crate::event::{Event, Kind, Log};

/// What became of the messages of a log.
pub(crate) struct Messages<'a> {
    /// For every send, by `seq`: the events that say what became of it, in order.
    fates: BTreeMap<u64, Vec<&'a Event>>,
    sends: BTreeMap<u64, &'a Event>,
}

impl<'a> Messages<'a> {
    pub(crate) fn of(log: &'a Log) -> Self {
        let sends: BTreeMap<u64, &Event> =
            log.events.iter().filter(|e| e.kind == Kind::Send).map(|e| (e.seq, e)).collect();
        let mut fates: BTreeMap<u64, Vec<&Event>> = sends.keys().map(|&s| (s, vec![])).collect();
        for event in &log.events {
            if matches!(event.kind, Kind::Receive | Kind::Lose | Kind::Duplicate) {
                for cause in &event.causes {
                    if let Some(fate) = fates.get_mut(cause) {
                        fate.push(event);
                    }
                }
            }
        }
        Self { fates, sends }
    }

    /// The send behind an arrival, a loss or a duplicate, where the log holds it.
    pub(crate) fn send_of(&self, event: &Event) -> Option<&'a Event> {
        event.causes.iter().find_map(|c| self.sends.get(c).copied())
    }

    /// Everything that became of a send: empty while it is on its way.
    pub(crate) fn fate(&self, send: &Event) -> &[&'a Event] {
        self.fates.get(&send.seq).map_or(&[], Vec::as_slice)
    }
}

/// `10,246`.
#[must_use]
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
