//! An orderly end of all roles: those that others still send something to end last.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Cluster, LOOK, recording};
use crate::system::Error;

/// How long roles have to end.
const END: Duration = Duration::from_secs(5);

impl Cluster {
    /// Ends all roles, and puts what they recorded into one file. Those that end last have five seconds of their
    /// own, as all others have. Gives those that did not end in time and were killed.
    ///
    /// # Errors
    /// The manifest or the record cannot be written.
    pub fn stop(self) -> Result<Vec<String>, Error> {
        self.stop_unless(&AtomicBool::new(false))
    }

    /// The same, and no role has any time left once `hurry` is set.
    pub(in crate::system) fn stop_unless(
        mut self,
        hurry: &AtomicBool,
    ) -> Result<Vec<String>, Error> {
        let all: Vec<String> = self.members.keys().cloned().collect();
        let ends_last = |role: &String| self.layout.role(role).is_some_and(|role| role.ends_last);
        let (last, first): (Vec<_>, Vec<_>) = all.into_iter().partition(ends_last);
        let mut running = self.end(first, hurry);
        running.extend(self.end(last, hurry));
        // Dropping a child kills it.
        self.members.clear();
        self.manifest.control = None;
        self.manifest.write(&self.config.dir)?;
        self.config.events.as_deref().map_or(Ok(()), recording::merge)?;
        Ok(running)
    }

    /// Asks these to end, and gives those that are still up after their time.
    fn end(&mut self, mut roles: Vec<String>, hurry: &AtomicBool) -> Vec<String> {
        roles.iter().for_each(|role| self.member(role).child.close());
        for _ in 0..END.as_millis() / LOOK.as_millis() {
            roles.retain(|role| self.is_up(role));
            let Some(first) = roles.first().filter(|_| !hurry.load(Ordering::Relaxed)) else {
                break;
            };
            self.member(first).child.ends_within(LOOK);
        }
        roles
    }
}
