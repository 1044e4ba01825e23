//! Edge: makes it survive the real world. The lesson is in `step7_affinity_hint.rs`.
//!
//! `drain web-2`: the balancer gives it no new sessions, waits for those that it has, hands the rest over to
//! the other web processes, and lets its last requests end. Then it can be stopped, and nobody notices.
//!
//! Where sessions are only in memory (designs 1 to 4), there is nothing to hand over: what is left when the
//! time is over is lost. Only a sticky cookie says who has a session there. With designs 1, 2 and 4 nobody
//! could end a session on a process that drains, so a drain does not wait: it moves everybody at once.
//!
//! # Left out
//!
//! A sign-in that is under way in the moment in which a drain begins, with sessions in memory: it may be
//! missed. Drains over a balancer's restart: it begins with all web processes active.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, value_parser};
use lab::http::{Answered, Caller};
use lab::system::{Error, Handle, say};
use serde_json::{Value, json};

use super::NAME;
use super::webs::WEB_NAMES;

/// Between two looks at a drain.
const LOOK: Duration = Duration::from_millis(50);
/// So often it may not say how many sessions it has left.
const LAST_LOOK: u32 = 40;

pub(super) fn commands() -> [Command; 2] {
    let web = Arg::new("web")
        .value_name("WEB")
        .required(true)
        .value_parser(PossibleValuesParser::new(WEB_NAMES))
        .help("Which one");
    let within = Arg::new("within")
        .long("within")
        .value_name("SECONDS")
        .default_value("60")
        .value_parser(value_parser!(u32))
        .help("So long it keeps the sessions that are only there");
    [
        Command::new("drain")
            .about("Take a web process out of service in order; exit code 1 if sessions were only there")
            .arg(web.clone())
            .arg(within),
        Command::new("activate").about("Use a web process again that was drained").arg(web),
    ]
}

pub(super) async fn act(command: &str, args: &ArgMatches, cluster: &Handle) -> Result<u8, Error> {
    let web = args.get_one::<String>("web").expect("it is required");
    let mut lb = cluster.caller(cluster.front()?)?;
    if command == "activate" {
        post(&mut lb, &format!("/backends/{web}/activate"), cluster).await?;
        say(&format!("{web} gets requests again"));
        return Ok(0);
    }
    let within: &u32 = args.get_one("within").expect("it has a default");
    post(&mut lb, &format!("/backends/{web}/drain?within={within}"), cluster).await?;
    let status = lb.get("/status").await.map_err(|none| cluster.no_answer(none))?;
    say(&format!("{web} drains: {}", status.field("drain")));
    let (mut last, mut looks) = (String::new(), 0);
    loop {
        let all = lb.get("/backends").await.map_err(|none| cluster.no_answer(none))?;
        let listed = all.body["backends"].as_array().into_iter().flatten();
        let now = listed.into_iter().find(|backend| backend["name"] == web.as_str());
        let now = now.ok_or_else(|| Error::Refused(format!("{web} is no longer listed")))?;
        let left = now["sessions_left"].as_u64();
        match now["state"].as_str().unwrap_or_default() {
            "gone" if left.is_some() || looks == LAST_LOOK => return Ok(gone(web, left, cluster)),
            "gone" => looks += 1,
            "active" => {
                let why = format!("{web} is active: it was activated or restarted meanwhile");
                return Err(Error::Refused(why));
            }
            "down" => {
                let why = "it does not answer; what was only in its memory may be lost";
                return Err(Error::Refused(format!(
                    "{web} is down before its drain was over: {why}"
                )));
            }
            state => {
                // Until the web process is asked, nobody knows how many sessions it has.
                let left = left.map(|left| format!("{left} sessions, ")).unwrap_or_default();
                let line = format!("{web} is {state}: {left}{} requests", open(now));
                if line != last {
                    say(&line);
                    last = line;
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn open(backend: &Value) -> u64 {
    backend["in_flight"].as_u64().unwrap_or_default()
}

/// What can be done now.
fn gone(web: &str, left: Option<u64>, cluster: &Handle) -> u8 {
    let flag = cluster.flag();
    say(&match left {
        Some(0) => format!("{web} is gone: it has no requests and no sessions, and can be stopped"),
        Some(1) => format!("{web} is gone: 1 session was only there, and is lost when it stops"),
        Some(n) => {
            format!("{web} is gone: {n} sessions were only there, and are lost when it stops")
        }
        None => format!("{web} is gone, and does not say how many sessions were only there"),
    });
    say(&format!("then:  cargo {NAME} restart {web}{flag}, or cargo {NAME} activate {web}{flag}"));
    u8::from(left != Some(0))
}

async fn post(lb: &mut Caller, path: &str, cluster: &Handle) -> Result<Answered, Error> {
    let answered = lb.post(path, &json!({})).await.map_err(|none| cluster.no_answer(none))?;
    match answered.status {
        200 => Ok(answered),
        _ => Err(Error::Refused(answered.field("error").to_owned())),
    }
}
