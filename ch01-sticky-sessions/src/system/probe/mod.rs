//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! What a reverse proxy has to do with odd requests and odd answers, as bytes: the cases are data, and can
//! be put to any proxy whose backend is a [`Recorder`]. They are written from the text of RFC 9110 and RFC
//! 9112; each names its section. A case does not say how a proxy comes to its answer, only what the client
//! sees, and what the backend does.
//!
//! # Left out
//!
//! Anything about time: a proxy that answers late still answers right.

mod case;
mod cases;
pub(super) mod command;
#[cfg(feature = "engines")]
mod peers;
mod recorder;
mod run;
mod table;

pub use case::{Case, Connection};
pub use cases::cases;
pub use recorder::Recorder;
pub use run::{Verdict, run};
pub use table::{Column, Table, table};
