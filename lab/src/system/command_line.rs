//! The command line that every system has, and what it prints.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::alone;
use super::config::Config;
use super::control::run_cluster;
use super::error::Error;
use super::handle::Handle;
use super::interface::System;
use super::layout::Options;
use super::load::load;
use super::manifest::Manifest;
use super::role;
use super::terminal::{say, show};

/// Does what a command line asks of a system. Exit code: 0 done, 1 not done, 2 could not be asked,
/// 3 not known yet.
pub fn run(system: &'static dyn System, args: impl IntoIterator<Item = OsString>) -> ExitCode {
    run_within(system, vec!["role".into()], args).into()
}

/// The same for a program that has several systems: with `prefix` and a role's arguments behind it,
/// the program plays that role ([`super::role`]).
pub fn run_within(
    system: &'static dyn System,
    prefix: Vec<OsString>,
    args: impl IntoIterator<Item = OsString>,
) -> u8 {
    let done = match command(system).try_get_matches_from(args) {
        Ok(matches) => act(system, prefix, &matches),
        Err(error) => {
            // If the terminal is gone, there is no place to report that.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        2
    })
}

fn default_dir(system: &dyn System) -> PathBuf {
    Path::new("target").join(system.name().replace(' ', "-"))
}

fn command(system: &dyn System) -> Command {
    let default = default_dir(system).into_os_string();
    let dir = Arg::new("dir")
        .long("dir")
        .global(true)
        .value_name("DIR")
        .default_value(default)
        .value_parser(value_parser!(PathBuf))
        .help("The cluster's data directory");
    let own = system.commands();
    let all =
        [cluster(system), alone::command(system)].into_iter().chain(own).chain(operate(system));
    Command::new(system.name())
        .bin_name(format!("cargo {}", system.name()))
        .version(env!("CARGO_PKG_VERSION"))
        .about(system.about())
        .after_help("Exit code: 0 done, 1 not done, 2 could not be asked, 3 not known yet.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands(all.map(|command| command.arg(dir.clone())))
        .subcommand(role::command(system))
}

fn cluster(system: &dyn System) -> Command {
    Command::new("cluster")
        .about("Start all roles, and keep them until Ctrl-C")
        .arg(
            Arg::new("port")
                .long("port")
                .value_name("PORT")
                .default_value("0")
                .value_parser(value_parser!(u16))
                .help("The port for users; without it, the one of last time or a free one"),
        )
        .args(system.options())
        .arg(
            Arg::new("power-cut")
                .long("power-cut")
                .action(ArgAction::SetTrue)
                .help("Make `kill` as bad as a power cut: what was not synced to disk is lost"),
        )
        .arg(Arg::new("events").long("events").value_name("DIR").value_parser(value_parser!(PathBuf)).help(
            "Record the run into this empty directory, for `cargo guide replay DIR/run.jsonl`",
        ))
}

fn operate(system: &dyn System) -> [Command; 4] {
    let names = system.role_names();
    let role = Arg::new("role")
        .value_name("ROLE")
        .required(true)
        .value_parser(PossibleValuesParser::new(names));
    let number = |name, value| Arg::new(name).long(name).value_name(value);
    [
        Command::new("status").about("Which roles are up, and what they report about themselves"),
        Command::new("kill").about("kill -9 one role").arg(role.clone().help("Which one")),
        Command::new("restart").about("Start one role again").arg(role.help("Which one")).arg(
            number("crash-after-effect", "K").value_parser(value_parser!(u64).range(1..)).help(
                "Let it die by itself right after its Kth effect: the worst moment, every time",
            ),
        ),
        Command::new("load")
            .about("Many customers at once: requests done per second, with the verdict beside it")
            .arg(
                number("clients", "COUNT")
                    .default_value("8")
                    .value_parser(value_parser!(u16).range(1..=1024))
                    .help("How many customers"),
            )
            .arg(
                number("seconds", "COUNT")
                    .default_value("5")
                    .value_parser(value_parser!(u64).range(1..=3600))
                    .help("For how long"),
            )
            .args(system.load_options()),
    ]
}

fn act(
    system: &'static dyn System,
    prefix: Vec<OsString>,
    matches: &ArgMatches,
) -> Result<u8, Error> {
    let (command, args) = matches.subcommand().expect("a command is required");
    if command == "role" {
        return role::play(system, args).map(|()| 0);
    }
    let dir: PathBuf = args.get_one("dir").cloned().expect("it has a default");
    let handle = Handle::new(system.name(), dir, &default_dir(system));
    let role = || args.get_one::<String>("role").expect("it is required").as_str();
    let done = match command {
        "cluster" => start(system, prefix, args, &handle),
        "node" => alone::play(system, args, handle.dir()).map(|()| 0),
        "status" => wait(status(system, &handle)),
        "kill" => wait(kill(system, &handle, role())),
        "restart" => {
            let crash = args.get_one("crash-after-effect").copied();
            wait(restart(system, &handle, role(), crash))
        }
        "load" => wait(loaded(system, &handle, args)),
        own => wait(system.act(own, args, &handle)),
    };
    done.map_err(|error| error.with_flag(handle.flag()))
}

fn wait(work: impl Future<Output = Result<u8, Error>>) -> Result<u8, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::io("start the runtime"))?;
    runtime.block_on(work)
}

fn start(
    system: &'static dyn System,
    prefix: Vec<OsString>,
    args: &ArgMatches,
    handle: &Handle,
) -> Result<u8, Error> {
    if cfg!(not(unix)) {
        let why = "`cluster` needs Linux or macOS; on Windows run it inside WSL";
        return Err(Error::Refused(why.into()));
    }
    let config = Config {
        prefix,
        options: Options::from_matches(&system.options(), args),
        power_cut: args.get_flag("power-cut"),
        port: args.get_one("port").copied().expect("it has a default"),
        events: args.get_one("events").cloned(),
        ..Config::new(system, handle.dir().to_owned())?
    };
    let flag = handle.flag();
    run_cluster(config, move |event| show(system, event, &flag)).map(|()| 0)
}

async fn status(system: &dyn System, handle: &Handle) -> Result<u8, Error> {
    for one in handle.report().await?.roles {
        if let (None, Some(pid)) = (&one.status, one.pid) {
            say(&format!(
                "{:<6} does not answer; its process {pid} runs: frozen, or too busy",
                one.role
            ));
            continue;
        }
        let mut lines = system.describe(&one.role, one.status.as_ref()).into_iter();
        say(&format!("{:<6} {}", one.role, lines.next().unwrap_or_default()));
        for line in lines {
            say(&format!("       {line}"));
        }
        if let (Some(status), Some(pid)) = (one.status, one.pid) {
            say(&format!(
                "       pid {pid}, start {}, http {}; since then {} records in {} fsyncs, \
                 {} bytes, {} messages sent",
                status.start,
                one.http,
                status.records,
                status.syncs,
                status.log_bytes,
                status.messages,
            ));
        }
    }
    Ok(0)
}

async fn kill(system: &dyn System, handle: &Handle, role: &str) -> Result<u8, Error> {
    let before = handle.report().await?.roles.into_iter().find(|one| one.role == role);
    let killed = handle.kill(role).await?;
    let Some(before) = before.filter(|one| one.pid.is_some()) else {
        say(&format!("{role} was down already"));
        return Ok(1);
    };
    say(&format!("killed {role} (SIGKILL), pid {}", killed.pid));
    let has_log = has_log(system, handle, role);
    match before.status {
        Some(status) => say(&format!("lost:  {}", system.lost(role, &status))),
        None => say("lost:  its memory; it did not answer, so what that held is not known"),
    }
    if killed.power_cut {
        say("       and whatever it had written and not synced: as in a power cut");
    } else if has_log {
        say("kept:  its log. kill -9 does not take what the operating system already holds,");
        say("       so it says nothing about fsyncs; cluster --power-cut does");
    }
    let (name, after, flag) = (system.name(), system.texts().after_a_kill, handle.flag());
    say(&format!("then:  cargo {name} {after}{flag}, cargo {name} restart {role}{flag}"));
    Ok(0)
}

/// Whether a role keeps a log; if this cannot be found out, it is assumed.
fn has_log(system: &dyn System, handle: &Handle, role: &str) -> bool {
    let manifest = Manifest::read(handle.dir()).ok().flatten();
    let layout = manifest.and_then(|manifest| system.layout(&manifest.options).ok());
    layout.and_then(|layout| layout.role(role).map(|role| role.has_log)).unwrap_or(true)
}

async fn restart(
    system: &dyn System,
    handle: &Handle,
    role: &str,
    crash: Option<u64>,
) -> Result<u8, Error> {
    let restarted = handle.restart(role, crash).await?;
    if let (true, Some(effect)) = (restarted.crashed, crash) {
        say(&format!("{role} died by itself right after effect {effect}, before it could serve"));
        let (name, flag) = (handle.system(), handle.flag());
        say(&format!("then:  cargo {name} restart {role}{flag}"));
        return Ok(0);
    }
    let kept = if has_log(system, handle, role) { ", with everything its log kept" } else { "" };
    say(&format!("{role} is back, pid {}{kept}", restarted.pid));
    if let Some(effect) = restarted.crash_after_effect {
        say(&format!("it will die by itself right after effect {effect} of this start"));
    }
    Ok(0)
}

async fn loaded(system: &dyn System, handle: &Handle, args: &ArgMatches) -> Result<u8, Error> {
    let clients: u16 = args.get_one("clients").copied().expect("it has a default");
    let seconds: u64 = args.get_one("seconds").copied().expect("it has a default");
    let (clients, time) = (usize::from(clients), Duration::from_secs(seconds));
    if let Some(other) = system.load_other(args, clients, time) {
        return other.await;
    }
    let endpoints = handle.report().await?.endpoints();
    let workload = system.workload_of(handle.front()?, &endpoints);
    say(&format!(
        "{clients} customers for {seconds} s, each waits for its answer and asks again …"
    ));
    let done = load(&*workload, handle, clients, time).await?;
    say(&done.to_string());
    Ok(u8::from(!done.verdict.0))
}
