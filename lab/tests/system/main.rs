//! Processes as one system, with the smallest one there is: a ledger and its backup.

#[allow(dead_code, reason = "the tests of the drivers use all of it")]
#[path = "../run/toy.rs"]
mod toy;

mod cluster;
mod connections;
mod first_write;
mod http;
mod measured;
mod pair;
mod parts;
mod resp;
