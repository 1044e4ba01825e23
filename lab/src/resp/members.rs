//! The servers of one store, as an address names them, and which of them is asked first.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Not the address of such a store.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{address:?} is no address of this store; write {scheme}://HOST:PORT, with commas between its servers"
)]
pub struct BadAddress {
    address: String,
    scheme: &'static str,
}

/// The servers of one store. Each can answer for all of them.
#[derive(Debug)]
pub(crate) struct Members {
    names: Vec<String>,
    /// The one that answered last.
    at: AtomicUsize,
}

impl Members {
    /// Those of `scheme://HOST:PORT[,HOST:PORT…]`.
    pub(crate) fn of(address: &str, scheme: &'static str) -> Result<Self, BadAddress> {
        // What stands before an @ may be a password.
        let shown = address.rsplit('@').next().unwrap_or_default();
        let bad = || BadAddress { address: shown.to_owned(), scheme };
        let rest = address.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
        let names = rest.ok_or_else(bad)?.split(',');
        let names: Vec<String> = names.map(|one| one.trim_end_matches('/').to_owned()).collect();
        let is_one = |one: &String| {
            let parts = one.rsplit_once(':');
            parts.is_some_and(|(host, port)| {
                let plain = !host.is_empty() && !host.contains(['/', '@', ' ']);
                plain && port.parse::<u16>().is_ok_and(|port| port > 0)
            })
        };
        if !names.iter().all(is_one) {
            return Err(bad());
        }
        Ok(Self { names, at: AtomicUsize::new(0) })
    }

    /// Those that were found somewhere.
    pub(crate) fn found(all: &[SocketAddr]) -> Self {
        let names = all.iter().map(ToString::to_string).collect();
        Self { names, at: AtomicUsize::new(0) }
    }

    pub(crate) fn name(&self, member: usize) -> &str {
        &self.names[member]
    }

    /// Whether one of them is called so.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// All of them, that which answered last first.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = usize> + use<> {
        let (count, first) = (self.names.len(), self.at.load(Relaxed));
        (0..count).map(move |next| (first + next) % count)
    }

    /// This one answered.
    pub(crate) fn answered(&self, member: usize) {
        self.at.store(member, Relaxed);
    }

    /// Where it is now.
    pub(crate) async fn find(&self, member: usize) -> Result<SocketAddr, String> {
        let name = &self.names[member];
        let found = tokio::net::lookup_host(name.as_str()).await;
        let mut found = found.map_err(|error| format!("{name}: {error}"))?;
        found.next().ok_or_else(|| format!("{name} has no address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_one_server_or_several() {
        for good in ["etcd://127.0.0.1:2379", "etcd://a:1,b:2,c:3", "etcd://[::1]:2379/"] {
            assert!(Members::of(good, "etcd").is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:2379",
            "http://a:1",
            "redis://a:1",
            "etcd://",
            "etcd://a",
            "etcd://a:0",
            "etcd://a:1,",
            "etcd://u:p@a:1",
        ] {
            assert!(Members::of(bad, "etcd").is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refused_address_does_not_show_a_password() {
        let refused = Members::of("redis://:secret@a:1", "redis").unwrap_err().to_string();
        assert!(refused.contains("a:1") && !refused.contains("secret"), "{refused}");
    }

    #[test]
    fn who_answered_last_is_asked_first() {
        let members = Members::of("redis://a:1,b:2,c:3", "redis").unwrap();
        members.answered(1);
        assert_eq!(members.in_turn().collect::<Vec<_>>(), [1, 2, 0]);
    }
}
