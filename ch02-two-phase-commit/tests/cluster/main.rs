//! The shop as real processes: bad input, kill -9 at every moment, and what is left in the logs.
//! Nothing here waits for time to pass: it waits for something to be true, with a deadline.

#[path = "../shared/append_lists.rs"]
mod append_lists;
mod bad_input;
mod bank;
mod connections;
mod crash_points;
mod heuristic;
mod kit;
mod ledger;
mod lists;
mod operating;
mod orders;
mod paxos;
mod replay;
mod story;
mod told;
mod workload;
