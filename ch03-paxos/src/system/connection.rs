//! One connection of a client, and the requests that it has open.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use lab::resp::{Handler, Reply, Request};
use lab::run::{Client, Clients, Context, Refused};
use serde_json::Value;

use super::commands::{Asked, ReadMode, parse, reply};
use super::members::Members;
use crate::group::Paxos;
use crate::types::Msg;
use crate::types::kv::{Msg as Kv, Op, Outcome, Refusal};

/// A replica gives every request an answer, and sooner than this.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of the node for each connection, so that answers find their way.
pub(super) struct Connection {
    clients: Clients<Paxos>,
    members: Members,
    client: Option<Client<Paxos>>,
    /// How many requests it has sent.
    sent: u64,
    mode: ReadMode,
}

/// A request that was taken.
enum Open {
    /// It has its reply.
    Reply(Reply),
    /// The node answers it, under this number.
    Answer(u64),
    /// Who the replicas are.
    Members,
    /// What this replica reports.
    Info,
}

type Answers = BTreeMap<u64, Result<Outcome, Refusal>>;

impl Connection {
    pub(super) fn new(clients: Clients<Paxos>, members: Members) -> Self {
        Self { clients, members, client: None, sent: 0, mode: ReadMode::default() }
    }

    /// The node's client for this connection.
    fn client(&mut self) -> Result<&mut Client<Paxos>, Refused> {
        let client = self.client.take().map_or_else(|| self.clients.connect(), Ok)?;
        Ok(self.client.insert(client))
    }

    /// What is in front of a request is the context of what it causes.
    async fn take(&mut self, request: &[Bytes]) -> Open {
        match request {
            [name, context, rest @ ..] if name.eq_ignore_ascii_case(b"TRACED") => {
                match Context::new(context) {
                    Ok(context) => context.scope(self.take_bare(rest)).await,
                    Err(long) => Open::Reply(Reply::error(&long)),
                }
            }
            bare => self.take_bare(bare).await,
        }
    }

    async fn take_bare(&mut self, request: &[Bytes]) -> Open {
        match parse(request) {
            Asked::Reply(reply) => Open::Reply(reply),
            Asked::Op(None, Op::Get { key }) if self.mode != ReadMode::Log => {
                let by_lease = self.mode == ReadMode::Lease;
                self.send(|number| Kv::Read { number, key, by_lease }).await
            }
            Asked::Op(_, Op::Replace { new, .. }) if !self.members.has(new) => {
                Open::Reply(Reply::Error("ERR no process of this store is that replica".into()))
            }
            Asked::Op(id, op) => self.send(|number| Kv::Request { number, id, op }).await,
            Asked::Mode(mode) => {
                self.mode = mode;
                Open::Reply(Reply::Simple("OK".into()))
            }
            Asked::WhichMode => Open::Reply(Reply::Simple(self.mode.name().into())),
            Asked::Members => Open::Members,
            Asked::Info => Open::Info,
        }
    }

    /// Passes a request on. The reply to one that could not be.
    async fn send(&mut self, msg: impl FnOnce(u64) -> Kv) -> Open {
        let number = self.sent + 1;
        let client = match self.client() {
            Ok(client) => client,
            Err(full) => {
                return Open::Reply(Reply::Error(format!("TRYAGAIN not done: {full}").into()));
            }
        };
        match client.send(Msg::Kv(msg(number))).await {
            Ok(()) => {
                self.sent = number;
                Open::Answer(number)
            }
            Err(ended) => Open::Reply(Reply::Error(format!("TRYAGAIN not done: {ended}").into())),
        }
    }

    /// Waits for the answers to all that is open.
    async fn receive(&mut self, open: &[Open], answers: &mut Answers) {
        let numbers = open.iter().filter_map(|open| match open {
            Open::Answer(number) => Some(*number),
            Open::Reply(_) | Open::Members | Open::Info => None,
        });
        let mut missing: BTreeSet<u64> = numbers.collect();
        while !missing.is_empty() {
            let Some(client) = &mut self.client else { return };
            match client.recv().await {
                Some(Msg::Kv(Kv::Answer { number, outcome })) if missing.remove(&number) => {
                    answers.insert(number, outcome);
                }
                // Too late, for a request that was given up.
                Some(_) => {}
                None => self.client = None,
            }
        }
    }

    async fn reply(&mut self, open: Open, answers: &mut Answers) -> Reply {
        match open {
            Open::Reply(reply) => reply,
            Open::Members => self.list_members().await,
            Open::Info => tokio::time::timeout(PATIENCE, self.info()).await.unwrap_or_else(|_| {
                Reply::Error("ERR this replica does not answer; ask another one".into())
            }),
            Open::Answer(number) => {
                let outcome = answers.remove(&number).unwrap_or(Err(Refusal::MayBeDone));
                let leader = match &outcome {
                    Err(Refusal::Moved(leader)) => self.members.redis_of(*leader).await,
                    _ => None,
                };
                reply(outcome, leader)
            }
        }
    }

    /// `replica-1 127.0.0.1:7381 leads`, for each of them.
    async fn list_members(&self) -> Reply {
        let members = self.members.all().await.into_iter().map(|member| {
            let redis = member.redis().map_or_else(|| "-".into(), |redis| redis.to_string());
            Reply::Bulk(format!("{} {redis} {}", member.name, member.role()).into())
        });
        Reply::Array(members.collect())
    }

    /// What this replica reports about itself, as lines of `name:value`.
    async fn info(&mut self) -> Reply {
        let client = match self.client() {
            Ok(client) => client,
            Err(full) => return Reply::error(&full),
        };
        let asked = client.send(Msg::Kv(Kv::Status)).await.is_ok();
        while asked && let Some(msg) = client.recv().await {
            if let Msg::Kv(Kv::StatusIs { status }) = msg {
                return Reply::Bulk(lines(&serde_json::json!(status)).into());
            }
        }
        Reply::Error("ERR this replica is about to end".into())
    }
}

/// `# store`, and a line for each field.
fn lines(status: &Value) -> String {
    let fields = status.as_object().into_iter().flatten();
    let field = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}:{text}\r\n"),
        other => format!("{name}:{other}\r\n"),
    };
    std::iter::once("# store\r\n".to_owned()).chain(fields.map(field)).collect()
}

impl Handler for Connection {
    async fn handle(&mut self, requests: Vec<Request>) -> Vec<Reply> {
        let mut open = Vec::with_capacity(requests.len());
        for request in &requests {
            open.push(self.take(request).await);
        }
        let mut answers = Answers::new();
        // What is missing then may be done.
        let _ = tokio::time::timeout(PATIENCE, self.receive(&open, &mut answers)).await;
        let mut replies = Vec::with_capacity(open.len());
        for open in open {
            replies.push(self.reply(open, &mut answers).await);
        }
        replies
    }
}
