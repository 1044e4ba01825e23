//! A few connections, and a bound on every wait. A transaction has its connection to itself until
//! it is prepared; then it belongs to no connection, and any connection may end it. Tasks that end
//! transactions have connections of their own: otherwise tasks that wait for a lock could take the
//! last one from the task that would release it.
//!
//! Not the pool of a crate: in `deadpool` a connection that is dropped goes back, and the next to take
//! it would be inside whatever transaction a cancelled task left open on it. Here it is hung up.
//!
//! # Left out
//!
//! TLS. A pool that grows: PostgreSQL is no faster with more than a few per core.

use std::ops::Deref;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error, NoTls};

use super::unfit::words;

const BEGINNING: usize = 12;
const ENDING: usize = 4;
/// For a new connection, and for a task that begins on one to give it back.
const PATIENCE: Duration = Duration::from_millis(400);
/// For anything that is asked of the database. Longer than it lets a statement run itself.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// The settings of every connection. A vote is awaited for less than a second, so no transaction
/// waits for a lock for longer than half of that.
const SETTINGS: [(&str, &str); 4] = [
    ("lock_timeout", "400ms"),
    ("statement_timeout", "3s"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("synchronous_commit", "on"),
];

/// What a connection is wanted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lane {
    Begin,
    End,
}

/// All connections but one: `bank.rs` keeps that.
pub(super) struct Pool {
    config: Config,
    beginning: Semaphore,
    ending: Semaphore,
    idle: Mutex<Vec<Client>>,
}

/// A connection on loan. Dropping it hangs up, and PostgreSQL takes back whatever was begun on it.
pub(super) struct Line<'a> {
    client: Client,
    pool: &'a Pool,
    _place: SemaphorePermit<'a>,
}

impl Deref for Line<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Line<'_> {
    /// Gives it back. Only for one on which no transaction is open.
    pub(super) fn give_back(self) {
        if !self.client.is_closed() {
            self.pool.idle.lock().expect("no thread panics with this lock held").push(self.client);
        }
    }
}

impl Pool {
    /// `schema` is where the tables of this participant are.
    pub(super) fn new(mut config: Config, schema: &str) -> Self {
        let own = SETTINGS.map(|(name, value)| format!("-c {name}={value}")).join(" ");
        let theirs = config.get_options().unwrap_or_default().to_owned();
        // The last one counts: what keeps promises safe stands behind what the address asks for.
        config.options(format!("{theirs} {own} -c search_path={schema}"));
        config.application_name(format!("fun-topics {schema}"));
        config.connect_timeout(PATIENCE);
        let (beginning, ending) = (Semaphore::new(BEGINNING), Semaphore::new(ENDING));
        Self { config, beginning, ending, idle: Mutex::default() }
    }

    /// One more connection, outside the lanes.
    pub(super) async fn connect(&self) -> Result<Client, Error> {
        let (client, connection) = self.config.connect(NoTls).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = words(&error), "a connection to PostgreSQL ended");
            }
        });
        Ok(client)
    }

    /// A connection, or why there is none.
    pub(super) async fn line(&self, lane: Lane) -> Result<Line<'_>, String> {
        // A task that begins may be refused. One that ends must not be.
        let (places, patience) = match lane {
            Lane::Begin => (&self.beginning, PATIENCE),
            Lane::End => (&self.ending, LIMIT),
        };
        let Ok(Ok(place)) = timeout(patience, places.acquire()).await else {
            return Err("all connections to the database are in use".into());
        };
        let client = match self.idle() {
            Some(client) => client,
            None => match timeout(PATIENCE, self.connect()).await {
                Ok(connected) => connected
                    .map_err(|error| format!("the database does not answer: {}", words(&error)))?,
                Err(_) => return Err("the database does not answer in time".into()),
            },
        };
        Ok(Line { client, pool: self, _place: place })
    }

    fn idle(&self) -> Option<Client> {
        let mut idle = self.idle.lock().expect("no thread panics with this lock held");
        while let Some(client) = idle.pop() {
            if !client.is_closed() {
                return Some(client);
            }
        }
        None
    }
}
