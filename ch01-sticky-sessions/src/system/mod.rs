//! Edge: makes it survive the real world. The lesson is in the steps.
//!
//! The shop as operating system processes on loopback: a balancer, which is a real reverse proxy; web
//! processes, each with the node of the chosen design behind HTTP; and, where the design has one, a store
//! with a log on disk. What every system needs is in [`lab::system`]; [`SYSTEM`] says what is special about
//! this one.
//!
//! | file | what it is |
//! |---|---|
//! | `cookies.rs` | cookies, as browsers send and keep them |
//! | `hashed.rs` | what a session is called behind the pages, where its secret is not known |
//! | `seal/`, `rotate.rs` | what browsers must not change; keys for it, and new ones |
//! | `web.rs`, `shop.rs`, `html.rs` | a web process, and its pages |
//! | `sessions.rs` | the session store elsewhere: chapter 3's, or a Redis |
//! | `buying.rs`, `till.rs` | an order of a browser, and where it is paid, if somewhere |
//! | `lb.rs`, `picks.rs` | the balancer: the proxy, and where it sends a request by a design's route |
//! | `drain.rs` | takes a web process out of service, with its sessions if that can be |
//! | `proxy/` | the reverse proxy |
//! | `probe/` | what a reverse proxy must do, as cases of bytes |
//! | `client.rs`, `load.rs` | a browser without a window; many of them at once |
//! | `measure/`, `peers.rs` | beside HAProxy and nginx, and how those are configured; design 7 beside 5 |
//! | `options.rs`, `processes.rs`, `webs.rs` | all of it as a system |
//!
//! # Left out
//!
//! TLS, and passwords: a name is enough to sign in. Ends of sessions
//! in the memory of web processes (designs 1 to 4): they last as long as their process.

mod buying;
pub mod client;
mod cookies;
mod drain;
pub mod hashed;
mod html;
mod lb;
mod load;
#[cfg(all(feature = "engines", unix))]
pub(crate) mod measure;
mod options;
#[cfg(feature = "engines")]
pub mod peers;
mod picks;
pub mod probe;
mod processes;
pub mod proxy;
mod rotate;
pub mod seal;
pub mod sessions;
mod shop;
mod till;
mod web;
pub mod webs;

pub use processes::{SYSTEM, serve};
pub use till::Till;
pub use web::Outside;

/// The short name of this chapter: `cargo ch01`.
const NAME: &str = "ch01";
