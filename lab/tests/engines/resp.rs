//! RESP2 with the programs that it is for: `redis-cli` asks our server, and our client asks Redis.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use lab::engines::{self, REDIS};
use lab::resp::{Client, Handler, Limits, Reply, Request, serve};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

const DEADLINE: Duration = Duration::from_secs(60);

/// A store of values, for all connections together.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<BTreeMap<Vec<u8>, Bytes>>>);

impl Handler for Store {
    async fn handle(&mut self, requests: Vec<Request>) -> Vec<Reply> {
        requests.iter().map(|request| self.answer(request)).collect()
    }
}

impl Store {
    fn answer(&self, request: &[Bytes]) -> Reply {
        let mut values = self.0.lock().unwrap();
        let name = request[0].to_ascii_uppercase();
        match (&name[..], &request[1..]) {
            (b"PING", []) => Reply::Simple("PONG".into()),
            (b"SET", [key, value]) => {
                // A copy: a slice would keep all that came together with it.
                values.insert(key.to_vec(), Bytes::copy_from_slice(value));
                Reply::Simple("OK".into())
            }
            (b"GET", [key]) => values.get(&key[..]).map_or(Reply::Nil, |v| Reply::Bulk(v.clone())),
            (b"MGET", keys) => {
                let value = |key: &Bytes| values.get(&key[..]).cloned();
                Reply::Array(
                    keys.iter().map(|k| value(k).map_or(Reply::Nil, Reply::Bulk)).collect(),
                )
            }
            _ => Reply::error(&"unknown command"),
        }
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// A server of ours, as long as the runtime is there.
fn start(runtime: &Runtime) -> SocketAddr {
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let addr = listener.local_addr().unwrap();
    let (store, limits) = (Store::default(), Limits::of_process().unwrap());
    runtime.spawn(serve(listener, limits, move || store.clone(), std::future::pending()));
    addr
}

/// Runs a program that is installed together with the server.
fn run(program: &str, addr: SocketAddr, arguments: &[&str]) -> Output {
    let mut command = Command::new(REDIS.find().unwrap().with_file_name(program));
    command.args(["-h", "127.0.0.1", "-p", &addr.port().to_string()]).args(arguments);
    command.output().unwrap()
}

#[test]
fn redis_cli_is_answered_by_our_server() {
    let runtime = runtime();
    let addr = start(&runtime);
    for (arguments, printed) in [
        (vec!["PING"], "PONG\n"),
        (vec!["SET", "k", "a b\r\n"], "OK\n"),
        (vec!["--no-raw", "GET", "k"], "\"a b\\r\\n\"\n"),
        (vec!["--no-raw", "GET", "other"], "(nil)\n"),
        (vec!["--no-raw", "MGET", "k", "other"], "1) \"a b\\r\\n\"\n2) (nil)\n"),
        (vec!["--no-raw", "FLY"], "(error) ERR unknown command\n"),
    ] {
        let output = run("redis-cli", addr, &arguments);
        assert!(output.status.success(), "{output:?}");
        // It puts an empty line behind an error.
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.trim_end(), printed.trim_end(), "{arguments:?}");
    }
}

#[test]
fn redis_benchmark_pipelines_on_many_connections_to_our_server() {
    let runtime = runtime();
    let load = ["-t", "set,get", "-n", "20000", "-c", "20", "-P", "50", "-d", "100", "--csv"];
    let output = run("redis-benchmark", start(&runtime), &load);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("\"SET\"") && text.contains("\"GET\""), "{text}");
}

#[test]
fn our_client_is_answered_by_redis() {
    let redis = engines::redis().unwrap();
    runtime().block_on(async {
        let mut client = Client::connect(redis.addr(), DEADLINE).await.unwrap();
        let value: Vec<u8> = (0..=255).collect::<Vec<u8>>().repeat(1_000);
        let ok = Reply::Simple("OK".into());
        assert_eq!(client.call(&[b"SET", &b"k"[..], &value]).await.unwrap(), ok);
        assert_eq!(client.call(&["GET", "k"]).await.unwrap(), Reply::Bulk(value.into()));
        let requests: Vec<_> =
            (0..10_000).map(|n| ["RPUSH".into(), "list".into(), n.to_string()]).collect();
        let lengths = (1..=10_000).map(Reply::Integer).collect::<Vec<_>>();
        assert_eq!(client.call_all(&requests).await.unwrap(), lengths);
        let some = [["LRANGE", "list", "1", "2"].as_slice(), &["GET", "other"], &["FLY"]];
        let replies = client.call_all(&some).await.unwrap();
        let items = ["1", "2"].map(|item| Reply::Bulk(item.into()));
        assert_eq!(replies[..2], [Reply::Array(items.into()), Reply::Nil]);
        assert!(
            matches!(&replies[2], Reply::Error(text) if text.starts_with("ERR unknown command"))
        );
    });
}
