//! A measurement that a chapter offers by name.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::Error;

/// What a measurement is given.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The program that plays the roles of the chapter's system.
    pub program: PathBuf,
    /// What comes before a role's arguments on its command line.
    pub prefix: Vec<OsString>,
    /// Where all data goes; a folder that exists, on the disk that is meant.
    pub dir: PathBuf,
    /// About how long it may take in all.
    pub seconds: u64,
}

/// What came of a measurement.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// For the terminal.
    pub text: String,
    /// For the book: what [`super::Table::kept`] gives, and perhaps more.
    pub kept: Value,
    /// Whether all is as it has to be.
    pub is_ok: bool,
}

type Run = dyn Fn(&Setup, &mut dyn Write) -> Result<Outcome, Error>;

/// A measurement.
pub struct Measure {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it answers, in a few words.
    pub about: &'static str,
    /// The feature without which a build cannot run it.
    pub feature: Option<&'static str>,
    run: Option<Box<Run>>,
}

impl Measure {
    /// One that nothing runs yet.
    #[must_use]
    pub fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about, feature: None, run: None }
    }

    /// It needs a feature; a build without it leaves [`Measure::run_by`] out.
    #[must_use]
    pub fn needs(self, feature: &'static str) -> Self {
        Self { feature: Some(feature), ..self }
    }

    /// What runs it.
    #[must_use]
    pub fn run_by(
        self,
        run: impl Fn(&Setup, &mut dyn Write) -> Result<Outcome, Error> + 'static,
    ) -> Self {
        Self { run: Some(Box::new(run)), ..self }
    }

    /// Measures, and prints what it does meanwhile.
    ///
    /// # Errors
    /// This build cannot, or something does not run.
    pub fn run(&self, setup: &Setup, out: &mut dyn Write) -> Result<Outcome, Error> {
        match &self.run {
            Some(run) => run(setup, out),
            None => Err(Error::Feature(self.feature.unwrap_or_default())),
        }
    }
}

/// What clients and connections run on.
///
/// # Errors
/// What the operating system says.
pub fn runtime() -> Result<Runtime, Error> {
    let runtime = Builder::new_multi_thread().enable_all().build();
    runtime.map_err(Error::io("start a runtime"))
}
