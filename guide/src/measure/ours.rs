//! Edge: makes it survive the real world. The lesson is in `step4_isolation/` of chapter 2.
//!
//! Our shop: three processes, played by this very program, asked over HTTP.
//!
//! # Left out
//!
//! Asking again: nobody dies here, so every question has its answer.

use std::path::PathBuf;
use std::time::Duration;

use ch02_two_phase_commit::system::{SYSTEM, report};
use lab::http::Caller;
use lab::measure::{Failed, Measured, Operation, Until, closed_loop};
use lab::rng::Rng;
use lab::system::{Cluster, Config};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::Plan;
use super::cell::Contender;
use super::server::account;
use crate::trouble::{Result, Trouble};

const PAUSE: Duration = Duration::from_millis(10);

/// The contender.
pub(super) struct Ours {
    cluster: Cluster,
    turns: u64,
    _dir: TempDir,
}

struct Customer {
    shop: Caller,
    name: u64,
    rng: Rng,
}

impl Operation for Customer {
    async fn run(&mut self, n: u64) -> std::result::Result<(), Failed> {
        let stock = format!("stock/{}", account('s', &mut self.rng));
        let pay = format!("pay/{}", account('p', &mut self.rng));
        let (from, to) = if n.is_multiple_of(2) { (stock, pay) } else { (pay, stock) };
        let wish =
            json!({"key": format!("{}.{n}", self.name), "from": from, "to": to, "amount": 1});
        match self.shop.post("/transfer", &wish).await {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(_) | Err(_) => Err(Failed),
        }
    }
}

pub(super) fn trouble(error: &dyn std::error::Error) -> Trouble {
    Trouble::new(format!("our shop: {error}"), "")
}

impl Ours {
    pub(super) fn start(runtime: &Runtime, plan: &Plan) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("shop-").tempdir_in(&plan.dir);
        let dir = dir.map_err(|e| Trouble::new(format!("no folder for the shop: {e}"), ""))?;
        let config = Config::new(SYSTEM, dir.path().join("data")).map_err(|e| trouble(&e))?;
        let program: PathBuf = plan.program.clone();
        let prefix = vec!["role".into(), "ch02".into()];
        let _inside = runtime.enter();
        let cluster = Cluster::start(Config { program, prefix, ..config });
        Ok(Self { cluster: cluster.map_err(|e| trouble(&e))?, turns: 0, _dir: dir })
    }
}

impl Contender for Ours {
    fn name(&self) -> &'static str {
        "ours, step 4"
    }

    fn version(&self) -> String {
        format!("fun-topics {}", env!("CARGO_PKG_VERSION"))
    }

    fn waits(&self) -> (u32, u32) {
        (2, 2)
    }

    fn processes(&mut self) -> Vec<u32> {
        self.cluster.endpoints().iter().map(|(role, _)| self.cluster.pid(role)).collect()
    }

    fn load(&mut self, runtime: &Runtime, clients: usize, time: Duration) -> Result<Measured> {
        let shop = self.cluster.front();
        let customers = (0..clients).map(|_| {
            self.turns += 1;
            Customer { shop: Caller::new(shop), name: self.turns, rng: Rng::new(self.turns) }
        });
        let customers = customers.collect();
        Ok(runtime.block_on(closed_loop(customers, Until::Time(time))))
    }

    fn settle(&mut self, runtime: &Runtime) -> Result<()> {
        runtime.block_on(async {
            loop {
                let report = report(&self.cluster.endpoints()).await;
                let open = report.values().map(|status| match status {
                    Some(status) => Ok(!status.in_doubt.is_empty()),
                    None => Err(Trouble::new("a role of our shop does not answer", "")),
                });
                let open: Vec<bool> = open.collect::<Result<_>>()?;
                if !open.contains(&true) {
                    return Ok(());
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    fn forced(&mut self, runtime: &Runtime) -> Result<u64> {
        let report = runtime.block_on(report(&self.cluster.endpoints()));
        Ok(report.values().flatten().map(|status| status.syncs).sum())
    }

    fn total(&mut self, runtime: &Runtime) -> Result<u64> {
        let mut caller = Caller::new(self.cluster.front());
        let answer = runtime.block_on(caller.get("/balances?of=all")).map_err(|e| trouble(&e))?;
        let ledgers = answer.body.as_object().filter(|_| answer.status == 200);
        let Some(ledgers) = ledgers else {
            return Err(Trouble::new(format!("no balances: {}", answer.field("error")), ""));
        };
        let amounts = ledgers.values().filter_map(Value::as_object).flat_map(|all| all.values());
        Ok(amounts.filter_map(Value::as_u64).sum())
    }
}
