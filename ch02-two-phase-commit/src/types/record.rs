//! What the chapter's nodes write down.

use serde::{Deserialize, Serialize};

use super::{Branch, Key, Order, Outcome, Refusal, TxId};

/// What survives a crash. Fields are named as in [`super::Msg`].
#[expect(missing_docs, reason = "fields of one name mean one thing, told above")]
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Record {
    /// Participant: the branch is done (steps 1, 2 and 5).
    Applied { tx: TxId, key: Key, branch: Branch },
    /// Participant: the branch is taken back, or was never done and never will be (step 5).
    Undone { tx: TxId },
    /// Participant: ready to go either way (from step 3 on). Written before the yes.
    Prepared { tx: TxId, key: Key, branch: Branch },
    /// Participant: the prepared branch is done (from step 3 on). Written before the ack.
    Committed { tx: TxId },
    /// Participant: the prepared branch is dropped (from step 3 on). Nothing waits for this record:
    /// if it is lost, the participant asks again and is answered the same.
    Aborted { tx: TxId },
    /// Coordinator: this saga has begun, or goes on (step 5).
    Begun { tx: TxId, key: Key, order: Order },
    /// Coordinator: the saga turns round; what was done is taken back (step 5).
    TurnedBack { tx: TxId, why: Refusal },
    /// Coordinator: how the request ended (from step 3 on). This record *is* the decision: written
    /// before any other process is told.
    Decided {
        /// The attempt that decided it.
        tx: TxId,
        key: Key,
        /// What was asked for, to recognise a key that is used twice.
        order: Order,
        outcome: Outcome,
    },
    /// Coordinator: every participant has acknowledged; none will ask again.
    Ended { tx: TxId },
    /// What only the designs off the main path write down.
    Deeper(crate::deeper::Record),
}
