//! The dialling side of a link: connects, serves the connection to its end, and connects again.
//!
//! # Left out
//!
//! Giving up: a peer that is down for a week is dialled for a week.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Shared, State};
use crate::NodeId;

const FIRST_PAUSE: Duration = Duration::from_millis(5);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Whether a connection ends where it begins, by its two addresses. The system draws the own port
/// of a connection from the range in which it also gives out free ports: dialling a port there that
/// no process listens on may draw that very port, and TCP then opens from both ends at once.
#[must_use]
pub fn is_self_connection(local: io::Result<SocketAddr>, peer: io::Result<SocketAddr>) -> bool {
    matches!((local, peer), (Ok(local), Ok(peer)) if local == peer)
}

async fn connect(addr: SocketAddr, hello: &[u8]) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(addr).await.and_then(checked)?;
    stream.write_all(hello).await?;
    Ok(stream)
}

/// Refuses a stream that is connected to itself. Kept open, it would look like a link that is up,
/// and take the port away from the node that should listen there. Others send without delay from here on.
pub(crate) fn checked(stream: TcpStream) -> io::Result<TcpStream> {
    if is_self_connection(stream.local_addr(), stream.peer_addr()) {
        return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "no process listens there"));
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// How long to wait before the next dial: longer from time to time, until a connection lasts. One
/// that opens is not yet a peer: a program of another version accepts and closes at once.
struct Pause(Duration);

impl Pause {
    fn after(&mut self, lasted: Duration) -> Duration {
        if lasted > LONGEST_PAUSE {
            self.0 = FIRST_PAUSE;
        }
        let now = self.0;
        self.0 = (now * 2).min(LONGEST_PAUSE);
        now
    }
}

pub(super) async fn keep_connected(
    id: NodeId,
    addr: SocketAddr,
    hello: Vec<u8>,
    shared: Arc<Shared>,
    up: Arc<watch::Sender<BTreeSet<NodeId>>>,
) {
    let mut pause = Pause(FIRST_PAUSE);
    loop {
        let mut lasted = Duration::ZERO;
        if let Ok(stream) = connect(addr, &hello).await {
            let began = Instant::now();
            let stream = Arc::new(stream);
            shared.state().stream = Some(Arc::clone(&stream));
            up.send_if_modified(|up| up.insert(id));
            shared.serve(&stream).await;
            // A part of a frame may have left: the rest of it must not open the next connection.
            *shared.state() = State::default();
            up.send_if_modified(|up| up.remove(&id));
            lasted = began.elapsed();
        }
        tokio::time::sleep(pause.after(lasted)).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test);
    }

    #[test]
    fn a_connection_to_itself_is_refused_and_one_to_a_listener_is_not() {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        run(async {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(free).unwrap();
            let own = socket.local_addr().unwrap();
            let stream = socket.connect(own).await.expect("it opens from both ends");
            assert!(checked(stream).is_err());

            let listener = TcpListener::bind(free).await.unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            assert!(checked(stream).is_ok());
        });
    }

    #[test]
    fn a_peer_that_closes_at_once_is_dialled_less_and_less_often() {
        let mut pause = Pause(FIRST_PAUSE);
        let pauses: Vec<_> = (0..8).map(|_| pause.after(Duration::from_millis(1))).collect();
        assert!(pauses.windows(2).all(|two| two[1] == (two[0] * 2).min(LONGEST_PAUSE)));
        assert_eq!(pauses[7], LONGEST_PAUSE);
        assert_eq!(pause.after(LONGEST_PAUSE * 2), FIRST_PAUSE, "a connection that lasted is good");

        let closed = Arc::new(Shared::default());
        let up = Arc::new(watch::channel(BTreeSet::new()).0);
        run(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let addr = listener.local_addr().unwrap();
            tokio::spawn(keep_connected(NodeId(1), addr, Vec::new(), closed, up));
            let began = Instant::now();
            for _ in &pauses {
                drop(listener.accept().await.unwrap());
            }
            // Half a second; on a busy machine one of the connections may have lasted by accident.
            assert!(began.elapsed() >= LONGEST_PAUSE * 3 / 2);
        });
    }
}
