//! Step 4: lock it until it has ended.
//!
//! Between the first commit and the last one an order is half visible. So a participant locks what
//! a prepared branch touches, exclusively for a change and shared for a read, and releases it only
//! when it has committed or aborted (*strict two-phase locking*). A read is an order that changes
//! nothing: it takes its locks at every participant, is answered, and releases them. So a reader
//! sees one moment.
//!
//! Waiting for locks can go round in a circle, and no participant sees the circle. Here an older
//! transaction never waits for a younger one that may still be given up: the participant where they
//! meet asks the coordinator to give the younger one up (*wound-wait*, Rosenkrantz, Stearns and
//! Lewis, 1978). That one keeps its age, and begins again when the older one has ended. Those that wait
//! for a lock get it in the order of their age. So all waiting is for older ones, the oldest always gets
//! through, and an order is given up at most once for each older order that is open.
//!
//! What breaks: nothing, as long as the coordinator comes back. While it is gone, every participant
//! that voted yes holds its locks, and none may release them.
//!
//! Left out: forgetting (as in step 3), a vote that means "I only read" and saves a disk write, and
//! deadlock detection.

mod coordinator;
mod locks;
mod participant;

pub use coordinator::{Coordinator, MOST_OPEN};
pub use participant::Participant;
