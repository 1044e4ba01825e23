//! Clients that write, read, and compare and set a few keys, and write down what they saw.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lab::check::linear::{Budget, Model, check};
use lab::check::{History, Verdict};
use lab::resp::{Client, Reply};
use lab::rng::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::kit::{DEADLINE, TestCluster};

const KEYS: u64 = 3;
/// A replica that is frozen takes connections and answers nothing: its clients leave it for the next one.
const PATIENCE: Duration = Duration::from_secs(2);
/// More than a history of these tests needs.
const STATES: usize = 20_000_000;

/// What all clients share.
pub(crate) struct Bench {
    began: Instant,
    /// Where replicas serve clients: one that is down is tried, and left for the next.
    pub(crate) replicas: Mutex<Vec<SocketAddr>>,
    lines: Mutex<Vec<(u64, Value)>>,
    processes: AtomicU64,
    values: AtomicU64,
    /// How many operations were answered.
    pub(crate) answered: watch::Sender<u64>,
    over: watch::Sender<bool>,
}

impl Bench {
    pub(crate) fn new(replicas: Vec<SocketAddr>) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            replicas: Mutex::new(replicas),
            lines: Mutex::default(),
            processes: AtomicU64::new(0),
            values: AtomicU64::new(0),
            answered: watch::Sender::new(0),
            over: watch::Sender::new(false),
        })
    }

    /// So many clients work from now on, as tasks of this cluster's runtime.
    pub(crate) fn begin(cluster: &TestCluster, clients: std::ops::Range<u64>) -> Recorded {
        let bench = Self::new(cluster.replicas().into_iter().map(|(_, at)| at).collect());
        let client = |seed| cluster.runtime.spawn(client(Arc::clone(&bench), seed));
        let clients = clients.map(client).collect();
        Recorded { bench, clients }
    }

    fn record(&self, mut line: Value) {
        let mut lines = self.lines.lock().unwrap();
        let time = u64::try_from(self.began.elapsed().as_nanos()).unwrap();
        line["time"] = time.into();
        lines.push((time, line));
    }

    /// Judges what was written down: the verdict, and how many operations it rests on.
    pub(crate) fn judge(&self) -> (Verdict, usize) {
        let mut lines = self.lines.lock().unwrap().clone();
        lines.sort_by_key(|(time, _)| *time);
        let mut text = String::new();
        lines.iter().for_each(|(_, line)| writeln!(text, "{line}").unwrap());
        let history = History::read(&text).unwrap();
        let judged = check(&history, &Model::Register.into(), &mut Budget::states(STATES)).unwrap();
        (judged.verdict, judged.counts.operations)
    }

    /// Waits until so many more operations are answered.
    pub(crate) async fn goes_on(&self, more: u64) {
        let mut answered = self.answered.subscribe();
        let enough = *answered.borrow_and_update() + more;
        let waited = tokio::time::timeout(DEADLINE, answered.wait_for(|n| *n >= enough)).await;
        assert!(waited.is_ok(), "fewer than {more} operations were answered in {DEADLINE:?}");
    }
}

/// A bench and the clients that work at it.
pub(crate) struct Recorded {
    pub(crate) bench: Arc<Bench>,
    clients: Vec<JoinHandle<()>>,
}

impl Recorded {
    /// Lets all clients end, and asserts that what they saw is linearizable: of so many operations at least.
    pub(crate) fn assert_linearizable(self, cluster: &TestCluster, least: u64) {
        self.bench.over.send_replace(true);
        for client in self.clients {
            cluster.runtime.block_on(client).unwrap();
        }
        let (verdict, operations) = self.bench.judge();
        assert_eq!(verdict, Verdict::Ok);
        assert!(operations as u64 >= least, "only {operations} operations");
    }
}

/// What is asked: the words of a history, and those of the store.
struct Question {
    f: &'static str,
    key: String,
    value: Value,
    words: Vec<String>,
}

impl Question {
    fn new(bench: &Bench, rng: &mut Rng, seen: &Value) -> Self {
        let key = format!("k{}", rng.pick(0..KEYS));
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let fresh = || (bench.values.fetch_add(1, Relaxed) + 1).to_string();
        match rng.pick(0..3) {
            0 => Self { f: "read", words: words(&["GET", &key]), value: Value::Null, key },
            1 => {
                let to = fresh();
                Self { f: "write", words: words(&["SET", &key, &to]), value: json!(to), key }
            }
            _ => {
                let (from, to) = (seen.as_str().unwrap_or("0").to_owned(), fresh());
                let words = words(&["CAS", &key, &from, &to]);
                Self { f: "cas", words, value: json!([from, to]), key }
            }
        }
    }
}

/// One client: asks one replica until that fails, then the next.
pub(crate) async fn client(bench: Arc<Bench>, seed: u64) {
    let mut rng = Rng::new(seed);
    let mut over = bench.over.subscribe();
    let mut process = bench.processes.fetch_add(1, Relaxed);
    let (mut connection, mut at, mut seen) = (None, seed, Value::Null);
    while !*over.borrow_and_update() {
        let Some(open) = &mut connection else {
            let replicas = bench.replicas.lock().unwrap().clone();
            at += 1;
            let replica = replicas[usize::try_from(at).unwrap() % replicas.len()];
            connection = Client::connect(replica, PATIENCE).await.ok();
            match &mut connection {
                // Every second client reads beside the log.
                Some(open) if seed % 2 == 1 => {
                    if open.call(&["READMODE", "index"]).await.is_err() {
                        connection = None;
                    }
                }
                Some(_) => {}
                None => tokio::task::yield_now().await,
            }
            continue;
        };
        let question = Question::new(&bench, &mut rng, &seen);
        let Question { f, key, value, words } = question;
        let line = |kind: &str, value: &Value| json!({"process": process, "type": kind, "f": f, "key": key, "value": value});
        bench.record(line("invoke", &value));
        let reply = open.call(&words).await;
        match meaning(reply.as_ref().ok(), f) {
            Some(Ok(found)) => {
                if f == "read" {
                    seen.clone_from(&found);
                }
                bench.record(line("ok", if f == "read" { &found } else { &value }));
                bench.answered.send_modify(|n| *n += 1);
            }
            Some(Err(why)) => {
                let mut line = line("fail", &value);
                if let Some(why) = why {
                    line["error"] = why.into();
                    connection = None;
                } else {
                    bench.answered.send_modify(|n| *n += 1);
                }
                bench.record(line);
            }
            None => {
                // It may be done later: nobody continues as this process.
                bench.record(line("info", &value));
                process = bench.processes.fetch_add(1, Relaxed);
                connection = None;
            }
        }
    }
}

/// Done with what was found, certainly not done (with a reason other than a comparison), or unknown.
fn meaning(reply: Option<&Reply>, f: &str) -> Option<Result<Value, Option<String>>> {
    match reply? {
        Reply::Simple(_) | Reply::Integer(1) => Some(Ok(Value::Null)),
        Reply::Bulk(bytes) => Some(Ok(json!(std::str::from_utf8(bytes).unwrap()))),
        Reply::Nil if f == "read" => Some(Ok(Value::Null)),
        Reply::Nil | Reply::Integer(0) if f == "cas" => Some(Err(None)),
        Reply::Error(why) if why.starts_with("TRYAGAIN") => Some(Err(Some(why.to_string()))),
        Reply::Error(why) if why.starts_with("UNKNOWN") => None,
        other => panic!("{f}: {other:?}"),
    }
}
