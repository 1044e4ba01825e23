//! Any bytes of a client: the proxy never panics, and no web process sees a request that is not one of the
//! client's, or a field that a client may not set. A second reader of the same bytes says which requests there
//! are. It gives up at the first doubt, and so may the proxy, but no later.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ch01_sticky_sessions::system::proxy::{Config, Health, Times};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::kit::{Running, Wire, soon, until, web};

const CLIENTS: usize = 400;

/// A head in small letters; and what is behind its body, if that has come. Nothing if it is not certain.
fn first(bytes: &[u8]) -> Option<(String, Option<&[u8]>)> {
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = &bytes[..end + 2];
    // A line ends with both bytes, and no other control byte stands anywhere but a tab.
    let is_bare = |line: &[u8]| line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    if lines.any(|line| line.strip_suffix(b"\r\n").is_none_or(is_bare)) {
        return None;
    }
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let (lengths, codings) = (values(&head, "content-length"), values(&head, "transfer-encoding"));
    let rest = &bytes[end + 4..];
    let behind = match (&lengths[..], &codings[..]) {
        ([], []) => Some(rest),
        ([length], []) => rest.get(number(length, 10)?..),
        ([], ["chunked"]) => behind_chunks(rest),
        _ => return None,
    };
    Some((head, behind))
}

fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let fields = fields.filter(|(other, _)| *other == name);
    fields.map(|(_, value)| value.trim_matches([' ', '\t'])).collect()
}

/// Digits and nothing else: Rust would take a sign, too.
fn number(text: &str, radix: u32) -> Option<usize> {
    let is_plain = text.chars().all(|digit| digit.is_digit(radix));
    usize::from_str_radix(text, radix).ok().filter(|_| is_plain)
}

/// A line, and what is behind it.
fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]))
}

/// What is behind a body in chunks, and its trailers.
fn behind_chunks(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (size, behind) = line(rest)?;
        let size = number(size.split(';').next()?, 16)?;
        rest = behind;
        if size > 0 {
            rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
            continue;
        }
        loop {
            let (trailer, behind) = line(rest)?;
            rest = behind;
            if trailer.is_empty() {
                return Some(rest);
            }
        }
    }
}

/// All requests in a client's bytes, up to the first doubt.
fn requests(bytes: &[u8]) -> Vec<String> {
    let (mut all, mut rest) = (Vec::new(), Some(bytes));
    while let Some((head, behind)) = rest.and_then(first) {
        all.push(head);
        rest = behind;
    }
    all
}

/// A web process that writes heads down, and answers each request whose body has come.
#[derive(Clone, Default)]
struct Recording {
    heads: Arc<Mutex<Vec<String>>>,
    /// Its connections.
    open: Arc<AtomicUsize>,
}

impl Recording {
    async fn start() -> (SocketAddr, Self) {
        let ((listener, address), recording) = (web().await, Self::default());
        let all = recording.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                all.open.fetch_add(1, Relaxed);
                let recording = all.clone();
                tokio::spawn(async move {
                    recording.serve(stream).await;
                    recording.open.fetch_sub(1, Relaxed);
                });
            }
        });
        (address, recording)
    }

    async fn serve(&self, mut stream: TcpStream) {
        let (mut bytes, mut is_open) = (Vec::new(), true);
        while is_open {
            is_open = stream.read_buf(&mut bytes).await.unwrap_or(0) > 0;
            while let Some((head, Some(behind))) = first(&bytes) {
                bytes = behind.to_vec();
                self.heads.lock().expect("nobody panics").push(head);
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                is_open &= stream.write_all(answer).await.is_ok();
            }
        }
        // A request that broke off has reached it, too; and so has what is none.
        let unreadable = || (!bytes.is_empty()).then(|| bytes.escape_ascii().to_string());
        let last = first(&bytes).map(|(head, _)| head).or_else(unreadable);
        self.heads.lock().expect("nobody panics").extend(last);
    }
}

/// Parts of requests, good and bad. No method other than these: a HEAD has an answer without a body.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let known: &[&str] = &[
        "Host: a\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 5, 5\r\n",
        "content-length:0\r\n",
        "Content-Length: +5\r\n",
        "Content-Length : 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding:\x0bchunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Connection: close, X-Forwarded-For, Host\r\n",
        "Connection: keep-alive, Content-Length\r\n",
        "Keep-Alive: timeout=9\r\n",
        "X-Forwarded-For: 6.6.6.6\r\n",
        "Forwarded: for=6.6.6.6\r\n",
        "X-Real-IP: 6.6.6.6\r\n",
        "Proxy-Connection: close\r\n",
        "TE: trailers\r\n",
        "Upgrade: h2c\r\nConnection: upgrade\r\n",
        "Expect: 100-continue\r\n",
        "Max-Forwards: 0\r\n",
        "Cookie: node=web-2; sid=1\r\n",
        " folded: 1\r\n",
        "X: a\nContent-Length: 5\r\n",
        "X: a\rY: b\r\n",
        "\r\n",
        "\n",
        "abcde",
        "5\r\nabcde\r\n",
        "5;a=b\r\nabcde\r\n",
        "0\r\n\r\n",
        "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /hidden HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
    ];
    prop_oneof![
        9 => prop::sample::select(known.to_vec()).prop_map(|part| part.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ]
}

/// A request that is right but for these parts of its head, and then a few more parts.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "GET /g HTTP/1.1\r\n",
        "POST /p HTTP/1.1\r\n",
        "PUT /u HTTP/1.0\r\n",
    ]);
    let parts = |most| prop::collection::vec(part(), 0..most);
    (line, parts(4), parts(3)).prop_map(|(line, fields, more)| {
        [line.as_bytes(), b"Host: a\r\n", &fields.concat(), b"\r\n", &more.concat()].concat()
    })
}

/// What is wrong with a head that reached a web process.
fn complaint(head: &str) -> Option<String> {
    let one = |name: &str, value: &str| values(head, name) == [value];
    let ours = one("x-forwarded-for", "127.0.0.1") && values(head, "host").len() == 1;
    let is_there = |name: &&&str| !values(head, name).is_empty();
    let ours = ours && values(head, "forwarded").len() == 1 && !head.contains("6.6.6.6");
    let forbidden = ["x-real-ip", "keep-alive", "proxy-connection", "upgrade"];
    let named = values(head, "connection");
    let plain =
        head.lines().all(|line| !line.contains(['\r', '\0']) && !line.starts_with([' ', '\t']));
    if !ours || !plain || !(named.is_empty() || named == ["te"]) {
        return Some("a field that is not ours".into());
    }
    forbidden.iter().find(is_there).map(|name| format!("`{name}` was passed on"))
}

/// The method and the path of a head.
fn target(head: &str) -> String {
    head.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Each of them is no certain request: one reader may take what is behind it for a body, and another one for
/// the next request.
const DOUBTFUL: [&str; 9] = [
    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\x0b\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length:\x0b5\r\n\r\nabcde",
    "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "POST /p HTTP/1.1\r\nHost: a\r\nX: a\nContent-Length: 5\r\n\r\nabcde",
    "GET /g HTTP/1.1\nHost: a\r\n\r\n",
    "GET /g HTTP/1.1\r\nHost: a\n\r\n\r\n",
    "GET /g HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n",
    "GET /g HTTP/1.1\r\nHost: a\r\n\x0b\r\n\r\n",
];

#[test]
fn the_second_reader_is_certain_of_nothing_that_is_doubtful() {
    for bytes in DOUBTFUL {
        assert_eq!(requests(bytes.as_bytes()), Vec::<String>::new(), "{}", bytes.escape_debug());
    }
    for size in ["+5", "", " 5", "5 ", "0x5"] {
        let body = format!("{size}\r\nabcde\r\n0\r\n\r\n");
        assert_eq!(behind_chunks(body.as_bytes()), None, "{size:?}");
    }
    assert_eq!(behind_chunks(b"5;a=b\r\nabcde\r\n0\r\nX: y\r\n\r\nGET"), Some(&b"GET"[..]));
}

/// The bytes of one client, whose paths are its own.
fn own(n: usize, bytes: &[u8]) -> Vec<u8> {
    let path = format!("/{n}-");
    let parts = bytes.split_inclusive(|byte| *byte == b' ');
    let own = |part: &[u8]| match part.strip_prefix(b"/") {
        Some(rest) => [path.as_bytes(), rest].concat(),
        None => part.to_vec(),
    };
    parts.flat_map(own).collect()
}

/// The bytes of many clients: what is doubtful, and what comes of chance.
fn clients() -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let inputs = prop::collection::vec(request(), 1..4).prop_map(|requests| requests.concat());
    let any = || inputs.new_tree(&mut runner).expect("any parts will do").current();
    let any = std::iter::repeat_with(any).take(CLIENTS);
    let all = DOUBTFUL.iter().map(|bytes| bytes.as_bytes().to_vec()).chain(any);
    all.enumerate().map(|(n, bytes)| own(n, &bytes)).collect()
}

#[tokio::test]
async fn no_bytes_of_a_client_make_a_panic_or_a_request_or_a_field_that_is_not_its_own() {
    let health = Health { fall: u32::MAX, unanswered: u32::MAX, ..Health::default() };
    let times = Times { go_ahead: Duration::from_millis(1), ..Times::default() };
    let (address, recording) = Recording::start().await;
    let config = Config { health, times, ..Config::default() };
    let mut proxy = Running::start(config, &[address]).await;
    let clients = clients();
    for bytes in &clients {
        let mut client = Wire::dial(proxy.address).await;
        // The proxy may refuse and close before it has read all.
        let _ = soon(client.0.write_all(bytes)).await;
        let _ = client.0.shutdown().await;
        let _ = soon(client.0.read_to_end(&mut Vec::new())).await;
    }
    // A task that had panicked would have ended with an error.
    proxy.stop();
    proxy.ended().await;
    drop(proxy);
    until(|| recording.open.load(Relaxed) == 0).await;
    let heads = recording.heads.lock().expect("nobody panics");
    let mut reached = 0;
    for (n, bytes) in clients.iter().enumerate() {
        let path = format!("/{n}-");
        let heads = heads.iter().filter(|head| target(head).contains(&path));
        let (heads, targets): (Vec<_>, Vec<_>) = heads.map(|head| (head, target(head))).unzip();
        let theirs: Vec<String> = requests(bytes).iter().map(|head| target(head)).collect();
        let input = bytes.escape_ascii();
        assert!(theirs.starts_with(&targets), "{targets:?}, and not {theirs:?}: {input}");
        for head in &heads {
            assert_eq!(complaint(head), None, "{head}: {input}");
        }
        reached += heads.len();
    }
    assert_eq!(reached, heads.len(), "each belongs to a client");
    assert!(reached > CLIENTS / 4, "{reached} requests were passed on");
}
