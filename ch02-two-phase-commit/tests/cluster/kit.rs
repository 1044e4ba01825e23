//! A cluster in a directory of its own, and how to ask it.

use std::time::Duration;

use ch02_two_phase_commit::system::{Role, SYSTEM, report};
use lab::http::{Answered, Caller};
use lab::system::{Cluster, Config};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_ch02-two-phase-commit");

/// One cluster, and a runtime to ask it with.
pub(crate) struct TestCluster {
    pub(crate) cluster: Cluster,
    pub(crate) runtime: Runtime,
    pub(crate) dir: TempDir,
}

impl TestCluster {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config {
            program: PROGRAM.into(),
            ..Config::new(SYSTEM, dir.path().join("data")).unwrap()
        };
        change(&mut config);
        let cluster = Cluster::start(config).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        Self { cluster, runtime, dir }
    }

    pub(crate) fn get(&self, path: &str) -> Answered {
        self.runtime.block_on(Caller::new(self.cluster.front()).get(path)).unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answered {
        self.runtime.block_on(Caller::new(self.cluster.front()).post(path, body)).unwrap()
    }

    pub(crate) fn transfer(&self, key: &str, from: &str, to: &str, amount: u64) -> Answered {
        self.post("/transfer", &json!({"key": key, "from": from, "to": to, "amount": amount}))
    }

    pub(crate) fn checkout(&self, key: &str, item: &str, quantity: u64, who: &str) -> Answered {
        let request = json!({"key": key, "item": item, "quantity": quantity, "customer": who});
        self.post("/checkout", &request)
    }

    /// All balances of one moment, once no transaction holds locks for long.
    pub(crate) fn balances(&self) -> Value {
        let answer = self.until("balances", || {
            Some(self.get("/balances?of=all")).filter(|answer| answer.status == 200)
        });
        answer.body
    }

    /// Waits until no role waits for another.
    pub(crate) fn settled(&self) {
        self.until("nothing is in doubt", || {
            let report = self.runtime.block_on(report(&self.cluster.endpoints()));
            let quiet = report.values().all(|status| {
                status.as_ref().is_some_and(|s| s.in_doubt.is_empty() && s.locked.is_empty())
            });
            quiet.then_some(())
        });
    }

    /// Whether a role reports that it waits for nothing and locks nothing.
    pub(crate) fn is_free(&self, role: Role) -> bool {
        let endpoint = vec![(role.name().to_owned(), self.cluster.endpoint(role))];
        let report = self.runtime.block_on(report(&endpoint));
        let says = report[&role].as_ref();
        says.is_some_and(|says| says.in_doubt.is_empty() && says.locked.is_empty())
    }

    /// Probes until something is there.
    pub(crate) fn until<T>(&self, what: &str, probe: impl Fn() -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            if let Some(found) = probe() {
                return found;
            }
            assert!(tokio::time::Instant::now() < deadline, "not in {DEADLINE:?}: {what}");
            self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
        }
    }
}

/// The sum of everything in `{"stock": {…}, "pay": {…}}`.
pub(crate) fn total(balances: &Value) -> u64 {
    let ledgers = balances.as_object().unwrap().values();
    ledgers.flat_map(|l| l.as_object().unwrap().values()).map(|a| a.as_u64().unwrap()).sum()
}
