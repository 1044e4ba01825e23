//! Clients that stay connected between requests. An edge that connected once per request would use
//! up the ids of its start one day; with a pool it needs as many as it ever has requests at once.
//!
//! # Left out
//!
//! Shrinking: an idle client costs one place among the clients a node lets in, and little memory.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard};

use super::clients::{Client, Clients, Refused};
use crate::Protocol;

type Idle<P> = Arc<Mutex<Vec<Client<P>>>>;

/// The clients of one edge; cheap to clone, for its handlers.
pub struct ClientPool<P: Protocol> {
    clients: Clients<P>,
    idle: Idle<P>,
}

impl<P: Protocol> Clone for ClientPool<P> {
    fn clone(&self) -> Self {
        Self { clients: self.clients.clone(), idle: Arc::clone(&self.idle) }
    }
}

impl<P: Protocol> ClientPool<P> {
    /// A pool without a client in it yet.
    #[must_use]
    pub fn new(clients: Clients<P>) -> Self {
        Self { clients, idle: Arc::default() }
    }

    /// A client for one request. It goes back when that is [`Pooled::answered`]; otherwise its
    /// connection ends, and a late answer with it: no request is given the answer to another one.
    ///
    /// # Errors
    /// There are too many, or the driver has ended.
    pub fn take(&self) -> Result<Pooled<P>, Refused> {
        let client = Some(self.connected()?);
        Ok(Pooled { client, idle: Arc::clone(&self.idle) })
    }

    fn connected(&self) -> Result<Client<P>, Refused> {
        loop {
            // Not in the condition of a `while let`: dropping a client must not hold the lock.
            let idle = lock(&self.idle).pop();
            let Some(mut client) = idle else { return self.clients.connect() };
            if client.forget_replies() {
                return Ok(client);
            }
        }
    }
}

/// A client on loan. Dropping it ends its connection.
pub struct Pooled<P: Protocol> {
    client: Option<Client<P>>,
    idle: Idle<P>,
}

impl<P: Protocol> Pooled<P> {
    /// Gives it back: everything it asked was answered.
    pub fn answered(mut self) {
        lock(&self.idle).extend(self.client.take());
    }
}

impl<P: Protocol> Deref for Pooled<P> {
    type Target = Client<P>;

    fn deref(&self) -> &Client<P> {
        self.client.as_ref().expect("it is there until it is given back")
    }
}

impl<P: Protocol> DerefMut for Pooled<P> {
    fn deref_mut(&mut self) -> &mut Client<P> {
        self.client.as_mut().expect("it is there until it is given back")
    }
}

fn lock<P: Protocol>(idle: &Idle<P>) -> MutexGuard<'_, Vec<Client<P>>> {
    idle.lock().expect("no thread panics with this lock held")
}

#[cfg(test)]
mod tests {
    use super::super::clients::tests::node;
    use super::super::context::Context;
    use super::super::inbox::Arrival;
    use super::super::inbox::Reply;
    use super::*;

    #[test]
    fn as_many_ids_are_used_as_there_are_requests_at_once() {
        let (clients, mut arrivals) = node(8);
        let pool = ClientPool::new(clients);
        for _ in 0..100 {
            let three = [(); 3].map(|()| pool.take().unwrap());
            three.into_iter().for_each(Pooled::answered);
        }
        let mut opened = 0;
        while let Ok((_, arrival)) = arrivals.try_recv() {
            assert!(matches!(arrival, Arrival::Connected { .. }), "and none of them ends");
            opened += 1;
        }
        assert_eq!(opened, 3);
    }

    #[test]
    fn a_client_whose_answer_is_still_to_come_is_not_used_again() {
        let (clients, mut arrivals) = node(8);
        let pool = ClientPool::new(clients);
        let asked = pool.take().unwrap();
        let id = asked.id();
        drop(asked);
        assert_ne!(pool.take().unwrap().id(), id);
        let ended = std::iter::from_fn(|| arrivals.try_recv().ok());
        assert!(
            ended.into_iter().any(|(_, a)| matches!(a, Arrival::Disconnected(gone) if gone == id))
        );
    }

    #[test]
    fn a_client_that_waits_for_nothing_is_replaced_once_its_connection_is_over() {
        let (clients, mut arrivals) = node(8);
        let pool = ClientPool::new(clients);
        pool.take().unwrap().answered();
        let Ok((_, Arrival::Connected { id, replies })) = arrivals.try_recv() else {
            panic!("none")
        };
        let extra = Reply { msg: "extra".to_owned(), context: Context::default() };
        assert!(replies.try_send(extra).is_ok());
        let mut again = pool.take().unwrap();
        assert_eq!(again.id(), id);
        assert!(again.forget_replies(), "it still stands");
        again.answered();
        drop(replies);
        assert_ne!(pool.take().unwrap().id(), id);
    }
}
