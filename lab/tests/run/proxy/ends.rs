//! How connections through a proxy end: in order, by a reset, or with the proxy.

use std::io::ErrorKind;
use std::net::SocketAddr;

use lab::run::proxy::{MAX_KEPT, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::Direction::{Both, FromTarget, ToTarget};
use super::{Linked, accept, arrives, ends, in_time, link, passes, until};

async fn is_reset(stream: &mut TcpStream) {
    let error = in_time(stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_end_is_as_silent_as_bytes_are_and_comes_behind_them() {
    let Linked { proxy, listener, mut client, mut server } = link().await;
    proxy.cut(ToTarget);
    client.write_all(b"last").await.unwrap();
    client.shutdown().await.unwrap();
    until(|| proxy.kept(ToTarget) == 4).await;
    // The other direction is whole, and goes on.
    passes(&mut server, &mut client, b"still here").await;
    proxy.heal();
    arrives(&mut server, b"last").await;
    ends(&mut server).await;
    proxy.cut(FromTarget);
    drop(server);
    // If the end went through, it would have done so by the time that these are there and back.
    let mut direct = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let mut accepted = accept(&listener).await;
    for _ in 0..20 {
        passes(&mut direct, &mut accepted, b"there").await;
        passes(&mut accepted, &mut direct, b"and back").await;
    }
    assert_eq!(proxy.connections(), 1);
    proxy.heal();
    ends(&mut client).await;
    until(|| proxy.connections() == 0).await;
}

#[tokio::test]
async fn a_side_that_resets_its_connection_resets_the_other_one() {
    let Linked { proxy, client, mut server, listener } = link().await;
    client.set_zero_linger().unwrap();
    drop(client);
    is_reset(&mut server).await;
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    let server = accept(&listener).await;
    server.set_zero_linger().unwrap();
    drop(server);
    is_reset(&mut client).await;
    until(|| proxy.connections() == 0).await;
}

/// Writes to a target that is gone.
async fn write_until(client: &TcpStream, is_so: impl Fn() -> bool) {
    until(|| {
        let _ = client.try_write(&[7; 4 << 10]);
        is_so()
    })
    .await;
}

#[tokio::test]
async fn who_sends_to_a_side_that_is_gone_is_reset() {
    let Linked { proxy, mut client, mut server, .. } = link().await;
    passes(&mut server, &mut client, b"bye").await;
    drop(server);
    ends(&mut client).await;
    write_until(&client, || proxy.connections() == 0).await;
}

#[tokio::test]
async fn who_sends_to_a_side_that_is_gone_is_told_after_all_that_was_kept() {
    let Linked { proxy, mut client, mut server, .. } = link().await;
    proxy.cut(FromTarget);
    server.write_all(b"bye").await.unwrap();
    drop(server);
    until(|| proxy.kept(FromTarget) == 3).await;
    // It is full because nothing can be given any more.
    write_until(&client, || proxy.kept(ToTarget) == MAX_KEPT as u64).await;
    assert_eq!((proxy.connections(), proxy.forwarded(FromTarget)), (1, 0));
    proxy.heal();
    arrives(&mut client, b"bye").await;
    until(|| proxy.connections() == 0).await;
}

#[tokio::test]
async fn a_reset_closes_all_connections_even_where_the_link_is_cut() {
    let Linked { proxy, mut client, mut server, listener } = link().await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(TcpStream::connect(proxy.addr()).await.unwrap());
        others.push(accept(&listener).await);
    }
    proxy.cut(ToTarget);
    // One that is not open to the target yet.
    others.push(TcpStream::connect(proxy.addr()).await.unwrap());
    client.write_all(b"lost").await.unwrap();
    until(|| proxy.kept(ToTarget) == 4 && proxy.connections() == 5).await;
    proxy.reset();
    for stream in [&mut client, &mut server].into_iter().chain(&mut others) {
        is_reset(stream).await;
    }
    until(|| proxy.connections() == 0).await;
    assert_eq!((proxy.kept(Both), proxy.forwarded(Both)), (0, 0));
    proxy.heal();
    let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
    passes(&mut client, &mut accept(&listener).await, b"new").await;
}

#[tokio::test]
async fn a_target_that_does_not_listen_is_a_reset() {
    // It has a port, so that no other process gets it, and does not listen.
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let proxy = Proxy::start(bound.local_addr().unwrap()).unwrap();
    is_reset(&mut TcpStream::connect(proxy.addr()).await.unwrap()).await;
}

#[tokio::test]
async fn a_proxy_that_is_dropped_closes_everything() {
    let Linked { proxy, mut client, mut server, .. } = link().await;
    proxy.cut(Both);
    let addr = proxy.addr();
    drop(proxy);
    for stream in [&mut client, &mut server] {
        let read = in_time(stream.read(&mut [0])).await;
        assert!(matches!(read, Ok(0) | Err(_)));
    }
    assert!(TcpStream::connect(addr).await.is_err());
}
