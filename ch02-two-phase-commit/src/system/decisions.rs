//! The decisions in a real etcd: what stands between the coordinators' messages and its rows. A row's key
//! is the request's, its value the record as JSON, so that `etcdctl get --prefix ch02/` shows it.

use lab::system::{Asked, Error, Etcd, RoleConfig, StoreService, StoreWords};

use crate::deeper::Msg as Deeper;
use crate::types::{Msg, Record};

const WORDS: StoreWords<Msg> = StoreWords { question, answer };

/// Whether an etcd may be there.
pub(super) fn check(address: &str) -> Result<(), Error> {
    Etcd::at(address, "").map(drop).map_err(|bad| Error::Refused(bad.to_string()))
}

/// Starts the role `store`.
///
/// # Errors
/// The address is none, or it cannot listen.
pub(super) fn start(config: &RoleConfig, address: &str) -> Result<StoreService<Msg>, Error> {
    let prefix = format!("ch02/{:x}/", config.cluster);
    let etcd = Etcd::at(address, &prefix).map_err(|bad| Error::Refused(bad.to_string()))?;
    StoreService::start(config, address.to_owned(), Box::new(etcd), WORDS)
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
