//! The store: a log with one owner at a time.

use lab::NodeId;

use crate::deeper::{Msg as Deeper, Record as Kept};
use crate::shop::Cx;
use crate::types::{Msg, Record};

/// A log, and the epoch it belongs to.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Store {
    epoch: u64,
    log: Vec<Record>,
}

impl Store {
    // ANCHOR: on_write
    /// A new owner. From here on nothing older is written.
    pub(super) fn on_take_over(&mut self, from: NodeId, epoch: u64, cx: &mut Cx) {
        if epoch > self.epoch {
            self.epoch = epoch;
            cx.persist(Record::Deeper(Kept::Epoch(epoch)));
        }
        if epoch == self.epoch {
            cx.send(from, Msg::Deeper(Deeper::Yours { epoch, log: self.log.clone() }));
        }
    }

    pub(super) fn on_write(&mut self, from: NodeId, epoch: u64, record: Box<Record>, cx: &mut Cx) {
        if epoch < self.epoch {
            cx.send(from, Msg::Deeper(Deeper::TakeOver { epoch: self.epoch }));
            return;
        }
        if !self.log.contains(&record) {
            self.log.push((*record).clone());
            cx.persist(Record::Deeper(Kept::Kept(record.clone())));
        }
        cx.send(from, Msg::Deeper(Deeper::Written { epoch, record }));
    }
    // ANCHOR_END: on_write

    pub(super) fn on_replay(&mut self, record: Kept) {
        match record {
            Kept::Epoch(epoch) => self.epoch = epoch,
            Kept::Kept(record) => self.log.push(*record),
            other => unreachable!("a store does not write {other}"),
        }
    }

    pub(super) fn line(&self) -> String {
        format!("epoch {}, {} records", self.epoch, self.log.len())
    }
}
