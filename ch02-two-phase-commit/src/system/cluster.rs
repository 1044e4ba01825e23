//! Edge: makes it survive the real world. The lesson is in `step4_isolation/`.
//!
//! The parent of the roles: starts them, tells them about each other, kills and restarts them.
//! What it has to remember for other terminals and later runs is in `cluster.json`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::ValueEnum as _;
use lab::run::children::Child;
use serde::{Deserialize, Serialize};

use super::call::Caller;
use super::design::Design;
use super::memory::Memory;
use super::operator::RoleStatus;
use super::recording;
use super::role::{Book, Role};
use super::trouble::Trouble;

/// How long a role has to start, to be reached by the others, or to end.
const DEADLINE: Duration = Duration::from_secs(30);

const LOOK: Duration = Duration::from_millis(20);

/// How to run a cluster.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything is kept, a folder for each role.
    pub dir: PathBuf,
    /// The program that plays the roles, mostly this one.
    pub program: PathBuf,
    /// What comes before a role's arguments on its command line: mostly `role`.
    pub prefix: Vec<OsString>,
    /// What they run.
    pub design: Design,
    /// Make kill -9 as bad as a power cut.
    pub power_cut: bool,
    /// The shop's port; 0 takes the one of last time, or a free one.
    pub port: u16,
    /// Record the run into this directory.
    pub events: Option<PathBuf>,
    /// Who keeps its accounts in PostgreSQL, and in which database.
    pub databases: BTreeMap<Role, String>,
}

impl Config {
    /// A cluster whose roles are played by this very program, as `role …`.
    ///
    /// # Errors
    /// The operating system does not say which program this is.
    pub fn new(dir: PathBuf) -> Result<Self, Trouble> {
        let program = std::env::current_exe().map_err(Trouble::io("find this program"))?;
        let prefix = vec!["role".into()];
        let (design, databases) = (Design::default(), BTreeMap::new());
        let (power_cut, port, events) = (false, 0, None);
        Ok(Self { dir, program, prefix, design, power_cut, port, events, databases })
    }
}

struct Member {
    child: Child,
    edge: SocketAddr,
    /// When it was last known to be alive.
    alive: bool,
}

/// What a kill did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Killed {
    /// Whom.
    pub role: Role,
    /// Its process.
    pub pid: u32,
    /// Whether it lost what was written and not forced, too.
    pub power_cut: bool,
}

/// What a restart did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Restarted {
    /// Whom.
    pub role: Role,
    /// Its new process.
    pub pid: u32,
    /// Where it serves HTTP.
    pub http: SocketAddr,
    /// It will abort right after this effect.
    pub crash_after_effect: Option<u64>,
}

/// Running roles. Dropping it kills them.
pub struct Cluster {
    config: Config,
    memory: Memory,
    epoch: Duration,
    members: BTreeMap<Role, Member>,
    _lock: File,
}

impl Cluster {
    /// Starts all roles and waits until they reach each other.
    ///
    /// # Errors
    /// The directory is taken, or a role does not start.
    #[expect(clippy::disallowed_methods, reason = "the name of a new cluster, time 0 of a record")]
    pub fn start(mut config: Config) -> Result<Self, Trouble> {
        fs::create_dir_all(&config.dir).map_err(Trouble::io("make the data directory"))?;
        // Children may run elsewhere one day; a relative path would follow them.
        config.dir = config.dir.canonicalize().map_err(Trouble::io("find the data directory"))?;
        let lock = File::create(config.dir.join("lock")).map_err(Trouble::io("take the lock"))?;
        lock.try_lock().map_err(|_| Trouble::Locked(config.dir.clone()))?;
        if let Some(dir) = &mut config.events {
            *dir = recording::empty(dir)?;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let memory = match Memory::read(&config.dir) {
            Ok(memory) => memory,
            Err(Trouble::NoCluster(_)) => {
                let cluster = now.as_nanos() as u64 ^ u64::from(std::process::id()).rotate_left(48);
                let databases = config.databases.keys().copied().collect();
                Memory { cluster, design: config.design, databases, ..Memory::default() }
            }
            Err(trouble) => return Err(trouble),
        };
        memory.fits(&config)?;
        memory.write(&config.dir)?;
        let mut cluster =
            Self { config, memory, epoch: now, members: BTreeMap::new(), _lock: lock };
        for &role in cluster.roles() {
            let member = cluster.launch(role, None)?;
            cluster.members.insert(role, member);
        }
        cluster.introduce()?;
        Ok(cluster)
    }

    fn launch(&mut self, role: Role, crash: Option<u64>) -> Result<Member, Trouble> {
        let Config { dir, program, prefix, design, power_cut, port, events, databases } =
            &self.config;
        let mut command = Command::new(program);
        command.args(prefix).arg(role.name()).arg("--dir").arg(dir.join(role.name()));
        command.args(["--cluster", &self.memory.cluster.to_string()]);
        let design = design.to_possible_value().expect("none is skipped");
        command.args(["--design", design.get_name()]);
        if role == Role::Coord {
            let last = self.memory.shop.map_or(0, |shop| shop.port());
            let port = if *port == 0 { last } else { *port };
            command.args(["--http", &SocketAddr::from(([127, 0, 0, 1], port)).to_string()]);
        }
        let database = databases.get(&role);
        if let Some(url) = database {
            command.args(["--postgres", url]);
        }
        // A database answers for its own disk.
        if *power_cut && database.is_none() {
            command.arg("--power-cut");
        }
        if let Some(effect) = crash {
            command.args(["--crash-after-effect", &effect.to_string()]);
        }
        if let Some(events) = events {
            command.arg("--events").arg(events);
            command.args(["--epoch", &self.epoch.as_micros().to_string()]);
        }
        let mut child = Child::start(role.name(), command, DEADLINE)?;
        let http = child.line(DEADLINE);
        let edge = http.as_deref().and_then(|line| line.strip_prefix("http ")?.parse().ok());
        let Some(edge) = edge else {
            let why = http.map_or_else(|| "silence".into(), |line| format!("it said {line:?}"));
            return Err(Trouble::NoAnswer { whom: role.name().into(), why });
        };
        if role == Role::Coord {
            self.memory.shop = Some(edge);
            self.memory.write(&self.config.dir)?;
        }
        Ok(Member { child, edge, alive: true })
    }

    /// Tells all who is where. If all are up, waits until each can reach those it speaks to.
    fn introduce(&mut self) -> Result<(), Trouble> {
        let nodes = self.members.iter().map(|(role, m)| (role.id(), m.child.addr())).collect();
        let book = Book { nodes, edges: self.edges() };
        let line = serde_json::to_string(&book).expect("plain data always serialises");
        let mut all_up = true;
        for member in self.members.values_mut() {
            while member.child.line(Duration::ZERO).is_some() {}
            // Whoever is down is told when it is back.
            let up = member.child.status().is_none() && member.child.tell(&line).is_ok();
            all_up &= up;
        }
        if all_up && self.members.len() == self.roles().len() {
            self.wait_for_links();
        }
        Ok(())
    }

    /// Until each reaches those it speaks to, or somebody dies: then nobody has to.
    fn wait_for_links(&mut self) {
        let mut missing = self.roles().to_vec();
        for _ in 0..DEADLINE.as_millis() / LOOK.as_millis() {
            missing.retain(|role| self.member(*role).child.line(LOOK).is_none());
            let died = self.roles().iter().any(|role| !self.is_up(*role));
            if missing.is_empty() || died {
                return;
            }
        }
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Errors
    /// The operating system does not let us.
    pub fn kill(&mut self, role: Role) -> Result<Killed, Trouble> {
        let power_cut = self.config.power_cut && !self.config.databases.contains_key(&role);
        if !self.members.contains_key(&role) {
            return Err(Trouble::NotHere(role));
        }
        let member = self.member(role);
        let pid = member.child.pid();
        member.child.kill()?;
        member.alive = false;
        Ok(Killed { role, pid, power_cut })
    }

    /// Starts a role again, after a kill or any other end; one that is up is killed first.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&mut self, role: Role, crash: Option<u64>) -> Result<Restarted, Trouble> {
        self.kill(role)?;
        let member = self.launch(role, crash)?;
        let (pid, http) = (member.child.pid(), member.edge);
        self.members.insert(role, member);
        self.introduce()?;
        Ok(Restarted { role, pid, http, crash_after_effect: crash })
    }

    /// Who has died by itself since the last look, and how.
    pub fn died(&mut self) -> Vec<(Role, ExitStatus)> {
        let mut died = Vec::new();
        for (role, member) in &mut self.members {
            if let Some(status) = member.child.status().filter(|_| member.alive) {
                member.alive = false;
                died.push((*role, status));
            }
        }
        died
    }

    /// Whether a role's process runs.
    pub fn is_up(&mut self, role: Role) -> bool {
        self.member(role).child.status().is_none()
    }

    /// A role's process.
    pub fn pid(&mut self, role: Role) -> u32 {
        self.member(role).child.pid()
    }

    /// The roles of this cluster, in order.
    #[must_use]
    pub fn roles(&self) -> &'static [Role] {
        self.config.design.roles()
    }

    /// Where the roles serve HTTP.
    #[must_use]
    pub fn edges(&self) -> BTreeMap<Role, SocketAddr> {
        self.members.iter().map(|(role, member)| (*role, member.edge)).collect()
    }

    /// Where the shop is.
    #[must_use]
    pub fn shop(&self) -> SocketAddr {
        self.members[&Role::Coord].edge
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

    pub(super) fn remember_control(&mut self, control: SocketAddr) -> Result<(), Trouble> {
        self.memory.control = Some(control);
        self.memory.write(&self.config.dir)
    }

    /// Ends all roles in order, and puts what they recorded into one file.
    ///
    /// # Errors
    /// One does not end by itself.
    pub fn stop(mut self) -> Result<(), Trouble> {
        self.memory.control = None;
        self.memory.write(&self.config.dir)?;
        for member in std::mem::take(&mut self.members).into_values() {
            // Who is dead already has nothing to end.
            member.child.stop()?;
        }
        self.config.events.as_deref().map_or(Ok(()), recording::merge)
    }

    fn member(&mut self, role: Role) -> &mut Member {
        self.members.get_mut(&role).expect("all roles were started")
    }
}

/// What each role says about itself; `None` for who does not answer.
pub async fn report(edges: &BTreeMap<Role, SocketAddr>) -> BTreeMap<Role, Option<RoleStatus>> {
    let mut all = BTreeMap::new();
    for (role, edge) in edges {
        let answered = Caller::new(*edge).get("/status").await.ok();
        let status = answered.and_then(|a| serde_json::from_value(a.body).ok());
        all.insert(*role, status);
    }
    all
}
