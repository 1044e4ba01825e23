//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! What a cluster remembers from one run to the next, and tells other terminals: `cluster.json`.
//!
//! # Left out
//!
//! Anything the nodes need: they have logs.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::cluster::Config;
use super::design::Design;
use super::role::Role;
use super::trouble::Trouble;

/// What `cluster.json` remembers.
#[derive(Clone, Default, Debug, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Goes into every log and every frame, so that clusters do not mix.
    pub(super) cluster: u64,
    pub(super) shop: Option<SocketAddr>,
    pub(super) control: Option<SocketAddr>,
    /// What wrote the logs, and can read them.
    #[serde(default)]
    pub(super) design: Design,
    /// Who keeps its accounts in a database, from the first start on.
    #[serde(default)]
    pub(super) databases: BTreeSet<Role>,
}

impl Memory {
    pub(super) fn read(dir: &Path) -> Result<Self, Trouble> {
        let file = dir.join("cluster.json");
        let Ok(text) = fs::read_to_string(&file) else {
            return Err(Trouble::NoCluster(dir.to_owned()));
        };
        serde_json::from_str(&text).map_err(|e| Trouble::BadMemory(file, e.to_string()))
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), Trouble> {
        let text = serde_json::to_string_pretty(self).expect("plain data always serialises");
        let new = dir.join("cluster.json.new");
        let written =
            fs::write(&new, text).and_then(|()| fs::rename(&new, dir.join("cluster.json")));
        written.map_err(Trouble::io("write cluster.json"))
    }

    /// A log is read by the design that wrote it. Whoever kept its accounts in a database does so for ever: elsewhere they would be as at the
    /// opening.
    pub(super) fn fits(&self, config: &Config) -> Result<(), Trouble> {
        if config.events.is_some() && !config.databases.is_empty() {
            let why = "a run with PostgreSQL in it cannot be replayed: leave --events out";
            return Err(Trouble::Refused(why.into()));
        }
        if config.design != self.design {
            let dir = config.dir.display();
            return Err(Trouble::Refused(match self.design.flag() {
                "" => format!("{dir} is without {}; choose another --dir", config.design.flag()),
                flag => format!("{dir} was started with {flag}: add it, or choose another --dir"),
            }));
        }
        if config.design != Design::TwoPhases && !config.databases.is_empty() {
            let why = "a participant in PostgreSQL speaks two-phase commit alone: leave out";
            return Err(Trouble::Refused(format!("{why} {}", config.design.flag())));
        }
        let now: BTreeSet<Role> = config.databases.keys().copied().collect();
        let Some(role) = now.symmetric_difference(&self.databases).next() else { return Ok(()) };
        let (name, dir) = (role.name(), config.dir.display());
        Err(Trouble::Refused(if now.contains(role) {
            format!("the accounts of {name} are in {dir} already; choose another --dir")
        } else {
            format!(
                "the accounts of {name} are in PostgreSQL: add --participant {name}=postgres://…"
            )
        }))
    }
}
