//! Real drivers on loopback, over real files: two nodes that write down what they are told before
//! they say so. Counts are asserted, times never.

mod children;
mod cluster;
mod costs;
mod event_log;
mod limits;
mod maelstrom;
mod order;
mod overlap;
mod processes;
mod proxy;
mod sync_delay;
mod toy;
mod tracer;
