//! The operator, who changes the balancer's list of web nodes while requests are under way.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use lab::{Node, NodeId};

use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{Msg, Timer, wait};

/// Tells balancers which web nodes there are from now on: these lists, one after the other.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Operator {
    balancers: Arc<[NodeId]>,
    lists: Arc<[Vec<NodeId>]>,
    told: usize,
    /// How long it waits before each list.
    waits: Range<Duration>,
}

impl Operator {
    /// An operator of these balancers.
    #[must_use]
    pub fn new(balancers: &[NodeId], lists: &[Vec<NodeId>]) -> Self {
        let (balancers, lists) = (balancers.into(), lists.into());
        Self { balancers, lists, told: 0, waits: wait::NEXT }
    }

    /// The same, but it waits so long before each list.
    #[must_use]
    pub fn waiting(self, wait: Duration) -> Self {
        Self { waits: wait..wait + Duration::from_micros(1), ..self }
    }
}

impl Node for Operator {
    type Protocol = Shop;

    fn step(&mut self, input: Input, cx: &mut Cx) {
        match input {
            Input::Boot { .. } => {}
            Input::Timeout(_) => {
                let webs = self.lists[self.told].clone();
                self.told += 1;
                for balancer in self.balancers.iter() {
                    cx.send(*balancer, Msg::Pool { webs: webs.clone() });
                }
            }
            Input::Message { msg, .. } => return shop::ignore(&msg),
            Input::Replay(record) => shop::foreign_record(&record),
            Input::Disconnected(_) => return,
        }
        if self.told < self.lists.len() {
            cx.set_timer(Timer::Next, self.waits.clone());
        }
    }

    fn summary(&self) -> Summary {
        let told = self.told;
        Summary { line: format!("{told} lists sent"), is_done: told == self.lists.len() }
    }
}
