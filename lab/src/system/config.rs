//! What a cluster is given.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::Error;
use super::interface::System;
use super::layout::Options;
use super::links::Links;

/// How to run a cluster.
#[derive(Clone)]
pub struct Config {
    /// What it is a cluster of.
    pub system: &'static dyn System,
    /// Where everything is kept, a folder for each role.
    pub dir: PathBuf,
    /// The program that plays the roles, mostly this one.
    pub program: PathBuf,
    /// What comes before a role's arguments on its command line: mostly `role`.
    pub prefix: Vec<OsString>,
    /// What the system is asked for.
    pub options: Options,
    /// Make kill -9 as bad as a power cut.
    pub power_cut: bool,
    /// The port of the front role; 0 takes the one of last time, or a free one.
    pub port: u16,
    /// Record the run into this directory.
    pub events: Option<PathBuf>,
    /// Let the roles reach each other through links that can be cut.
    pub links: Option<Arc<Links>>,
}

impl Config {
    /// A cluster whose roles are played by this very program, as `role …`.
    ///
    /// # Errors
    /// The operating system does not say which program this is.
    pub fn new(system: &'static dyn System, dir: PathBuf) -> Result<Self, Error> {
        let program = std::env::current_exe().map_err(Error::io("find this program"))?;
        let (prefix, options) = (vec!["role".into()], Options::default());
        let (power_cut, port, events, links) = (false, 0, None, None);
        Ok(Self { system, dir, program, prefix, options, power_cut, port, events, links })
    }
}
