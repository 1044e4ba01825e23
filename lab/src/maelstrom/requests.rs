//! Requests of Maelstrom's clients. Each client is one of the node's clients, with a task that hands its
//! requests in and its answers out.
//!
//! # Left out
//!
//! Forgetting a client that asks nothing more: Maelstrom does not say when one is gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::wire::{Asked, Output, Reply};
use super::{Answer, Code, LinKv, Operation};
use crate::Protocol;
use crate::run::{Client, Clients};

/// How many requests of one client may wait for their answers.
pub(super) const MAX_OPEN: usize = 256;

/// Where requests go in.
pub(super) struct Requests<L: LinKv> {
    me: Arc<str>,
    output: Output,
    runtime: Handle,
    clients: Clients<L::Protocol>,
    open: BTreeMap<String, mpsc::Sender<Request<L>>>,
    last: u64,
}

struct Request<L: LinKv> {
    msg_id: u64,
    number: u64,
    kind: Kind,
    msg: <L::Protocol as Protocol>::Msg,
}

#[derive(Clone, Copy)]
enum Kind {
    Read,
    Write,
    Cas,
}

impl<L: LinKv> Requests<L> {
    pub(super) fn new(
        me: Arc<str>,
        output: Output,
        runtime: Handle,
        clients: Clients<L::Protocol>,
    ) -> Self {
        Self { me, output, runtime, clients, open: BTreeMap::new(), last: 0 }
    }

    /// Hands a request in. It is answered at once if it cannot be.
    pub(super) fn ask(&mut self, asked: Asked, operation: Operation) {
        self.last += 1;
        let number = self.last;
        let kind = match operation {
            Operation::Read { .. } => Kind::Read,
            Operation::Write { .. } => Kind::Write,
            Operation::Cas { .. } => Kind::Cas,
        };
        let Asked { src, msg_id } = asked;
        let request = Request { msg_id, number, kind, msg: L::request(number, operation) };
        let sent = self.client(&src).and_then(|client| {
            client.try_send(request).map_err(|_| "too many requests of this client wait".into())
        });
        if let Err(why) = sent {
            let text = format!("{why}; ask again later");
            let reply = Reply::error(msg_id, Code::TemporarilyUnavailable, text);
            self.output.reply(&self.me, &src, &reply);
        }
    }

    fn client(&mut self, name: &str) -> Result<&mpsc::Sender<Request<L>>, String> {
        if self.open.get(name).is_none_or(mpsc::Sender::is_closed) {
            let client = self.clients.connect().map_err(|refused| refused.to_string())?;
            let (requests, incoming) = mpsc::channel(MAX_OPEN);
            let (me, output) = (Arc::clone(&self.me), self.output.clone());
            let open = BTreeMap::new();
            let attendant =
                Attendant::<L> { me, name: name.to_owned(), output, client, incoming, open };
            self.runtime.spawn(attendant.attend());
            self.open.insert(name.to_owned(), requests);
        }
        Ok(&self.open[name])
    }
}

/// Attends to one client.
struct Attendant<L: LinKv> {
    me: Arc<str>,
    name: String,
    output: Output,
    client: Client<L::Protocol>,
    incoming: mpsc::Receiver<Request<L>>,
    /// What the node was asked and has not answered, by number.
    open: BTreeMap<u64, (u64, Kind)>,
}

impl<L: LinKv> Attendant<L> {
    /// Until the node's end of the connection is over.
    async fn attend(mut self) {
        loop {
            tokio::select! {
                reply = self.client.recv() => match reply {
                    Some(msg) => self.answer(msg),
                    None => break,
                },
                request = self.incoming.recv(), if self.open.len() < MAX_OPEN => match request {
                    Some(request) => self.pass_on(request).await,
                    None => break,
                },
            }
        }
        self.incoming.close();
        // The node has these, and may do them still.
        for (msg_id, _) in std::mem::take(&mut self.open).into_values() {
            self.reply(&Reply::error(
                msg_id,
                Code::Crash,
                "the node may have done it; read to see",
            ));
        }
        while let Ok(Request { msg_id, .. }) = self.incoming.try_recv() {
            let text = "the node did not take it; ask again";
            self.reply(&Reply::error(msg_id, Code::TemporarilyUnavailable, text));
        }
    }

    async fn pass_on(&mut self, request: Request<L>) {
        let Request { msg_id, number, kind, msg } = request;
        // If the node has ended, so has this connection, and the request is answered as all others.
        if self.client.send(msg).await.is_ok() {
            self.open.insert(number, (msg_id, kind));
        } else {
            let text = "the node has ended; ask again once it is back";
            self.reply(&Reply::error(msg_id, Code::TemporarilyUnavailable, text));
        }
    }

    fn answer(&mut self, msg: <L::Protocol as Protocol>::Msg) {
        let Some((number, answer)) = L::answer(msg) else {
            eprintln!("the node sent {} what is no answer", self.name);
            return;
        };
        // An answer that comes twice was given.
        let Some((msg_id, kind)) = self.open.remove(&number) else { return };
        self.reply(&reply(msg_id, kind, answer));
    }

    fn reply(&self, reply: &Reply) {
        self.output.reply(&self.me, &self.name, reply);
    }
}

fn reply(in_reply_to: u64, kind: Kind, answer: Answer) -> Reply {
    // Whatever the node did: its answer does not tell it.
    let senseless = |what: &str| {
        let text = format!("the node answers {what}; correct its LinKv");
        eprintln!("{text}");
        Reply::error(in_reply_to, Code::Crash, text)
    };
    match (kind, answer) {
        (_, Answer::Error { code, text }) => Reply::error(in_reply_to, code, text),
        (Kind::Read, Answer::Value(text)) => match serde_json::from_str::<Value>(&text) {
            Ok(value) => Reply::ReadOk { value, in_reply_to },
            Err(error) => senseless(&format!("a value that is no JSON ({error})")),
        },
        (Kind::Write, Answer::Done) => Reply::WriteOk { in_reply_to },
        (Kind::Cas, Answer::Done) => Reply::CasOk { in_reply_to },
        (Kind::Read, Answer::Done) => senseless("a read without a value"),
        (Kind::Write | Kind::Cas, Answer::Value(_)) => senseless("a write with a value"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_does_not_fit_its_request_is_an_indefinite_error() {
        let value = |text: &str| Answer::Value(text.into());
        for (kind, answer) in [
            (Kind::Read, Answer::Done),
            (Kind::Read, value("{")),
            (Kind::Read, value("")),
            (Kind::Write, value("1")),
            (Kind::Cas, value("1")),
        ] {
            let reply = reply(7, kind, answer.clone());
            assert!(matches!(reply, Reply::Error { in_reply_to: 7, code: 13, .. }), "{answer:?}");
        }
        let code = Code::TxnConflict;
        let error = reply(7, Kind::Cas, Answer::Error { code, text: "why".into() });
        assert!(matches!(error, Reply::Error { in_reply_to: 7, code: 30, text } if text == "why"));
    }
}
