//! One command by hand, sent to the leader, or to whichever replica answers.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use lab::resp::{Client as Connection, Reply};
use lab::system::{Error, Handle, Status, say};

use super::members::{redis, role};
use super::processes::replica_of;

/// A replica gives every request an answer, and sooner than this.
const DEADLINE: Duration = Duration::from_secs(11);
/// While a leader is being elected, no replica takes requests: they are asked for so long, so long apart.
const LONGEST: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(100);

/// The arguments of `client`.
#[derive(Args, Clone, Debug)]
pub(super) struct Client {
    /// A command and its arguments, such as: set umbrella alice
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "WORD"
    )]
    words: Vec<String>,
}

/// The arguments of `replace`.
#[derive(Args, Clone, Debug)]
pub(super) struct Replace {
    /// A replica of the group, mostly one that is gone for good
    #[arg(value_name = "OLD")]
    old: String,
    /// One that waits: `cluster --spares` begins some
    #[arg(value_name = "NEW")]
    new: String,
}

/// Changes the group; gives the exit code.
///
/// # Errors
/// The new replica is not up, or none could be asked.
pub(super) async fn replace(replace: &Replace, cluster: &Handle) -> Result<u8, Error> {
    let Replace { old, new } = replace;
    let roles = cluster.report().await?.roles;
    if !roles.iter().any(|one| one.role == *new && one.status.is_some()) {
        let why = "`cargo ch03 cluster --spares 1` begins one, in a --dir of its own";
        return Err(Error::Refused(format!("no {new} is up that could take a place; {why}")));
    }
    let words = ["REPLACE", old, new].map(str::to_owned);
    let reply = match send(&words, cluster).await? {
        Ok(reply) => reply,
        Err(code) => return Ok(code),
    };
    say(&match &reply {
        Reply::Simple(_) if leads_with(new, cluster).await? => {
            format!("{new} has taken the place of {old}")
        }
        Reply::Simple(_) => {
            format!(
                "{new} takes the place of {old}, but the new group has no leader yet: see `status`"
            )
        }
        Reply::Nil => format!("not done: {old} is no member of the group, or {new} is one already"),
        other => shown(other),
    });
    Ok(u8::from(!matches!(reply, Reply::Simple(_))))
}

/// Whether a leader is up, soon, whose group has this replica: then a majority of that group has
/// executed the change.
async fn leads_with(new: &str, cluster: &Handle) -> Result<bool, Error> {
    let id = replica_of(new).map(|id| id.0);
    let until = tokio::time::Instant::now() + LONGEST;
    while tokio::time::Instant::now() < until {
        let roles = cluster.report().await?.roles.into_iter();
        let mut leaders = roles.filter_map(|one| one.status).filter(|one| role(one) == "leads");
        let members = |status: &Status| status.own["members"].as_array().cloned();
        let is_in =
            |status: &Status| members(status)?.iter().find(|one| one.as_u64() == id).cloned();
        if leaders.any(|status| is_in(&status).is_some()) {
            return Ok(true);
        }
        tokio::time::sleep(AGAIN).await;
    }
    Ok(false)
}

/// Sends the command, and prints its reply; gives the exit code.
///
/// # Errors
/// No replica could be asked.
pub(super) async fn act(client: &Client, cluster: &Handle) -> Result<u8, Error> {
    Ok(match send(&client.words, cluster).await? {
        Ok(reply) => {
            say(&shown(&reply));
            code(&reply)
        }
        Err(code) => code,
    })
}

/// Sends a command until a replica takes it. Without a reply, it says why, and gives the exit code.
async fn send(words: &[String], cluster: &Handle) -> Result<Result<Reply, u8>, Error> {
    let mut last = None;
    let until = tokio::time::Instant::now() + LONGEST;
    while tokio::time::Instant::now() < until {
        for replica in replicas(cluster).await? {
            match ask(replica, words).await {
                Asked::Replied(reply) => return Ok(Ok(reply)),
                Asked::NotTaken(why) => last = Some(why),
                Asked::Unknown(why) => {
                    say(&format!("not known: {why}"));
                    return Ok(Err(3));
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
    let why = last.unwrap_or_else(|| "no replica is up".into());
    say(&format!("not done: {why}"));
    Ok(Err(1))
}

/// Where the replicas that are up serve clients, the leader first.
async fn replicas(cluster: &Handle) -> Result<Vec<SocketAddr>, Error> {
    let mut all: Vec<_> =
        cluster.report().await?.roles.into_iter().filter_map(|one| one.status).collect();
    all.sort_by_key(|status| match role(status) {
        "leads" => 0,
        "is no member" => 2,
        _ => 1,
    });
    Ok(all.iter().filter_map(redis).collect())
}

/// What became of a command.
enum Asked {
    Replied(Reply),
    /// It was certainly not done: another replica may be asked.
    NotTaken(String),
    Unknown(String),
}

async fn ask(replica: SocketAddr, words: &[String]) -> Asked {
    let mut connection = match Connection::connect(replica, DEADLINE).await {
        Ok(connection) => connection,
        Err(why) => return Asked::NotTaken(why.to_string()),
    };
    match connection.call(words).await {
        Ok(Reply::Error(why)) if ["TRYAGAIN", "MOVED"].iter().any(|word| why.starts_with(word)) => {
            Asked::NotTaken(why.into_owned())
        }
        Ok(Reply::Error(why)) if why.starts_with("UNKNOWN") => unknown(words, why.into_owned()),
        Ok(reply) => Asked::Replied(reply),
        Err(why) => unknown(words, format!("{why}; it may be done")),
    }
}

/// To read twice does no harm.
fn unknown(words: &[String], why: String) -> Asked {
    let changes_nothing = ["GET", "PING", "MEMBERS", "INFO"];
    match words.first() {
        Some(name) if changes_nothing.iter().any(|read| name.eq_ignore_ascii_case(read)) => {
            Asked::NotTaken(why)
        }
        _ => Asked::Unknown(why),
    }
}

fn code(reply: &Reply) -> u8 {
    u8::from(matches!(reply, Reply::Error(_)))
}

/// As `redis-cli` shows it.
fn shown(reply: &Reply) -> String {
    match reply {
        Reply::Simple(text) => text.clone().into_owned(),
        Reply::Error(why) => format!("(error) {why}"),
        Reply::Integer(number) => format!("(integer) {number}"),
        Reply::Bulk(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        Reply::Nil => "(nil)".into(),
        Reply::Array(replies) if replies.is_empty() => "(empty array)".into(),
        Reply::Array(replies) => {
            let line = |(i, reply)| format!("{i}) {}", shown(reply));
            (1..).zip(replies).map(line).collect::<Vec<_>>().join("\n")
        }
    }
}
