//! One PostgreSQL, both accounts in it, one local transaction: one message, one fsync.
//!
//! # Left out
//!
//! Prepared statements: both contenders with PostgreSQL send text.

use std::path::Path;
use std::time::Duration;

use deadpool::unmanaged::Pool;
use lab::measure::{Contender, Error, Failed, Measured, Operation, Until, Waits, closed_loop};
use lab::rng::Rng;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio_postgres::Client;

use super::server::{Server, account, close, refused};

/// The contender.
pub(super) struct OnePostgres {
    server: Server,
    connections: Option<Pool<Client>>,
    customers: u64,
    runtime: Handle,
}

struct Customer {
    connections: Pool<Client>,
    rng: Rng,
}

impl Operation for Customer {
    async fn run(&mut self, n: u64) -> Result<(), Failed> {
        let mut ends = ['s', 'p'].map(|ledger| account(ledger, &mut self.rng));
        if n % 2 == 1 {
            ends.reverse();
        }
        let [from, to] = ends;
        // Always the same ledger first: no deadlock.
        let mut moves = [(from, -1), (to, 1)];
        moves.sort();
        let client = self.connections.get().await.map_err(|_| Failed)?;
        let [(one, by), (other, back)] = moves;
        let text = format!(
            "BEGIN;
             UPDATE account SET balance = balance + {by} WHERE name = '{one}';
             UPDATE account SET balance = balance + {back} WHERE name = '{other}';
             COMMIT"
        );
        if client.batch_execute(&text).await.is_ok() {
            return Ok(());
        }
        // It stands in a failed transaction.
        let _ = client.batch_execute("ROLLBACK").await;
        Err(Failed)
    }
}

impl OnePostgres {
    pub(super) fn start(runtime: Handle, dir: &Path) -> Result<Self, Error> {
        let server = Server::start(&runtime, dir, &['s', 'p'])?;
        Ok(Self { server, connections: None, customers: 0, runtime })
    }
}

impl Contender for OnePostgres {
    fn name(&self) -> &'static str {
        "one PostgreSQL, local"
    }

    fn version(&self) -> String {
        Server::version()
    }

    fn waits(&self) -> Waits {
        Waits { fsyncs: 1, round_trips: 1 }
    }

    fn processes(&mut self) -> Vec<u32> {
        vec![self.server.postgres.engine().pid()]
    }

    fn load(&mut self, clients: usize, time: Duration) -> Result<Measured, Error> {
        if self.connections.is_none() {
            let made = self.runtime.block_on(self.server.connections(clients));
            self.connections = Some(Pool::from(made.map_err(|e| refused(&e))?));
        }
        let customers = self.connections.iter().cycle().take(clients).map(|connections| {
            self.customers += 1;
            Customer { connections: connections.clone(), rng: Rng::new(self.customers) }
        });
        let customers = customers.collect();
        Ok(self.runtime.block_on(closed_loop(customers, Until::Time(time))))
    }

    fn settle(&mut self) -> Result<(), Error> {
        if let Some(connections) = self.connections.take() {
            self.runtime.block_on(close(&connections));
        }
        Ok(())
    }

    fn fsyncs(&mut self) -> Result<Option<u64>, Error> {
        self.runtime.block_on(self.server.fsyncs()).map(Some).map_err(|e| refused(&e))
    }

    fn audit(&mut self) -> Result<Value, Error> {
        let total = self.runtime.block_on(self.server.total()).map_err(|e| refused(&e))?;
        Ok(json!(total))
    }
}
