//! One connection to a store, ours or another one, and the three things that all of them can do.
//!
//! # Left out
//!
//! Asking again: only the caller knows what an answer that did not come means.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use lab::engines::EtcdClient;
use lab::measure::{Error, Failed};
use lab::resp::{Client, Reply};

/// So many clients share a connection to etcd, as its own tools do; RESP takes one each.
const SHARE: usize = 32;

/// Which protocol a store speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wire {
    /// RESP, as Redis.
    Redis,
    /// RESP, as our replicas: reads are told to go beside the log.
    Ours,
    /// gRPC.
    Etcd,
}

/// Why a request has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// It was refused: nothing was done.
    NotDone,
    /// It may be done, now or later.
    Unknown,
}

impl From<Failure> for Failed {
    fn from(_: Failure) -> Self {
        Self
    }
}

/// A reply that is none of those that were expected.
fn unexpected<E>(reply: Result<Reply, E>) -> Failure {
    match reply {
        Ok(Reply::Error(why)) if !why.starts_with("UNKNOWN") => Failure::NotDone,
        Ok(_) | Err(_) => Failure::Unknown,
    }
}

/// A connection.
pub(super) enum Connection {
    Resp(Client),
    Etcd(EtcdClient),
}

impl Wire {
    /// Connects one client.
    pub(super) async fn connect(
        self,
        server: SocketAddr,
        deadline: Duration,
    ) -> Result<Connection, Error> {
        let none = |why: &dyn ToString| Error::contender(server.to_string(), why.to_string());
        if self == Self::Etcd {
            let client = EtcdClient::connect(server, deadline).await;
            return client.map(Connection::Etcd).map_err(|why| none(&why));
        }
        let mut client = Client::connect(server, deadline).await.map_err(|why| none(&why))?;
        if self == Self::Ours {
            client.call(&["READMODE", "index"]).await.map_err(|why| none(&why))?;
        }
        Ok(Connection::Resp(client))
    }

    /// Connects so many clients.
    pub(super) async fn connect_all(
        self,
        server: SocketAddr,
        deadline: Duration,
        clients: usize,
    ) -> Result<Vec<Connection>, Error> {
        let mut all = Vec::with_capacity(clients);
        while all.len() < clients {
            let shared = match all.last() {
                Some(Connection::Etcd(client)) if all.len() % SHARE != 0 => Some(client.clone()),
                _ => None,
            };
            all.push(match shared {
                Some(client) => Connection::Etcd(client),
                None => self.connect(server, deadline).await?,
            });
        }
        Ok(all)
    }
}

impl Connection {
    /// Puts a value there.
    pub(super) async fn put(&mut self, key: &str, value: &[u8]) -> Result<(), Failure> {
        match self {
            Self::Resp(client) => match client.call(&[b"SET", key.as_bytes(), value]).await {
                Ok(Reply::Simple(_)) => Ok(()),
                other => Err(unexpected(other)),
            },
            Self::Etcd(client) => {
                client.put(key.as_bytes(), value).await.map_err(|_| Failure::Unknown)
            }
        }
    }

    /// What is there; linearizable.
    pub(super) async fn get(&mut self, key: &str) -> Result<Option<Bytes>, Failure> {
        match self {
            Self::Resp(client) => match client.call(&["GET", key]).await {
                Ok(Reply::Bulk(value)) => Ok(Some(value)),
                Ok(Reply::Nil) => Ok(None),
                other => Err(unexpected(other)),
            },
            Self::Etcd(client) => {
                let found = client.get(key.as_bytes(), false).await;
                let found = found.map_err(|_| Failure::Unknown)?;
                Ok(found.map(|found| found.value))
            }
        }
    }

    /// The least that this protocol can do: a PING; etcd has none, and reads from what the member has.
    pub(super) async fn ping(&mut self, key: &str) -> Result<(), Failure> {
        match self {
            Self::Resp(client) => match client.call(&["PING"]).await {
                Ok(Reply::Simple(_)) => Ok(()),
                other => Err(unexpected(other)),
            },
            Self::Etcd(client) => {
                let found = client.get(key.as_bytes(), true).await;
                found.map(|_| ()).map_err(|_| Failure::Unknown)
            }
        }
    }
}
