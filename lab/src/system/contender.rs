//! A cluster as one of several who do the same job, and a cluster measured by itself.
//!
//! # Left out
//!
//! Asking again: no role is killed here, so every request is answered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;

use super::cluster::Cluster;
use super::config::Config;
use super::error::Error;
use super::handle::report;
use super::interface::System;
use super::layout::{Endpoints, Options};
use super::load::{Asking, Workload};
use super::service::Status;
use crate::measure::{
    self, Contender, Measure, Measured, Plan, Setup, Terms, Until, Waits, closed_loop, compare,
    runtime,
};

/// The folder of a cluster in the folder of its measurement.
const DATA: &str = "data";
const LOOK: Duration = Duration::from_millis(10);
/// Systems with heartbeats are never quiet.
const LOOKS: usize = 100;

/// A folder of its own for the data of one measurement. Dropping it takes the folder away.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// `name` is used once at a time in a process.
    pub(super) fn new(parent: &Path, name: &str) -> Result<Self, measure::Error> {
        let dir = parent.join(format!("{name}-{}", std::process::id()));
        // A process of the same number may have been killed here.
        let _ = std::fs::remove_dir_all(&dir);
        let made = std::fs::create_dir_all(&dir);
        made.map_err(measure::Error::io(format!("make {}", dir.display())))?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of it does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running cluster that is measured, in a folder of its own.
pub struct MeasuredCluster {
    name: &'static str,
    system: &'static dyn System,
    cluster: Cluster,
    runtime: Handle,
    dir: Scratch,
}

impl MeasuredCluster {
    /// Starts the cluster. One of each name at a time in a process.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(
        name: &'static str,
        (system, options): (&'static dyn System, Options),
        setup: &Setup,
        runtime: Handle,
    ) -> Result<Self, measure::Error> {
        let dir = Scratch::new(&setup.dir, name)?;
        let cluster = start(system, options, setup, &dir);
        let cluster = cluster.map_err(|e| measure::Error::contender(name, e))?;
        Ok(Self { name, system, cluster, runtime, dir })
    }

    /// What each role reports; `None` for one that is down.
    #[must_use]
    pub fn report(&self) -> Vec<(String, Option<Status>)> {
        self.runtime.block_on(report(&self.cluster.endpoints(), None))
    }

    /// Where a role serves HTTP.
    #[must_use]
    pub fn endpoint(&self, role: &str) -> Option<std::net::SocketAddr> {
        self.cluster.endpoints().into_iter().find(|(name, _)| name == role).map(|(_, http)| http)
    }

    /// The processes of all roles.
    pub fn processes(&mut self) -> Vec<u32> {
        self.cluster.endpoints().iter().map(|(role, _)| self.cluster.pid(role)).collect()
    }

    /// The process of a role.
    ///
    /// # Panics
    /// If there is no such role.
    pub fn process(&mut self, role: &str) -> u32 {
        self.cluster.pid(role)
    }

    /// Where the data of all roles is.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir.0.join(DATA)
    }

    /// Waits until no role is busy, and nothing is sent or synced any more.
    ///
    /// # Errors
    /// A role is down.
    pub fn settle(&mut self) -> Result<(), measure::Error> {
        let endpoints = self.cluster.endpoints();
        self.runtime.block_on(settle(self.system, &endpoints)).map_err(|e| self.error(e))
    }

    /// Fsyncs of all roles so far.
    #[must_use]
    pub fn fsyncs(&self) -> u64 {
        self.report().into_iter().filter_map(|(_, status)| status).map(|status| status.syncs).sum()
    }

    /// kill -9.
    ///
    /// # Errors
    /// It was down.
    pub fn kill(&mut self, role: &str) -> Result<(), measure::Error> {
        self.cluster.kill(role).map(|_| ()).map_err(|e| self.error(e))
    }

    /// Starts a role again, and waits until it serves.
    ///
    /// # Errors
    /// It does not start.
    pub fn restart(&mut self, role: &str) -> Result<(), measure::Error> {
        self.cluster.restart(role, None).map(|_| ()).map_err(|e| self.error(e))
    }

    fn error(&self, error: impl ToString) -> measure::Error {
        measure::Error::contender(self.name, error)
    }
}

/// A running cluster of a system, loaded as its [`Workload`] says.
pub struct ClusterContender {
    measured: MeasuredCluster,
    /// One for all turns: it may count, or know customers who come back.
    workload: Box<dyn Workload>,
    customers: u64,
}

impl ClusterContender {
    /// Starts the cluster in a folder of its own.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(
        name: &'static str,
        system: &'static dyn System,
        setup: &Setup,
        runtime: Handle,
    ) -> Result<Self, measure::Error> {
        Self::start_with(name, (system, Options::default()), setup, runtime)
    }

    /// The same with options.
    ///
    /// # Errors
    /// It does not start.
    pub fn start_with(
        name: &'static str,
        (system, options): (&'static dyn System, Options),
        setup: &Setup,
        runtime: Handle,
    ) -> Result<Self, measure::Error> {
        let measured = MeasuredCluster::start(name, (system, options), setup, runtime)?;
        let cluster = &measured.cluster;
        let workload = system.workload_of(cluster.front(), &cluster.endpoints());
        Ok(Self { measured, workload, customers: 0 })
    }
}

/// Starts a cluster whose roles are played as a measurement is told.
pub(super) fn start(
    system: &'static dyn System,
    options: Options,
    setup: &Setup,
    dir: &Scratch,
) -> Result<Cluster, Error> {
    let config = Config::new(system, dir.0.join(DATA))?;
    let (program, prefix) = (setup.program.clone(), setup.prefix.clone());
    Cluster::start(Config { program, prefix, options, ..config })
}

/// Waits until no role is busy, and nothing is sent or synced any more.
pub(super) async fn settle(system: &dyn System, endpoints: &Endpoints) -> Result<(), Error> {
    let (mut last, mut quiet) = (None, 0);
    loop {
        let (mut busy, mut counts) = (false, Vec::new());
        for (role, status) in report(endpoints, None).await {
            let Some(status) = status else {
                return Err(Error::silent(system.name(), role, "it is down".into()));
            };
            busy |= system.is_busy(&role, &status);
            counts.push((status.syncs, status.messages));
        }
        quiet += usize::from(!busy);
        if !busy && (last.as_ref() == Some(&counts) || quiet > LOOKS) {
            return Ok(());
        }
        last = Some(counts);
        tokio::time::sleep(LOOK).await;
    }
}

impl Contender for ClusterContender {
    fn name(&self) -> &'static str {
        self.measured.name
    }

    fn version(&self) -> String {
        format!("fun-topics {}", env!("CARGO_PKG_VERSION"))
    }

    fn waits(&self) -> Waits {
        self.workload.words().waits
    }

    fn processes(&mut self) -> Vec<u32> {
        self.measured.processes()
    }

    fn load(&mut self, clients: usize, time: Duration) -> Result<Measured, measure::Error> {
        let customers = (0..clients).map(|_| {
            self.customers += 1;
            Asking(self.workload.customer(format!("customer-{}", self.customers), self.customers))
        });
        let customers = customers.collect();
        Ok(self.measured.runtime.block_on(closed_loop(customers, Until::Time(time))))
    }

    fn settle(&mut self) -> Result<(), measure::Error> {
        self.measured.settle()
    }

    fn fsyncs(&mut self) -> Result<Option<u64>, measure::Error> {
        Ok(Some(self.measured.fsyncs()))
    }

    fn audit(&mut self) -> Result<Value, measure::Error> {
        self.measured.runtime.block_on(self.workload.audit()).map_err(|e| self.measured.error(e))
    }

    fn verdict(&self, before: &Value, after: &Value) -> (bool, String) {
        self.workload.verdict(before, after)
    }
}

/// A system by itself, under more and more clients.
#[must_use]
pub fn measure_alone(system: &'static dyn System) -> Measure {
    let alone = Measure::new("load", "its system under 1, 8 and 64 clients");
    alone.run_by(move |setup, out| {
        let runtime = runtime()?;
        let on = runtime.handle().clone();
        let alone = ClusterContender::start(system.name(), system, setup, on)?;
        let unit = alone.workload.words().unit;
        let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(alone)];
        let plan = Plan::within(&setup.dir, setup.seconds, contenders.len());
        let compared = compare(&plan, &mut contenders, out)?;
        Ok(compared.outcome(Terms { unit, reference: None }))
    })
}
