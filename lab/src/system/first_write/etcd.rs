//! A real etcd as the store, through its JSON gateway: one transaction, "if this key was never created,
//! put it; otherwise read it". etcd answers once a majority of its members has the row on disk.
//!
//! # Left out
//!
//! TLS and sign-in. Watching: what is kept never changes.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{Away, FirstWrite, Kept};
use crate::http::{Answered, Caller};
use crate::system::service::BoxFuture;

/// A member that does not answer within this time is not asked further.
const WITHIN: Duration = Duration::from_secs(2);

/// An etcd, by the addresses of its members.
pub struct Etcd {
    members: Vec<String>,
    /// What all keys begin with.
    prefix: String,
    /// The member that answered last.
    at: AtomicUsize,
    idle: Mutex<Vec<(usize, Caller)>>,
}

/// Not the address of an etcd.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is no address of an etcd; write etcd://HOST:PORT, with commas between its members")]
pub struct BadAddress(String);

impl Etcd {
    /// The etcd at `etcd://HOST:PORT[,HOST:PORT…]`. All keys begin with `prefix`.
    ///
    /// # Errors
    /// That is no such address.
    pub fn at(address: &str, prefix: &str) -> Result<Self, BadAddress> {
        let bad = || BadAddress(address.to_owned());
        let members = address.strip_prefix("etcd://").ok_or_else(bad)?.split(',');
        let members: Vec<String> =
            members.map(|one| one.trim_end_matches('/').to_owned()).collect();
        let is_one = |one: &String| {
            let parts = one.rsplit_once(':');
            parts.is_some_and(|(host, port)| {
                let plain = !host.is_empty() && !host.contains(['/', '@', ' ']);
                plain && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
        };
        if !members.iter().all(is_one) {
            return Err(bad());
        }
        let (at, idle) = (AtomicUsize::new(0), Mutex::default());
        Ok(Self { members, prefix: prefix.to_owned(), at, idle })
    }

    fn idle(&self, member: usize) -> Option<Caller> {
        let mut idle = self.idle.lock().expect("no thread panics with this lock held");
        let found = idle.iter().position(|(of, _)| *of == member)?;
        Some(idle.swap_remove(found).1)
    }

    async fn connected(&self, member: usize) -> Result<Caller, String> {
        if let Some(idle) = self.idle(member) {
            return Ok(idle);
        }
        let name = &self.members[member];
        let found = tokio::net::lookup_host(name.as_str()).await;
        let mut found = found.map_err(|error| format!("{name}: {error}"))?;
        let address: SocketAddr = found.next().ok_or_else(|| format!("{name} has no address"))?;
        Ok(Caller::new(address).within(WITHIN))
    }

    async fn ask(&self, member: usize, question: &Value) -> Result<Answered, String> {
        let mut caller = self.connected(member).await?;
        let answer = caller.post("/v3/kv/txn", question).await.map_err(|none| none.to_string())?;
        self.idle.lock().expect("no thread panics with this lock held").push((member, caller));
        if answer.status != 200 {
            let said = answer.field("error");
            return Err(format!("{} answers {}: {said}", self.members[member], answer.status));
        }
        Ok(answer)
    }
}

/// What stands in the answer to the transaction.
fn kept(answer: &Value, value: &[u8]) -> Option<Kept> {
    if answer["succeeded"] == json!(true) {
        return Some(Kept { value: value.to_vec(), is_new: true });
    }
    let there = answer["responses"][0]["response_range"]["kvs"][0]["value"].as_str()?;
    Some(Kept { value: BASE64_STANDARD.decode(there).ok()?, is_new: false })
}

impl FirstWrite for Etcd {
    fn create<'a>(&'a self, key: &'a str, value: &'a [u8]) -> BoxFuture<'a, Result<Kept, Away>> {
        Box::pin(async move {
            let key = BASE64_STANDARD.encode(format!("{}{key}", self.prefix));
            let never = json!({ "key": key, "target": "CREATE", "result": "EQUAL", "create_revision": "0" });
            let put =
                json!({ "request_put": { "key": key, "value": BASE64_STANDARD.encode(value) } });
            let read = json!({ "request_range": { "key": key } });
            let question = json!({ "compare": [never], "success": [put], "failure": [read] });
            let (count, first) = (self.members.len(), self.at.load(Relaxed));
            let mut why = String::new();
            for member in (0..count).map(|next| (first + next) % count) {
                match self.ask(member, &question).await {
                    Ok(answer) => {
                        self.at.store(member, Relaxed);
                        let none = || Away("etcd answers in words of another version".into());
                        return kept(&answer.body, value).ok_or_else(none);
                    }
                    Err(error) => why = error,
                }
            }
            Err(Away(why))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_one_member_or_several() {
        for good in ["etcd://127.0.0.1:2379", "etcd://a:1,b:2,c:3", "etcd://[::1]:2379/"] {
            assert!(Etcd::at(good, "").is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:2379",
            "http://a:1",
            "etcd://",
            "etcd://a",
            "etcd://a:0",
            "etcd://a:1,",
            "etcd://u:p@a:1",
        ] {
            assert!(Etcd::at(bad, "").is_err(), "{bad}");
        }
    }

    #[test]
    fn what_etcd_answers_is_read() {
        let new = json!({ "succeeded": true, "responses": [{ "response_put": {} }] });
        assert_eq!(kept(&new, b"mine"), Some(Kept { value: b"mine".to_vec(), is_new: true }));
        let there =
            json!({ "responses": [{ "response_range": { "kvs": [{ "value": "dGhlaXJz" }] } }] });
        assert_eq!(kept(&there, b"mine"), Some(Kept { value: b"theirs".to_vec(), is_new: false }));
        assert_eq!(kept(&json!({}), b"mine"), None);
    }
}
