//! One command by hand, sent to the leader, or to whichever replica answers.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use lab::resp::{Client as Connection, Reply};
use lab::system::{Error, Handle, say};

use super::members::{redis, role};

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

/// Sends the command, and prints its reply; gives the exit code.
///
/// # Errors
/// No replica could be asked.
pub(super) async fn act(client: &Client, cluster: &Handle) -> Result<u8, Error> {
    let mut last = None;
    let until = tokio::time::Instant::now() + LONGEST;
    while tokio::time::Instant::now() < until {
        for replica in replicas(cluster).await? {
            match ask(replica, &client.words).await {
                Asked::Replied(reply) => {
                    say(&shown(&reply));
                    return Ok(code(&reply));
                }
                Asked::NotTaken(why) => last = Some(why),
                Asked::Unknown(why) => {
                    say(&format!("not known: {why}"));
                    return Ok(3);
                }
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
    let why = last.unwrap_or_else(|| "no replica is up".into());
    say(&format!("not done: {why}"));
    Ok(1)
}

/// Where the replicas that are up serve clients, the leader first.
async fn replicas(cluster: &Handle) -> Result<Vec<SocketAddr>, Error> {
    let mut all: Vec<_> =
        cluster.report().await?.roles.into_iter().filter_map(|one| one.status).collect();
    all.sort_by_key(|status| role(status) != "leads");
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
