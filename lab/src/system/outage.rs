//! An outage of one role under load: requests come at a fixed rate, whether or not the earlier ones
//! are answered; the role is killed, and brought back; meanwhile a watcher reads what the others
//! report. What has to stay the same is read before and after.
//!
//! # Left out
//!
//! Asking again: a request that is not answered counts as not done, whatever became of it.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::contender::{Scratch, settle, start};
use super::error::Error;
use super::interface::System;
use super::layout::Options;
use super::load::{Asking, Workload};
use super::service::Status;
use crate::http::Caller;
use crate::measure::{Measured, Setup, open_loop};

/// When what happens, and to which role. Times count from the first request.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// Who is killed.
    pub role: &'static str,
    /// When it is killed.
    pub kill: Duration,
    /// When it is started again.
    pub back: Duration,
    /// When the requests end.
    pub end: Duration,
    /// So many requests come.
    pub per_second: u32,
    /// No more than this are open at a time; the rest is not sent.
    pub most: u64,
    /// Whose status is read.
    pub watched: &'static [&'static str],
    /// How often.
    pub every: Duration,
}

/// Reads the status of some roles, again and again.
pub trait Watcher: Send + 'static {
    /// All watched roles at one moment, in order. Once the requests and all that they began have
    /// ended, `over` is true; it is asked until it answers `false`: "no more".
    fn read(&mut self, at: Duration, statuses: &[Status], over: bool) -> bool;
}

/// What came of an outage.
#[derive(Clone, Debug)]
pub struct Observed<W> {
    /// What was read.
    pub watcher: W,
    /// When the role was down.
    pub killed: Duration,
    /// When it was back.
    pub back: Duration,
    /// The requests.
    pub requests: Measured,
    /// Whether all is as it has to be, and why.
    pub verdict: (bool, String),
}

impl Outage {
    /// Lets it happen to a fresh cluster.
    ///
    /// # Errors
    /// The cluster does not run.
    ///
    /// # Panics
    /// If a customer or the watcher does.
    pub fn observe<W: Watcher>(
        self,
        (on, setup): (&Handle, &Setup),
        (system, options): (&'static dyn System, Options),
        workload: fn(SocketAddr) -> Box<dyn Workload>,
        watcher: W,
    ) -> Result<Observed<W>, Error> {
        let dir = Scratch::new(&setup.dir, "outage")?;
        let mut cluster = start(system, options, setup, &dir)?;
        let workload = workload(cluster.front());
        let before = on.block_on(workload.audit())?;

        let (began, over) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let watched = self.watched.iter().map(|role| cluster.endpoint(role)).collect();
        let watching = watch(watched, self.every, began, Arc::clone(&over), watcher);
        let watching = on.spawn(watching);
        let customer = |i: u64| Asking(workload.customer(format!("customer-{i}"), i));
        let customers = (0..self.most).map(customer).collect();
        let requests = on.spawn(open_loop(customers, self.per_second, self.end));

        // A timer is made where it runs: inside the runtime.
        let wait = |until: Duration| {
            on.block_on(async { tokio::time::sleep_until((began + until).into()).await });
        };
        wait(self.kill);
        cluster.kill(self.role)?;
        let killed = began.elapsed();
        wait(self.back);
        cluster.restart(self.role, None)?;
        let back = began.elapsed();
        let requests = on.block_on(requests).expect("customers do not panic");
        on.block_on(settle(system, &cluster.endpoints()))?;
        over.store(true, Ordering::Relaxed);
        let watcher = on.block_on(watching).expect("the watcher does not panic");
        let verdict = workload.verdict(&before, &on.block_on(workload.audit())?);
        cluster.stop()?;
        Ok(Observed { watcher, killed, back, requests, verdict })
    }
}

async fn watch<W: Watcher>(
    watched: Vec<SocketAddr>,
    every: Duration,
    began: Instant,
    over: Arc<AtomicBool>,
    mut watcher: W,
) -> W {
    let mut callers: Vec<Caller> = watched.into_iter().map(Caller::new).collect();
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        let over = over.load(Ordering::Relaxed);
        let mut statuses = Vec::new();
        for caller in &mut callers {
            statuses.extend(status(caller).await);
        }
        // One that does not answer now is asked again.
        let all = statuses.len() == callers.len();
        if all && !watcher.read(began.elapsed(), &statuses, over) && over {
            return watcher;
        }
    }
}

async fn status(caller: &mut Caller) -> Option<Status> {
    let answer = caller.get("/status").await.ok().filter(|answer| answer.status == 200)?;
    serde_json::from_value(answer.body).ok()
}

impl<W> fmt::Display for Observed<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (done, failed) = (self.requests.count(), self.requests.failed());
        let (is_ok, why) = &self.verdict;
        let verdict = if *is_ok { "ok" } else { "unsafe" };
        write!(f, "{done} of {} requests done; {verdict}, {why}", done + failed)
    }
}
