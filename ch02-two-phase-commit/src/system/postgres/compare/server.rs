//! A PostgreSQL with a thousand accounts of a thousand each, and what it says about itself.
//!
//! # Left out
//!
//! Tuning. It runs as it ships, but for room: for prepared transactions and for connections.

use std::path::Path;

use deadpool::unmanaged::Pool;
use lab::engines::{POSTGRES, Postgres, postgres::Options};
use lab::measure::Error;
use lab::rng::Rng;
use tokio::runtime::Handle;
use tokio_postgres::{Client, NoTls};

const ACCOUNTS: u64 = 1_000;
const SLOTS: u32 = 200;

/// One database server with accounts in it.
pub(super) struct Server {
    pub(super) postgres: Postgres,
}

/// What a database refused.
pub(super) fn refused(error: &tokio_postgres::Error) -> Error {
    let said = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
    Error::contender("PostgreSQL", said)
}

/// The name of one account out of a thousand.
pub(super) fn account(ledger: char, rng: &mut Rng) -> String {
    format!("{ledger}{:04}", rng.pick(0..ACCOUNTS))
}

/// Waits until all of a pool are given back, and drops them.
pub(super) async fn close<T>(pool: &Pool<T>) {
    for _ in 0..pool.status().size {
        drop(pool.remove().await);
    }
}

impl Server {
    /// Starts one with these ledgers of accounts, such as `s` and `p`.
    pub(super) fn start(runtime: &Handle, dir: &Path, ledgers: &[char]) -> Result<Self, Error> {
        let room = ("max_connections".to_owned(), SLOTS.to_string());
        let patience = ("lock_timeout".to_owned(), "1s".to_owned());
        let options = Options {
            max_prepared_transactions: SLOTS,
            settings: vec![room, patience],
            parent: Some(dir.to_owned()),
        };
        let postgres = Postgres::start(&options).map_err(|e| Error::Contender {
            who: "PostgreSQL".into(),
            why: e.to_string(),
            fix:
                "`cargo guide doctor` says what is installed; if the folder is the reason, choose \
                  one that every user may enter with --dir"
                    .into(),
        })?;
        let server = Self { postgres };
        let mut tables = "CREATE TABLE account (name text PRIMARY KEY, balance bigint NOT NULL \
                          CHECK (balance >= 0));"
            .to_owned();
        for ledger in ledgers {
            tables += &format!(
                "INSERT INTO account SELECT '{ledger}' || lpad(n::text, 4, '0'), 1000 \
                 FROM generate_series(0, {}) AS n;",
                ACCOUNTS - 1
            );
        }
        let made = async { server.connect().await?.batch_execute(&tables).await };
        runtime.block_on(made).map_err(|e| refused(&e))?;
        Ok(server)
    }

    async fn connect(&self) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.postgres.url(), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// So many connections.
    pub(super) async fn connections(
        &self,
        count: usize,
    ) -> Result<Vec<Client>, tokio_postgres::Error> {
        let mut connections = Vec::new();
        while connections.len() < count {
            connections.push(self.connect().await?);
        }
        Ok(connections)
    }

    /// Fsyncs so far, once all other clients have hung up: a connection says at its end what it
    /// synced and had not counted yet.
    pub(super) async fn fsyncs(&self) -> Result<u64, tokio_postgres::Error> {
        let client = self.connect().await?;
        let others = "SELECT count(*) FROM pg_stat_activity
                      WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        while client.query_one(others, &[]).await?.try_get::<_, i64>(0)? > 0 {}
        let row = client.query_one("SELECT wal_sync FROM pg_stat_wal", &[]).await?;
        Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
    }

    /// The total of all accounts.
    pub(super) async fn total(&self) -> Result<u64, tokio_postgres::Error> {
        let client = self.connect().await?;
        let row = client.query_one("SELECT sum(balance)::bigint FROM account", &[]).await?;
        Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
    }

    pub(super) fn version() -> String {
        POSTGRES.find().map_or_else(|e| e.to_string(), |found| POSTGRES.version(&found))
    }
}
