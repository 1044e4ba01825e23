//! A process of the coordinator's program: a coordinator, or in a small world the store.

use std::collections::BTreeMap;

use lab::{Node, NodeId};

use super::STORE;
use super::server::Server;
use crate::deeper::{Msg as Deeper, Record as Kept};
use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{Key, Msg, Record};

/// What a process of this program is: its own id says it, at its first input.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
enum Kind {
    #[default]
    Asleep,
    Server(Server),
    Store(Store),
}

/// `coord`, `coord-2` or `store`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Coordinator(Kind);

/// The store as a node, for small worlds. The runnable system has an etcd in its place.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Store {
    rows: BTreeMap<Key, Record>,
}

impl Store {
    // ANCHOR: on_decide
    /// The first row of a key stays. Every question is answered with that.
    fn on_decide(&mut self, from: NodeId, record: Record, cx: &mut Cx) {
        let Record::Decided { key, .. } = &record else { return };
        if !self.rows.contains_key(key) {
            cx.persist(Record::Deeper(Kept::Kept(Box::new(record.clone()))));
            self.rows.insert(key.clone(), record.clone());
        }
        let record = Box::new(self.rows[key].clone());
        cx.send(from, Msg::Deeper(Deeper::Decision { record }));
    }
    // ANCHOR_END: on_decide

    fn on_replay(&mut self, record: Record) {
        if let Record::Decided { key, .. } = &record {
            self.rows.insert(key.clone(), record);
        }
    }
}

impl Node for Coordinator {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        if self.0 == Kind::Asleep {
            let store = cx.me() == STORE;
            self.0 =
                if store { Kind::Store(Store::default()) } else { Kind::Server(Server::default()) };
        }
        match (&mut self.0, input) {
            (Kind::Store(store), Input::Replay(Record::Deeper(Kept::Kept(record)))) => {
                store.on_replay(*record);
            }
            (
                Kind::Store(store),
                Input::Message { from, msg: Msg::Deeper(Deeper::Decide { record }) },
            ) => store.on_decide(from, *record, cx),
            (Kind::Server(_), Input::Replay(record)) => shop::foreign_record(&record),
            (Kind::Server(server), Input::Boot { start }) => server.on_boot(start, cx),
            (Kind::Server(server), Input::Message { from, msg }) => {
                server.on_message(from, msg, cx);
            }
            (Kind::Server(server), Input::Timeout(timer)) => server.on_timeout(timer, cx),
            _ => {}
        }
    }

    fn summary(&self) -> Summary {
        match &self.0 {
            Kind::Asleep => Summary::default(),
            Kind::Store(store) => {
                Summary::coordinator([], shop::list("decided:", store.rows.keys()))
            }
            Kind::Server(server) => server.summary(),
        }
    }
}
