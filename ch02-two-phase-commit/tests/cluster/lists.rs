//! The running shop, judged as transactions on lists while roles are killed and come back: see
//! `ch02_two_phase_commit::lists`. The bank test finds money that appears; this one finds any order
//! of events that no order of transactions explains, reads that are too old included.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::append_lists::{ClientEvent, Lists};
use ch02_two_phase_commit::system::{Design, Role};
use ch02_two_phase_commit::types::{Account, Balances, Key, Order, PAY, Record, STOCK};
use lab::NodeId;
use lab::check::append::{Promise, check};
use lab::check::{History, Type, Verdict};
use lab::http::Caller;
use lab::rng::Rng;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::kit::{DEADLINE, TestCluster};
use crate::ledger::{self, Told};

/// Each group has two accounts of either ledger, and is emptied before the next ones are.
const GROUPS: u64 = if cfg!(feature = "slow") { 120 } else { 12 };
/// Amounts 1, 2, 4, … 256: all of them together are less than an account has.
const AMOUNTS: u32 = 9;
const ON_EACH: u64 = 1_000;
const CUSTOMERS: usize = 6;
const READERS: usize = 3;
const KILLS: u64 = if cfg!(feature = "slow") { 60 } else { 5 };

type Place = (NodeId, String);

struct Transfer {
    key: String,
    from: Place,
    to: Place,
    amount: u64,
}

impl Transfer {
    fn order(&self) -> Order {
        let by = i64::try_from(self.amount).unwrap();
        Order::new(&[(self.from.0, &self.from.1, -by), (self.to.0, &self.to.1, by)])
    }

    fn request(&self) -> Value {
        let (from, to) = (path(&self.from), path(&self.to));
        json!({"key": self.key, "from": from, "to": to, "amount": self.amount})
    }
}

fn path((keeper, account): &Place) -> String {
    format!("{}/{account}", if *keeper == STOCK { "stock" } else { "pay" })
}

fn group(number: u64) -> [Place; 4] {
    let [a, b] = [2 * number, 2 * number + 1];
    [
        (STOCK, format!("s{a:04}")),
        (STOCK, format!("s{b:04}")),
        (PAY, format!("p{a:04}")),
        (PAY, format!("p{b:04}")),
    ]
}

/// For each amount two transfers between the four accounts of a group, in random pairs: so each
/// account adds or gives each amount once. Three groups are mixed at a time.
fn transfers(rng: &mut Rng) -> VecDeque<Transfer> {
    let mut all = Vec::new();
    for number in 0..GROUPS {
        for bit in 0..AMOUNTS {
            let mut places = group(number);
            shuffle(rng, &mut places);
            for (i, pair) in places.chunks(2).enumerate() {
                let key = format!("g{number}-{bit}-{i}");
                let (from, to) = (pair[0].clone(), pair[1].clone());
                all.push(Transfer { key, from, to, amount: 1 << bit });
            }
        }
    }
    for three in all.chunks_mut(3 * 2 * AMOUNTS as usize) {
        shuffle(rng, three);
    }
    all.into()
}

fn shuffle<T>(rng: &mut Rng, items: &mut [T]) {
    for i in (1..items.len()).rev() {
        items.swap(i, rng.pick(0..i as u64 + 1) as usize);
    }
}

/// What all clients share.
struct Bench {
    began: Instant,
    shop: Mutex<SocketAddr>,
    events: Mutex<Vec<(u64, u64, ClientEvent)>>,
    processes: AtomicU64,
    open: Mutex<VecDeque<Transfer>>,
    told: Mutex<BTreeMap<String, Told>>,
    done: watch::Sender<u64>,
    over: AtomicBool,
}

impl Bench {
    fn record(&self, process: u64, what: ClientEvent) {
        let mut events = self.events.lock().unwrap();
        let time = u64::try_from(self.began.elapsed().as_nanos()).unwrap();
        events.push((time, process, what));
    }

    fn process(&self) -> u64 {
        self.processes.fetch_add(1, Ordering::Relaxed)
    }

    fn caller(&self, caller: Option<Caller>) -> Caller {
        caller.unwrap_or_else(|| Caller::new(*self.shop.lock().unwrap()))
    }

    fn next(&self) -> Option<Transfer> {
        self.open.lock().unwrap().pop_front()
    }

    /// Reads these accounts in one moment. Whether the line still stands.
    async fn read(&self, process: u64, caller: &mut Caller, places: &[Place]) -> bool {
        let lines: Vec<(NodeId, &str, i64)> =
            places.iter().map(|(keeper, account)| (*keeper, account.as_str(), 0)).collect();
        self.record(process, ClientEvent::Asked(Order::new(&lines)));
        let paths: Vec<String> = places.iter().map(path).collect();
        let answer = caller.get(&format!("/balances?of={}", paths.join(","))).await;
        let seen = answer.ok().filter(|answer| answer.status == 200);
        let event = seen
            .as_ref()
            .map_or(ClientEvent::Declined, |seen| ClientEvent::Done(balances(&seen.body)));
        self.record(process, event);
        seen.is_some()
    }
}

fn balances(body: &Value) -> BTreeMap<NodeId, Balances> {
    let of = |ledger: &Value| {
        let each = ledger.as_object().unwrap().iter();
        each.map(|(name, amount)| (Account::new(name), amount.as_u64().unwrap())).collect()
    };
    let both = [(STOCK, "stock"), (PAY, "pay")];
    both.into_iter().filter_map(|(id, name)| Some((id, of(body.get(name)?)))).collect()
}

/// Asks for one transfer after the other, mostly until it knows.
async fn customer(bench: Arc<Bench>, mut rng: Rng) {
    let mut process = bench.process();
    let mut caller = None;
    while let Some(transfer) = bench.next() {
        let (key, insists) = (transfer.key.clone(), rng.chance(800_000));
        bench.record(process, ClientEvent::Asked(transfer.order()));
        loop {
            let mut line = bench.caller(caller.take());
            let answer = line.post("/transfer", &transfer.request()).await;
            bench.done.send_modify(|done| *done += 1);
            let (told, event) = match answer.map(|answer| answer.status) {
                Ok(200) => (Told::Done, ClientEvent::Done(BTreeMap::new())),
                Ok(409) => (Told::Declined, ClientEvent::Declined),
                Ok(202 | 503) | Err(_) if insists => {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    continue;
                }
                Ok(202 | 503) | Err(_) => {
                    bench.record(process, ClientEvent::Unknown);
                    process = bench.process();
                    break;
                }
                Ok(status) => panic!("{key}: {status}"),
            };
            bench.record(process, event);
            bench.told.lock().unwrap().insert(key, told);
            caller = Some(line);
            break;
        }
    }
}

/// Reads the groups that are being worked on.
async fn reader(bench: Arc<Bench>, mut rng: Rng) {
    let process = bench.process();
    let mut caller = None;
    while !bench.over.load(Ordering::Relaxed) {
        let left = bench.open.lock().unwrap().len() as u64 / (2 * u64::from(AMOUNTS));
        let now = GROUPS.saturating_sub(left + 1 + rng.pick(0..3)).min(GROUPS - 1);
        let mut line = bench.caller(caller.take());
        if bench.read(process, &mut line, &group(now)).await {
            caller = Some(line);
        } else {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// Kills one role after the other, at moments chosen by the number of answers.
fn kill_and_restart(test: &mut TestCluster, bench: &Bench, rng: &mut Rng) {
    for _ in 0..KILLS {
        let target = *bench.done.borrow() + rng.pick(5..35);
        let mut done = bench.done.subscribe();
        let reached = done.wait_for(|done| *done >= target);
        let wait = async { tokio::time::timeout(DEADLINE, reached).await.is_ok() };
        assert!(test.runtime.block_on(wait), "no client gets any further");
        let role = Design::TwoPhases.roles()[rng.pick(0..3) as usize];
        test.cluster.kill(role).unwrap();
        test.cluster.restart(role, None).unwrap();
        *bench.shop.lock().unwrap() = test.cluster.front();
    }
}

/// What clients were told, as lists in the order of the logs.
fn history(data: &Path, bench: &Bench, orders: &[(Key, Order)]) -> History {
    let mut lists = Lists::default();
    let everywhere = (0..GROUPS).flat_map(group);
    let mut opening: BTreeMap<NodeId, Balances> = BTreeMap::new();
    for (keeper, account) in everywhere {
        opening.entry(keeper).or_default().insert(Account::new(&account), ON_EACH);
    }
    opening.iter().for_each(|(keeper, balances)| lists.open(*keeper, balances));
    orders.iter().for_each(|(key, order)| lists.order(key, order));
    for role in [Role::Stock, Role::Pay] {
        let mut key_of = BTreeMap::new();
        for record in ledger::records(data, role) {
            match record {
                Record::Prepared { tx, key, .. } => drop(key_of.insert(tx, key)),
                Record::Committed { tx } => lists.committed(role.id(), &key_of[&tx]),
                _ => {}
            }
        }
    }
    let events = bench.events.lock().unwrap();
    lists.history(events.iter().map(|(time, process, what)| (*time, *process, what))).unwrap()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a history has times")]
fn orders_look_as_if_done_one_after_the_other_in_time_while_roles_are_killed() {
    let mut test = TestCluster::with(|config| config.power_cut = true);
    let mut rng = Rng::new(4);
    let transfers = transfers(&mut rng);
    let orders: Vec<(Key, Order)> =
        transfers.iter().map(|one| (Key::new(&one.key), one.order())).collect();
    let bench = Arc::new(Bench {
        began: Instant::now(),
        shop: Mutex::new(test.cluster.front()),
        events: Mutex::default(),
        processes: AtomicU64::new(0),
        open: Mutex::new(transfers),
        told: Mutex::default(),
        done: watch::Sender::new(0),
        over: AtomicBool::new(false),
    });
    let spawn = |rng: &mut Rng| test.runtime.spawn(customer(Arc::clone(&bench), rng.fork()));
    let customers: Vec<_> = (0..CUSTOMERS).map(|_| spawn(&mut rng)).collect();
    let spawn = |rng: &mut Rng| test.runtime.spawn(reader(Arc::clone(&bench), rng.fork()));
    let readers: Vec<_> = (0..READERS).map(|_| spawn(&mut rng)).collect();
    kill_and_restart(&mut test, &bench, &mut rng);
    for one in customers {
        test.runtime.block_on(one).unwrap();
    }
    bench.over.store(true, Ordering::Relaxed);
    for one in readers {
        test.runtime.block_on(one).unwrap();
    }
    test.settled();
    let (all, mut caller) = ((0..GROUPS).flat_map(group).collect::<Vec<_>>(), bench.caller(None));
    assert!(test.runtime.block_on(bench.read(bench.process(), &mut caller, &all)));
    let data = test.cluster.dir().to_owned();
    test.cluster.stop().unwrap();

    let history = history(&data, &bench, &orders);
    let judged = check(&history, Promise::StrictSerializable).unwrap();
    assert_eq!(judged, Verdict::Ok);
    let told = bench.told.lock().unwrap();
    ledger::check(&data, &told, &ledger::Elsewhere::new());
    let done = told.values().filter(|told| **told == Told::Done).count();
    let seen = history.entries.iter().filter(|one| one.kind == Type::Ok && one.value[0][0] == "r");
    let halfway = seen.clone().filter(|one| {
        let lengths = one.value.as_array().into_iter().flatten();
        let lengths = lengths.map(|read| read[2].as_array().map_or(0, Vec::len));
        lengths.into_iter().any(|length| 0 < length && length < AMOUNTS as usize)
    });
    let (reads, halfway) = (seen.count(), halfway.count());
    println!("{done} done, {reads} reads, {halfway} of them in the middle, {KILLS} kills");
    assert!(done > 100 && halfway > 10, "the run was too quiet to show anything");
}
