//! Who takes the messages: one loop that remembers what is open, and tasks that talk to the
//! database and report back. So one slow transaction holds no other up, and about one attempt the
//! database is asked one thing at a time.
//!
//! # Left out
//!
//! Order between attempts. The one that gets the row first is first.

mod search;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lab::run::{Context, Deliveries, Delivery, ExternalNode};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval};

use crate::system::postgres::bank::Bank;
use crate::system::postgres::by_hand::ByHand;
use crate::system::postgres::finish::{Finished, Verdict, finish};
use crate::system::postgres::orphans::Orphans;
use crate::system::postgres::prepare::{Voted, prepare};
use crate::system::postgres::transaction::{Stage, Transaction};
use crate::system::postgres::unfit::Unfit;
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
    /// In doubt, although the coordinator has decided; and why.
    pub(super) because: Vec<(TxId, String)>,
    pub(super) guessed: Vec<(TxId, bool)>,
    pub(super) damage: Vec<(TxId, bool)>,
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
    /// These were promised, and are no more: this is how they ended here.
    Ended(Vec<(TxId, bool)>),
    /// The database did not answer: look again later.
    Blind(Unfit),
}

/// The loop's memory.
pub(super) struct Actor {
    bank: Arc<Bank>,
    post: Arc<ExternalNode<Msg>>,
    transactions: BTreeMap<TxId, Transaction>,
    by_hand: ByHand,
    tell: mpsc::UnboundedSender<Report>,
    reports: mpsc::UnboundedReceiver<Report>,
    /// A search for orphans is under way.
    searching: bool,
    /// The last one got no answer.
    blind: bool,
    searched: Instant,
}

impl Actor {
    pub(super) fn new(bank: Arc<Bank>, post: Arc<ExternalNode<Msg>>, by_hand: ByHand) -> Self {
        let (tell, reports) = mpsc::unbounded_channel();
        Self {
            bank,
            post,
            transactions: BTreeMap::new(),
            by_hand,
            tell,
            reports,
            searching: false,
            blind: false,
            searched: Instant::now(),
        }
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
        self.transactions.insert(tx, Transaction::new(stage, Some(branch.clone()), context));
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
                self.transactions.insert(tx, Transaction::new(stage, None, context));
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
            Report::Ended(ended) => self.on_ended(ended),
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
        let (commit, context) = (verdict == Verdict::Commit, transaction.context);
        match finished {
            Finished::Done => self.by_hand.settle(tx),
            Finished::Damage => {
                let did = if commit { "aborted" } else { "committed" };
                tracing::error!(%tx, "{did} here by hand, and all others did the opposite");
                self.by_hand.blame(tx, !commit);
            }
            Finished::Contradiction => {
                if self.by_hand.contradict(tx) {
                    tracing::error!(%tx, "to be committed, after the coordinator had it aborted");
                }
                return;
            }
            Finished::Forbidden(why) => return self.on_unsure(tx, transaction, why, true),
            Finished::Unsure(why) => return self.on_unsure(tx, transaction, why, false),
        }
        // Also for damage: the coordinator can do nothing about it, and may forget.
        if commit {
            self.send(&Msg::Ack { tx }, &context);
        }
    }

    /// If it is promised, it asks again, and so receives the same again.
    fn on_unsure(&mut self, tx: TxId, transaction: Transaction, why: String, promised: bool) {
        if transaction.why.as_ref() != Some(&why) {
            tracing::warn!(%tx, why, "not ended");
        }
        if promised || matches!(transaction.stage, Stage::Ending { promised: true }) {
            self.found(tx, Transaction { why: Some(why), ..transaction });
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
        asking.extend(self.by_hand.due().into_iter().map(|tx| (tx, Context::default())));
        for (tx, context) in asking {
            self.send(&Msg::Inquire { tx }, &context);
        }
        if self.searched.elapsed() >= SEARCH {
            self.search();
        }
    }

    fn status(&self) -> ActorStatus {
        let (guessed, damage) = (self.by_hand.guessed(), self.by_hand.damage());
        let mut status = ActorStatus { guessed, damage, ..ActorStatus::default() };
        for (tx, transaction) in
            self.transactions.iter().filter(|(_, transaction)| transaction.is_in_doubt())
        {
            status.in_doubt.push(*tx);
            status.because.extend(transaction.why.clone().map(|why| (*tx, why)));
            status.locked.extend(transaction.locked());
            if transaction.branch.is_none() {
                status.orphans.push(*tx);
            }
        }
        status
    }
}
