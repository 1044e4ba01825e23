//! Deeper: one more round, so that nobody who is left has to wait.
//!
//! Between the votes and the commit everybody is told *pre-commit*: all voted yes. Nobody commits
//! before everybody knows that. So if the coordinator is gone, those who are left look at each other:
//! if one of them has heard *pre-commit*, all voted yes and they may commit; if none has, nobody can
//! have committed and they may abort. That is three-phase commit (Skeen 1981; the rule for those who
//! are left is from Bernstein, Hadzilacos and Goodman 1987, section 7.5).
//!
//! What it rests on: whoever is silent is dead. If a message can be lost or late, two groups that
//! cannot hear each other each find themselves left, and one of them has heard *pre-commit*.
//!
//! Left out: a participant that comes back does not decide; it asks until somebody knows. If all of
//! them were gone at once, they wait.

mod coordinator;
mod participant;

pub use coordinator::Coordinator;
pub use participant::Participant;
