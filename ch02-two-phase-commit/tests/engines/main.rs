//! The participant that keeps its accounts in PostgreSQL, and the decisions in an etcd, beside real ones
//! that each test starts for itself.

#[allow(dead_code, reason = "the tests of the cluster use all of it")]
#[path = "../cluster/kit.rs"]
mod kit;
#[path = "../cluster/ledger.rs"]
mod ledger;
#[path = "../cluster/workload.rs"]
mod workload;

mod by_hand;
mod compare;
mod coord;
mod decisions;
mod facts;
mod kills;
mod orphans;
mod participant;
mod passwords;
mod sql;
mod unfit;
