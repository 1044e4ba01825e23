//! The test as the coordinator of one participant: it sends whatever it wants, whenever it wants.

use std::collections::{BTreeMap, VecDeque};

use ch02_two_phase_commit::system::postgres::{Config, Participant};
use ch02_two_phase_commit::types::{
    Account, Balances, COORD, Change, Key, Msg, PAY, Refusal, TxId, Vote, wait,
};
use lab::engines::Postgres;
use lab::run::{Context, Deliveries, ExternalNode, Place};
use lab::system::Service;
use tokio::runtime::Runtime;

use crate::kit::DEADLINE;

pub(crate) const CLUSTER: u64 = 7;

/// An attempt of this coordinator.
pub(crate) fn tx(count: u64) -> TxId {
    TxId { start: 1, count, attempt: 1 }
}

pub(crate) fn config(postgres: &Postgres) -> Config {
    Config::new(CLUSTER, PAY, &postgres.url())
}

/// A coordinator, and the participant it talks to.
pub(crate) struct Coord {
    pub(crate) runtime: Runtime,
    pub(crate) participant: Participant,
    post: ExternalNode<Msg>,
    deliveries: Deliveries<Msg>,
    /// Received, and not asked for yet.
    received: VecDeque<Msg>,
}

impl Coord {
    pub(crate) fn of(postgres: &Postgres) -> Self {
        Self::with(&config(postgres))
    }

    pub(crate) fn with(config: &Config) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let participant = Participant::start(config).unwrap_or_else(|e| panic!("{e}"));
        let listen = ([127, 0, 0, 1], 0).into();
        let place = Place { cluster: CLUSTER, me: COORD, start: 1, listen };
        let (post, deliveries) = ExternalNode::start(place, runtime.handle().clone()).unwrap();
        post.set_peers(BTreeMap::from([(PAY, participant.addr())]));
        participant.set_peers(BTreeMap::from([(COORD, post.addr())]));
        runtime.block_on(async {
            tokio::time::timeout(DEADLINE, post.linked_to(&[PAY])).await.unwrap();
            tokio::time::timeout(DEADLINE, participant.linked_to(&[COORD])).await.unwrap();
        });
        Self { runtime, participant, post, deliveries, received: VecDeque::new() }
    }

    pub(crate) fn send(&self, msg: &Msg) {
        self.post.send(PAY, msg, &Context::default());
    }

    pub(crate) fn prepare(&self, tx: TxId, branch: &[(&str, i64)]) {
        let change = |(name, by): &(&str, i64)| Change { account: Account::new(name), by: *by };
        let (key, branch) = (Key::new("any"), branch.iter().map(change).collect());
        self.send(&Msg::Prepare { tx, key, branch });
    }

    /// The next message that this is about; what else comes is kept.
    pub(crate) fn receive<T>(&mut self, what: &str, wanted: impl Fn(&Msg) -> Option<T>) -> T {
        let known = self.received.iter().position(|msg| wanted(msg).is_some());
        if let Some(msg) = known.and_then(|at| self.received.remove(at)) {
            return wanted(&msg).expect("just seen");
        }
        let received = self.runtime.block_on(async {
            tokio::time::timeout(DEADLINE, async {
                loop {
                    let delivery = self.deliveries.recv().await.expect("it listens");
                    if let Some(found) = wanted(&delivery.msg) {
                        return found;
                    }
                    self.received.push_back(delivery.msg);
                }
            })
            .await
        });
        received
            .unwrap_or_else(|_| panic!("not in {DEADLINE:?}: {what}; received {:?}", self.received))
    }

    pub(crate) fn vote(&mut self, wanted: TxId) -> Vote {
        self.receive(&format!("a vote on {wanted}"), |msg| match msg {
            Msg::Vote { tx, vote } if *tx == wanted => Some(vote.clone()),
            _ => None,
        })
    }

    /// A no, and why.
    pub(crate) fn no(&mut self, tx: TxId) -> Refusal {
        match self.vote(tx) {
            Vote::No(why) => why,
            Vote::Yes(seen) => panic!("{tx}: yes, {seen:?}"),
        }
    }

    pub(crate) fn yes(&mut self, tx: TxId) -> Balances {
        match self.vote(tx) {
            Vote::Yes(seen) => seen,
            Vote::No(why) => panic!("{tx}: {why}"),
        }
    }

    /// Sends *commit*, again and again as a coordinator does, until it is acknowledged.
    pub(crate) fn commit(&mut self, wanted: TxId) {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        let ack = Msg::Ack { tx: wanted };
        while tokio::time::Instant::now() < deadline {
            self.send(&Msg::Commit { tx: wanted });
            let again = tokio::time::Instant::now() + wait::RESEND.start;
            loop {
                if let Some(at) = self.received.iter().position(|msg| *msg == ack) {
                    self.received.remove(at);
                    return;
                }
                let delivery = self.deliveries.recv();
                let delivery = async { tokio::time::timeout_at(again, delivery).await };
                match self.runtime.block_on(delivery) {
                    Ok(delivery) => self.received.push_back(delivery.expect("it listens").msg),
                    Err(_) => break,
                }
            }
        }
        panic!("not in {DEADLINE:?}: an ack of {wanted}; received {:?}", self.received);
    }

    pub(crate) fn inquiry(&mut self, wanted: TxId) {
        self.receive(&format!("an inquiry about {wanted}"), |msg| {
            (*msg == Msg::Inquire { tx: wanted }).then_some(())
        });
    }

    /// Prepared and committed, until it is acknowledged.
    pub(crate) fn done(&mut self, tx: TxId, branch: &[(&str, i64)]) {
        self.prepare(tx, branch);
        self.yes(tx);
        self.commit(tx);
    }

    /// Everything received so far that the test has not asked for.
    pub(crate) fn rest(&mut self) -> Vec<Msg> {
        while let Ok(delivery) = self.deliveries.try_recv() {
            self.received.push_back(delivery.msg);
        }
        self.received.drain(..).collect()
    }

    /// Waits until the participant is busy with nothing, and the database neither.
    pub(crate) fn until<T>(&self, what: &str, probe: impl Fn() -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            if let Some(found) = probe() {
                return found;
            }
            assert!(tokio::time::Instant::now() < deadline, "not in {DEADLINE:?}: {what}");
            self.runtime.block_on(async {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            });
        }
    }
}
