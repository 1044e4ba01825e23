//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! A participant that keeps its accounts in PostgreSQL: `PREPARE TRANSACTION` is its yes, `COMMIT
//! PREPARED` and `ROLLBACK PREPARED` are what it does when it is told. It sends the same messages
//! as our participant, so the coordinator cannot tell them apart. Four things make it safe:
//!
//! - **A yes is looked up, not believed.** PostgreSQL answers `PREPARE TRANSACTION` in a failed
//!   transaction by rolling back, and the client library says Ok. So [`prepare`] asks
//!   `pg_prepared_xacts`, and only that answer makes a yes.
//! - **"Not found" is no answer.** `COMMIT PREPARED` of an unknown name fails alike for what was
//!   committed, what was rolled back and what never was. So every transaction carries a row of its
//!   own in `dtx_outcome`, visible once it commits; duplicates are answered from it. An abort leaves a
//!   row of the same name, and a prepare that comes late runs into it.
//! - **A name says whose it is.** Cluster, participant and attempt, never a process; other people's
//!   prepared transactions are left alone.
//! - **What a process that died left behind is found again** ([`orphans`]), and asked about. No
//!   process here ever decides alone.
//!
//! | file | what it is |
//! |---|---|
//! | `config.rs` | which participant, and which database |
//! | `gid.rs` | the names of prepared transactions |
//! | `pool.rs` | connections, and how long anything may wait |
//! | `bank.rs` | the tables, and what makes a database unfit |
//! | `prepare.rs`, `finish.rs` | the two phases |
//! | `orphans.rs` | what a process that died left behind |
//! | `by_hand.rs` | what an operator typed into PostgreSQL meanwhile |
//! | `actor.rs`, `participant.rs` | who takes the messages, and the process's side of it |
//! | `compare/` | our shop measured beside two PostgreSQL, and beside one |
//!
//! # Left out
//!
//! Wound-wait. Who holds a row is PostgreSQL's secret, so a wait for one ends by `lock_timeout` with
//! a no, and the customer tries again: on busy accounts that declines orders which ours would have
//! done. TLS. Forgetting: `dtx_outcome` and `dtx_told` grow with the orders.

mod actor;
mod bank;
mod by_hand;
pub mod compare;
mod config;
mod finish;
mod gid;
mod orphans;
mod participant;
mod pool;
mod prepare;
mod transaction;
mod unfit;

pub use config::Config;
pub use gid::Names;
pub use participant::Participant;
pub use prepare::promise;
pub use unfit::Unfit;
