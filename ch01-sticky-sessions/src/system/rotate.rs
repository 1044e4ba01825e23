//! Edge: makes it survive the real world. The lesson is in `step6_sealed_cookie.rs`.
//!
//! `rotate-keys`: a new key takes the place of the one that seals, and nobody is signed out. First all
//! processes have to be able to open what it seals; then it seals.
//!
//! # Left out
//!
//! Processes that this cluster does not list and that have the same file, such as a second balancer: they are
//! not asked. They look once a second, and have two seconds to read it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command, value_parser};
use lab::http::Answered;
use lab::system::{Error, Handle, say};

use super::options::KEYS;
use super::seal::keys::{self, NoKeys};
use super::seal::rotation::Rotation;

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
    seals(cluster).await?;
    let rotation = Rotation::begin(&file).map_err(refused)?;
    let new = rotation.add().map_err(refused)?;
    say(&format!("{new} is in {}: it opens, and does not seal yet", file.display()));
    for _ in 0..LOOKS {
        if is_everywhere(&new, cluster).await? {
            say("all processes have it; others with the same file have two seconds to read it");
            tokio::time::sleep(2 * keys::LOOK).await;
            rotation.promote(&new).map_err(refused)?;
            say(&format!("from now on {new} seals"));
            return Ok(0);
        }
        tokio::time::sleep(LOOK).await;
    }
    say(&format!("not all processes have read {new}; it stays a key that only opens"));
    Ok(1)
}

/// Refuses a cluster that seals nothing: then its balancer has no keys.
async fn seals(cluster: &Handle) -> Result<(), Error> {
    let lb = cluster.caller(cluster.front()?)?.get("/status").await;
    let lb = lb.map_err(|none| cluster.no_answer(none))?;
    if lb.status == 200 && lb.body["keys"].is_null() {
        let why = "this cluster seals nothing: only designs 6 and 7 have keys";
        return Err(Error::Refused(why.into()));
    }
    Ok(())
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
            Ok(status) if !has(&status, new) => return Ok(false),
            Err(none) if !none.refused => return Ok(false),
            _ => {}
        }
    }
    Ok(true)
}

/// Whether this is the status of a process that has this key.
fn has(answered: &Answered, new: &str) -> bool {
    let mut keys = answered.body["keys"].as_array().into_iter().flatten();
    answered.status == 200 && keys.any(|key| key == new)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_status_that_names_the_key_says_that_a_process_has_it() {
        let has = |status, body| has(&Answered { status, body }, "0000002a");
        assert!(has(200, json!({ "keys": ["00000001", "0000002a"] })));
        for (status, body) in [
            (200, json!({ "keys": ["00000001"] })),
            (200, json!({})),
            (503, json!({ "error": "the node does not answer" })),
            (503, json!({ "keys": ["0000002a"] })),
        ] {
            assert!(!has(status, body.clone()), "{status} {body}");
        }
    }
}
