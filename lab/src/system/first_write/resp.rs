//! A store that serves RESP: SET with NX, and where the key has a value already, GET. Between the two
//! nothing can change, because nobody takes a row away.
//!
//! A replicated store answers once a majority of its members has the row on disk. One Redis answers for
//! itself alone: it needs `appendfsync always`, and whoever promotes its replica by hand may lose rows.
//!
//! # Left out
//!
//! See [`Servers`].

use std::time::Duration;

use super::{Away, FirstWrite, Kept};
use crate::resp::{BadAddress, Reply, Servers};
use crate::system::service::BoxFuture;

/// A server that does not answer within this time is not asked further.
const WITHIN: Duration = Duration::from_secs(2);

/// A store that serves RESP.
pub struct RespStore {
    servers: Servers,
    /// What all keys begin with.
    prefix: String,
}

impl RespStore {
    /// The store at `redis://HOST:PORT[,HOST:PORT…]`. All keys begin with `prefix`.
    ///
    /// # Errors
    /// That is no such address.
    pub fn at(address: &str, prefix: &str) -> Result<Self, BadAddress> {
        Ok(Self::on(Servers::at(address, WITHIN)?, prefix))
    }

    /// The store that these servers serve.
    #[must_use]
    pub fn on(servers: Servers, prefix: &str) -> Self {
        Self { servers, prefix: prefix.to_owned() }
    }

    async fn ask(&self, command: &[&[u8]]) -> Result<Reply, Away> {
        self.servers.call(command).await.map_err(|none| Away(none.to_string()))
    }
}

// ANCHOR: create
impl FirstWrite for RespStore {
    fn create<'a>(&'a self, key: &'a str, value: &'a [u8]) -> BoxFuture<'a, Result<Kept, Away>> {
        Box::pin(async move {
            let key = format!("{}{key}", self.prefix);
            let reply = match self.ask(&[b"SET", key.as_bytes(), value, b"NX"]).await? {
                Reply::Simple(_) => return Ok(Kept { value: value.to_vec(), is_new: true }),
                Reply::Nil => self.ask(&[b"GET", key.as_bytes()]).await?,
                other => other,
            };
            match reply {
                Reply::Bulk(value) => Ok(Kept { value: value.to_vec(), is_new: false }),
                Reply::Nil => Err(Away(format!("it has lost the row {key}"))),
                Reply::Error(said) => Err(Away(said.into_owned())),
                other => Err(Away(format!("it answers {other:?}, which is no answer to this"))),
            }
        })
    }
}
// ANCHOR_END: create
