//! What the terminal of a cluster shows while it runs.

use std::io::Write as _;

use super::control::Event;
use super::handle::Restarted;
use super::interface::System;

/// Prints a line. If the reader has closed its end, as `head` does, that ends the printing, and nothing
/// else: what was done is done, and the exit code says so.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Shows it. `flag` is what a command needs to mean this cluster.
pub(super) fn show(system: &dyn System, event: &Event, flag: &str) {
    say(&line(system, event, flag));
}

fn line(system: &dyn System, event: &Event, flag: &str) -> String {
    match event {
        Event::Up { role, http, pid } => format!("{role:<6} up at {http}, pid {pid}"),
        Event::Ready { front } => {
            let texts = system.texts();
            let ready = texts.ready;
            let first = texts.try_first.iter();
            let first: String = first
                .map(|command| format!("  cargo {} {command}{flag}\n", system.name()))
                .collect();
            format!(
                "ready: {ready} at http://{front}. In another terminal:\n\n{first}\n\
                 Ctrl-C ends it; the data stays."
            )
        }
        Event::Killed(killed) => {
            format!("{:<6} killed (SIGKILL), pid {}", killed.role, killed.pid)
        }
        Event::Restarted(Restarted { role, pid, http, crash_after_effect }) => {
            let crash = crash_after_effect.map_or_else(String::new, |effect| {
                format!("; will die right after its effect {effect}")
            });
            format!("{role:<6} up at {http}, pid {pid}{crash}")
        }
        Event::Died { role, how } => format!("{role:<6} died: {how}"),
        Event::Closing => "closing; Ctrl-C again kills what has not ended".into(),
        Event::Forced { role } => {
            format!(
                "{role:<6} did not end by itself and was killed; its log kept what it answered for"
            )
        }
    }
}
