//! The balancer's reverse proxy, on real connections.

mod any_bytes;
mod conformance;
mod edges;
mod kit;
mod limits;
mod operating;
mod passive;
mod slice;
mod slow;
