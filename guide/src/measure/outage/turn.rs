//! Edge: makes it survive the real world. The lesson is in `step4_isolation/` of chapter 2.
//!
//! One turn of one design: payments, a kill, a restart, and what was seen.
//!
//! # Left out
//!
//! Asking again: a payment that is not answered counts as not done, whatever became of it.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ch02_two_phase_commit::system::{Design, Role, SYSTEM, report};
use lab::http::Caller;
use lab::rng::Rng;
use lab::system::{Cluster, Config};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::watch::{Seen, account, watch};
use super::{BACK, END, KILL, PAYMENTS, Plan};
use crate::measure::ours::trouble;
use crate::trouble::{Result, Trouble};

/// No more payments than this are open at a time; the rest is not sent.
const MOST: usize = 512;
const PAUSE: Duration = Duration::from_millis(10);

/// What came of one turn.
pub(super) struct Turn {
    pub(super) seen: Seen,
    /// When it was dead, and when it was back.
    pub(super) killed: Duration,
    pub(super) back: Duration,
    /// Payments answered "done", and all that came.
    pub(super) done: u64,
    pub(super) came: u64,
    pub(super) totals: (u64, u64),
}

impl Turn {
    pub(super) fn is_ok(&self) -> bool {
        self.totals.0 == self.totals.1
    }
}

/// Lets one design have its turn, in a folder of its own.
pub(super) fn turn(runtime: &Runtime, plan: &Plan, design: Design) -> Result<Turn> {
    let dir = tempfile::Builder::new().prefix("outage-").tempdir_in(&plan.dir);
    let dir = dir.map_err(|e| Trouble::new(format!("no folder for the shop: {e}"), ""))?;
    let config = Config::new(SYSTEM, dir.path().join("data")).map_err(|e| trouble(&e))?;
    let (program, prefix) = (plan.program.clone(), vec!["role".into(), "ch02".into()]);
    let config = Config { program, prefix, options: design.options(), ..config };
    let mut cluster = Cluster::start(config).map_err(|e| trouble(&e))?;
    let before = total(runtime, &cluster)?;

    let (began, over) = (Instant::now(), Arc::new(AtomicBool::new(false)));
    let watching = runtime.spawn({
        let over = Arc::clone(&over);
        let participants = [Role::Stock, Role::Pay].map(|role| cluster.endpoint(role));
        async move { watch(participants, began, &over, Rng::new(1)).await }
    });
    let shop = Arc::new(Mutex::new(cluster.front()));
    let paying = runtime.spawn(pay(Arc::clone(&shop), began));

    // A timer is made where it runs: inside the runtime.
    let wait = |until: Duration| {
        runtime.block_on(async { tokio::time::sleep_until((began + until).into()).await });
    };
    wait(KILL);
    cluster.kill(Role::Coord).map_err(|e| trouble(&e))?;
    let killed = began.elapsed();
    wait(BACK);
    cluster.restart(Role::Coord, None).map_err(|e| trouble(&e))?;
    let back = began.elapsed();
    *shop.lock().expect("nobody panics with it") = cluster.front();
    let (done, came) = runtime.block_on(paying).expect("it does not panic");
    settle(runtime, &cluster);
    over.store(true, Ordering::Relaxed);
    let seen = runtime.block_on(watching).expect("it does not panic");
    let totals = (before, total(runtime, &cluster)?);
    cluster.stop().map_err(|e| trouble(&e))?;
    Ok(Turn { seen, killed, back, done, came, totals })
}

/// Sends payments at a fixed rate until the end. How many were done, and how many came.
async fn pay(shop: Arc<Mutex<SocketAddr>>, began: Instant) -> (u64, u64) {
    let lines: Arc<Mutex<Vec<(SocketAddr, Caller)>>> = Arc::default();
    let done = Arc::new(AtomicU64::new(0));
    let (mut rng, mut open, mut came) = (Rng::new(2), JoinSet::new(), 0_u32);
    while began.elapsed() < END {
        tokio::time::sleep_until((began + Duration::from_secs(1) * came / PAYMENTS).into()).await;
        let (from, to) = (account('s', &mut rng), account('p', &mut rng));
        let (from, to) = (format!("stock/{from}"), format!("pay/{to}"));
        let wish = json!({ "key": format!("o{came}"), "from": from, "to": to, "amount": 1 });
        came += 1;
        while open.try_join_next().is_some() {}
        if open.len() >= MOST {
            continue;
        }
        let (lines, done) = (Arc::clone(&lines), Arc::clone(&done));
        let at = *shop.lock().expect("nobody panics with it");
        open.spawn(async move {
            let kept = lines.lock().expect("nobody panics with it").pop();
            let kept = kept.filter(|(address, _)| *address == at).map(|(_, caller)| caller);
            let mut caller = kept.unwrap_or_else(|| Caller::new(at));
            if let Ok(answer) = caller.post("/transfer", &wish).await {
                done.fetch_add(u64::from(answer.status == 200), Ordering::Relaxed);
                lines.lock().expect("nobody panics with it").push((at, caller));
            }
        });
    }
    open.join_all().await;
    (done.load(Ordering::Relaxed), came.into())
}

fn settle(runtime: &Runtime, cluster: &Cluster) {
    runtime.block_on(async {
        loop {
            let report = report(&cluster.endpoints()).await;
            if report.values().all(|s| s.as_ref().is_some_and(|s| s.in_doubt.is_empty())) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    });
}

fn total(runtime: &Runtime, cluster: &Cluster) -> Result<u64> {
    let mut caller = Caller::new(cluster.front());
    let answer = runtime.block_on(caller.get("/balances?of=all")).map_err(|e| trouble(&e))?;
    let ledgers = answer.body.as_object().filter(|_| answer.status == 200);
    let Some(ledgers) = ledgers else {
        return Err(Trouble::new(format!("no balances: {}", answer.field("error")), ""));
    };
    let amounts = ledgers.values().filter_map(Value::as_object).flat_map(|all| all.values());
    Ok(amounts.filter_map(Value::as_u64).sum())
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.is_ok() { "ok" } else { "unsafe" };
        let (done, came) = (self.done, self.came);
        let free = self.free_after().as_secs_f64();
        write!(f, "{done} of {came} payments done, free {free:.2} s after the kill, {verdict}")
    }
}
