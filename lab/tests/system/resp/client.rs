//! A client: with our server, and with servers that do not behave.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use lab::resp::{Client, ClientError, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::served::{PATIENT, start};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);

fn bulk(text: &str) -> Reply {
    Reply::Bulk(Bytes::copy_from_slice(text.as_bytes()))
}

/// A server that sends this as soon as something comes, and then waits for the end of the connection.
async fn sends(reply: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 1024];
        assert!(stream.read(&mut bytes).await.unwrap() > 0);
        stream.write_all(reply).await.unwrap();
        if reply.ends_with(b"!") {
            return;
        }
        while let Ok(1..) = stream.read(&mut bytes).await {}
    });
    addr
}

#[tokio::test]
async fn a_client_calls_one_by_one_and_many_at_once() {
    let mut client = Client::connect(start(PATIENT).await.addr, LONG).await.unwrap();
    assert_eq!(client.call(&["ECHO", "a\r\n"]).await.unwrap(), bulk("a\r\n"));
    let unknown = client.call(&["COMMAND", "DOCS"]).await.unwrap();
    assert_eq!(unknown, Reply::Error("ERR unknown command".into()));
    // Much more than fits into the buffers of the operating system, in both directions.
    let requests: Vec<[String; 2]> =
        (0..4_000).map(|n| ["ECHO".to_owned(), format!("{n:016384}")]).collect();
    let replies = client.call_all(&requests).await.unwrap();
    assert!(replies.len() == 4_000);
    assert!(replies.iter().zip(&requests).all(|(reply, request)| *reply == bulk(&request[1])));
    assert_eq!(client.call_all::<Vec<&str>, &str>(&[]).await.unwrap(), []);
}

/// The first error, and that the client is unusable afterwards.
async fn fails(reply: &'static [u8], deadline: Duration) -> ClientError {
    let mut client = Client::connect(sends(reply).await, deadline).await.unwrap();
    let error = client.call(&["PING"]).await.unwrap_err();
    let again = client.call(&["PING"]).await.unwrap_err();
    assert!(matches!(again, ClientError::Unusable { .. }), "{again}");
    assert!(again.to_string().contains("unusable"));
    error
}

#[tokio::test]
async fn after_any_error_a_client_is_unusable_and_says_so() {
    assert!(matches!(fails(b"", SHORT).await, ClientError::Late { .. }));
    assert!(matches!(fails(b"+O", SHORT).await, ClientError::Late { .. }));
    assert!(matches!(fails(b"HTTP/1.1", LONG).await, ClientError::Reply(_)));
    assert!(matches!(fails(b"+OK!", LONG).await, ClientError::Closed { .. }));
    assert!(matches!(fails(b"+OK\r\n+OK\r\n", LONG).await, ClientError::Surplus { .. }));
}

#[tokio::test]
async fn an_empty_request_is_refused_because_it_has_no_reply() {
    let mut client = Client::connect(start(PATIENT).await.addr, LONG).await.unwrap();
    let refused = client.call(&[""; 0]).await.unwrap_err();
    assert!(matches!(refused, ClientError::EmptyRequest));
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_no_reply_for_the_next_one() {
    let server = start(PATIENT).await;
    let mut client = Client::connect(server.addr, LONG).await.unwrap();
    tokio::select! {
        biased;
        _ = client.call(&["WAIT"]) => panic!("it waits"),
        () = std::future::ready(()) => {}
    }
    server.echo.gate.add_permits(1);
    let next = client.call(&["ECHO", "a"]).await.unwrap_err();
    assert!(matches!(next, ClientError::Unusable { .. }), "{next}");
}

#[tokio::test]
async fn where_no_server_listens_there_is_no_connection() {
    // It has a port, so that no other process gets it, and does not listen.
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let addr = bound.local_addr().unwrap();
    let error = Client::connect(addr, LONG).await.unwrap_err();
    assert!(matches!(error, ClientError::Connect { .. }), "{error}");
    assert!(error.to_string().contains("start the server"), "{error}");
}
