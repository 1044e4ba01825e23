//! One node as a program of Maelstrom's: lines in, lines out.
//!
//! Standard output has nothing but lines of the protocol. What this module has to report goes to
//! standard error; a program that wants the driver's log installs a subscriber that writes there.
//!
//! # Left out
//!
//! A second `init`: a program is one node for its whole run.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::init::{self, Named};
use super::requests::{MAX_OPEN, Requests};
use super::wire::{Carried, Line, MAX_LINE, Malformed, Next, Output, Reply, append, read_line};
use super::{Code, Group, LinKv};
use crate::run::disk::MemDisk;
use crate::run::frame::Head;
use crate::run::{Config, Data, Driver, Fatal, Network, server_of};
use crate::{AnyNode, NodeId, Protocol};

/// How many clients may connect. Each request that was not answered in time costs one: Maelstrom goes
/// on under another name.
const MAX_CLIENTS: usize = 1 << 16;
/// Logs of other systems are refused.
const CLUSTER: u64 = 0x6d61_656c;

/// Where the records of a node go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Storage {
    /// Into memory: they end with the process, and a node that is started again is one whose disk was
    /// lost. Maelstrom itself starts none again.
    Memory,
    /// Into a log. All nodes may be given one directory: each has its own in there.
    Dir(PathBuf),
    /// The same, and `kill -9` is as bad as a power cut.
    PowerCut(PathBuf),
}

/// Why a node does not run, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The driver refuses, or the disk failed.
    #[error(transparent)]
    Driver(#[from] Fatal),
    /// Standard input cannot be read.
    #[error("cannot read lines: {0}; start this program with a pipe as standard input")]
    Input(#[source] io::Error),
}

/// Runs the node that `node` makes, on standard input and output, until standard input ends.
///
/// # Errors
/// The log refuses, or standard input cannot be read.
pub fn run<L: LinKv>(
    storage: Storage,
    node: impl FnOnce(&Group) -> AnyNode<L::Protocol>,
) -> Result<(), Refused> {
    run_over::<L>(io::stdin().lock(), io::stdout(), storage, node)
}

/// The same over other streams. Blocks: not for async code.
///
/// # Errors
/// As for [`run`].
pub fn run_over<L: LinKv>(
    mut input: impl BufRead,
    output: impl Write + Send + 'static,
    storage: Storage,
    node: impl FnOnce(&Group) -> AnyNode<L::Protocol>,
) -> Result<(), Refused> {
    let output = Output::new(output);
    let Some(named) = init::wait::<L>(&mut input, &output)? else { return Ok(()) };
    let Named { asked, name, group, names } = named;
    let (me, node) = (group.me, node(&group));
    let ids = names.iter().map(|(id, name)| (name.clone(), *id)).collect();
    let network = Lines { me: name.clone(), names, lines: Vec::new(), output: output.clone() };
    let driver = Driver::start_over(network, config(me, storage), node)?;
    let (runtime, clients) = (driver.runtime(), driver.clients());
    let requests = Requests::new(Arc::from(name.as_str()), output.clone(), runtime, clients);
    output.reply(&name, &asked.src, &Reply::InitOk { in_reply_to: asked.msg_id });
    let mut program = Program::<L> { name, me, ids, output, driver, requests };
    while let Some(line) = next(&mut input)? {
        let taken = Line::parse(&line).and_then(|parsed| program.take(parsed, line.len()));
        if let Err(malformed) = taken {
            refuse(&program.output, &program.name, malformed);
        }
    }
    // A driver that stops carries out what it has taken.
    program.driver.stop();
    Ok(program.driver.join()?)
}

/// A node that runs.
struct Program<L: LinKv> {
    name: String,
    me: NodeId,
    ids: BTreeMap<String, NodeId>,
    output: Output,
    driver: Driver<L::Protocol>,
    requests: Requests<L>,
}

impl<L: LinKv> Program<L> {
    fn take(&mut self, mut line: Line, len: usize) -> Result<(), Malformed> {
        if line.dest != self.name {
            return Err(line.malformed(format!("this is {}; send it to {}", self.name, line.dest)));
        }
        match (line.kind()?, self.ids.get(&line.src)) {
            ("node", Some(&from)) => self.deliver(from, &mut line),
            ("node", None) => Err(line.malformed("`node` is for the nodes among themselves")),
            ("init", _) => Err(line.malformed("this node has a name; start another program")),
            // Nothing here asks, so nothing waits for an answer.
            _ if line.body.contains_key("in_reply_to") => Err(line.malformed("no such request")),
            _ => self.ask(&line, len),
        }
    }

    fn deliver(&mut self, from: NodeId, line: &mut Line) -> Result<(), Malformed> {
        let to = match line.body.get("to").map(Value::as_u64) {
            None => self.me,
            Some(to) => NodeId(to.ok_or_else(|| line.malformed("`to` is not an id"))?),
        };
        if to != self.me && server_of(to) != Some(self.me) {
            return Err(line.malformed(format!("{to} is not here; send it to its node")));
        }
        let msg = serde_json::from_value(line.body.remove("msg").unwrap_or_default());
        let msg = msg.map_err(|e| line.malformed(format!("`msg`: {e}; run the same build")))?;
        // If the driver has ended this process ends, too.
        let _ = self.driver.runtime().block_on(self.driver.deliver(from, to, msg));
        Ok(())
    }

    fn ask(&mut self, line: &Line, len: usize) -> Result<(), Malformed> {
        let Some(asked) = line.asked() else {
            return Err(line.malformed("a request without `msg_id`; its answer would have no name"));
        };
        if let Some(operation) = line.operation(len)? {
            self.requests.ask(asked, operation);
        } else {
            let text = format!("this node serves read, write and cas, not {}", line.kind()?);
            let reply = Reply::error(asked.msg_id, Code::NotSupported, text);
            self.output.reply(&self.name, &asked.src, &reply);
        }
        Ok(())
    }
}

/// The other nodes, through the bench.
struct Lines {
    me: String,
    names: BTreeMap<NodeId, String>,
    lines: Vec<u8>,
    output: Output,
}

impl<P: Protocol> Network<P> for Lines {
    fn push(&mut self, peer: NodeId, head: &Head, msg: P::Msg) {
        // A node that does not exist: what is sent to it is lost, as over TCP.
        let Some(name) = self.names.get(&peer) else { return };
        let (begin, to) = (self.lines.len(), (head.to != peer).then_some(head.to));
        append(&self.me, name, &Carried { to, msg: &msg }, &mut self.lines)
            .unwrap_or_else(|error| panic!("{msg:?} does not become JSON: {error}"));
        let len = self.lines.len() - begin;
        if len > MAX_LINE {
            eprintln!(
                "lost a message of {len} bytes to {name}: {MAX_LINE} are the limit, send parts"
            );
            self.lines.truncate(begin);
        }
    }

    fn flush(&mut self) {
        if !self.lines.is_empty() {
            self.output.write(&self.lines);
            self.lines.clear();
        }
    }
}

fn config(me: NodeId, storage: Storage) -> Config {
    let own = |dir: PathBuf| dir.join(format!("node-{}", me.0));
    let data = match storage {
        Storage::Memory => Data::Disk(Box::new(MemDisk::new())),
        Storage::Dir(dir) => Data::Dir(own(dir)),
        Storage::PowerCut(dir) => Data::PowerCut(own(dir)),
    };
    let mut config = Config::new(CLUSTER, me, data);
    config.clients = MAX_CLIENTS;
    // Every answer has room, and some that come twice.
    config.client_queue = 2 * MAX_OPEN;
    config
}

/// The next line that is not too long.
pub(super) fn next(input: &mut impl BufRead) -> Result<Option<Vec<u8>>, Refused> {
    loop {
        match read_line(input).map_err(Refused::Input)? {
            Next::Line(line) => return Ok(Some(line)),
            Next::TooLong => eprintln!("dropped a line of more than {MAX_LINE} bytes; send less"),
            Next::End => return Ok(None),
        }
    }
}

/// Answers what cannot be done, if it can be answered.
pub(super) fn refuse(output: &Output, me: &str, malformed: Malformed) {
    match malformed.asked {
        Some(asked) => {
            let reply = Reply::error(asked.msg_id, Code::MalformedRequest, malformed.why);
            output.reply(me, &asked.src, &reply);
        }
        None => eprintln!("a line that cannot be answered: {}", malformed.why),
    }
}
