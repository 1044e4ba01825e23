//! The options of `guide check-history`, and which of them go together.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lab::check::linear::MOST_STATES;
use lab::system::quoted;
use serde_json::Value;

use crate::error::{Error, Result};

/// What a history is held against.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Model {
    /// read, write, cas of one value for each key: linearizable?
    Register,
    /// get, put, delete by key: linearizable?
    Kv,
    /// txn of appends and reads of lists: serializable?
    Append,
    /// read of all balances: does money come or go?
    Bank,
    /// sign-in, look, add, sign-out: read your writes, monotonic reads, revocation is final?
    Session,
}

/// What is asked for.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The history: JSON lines, a JSON array, or EDN; - is standard input; at most 64 MiB, 1,000,000 lines
    pub file: PathBuf,
    /// What it is held against
    #[arg(long, value_enum)]
    pub model: Model,
    /// Append: transactions also keep to the order of time (strict serializability)
    #[arg(long)]
    strict: bool,
    /// Bank: what all balances add up to; default: what the first read adds up to
    #[arg(long, allow_negative_numbers = true)]
    total: Option<i128>,
    /// Bank: a balance may be below zero
    #[arg(long)]
    negative_balances: bool,
    /// Session: for so many ms after a sign-out, a cart may still be shown [default: 0]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(0..=1_000_000_000))]
    within: Option<u64>,
    /// Register and kv: what a key reads as before it is written, as JSON; default: null
    #[arg(long, allow_hyphen_values = true, value_name = "JSON")]
    initial: Option<String>,
    /// Register and kv: end, undecided, after this many states, for all keys [default: 10000000]
    #[arg(long)]
    states: Option<std::num::NonZeroUsize>,
    /// Register and kv: end, undecided, after so long, for all keys [default: 60]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    seconds: Option<u64>,
    /// So many lines of a violation are printed
    #[arg(long, default_value_t = 60)]
    pub lines: usize,
}

/// How to judge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Against what.
    pub model: Model,
    /// Whether transactions must also keep to the order of time.
    pub strict: bool,
    /// What all balances add up to; else the first read says it.
    pub total: Option<i128>,
    /// Whether balances may be below zero.
    pub negative_balances: bool,
    /// For how long after a sign-out a cart may be shown, in ms.
    pub within: u64,
    /// What a key reads as before it is written.
    pub initial: Value,
    /// When to end.
    pub states: usize,
    /// When to end.
    pub seconds: u64,
}

impl From<Model> for Rules {
    fn from(model: Model) -> Self {
        Self {
            model,
            strict: false,
            total: None,
            negative_balances: false,
            within: 0,
            initial: Value::Null,
            states: MOST_STATES,
            seconds: 60,
        }
    }
}

impl Model {
    /// Whether each key is judged by itself.
    pub(super) fn has_keys(self) -> bool {
        matches!(self, Self::Register | Self::Kv)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Kv => "kv",
            Self::Append => "append",
            Self::Bank => "bank",
            Self::Session => "session",
        }
    }
}

impl Options {
    /// How to judge.
    ///
    /// # Errors
    /// An option that means nothing for the model.
    pub fn rules(&self) -> Result<Rules> {
        let keys = "register and kv";
        let has_keys = self.model.has_keys();
        for (name, is_given, fits, models) in [
            ("strict", self.strict, self.model == Model::Append, "append"),
            ("total", self.total.is_some(), self.model == Model::Bank, "bank"),
            ("negative-balances", self.negative_balances, self.model == Model::Bank, "bank"),
            ("within", self.within.is_some(), self.model == Model::Session, "session"),
            ("initial", self.initial.is_some(), has_keys, keys),
            ("states", self.states.is_some(), has_keys, keys),
            ("seconds", self.seconds.is_some(), has_keys, keys),
        ] {
            if is_given && !fits {
                let what = format!("--{name} means nothing for --model {}", self.model.name());
                return Err(Error::new(what, format!("leave it out; it is for {models}")));
            }
        }
        let initial = self.initial.as_deref().unwrap_or("null");
        let initial = lab::check::value(initial).map_err(|why| {
            Error::new(format!("--initial {initial}: {why}"), r#"write JSON, such as 0 or '"a"'"#)
        })?;
        let plain = Rules::from(self.model);
        Ok(Rules {
            strict: self.strict,
            total: self.total,
            negative_balances: self.negative_balances,
            within: self.within.unwrap_or(plain.within),
            initial,
            states: self.states.map_or(plain.states, Into::into),
            seconds: self.seconds.unwrap_or(plain.seconds),
            ..plain
        })
    }

    /// The command that judges the same file with more.
    pub(super) fn again(&self, more: &str) -> String {
        let file = quoted(&self.file.display().to_string());
        let mut line = format!("cargo guide check-history {file} --model {}", self.model.name());
        if let Some(initial) = &self.initial {
            line += &format!(" --initial {}", quoted(initial));
        }
        format!("{line} {more}")
    }
}
