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

/// A word as a shell reads it: commands are printed to be pasted.
#[must_use]
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:+@%,=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Shows it. `flag` is what a command needs to mean this cluster.
pub(super) fn show(system: &dyn System, event: &Event, flag: &str) {
    say(&line(system, event, flag));
}

fn line(system: &dyn System, event: &Event, flag: &str) -> String {
    match event {
        Event::Up { role, http, pid } => format!("{role:<6} up at {http}, pid {pid}"),
        Event::Ready { front, greeting } => {
            let texts = system.texts();
            let ready = texts.ready;
            let first = texts.try_first.iter();
            let first: String = first
                .map(|command| format!("  cargo {} {command}{flag}\n", system.name()))
                .collect();
            let own: String = greeting.iter().map(|line| format!("  {line}\n")).collect();
            format!(
                "ready: {ready} at http://{front}. In another terminal:\n\n{first}{own}\n\
                 Ctrl-C ends it; the data stays."
            )
        }
        Event::Killed(killed) => {
            format!("{:<6} killed (SIGKILL), pid {}", killed.role, killed.pid)
        }
        Event::Restarted(Restarted {
            role,
            crash_after_effect: Some(effect),
            crashed: true,
            ..
        }) => {
            format!("{role:<6} died right after its effect {effect}, as it was asked to")
        }
        Event::Restarted(Restarted { role, pid, http, crash_after_effect, .. }) => {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is quoted, a shell gives back as one word.
    #[test]
    #[cfg(unix)]
    fn a_shell_reads_a_quoted_word_as_it_was() {
        for word in ["plain", "target/ch02", "my shop", "it's", "$HOME", "a;b", "", "-x", "ä\"\\"]
        {
            let line = format!("printf %s {}", quoted(word));
            let read = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
            assert_eq!(String::from_utf8(read.stdout).unwrap(), word, "{line}");
        }
        assert_eq!(quoted("target/ch02"), "target/ch02", "what needs no quotes has none");
    }
}
