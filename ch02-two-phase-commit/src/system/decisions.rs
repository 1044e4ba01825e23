//! The decisions in a store that runs elsewhere: what stands between the coordinators' messages and its
//! rows. A row's key is the request's, its value the record as JSON, so that `redis-cli` or `etcdctl`
//! shows it.

use lab::resp::BadAddress;
use lab::system::{Asked, Error, FirstWrite, RespStore, RoleConfig, StoreService, StoreWords};

use crate::deeper::Msg as Deeper;
use crate::types::{Msg, Record};

const WORDS: StoreWords<Msg> = StoreWords { question, answer };

/// Whether an address names an etcd; then a build needs the feature `engines`.
pub(super) fn is_etcd(address: &str) -> bool {
    address.starts_with("etcd:")
}

/// Whether a store may be there.
pub(super) fn check(address: &str) -> Result<(), Error> {
    store(address, "").map(drop)
}

/// Starts the role `store` on the store at an address.
///
/// # Errors
/// The address is none, or it cannot listen.
pub(super) fn start(config: &RoleConfig, address: &str) -> Result<StoreService<Msg>, Error> {
    start_on(config, address.to_owned(), store(address, &prefix(config.cluster))?)
}

/// Starts the role `store` on a store, which is called `name` in reports and has its own keys under
/// [`prefix`].
///
/// # Errors
/// It cannot listen.
pub fn start_on(
    config: &RoleConfig,
    name: String,
    store: Box<dyn FirstWrite>,
) -> Result<StoreService<Msg>, Error> {
    StoreService::start(config, name, store, WORDS)
}

/// What the keys of a cluster begin with.
#[must_use]
pub fn prefix(cluster: u64) -> String {
    format!("ch02/{cluster:x}/")
}

fn store(address: &str, prefix: &str) -> Result<Box<dyn FirstWrite>, Error> {
    let refused = |bad: BadAddress| Error::Refused(bad.to_string());
    if is_etcd(address) {
        return etcd(address, prefix).map_err(refused);
    }
    if !address.starts_with("redis:") {
        let why = "write --decisions redis://HOST:PORT,… for chapter 3's store or a Redis, or \
                   etcd://HOST:PORT,… for an etcd";
        return Err(Error::Refused(format!("{address:?} names no store: {why}")));
    }
    Ok(Box::new(RespStore::at(address, prefix).map_err(refused)?))
}

#[cfg(feature = "engines")]
fn etcd(address: &str, prefix: &str) -> Result<Box<dyn FirstWrite>, BadAddress> {
    Ok(Box::new(lab::system::Etcd::at(address, prefix)?))
}

#[cfg(not(feature = "engines"))]
fn etcd(_address: &str, _prefix: &str) -> Result<Box<dyn FirstWrite>, BadAddress> {
    unreachable!("a build without a client of etcd refuses its address before it starts a role")
}

fn question(msg: &Msg) -> Option<Asked> {
    let Msg::Deeper(Deeper::Decide { record }) = msg else { return None };
    let Record::Decided { key, .. } = &**record else { return None };
    let value = serde_json::to_vec(record).expect("plain data always serialises");
    Some(Asked { key: format!("order/{key}"), value })
}

fn answer(value: &[u8]) -> Option<Msg> {
    let record: Record = serde_json::from_slice(value).ok()?;
    matches!(record, Record::Decided { .. })
        .then(|| Msg::Deeper(Deeper::Decision { record: Box::new(record) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Key, Outcome, TxId};
    use crate::worlds::umbrella;

    #[test]
    fn an_address_names_a_store_or_is_refused_with_the_form_of_one() {
        check("redis://127.0.0.1:7001,127.0.0.1:7002").unwrap();
        for bad in ["", "127.0.0.1:7001", "http://a:1", "redis://", "redis://nowhere"] {
            let refused = check(bad).unwrap_err().to_string();
            assert!(refused.contains("redis://HOST:PORT"), "{bad}: {refused}");
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_put() {
        let record = Record::Decided {
            tx: TxId { start: 3, count: 4, attempt: 5 },
            key: Key::new("k"),
            order: umbrella(3),
            outcome: Outcome::done(),
        };
        let asked = Msg::Deeper(Deeper::Decide { record: Box::new(record.clone()) });
        let Asked { key, value } = question(&asked).unwrap();
        assert_eq!(key, "order/k");
        let told = Msg::Deeper(Deeper::Decision { record: Box::new(record) });
        assert_eq!(answer(&value), Some(told));
        assert_eq!(answer(b"yes"), None);
    }
}
