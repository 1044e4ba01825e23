//! Two PostgreSQL, prepared transactions, and a plain coordinator in this process: one message to
//! each to do and prepare, one synced decision, then the customer has its answer, and one message to
//! each to commit.
//!
//! # Left out
//!
//! Recovery, keys, outcome rows. Everything that costs, and is not needed as long as no process is killed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deadpool::unmanaged::{Object, Pool};
use lab::measure::{Contender, Error, Failed, Measured, Operation, Until, Waits, closed_loop};
use lab::rng::Rng;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio_postgres::Client;

use super::decisions::Decisions;
use super::server::{Server, account, close, refused};

pub(super) const NAME: &str = "two PostgreSQL, prepared";

/// A connection to each.
type Pair = (Client, Client);

/// The contender.
pub(super) struct TwoPostgres {
    stock: Server,
    pay: Server,
    decisions: Arc<Decisions>,
    pairs: Option<Pool<Pair>>,
    customers: u64,
    runtime: Handle,
    _dir: TempDir,
}

struct Customer {
    pairs: Pool<Pair>,
    decisions: Arc<Decisions>,
    name: u64,
    rng: Rng,
}

impl Operation for Customer {
    async fn run(&mut self, n: u64) -> Result<(), Failed> {
        let (s, p) = (account('s', &mut self.rng), account('p', &mut self.rng));
        let by = if n.is_multiple_of(2) { 1 } else { -1 };
        let gid = format!("{}.{n}", self.name);
        let pair = self.pairs.get().await.map_err(|_| Failed)?;
        let (stock, pay) = (prepare(&gid, &s, -by), prepare(&gid, &p, by));
        let voted = tokio::join!(pair.0.batch_execute(&stock), pair.1.batch_execute(&pay));
        if voted.0.is_err() || voted.1.is_err() {
            undo(&pair.0, &gid, voted.0.is_ok()).await;
            undo(&pair.1, &gid, voted.1.is_ok()).await;
            return Err(Failed);
        }
        self.decisions.keep(gid.as_bytes()).await;
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
    // If this fails, an account stays locked, and every later turn that touches it declines.
    let _ = client.batch_execute(&text).await;
}

async fn commit(pair: Object<Pair>, gid: String) {
    let text = format!("COMMIT PREPARED '{gid}'");
    let (stock, pay) = tokio::join!(pair.0.batch_execute(&text), pair.1.batch_execute(&text));
    assert!(stock.is_ok() && pay.is_ok(), "what is prepared and decided commits");
}

impl TwoPostgres {
    pub(super) fn start(runtime: Handle, dir: &Path) -> Result<Self, Error> {
        let stock = Server::start(&runtime, dir, &['s'])?;
        let pay = Server::start(&runtime, dir, &['p'])?;
        let own = tempfile::Builder::new().prefix("coordinator-").tempdir_in(dir);
        let own = own.map_err(Error::io("make a folder for the coordinator's log"))?;
        let decisions = Arc::new(Decisions::open(own.path())?);
        Ok(Self { stock, pay, decisions, pairs: None, customers: 0, runtime, _dir: own })
    }
}

impl Contender for TwoPostgres {
    fn name(&self) -> &'static str {
        NAME
    }

    fn waits(&self) -> Waits {
        Waits { fsyncs: 2, round_trips: 1 }
    }

    fn processes(&mut self) -> Vec<u32> {
        vec![self.stock.postgres.engine().pid(), self.pay.postgres.engine().pid()]
    }

    fn load(&mut self, clients: usize, time: Duration) -> Result<Measured, Error> {
        if self.pairs.is_none() {
            // One more for each two: a customer has its answer while its pair still commits.
            let count = clients + clients.div_ceil(2);
            let (stock, pay) = (self.stock.connections(count), self.pay.connections(count));
            let made = self.runtime.block_on(async { tokio::try_join!(stock, pay) });
            let (stock, pay) = made.map_err(|e| refused(&e))?;
            self.pairs = Some(Pool::from(stock.into_iter().zip(pay).collect::<Vec<Pair>>()));
        }
        let customers = self.pairs.iter().cycle().take(clients).map(|pairs| {
            self.customers += 1;
            let (pairs, decisions) = (pairs.clone(), Arc::clone(&self.decisions));
            Customer { pairs, decisions, name: self.customers, rng: Rng::new(self.customers) }
        });
        let customers = customers.collect();
        Ok(self.runtime.block_on(closed_loop(customers, Until::Time(time))))
    }

    fn settle(&mut self) -> Result<(), Error> {
        if let Some(pairs) = self.pairs.take() {
            self.runtime.block_on(close(&pairs));
        }
        Ok(())
    }

    fn fsyncs(&mut self) -> Result<Option<u64>, Error> {
        let both = async { tokio::try_join!(self.stock.fsyncs(), self.pay.fsyncs()) };
        let (stock, pay) = self.runtime.block_on(both).map_err(|e| refused(&e))?;
        Ok(Some(stock + pay + self.decisions.syncs()))
    }

    fn audit(&mut self) -> Result<Value, Error> {
        let both = async { tokio::try_join!(self.stock.total(), self.pay.total()) };
        let (stock, pay) = self.runtime.block_on(both).map_err(|e| refused(&e))?;
        Ok(json!(stock + pay))
    }
}
