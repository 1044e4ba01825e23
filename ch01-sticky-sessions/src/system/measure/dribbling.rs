//! Edge: makes it survive the real world. The lesson is in `step7_affinity_hint.rs`.
//!
//! Users beside thousands of connections that send a byte now and then, and never a whole request. Each of those
//! has a place until its time for a head is over, and dials again.
//!
//! # Left out
//!
//! HAProxy and nginx: how long they wait for a head is a matter of their configuration.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use lab::measure::{Error, Outcome, Setup, open_loop, runtime};
use lab::run::most_open_files;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpSocket;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::{LEAST, RATE, Turns, USERS, backends, in_turn, ours, outcome, plan, users};

/// Connections that dribble.
const DRIBBLING: u64 = 2_000;
/// Beside them, for users, backends and files.
const OTHERS: u64 = 300;
/// They come from an address of their own: an address may not have many more.
const FROM: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Between two bytes.
const REST: Duration = Duration::from_secs(1);

/// Users alone, and beside them.
pub(crate) fn dribbling(setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
    if most_open_files() < DRIBBLING + OTHERS {
        let why = format!("too few open files; `ulimit -n {}` first", DRIBBLING + OTHERS);
        return Err(Error::contender("dribbling", why));
    }
    let names = ["users alone".to_owned(), format!("beside {DRIBBLING} that dribble")];
    let runtime = runtime()?;
    let on = runtime.handle();
    let backends = on.block_on(backends()).map_err(Error::io("start backends"))?;
    let peer = ours(setup, &backends)?;
    let mut all = [Turns::new(), Turns::new()];
    let (rounds, time) = plan(setup, 2, LEAST);
    for round in 1..=rounds {
        for at in in_turn(round, all.len()) {
            let crowd = if at == 0 { JoinSet::new() } else { on.block_on(crowd(peer.at)) };
            let measured = on
                .block_on(async { open_loop(users(peer.at, "/sign-in").await, RATE, time).await });
            drop(crowd);
            writeln!(out, "round {round} of {rounds}: {}: {measured}", names[at])
                .map_err(Error::io("print"))?;
            all[at].add(0.0, &measured);
        }
    }
    let row = |(name, turns): (&String, &Turns)| {
        let [name, _, _, half, most, failed] = turns.row(name);
        vec![name, half, most, failed]
    };
    let rows = names.iter().zip(&all).map(row).collect();
    let columns = ["who", "half within", "99 % within", "no page"];
    let spread = format!(
        "Medians of {rounds} interleaved turns at {RATE} requests per second of {USERS} users who are signed \
         in; each of the others sends a byte in {REST:?}"
    );
    let is_ok = all.iter().all(|turns| turns.answered);
    outcome(setup, columns.map(Into::into).into(), rows, spread, peer.version, is_ok)
}

/// All of them, once each has sent its first bytes. Dropping it ends them.
async fn crowd(shop: SocketAddr) -> JoinSet<()> {
    let (begun, mut begins) = unbounded_channel();
    let mut crowd = JoinSet::new();
    for _ in 0..DRIBBLING {
        let begun = begun.clone();
        crowd.spawn(async move {
            let mut begun = Some(begun);
            loop {
                // The balancer has had enough of it, or has no place: once more.
                let _ = dribble(shop, &mut begun).await;
                tokio::time::sleep(REST).await;
            }
        });
    }
    drop(begun);
    // Each of them drops its sender when it has begun.
    while begins.recv().await.is_some() {}
    crowd
}

/// Begins a request, and goes on with it as long as somebody listens.
async fn dribble(shop: SocketAddr, begun: &mut Option<UnboundedSender<()>>) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((FROM, 0).into())?;
    let mut stream = socket.connect(shop).await?;
    stream.write_all(b"GET /cart HTTP/1.1\r\nHost: a\r\nX: ").await?;
    drop(begun.take());
    loop {
        tokio::time::sleep(REST).await;
        stream.write_all(b"x").await?;
    }
}
