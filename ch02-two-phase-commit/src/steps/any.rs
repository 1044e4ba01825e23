//! Any coordinator and any participant of this chapter, as one type each. The explorer, the simulator
//! and the page are compiled once for all designs instead of once for each.

use lab::node::delegate;
use lab::{Cx, Input, Node};

use crate::accounts::Accounts;
use crate::deeper::{
    fencing, one_phase, paxos_commit, read_only, termination, three_phase_commit as three_phase,
};
use crate::shop::{Keeper, Part};
use crate::types::{Account, Msg, Note, Record, Timer, TxId};
use crate::{
    step1_no_coordination as step1, step2_two_phases as step2, step3_log_first as step3,
    step4_isolation as step4, step5_saga as step5,
};

/// A coordinator of one of the designs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Coordinator {
    /// Step 1.
    Step1(step1::Coordinator),
    /// Step 2.
    Step2(step2::Coordinator),
    /// Step 3.
    Step3(step3::Coordinator),
    /// Step 4.
    Step4(step4::Coordinator),
    /// Step 5.
    Step5(step5::Coordinator),
    /// Step 3's, which names the peers.
    Termination(termination::Coordinator<step3::Coordinator>),
    /// Three-phase commit.
    ThreePhase(three_phase::Coordinator),
    /// Paxos Commit.
    Paxos(paxos_commit::Coordinator),
    /// One of two, or their store.
    Fencing(fencing::Coordinator),
    /// Step 3's, which hands over orders of one.
    OnePhase(one_phase::Coordinator<step3::Coordinator>),
    /// Step 4's, with early leave.
    ReadOnly(read_only::Coordinator<step4::Coordinator>),
}

/// A participant of one of the designs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Participant {
    /// Step 1.
    Step1(step1::Participant),
    /// Step 2.
    Step2(step2::Participant),
    /// Step 3.
    Step3(step3::Participant),
    /// Step 4.
    Step4(step4::Participant),
    /// Step 5.
    Step5(step5::Participant),
    /// Step 3's, which asks its peers.
    Termination(termination::Participant<step3::Participant>),
    /// Three-phase commit.
    ThreePhase(three_phase::Participant<step3::Participant>),
    /// Paxos Commit.
    Paxos(paxos_commit::Participant<step3::Participant>),
    /// Step 3's, behind a fence.
    Fencing(fencing::Participant<step3::Participant>),
    /// Step 3's, which also does orders of one.
    OnePhase(one_phase::Participant<step3::Participant>),
    /// Step 4's, which leaves early.
    ReadOnly(read_only::Participant<step4::Participant>),
}

/// `each!(Coordinator, any, node => …)`: the same said to whichever it is.
macro_rules! each {
    ($kind:ident, $any:expr, $node:ident => $does:expr) => {
        match $any {
            $kind::Step1($node) => $does,
            $kind::Step2($node) => $does,
            $kind::Step3($node) => $does,
            $kind::Step4($node) => $does,
            $kind::Step5($node) => $does,
            $kind::Termination($node) => $does,
            $kind::ThreePhase($node) => $does,
            $kind::Paxos($node) => $does,
            $kind::Fencing($node) => $does,
            $kind::OnePhase($node) => $does,
            $kind::ReadOnly($node) => $does,
        }
    };
}

impl Node for Coordinator {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        each!(Coordinator, self, node => delegate(node, input, cx));
    }
}

impl Part for Coordinator {
    fn in_doubt(&self) -> Vec<TxId> {
        each!(Coordinator, self, node => node.in_doubt())
    }

    fn line(&self) -> String {
        each!(Coordinator, self, node => node.line())
    }
}

impl Node for Participant {
    type Msg = Msg;
    type Timer = Timer;
    type Record = Record;
    type Note = Note;

    fn step(&mut self, input: Input<Self>, cx: &mut Cx<Self>) {
        each!(Participant, self, node => delegate(node, input, cx));
    }
}

impl Part for Participant {
    fn in_doubt(&self) -> Vec<TxId> {
        each!(Participant, self, node => node.in_doubt())
    }

    fn line(&self) -> String {
        each!(Participant, self, node => node.line())
    }
}

impl Keeper for Participant {
    fn accounts(&self) -> &Accounts {
        each!(Participant, self, node => Keeper::accounts(node))
    }

    fn locked(&self) -> Vec<Account> {
        each!(Participant, self, node => Keeper::locked(node))
    }
}
