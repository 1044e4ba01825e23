//! What a chapter says about its system. Everything here is plain data or behind a trait object, so
//! that a program that holds all chapters can hold their systems as well.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};

use super::error::Error;
use super::handle::{Handle, RoleReport};
use super::layout::{Endpoints, Layout, Options};
use super::load::Workload;
use super::service::{BoxFuture, RoleConfig, Service, Status};
use crate::event::Log;
use crate::run::Tracer;

/// Sentences of a chapter's own among the lines that every system prints.
#[derive(Clone, Copy, Debug)]
pub struct Texts {
    /// What is true once all roles reach each other: "the shop is open". Followed by where.
    pub ready: &'static str,
    /// Commands to try first, as in `client buy umbrella`.
    pub try_first: &'static [&'static str],
    /// A command that shows what a kill left behind.
    pub after_a_kill: &'static str,
}

/// Several processes that are one system.
pub trait System: Sync {
    /// The short name: `ch02` is shown as `cargo ch02 …`, and keeps its data in `target/ch02`.
    fn name(&self) -> &'static str;

    /// What it is, in a sentence or two.
    fn about(&self) -> &'static str;

    /// Sentences of its own.
    fn texts(&self) -> Texts;

    /// Lines of its own once all roles are up, from what each reports: who leads, what to paste.
    fn greeting(&self, roles: &[RoleReport]) -> Vec<String> {
        let _ = roles;
        Vec::new()
    }

    /// Options of `cluster`, beside those that every system has. An option's id is its long name.
    fn options(&self) -> Vec<Arg> {
        Vec::new()
    }

    /// The name of every role that any layout has.
    fn role_names(&self) -> Vec<&'static str>;

    /// Is told what a role does for requests, from before it serves; none by default.
    fn tracer(&self, config: &RoleConfig) -> Option<Arc<dyn Tracer>> {
        let _ = config;
        None
    }

    /// The processes that these options ask for.
    ///
    /// # Errors
    /// The options do not go together.
    fn layout(&self, options: &Options) -> Result<Layout, Error>;

    /// Why a directory that was begun with `kept` cannot go on as `now` asks; both are
    /// [`Layout::kept`].
    fn cannot_go_on(&self, dir: &Path, kept: &Options, now: &Options) -> Option<String> {
        (kept != now).then(|| {
            let begun = kept.to_args().join(" ");
            let with = if begun.is_empty() { "without options" } else { &begun };
            format!("{} was started {with}: do the same, or choose another --dir", dir.display())
        })
    }

    /// Why a role of another layout is not there.
    fn absent(&self, role: &str) -> String {
        format!("there is no {role} here: `status` shows which roles there are")
    }

    /// Starts what runs in the process of a role.
    ///
    /// # Errors
    /// It cannot start.
    fn serve(&self, config: &RoleConfig) -> Result<Arc<dyn Service>, Error>;

    /// A role's status in lines, without what every role counts; `None` for one that is down.
    fn describe(&self, role: &str, status: Option<&Status>) -> Vec<String> {
        let _ = role;
        let Some(status) = status else { return vec!["down".into()] };
        status.own.iter().map(|(what, value)| format!("{what}: {value}")).collect()
    }

    /// What a kill takes from a role that reported this just before.
    fn lost(&self, role: &str, status: &Status) -> String {
        let _ = (role, status);
        "its memory".into()
    }

    /// Whether a role that reports this still works on what clients asked for: a program that
    /// counts fsyncs waits until it does not.
    fn is_busy(&self, role: &str, status: &Status) -> bool {
        let _ = (role, status);
        false
    }

    /// Commands of its own. Each is given `--dir`.
    fn commands(&self) -> Vec<Command> {
        Vec::new()
    }

    /// Carries out one of these; gives the exit code: 0 done, 1 not done, 3 not known yet.
    ///
    /// # Errors
    /// It could not be asked.
    fn act<'a>(
        &'a self,
        command: &'a str,
        args: &'a ArgMatches,
        cluster: &'a Handle,
    ) -> BoxFuture<'a, Result<u8, Error>> {
        let _ = (args, cluster);
        Box::pin(async move { Err(Error::Refused(format!("there is no command {command}"))) })
    }

    /// Options of `load`, beside those that every system has.
    fn load_options(&self) -> Vec<Arg> {
        Vec::new()
    }

    /// Loads another system than a cluster of this one, if these options ask for it: with so many
    /// customers, for so long. Says what it does, and gives the exit code, as [`System::act`] does.
    fn load_other<'a>(
        &'a self,
        args: &'a ArgMatches,
        customers: usize,
        time: Duration,
    ) -> Option<BoxFuture<'a, Result<u8, Error>>> {
        let _ = (args, customers, time);
        None
    }

    /// Runs a recorded run once more: same inputs, same nodes.
    ///
    /// # Errors
    /// The first event that could not be read, or that came out differently.
    fn replay(&self, log: &Log) -> Result<Log, String>;

    /// What `load` does to the server of the front role.
    fn workload(&self, front: SocketAddr) -> Box<dyn Workload>;

    /// The same where users come to another role than the front; `endpoints` is where all roles serve HTTP.
    fn workload_of(&self, front: SocketAddr, endpoints: &Endpoints) -> Box<dyn Workload> {
        let _ = endpoints;
        self.workload(front)
    }
}
