//! Edge: makes it survive the real world. The lesson is in `step4_isolation/` of chapter 2.
//!
//! A PostgreSQL with a thousand accounts of a thousand each, and what it says about itself.
//!
//! # Left out
//!
//! Tuning. It runs as it ships, but for room: for prepared transactions and for connections.

use std::path::Path;

use lab::engines::{POSTGRES, Postgres, postgres::Options};
use lab::rng::Rng;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use crate::trouble::{Result, Trouble};

const ACCOUNTS: u64 = 1_000;
const SLOTS: u32 = 200;

/// One database server with accounts in it.
pub(super) struct Server {
    pub(super) postgres: Postgres,
}

/// What a database refused.
pub(super) fn trouble(error: &tokio_postgres::Error) -> Trouble {
    let said = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
    Trouble::new(format!("PostgreSQL: {said}"), "")
}

/// The name of one account out of a thousand.
pub(super) fn account(ledger: char, rng: &mut Rng) -> String {
    format!("{ledger}{:04}", rng.pick(0..ACCOUNTS))
}

impl Server {
    /// Starts one with these ledgers of accounts, such as `s` and `p`.
    pub(super) fn start(runtime: &Runtime, dir: &Path, ledgers: &[char]) -> Result<Self> {
        let room = ("max_connections".to_owned(), SLOTS.to_string());
        let patience = ("lock_timeout".to_owned(), "1s".to_owned());
        let options = Options {
            max_prepared_transactions: SLOTS,
            settings: vec![room, patience],
            parent: Some(dir.to_owned()),
        };
        let postgres = Postgres::start(&options).map_err(|e| {
            let fix = "`cargo guide doctor` says what is installed; if the folder is the trouble, \
                       choose one that everybody may enter with --dir";
            Trouble::new(e.to_string(), fix)
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
        let made = async {
            let client = server.connect().await?;
            client.batch_execute(&tables).await
        };
        runtime.block_on(made).map_err(|e| trouble(&e))?;
        Ok(server)
    }

    pub(super) async fn connect(&self) -> std::result::Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.postgres.url(), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// So many connections.
    pub(super) async fn lines(
        &self,
        count: usize,
    ) -> std::result::Result<Vec<Client>, tokio_postgres::Error> {
        let mut lines = Vec::new();
        while lines.len() < count {
            lines.push(self.connect().await?);
        }
        Ok(lines)
    }

    /// Forced writes so far, once everybody else has hung up: a connection says at its end what it
    /// forced and had not counted yet.
    pub(super) async fn forced(&self) -> std::result::Result<u64, tokio_postgres::Error> {
        let client = self.connect().await?;
        let others = "SELECT count(*) FROM pg_stat_activity
                      WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        loop {
            let row = client.query_one(others, &[]).await?;
            if row.try_get::<_, i64>(0)? == 0 {
                break;
            }
        }
        let row = client.query_one("SELECT wal_sync FROM pg_stat_wal", &[]).await?;
        Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
    }

    pub(super) async fn total(&self) -> std::result::Result<u64, tokio_postgres::Error> {
        let client = self.connect().await?;
        let row = client.query_one("SELECT sum(balance)::bigint FROM account", &[]).await?;
        Ok(row.try_get::<_, i64>(0)?.unsigned_abs())
    }

    pub(super) fn version() -> String {
        POSTGRES.find().map_or_else(|e| e.to_string(), |found| POSTGRES.version(&found))
    }
}
