//! The words of a client become an operation, or a refusal; an outcome becomes a reply.
//!
//! # Left out
//!
//! Most of Redis: time to live, lists, transactions, databases. What is here means what it means there,
//! except `CAS`, `SESSION`, `X`, `READMODE`, `MEMBERS` and `REPLACE`, which Redis does not have.

use std::net::SocketAddr;

use bytes::Bytes;
use lab::NodeId;
use lab::resp::Reply;

use super::processes::replica_of;
use crate::types::kv::{
    Blob, MAX_KEY, MAX_REQUEST, MAX_VALUE, Op, Outcome, Refusal, RequestId, SessionId,
};

/// All commands, for a client that asked for another one.
const KNOWN: &str =
    "PING, GET, SET, DEL, INCR, APPEND, CAS, SESSION, X, READMODE, MEMBERS, REPLACE, INFO";

/// What a request asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// Something that goes through the log, once if it has a name.
    Op(Option<RequestId>, Op),
    /// From now on, reads of this connection go this way.
    Mode(ReadMode),
    /// The way they go.
    WhichMode,
    /// Something that has its reply already.
    Reply(Reply),
    /// Who the replicas are.
    Members,
    /// What this replica reports about itself.
    Info,
}

/// How a `GET` finds what is written. All ways are linearizable, the last one if clocks are good enough.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReadMode {
    /// As an entry of the log.
    #[default]
    Log,
    /// Beside the log: the leader says how far to execute, once a majority has said that it leads.
    Index,
    /// The same, and a leader that holds a lease need not ask a majority: without `--lease-drift`, none
    /// does.
    Lease,
}

impl ReadMode {
    /// As a client writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Index => "index",
            Self::Lease => "lease",
        }
    }
}

/// Reads a request; what is wrong with it is a reply as well.
#[must_use]
pub fn parse(request: &[Bytes]) -> Asked {
    asked(request).unwrap_or_else(|why| Asked::Reply(Reply::error(&why)))
}

fn asked(request: &[Bytes]) -> Result<Asked, String> {
    let Some((name, arguments)) = request.split_first() else {
        return Err("an empty request; send a command".into());
    };
    let name = String::from_utf8_lossy(name).to_ascii_uppercase();
    let none = |reply: Reply| match arguments {
        [] => Ok(Asked::Reply(reply)),
        _ => Err(arity(&name, "")),
    };
    match name.as_str() {
        "PING" => match arguments {
            [] => Ok(Asked::Reply(Reply::Simple("PONG".into()))),
            [text] => Ok(Asked::Reply(Reply::Bulk(text.clone()))),
            _ => Err(arity(&name, "[text]")),
        },
        "MEMBERS" if arguments.is_empty() => Ok(Asked::Members),
        "MEMBERS" => Err(arity(&name, "")),
        // `redis-cli` and `redis-benchmark` ask these when they begin, and go on with nothing.
        "INFO" => Ok(Asked::Info),
        "CONFIG" | "COMMAND" => Ok(Asked::Reply(Reply::Array(Vec::new()))),
        "QUIT" => none(Reply::Simple("OK".into())),
        "READMODE" => match arguments {
            [] => Ok(Asked::WhichMode),
            [mode] if mode.eq_ignore_ascii_case(b"log") => Ok(Asked::Mode(ReadMode::Log)),
            [mode] if mode.eq_ignore_ascii_case(b"index") => Ok(Asked::Mode(ReadMode::Index)),
            [mode] if mode.eq_ignore_ascii_case(b"lease") => Ok(Asked::Mode(ReadMode::Lease)),
            _ => Err(arity(&name, "[log | index | lease]")),
        },
        "X" => in_session(arguments),
        "SESSION" if arguments.is_empty() => Ok(Asked::Op(None, Op::OpenSession)),
        "SESSION" => Err(arity(&name, "")),
        _ => Ok(Asked::Op(None, op(&name, arguments)?)),
    }
}

/// `X session seq command …`
fn in_session(arguments: &[Bytes]) -> Result<Asked, String> {
    let [session, seq, name, arguments @ ..] = arguments else {
        return Err(arity("X", "session number command …"));
    };
    let number = |bytes: &Bytes, what: &str| {
        let number = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
        number.filter(|number| *number > 0).ok_or_else(|| format!("the {what} counts from 1"))
    };
    let session = SessionId(number(session, "session")?);
    let seq = number(seq, "number of a request")?;
    let name = String::from_utf8_lossy(name).to_ascii_uppercase();
    Ok(Asked::Op(Some(RequestId { session, seq }), op(&name, arguments)?))
}

fn op(name: &str, arguments: &[Bytes]) -> Result<Op, String> {
    let op = match (name, arguments) {
        ("GET", [key]) => Op::Get { key: at(key)? },
        ("GET", _) => return Err(arity(name, "key")),
        ("SET", [key, value]) => Op::Set { key: at(key)?, value: valued(value)?, only_new: false },
        ("SET", [key, value, option]) if option.eq_ignore_ascii_case(b"NX") => {
            Op::Set { key: at(key)?, value: valued(value)?, only_new: true }
        }
        ("SET", [_, _, ..]) => return Err("of all options of SET there is NX alone".into()),
        ("SET", _) => return Err(arity(name, "key value [NX]")),
        ("DEL", []) => return Err(arity(name, "key …")),
        ("DEL", keys) => Op::Delete { keys: keys.iter().map(at).collect::<Result<_, _>>()? },
        ("INCR", [key]) => Op::Increment { key: at(key)? },
        ("INCR", _) => return Err(arity(name, "key")),
        ("APPEND", [key, value]) => Op::Append { key: at(key)?, value: valued(value)? },
        ("APPEND", _) => return Err(arity(name, "key value")),
        ("CAS", [key, from, to]) => {
            Op::CompareAndSet { key: at(key)?, from: valued(from)?, to: valued(to)? }
        }
        ("CAS", _) => return Err(arity(name, "key old new")),
        ("REPLACE", [old, new]) => Op::Replace { old: named(old)?, new: named(new)? },
        ("REPLACE", _) => return Err(arity(name, "old new")),
        _ => {
            let name: String = name.chars().take(32).collect();
            return Err(format!("unknown command '{name}'; known are {KNOWN}"));
        }
    };
    if op.bytes() > MAX_REQUEST {
        return Err(format!("all keys and values of a request have at most {MAX_REQUEST} bytes"));
    }
    Ok(op)
}

fn arity(name: &str, arguments: &str) -> String {
    format!("wrong number of arguments for '{name}'; write {name} {arguments}").trim_end().into()
}

/// A replica by its name.
fn named(name: &Bytes) -> Result<NodeId, String> {
    let found = std::str::from_utf8(name).ok().and_then(replica_of);
    found.ok_or_else(|| format!("no replica is called '{}'", name.escape_ascii()))
}

fn at(key: &Bytes) -> Result<Blob, String> {
    kept(key, "key", MAX_KEY)
}

fn valued(value: &Bytes) -> Result<Blob, String> {
    kept(value, "value", MAX_VALUE)
}

/// Copied: a slice would keep everything that the client sent with it.
fn kept(bytes: &Bytes, what: &str, most: usize) -> Result<Blob, String> {
    if bytes.len() > most {
        return Err(format!("a {what} has at most {most} bytes, this one has {}", bytes.len()));
    }
    Ok(Blob(Bytes::copy_from_slice(bytes)))
}

/// What a client is told. `leader` is where the leader serves clients, if that is known.
#[must_use]
pub fn reply(outcome: Result<Outcome, Refusal>, leader: Option<SocketAddr>) -> Reply {
    match outcome {
        Ok(Outcome::Done) => Reply::Simple("OK".into()),
        Ok(Outcome::Nothing) => Reply::Nil,
        Ok(Outcome::Value(value)) => Reply::Bulk(value.0),
        Ok(Outcome::Number(number)) => Reply::Integer(number),
        Ok(Outcome::Opened(SessionId(session))) => {
            Reply::Integer(i64::try_from(session).unwrap_or(i64::MAX))
        }
        Ok(Outcome::NotANumber) => {
            Reply::Error("ERR value is not an integer or out of range".into())
        }
        Ok(Outcome::TooLong) => {
            Reply::Error(format!("ERR a value has at most {MAX_VALUE} bytes").into())
        }
        Ok(Outcome::Expired) => Reply::Error(
            "EXPIRED this session is not open, and whether the request was done is not known: read, \
             then open another with SESSION"
                .into(),
        ),
        Ok(Outcome::Superseded) => {
            Reply::Error("SUPERSEDED nothing was done now: a later request of this session was, and whether this one was done \
             before is not known any more"
                .into(),)
        }
        Err(Refusal::MayBeDone) => Reply::Error(
            "UNKNOWN it may be done, now or later: in a session you can ask again"
                .into(),
        ),
        Err(Refusal::Moved(_)) if let Some(leader) = leader => {
            // The words of a Redis cluster: `redis-cli -c` follows them.
            Reply::Error(format!("MOVED 0 {leader}").into())
        }
        Err(Refusal::NotDone | Refusal::Moved(_)) => {
            Reply::Error("TRYAGAIN not done: no leader is known, ask again".into())
        }
    }
}
