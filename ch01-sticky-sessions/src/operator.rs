//! The operator, who changes the balancer's list of web nodes while requests are under way.

use std::sync::Arc;

use lab::{Node, NodeId};

use crate::shop::{self, Cx, Input, Shop, Summary};
use crate::types::{Msg, Timer, wait};

/// Tells balancers which web nodes there are from now on: these lists, one after the other.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Operator {
    balancers: Arc<[NodeId]>,
    lists: Arc<[Vec<NodeId>]>,
    told: usize,
}

impl Operator {
    /// An operator of these balancers.
    #[must_use]
    pub fn new(balancers: &[NodeId], lists: &[Vec<NodeId>]) -> Self {
        Self { balancers: balancers.into(), lists: lists.into(), told: 0 }
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
            cx.set_timer(Timer::Next, wait::NEXT);
        }
    }

    fn summary(&self) -> Summary {
        let told = self.told;
        Summary { line: format!("{told} lists sent"), is_done: told == self.lists.len() }
    }
}
