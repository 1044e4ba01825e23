//! Every engine: starts, answers, stands beside another one of its kind, and leaves nothing behind.

mod all;
mod crash;
mod etcd;
#[cfg(feature = "system")]
mod first_write;
mod kit;
#[cfg(feature = "system")]
mod resp;
