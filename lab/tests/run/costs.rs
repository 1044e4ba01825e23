//! What a request costs beside the floors. Prints, asserts no time.

use std::collections::BTreeMap;
use std::time::Duration;

use lab::NodeId;
use lab::measure::{
    Failed, Machine, Operation, Until, WriteKind, closed_loop, fsync_floor, round_trip_floor,
};
use lab::run::{Client, Config, Data, Driver};

use crate::toy::{Ledger, Msg, Words};

struct Adder(Client<Words>);

impl Operation for Adder {
    async fn run(&mut self, n: u64) -> Result<(), Failed> {
        self.0.send(Msg::Add(n)).await.map_err(|_| Failed)?;
        match self.0.recv().await {
            Some(Msg::Added { .. }) => Ok(()),
            _ => Err(Failed),
        }
    }
}

#[test]
#[ignore = "prints times: cargo test --release -p lab --features net --test run costs -- --ignored --nocapture"]
fn costs() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    println!("{}", Machine::read(dir.path()));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (one, two) = (NodeId(1), NodeId(2));
    let start = |me: NodeId, other| {
        let data = Data::Dir(dir.path().join(me.to_string()));
        Driver::start(Config::new(1, me, data), Ledger::new(other), ()).unwrap()
    };
    let (a, b) = (start(one, two), start(two, one));
    let book = BTreeMap::from([(one, a.addr()), (two, b.addr())]);
    a.set_peers(book.clone());
    b.set_peers(book);
    runtime.block_on(async {
        a.linked_to(&[two]).await;
        b.linked_to(&[one]).await;
    });
    for round in 0..3 {
        println!("round {round}");
        for how in [WriteKind::Append, WriteKind::Overwrite, WriteKind::Direct] {
            println!("  floor: {how:?} {}", fsync_floor(dir.path(), how, 2000).unwrap());
        }
        println!("  floor: round trip {}", round_trip_floor(5000).unwrap());
        for (place, on) in
            [("own thread", runtime.handle().clone()), ("node's thread", a.runtime())]
        {
            for clients in [1, 2, 4, 8, 16, 32, 64, 128] {
                let before = a.counts();
                let adders = (0..clients).map(|_| Adder(a.clients().connect().unwrap())).collect();
                let load = closed_loop(adders, Until::Time(Duration::from_millis(700)));
                let measured = runtime.block_on(on.spawn(load)).unwrap();
                let after = a.counts();
                let share = (after.records - before.records) as f64
                    / (after.syncs - before.syncs).max(1) as f64;
                println!("  {place}, {clients} clients: {measured}; {share:.1} records a sync");
            }
        }
    }
}
