//! Asks an etcd as its own clients do: gRPC, many requests at a time on one connection. Its JSON gateway
//! would do as well, but that is one more process step inside etcd for each request, and etcd is what is
//! measured.
//!
//! The few messages are written by hand: a field of protobuf is its number and kind, then a number of
//! seven bits a byte, or a length and so many bytes. gRPC puts five bytes before a message, and the status
//! after it.
//!
//! # Left out
//!
//! TLS, sign-in, leases, transactions, watching, compressed messages.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::RecvStream;
use h2::client::{SendRequest, handshake};
use http::Request;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::run::checked;

/// No answer that is asked for here is longer.
const MAX_ANSWER: usize = 4 << 20;

/// There is no answer. What was asked may have been done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no answer from etcd at {server}: {why}")]
pub struct NoAnswer {
    /// Whom.
    pub server: SocketAddr,
    /// Why not.
    pub why: String,
}

/// What a member answers about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leads {
    /// Whether it leads.
    pub is_leader: bool,
    /// Counts all changes of all keys.
    pub revision: u64,
}

/// What is kept under a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// It.
    pub value: Bytes,
    /// How often it was put there, since it was there first.
    pub version: u64,
}

/// A connection to one member. Copies share it, each for one request at a time.
#[derive(Clone, Debug)]
pub struct EtcdClient {
    server: SocketAddr,
    deadline: Duration,
    requests: SendRequest<Bytes>,
}

impl EtcdClient {
    /// Connects. `deadline` is for this, and for each request.
    ///
    /// # Errors
    /// No member serves there. Nothing was asked.
    pub async fn connect(server: SocketAddr, deadline: Duration) -> Result<Self, NoAnswer> {
        let connect = async {
            let stream = TcpStream::connect(server).await.and_then(checked);
            let stream = stream.map_err(|error| error.to_string())?;
            handshake(stream).await.map_err(|error| error.to_string())
        };
        let late = |_| Err(format!("not within {deadline:?}"));
        let connected = timeout(deadline, connect).await.unwrap_or_else(late);
        let (requests, connection) = connected.map_err(|why| NoAnswer { server, why })?;
        // It ends with its last client; what is wrong with it, each request reports.
        tokio::spawn(connection);
        Ok(Self { server, deadline, requests })
    }

    /// Puts a value there.
    ///
    /// # Errors
    /// There is no answer. It may have been put there.
    pub async fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), NoAnswer> {
        let mut put = BytesMut::new();
        bytes_field(&mut put, 1, key);
        bytes_field(&mut put, 2, value);
        self.call("/etcdserverpb.KV/Put", &put).await.map(|_| ())
    }

    /// What is there. Linearizable, if it is not `serializable`: then the member answers from what it has.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn get(&mut self, key: &[u8], serializable: bool) -> Result<Option<Found>, NoAnswer> {
        let mut range = BytesMut::new();
        bytes_field(&mut range, 1, key);
        if serializable {
            number_field(&mut range, 7, 1);
        }
        let answer = self.call("/etcdserverpb.KV/Range", &range).await?;
        self.read(&answer, |fields| {
            let Some(Field::Bytes(found)) = last(fields, 2)? else { return Some(None) };
            let value = match last(found, 5)? {
                Some(Field::Bytes(value)) => Bytes::copy_from_slice(value),
                _ => Bytes::new(),
            };
            Some(Some(Found { value, version: number(found, 4)? }))
        })
    }

    /// Whether this member leads, as far as it knows.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn status(&mut self) -> Result<Leads, NoAnswer> {
        let answer = self.call("/etcdserverpb.Maintenance/Status", &[]).await?;
        self.read(&answer, |fields| {
            let Some(Field::Bytes(header)) = last(fields, 1)? else { return None };
            let (member, revision) = (number(header, 2)?, number(header, 3)?);
            Some(Leads { is_leader: member == number(fields, 4)?, revision })
        })
    }

    fn read<T>(&self, answer: &[u8], read: impl FnOnce(&[u8]) -> Option<T>) -> Result<T, NoAnswer> {
        read(answer).ok_or_else(|| self.no_answer("it answers in words of another version"))
    }

    fn no_answer(&self, why: impl ToString) -> NoAnswer {
        NoAnswer { server: self.server, why: why.to_string() }
    }

    async fn call(&mut self, method: &str, message: &[u8]) -> Result<Bytes, NoAnswer> {
        let deadline = self.deadline;
        let called = timeout(deadline, self.exchange(method, message)).await;
        let late = |_| Err(format!("not within {deadline:?}"));
        called.unwrap_or_else(late).map_err(|why| self.no_answer(why))
    }

    async fn exchange(&mut self, method: &str, message: &[u8]) -> Result<Bytes, String> {
        let broken = |error: h2::Error| error.to_string();
        let request = Request::post(format!("http://{}{method}", self.server))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .map_err(|error| error.to_string())?;
        let ready = self.requests.clone().ready().await.map_err(broken)?;
        self.requests = ready;
        let (answer, mut body) = self.requests.send_request(request, false).map_err(broken)?;
        let mut frame = BytesMut::with_capacity(5 + message.len());
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).map_err(|error| error.to_string())?);
        frame.put_slice(message);
        body.send_data(frame.freeze(), true).map_err(broken)?;
        let (head, body) = answer.await.map_err(broken)?.into_parts();
        match head.headers.get("grpc-status") {
            // Refused before there was anything to answer.
            Some(status) if status != "0" => Err(said(&head.headers)),
            _ => answered(body).await,
        }
    }
}

/// The message in an answer.
async fn answered(mut body: RecvStream) -> Result<Bytes, String> {
    let broken = |error: h2::Error| error.to_string();
    let mut bytes = BytesMut::new();
    while let Some(part) = body.data().await {
        let part = part.map_err(broken)?;
        body.flow_control().release_capacity(part.len()).map_err(broken)?;
        bytes.extend_from_slice(&part);
        if bytes.len() > MAX_ANSWER {
            return Err(format!("it answers more than {MAX_ANSWER} bytes"));
        }
    }
    let trailers = body.trailers().await.map_err(broken)?.unwrap_or_default();
    if trailers.get("grpc-status").is_none_or(|status| status != "0") {
        return Err(said(&trailers));
    }
    let is_whole = bytes.len() >= 5 && bytes[0] == 0;
    let mut bytes = bytes.freeze();
    if !is_whole || bytes.split_to(5).slice(1..).get_u32() as usize != bytes.len() {
        return Err("its answer is not one message".into());
    }
    Ok(bytes)
}

fn said(headers: &http::HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let status = text("grpc-status").unwrap_or("none");
    format!("status {status}, {}", text("grpc-message").unwrap_or_default())
}

fn put_number(out: &mut BytesMut, mut number: u64) {
    while number >= 0x80 {
        out.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    out.put_u8(number as u8);
}

fn number_field(out: &mut BytesMut, field: u64, number: u64) {
    put_number(out, field << 3);
    put_number(out, number);
}

fn bytes_field(out: &mut BytesMut, field: u64, bytes: &[u8]) {
    put_number(out, field << 3 | 2);
    put_number(out, bytes.len() as u64);
    out.put_slice(bytes);
}

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The last field of this number, as protobuf wants it; `None` if this is no message.
fn last(mut message: &[u8], wanted: u64) -> Option<Option<Field<'_>>> {
    let mut found = None;
    while !message.is_empty() {
        let head = take_number(&mut message)?;
        let field = match head & 7 {
            0 => Field::Number(take_number(&mut message)?),
            kind @ (1 | 2 | 5) => {
                let length = match kind {
                    1 => 8,
                    5 => 4,
                    _ => usize::try_from(take_number(&mut message)?).ok()?,
                };
                let (bytes, rest) = message.split_at_checked(length)?;
                message = rest;
                Field::Bytes(bytes)
            }
            _ => return None,
        };
        if head >> 3 == wanted {
            found = Some(field);
        }
    }
    Some(found)
}

/// A number; 0 is not sent.
fn number(message: &[u8], wanted: u64) -> Option<u64> {
    match last(message, wanted)? {
        Some(Field::Number(number)) => Some(number),
        None => Some(0),
        Some(Field::Bytes(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(n: u64, bytes in vec(any::<u8>(), 0..300)) {
            let mut out = BytesMut::new();
            number_field(&mut out, 4, 7);
            bytes_field(&mut out, 2, &bytes);
            number_field(&mut out, 4, n);
            prop_assert_eq!(number(&out, 4), Some(n));
            prop_assert_eq!(last(&out, 2), Some(Some(Field::Bytes(&bytes))));
            prop_assert_eq!((number(&out, 9), last(&out, 9)), (Some(0), Some(None)));
            prop_assert_eq!(number(&out, 2), None, "that is no number");
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..64), wanted in 0..20_u64) {
            // Without a panic; a part of a field is no field.
            if let Some(Some(Field::Bytes(found))) = last(&bytes, wanted) {
                prop_assert!(found.len() < bytes.len());
            }
        }
    }
}
