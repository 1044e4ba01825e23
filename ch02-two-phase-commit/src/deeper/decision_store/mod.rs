//! Deeper: the decisions are in a store, and any coordinator may ask it to decide.
//!
//! In step 4 a decision is a record in the log of `coord`: while `coord` is down, participants wait.
//! Here it is a row in a store that runs elsewhere, on more than one machine if need be. The store does
//! one thing: it keeps the first row of each key, and answers with the row that it has. So the key of a
//! request has one decision, whichever coordinator asks first and however often.
//!
//! - `coord` has all the votes: it asks for *committed*. If the answer is its own row, that is the
//!   decision. If not, another coordinator was first, and the attempt is aborted.
//! - A participant in doubt asks both coordinators. One that does not know, and gets no *still open* from
//!   the other one, asks the store for *declined*, and answers what comes back: the store cannot have
//!   both.
//!
//! No coordinator writes anything down, and none needs a fence (see `fencing`): what a paused one asks
//! for comes second, and changes nothing. The price is a round trip to the store for each order.
//!
//! Left out: forgetting. The store keeps every row.

mod coordinator;
mod participant;
mod server;

use lab::NodeId;

pub use coordinator::Coordinator;
pub use participant::Participant;

pub use super::fencing::{COORD_2, ENDPOINTS, STANDBYS, STORE};
use crate::types::{COORD, TxId};

/// The coordinator that began it: each has start numbers of its own, `coord` the odd ones.
fn owner(tx: TxId) -> NodeId {
    if tx.start % 2 == 1 { COORD } else { COORD_2 }
}
