//! One running shop for each step.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ch02_two_phase_commit::accounts::Accounts;
use ch02_two_phase_commit::designs::row;
use ch02_two_phase_commit::shop::Shop;
use ch02_two_phase_commit::types::{COORD, Key, Msg, Order, Outcome, PAY, STOCK};
use lab::NodeId;
use lab::run::{Client, Config, Counts, Data, Driver};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const PLENTY: u64 = 1_000_000_000;
const PATIENCE: Duration = Duration::from_secs(10);

/// A shop that takes one order at a time.
pub(crate) struct Running {
    name: &'static str,
    runtime: Runtime,
    client: Client<Shop>,
    nodes: [Driver<Shop>; 3],
    orders: u64,
    _dir: TempDir,
}

/// All five steps, running.
pub(crate) fn all(target: &Path) -> Vec<Running> {
    ["step1", "step2", "step3", "step4", "step5"].map(|name| start(name, target)).into()
}

fn start(name: &'static str, target: &Path) -> Running {
    let design = &row(name).nodes;
    let dir = tempfile::tempdir_in(target).expect("target/ can be written");
    let config = |id: NodeId| Config::new(2, id, Data::Dir(dir.path().join(id.to_string())));
    let participant = |id, accounts: &[(&str, u64)]| {
        let node = (design.participant)(Accounts::new(accounts));
        Driver::start(config(id), node, ()).expect("it starts")
    };
    let coord = Driver::start(config(COORD), (design.coordinator)(), ()).expect("it starts");
    let stock = participant(STOCK, &[("umbrella", PLENTY)]);
    let pay = participant(PAY, &[("alice", PLENTY), ("till", 0)]);
    let book = BTreeMap::from([(COORD, coord.addr()), (STOCK, stock.addr()), (PAY, pay.addr())]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    coord.set_peers(book.clone());
    stock.set_peers(book.clone());
    pay.set_peers(book);
    runtime.block_on(async {
        coord.linked_to(&[STOCK, PAY]).await;
        stock.linked_to(&[COORD]).await;
        pay.linked_to(&[COORD]).await;
    });
    let client = coord.clients().connect().expect("there is room for one");
    Running { name, runtime, client, nodes: [coord, stock, pay], orders: 0, _dir: dir }
}

impl Running {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn verdict(&self) -> &'static str {
        row(self.name).info.verdict
    }

    /// One order, until the answer.
    pub(crate) fn order(&mut self) {
        self.orders += 1;
        let key = Key::new(&format!("order-{}", self.orders));
        let order = Order::new(&[(STOCK, "umbrella", -1), (PAY, "alice", -1), (PAY, "till", 1)]);
        let client = &mut self.client;
        let answer = self.runtime.block_on(async {
            client.send(Msg::Submit { key: key.clone(), order }).await.expect("it runs");
            tokio::time::timeout(PATIENCE, client.recv()).await.expect("an answer in time")
        });
        assert_eq!(answer, Some(Msg::Answer { key, outcome: Outcome::done() }));
    }

    /// Messages between nodes and fsyncs so far, once no node does anything any more.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let read = || {
            let all = self.nodes.each_ref().map(Driver::counts);
            let sum = |of: fn(&Counts) -> u64| all.iter().map(of).sum::<u64>();
            (sum(|c| c.frames_out), sum(|c| c.syncs), sum(|c| c.steps))
        };
        let mut seen = read();
        loop {
            // Acknowledgements may still be on their way when the client has its answer.
            let pause = async { tokio::time::sleep(Duration::from_millis(10)).await };
            self.runtime.block_on(pause);
            let now = read();
            if now == seen {
                return (now.0, now.1);
            }
            seen = now;
        }
    }
}
