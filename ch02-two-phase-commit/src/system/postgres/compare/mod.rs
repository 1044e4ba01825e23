//! What our shop does beside PostgreSQL, same transfers, same disk, one run. Three contenders:
//!
//! - **ours**: step 4 as three processes, asked over HTTP, every order under a key that makes it
//!   safe to ask again;
//! - **two PostgreSQL** ([`two`]): the same transfer as two prepared transactions, under a plain
//!   coordinator that syncs its decision, many decisions with one fsync, and answers once it is down.
//!   No keys, no outcome rows: cheaper than a real one would be;
//! - **one PostgreSQL** ([`one`]): both accounts in one database, one local transaction. What is
//!   missing to the line above is the price of distribution.
//!
//! All sync what they say they have, and the money is counted before and after each turn.

mod decisions;
mod one;
mod server;
mod two;

use std::io::Write;

use lab::measure::{Comparison, Contender, Error, Outcome, Plan, Setup, Terms, compare, runtime};
use lab::system::ClusterContender;

use crate::system::SYSTEM;

/// How the comparison is put into words.
pub const TERMS: Terms = Terms { unit: "commit", reference: Some(two::NAME) };

/// All three in about the time of the setup.
pub(crate) fn measure(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    let compared = contend(setup, &Plan::within(&setup.dir, setup.seconds, 3), out)?;
    Ok(compared.outcome(TERMS))
}

/// All three in turn, as planned.
///
/// # Errors
/// PostgreSQL is missing, or something does not run.
pub fn contend(setup: &Setup, plan: &Plan, out: &mut dyn Write) -> Result<Comparison, Error> {
    let (runtime, dir) = (runtime()?, &plan.dir);
    let on = runtime.handle();
    let what =
        "Transfers of one between 1000 accounts here and 1000 there, each until it is told.\n";
    writeln!(out, "{what}").map_err(Error::io("print"))?;
    let mut contenders: Vec<Box<dyn Contender>> = vec![
        Box::new(ClusterContender::start("ours, step 4", SYSTEM, setup, on.clone())?),
        Box::new(two::TwoPostgres::start(on.clone(), dir)?),
        Box::new(one::OnePostgres::start(on.clone(), dir)?),
    ];
    compare(plan, &mut contenders, out)
}
