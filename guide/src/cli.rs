//! The command line: one command, `cargo guide`.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{self, check_history};
use crate::error::Result;
use crate::output::Output;
use crate::workspace::Workspace;

/// The guide through Fun Topics in Distributed Systems. Without a command: build and serve the book.
#[derive(Parser, Debug)]
#[command(name = "guide", bin_name = "cargo guide", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Build the book and serve it on this machine, exhibits included
    Serve(Serve),
    /// The chapters and their steps
    List,
    /// One simulated run of a step
    Run(Run),
    /// Search seeds for a run that breaks a step, and shrink it
    Find(Find),
    /// Try every order of events of a step's small world
    Explore(Explore),
    /// One order, and each point at which something can go wrong with it
    Points {
        /// Such as ch02/step3
        step: String,
    },
    /// Every step under every fault, and below it, where a chapter counts them, what each step costs
    Matrix {
        /// A chapter, such as ch02; without it, all
        chapter: Option<String>,
    },
    /// A table of counted numbers
    Table {
        /// Such as ch01/scoreboard
        name: String,
    },
    /// What changes from one step to the next, line by line
    Diff {
        /// The chapter, such as ch02
        chapter: String,
        /// The step before, such as step2
        from: String,
        /// The step after, such as step3
        to: String,
    },
    /// Judge what clients saw: exit code 0 ok, 1 violation, 2 undecided, 3 not readable
    CheckHistory(check_history::Options),
    /// Re-execute a recorded real run and show it
    Replay {
        /// The event log, as JSON lines
        file: PathBuf,
        /// Also write one page with the picture to step through
        #[arg(long)]
        html: Option<PathBuf>,
    },
    /// Build, check or refresh the book
    Book {
        #[command(subcommand)]
        what: Book,
    },
    /// mdBook's preprocessor protocol on stdin and stdout
    Preprocess {
        #[command(subcommand)]
        what: Option<Supports>,
    },
    /// Starters, hints, checks and solutions
    Exercise {
        #[command(subcommand)]
        what: Exercise,
    },
    /// Start a chapter's system: a process for each role, until Ctrl-C
    Cluster(OfSystem),
    /// Which roles of a running system are up, and what they report
    Status(OfSystem),
    /// kill -9 one role of a running system
    Kill(OfSystem),
    /// Start one role again
    Restart(OfSystem),
    /// Many customers at once, with the verdict beside the speed
    Load(OfSystem),
    /// How fast a chapter's system is, and what it does in an outage; always with the verdict
    Measure(Measure),
    /// Which engines are on this machine, and how to install the rest
    Doctor,
    /// Be one role of a chapter's system (`measure` starts these itself)
    #[command(hide = true)]
    Role {
        /// The chapter, such as ch02
        chapter: String,
        /// What the role is told
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

#[derive(Args, Debug)]
struct OfSystem {
    /// The chapter, such as ch02
    chapter: String,
    /// What its own command line takes: see `cargo ch02 cluster --help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

#[derive(Args, Debug)]
struct Measure {
    /// The chapter, such as ch02
    chapter: String,
    /// Which of its measurements, such as outage; default: its first. An unknown one lists all
    name: Option<String>,
    /// About how long it may take in all
    #[arg(long, default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Where the data goes: a folder on the disk that is meant; default: target/measure
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Keep the table for the book
    #[arg(long)]
    save: bool,
}

#[derive(Args, Debug)]
struct Serve {
    /// The port; without it, the next free one from 3000 on
    #[arg(long)]
    port: Option<u16>,
    /// Open the book in a browser
    #[arg(long)]
    open: bool,
}

#[derive(Args, Debug)]
struct Run {
    /// Such as ch02/step1
    step: String,
    /// Equal seeds give equal runs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Play a golden script instead
    #[arg(long, conflicts_with = "seed")]
    script: Option<PathBuf>,
    /// Also write one page with the picture to step through
    #[arg(long, conflicts_with = "script")]
    html: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Find {
    /// Such as ch02/step1
    step: String,
    /// How many seeds to try
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// Only this sort of fault, such as crash
    #[arg(long)]
    fault: Option<String>,
    /// Also write one page with the picture to step through
    #[arg(long)]
    html: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Explore {
    /// Such as ch02/step3
    step: String,
    /// Process crashes (each may come back)
    #[arg(long, default_value_t = 1)]
    crashes: u8,
    /// Messages that may vanish
    #[arg(long, default_value_t = 0)]
    losses: u8,
    /// Messages that may arrive twice
    #[arg(long, default_value_t = 0)]
    duplicates: u8,
    /// Give up, undecided, at this many states
    #[arg(long, default_value_t = 10_000_000)]
    states: usize,
    /// Judge one cell of the matrix instead, such as restart
    #[arg(long, conflicts_with_all = ["crashes", "losses", "duplicates", "states"])]
    fault: Option<String>,
}

#[derive(Subcommand, Debug)]
enum Book {
    /// Build it into target/book
    Build,
    /// Find what mdBook lets pass: missing anchors, stale files, dead links, pages over budget
    Check,
    /// Regenerate every generated file
    Refresh,
}

#[derive(Subcommand, Debug)]
enum Supports {
    /// Whether a renderer is supported: all are
    Supports {
        /// The renderer
        renderer: String,
    },
}

#[derive(Subcommand, Debug)]
enum Exercise {
    /// All exercises
    List,
    /// Write your copy of the starter
    Start {
        /// Such as ch02/vote
        id: String,
    },
    /// Judge your copy
    Check {
        /// Such as ch02/vote
        id: String,
    },
    /// The next hint
    Hint {
        /// Such as ch02/vote
        id: String,
    },
    /// The solution
    Solution {
        /// Such as ch02/vote
        id: String,
    },
}

/// Runs one command. Returns the exit code: 0 done, 1 a verdict or answer was not as hoped, 2 an error.
/// Where 2 is a verdict, an error is 3. A reader who closes the output early changes none of them.
pub fn run(ws: &Workspace, args: Vec<OsString>, out: &mut dyn Write) -> i32 {
    let out = &mut Output::new(out);
    let judges = args.get(1).is_some_and(|command| command == "check-history");
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(e) => {
            let _ = write!(out, "{e}");
            return if judges && e.use_stderr() { 3 } else { e.exit_code() };
        }
    };
    let command = cli.command.unwrap_or(Command::Serve(Serve { port: None, open: false }));
    match dispatch(ws, command, out) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(out, "{error}");
            if judges { 3 } else { 2 }
        }
    }
}

fn dispatch(ws: &Workspace, command: Command, out: &mut dyn Write) -> Result<i32> {
    let as_hoped = match command {
        Command::CheckHistory(options) => return check_history::check(&options, out),
        Command::Cluster(s) => return operate(ws, "cluster", s),
        Command::Status(s) => return operate(ws, "status", s),
        Command::Kill(s) => return operate(ws, "kill", s),
        Command::Restart(s) => return operate(ws, "restart", s),
        Command::Load(s) => return operate(ws, "load", s),
        Command::Serve(s) => crate::serve::serve(ws, s.port, s.open, out),
        Command::List => commands::list::list(ws, out),
        Command::Run(r) => match &r.script {
            Some(script) => commands::run::script(ws, &r.step, script, out),
            None => commands::run::run(ws, &r.step, r.seed, r.html.as_deref(), out),
        },
        Command::Find(f) => {
            let search = commands::run::Search { seeds: f.seeds, fault: f.fault };
            commands::run::find(ws, &f.step, &search, f.html.as_deref(), out)
        }
        Command::Explore(e) => {
            let bounds = lab::chapter::Bounds {
                crashes: e.crashes,
                losses: e.losses,
                duplicates: e.duplicates,
                states: e.states,
            };
            match &e.fault {
                Some(fault) => commands::explore::check(ws, &e.step, fault, out),
                None => commands::explore::explore(ws, &e.step, &bounds, out),
            }
        }
        Command::Points { step } => commands::explore::points(ws, &step, out),
        Command::Matrix { chapter } => commands::explore::matrix(ws, chapter.as_deref(), out),
        Command::Table { name } => commands::table::table(ws, &name, out),
        Command::Diff { chapter, from, to } => commands::diff::diff(ws, &chapter, &from, &to, out),
        Command::Replay { file, html } => commands::run::replay(ws, &file, html.as_deref(), out),
        Command::Book { what } => match what {
            Book::Build => commands::book::build(ws, out),
            Book::Check => commands::book::check(ws, run, out),
            Book::Refresh => commands::book::refresh(ws, run, out),
        },
        Command::Preprocess { what: Some(Supports::Supports { renderer: _ }) } => Ok(true),
        Command::Preprocess { what: None } => {
            crate::book::preprocess(ws, &mut std::io::stdin().lock(), out).map(|()| true)
        }
        Command::Exercise { what } => match what {
            Exercise::List => commands::exercise::list(ws, out),
            Exercise::Start { id } => commands::exercise::start(ws, &id, out),
            Exercise::Check { id } => commands::exercise::check(ws, &id, out),
            Exercise::Hint { id } => commands::exercise::hint(ws, &id, out),
            Exercise::Solution { id } => commands::exercise::solution(ws, &id, out),
        },
        Command::Measure(m) => {
            let Measure { chapter, name, seconds, dir, save } = m;
            let wanted = commands::measure::Wanted { name, seconds, dir, save };
            commands::measure::measure(ws, &chapter, wanted, out)
        }
        Command::Doctor => commands::doctor::doctor(out),
        Command::Role { chapter, args } => commands::system::role(ws, &chapter, args),
    }?;
    Ok(i32::from(!as_hoped))
}

fn operate(ws: &Workspace, command: &str, OfSystem { chapter, args }: OfSystem) -> Result<i32> {
    commands::system::operate(ws, &chapter, command, args)
}
