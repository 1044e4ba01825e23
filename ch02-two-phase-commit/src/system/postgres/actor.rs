//! Who takes the messages: one loop that remembers what is open, and tasks that talk to the
//! database and report back. So one slow transaction holds no other up, and about one attempt the
//! database is asked one thing at a time.
//!
//! # Left out
//!
//! Order between attempts. The one that gets the row first is first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lab::run::{Context, Deliveries, Delivery, ExternalNode};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval};

use super::bank::Bank;
use super::finish::{Finished, Verdict, finish};
use super::orphans::{self, Orphans};
use super::prepare::{Voted, prepare};
use super::transaction::{Stage, Transaction};
use super::unfit::Unfit;
use crate::types::{Account, Balances, Branch, COORD, Msg, Refusal, TxId, Vote, wait};

/// So many attempts may be open; for more there is a no.
const MOST_OPEN: usize = 1_024;
/// How often it looks who has waited for too long.
const TICK: Duration = Duration::from_millis(50);
/// How often it looks for orphans.
const SEARCH: Duration = Duration::from_secs(1);

/// What the loop reports about itself.
#[derive(Debug, Default)]
pub(super) struct ActorStatus {
    pub(super) in_doubt: Vec<TxId>,
    /// In doubt, and what they touch is not known any more.
    pub(super) orphans: Vec<TxId>,
    pub(super) locked: BTreeSet<Account>,
}

/// What another task of this process asks of the loop.
pub(super) enum Wanted {
    Status(oneshot::Sender<ActorStatus>),
    Stop,
}

/// What a task reports.
enum Report {
    Voted(TxId, Voted),
    Finished(TxId, Verdict, Finished),
    Listed(BTreeSet<TxId>),
    Found(Orphans),
    /// The database did not answer: look again later.
    Blind(Unfit),
}

/// The loop's memory.
pub(super) struct Actor {
    bank: Arc<Bank>,
    post: Arc<ExternalNode<Msg>>,
    transactions: BTreeMap<TxId, Transaction>,
    tell: mpsc::UnboundedSender<Report>,
    reports: mpsc::UnboundedReceiver<Report>,
    /// A search for orphans is under way.
    searching: bool,
    /// The last one got no answer.
    blind: bool,
    searched: Instant,
}

impl Actor {
    pub(super) fn new(bank: Arc<Bank>, post: Arc<ExternalNode<Msg>>) -> Self {
        let (tell, reports) = mpsc::unbounded_channel();
        let (transactions, searched) = (BTreeMap::new(), Instant::now());
        Self { bank, post, transactions, tell, reports, searching: false, blind: false, searched }
    }

    /// Runs until asked to stop, or until the database belongs to another process.
    pub(super) async fn run(
        mut self,
        mut deliveries: Deliveries<Msg>,
        mut wanted: mpsc::Receiver<Wanted>,
    ) -> Result<(), Unfit> {
        let mut tick = interval(TICK);
        self.search();
        loop {
            tokio::select! {
                Some(report) = self.reports.recv() => self.on_report(report)?,
                Some(delivery) = deliveries.recv() => self.on_delivery(delivery),
                Some(wanted) = wanted.recv() => match wanted {
                    Wanted::Status(answer) => drop(answer.send(self.status())),
                    Wanted::Stop => return Ok(()),
                },
                _ = tick.tick() => self.on_tick(),
            }
        }
    }

    fn on_delivery(&mut self, delivery: Delivery<Msg>) {
        let Delivery { from, msg, context } = delivery;
        match msg {
            Msg::Prepare { tx, branch, .. } if from == COORD => {
                self.on_prepare(tx, branch, context)
            }
            Msg::Commit { tx } if from == COORD => self.on_verdict(tx, Verdict::Commit, context),
            Msg::Abort { tx } if from == COORD => self.on_verdict(tx, Verdict::Abort, context),
            other => crate::shop::ignore(&other),
        }
    }

    fn on_prepare(&mut self, tx: TxId, branch: Branch, context: Context) {
        let later = TxId { attempt: tx.attempt + 1, ..tx }..=TxId { attempt: u32::MAX, ..tx };
        if self.transactions.range(later).next().is_some() {
            return;
        }
        // A new attempt means that the earlier ones at the same order are off.
        let earlier = self.transactions.range(TxId { attempt: 0, ..tx }..tx);
        let earlier: Vec<TxId> = earlier.map(|(tx, _)| *tx).collect();
        for tx in earlier {
            self.on_verdict(tx, Verdict::Abort, context);
        }
        if let Some(transaction) = self.transactions.get(&tx) {
            if let Stage::Prepared { seen, .. } = &transaction.stage {
                self.vote(tx, Vote::Yes(seen.clone()), &context);
            }
            return;
        }
        if self.transactions.len() >= MOST_OPEN {
            let why = Refusal::NotNow("too many transactions are open".into());
            return self.vote(tx, Vote::No(why), &context);
        }
        let stage = Stage::Preparing { then: None };
        self.transactions.insert(tx, Transaction { stage, branch: Some(branch.clone()), context });
        self.spawn(async move |bank| Report::Voted(tx, prepare(&bank, tx, &branch).await));
    }

    fn on_verdict(&mut self, tx: TxId, verdict: Verdict, context: Context) {
        match self.transactions.get_mut(&tx).map(|transaction| &mut transaction.stage) {
            Some(Stage::Preparing { then }) => {
                then.get_or_insert(verdict);
            }
            // Sent twice while it is done once.
            Some(Stage::Ending { .. }) => {}
            Some(stage @ Stage::Prepared { .. }) => {
                *stage = Stage::Ending { promised: true };
                self.finish(tx, verdict);
            }
            // Of an earlier start, ended long ago, or never known: the database knows.
            None => {
                let stage = Stage::Ending { promised: false };
                self.transactions.insert(tx, Transaction { stage, branch: None, context });
                self.finish(tx, verdict);
            }
        }
    }

    fn finish(&self, tx: TxId, verdict: Verdict) {
        self.spawn(async move |bank| {
            Report::Finished(tx, verdict, finish(&bank, tx, verdict).await)
        });
    }

    fn spawn<F: Future<Output = Report> + Send + 'static>(
        &self,
        work: impl FnOnce(Arc<Bank>) -> F + Send + 'static,
    ) {
        let (bank, tell) = (Arc::clone(&self.bank), self.tell.clone());
        tokio::spawn(async move {
            // If the loop has ended, no task receives it, and none waits for it.
            let _ = tell.send(work(bank).await);
        });
    }

    fn on_report(&mut self, report: Report) -> Result<(), Unfit> {
        match report {
            Report::Voted(tx, voted) => self.on_voted(tx, voted),
            Report::Finished(tx, verdict, finished) => self.on_finished(tx, verdict, finished),
            Report::Listed(prepared) => self.on_listed(prepared),
            Report::Found(orphans) => self.on_found(orphans),
            Report::Blind(taken @ (Unfit::Taken(_) | Unfit::NotOurs { .. })) => return Err(taken),
            Report::Blind(unfit) => {
                if !std::mem::replace(&mut self.blind, true) {
                    tracing::warn!(%unfit, "cannot look for orphans");
                }
                self.searching = false;
            }
        }
        Ok(())
    }

    fn on_voted(&mut self, tx: TxId, voted: Voted) {
        let transaction = self.transactions.get_mut(&tx).expect("it stays until its task is done");
        let context = transaction.context;
        let Stage::Preparing { then } = transaction.stage else {
            unreachable!("one task at a time")
        };
        if let Some(verdict) = then {
            // Whatever came of it is overtaken by what was received meanwhile.
            transaction.stage = Stage::Ending { promised: matches!(voted, Voted::Yes(_)) };
            return self.finish(tx, verdict);
        }
        match voted {
            Voted::Yes(seen) => {
                transaction.stage = Stage::Prepared { seen: seen.clone(), asked: Instant::now() };
                self.vote(tx, Vote::Yes(seen), &context);
            }
            Voted::No(why) => {
                self.transactions.remove(&tx);
                self.vote(tx, Vote::No(why), &context);
            }
            // If it is promised after all, the search for orphans finds it.
            Voted::Ended | Voted::Unsure => drop(self.transactions.remove(&tx)),
        }
    }

    fn vote(&self, tx: TxId, vote: Vote, context: &Context) {
        self.send(&Msg::Vote { tx, vote }, context);
    }

    fn send(&self, msg: &Msg, context: &Context) {
        self.post.send(COORD, msg, context);
        self.bank.effects.done();
    }

    fn on_finished(&mut self, tx: TxId, verdict: Verdict, finished: Finished) {
        let transaction = self.transactions.remove(&tx).expect("it stays until its task is done");
        match finished {
            Finished::Done if verdict == Verdict::Commit => {
                self.send(&Msg::Ack { tx }, &transaction.context);
            }
            Finished::Done => {}
            Finished::Missing => {
                tracing::error!(%tx, "to be committed, and this database has never promised it");
            }
            Finished::Unsure(why) => {
                tracing::debug!(%tx, why, "not ended");
                // Asks again, and so is told the same again.
                if matches!(transaction.stage, Stage::Ending { promised: true }) {
                    self.found(tx, transaction);
                }
            }
        }
    }

    fn found(&mut self, tx: TxId, transaction: Transaction) {
        let stage = Stage::Prepared { seen: Balances::new(), asked: Instant::now() };
        self.transactions.insert(tx, Transaction { stage, ..transaction });
    }

    fn on_tick(&mut self) {
        let mut asking = Vec::new();
        for (tx, transaction) in &mut self.transactions {
            if let Stage::Prepared { asked, .. } = &mut transaction.stage
                && asked.elapsed() >= wait::ASK.start
            {
                *asked = Instant::now();
                asking.push((*tx, transaction.context));
            }
        }
        for (tx, context) in asking {
            self.send(&Msg::Inquire { tx }, &context);
        }
        if self.searched.elapsed() >= SEARCH {
            self.search();
        }
    }

    /// Looks for orphans, from time to time: a transaction of a dead process may be prepared after
    /// it has died, because PostgreSQL was still busy with it.
    fn search(&mut self) {
        if std::mem::replace(&mut self.searching, true) {
            return;
        }
        self.searched = Instant::now();
        self.spawn(async |bank| match orphans::prepared(&bank).await {
            Ok(prepared) => Report::Listed(prepared),
            Err(unfit) => Report::Blind(unfit),
        });
    }

    /// What is prepared was listed before this. Now: what we are busy with.
    fn on_listed(&mut self, prepared: BTreeSet<TxId>) {
        self.blind = false;
        let idle: BTreeSet<TxId> =
            prepared.into_iter().filter(|tx| !self.transactions.contains_key(tx)).collect();
        if idle.is_empty() {
            self.searching = false;
            return;
        }
        self.spawn(async move |bank| match orphans::still(&bank, idle).await {
            Ok(orphans) => Report::Found(orphans),
            Err(unfit) => Report::Blind(unfit),
        });
    }

    fn on_found(&mut self, orphans: Orphans) {
        self.searching = false;
        for tx in orphans.unknown {
            if !self.transactions.contains_key(&tx) {
                let stage = Stage::Ending { promised: true };
                self.found(tx, Transaction { stage, branch: None, context: Context::default() });
                self.send(&Msg::Inquire { tx }, &Context::default());
            }
        }
        for tx in orphans.aborted {
            if !self.transactions.contains_key(&tx) {
                self.on_verdict(tx, Verdict::Abort, Context::default());
            }
        }
    }

    fn status(&self) -> ActorStatus {
        let mut status = ActorStatus::default();
        for (tx, transaction) in
            self.transactions.iter().filter(|(_, transaction)| transaction.is_in_doubt())
        {
            status.in_doubt.push(*tx);
            status.locked.extend(transaction.locked());
            if transaction.branch.is_none() {
                status.orphans.push(*tx);
            }
        }
        status
    }
}
