//! A store that serves RESP: SET with NX, and where the key has a value already, GET. Between the two
//! nothing can change, because nobody takes a row away.
//!
//! A replicated store answers once a majority of its members has the row on disk. One Redis answers for
//! itself alone: it needs `appendfsync always`, and whoever promotes its replica by hand may lose rows.
//!
//! # Left out
//!
//! TLS and sign-in; following `-MOVED`: the next server is asked.

use std::sync::Mutex;
use std::time::Duration;

use super::members::{BadAddress, Members};
use super::{Away, FirstWrite, Kept};
use crate::resp::{Client, Reply};
use crate::system::service::BoxFuture;

/// A server that does not answer within this time is not asked further.
const WITHIN: Duration = Duration::from_secs(2);

/// A store that serves RESP, by the addresses of its servers.
pub struct RespStore {
    members: Members,
    /// What all keys begin with.
    prefix: String,
    idle: Mutex<Vec<(usize, Client)>>,
}

impl RespStore {
    /// The store at `redis://HOST:PORT[,HOST:PORT…]`. All keys begin with `prefix`.
    ///
    /// # Errors
    /// That is no such address.
    pub fn at(address: &str, prefix: &str) -> Result<Self, BadAddress> {
        let members = Members::of(address, "redis")?;
        Ok(Self { members, prefix: prefix.to_owned(), idle: Mutex::default() })
    }

    fn idle(&self, member: usize) -> Option<Client> {
        let mut idle = self.idle.lock().expect("no thread panics with this lock held");
        let found = idle.iter().position(|(of, _)| *of == member)?;
        Some(idle.swap_remove(found).1)
    }

    async fn connected(&self, member: usize) -> Result<Client, String> {
        if let Some(idle) = self.idle(member) {
            return Ok(idle);
        }
        let address = self.members.find(member).await?;
        Client::connect(address, WITHIN).await.map_err(|none| none.to_string())
    }

    async fn ask(&self, member: usize, key: &[u8], value: &[u8]) -> Result<Kept, String> {
        let mut client = self.connected(member).await?;
        let set: [&[u8]; 4] = [b"SET", key, value, b"NX"];
        let set = client.call(&set).await.map_err(|none| none.to_string())?;
        let kept = match set {
            Reply::Simple(_) => Kept { value: value.to_vec(), is_new: true },
            Reply::Nil => {
                let there = client.call(&[b"GET", key]).await.map_err(|none| none.to_string())?;
                let Reply::Bulk(value) = there else {
                    return Err(self.unexpected(member, &there));
                };
                Kept { value: value.to_vec(), is_new: false }
            }
            other => return Err(self.unexpected(member, &other)),
        };
        self.idle.lock().expect("no thread panics with this lock held").push((member, client));
        Ok(kept)
    }

    fn unexpected(&self, member: usize, reply: &Reply) -> String {
        let name = self.members.name(member);
        match reply {
            Reply::Error(said) => format!("{name} answers {said}"),
            Reply::Nil => format!("{name} has lost a row between two questions"),
            other => format!("{name} answers {other:?}, which is no answer to this question"),
        }
    }
}

impl FirstWrite for RespStore {
    fn create<'a>(&'a self, key: &'a str, value: &'a [u8]) -> BoxFuture<'a, Result<Kept, Away>> {
        Box::pin(async move {
            let key = format!("{}{key}", self.prefix);
            let mut why = String::new();
            for member in self.members.in_turn() {
                match self.ask(member, key.as_bytes(), value).await {
                    Ok(kept) => {
                        self.members.answered(member);
                        return Ok(kept);
                    }
                    Err(error) => why = error,
                }
            }
            Err(Away(why))
        })
    }
}
