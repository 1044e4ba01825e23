//! What single parts of the chapter cost: where a request goes, a token, a question to the store. With the
//! feature `peers`, what a pick costs in other crates as well.
//!
//! `BENCH_SAVE=1 cargo bench --bench ch01_internals --features internals,peers` keeps the table in
//! `book/data/measured`.
//!
//! # Left out
//!
//! A whole page: that is `ch01_steps`.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use ch01_sticky_sessions::balancer::{Asked, Backend, Route};
use ch01_sticky_sessions::designs::BOUND;
use ch01_sticky_sessions::hash::mix;
use ch01_sticky_sessions::policy::{Jump, Maglev, Ring as Hashes};
use ch01_sticky_sessions::step1_round_robin::RoundRobin;
use ch01_sticky_sessions::step2_ip_hash::IpHash;
use ch01_sticky_sessions::step3_sticky_cookie::StickyCookie;
use ch01_sticky_sessions::step4_consistent_hash::ConsistentHash;
use ch01_sticky_sessions::step7_affinity_hint::AffinityHint;
use ch01_sticky_sessions::store::Store;
use ch01_sticky_sessions::system::seal::ring::Ring;
use ch01_sticky_sessions::system::seal::token::Token;
use ch01_sticky_sessions::types::{Address, Item, Msg, Session, SessionId, User};
use ch01_sticky_sessions::worlds::WEBS;
use lab::measure::{Machine, Table, file};
use lab::node::react;
use lab::{Input, NodeId};

/// What is measured, for each number of nodes where they count, and what it should not exceed.
type Row = [String; 5];

const COMMAND: &str = "BENCH_SAVE=1 cargo bench --bench ch01_internals --features internals,peers";
const KEPT: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../book/data/measured/ch01_internals.json");

const ROUNDS: usize = 7;
/// How many nodes a balancer has.
const POOLS: [u64; 3] = [4, 10, 100];

/// Slots of Maglev's table.
const SLOTS: u64 = 65_537;

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    let count = |usual| if quick { 10 } else { usual };
    let rows = [picks(count(200_000)), tokens(count(200_000)), saves(count(50_000))].concat();
    let table = Table {
        columns: ["what", "4 nodes", "10 nodes", "100 nodes", "aim"].map(Into::into).into(),
        rows: rows.into_iter().map(Into::into).collect(),
        spread: format!("Medians of {ROUNDS} rounds; all nodes are up"),
        machine: Machine::read(Path::new(env!("CARGO_TARGET_TMPDIR"))),
        versions: concat!("ch01-sticky-sessions ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    println!("{table}");
    if std::env::var_os("BENCH_SAVE").is_some() && !quick {
        let text = file(table.kept(), COMMAND);
        std::fs::write(KEPT, text).expect("the book's folder can be written");
    }
}

/// A row of what does not depend on the number of nodes.
fn single(name: &str, took: String, aim: &str) -> Row {
    [name.into(), took, String::new(), String::new(), aim.into()]
}

/// What one of these takes, in ns: the median of the rounds.
fn each(count: u64, mut once: impl FnMut(u64)) -> f64 {
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        (0..count).for_each(&mut once);
        times.push(began.elapsed());
    }
    times.sort_unstable();
    times[ROUNDS / 2].as_nanos() as f64 / count as f64
}

/// Where a request goes, by the number of nodes.
fn picks(count: u64) -> Vec<Row> {
    let bound = Some(BOUND);
    let mut rows = vec![
        pick("round robin", count, &RoundRobin, ""),
        pick("IP hash", count, &IpHash, ""),
        pick("sticky cookie", count, &StickyCookie, ""),
        pick("rendezvous", count, &ConsistentHash { bound: None }, "15 ns at 4 nodes"),
        pick("rendezvous, bounded", count, &ConsistentHash { bound }, ""),
        pick("affinity as a hint", count, &AffinityHint { bound: BOUND }, ""),
        pick("ring", count, &Hashes::new(160), ""),
        pick("Maglev", count, &Maglev::new(SLOTS), "6 ns"),
        pick("jump", count, &Jump, ""),
    ];
    #[cfg(feature = "peers")]
    rows.extend(peers::picks(count));
    let nodes: Vec<NodeId> = (0..100).map(NodeId).collect();
    let mut maglev = Maglev::new(SLOTS);
    let built = each(count.min(20), |_| maglev.prepare(black_box(&nodes)));
    let built = format!("{:.1} ms", built / 1e6);
    let name = format!("build Maglev's table of {SLOTS} slots");
    rows.push([name, String::new(), String::new(), built, "2 ms at 100 nodes".into()]);
    rows
}

fn row(name: &str, [four, ten, hundred]: [f64; 3], aim: &str) -> Row {
    let ns = |took: f64| format!("{took:.1} ns");
    [name.into(), ns(four), ns(ten), ns(hundred), aim.into()]
}

fn pick(name: &str, count: u64, route: &impl Route, aim: &str) -> Row {
    let took = POOLS.map(|nodes| {
        let mut route = route.clone();
        route.prepare(&(0..nodes).map(NodeId).collect::<Vec<_>>());
        let backend = |id| Backend { id: NodeId(id), is_up: true, open: 1, sessions: 0 };
        let pool: Vec<Backend> = (0..nodes).map(backend).collect();
        each(count, |turn| {
            let key = mix(turn);
            let (address, session) = (Address(key as u32), Some(SessionId(key.into())));
            let affinity = Some(NodeId(key % nodes));
            let asked = Asked { address, affinity, session, turn };
            black_box(route.pick(&asked, &pool));
        })
    });
    row(name, took, aim)
}

/// The same by other crates. They know no node that is down: a node that goes is another table.
#[cfg(feature = "peers")]
mod peers {
    use std::net::SocketAddr;

    use hashring::HashRing;
    use maglev::{ConsistentHasher as _, Maglev};
    use pingora_ketama::{Bucket, Continuum};

    use super::{POOLS, Row, black_box, each, mix, row};

    /// Points of a node on a ring, as many as pingora-ketama has.
    const POINTS: u64 = 160;

    pub(super) fn picks(count: u64) -> [Row; 3] {
        let ketama = pick("crate pingora-ketama, a ring", count, |nodes| {
            let bucket = |node| Bucket::new(SocketAddr::from(([10, 0, 0, node as u8], 80)), 1);
            let ring = Continuum::new(&(0..nodes).map(bucket).collect::<Vec<_>>());
            move |key: u64| ring.node(&key.to_be_bytes()).is_some()
        });
        let hashring = pick("crate hashring", count, |nodes| {
            let mut ring = HashRing::new();
            (0..nodes * POINTS).for_each(|point| ring.add((point % nodes, point / nodes)));
            move |key: u64| ring.get(&key).is_some()
        });
        let maglev = pick("crate maglev", count, |nodes| {
            let table = Maglev::new((0..nodes).collect::<Vec<u64>>());
            move |key: u64| table.get(&key).is_some()
        });
        [ketama, hashring, maglev]
    }

    fn pick<P: Fn(u64) -> bool>(name: &str, count: u64, build: impl Fn(u64) -> P) -> Row {
        let took = POOLS.map(|nodes| {
            let pick = build(nodes);
            each(count, |turn| assert!(black_box(pick(mix(turn)))))
        });
        row(name, took, "")
    }
}

/// Sealing and opening the token of design 7.
fn tokens(count: u64) -> Vec<Row> {
    let ring = Ring::read(&format!("00000001 {:064x}", 7)).expect("a key");
    let token = Token { web: WEBS[0], generation: 7, issued: 1_000 };
    let text = token.seal(SessionId(7), &ring).expect("random numbers");
    let seal = each(count, |session| {
        black_box(token.seal(SessionId(session.into()), &ring));
    });
    let open = each(count, |_| {
        black_box(Token::open(black_box(&text), SessionId(7), &ring, 1_000));
    });
    let forged = each(count, |_| {
        black_box(Token::open(black_box(&text), SessionId(8), &ring, 1_000));
    });
    let ns = |took: f64| format!("{took:.0} ns");
    vec![
        single(&format!("seal a token of {} letters", text.len()), ns(seal), "150 ns"),
        single("open it", ns(open), "150 ns"),
        single("refuse it for another session", ns(forged), ""),
    ]
}

/// A step of the store, without its log on disk.
fn saves(count: u64) -> Vec<Row> {
    let mut store = Store::default();
    let mut session = Session::new(User::new("alice"));
    assert!(session.add(Item::new("umbrella")));
    let mut asks = |msg| {
        let input = Input::Message { from: WEBS[0], msg };
        black_box(react(&mut store, NodeId(40), Duration::ZERO, input));
    };
    let save = each(count, |number| {
        let (id, session) = (SessionId(number.into()), Some(session.clone()));
        asks(Msg::Save { number, id, session, expected: None });
    });
    let load = each(count, |number| asks(Msg::Load { number, id: SessionId(number.into()) }));
    let name = |what| format!("{what}, a step of the store with {count} sessions");
    let ns = |took: f64| format!("{took:.0} ns");
    vec![single(&name("save"), ns(save), ""), single(&name("load"), ns(load), "")]
}
