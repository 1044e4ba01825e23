//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! What the terminal of a cluster shows while it runs.

use std::io::Write as _;

use super::cluster::Restarted;
use super::control::Happening;

/// What the terminal of the cluster shows.
pub(super) fn show(happening: &Happening, flag: &str) {
    // A terminal that is gone does not end the cluster.
    let _ = writeln!(std::io::stdout(), "{}", words(happening, flag));
}

fn words(happening: &Happening, flag: &str) -> String {
    match happening {
        Happening::Up { role, http, pid } => {
            format!("{:<6} up at {http}, pid {pid}", role.name())
        }
        Happening::Open { shop } => format!(
            "ready: the shop is open at http://{shop}. In another terminal:

  \
             cargo ch02 client{flag} buy umbrella
  \
             cargo ch02 restart coord --crash-after-effect 5{flag}
  \
             cargo ch02 status{flag}

Ctrl-C ends it; the data stays."
        ),
        Happening::Killed(killed) => {
            format!("{:<6} killed (SIGKILL), pid {}", killed.role.name(), killed.pid)
        }
        Happening::Restarted(restarted) => {
            let Restarted { role, pid, http, crash_after_effect } = restarted;
            let crash = crash_after_effect.map_or_else(String::new, |effect| {
                format!("; will die right after its effect {effect}")
            });
            format!("{:<6} up at {http}, pid {pid}{crash}", role.name())
        }
        Happening::Died { role, how } => format!("{:<6} died: {how}", role.name()),
        Happening::Closing => "closing".into(),
    }
}
