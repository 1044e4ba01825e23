//! What a start reads back: promises, entries, what is chosen, and a snapshot in the middle of them.

use super::Machine;
use super::replica::Replica;
use super::snapshots::Restored;
use crate::group;
use crate::types::Record;
use crate::types::kv::{Entry, Record as Kept};

impl Replica {
    pub(super) fn on_replay(&mut self, record: Record) {
        match record {
            Record::Promised(ballot) => self.promised = self.promised.max(Some(ballot)),
            Record::Kv(record) => self.on_kept(record),
            other => group::foreign_record(&other),
        }
    }

    fn on_kept(&mut self, record: Kept) {
        match record {
            Kept::Accepted { slot, ballot, entry } => {
                self.promised = self.promised.max(Some(ballot));
                self.log.put(slot, ballot, entry);
            }
            Kept::Chosen { open } => self.recorded = self.recorded.max(open),
            // One before it, if any, was not finished.
            Kept::Snapshot { head } => {
                let machine = Machine::of(&head, self.config.sessions);
                self.restoring = Some(Restored { head, machine });
            }
            Kept::Chunk { chunk } => {
                if let Some(restoring) = &mut self.restoring {
                    restoring.machine.restore(&chunk);
                }
            }
            Kept::Whole => {
                if let Some(restored) = self.restoring.take() {
                    self.restore(restored);
                }
            }
        }
    }

    /// Executes what is on record as chosen. Not before all is read: a snapshot may come instead.
    pub(super) fn execute_recorded(&mut self) {
        self.restoring = None;
        while self.open < self.recorded {
            if let Entry::Batch(commands) = self.log.execute(self.open) {
                commands.iter().for_each(|command| drop(self.machine.execute(command)));
            }
            self.open = self.open.next();
        }
        self.adopt_members();
    }
}
