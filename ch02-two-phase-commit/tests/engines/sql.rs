//! One connection to ask PostgreSQL directly.

use lab::engines::{Postgres, postgres};
use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// A PostgreSQL with room for so many prepared transactions.
pub(crate) fn postgres(slots: u32) -> Postgres {
    Postgres::start(&postgres::Options::with_slots(slots)).unwrap_or_else(|e| panic!("{e}"))
}

/// A connection, and the runtime it runs on.
pub(crate) struct Sql {
    pub(crate) runtime: Runtime,
    pub(crate) client: Client,
}

impl Sql {
    pub(crate) fn to(postgres: &Postgres) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let connected = runtime.block_on(tokio_postgres::connect(&postgres.url(), NoTls));
        let (client, connection) = connected.unwrap();
        runtime.spawn(connection);
        Self { runtime, client }
    }

    /// Runs statements; the code of the error, if it is one.
    pub(crate) fn run(&self, text: &str) -> Result<(), SqlState> {
        let said = self.runtime.block_on(self.client.batch_execute(text));
        said.map_err(|error| error.code().cloned().unwrap_or_else(|| panic!("{text}: {error}")))
    }

    /// The first column of every row.
    pub(crate) fn ask(&self, text: &str) -> Vec<String> {
        let said = self.runtime.block_on(self.client.simple_query(text));
        let said = said.unwrap_or_else(|error| panic!("{text}: {error:?}"));
        let rows = said.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("null").to_owned()),
            _ => None,
        });
        rows.collect()
    }

    /// The names of what is prepared.
    pub(crate) fn prepared(&self) -> Vec<String> {
        self.ask("SELECT gid FROM pg_prepared_xacts ORDER BY gid")
    }

    /// The balance of one account of `pay`.
    pub(crate) fn balance(&self, account: &str) -> String {
        let text = format!("SELECT balance FROM ch02_pay.account WHERE name = '{account}'");
        self.ask(&text).remove(0)
    }
}
