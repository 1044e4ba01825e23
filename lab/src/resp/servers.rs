//! Asks a store that several servers serve: whichever of them takes the command.
//!
//! # Left out
//!
//! TLS and sign-in; following `-MOVED`: the next server is asked. Asking again later: only the caller can tell
//! whether that is safe.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::members::{BadAddress, Members};
use super::{Client, Reply};
use crate::run::Context;

const LOCK: &str = "no thread panics with this lock held";

/// Finds out where the servers are now.
pub type Find =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = Vec<SocketAddr>> + Send>> + Send + Sync>;

/// No server took the command. Any of them may have carried it out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoServer(pub String);

/// The servers of one store, each of which answers for all of them.
pub struct Servers {
    members: Mutex<Arc<Members>>,
    find: Option<Find>,
    within: Duration,
    idle: Mutex<Vec<(String, Client)>>,
    is_traced: bool,
}

impl Servers {
    /// Those at `redis://HOST:PORT[,HOST:PORT…]`. One that does not answer `within` this time is not waited
    /// for.
    ///
    /// # Errors
    /// That is no such address.
    pub fn at(address: &str, within: Duration) -> Result<Self, BadAddress> {
        Ok(Self::new(Members::of(address, "redis")?, None, within))
    }

    /// Those that `find` gives, which is asked again when none of those it gave takes a command.
    #[must_use]
    pub fn found(find: Find, within: Duration) -> Self {
        Self::new(Members::found(&[]), Some(find), within)
    }

    fn new(members: Members, find: Option<Find>, within: Duration) -> Self {
        let members = Mutex::new(Arc::new(members));
        Self { members, find, within, idle: Mutex::default(), is_traced: false }
    }

    /// The same, and each command carries the context of its task: the servers have to know `TRACED`, as
    /// chapter 3's do.
    #[must_use]
    pub fn traced(self) -> Self {
        Self { is_traced: true, ..self }
    }

    /// Sends a command to one server after the other, until one answers. `ERR` is an answer; all other
    /// errors, such as `TRYAGAIN` or `READONLY`, are about the server.
    ///
    /// # Errors
    /// None did. The last one's reason.
    pub async fn call(&self, command: &[&[u8]]) -> Result<Reply, NoServer> {
        let mut why = "no server is known".to_owned();
        for is_last in [self.find.is_none(), true] {
            let members = Arc::clone(&self.members.lock().expect(LOCK));
            for member in members.in_turn() {
                match self.ask(&members, member, command).await {
                    Ok(Reply::Error(said)) if !said.starts_with("ERR") => {
                        why = format!("{} answers {said}", members.name(member));
                    }
                    Ok(reply) => {
                        members.answered(member);
                        return Ok(reply);
                    }
                    Err(error) => why = error,
                }
            }
            match &self.find {
                Some(find) if !is_last => {
                    let found = Members::found(&find().await);
                    self.idle.lock().expect(LOCK).retain(|(name, _)| found.has(name));
                    *self.members.lock().expect(LOCK) = Arc::new(found);
                }
                _ => break,
            }
        }
        Err(NoServer(why))
    }

    async fn ask(
        &self,
        members: &Members,
        member: usize,
        command: &[&[u8]],
    ) -> Result<Reply, String> {
        let name = members.name(member);
        let mut client = match self.idle(name) {
            Some(client) => client,
            None => {
                let address = members.find(member).await?;
                Client::connect(address, self.within).await.map_err(|none| none.to_string())?
            }
        };
        let context = Context::current();
        let traced = [&[b"TRACED".as_slice(), context.as_bytes()], command].concat();
        let is_traced = self.is_traced && !context.is_empty();
        let reply = client.call(if is_traced { &traced } else { command }).await;
        let reply = reply.map_err(|none| {
            // The other idle ones are most likely as old, and as dead.
            self.idle.lock().expect(LOCK).retain(|(of, _)| of != name);
            none.to_string()
        })?;
        self.idle.lock().expect(LOCK).push((name.to_owned(), client));
        Ok(reply)
    }

    fn idle(&self, name: &str) -> Option<Client> {
        let mut idle = self.idle.lock().expect(LOCK);
        let found = idle.iter().position(|(of, _)| of == name)?;
        Some(idle.swap_remove(found).1)
    }
}
