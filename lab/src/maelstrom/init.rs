//! The first message of a bench: which node a program is.
//!
//! # Left out
//!
//! Nodes that join later: the list is the whole group.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde_json::Value;

use super::node::{Refused, next, refuse};
use super::wire::{Asked, Line, Malformed, Output, Reply};
use super::{Code, LinKv};
use crate::NodeId;
use crate::run::MAX_SERVER;

/// What `init` says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// This node.
    pub me: NodeId,
    /// All nodes, in the order of `node_ids`.
    pub all: Vec<NodeId>,
}

/// A node that has a name.
pub(super) struct Named {
    /// The `init`, which is answered once the node runs.
    pub(super) asked: Asked,
    pub(super) name: String,
    pub(super) group: Group,
    pub(super) names: BTreeMap<NodeId, String>,
}

/// Waits for `init`. `None`: the lines ended without one.
pub(super) fn wait<L: LinKv>(
    input: &mut impl BufRead,
    output: &Output,
) -> Result<Option<Named>, Refused> {
    while let Some(bytes) = next(input)? {
        let line = match Line::parse(&bytes) {
            Ok(line) => line,
            Err(malformed) => {
                // It has no name yet, and none is told.
                refuse(output, "", malformed);
                continue;
            }
        };
        match line.kind() {
            Ok("init") => match named::<L>(&line) {
                Ok(named) => return Ok(Some(named)),
                Err(malformed) => refuse(output, &line.dest, malformed),
            },
            Ok(_) => early(&line, output),
            Err(malformed) => refuse(output, &line.dest, malformed),
        }
    }
    Ok(None)
}

fn early(line: &Line, output: &Output) {
    let text = "no `init` has come yet; send it first";
    match line.asked() {
        Some(Asked { src, msg_id }) => {
            let reply = Reply::error(msg_id, Code::TemporarilyUnavailable, text);
            output.reply(&line.dest, &src, &reply);
        }
        None => eprintln!("a line that cannot be answered: {text}"),
    }
}

fn named<L: LinKv>(line: &Line) -> Result<Named, Malformed> {
    let Some(asked) = line.asked() else {
        return Err(line.malformed("`init` has no `msg_id`; it is answered"));
    };
    let texts = line.body.get("node_ids").and_then(Value::as_array).ok_or_else(|| {
        line.malformed("`node_ids` is not a list; name all nodes, this one among them")
    })?;
    if texts.len() as u64 > MAX_SERVER.0 {
        return Err(line.malformed(format!("more than {MAX_SERVER} nodes; start fewer")));
    }
    let mut names = BTreeMap::new();
    let mut all = Vec::new();
    for (place, name) in texts.iter().enumerate() {
        let name = name.as_str().ok_or_else(|| line.malformed("a node's name is not a text"))?;
        if names.values().any(|other| other == name) {
            return Err(line.malformed(format!("two nodes are called {name}; rename one")));
        }
        let id = L::node(place);
        all.push(id);
        names.insert(id, name.to_owned());
    }
    let name = line.body.get("node_id").and_then(Value::as_str).unwrap_or_default();
    let me = names.iter().find(|(_, other)| *other == name).map(|(id, _)| *id);
    let me = me.ok_or_else(|| line.malformed("`node_id` is not among `node_ids`; add it"))?;
    Ok(Named { asked, name: name.to_owned(), group: Group { me, all }, names })
}
