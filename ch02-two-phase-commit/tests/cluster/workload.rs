//! Concurrent customers and readers, what they were told, and whether it was true.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lab::check::{Entry, History, Type, Verdict, bank};
use lab::http::Caller;
use lab::rng::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::kit::{DEADLINE, TestCluster};
use crate::ledger::Told;

const ACCOUNTS: [&str; 8] = [
    "stock/s0000",
    "stock/s0001",
    "stock/s0002",
    "stock/s0003",
    "pay/p0000",
    "pay/p0001",
    "pay/p0002",
    "pay/p0003",
];
const TOTAL: u64 = 8_000;
const CUSTOMERS: u64 = 6;
const READERS: u64 = 2;

/// What all clients share.
struct Bench {
    began: Instant,
    shop: Mutex<SocketAddr>,
    history: Mutex<History>,
    processes: AtomicU64,
    told: Mutex<BTreeMap<String, Told>>,
    /// Asked, and the outcome is not known.
    open: Mutex<BTreeMap<String, Value>>,
    done: watch::Sender<u64>,
    over: AtomicBool,
}

impl Bench {
    fn write(&self, process: u64, kind: Type, f: &str, key: Value, value: Value) {
        let time = u64::try_from(self.began.elapsed().as_nanos()).unwrap();
        let entry = Entry { process, kind, f: f.into(), key, value, time };
        self.history.lock().unwrap().entries.push(entry);
    }

    fn process(&self) -> u64 {
        self.processes.fetch_add(1, Ordering::Relaxed)
    }

    /// The caller for the next request; a shop that came back may be elsewhere.
    fn caller(&self, caller: Option<Caller>) -> Caller {
        caller.unwrap_or_else(|| Caller::new(*self.shop.lock().unwrap()))
    }

    fn finished(&self) {
        self.done.send_modify(|done| *done += 1);
    }

    /// Asks once, and writes down what was answered. Whether the caller still has a line.
    async fn transfer(&self, process: u64, caller: &mut Caller, request: &Value) -> Option<Told> {
        let key = request["key"].as_str().unwrap().to_owned();
        self.write(process, Type::Invoke, "transfer", json!(key), request.clone());
        let answer = caller.post("/transfer", request).await;
        let told = match answer.map(|answer| answer.status) {
            Ok(200) => Some(Told::Done),
            Ok(409) => Some(Told::Declined),
            Ok(202 | 503) | Err(_) => None,
            Ok(status) => panic!("{key}: {status}"),
        };
        let kind = match told {
            Some(Told::Done) => Type::Ok,
            Some(Told::Declined) => Type::Fail,
            None => Type::Info,
        };
        self.write(process, kind, "transfer", json!(key), Value::Null);
        if let Some(told) = told {
            self.open.lock().unwrap().remove(&key);
            let before = self.told.lock().unwrap().insert(key.clone(), told);
            assert!(
                before.is_none_or(|before| before == told),
                "{key} was {before:?}, now {told:?}"
            );
        } else {
            self.open.lock().unwrap().insert(key, request.clone());
        }
        told
    }
}

/// Moves random amounts between random accounts, most of which can be paid.
async fn customer(bench: Arc<Bench>, name: u64, mut rng: Rng) {
    let mut process = bench.process();
    let mut caller = None;
    for n in 0.. {
        if bench.over.load(Ordering::Relaxed) {
            return;
        }
        let from = rng.pick(0..8) as usize;
        let to = (from + 1 + rng.pick(0..7) as usize) % 8;
        let amount = if rng.chance(50_000) { 1_900 } else { rng.pick(1..100) };
        let request = json!({"key": format!("c{name}-{n}"), "from": ACCOUNTS[from], "to": ACCOUNTS[to], "amount": amount});
        // Half of them ask until they know.
        let insists = rng.chance(500_000);
        loop {
            let mut line = bench.caller(caller.take());
            let told = bench.transfer(process, &mut line, &request).await;
            bench.finished();
            if told.is_some() {
                caller = Some(line);
                break;
            }
            process = bench.process();
            tokio::time::sleep(Duration::from_millis(2)).await;
            if !insists || bench.over.load(Ordering::Relaxed) {
                break;
            }
        }
    }
}

async fn reader(bench: Arc<Bench>) {
    let path = format!("/balances?of={}", ACCOUNTS.join(","));
    let process = bench.process();
    let mut caller = None;
    while !bench.over.load(Ordering::Relaxed) {
        let mut line = bench.caller(caller.take());
        bench.write(process, Type::Invoke, "read", Value::Null, Value::Null);
        match line.get(&path).await {
            Ok(answer) if answer.status == 200 => {
                let value = flat(&answer.body);
                bench.write(process, Type::Ok, "read", Value::Null, value);
                caller = Some(line);
            }
            Ok(_) | Err(_) => {
                bench.write(process, Type::Fail, "read", Value::Null, Value::Null);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        bench.finished();
    }
}

fn flat(ledgers: &Value) -> Value {
    let mut all = serde_json::Map::new();
    for (ledger, balances) in ledgers.as_object().unwrap() {
        for (account, amount) in balances.as_object().unwrap() {
            all.insert(format!("{ledger}/{account}"), amount.clone());
        }
    }
    Value::Object(all)
}

/// Customers and readers who are busy until they are told to go home.
pub(crate) struct Workload {
    bench: Arc<Bench>,
    running: Vec<JoinHandle<()>>,
}

impl Workload {
    #[expect(clippy::disallowed_methods, reason = "a history has times")]
    pub(crate) fn start(test: &TestCluster, rng: &mut Rng) -> Self {
        let bench = Arc::new(Bench {
            began: Instant::now(),
            shop: Mutex::new(test.cluster.front()),
            history: Mutex::default(),
            processes: AtomicU64::new(0),
            told: Mutex::default(),
            open: Mutex::default(),
            done: watch::Sender::new(0),
            over: AtomicBool::new(false),
        });
        let mut running = Vec::new();
        for name in 0..CUSTOMERS {
            running.push(test.runtime.spawn(customer(Arc::clone(&bench), name, rng.fork())));
        }
        for _ in 0..READERS {
            running.push(test.runtime.spawn(reader(Arc::clone(&bench))));
        }
        Self { bench, running }
    }

    /// Waits until they have done so much more.
    pub(crate) fn wait_for(&self, test: &TestCluster, more: u64) {
        let target = *self.bench.done.borrow() + more;
        let mut done = self.bench.done.subscribe();
        let reached = done.wait_for(|done| *done >= target);
        let reached =
            test.runtime.block_on(async { tokio::time::timeout(DEADLINE, reached).await.is_ok() });
        assert!(reached, "no client gets any further");
    }

    /// The shop may be elsewhere.
    pub(crate) fn reconnect(&self, test: &TestCluster) {
        *self.bench.shop.lock().unwrap() = test.cluster.front();
    }

    /// Stops all clients, and judges what they saw. Gives what they were told.
    pub(crate) fn end(self, test: &TestCluster, what: &str) -> BTreeMap<String, Told> {
        let Self { bench, running } = self;
        bench.over.store(true, Ordering::Relaxed);
        for one in running {
            test.runtime.block_on(one).unwrap();
        }
        test.settled();
        // Of those with an unknown outcome, every second one is asked for again; the logs judge the
        // rest.
        let open: Vec<Value> = bench.open.lock().unwrap().values().step_by(2).cloned().collect();
        for request in open {
            let mut caller = Caller::new(test.cluster.front());
            let asked = bench.transfer(bench.process(), &mut caller, &request);
            assert!(test.runtime.block_on(asked).is_some(), "all are up, and there is no answer");
        }
        test.settled();
        let end = test.get(&format!("/balances?of={}", ACCOUNTS.join(",")));
        let history = bench.history.lock().unwrap().clone();
        let judged = bank::check(&history, Some(TOTAL)).unwrap();
        assert_eq!(judged, Verdict::Ok, "{what}");
        assert_eq!(crate::kit::total(&end.body), TOTAL);
        let told = bench.told.lock().unwrap().clone();
        let count = |wanted| told.values().filter(|told| **told == wanted).count();
        let (done, declined) = (count(Told::Done), count(Told::Declined));
        println!("{what}: {done} done, {declined} declined, {} lines", history.entries.len());
        assert!(done > 50 && declined > 0, "the run was too quiet to show anything");
        told
    }
}
