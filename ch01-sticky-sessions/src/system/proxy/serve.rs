//! Edge: makes it survive the real world. The lesson is in `step3_sticky_cookie.rs`.
//!
//! Connections of clients, from accept to close.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::{self, Parts};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::clients::Held;
use super::forward::{Client, Tunnel};
use super::guard::{Guarded, Interim};
use super::{Ending, Proxy};

/// Before the next try, when no connection can be accepted.
const PAUSE: Duration = Duration::from_millis(100);

impl Proxy {
    /// Serves until `stop`, and then for at most `grace`, so that open requests end. Dropping it closes all
    /// connections.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
        grace: Duration,
    ) {
        let places = Arc::new(Semaphore::new(self.config.limits.connections));
        let mut running = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = running.join_next() => {}
                (accepted, place) = accept(&listener, &places) => match accepted {
                    Ok((stream, peer)) => {
                        let peer = peer.ip().to_canonical();
                        let Some(own_place) = self.place_of(peer) else { continue };
                        let attending = Arc::clone(&self).attend(stream, peer);
                        running.spawn(async move {
                            attending.await;
                            drop((own_place, place));
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        self.ending.send_replace(Ending::Closing);
        let ended = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, ended).await.is_err() {
            tracing::warn!(?grace, "closes connections whose requests did not end");
        }
    }

    /// A place among those that this client may have. None is needed for a proxy of ours.
    fn place_of(&self, peer: IpAddr) -> Option<Option<Held>> {
        if self.config.trusted.contains(&peer) {
            return Some(None);
        }
        let held = self.clients.one_more(peer, self.config.limits.connections_per_client);
        if held.is_none() {
            self.metrics.turned_away();
        }
        held.map(Some)
    }

    /// Serves one connection to its end.
    async fn attend(self: Arc<Self>, stream: TcpStream, peer: IpAddr) {
        self.metrics.connected();
        // If it does not take that, it is only slower.
        let _ = stream.set_nodelay(true);
        let interim = Arc::new(Interim::default());
        let guarded = Guarded::new(stream, Arc::clone(&interim), self.config.times);
        let client = Arc::new(Client { peer, interim, tunnel: Mutex::default() });
        let guarded = match self.http(guarded, &client).await {
            Ok(Parts { io, read_buf, .. }) => {
                let tunnel = client.tunnel.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(tunnel) = tunnel {
                    self.tunnel(tunnel, io.into_inner().into_stream(), &read_buf).await;
                    return;
                }
                io.into_inner()
            }
            Err(guarded) => guarded,
        };
        guarded.close().await;
    }

    /// Serves requests until the connection speaks HTTP no more. An error if it broke off.
    async fn http(
        self: &Arc<Self>,
        guarded: Guarded<TcpStream>,
        client: &Arc<Client>,
    ) -> Result<Parts<TokioIo<Guarded<TcpStream>>, impl Sized>, Guarded<TcpStream>> {
        let service = service_fn(|request: Request<Incoming>| {
            let (proxy, client) = (Arc::clone(self), Arc::clone(client));
            async move { Ok::<_, Infallible>(proxy.answer(&client, request).await) }
        });
        let limits = &self.config.limits;
        let mut builder = http1::Builder::new();
        // A client that has sent all that it has to say may still read (RFC 9112, section 9.6).
        builder.half_close(true).max_headers(limits.fields);
        // The guard has the time.
        builder.header_read_timeout(None);
        builder.max_header_size(limits.head).max_buf_size(limits.head);
        let mut connection = builder.serve_connection(TokioIo::new(guarded), service);
        let result = tokio::select! {
            result = &mut connection => result,
            () = self.is_closing() => {
                std::pin::Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
        };
        let parts = connection.into_parts();
        match result {
            Ok(()) => Ok(parts),
            Err(error) => {
                tracing::debug!(%error, "closes a connection");
                Err(parts.io.into_inner())
            }
        }
    }

    /// Waits for the end.
    async fn is_closing(&self) {
        let mut ending = self.ending.subscribe();
        // The sender is ours.
        let _ = ending.wait_for(|ending| *ending == Ending::Closing).await;
    }

    /// Passes bytes on in both directions, until both have ended or the balancer does.
    async fn tunnel(&self, tunnel: Tunnel, mut client: TcpStream, early: &[u8]) {
        let Tunnel { upstream, in_flight } = tunnel;
        let pass = async {
            let mut upstream = TokioIo::new(upstream.await.ok()?);
            upstream.write_all(early).await.ok()?;
            copy_bidirectional(&mut client, &mut upstream).await.ok()
        };
        tokio::select! {
            _ = pass => {}
            () = self.is_closing() => {}
        }
        drop(in_flight);
    }
}

/// The next connection, when there is a place for it. Others wait in the listener's queue.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (std::io::Result<(TcpStream, SocketAddr)>, tokio::sync::OwnedSemaphorePermit) {
    let place = Arc::clone(places).acquire_owned().await.expect("it is never closed");
    (listener.accept().await, place)
}
