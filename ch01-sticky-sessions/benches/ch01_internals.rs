//! What single parts of the chapter cost: where a request goes, a token, a question to the store. With the
//! feature `peers`, what a pick costs in other crates as well.
//!
//! # Left out
//!
//! A whole page: that is `ch01_steps`.

#![expect(clippy::disallowed_methods, reason = "measuring is what a clock is for")]

use std::hint::black_box;
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
use lab::node::react;
use lab::{Input, NodeId};

const ROUNDS: usize = 7;
/// How many nodes a balancer has.
const POOLS: [u64; 3] = [4, 10, 100];

/// Slots of Maglev's table.
const SLOTS: u64 = 65_537;

fn main() {
    let quick = std::env::args().any(|arg| arg == "--test");
    picks(if quick { 10 } else { 200_000 });
    tokens(if quick { 10 } else { 200_000 });
    saves(if quick { 10 } else { 50_000 });
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
fn picks(count: u64) {
    println!("A pick, in ns, of {POOLS:?} nodes that are all up:");
    let bound = Some(BOUND);
    pick("round robin", count, &RoundRobin);
    pick("IP hash", count, &IpHash);
    pick("sticky cookie", count, &StickyCookie);
    pick("rendezvous", count, &ConsistentHash { bound: None });
    pick("rendezvous, bounded", count, &ConsistentHash { bound });
    pick("affinity as a hint", count, &AffinityHint { bound: BOUND });
    pick("ring", count, &Hashes::new(160));
    pick("Maglev", count, &Maglev::new(SLOTS));
    pick("jump", count, &Jump);
    let nodes: Vec<NodeId> = (0..100).map(NodeId).collect();
    let mut maglev = Maglev::new(SLOTS);
    let built = each(count.min(20), |_| maglev.prepare(black_box(&nodes)));
    #[cfg(feature = "peers")]
    peers::picks(count);
    println!("Maglev's table of {SLOTS} slots for 100 nodes: {:.1} ms\n", built / 1e6);
}

fn pick(name: &str, count: u64, route: &impl Route) {
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
    println!("  {name:<20} {:>7.1} {:>7.1} {:>7.1}", took[0], took[1], took[2]);
}

/// The same by other crates. They know no node that is down: a node that goes is another table.
#[cfg(feature = "peers")]
mod peers {
    use std::net::SocketAddr;

    use hashring::HashRing;
    use maglev::{ConsistentHasher as _, Maglev};
    use pingora_ketama::{Bucket, Continuum};

    use super::{POOLS, black_box, each, mix};

    /// Points of a node on a ring, as many as pingora-ketama has.
    const POINTS: u64 = 160;

    pub(super) fn picks(count: u64) {
        pick("pingora-ketama", count, |nodes| {
            let bucket = |node| Bucket::new(SocketAddr::from(([10, 0, 0, node as u8], 80)), 1);
            let ring = Continuum::new(&(0..nodes).map(bucket).collect::<Vec<_>>());
            move |key: u64| ring.node(&key.to_be_bytes()).is_some()
        });
        pick("hashring", count, |nodes| {
            let mut ring = HashRing::new();
            (0..nodes * POINTS).for_each(|point| ring.add((point % nodes, point / nodes)));
            move |key: u64| ring.get(&key).is_some()
        });
        pick("maglev", count, |nodes| {
            let table = Maglev::new((0..nodes).collect::<Vec<u64>>());
            move |key: u64| table.get(&key).is_some()
        });
    }

    fn pick<P: Fn(u64) -> bool>(name: &str, count: u64, build: impl Fn(u64) -> P) {
        let took = POOLS.map(|nodes| {
            let pick = build(nodes);
            each(count, |turn| assert!(black_box(pick(mix(turn)))))
        });
        println!("  {name:<20} {:>7.1} {:>7.1} {:>7.1}", took[0], took[1], took[2]);
    }
}

/// Sealing and opening the token of design 7.
fn tokens(count: u64) {
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
    println!(
        "A token of {} letters: seal {seal:.0} ns, open {open:.0} ns, refuse {forged:.0} ns\n",
        text.len()
    );
}

/// A step of the store, without its log on disk.
fn saves(count: u64) {
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
    println!("A step of the store with {count} sessions: save {save:.0} ns, load {load:.0} ns");
}
