//! Edge: makes it survive the real world. The lesson is in `step4_isolation/` of chapter 2.
//!
//! Two PostgreSQL, prepared transactions, and a plain coordinator in this process: one message to
//! each to do and prepare, one forced decision, then the customer has its answer, and one message to
//! each to commit.
//!
//! # Left out
//!
//! Recovery, keys, outcome rows. Everything that costs, and is not needed as long as nobody dies.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lab::measure::{Failed, Measured, Operation, Until, closed_loop};
use lab::rng::Rng;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_postgres::Client;

use super::cell::Contender;
use super::forced_log::ForcedLog;
use super::pool::{Lent, Pool};
use super::server::{Server, account, trouble};
use crate::trouble::{Result, Trouble};

/// Whom the others are compared with.
pub(super) const REFERENCE: &str = "two PostgreSQL, prepared";

/// A connection to each.
type Pair = (Client, Client);

/// The contender.
pub(super) struct Apart {
    stock: Server,
    pay: Server,
    log: Arc<ForcedLog>,
    pairs: Option<Arc<Pool<Pair>>>,
    turns: u64,
    _dir: TempDir,
}

struct Customer {
    pairs: Arc<Pool<Pair>>,
    log: Arc<ForcedLog>,
    name: u64,
    rng: Rng,
}

impl Operation for Customer {
    async fn run(&mut self, n: u64) -> std::result::Result<(), Failed> {
        let (s, p) = (account('s', &mut self.rng), account('p', &mut self.rng));
        let by = if n.is_multiple_of(2) { 1 } else { -1 };
        let gid = format!("{}.{n}", self.name);
        let pair = self.pairs.take().await;
        let (stock, pay) = (prepare(&gid, &s, -by), prepare(&gid, &p, by));
        let voted = tokio::join!(pair.0.batch_execute(&stock), pair.1.batch_execute(&pay));
        if voted.0.is_err() || voted.1.is_err() {
            undo(&pair.0, &gid, voted.0.is_ok()).await;
            undo(&pair.1, &gid, voted.1.is_ok()).await;
            return Err(Failed);
        }
        self.log.force(gid.as_bytes()).await;
        // Decided: the answer need not wait for the rest.
        tokio::spawn(commit(pair, gid));
        Ok(())
    }
}

fn prepare(gid: &str, account: &str, by: i64) -> String {
    format!(
        "BEGIN; UPDATE account SET balance = balance + {by} WHERE name = '{account}';
         PREPARE TRANSACTION '{gid}'"
    )
}

async fn undo(client: &Client, gid: &str, prepared: bool) {
    let text = if prepared { format!("ROLLBACK PREPARED '{gid}'") } else { "ROLLBACK".into() };
    // What this leaves behind, the count of the prepared finds.
    let _ = client.batch_execute(&text).await;
}

async fn commit(pair: Lent<Pair>, gid: String) {
    let text = format!("COMMIT PREPARED '{gid}'");
    let (stock, pay) = tokio::join!(pair.0.batch_execute(&text), pair.1.batch_execute(&text));
    assert!(stock.is_ok() && pay.is_ok(), "what is prepared and decided commits");
}

impl Apart {
    pub(super) fn start(runtime: &Runtime, dir: &Path) -> Result<Self> {
        let stock = Server::start(runtime, dir, &['s'])?;
        let pay = Server::start(runtime, dir, &['p'])?;
        let own = tempfile::Builder::new().prefix("coordinator-").tempdir_in(dir);
        let own = own.map_err(|e| Trouble::new(format!("no folder for a log: {e}"), ""))?;
        let log = Arc::new(ForcedLog::open(own.path())?);
        Ok(Self { stock, pay, log, pairs: None, turns: 0, _dir: own })
    }
}

impl Contender for Apart {
    fn name(&self) -> &'static str {
        REFERENCE
    }

    fn version(&self) -> String {
        String::new()
    }

    fn waits(&self) -> (u32, u32) {
        (2, 1)
    }

    fn processes(&mut self) -> Vec<u32> {
        vec![self.stock.postgres.engine().pid(), self.pay.postgres.engine().pid()]
    }

    fn load(&mut self, runtime: &Runtime, clients: usize, time: Duration) -> Result<Measured> {
        if self.pairs.is_none() {
            // One more for each two: a customer has its answer while its pair still commits.
            let count = clients + clients.div_ceil(2);
            let lines = async { tokio::try_join!(self.stock.lines(count), self.pay.lines(count)) };
            let (stock, pay) = runtime.block_on(lines).map_err(|e| trouble(&e))?;
            self.pairs = Some(Pool::of(stock.into_iter().zip(pay).collect()));
        }
        let pairs = self.pairs.as_ref().expect("just made");
        let customers = (0..clients).map(|_| {
            self.turns += 1;
            let (pairs, log) = (Arc::clone(pairs), Arc::clone(&self.log));
            Customer { pairs, log, name: self.turns, rng: Rng::new(self.turns) }
        });
        let customers = customers.collect();
        Ok(runtime.block_on(closed_loop(customers, Until::Time(time))))
    }

    fn settle(&mut self, runtime: &Runtime) -> Result<()> {
        if let Some(pairs) = self.pairs.take() {
            runtime.block_on(pairs.all_back());
        }
        Ok(())
    }

    fn forced(&mut self, runtime: &Runtime) -> Result<u64> {
        let both = async { tokio::try_join!(self.stock.forced(), self.pay.forced()) };
        let (stock, pay) = runtime.block_on(both).map_err(|e| trouble(&e))?;
        Ok(stock + pay + self.log.syncs())
    }

    fn total(&mut self, runtime: &Runtime) -> Result<u64> {
        let both = async { tokio::try_join!(self.stock.total(), self.pay.total()) };
        let (stock, pay) = runtime.block_on(both).map_err(|e| trouble(&e))?;
        Ok(stock + pay)
    }
}
