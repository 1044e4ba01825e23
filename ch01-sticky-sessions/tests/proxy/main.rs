//! The balancer's reverse proxy, on real connections.

mod any_bytes;
mod conformance;
mod edges;
mod kit;
mod operating;
mod slice;
mod slow;
