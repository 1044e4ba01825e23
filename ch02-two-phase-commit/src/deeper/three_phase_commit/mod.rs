//! Deeper: one more round, so that no participant that is up has to wait.
//!
//! Between the votes and the commit every participant is told *pre-commit*: all voted yes. No
//! participant commits before all of them know that. So if the coordinator is gone, the
//! participants that are left ask each other: if one of them has received *pre-commit*, all voted
//! yes and they may commit; if none has, no participant can have committed and they may abort. That
//! is three-phase commit (Skeen 1981; the rule for the participants that are left is from
//! Bernstein, Hadzilacos and Goodman 1987, section 7.5).
//!
//! What it rests on: a process that does not answer has failed. If a message can be lost or late,
//! two groups that cannot reach each other each consider the other failed, and only one of them has
//! received *pre-commit*.
//!
//! Left out: a participant that comes back does not decide; it asks until a process that knows
//! answers. If all of them were gone at once, they wait.

mod coordinator;
mod participant;

pub use coordinator::Coordinator;
pub use participant::Participant;
