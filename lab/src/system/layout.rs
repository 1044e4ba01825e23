//! Which processes a system consists of, as plain data: a cluster starts what stands here, and a
//! role finds itself in it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use clap::{Arg, ArgMatches};
use serde::{Deserialize, Serialize};

use crate::NodeId;

/// What `cluster` was given beside the options that every system has: each option by its name, with
/// its values. A flag has none. It goes to each role as arguments.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Options(BTreeMap<String, Vec<String>>);

impl Options {
    /// Whether an option was given.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.0.contains_key(option)
    }

    /// The values of an option, in the order they were given.
    #[must_use]
    pub fn values(&self, option: &str) -> &[String] {
        self.0.get(option).map_or(&[], Vec::as_slice)
    }

    /// With a flag.
    #[must_use]
    pub fn with_flag(mut self, option: &str) -> Self {
        self.0.entry(option.to_owned()).or_default();
        self
    }

    /// With one more value of an option.
    #[must_use]
    pub fn with_value(mut self, option: &str, value: impl Into<String>) -> Self {
        self.0.entry(option.to_owned()).or_default().push(value.into());
        self
    }

    /// With these values of an option; without it if there are none.
    #[must_use]
    pub fn with_values(self, option: &str, values: &[String]) -> Self {
        values.iter().fold(self, |options, value| options.with_value(option, value))
    }

    /// What was given of these; an option's name is its long form.
    pub(super) fn from_matches(options: &[Arg], matches: &ArgMatches) -> Self {
        let mut given = Self::default();
        for option in options {
            let name = option.get_id().as_str();
            if option.get_action().takes_values() {
                for value in matches.get_raw(name).into_iter().flatten() {
                    given = given.with_value(name, value.to_string_lossy());
                }
            } else if matches.get_flag(name) {
                given = given.with_flag(name);
            }
        }
        given
    }

    /// The command line that [`Options::from_matches`] reads.
    pub(super) fn to_args(&self) -> Vec<String> {
        let mut args = Vec::new();
        for (option, values) in &self.0 {
            if values.is_empty() {
                args.push(format!("--{option}"));
            }
            args.extend(values.iter().map(|value| format!("--{option}={value}")));
        }
        args
    }
}

/// One process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Role {
    /// As it is called everywhere.
    pub name: String,
    /// The node it runs.
    pub id: NodeId,
    /// What it is in a picture: roles of one kind have one colour.
    pub kind: String,
    /// Whether its node keeps a log here, which a power cut can shorten.
    pub has_log: bool,
    /// Whether it is asked to end only when all others have ended, which still send it something.
    pub ends_last: bool,
    /// The nodes it sends messages to.
    pub peers: Vec<NodeId>,
}

impl Role {
    /// A process whose node keeps a log; its kind is its name.
    #[must_use]
    pub fn new(name: &str, id: NodeId, peers: &[NodeId]) -> Self {
        let (kind, peers) = (name.into(), peers.to_vec());
        Self { name: name.into(), id, kind, has_log: true, ends_last: false, peers }
    }
}

/// All processes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// What a record of a run is called.
    pub title: String,
    /// In the order of their columns.
    pub roles: Vec<Role>,
    /// The role that serves users, and keeps its port from one run to the next.
    pub front: String,
    /// The options that a directory belongs to from its first start on.
    pub kept: Options,
}

impl Layout {
    /// One role, by its name.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name == name)
    }

    /// The roles that another one sends messages to. Nobody dials the others: they need not be nodes.
    pub(super) fn sent_to(&self) -> impl Iterator<Item = &Role> {
        let is_sent_to = |role: &&Role| self.roles.iter().any(|one| one.peers.contains(&role.id));
        self.roles.iter().filter(is_sent_to)
    }
}

/// Where roles serve HTTP, in the order of their columns.
pub type Endpoints = Vec<(String, SocketAddr)>;

/// What a parent tells its roles about each other.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Addresses {
    pub(super) nodes: BTreeMap<NodeId, SocketAddr>,
    pub(super) endpoints: Endpoints,
}

#[cfg(test)]
mod tests {
    use clap::{ArgAction, Command};

    use super::*;

    #[test]
    fn a_role_reads_the_options_that_its_cluster_was_given() {
        let options = [
            Arg::new("fast").long("fast").action(ArgAction::SetTrue),
            Arg::new("slow").long("slow").action(ArgAction::SetTrue),
            Arg::new("keep").long("keep").action(ArgAction::Append),
        ];
        let command = Command::new("role").no_binary_name(true).args(options.clone());
        let given = Options::default()
            .with_flag("fast")
            .with_value("keep", "pay=postgres://me@here/shop?a=b")
            .with_value("keep", "--stock");
        let matches = command.try_get_matches_from(given.to_args()).unwrap();
        assert_eq!(Options::from_matches(&options, &matches), given);
        assert!(given.has("fast") && !given.has("slow") && given.values("slow").is_empty());
    }
}
