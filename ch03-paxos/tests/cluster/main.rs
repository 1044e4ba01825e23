//! The store as real processes: what clients are told, kill -9 and frozen processes under load, and what
//! is left in the logs. Nothing here waits for time to pass: it waits for something to be true, with a
//! deadline.

mod commands;
mod cuts;
mod damage;
mod five;
mod history;
mod kit;
mod maelstrom;
mod members;
mod operating;
mod quorums;
mod served;
mod snapshots;
mod survives;
