//! The parent of the roles: starts them, tells them about each other, kills and restarts them.
//! What other terminals and later runs need to know is in the manifest.

mod stop;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::config::Config;
use super::error::Error;
use super::handle::{Killed, Restarted};
use super::layout::{Addresses, Endpoints, Layout, Role};
use super::lock::DirectoryLock;
use super::manifest::Manifest;
use super::recording;
use crate::run::children::{Child, ChildError, is_abort};
use crate::run::disk::make_durable_directory;

/// How long a role has to start, or to be reached by the others at first.
const DEADLINE: Duration = Duration::from_secs(30);
/// The same for a role that came back: one of the others may be frozen.
const BACK: Duration = Duration::from_secs(5);

const LOOK: Duration = Duration::from_millis(20);

struct Member {
    child: Child,
    http: SocketAddr,
    /// Whether it runs, or has ended unnoticed.
    is_up: bool,
}

/// Running roles. Dropping it kills them.
pub struct Cluster {
    config: Config,
    layout: Layout,
    manifest: Manifest,
    epoch: Duration,
    members: BTreeMap<String, Member>,
    _lock: DirectoryLock,
}

impl Cluster {
    /// Starts all roles and waits until they reach each other.
    ///
    /// # Errors
    /// The directory is taken, or a role does not start.
    #[expect(clippy::disallowed_methods, reason = "the name of a new cluster, time 0 of a record")]
    pub fn start(mut config: Config) -> Result<Self, Error> {
        let layout = config.system.layout(&config.options)?;
        make_durable_directory(&config.dir).map_err(Error::io("make the data directory"))?;
        // Children may run elsewhere one day; a relative path would follow them.
        config.dir = config.dir.canonicalize().map_err(Error::io("find the data directory"))?;
        let lock = DirectoryLock::take(&config.dir)?;
        // Before anything is started or written down; the role that takes it looks again.
        TcpListener::bind(("127.0.0.1", config.port))
            .map_err(|source| Error::PortTaken { port: config.port, source })?;
        if config.events.is_some() && layout.roles.iter().any(|role| !role.has_log) {
            let why = "a run in which a role has no log cannot be replayed: leave --events out";
            return Err(Error::Refused(why.into()));
        }
        if let Some(dir) = &mut config.events {
            *dir = recording::empty(dir)?;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let manifest = Manifest::read(&config.dir)?.unwrap_or_else(|| {
            let cluster = now.as_nanos() as u64 ^ u64::from(std::process::id()).rotate_left(48);
            Manifest { cluster, options: layout.kept.clone(), ..Manifest::default() }
        });
        let (begun, now_kept) = (&manifest.options, &layout.kept);
        if let Some(why) = config.system.cannot_go_on(&config.dir, begun, now_kept) {
            return Err(Error::Refused(why));
        }
        manifest.write(&config.dir)?;
        let members = BTreeMap::new();
        let mut cluster = Self { config, layout, manifest, epoch: now, members, _lock: lock };
        for role in cluster.layout.roles.clone() {
            let member = cluster.launch(&role, None)?;
            cluster.members.insert(role.name, member);
        }
        cluster.introduce(DEADLINE)?;
        Ok(cluster)
    }

    fn launch(&mut self, role: &Role, crash: Option<u64>) -> Result<Member, Error> {
        self.manifest.count_start(&self.config.dir, role)?;
        let mut child = Child::start(&role.name, self.command(role, crash), DEADLINE)?;
        let line = child.line(DEADLINE);
        // Its output ends a moment before it does.
        if line.is_none()
            && child.ends_within(BACK)
            && let Some(status) = child.status()
        {
            return Err(ChildError::Ended { name: role.name.clone(), status }.into());
        }
        let http = line.as_deref().and_then(|line| line.strip_prefix("http ")?.parse().ok());
        let Some(http) = http else {
            let why = line.map_or_else(|| "silence".into(), |line| format!("it said {line:?}"));
            let system = self.config.system.name();
            return Err(Error::silent(system, role.name.clone(), why));
        };
        if role.name == self.layout.front {
            self.manifest.front = Some(http);
            self.manifest.write(&self.config.dir)?;
        }
        Ok(Member { child, http, is_up: true })
    }

    fn command(&self, role: &Role, crash: Option<u64>) -> Command {
        let Config { dir, program, prefix, options, port, events, .. } = &self.config;
        let mut command = Command::new(program);
        command.args(prefix).arg(&role.name).arg("--dir").arg(dir.join(&role.name));
        command.args(["--cluster", &self.manifest.cluster.to_string()]);
        if let Some(starts) = self.manifest.starts.get(&role.name) {
            command.args(["--least-start", &starts.to_string()]);
        }
        command.args(options.to_args());
        if role.name == self.layout.front {
            let last = self.manifest.front.map_or(0, |front| front.port());
            let port = if *port == 0 { last } else { *port };
            command.args(["--http", &SocketAddr::from(([127, 0, 0, 1], port)).to_string()]);
            if self.config.port != 0 {
                command.arg("--exact-port");
            }
        }
        if self.loses_unsynced(role) {
            command.arg("--power-cut");
        }
        if let Some(effect) = crash {
            command.args(["--crash-after-effect", &effect.to_string()]);
        }
        if let Some(events) = events {
            command.arg("--events").arg(events);
            command.args(["--epoch", &self.epoch.as_micros().to_string()]);
        }
        command
    }

    /// Whether a kill is a power cut for this role. What keeps its state elsewhere answers for its
    /// own disk.
    fn loses_unsynced(&self, role: &Role) -> bool {
        self.config.power_cut && role.has_log
    }

    /// Tells all roles the addresses of all. If all are up, waits until each can reach those it
    /// sends to.
    fn introduce(&mut self, deadline: Duration) -> Result<(), Error> {
        let mut all_up = true;
        for role in self.layout.roles.clone() {
            let Some(addresses) = self.addresses_for(&role)? else { continue };
            let line = serde_json::to_string(&addresses).expect("plain data always serialises");
            let member = self.member(&role.name);
            while member.child.line(Duration::ZERO).is_some() {}
            // A role that is down is told when it is back.
            let up = member.child.status().is_none() && member.child.tell(&line).is_ok();
            all_up &= up;
        }
        if all_up && self.members.len() == self.layout.roles.len() {
            self.wait_for_links(deadline);
        }
        Ok(())
    }

    /// Where this role reaches the others; `None` if it was not started yet.
    fn addresses_for(&self, role: &Role) -> Result<Option<Addresses>, Error> {
        if !self.members.contains_key(&role.name) {
            return Ok(None);
        }
        let mut nodes = BTreeMap::new();
        for other in self.layout.sent_to() {
            let Some(member) = self.members.get(&other.name) else { continue };
            let addr = member.child.addr();
            let reached = match &self.config.links {
                Some(links) if role.peers.contains(&other.id) => {
                    links.through(role.id, other.id, addr)?
                }
                _ => addr,
            };
            nodes.insert(other.id, reached);
        }
        Ok(Some(Addresses { nodes, endpoints: self.endpoints() }))
    }

    /// Until each reaches those it sends to, or one of them ends: then none has to.
    fn wait_for_links(&mut self, deadline: Duration) {
        let mut missing: Vec<String> = self.members.keys().cloned().collect();
        for _ in 0..deadline.as_millis() / LOOK.as_millis() {
            missing.retain(|role| {
                self.members.get_mut(role).is_some_and(|member| member.child.line(LOOK).is_none())
            });
            let ended = self.members.values_mut().any(|member| member.child.status().is_some());
            if missing.is_empty() || ended {
                return;
            }
        }
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Errors
    /// There is no such role, or the operating system does not let us.
    pub fn kill(&mut self, role: impl AsRef<str>) -> Result<Killed, Error> {
        let role = self.role(role.as_ref())?;
        let power_cut = self.loses_unsynced(&role);
        let member = self.member(&role.name);
        let pid = member.child.pid();
        member.child.kill()?;
        member.is_up = false;
        Ok(Killed { role: role.name, pid, power_cut })
    }

    /// Starts a role again, after a kill or any other end; one that is up is killed first. With
    /// `crash` it aborts right after that effect, which may be before it serves.
    ///
    /// # Errors
    /// There is no such role, or it does not start.
    pub fn restart(
        &mut self,
        role: impl AsRef<str>,
        crash: Option<u64>,
    ) -> Result<Restarted, Error> {
        let role = self.role(role.as_ref())?;
        let Killed { pid, .. } = self.kill(&role.name)?;
        let http = self.member(&role.name).http;
        let before = Restarted {
            role: role.name.clone(),
            pid,
            http,
            crash_after_effect: crash,
            crashed: true,
        };
        let member = match self.launch(&role, crash) {
            Err(Error::Child(ChildError::Ended { status, .. }))
                if crash.is_some() && is_abort(status) =>
            {
                return Ok(before);
            }
            member => member?,
        };
        let (pid, http) = (member.child.pid(), member.http);
        self.members.insert(role.name, member);
        self.introduce(BACK)?;
        Ok(Restarted { pid, http, crashed: false, ..before })
    }

    /// Which roles have ended by themselves since the last call, and how.
    pub fn died(&mut self) -> Vec<(String, ExitStatus)> {
        let mut died = Vec::new();
        for (role, member) in &mut self.members {
            if let Some(status) = member.child.status().filter(|_| member.is_up) {
                member.is_up = false;
                died.push((role.clone(), status));
            }
        }
        died
    }

    /// Whether a role's process runs.
    pub fn is_up(&mut self, role: impl AsRef<str>) -> bool {
        self.member(role.as_ref()).child.status().is_none()
    }

    /// A role's process.
    pub fn pid(&mut self, role: impl AsRef<str>) -> u32 {
        self.member(role.as_ref()).child.pid()
    }

    /// All roles, and which sends to which.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Where the roles serve HTTP, in the order of their columns.
    #[must_use]
    pub fn endpoints(&self) -> Endpoints {
        let started = |role: &Role| Some((role.name.clone(), self.members.get(&role.name)?.http));
        self.layout.roles.iter().filter_map(started).collect()
    }

    /// Where a role serves HTTP.
    ///
    /// # Panics
    /// There is no such role.
    #[must_use]
    pub fn endpoint(&self, role: impl AsRef<str>) -> SocketAddr {
        self.members[role.as_ref()].http
    }

    /// Where the other roles reach a role.
    ///
    /// # Panics
    /// There is no such role.
    #[must_use]
    pub fn peer_port(&self, role: impl AsRef<str>) -> SocketAddr {
        self.members[role.as_ref()].child.addr()
    }

    /// Where users are served.
    #[must_use]
    pub fn front(&self) -> SocketAddr {
        self.endpoint(&self.layout.front)
    }

    /// Where everything is kept.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.config.dir
    }

    /// Whether kill -9 is as bad as a power cut here.
    #[must_use]
    pub fn power_cut(&self) -> bool {
        self.config.power_cut
    }

    pub(super) fn set_control(&mut self, control: SocketAddr) -> Result<(), Error> {
        self.manifest.control = Some(control);
        self.manifest.write(&self.config.dir)
    }

    /// Which cluster it is: every log, frame and request of it carries this.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.manifest.cluster
    }

    fn role(&self, name: &str) -> Result<Role, Error> {
        let absent = || Error::Refused(self.config.system.absent(name));
        self.layout.role(name).cloned().ok_or_else(absent)
    }

    fn member(&mut self, role: &str) -> &mut Member {
        self.members.get_mut(role).expect("all roles were started")
    }
}
