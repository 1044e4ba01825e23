//! Edge: makes it survive the real world. The lesson is in `step6_sealed_cookie.rs`.
//!
//! `rotate-keys`: a new key takes the place of the one that seals, and nobody is signed out. First all
//! processes have to be able to open what it seals; then it seals.
//!
//! # Left out
//!
//! Processes of other clusters with the same file: they are not asked. They have a second to read it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use lab::system::{Error, Handle, say};
use serde_json::Value;

use super::options::KEYS;
use super::seal::keys::{NoKeys, add, promote};

/// Between two looks at the processes.
const LOOK: Duration = Duration::from_millis(50);
/// They read the file once a second; after so many looks, one of them does not.
const LOOKS: u32 = 200;

pub(super) fn command() -> Command {
    Command::new("rotate-keys")
        .about(
            "Seal cookies with a new key; those that are sealed stay good for two rotations more",
        )
        .arg(
            Arg::new(KEYS)
                .long(KEYS)
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The file, if the cluster was given one"),
        )
}

pub(super) async fn act(args: &ArgMatches, cluster: &Handle) -> Result<u8, Error> {
    let refused = |none: NoKeys| Error::Refused(none.to_string());
    let given = args.get_one::<PathBuf>(KEYS).cloned();
    let file = given.unwrap_or_else(|| cluster.dir().join(KEYS));
    let new = add(&file).map_err(refused)?;
    say(&format!("{new} is in {}: it opens, and does not seal yet", file.display()));
    for _ in 0..LOOKS {
        if is_everywhere(&new, cluster).await? {
            promote(&file, &new).map_err(refused)?;
            say(&format!("all processes have it: from now on {new} seals"));
            return Ok(0);
        }
        tokio::time::sleep(LOOK).await;
    }
    say(&format!("not all processes have read {new}; it stays a key that only opens"));
    Ok(1)
}

/// Whether all processes have this key. One that is down reads the file when it starts.
async fn is_everywhere(new: &str, cluster: &Handle) -> Result<bool, Error> {
    let lb = cluster.front()?;
    let listed = cluster.caller(lb)?.get("/backends").await;
    let listed = listed.map_err(|none| cluster.no_answer(none))?.body["backends"].take();
    let webs = listed.as_array().into_iter().flatten();
    let webs = webs.filter_map(|web| web["address"].as_str()?.parse().ok());
    for process in std::iter::once(lb).chain(webs) {
        match cluster.caller(process)?.get("/status").await {
            Ok(status) if !has(&status.body, new) => return Ok(false),
            Err(none) if !none.refused => return Ok(false),
            _ => {}
        }
    }
    Ok(true)
}

/// Whether a process has this key, or needs none.
fn has(status: &Value, new: &str) -> bool {
    let keys = status["keys"].as_array();
    keys.is_none_or(|keys| keys.iter().any(|key| key == new))
}
