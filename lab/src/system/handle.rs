//! A cluster that runs in another process: what its parent can be asked, and who asks it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::error::Error;
use super::layout::Endpoints;
use super::manifest::Manifest;
use super::service::Status;
use super::terminal::quoted;
use crate::http::{Answered, Caller, NoAnswer};

/// What `/kill` and `/restart` are asked.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    pub(super) role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) crash_after_effect: Option<u64>,
}

/// What a kill did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Killed {
    /// Which role.
    pub role: String,
    /// Its process.
    pub pid: u32,
    /// Whether it lost what was written and not synced, too.
    pub power_cut: bool,
}

/// What a restart did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Restarted {
    /// Which role.
    pub role: String,
    /// Its new process.
    pub pid: u32,
    /// Where it serves HTTP.
    pub http: SocketAddr,
    /// It will abort right after this effect.
    pub crash_after_effect: Option<u64>,
    /// It did so before it could serve.
    pub crashed: bool,
}

/// One role, as its parent sees it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RoleReport {
    /// Its name.
    pub role: String,
    /// Its process, if it runs.
    pub pid: Option<u32>,
    /// Where it serves HTTP.
    pub http: SocketAddr,
    /// What it reports about itself, if it answers.
    pub status: Option<Status>,
}

/// All roles, in the order of their columns.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Whether kill -9 is as bad as a power cut here.
    pub power_cut: bool,
    /// One each.
    pub roles: Vec<RoleReport>,
}

impl Report {
    /// Where the roles serve HTTP.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints {
        self.roles.iter().map(|one| (one.role.clone(), one.http)).collect()
    }
}

/// A role that does not report its state within this time is frozen, or has too much to do.
const STATUS: Duration = Duration::from_secs(2);

/// Asks all roles at once, and no other cluster's, what they report about themselves; `None` for one
/// that does not answer.
pub async fn report(endpoints: &Endpoints, cluster: Option<u64>) -> Vec<(String, Option<Status>)> {
    let asked = endpoints.iter().map(|(role, endpoint)| {
        let caller = Caller::new(*endpoint).within(STATUS);
        let mut caller = match cluster {
            Some(cluster) => caller.of_cluster(cluster),
            None => caller,
        };
        let answer = tokio::spawn(async move { caller.get("/status").await.ok() });
        (role.clone(), answer)
    });
    let mut all = Vec::new();
    for (role, answer) in asked.collect::<Vec<_>>() {
        let answered = answer.await.expect("asking does not panic");
        let status = answered.filter(|answer| answer.status == 200);
        all.push((role, status.and_then(|a| serde_json::from_value(a.body).ok())));
    }
    all
}

/// A cluster by its directory.
#[derive(Clone, Debug)]
pub struct Handle {
    system: &'static str,
    dir: PathBuf,
    is_default: bool,
}

impl Handle {
    /// `default` is the directory that need not be named.
    pub(super) fn new(system: &'static str, dir: PathBuf, default: &Path) -> Self {
        let is_default = dir == default;
        Self { system, dir, is_default }
    }

    /// The name of the system.
    #[must_use]
    pub(super) fn system(&self) -> &'static str {
        self.system
    }

    /// Where everything is kept.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What the next command needs to mean the same cluster: ` --dir DIR`, or nothing.
    #[must_use]
    pub fn flag(&self) -> String {
        let dir = || quoted(&self.dir.display().to_string());
        if self.is_default { String::new() } else { format!(" --dir {}", dir()) }
    }

    /// Where the front role serves users, or did so last.
    ///
    /// # Errors
    /// Nothing ever ran here.
    pub fn front(&self) -> Result<SocketAddr, Error> {
        self.manifest()?.front.ok_or_else(|| self.no_cluster())
    }

    /// Calls a server of this cluster, and no other one that took its port.
    ///
    /// # Errors
    /// Nothing ever ran here.
    pub fn caller(&self, server: SocketAddr) -> Result<Caller, Error> {
        Ok(Caller::new(server).of_cluster(self.manifest()?.cluster))
    }

    /// Which cluster it is.
    ///
    /// # Errors
    /// Nothing ever ran here.
    pub fn id(&self) -> Result<u64, Error> {
        Ok(self.manifest()?.cluster)
    }

    /// How all roles are.
    ///
    /// # Errors
    /// The parent does not answer: the cluster does not run.
    pub async fn report(&self) -> Result<Report, Error> {
        read(self.control()?.get("/status").await.map_err(|none| self.silent(none))?)
    }

    /// Kills one role.
    pub(super) async fn kill(&self, role: &str) -> Result<Killed, Error> {
        self.post("/kill", Order { role: role.to_owned(), crash_after_effect: None }).await
    }

    /// Starts one role again.
    pub(super) async fn restart(
        &self,
        role: &str,
        crash_after_effect: Option<u64>,
    ) -> Result<Restarted, Error> {
        self.post("/restart", Order { role: role.to_owned(), crash_after_effect }).await
    }

    /// What it means that a server of this cluster did not answer.
    #[must_use]
    pub fn no_answer(&self, none: NoAnswer) -> Error {
        Error::no_answer(self.system, none).with_flag(self.flag())
    }

    fn manifest(&self) -> Result<Manifest, Error> {
        Manifest::read(&self.dir)?.ok_or_else(|| self.no_cluster())
    }

    fn control(&self) -> Result<Caller, Error> {
        let manifest = self.manifest()?;
        let control = manifest.control.ok_or_else(|| self.no_cluster())?;
        Ok(Caller::new(control).of_cluster(manifest.cluster))
    }

    /// The parent did not answer. If it does not listen, it does not run.
    fn silent(&self, none: NoAnswer) -> Error {
        if none.refused {
            return self.no_cluster();
        }
        let whom = "the program that keeps this cluster".into();
        Error::silent(self.system, whom, none.why)
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, order: Order) -> Result<T, Error> {
        let answer = self.control()?.post(path, &json!(order)).await;
        read(answer.map_err(|none| self.silent(none))?)
    }

    fn no_cluster(&self) -> Error {
        Error::no_cluster(self.system, &self.dir)
    }
}

fn read<T: DeserializeOwned>(Answered { status, body }: Answered) -> Result<T, Error> {
    match (status, serde_json::from_value(body.clone())) {
        (200, Ok(read)) => Ok(read),
        (200, Err(_)) => {
            Err(Error::Refused("the cluster answers in words of another version".into()))
        }
        _ => {
            let other = "what answers at the address of this cluster is no cluster: end it first";
            Err(Error::Refused(body["error"].as_str().unwrap_or(other).to_owned()))
        }
    }
}
