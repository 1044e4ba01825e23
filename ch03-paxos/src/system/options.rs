//! What an operator may choose, on the command line and in the title of a recorded run.

use clap::{Arg, ArgAction, value_parser};
use lab::system::{Error, Options};

use crate::replicated_kv::{Config, Sizes};

/// How many replicas.
pub(super) const NODES: &str = "nodes";
/// How many more, that wait to take the place of one of them.
pub(super) const SPARES: &str = "spares";
/// Where clients are served.
pub(super) const REDIS_PORT: &str = "redis-port";
/// A replica that does not lead names the leader.
const REDIRECT: &str = "redirect";
/// How long a log becomes before a snapshot takes its place.
const LOG_SIZE: &str = "log-size";
/// How far clocks are off at most, if leaders hold leases.
pub(super) const LEASE_DRIFT: &str = "lease-drift";

/// How many replicas are enough for phase 1, and how many for phase 2.
pub(super) const QUORUMS: &str = "quorums";

/// What a record of a run is called, before what was chosen.
const TITLE: &str = "ch03/step7 cluster";

/// The options of `cluster`.
pub(super) fn args() -> Vec<Arg> {
    vec![
        Arg::new(NODES)
            .long(NODES)
            .value_name("COUNT")
            .value_parser(["1", "2", "3", "4", "5", "6", "7"])
            .help("How many replicas; 3 without it. The store goes on while more than half are up"),
        Arg::new(QUORUMS)
            .long(QUORUMS)
            .value_name("Q1,Q2")
            .help("Q1 promises elect a leader and Q2 votes choose an entry, together more than there are replicas; more than half each without it"),
        Arg::new(SPARES)
            .long(SPARES)
            .value_name("COUNT")
            .value_parser(["0", "1", "2", "3", "4", "5", "6"])
            .help("How many more, that wait to take the place of one of them; 0 without it"),
        Arg::new(REDIS_PORT)
            .long(REDIS_PORT)
            .value_name("PORT")
            .value_parser(value_parser!(u16))
            .help("replica-1 serves clients here, the others on the ports after it; 0: on free ports"),
        Arg::new(REDIRECT)
            .long(REDIRECT)
            .action(ArgAction::SetTrue)
            .help("A replica that does not lead answers -MOVED, and does not pass requests on"),
        Arg::new(LOG_SIZE)
            .long(LOG_SIZE)
            .value_name("BYTES")
            .value_parser(value_parser!(u64))
            .help("A replica takes a snapshot when its log has more than this, and more than the state; 16777216 without it"),
        Arg::new(LEASE_DRIFT)
            .long(LEASE_DRIFT)
            .value_name("PPM")
            .value_parser(value_parser!(u32).range(..1_000_000))
            .help("Leaders hold leases, and no clock is off by more than this many millionths: READMODE lease then asks no other replica"),
    ]
}

/// How many replicas are the group at first, and how many wait.
pub(super) fn sizes(options: &Options) -> (usize, usize) {
    let number = |option| options.values(option).last().and_then(|count| count.parse().ok());
    (number(NODES).unwrap_or(3), number(SPARES).unwrap_or(0))
}

/// The sizes of quorums, if other ones than majorities were asked for.
pub(super) fn quorums(options: &Options) -> Result<Option<Sizes>, Error> {
    let Some(given) = options.values(QUORUMS).last() else { return Ok(None) };
    let refused = |why: String| Error::Refused(format!("--{QUORUMS} {given}: {why}"));
    let numbers =
        given.split_once(',').and_then(|(q1, q2)| Some((q1.parse().ok()?, q2.parse().ok()?)));
    let (phase1, phase2) = numbers
        .ok_or_else(|| refused("give two numbers with a comma between them, such as 3,2".into()))?;
    let replicas = u32::try_from(sizes(options).0).expect("a group is small");
    let sizes = Sizes::new(phase1, phase2, replicas).map_err(|why| refused(why.to_string()))?;
    Ok(Some(sizes).filter(|sizes| *sizes != Sizes::majorities(replicas)))
}

/// What a replica is to do.
pub(super) fn config(options: &Options) -> Result<Config, Error> {
    let default = Config::default();
    let log = options.values(LOG_SIZE).last().and_then(|bytes| bytes.parse().ok());
    let drift = options.values(LEASE_DRIFT).last().and_then(|ppm| ppm.parse().ok());
    let (log, quorums) = (log.unwrap_or(default.log), quorums(options)?);
    Ok(Config { forward: !options.has(REDIRECT), log, drift, quorums, ..default })
}

/// What a recorded run with these options is called.
pub(super) fn title(options: &Options) -> String {
    let mut title = TITLE.to_owned();
    if options.has(REDIRECT) {
        title += &format!(" --{REDIRECT}");
    }
    if let (_, spares @ 1..) = sizes(options) {
        title += &format!(" --{SPARES} {spares}");
    }
    if let Some(bytes) = options.values(LOG_SIZE).last() {
        title += &format!(" --{LOG_SIZE} {bytes}");
    }
    if let Some(ppm) = options.values(LEASE_DRIFT).last() {
        title += &format!(" --{LEASE_DRIFT} {ppm}");
    }
    if let Some(sizes) = options.values(QUORUMS).last() {
        title += &format!(" --{QUORUMS} {sizes}");
    }
    title
}

/// With what a recorded run was begun.
pub(super) fn of_title(title: &str) -> Options {
    let mut words = title.strip_prefix(TITLE).unwrap_or_default().split_whitespace();
    let mut options = Options::default();
    while let Some(word) = words.next() {
        options = match word.strip_prefix("--") {
            Some(REDIRECT) => options.with_flag(REDIRECT),
            Some(option @ (LOG_SIZE | SPARES | LEASE_DRIFT | QUORUMS)) => {
                options.with_value(option, words.next().unwrap_or_default())
            }
            _ => options,
        };
    }
    options
}
