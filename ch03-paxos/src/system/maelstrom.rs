//! A replica as a program of Maelstrom's, for its workload `lin-kv`.

use std::path::PathBuf;

use clap::Args;
use lab::NodeId;
use lab::maelstrom::{Answer, Code, LinKv, Operation, Storage, run};
use lab::system::Error;

use super::processes::FIRST;
use crate::group::{AnyNode, Group, Paxos};
use crate::replicated_kv::{Config, Replica};
use crate::types::Msg;
use crate::types::kv::{Blob, Msg as Kv, Op, Outcome, Refusal};

/// The arguments of `maelstrom`.
#[derive(Args, Clone, Debug)]
pub(super) struct Maelstrom {
    /// Keep the log in this directory; without it, in memory: each run of Maelstrom begins with an empty store
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
}

/// How its clients ask this store.
struct Store;

impl LinKv for Store {
    type Protocol = Paxos;

    fn node(place: usize) -> NodeId {
        NodeId(FIRST + place as u64)
    }

    fn request(number: u64, operation: Operation) -> Msg {
        let blob = |text: String| Blob::new(&text);
        let op = match operation {
            Operation::Read { key } => {
                return Msg::Kv(Kv::Read { number, key: blob(key), by_lease: false });
            }
            Operation::Write { key, value } => {
                Op::Set { key: blob(key), value: blob(value), only_new: false }
            }
            Operation::Cas { key, from, to } => {
                Op::CompareAndSet { key: blob(key), from: blob(from), to: blob(to) }
            }
        };
        Msg::Kv(Kv::Request { number, id: None, op })
    }

    fn answer(msg: Msg) -> Option<(u64, Answer)> {
        let Msg::Kv(Kv::Answer { number, outcome }) = msg else { return None };
        let error = |code, text: &str| Answer::Error { code, text: text.into() };
        let answer = match outcome {
            Ok(Outcome::Value(value)) => Answer::Value(String::from_utf8_lossy(&value.0).into()),
            Ok(Outcome::Done | Outcome::Number(1)) => Answer::Done,
            Ok(Outcome::Nothing) => error(Code::KeyDoesNotExist, "this key has no value"),
            Ok(Outcome::Number(_)) => error(Code::PreconditionFailed, "it has another value"),
            Ok(Outcome::TooLong) => error(Code::MalformedRequest, "this is too long"),
            Ok(
                Outcome::Opened(_) | Outcome::NotANumber | Outcome::Expired | Outcome::Superseded,
            ) => {
                unreachable!("these are outcomes of what `request` never asks for")
            }
            Err(Refusal::NotDone | Refusal::Moved(_)) => {
                error(Code::TemporarilyUnavailable, "no leader is known")
            }
            Err(Refusal::MayBeDone) => error(Code::Crash, "it may be done"),
        };
        Some((number, answer))
    }
}

/// Runs one replica over standard input and output, until that ends.
///
/// # Errors
/// Its log refuses, or there are no lines.
pub(super) async fn act(Maelstrom { log }: Maelstrom) -> Result<u8, Error> {
    let storage = log.map_or(Storage::Memory, Storage::Dir);
    let node = tokio::task::spawn_blocking(|| {
        run::<Store>(storage, |group| {
            AnyNode::new(Replica::new(Group::new(&group.all), Config::default()))
        })
    });
    let ended = node.await.expect("it does not panic");
    ended.map(|()| 0).map_err(|why| Error::Refused(why.to_string()))
}
