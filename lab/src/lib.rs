//! The kit that all chapters share: what a node is, the worlds it runs in, and the drivers that feed
//! it.
//!
//! Read [`node`] first, then [`world`], then [`explore`]. The kit knows no chapter.

pub mod chapter;
pub mod check;
pub mod crash_points;
#[cfg(feature = "net")]
pub mod engines;
pub mod event;
pub mod exhibit;
pub mod explore;
mod fingerprint;
#[cfg(feature = "system")]
pub mod http;
#[cfg(feature = "net")]
pub mod maelstrom;
#[cfg(feature = "net")]
pub mod measure;
pub mod node;
#[cfg(feature = "system")]
mod places;
pub mod pump;
pub mod record;
pub mod replay;
#[cfg(feature = "system")]
pub mod resp;
pub mod rng;
#[cfg(feature = "net")]
pub mod run;
pub mod script;
pub mod sim;
#[cfg(feature = "peers")]
pub mod stateright;
pub mod study;
#[cfg(feature = "system")]
pub mod system;
pub mod testing;
pub mod view;
pub mod world;

pub use fingerprint::fingerprint;
pub use node::{
    AnyNode, Cx, Effect, Fact, Input, MAX_MESSAGE, MAX_RECORD, Mark, Node, NodeId, Protocol,
};
