//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! How many connections each client's address has now. Each of them may be silent for a while, so what one
//! address may hold is bounded: others find a place beside it.
//!
//! # Left out
//!
//! Limits for networks: who has many addresses has as many limits.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections by address. Addresses without any are not kept.
#[derive(Default)]
pub(super) struct Clients(Mutex<BTreeMap<IpAddr, usize>>);

/// One connection of a client. Dropping it makes room for another one.
pub(super) struct Held {
    clients: Arc<Clients>,
    client: IpAddr,
}

impl Clients {
    fn open(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more connection of this client; `None` if it has `most` already.
    pub(super) fn one_more(self: &Arc<Self>, client: IpAddr, most: usize) -> Option<Held> {
        let client = network(client);
        let mut open = self.open();
        let count = open.get(&client).copied().unwrap_or(0);
        if count >= most {
            return None;
        }
        open.insert(client, count + 1);
        Some(Held { clients: Arc::clone(self), client })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut open = self.clients.open();
        match open.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.client)),
        }
    }
}

/// One subscriber has at least all IPv6 addresses of one first half.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_so_many_connections_and_each_that_ends_makes_room() {
        let clients = Arc::new(Clients::default());
        let [a, b, c] = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
            .map(|address| address.parse::<IpAddr>().expect("an address"));
        let first = clients.one_more(a, 2).expect("none yet");
        let second = clients.one_more(b, 2).expect("one: both are in one network");
        assert!(clients.one_more(a, 2).is_none());
        assert!(clients.one_more(c, 2).is_some(), "another network");
        drop(first);
        let third = clients.one_more(a, 2).expect("one has ended");
        assert!(clients.one_more(b, 2).is_none());
        drop((second, third));
        assert!(clients.open().is_empty(), "nothing is kept about those who have left");
    }
}
