//! Edge: makes it survive the real world. The lesson is in `step4_isolation/` of chapter 2.
//!
//! One PostgreSQL, both accounts in it, one local transaction: one message, one forced write.
//!
//! # Left out
//!
//! Prepared statements: both contenders with PostgreSQL send text.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lab::measure::{Failed, Measured, Operation, Until, closed_loop};
use lab::rng::Rng;
use tokio::runtime::Runtime;
use tokio_postgres::Client;

use super::cell::Contender;
use super::pool::Pool;
use super::server::{Server, account, trouble};
use crate::trouble::Result;

/// The contender.
pub(super) struct Local {
    server: Server,
    lines: Option<Arc<Pool<Client>>>,
    turns: u64,
}

struct Customer {
    lines: Arc<Pool<Client>>,
    rng: Rng,
}

impl Operation for Customer {
    async fn run(&mut self, n: u64) -> std::result::Result<(), Failed> {
        let mut ends = ['s', 'p'].map(|ledger| account(ledger, &mut self.rng));
        if n % 2 == 1 {
            ends.reverse();
        }
        let [from, to] = ends;
        // Always the same ledger first: nobody waits in a circle.
        let mut moves = [(from, -1), (to, 1)];
        moves.sort();
        let line = self.lines.take().await;
        let [(one, by), (other, back)] = moves;
        let text = format!(
            "BEGIN;
             UPDATE account SET balance = balance + {by} WHERE name = '{one}';
             UPDATE account SET balance = balance + {back} WHERE name = '{other}';
             COMMIT"
        );
        if line.batch_execute(&text).await.is_ok() {
            return Ok(());
        }
        // It stands in a failed transaction.
        let _ = line.batch_execute("ROLLBACK").await;
        Err(Failed)
    }
}

impl Local {
    pub(super) fn start(runtime: &Runtime, dir: &Path) -> Result<Self> {
        let server = Server::start(runtime, dir, &['s', 'p'])?;
        Ok(Self { server, lines: None, turns: 0 })
    }
}

impl Contender for Local {
    fn name(&self) -> &'static str {
        "one PostgreSQL, local"
    }

    fn version(&self) -> String {
        Server::version()
    }

    fn waits(&self) -> (u32, u32) {
        (1, 1)
    }

    fn processes(&mut self) -> Vec<u32> {
        vec![self.server.postgres.engine().pid()]
    }

    fn load(&mut self, runtime: &Runtime, clients: usize, time: Duration) -> Result<Measured> {
        if self.lines.is_none() {
            let lines = runtime.block_on(self.server.lines(clients)).map_err(|e| trouble(&e))?;
            self.lines = Some(Pool::of(lines));
        }
        let lines = self.lines.as_ref().expect("just made");
        let customers = (0..clients).map(|_| {
            self.turns += 1;
            Customer { lines: Arc::clone(lines), rng: Rng::new(self.turns) }
        });
        let customers = customers.collect();
        Ok(runtime.block_on(closed_loop(customers, Until::Time(time))))
    }

    fn settle(&mut self, runtime: &Runtime) -> Result<()> {
        if let Some(lines) = self.lines.take() {
            runtime.block_on(lines.all_back());
        }
        Ok(())
    }

    fn forced(&mut self, runtime: &Runtime) -> Result<u64> {
        runtime.block_on(self.server.forced()).map_err(|e| trouble(&e))
    }

    fn total(&mut self, runtime: &Runtime) -> Result<u64> {
        runtime.block_on(self.server.total()).map_err(|e| trouble(&e))
    }
}
