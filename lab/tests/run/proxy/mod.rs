//! A proxy whose link is cut, delayed, reset, and led elsewhere. That nothing arrives is shown by what the
//! proxy has counted, once it has the bytes, and by what arrives first.

mod ends;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use lab::run::proxy::{Direction, MAX_KEPT, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use Direction::{Both, FromTarget, ToTarget};

const LONG: Duration = Duration::from_secs(60);
const DELAY: Duration = Duration::from_millis(100);
/// More than all buffers on the way take.
const MUCH: usize = 32 << 20;

/// A proxy, its target, and one connection through it.
struct Linked {
    proxy: Proxy,
    listener: TcpListener,
    client: TcpStream,
    server: TcpStream,
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

async fn link() -> Linked {
    let (listener, addr) = listen().await;
    let proxy = Proxy::start(addr).unwrap();
    let client = TcpStream::connect(proxy.addr()).await.unwrap();
    let server = accept(&listener).await;
    Linked { proxy, listener, client, server }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    in_time(listener.accept()).await.unwrap().0
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG / 2, future).await.expect("in time")
}

async fn until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    in_time(waiting).await;
}

/// These bytes are what arrives next.
async fn arrives(stream: &mut TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    in_time(stream.read_exact(&mut bytes)).await.unwrap();
    assert_eq!(bytes, expected);
}

async fn passes(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    from.write_all(bytes).await.unwrap();
    arrives(to, bytes).await;
}

async fn ends(stream: &mut TcpStream) {
    assert_eq!(in_time(stream.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn bytes_go_both_ways_and_so_do_ends() {
    let Linked { proxy, mut client, mut server, .. } = link().await;
    passes(&mut client, &mut server, b"there").await;
    passes(&mut server, &mut client, b"and back").await;
    assert_eq!((proxy.forwarded(ToTarget), proxy.forwarded(FromTarget)), (5, 8));
    client.shutdown().await.unwrap();
    ends(&mut server).await;
    passes(&mut server, &mut client, b"still open").await;
    assert_eq!((proxy.connections(), proxy.forwarded(Both), proxy.kept(Both)), (1, 23, 0));
    drop(server);
    ends(&mut client).await;
    until(|| proxy.connections() == 0).await;
}

#[tokio::test]
async fn a_cut_link_delivers_nothing_until_it_heals() {
    for direction in [ToTarget, FromTarget, Both] {
        let Linked { proxy, mut client, mut server, .. } = link().await;
        proxy.cut(direction);
        client.write_all(b"there").await.unwrap();
        server.write_all(b"and back").await.unwrap();
        let (to, from) = (u64::from(direction != FromTarget), u64::from(direction != ToTarget));
        until(|| proxy.kept(Both) == 5 * to + 8 * from).await;
        if direction == FromTarget {
            arrives(&mut server, b"there").await;
        }
        if direction == ToTarget {
            arrives(&mut client, b"and back").await;
        }
        assert_eq!(proxy.kept(ToTarget), 5 * to);
        assert_eq!(proxy.kept(FromTarget), 8 * from);
        assert_eq!(proxy.forwarded(ToTarget), 5 * (1 - to));
        assert_eq!(proxy.forwarded(FromTarget), 8 * (1 - from));
        proxy.heal();
        if direction != FromTarget {
            arrives(&mut server, b"there").await;
        }
        if direction != ToTarget {
            arrives(&mut client, b"and back").await;
        }
        passes(&mut client, &mut server, b"again").await;
    }
}

#[tokio::test]
async fn a_new_connection_is_accepted_while_the_link_is_cut_and_opened_once_it_is_whole() {
    for direction in [ToTarget, FromTarget, Both] {
        let (listener, addr) = listen().await;
        let proxy = Proxy::start(addr).unwrap();
        proxy.cut(direction);
        let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
        client.write_all(b"there").await.unwrap();
        until(|| proxy.kept(ToTarget) == 5).await;
        assert_eq!((proxy.connections(), proxy.forwarded(Both)), (1, 0));
        // It comes later, and is first.
        let direct = TcpStream::connect(addr).await.unwrap();
        proxy.heal();
        assert_eq!(accept(&listener).await.peer_addr().unwrap(), direct.local_addr().unwrap());
        let mut server = accept(&listener).await;
        arrives(&mut server, b"there").await;
        passes(&mut server, &mut client, b"and back").await;
    }
}

#[tokio::test]
async fn a_cut_link_keeps_so_much_and_then_the_sender_waits() {
    let Linked { proxy, client, mut server, .. } = link().await;
    proxy.cut(ToTarget);
    let (mut reading, mut writing) = client.into_split();
    let much: Vec<u8> = (0..=250).cycle().take(MUCH).collect();
    let sent = much.clone();
    let sending = tokio::spawn(async move { writing.write_all(&sent).await.map(|()| writing) });
    until(|| proxy.kept(ToTarget) == MAX_KEPT as u64).await;
    for _ in 0..100 {
        server.write_all(b"x").await.unwrap();
        in_time(reading.read_exact(&mut [0])).await.unwrap();
    }
    assert!(!sending.is_finished());
    assert_eq!((proxy.kept(Both), proxy.forwarded(ToTarget)), (MAX_KEPT as u64, 0));
    proxy.heal();
    let mut arrived = vec![0; MUCH];
    in_time(server.read_exact(&mut arrived)).await.unwrap();
    assert!(arrived == much);
    sending.await.unwrap().unwrap();
    until(|| proxy.kept(Both) == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_cut_returns_nothing_is_forwarded_any_more() {
    let Linked { proxy, client, server, .. } = link().await;
    let (mut reading, mut writing) = client.into_split();
    let (mut consuming, mut replying) = server.into_split();
    let sending =
        tokio::spawn(async move { while writing.write_all(&[7; 1_000]).await.is_ok() {} });
    let receiving = tokio::spawn(async move {
        let mut bytes = vec![0; 1_000];
        while let Ok(1..) = consuming.read(&mut bytes).await {}
    });
    for _ in 0..30 {
        let before = proxy.forwarded(ToTarget);
        until(|| proxy.forwarded(ToTarget) > before).await;
        proxy.cut(ToTarget);
        let at_cut = proxy.forwarded(ToTarget);
        for _ in 0..5 {
            replying.write_all(b"x").await.unwrap();
            in_time(reading.read_exact(&mut [0])).await.unwrap();
        }
        assert_eq!(proxy.forwarded(ToTarget), at_cut);
        proxy.heal();
    }
    proxy.reset();
    sending.await.unwrap();
    receiving.await.unwrap();
}

#[tokio::test]
async fn a_delay_holds_each_piece_back_and_keeps_their_order() {
    let Linked { proxy, mut client, mut server, .. } = link().await;
    proxy.set_delay(DELAY);
    let began = Instant::now();
    passes(&mut client, &mut server, b"there").await;
    passes(&mut server, &mut client, b"and back").await;
    assert!(began.elapsed() >= 2 * DELAY);
    let came = || proxy.kept(ToTarget) + proxy.forwarded(ToTarget);
    client.write_all(b"slow").await.unwrap();
    until(|| came() == 5 + 4).await;
    proxy.set_delay(Duration::ZERO);
    client.write_all(b"fast").await.unwrap();
    arrives(&mut server, b"slowfast").await;
    // A delay without an end is one: nothing of it is forwarded.
    proxy.set_delay(Duration::MAX);
    client.write_all(b"never").await.unwrap();
    until(|| proxy.kept(ToTarget) == 5).await;
    assert_eq!(proxy.forwarded(ToTarget), 5 + 8);
}

#[tokio::test]
async fn new_connections_are_led_to_the_new_target_and_open_ones_stay() {
    let Linked { proxy, mut client, mut server, .. } = link().await;
    let (second, addr) = listen().await;
    proxy.retarget(addr);
    let mut other = TcpStream::connect(proxy.addr()).await.unwrap();
    passes(&mut other, &mut accept(&second).await, b"to the second").await;
    passes(&mut client, &mut server, b"to the first").await;
}

#[test]
fn a_proxy_runs_on_a_runtime_that_is_handed_in() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let proxy = Proxy::start_on(runtime.handle(), listener.local_addr().unwrap()).unwrap();
    let mut client = std::net::TcpStream::connect(proxy.addr()).unwrap();
    client.write_all(b"there").unwrap();
    let mut bytes = [0; 5];
    listener.accept().unwrap().0.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"there");
}
