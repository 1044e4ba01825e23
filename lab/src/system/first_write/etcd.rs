//! A real etcd as the store, through its JSON gateway: one transaction, "if this key was never created,
//! put it; otherwise read it". etcd answers once a majority of its members has the row on disk.
//!
//! # Left out
//!
//! TLS and sign-in. Watching: what is kept never changes.

use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{Away, FirstWrite, Kept};
use crate::http::{Answered, Caller};
use crate::resp::BadAddress;
use crate::resp::members::Members;
use crate::system::service::BoxFuture;

/// A member that does not answer within this time is not asked further.
const WITHIN: Duration = Duration::from_secs(2);

/// An etcd, by the addresses of its members.
pub struct Etcd {
    members: Members,
    /// What all keys begin with.
    prefix: String,
    idle: Mutex<Vec<(usize, Caller)>>,
}

impl Etcd {
    /// The etcd at `etcd://HOST:PORT[,HOST:PORT…]`. All keys begin with `prefix`.
    ///
    /// # Errors
    /// That is no such address.
    pub fn at(address: &str, prefix: &str) -> Result<Self, BadAddress> {
        let members = Members::of(address, "etcd")?;
        Ok(Self { members, prefix: prefix.to_owned(), idle: Mutex::default() })
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
        Ok(Caller::new(self.members.find(member).await?).within(WITHIN))
    }

    async fn ask(&self, member: usize, question: &Value) -> Result<Answered, String> {
        let mut caller = self.connected(member).await?;
        let answer = caller.post("/v3/kv/txn", question).await.map_err(|none| none.to_string())?;
        self.idle.lock().expect("no thread panics with this lock held").push((member, caller));
        if answer.status != 200 {
            let said = answer.field("error");
            return Err(format!("{} answers {}: {said}", self.members.name(member), answer.status));
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
            let mut why = String::new();
            for member in self.members.in_turn() {
                match self.ask(member, &question).await {
                    Ok(answer) => {
                        self.members.answered(member);
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
    fn what_etcd_answers_is_read() {
        let new = json!({ "succeeded": true, "responses": [{ "response_put": {} }] });
        assert_eq!(kept(&new, b"mine"), Some(Kept { value: b"mine".to_vec(), is_new: true }));
        let there =
            json!({ "responses": [{ "response_range": { "kvs": [{ "value": "dGhlaXJz" }] } }] });
        assert_eq!(kept(&there, b"mine"), Some(Kept { value: b"theirs".to_vec(), is_new: false }));
        assert_eq!(kept(&json!({}), b"mine"), None);
    }
}
