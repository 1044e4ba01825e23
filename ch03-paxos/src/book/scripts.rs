//! What happens in the figures that a script tells.

/// `replica-1` proposes Alice in slot 2, and no other replica is told. `replica-2` leads and chooses her in
/// slot 1. Then `replica-1` leads again.
pub(super) const TWICE: &str = "deliver replica-1 replica-2
deliver replica-2 replica-1
lose replica-1 replica-3
timeout web-2
timeout web-2
deliver web-2 replica-1
deliver web-1 replica-1
lose replica-1 replica-2
lose replica-1 replica-2
lose replica-1 replica-3
lose replica-1 replica-3
timeout replica-2
lose replica-2 replica-1
deliver replica-2 replica-3
deliver replica-3 replica-2
timeout web-1
deliver web-1 replica-2
deliver replica-2 replica-3
deliver replica-3 replica-2
deliver replica-2 web-1
timeout replica-1
deliver replica-1 replica-2
lose replica-1 replica-2
lose replica-1 replica-2
lose replica-1 replica-3
lose replica-1 replica-3
lose replica-1 replica-3
deliver replica-2 replica-1
timeout replica-1
deliver replica-1 replica-3
deliver replica-3 replica-1
deliver replica-1 replica-3
deliver replica-1 replica-3
deliver replica-3 replica-1
deliver replica-3 replica-1";

/// A client asks again because the answer was lost.
pub(super) const ONCE: &str = "deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
lose replica-1 replica-2
lose replica-1 replica-3
lose replica-1 replica-3
deliver web-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
deliver replica-1 replica-2
deliver replica-1 web-1
lose replica-1 replica-3
lose replica-1 replica-3
deliver web-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
deliver replica-1 replica-2
lose replica-1 web-1
lose replica-1 replica-3
lose replica-1 replica-3
timeout web-1
deliver web-1 replica-2
deliver replica-2 replica-2
deliver replica-2 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-2
deliver replica-2 replica-1
deliver replica-1 replica-2
deliver replica-2 web-1";

/// `replica-2` hears nothing until the entry that it misses is dropped.
pub(super) const PULLS: &str = "deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-3
deliver replica-3 replica-1
lose replica-1 replica-2
lose replica-1 replica-2
lose replica-1 replica-3
deliver web-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-1
deliver replica-1 replica-3
lose replica-1 replica-2
deliver replica-3 replica-1
lose replica-1 replica-2
lose replica-1 replica-3
deliver replica-1 web-1
deliver replica-1 replica-1
timeout replica-1
timeout replica-1
lose replica-1 replica-3
deliver replica-1 replica-2
deliver replica-2 replica-1
deliver replica-2 replica-1
deliver replica-1 replica-2";

/// Alice is chosen by two replicas; one of them tells `web-2`, which adopts her.
pub(super) const ADOPTS: &str = "deliver web-1 replica-1
deliver web-1 replica-2
deliver replica-1 web-1
deliver replica-2 web-1
deliver web-1 replica-1
deliver web-1 replica-2
deliver replica-1 web-1
deliver replica-2 web-1
deliver web-2 replica-2
deliver web-2 replica-3
deliver replica-2 web-2
deliver replica-3 web-2";

/// The same, but the replica that the two majorities share restarts in between.
pub(super) const REMEMBERS: &str = "deliver web-1 replica-1
deliver web-1 replica-2
deliver replica-1 web-1
deliver replica-2 web-1
deliver web-1 replica-1
deliver web-1 replica-2
deliver replica-1 web-1
deliver replica-2 web-1
crash replica-2
restart replica-2
deliver web-2 replica-2
deliver web-2 replica-3
deliver replica-2 web-2
deliver replica-3 web-2";

/// And on, until `web-2` learns something else.
pub(super) const FORGETS: &str = "deliver web-1 replica-1
deliver web-1 replica-2
deliver replica-1 web-1
deliver replica-2 web-1
deliver web-1 replica-1
deliver web-1 replica-2
deliver replica-1 web-1
deliver replica-2 web-1
crash replica-2
restart replica-2
deliver web-2 replica-2
deliver web-2 replica-3
deliver replica-2 web-2
deliver replica-3 web-2
deliver web-2 replica-2
deliver web-2 replica-3
deliver replica-2 web-2
deliver replica-3 web-2";

/// Each prepare arrives just before the accept of the other one.
pub(super) const DUEL: &str = "deliver web-1 replica-1
deliver web-1 replica-2
deliver replica-1 web-1
deliver replica-2 web-1
deliver web-2 replica-1
deliver web-2 replica-2
deliver web-1 replica-1
deliver replica-1 web-1
deliver replica-1 web-2
deliver replica-2 web-2
deliver web-1 replica-1
deliver web-1 replica-2
deliver web-2 replica-1
deliver replica-1 web-2";
