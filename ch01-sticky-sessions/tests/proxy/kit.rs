//! A proxy in front of web processes that the tests write themselves.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use axum::http::request::Parts;
use ch01_sticky_sessions::system::proxy::{Backends, Choice, Config, Pool, Proxy, Route, State};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A test that waits for longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// One after the other, and no session stays anywhere.
#[derive(Default)]
pub(crate) struct RoundRobin(AtomicUsize);

impl Route for RoundRobin {
    fn choose(&self, _: &Parts, _: IpAddr, pool: &Pool, tried: &[usize]) -> Option<Choice> {
        let all = pool.backends();
        let may = |at: &usize| all[*at].state() == State::Active && !tried.contains(at);
        let able: Vec<usize> = (0..all.len()).filter(may).collect();
        let turn = self.0.fetch_add(1, Relaxed);
        let backend = *able.get(turn.checked_rem(able.len())?)?;
        Some(Choice { backend, set_cookie: None, affinity: None })
    }
}

/// A running proxy. Dropping it closes everything.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) proxy: Arc<Proxy>,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(config: Config, backends: &[SocketAddr]) -> Self {
        Self::start_with(config, backends, Arc::new(RoundRobin::default())).await
    }

    pub(crate) async fn start_with(
        config: Config,
        backends: &[SocketAddr],
        route: Arc<dyn Route>,
    ) -> Self {
        let list = (1..).zip(backends).map(|(n, at)| (format!("web-{n}"), *at)).collect();
        let backends = Arc::new(Backends::new(list, &config.health).expect("names differ"));
        let proxy = Arc::new(Proxy::new(config, backends, route));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move { drop(stopped.await) };
        let serving = Arc::clone(&proxy).serve(listener, stopped, PATIENCE);
        let serving = tokio::spawn(serving);
        Self { address, proxy, stop: Some(stop), serving }
    }

    /// Begins to end.
    pub(crate) fn stop(&mut self) {
        self.stop.take().expect("once").send(()).expect("it serves");
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) {
        soon(&mut self.serving).await.expect("it ended in order");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it does not take that long")
}

/// Waits until something is so.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    soon(async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// A client's connection, or a web process's, as bytes.
pub(crate) struct Wire(pub(crate) TcpStream);

impl Wire {
    pub(crate) async fn dial(address: SocketAddr) -> Self {
        Self(soon(TcpStream::connect(address)).await.expect("it listens"))
    }

    /// From another address of this machine.
    pub(crate) async fn dial_from(from: [u8; 4], address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((from, 0).into()).expect("an address of this machine");
        Self(soon(socket.connect(address)).await.expect("it listens"))
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.0.write_all(bytes.as_ref())).await.expect("the other side reads");
    }

    /// All that comes up to and with this.
    pub(crate) async fn read_to(&mut self, end: &str) -> String {
        let mut all = Vec::new();
        while !all.ends_with(end.as_bytes()) {
            let byte = soon(self.0.read_u8()).await;
            let so_far = String::from_utf8_lossy(&all).into_owned();
            all.push(byte.unwrap_or_else(|error| panic!("{error} after {so_far:?}")));
        }
        String::from_utf8(all).expect("text")
    }

    pub(crate) async fn read_head(&mut self) -> String {
        self.read_to("\r\n\r\n").await
    }

    /// All that comes, whether it ends in order or not.
    pub(crate) async fn read_all(&mut self) -> String {
        let mut all = Vec::new();
        // What came before a reset is there.
        let _ = soon(self.0.read_to_end(&mut all)).await;
        String::from_utf8(all).expect("text")
    }
}

/// A web process on a free port.
pub(crate) async fn web() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

pub(crate) async fn accept(listener: &TcpListener) -> Wire {
    Wire(soon(listener.accept()).await.expect("it is bound").0)
}

/// An address where nothing listens, as long as the socket is there.
pub(crate) fn nowhere() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = socket.local_addr().expect("it is bound");
    (socket, address)
}
