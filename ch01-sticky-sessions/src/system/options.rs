//! What `cluster` may be asked for, beside what every system has.

use std::path::Path;
use std::sync::Arc;

use clap::{Arg, ArgAction, value_parser};
use lab::system::{Error, Options, RoleConfig};

use super::picks::POLICIES;
use super::seal::keys::Keys;
use super::webs::WEBS;

/// The most web processes of a cluster.
const MOST: i64 = WEBS.len() as i64;
/// Which design runs.
pub(super) const DESIGN: &str = "design";
/// How many web processes there are.
pub(super) const NODES: &str = "nodes";
/// Where users come.
pub(super) const SHOP_PORT: &str = "shop-port";
/// How many threads the balancer has.
const THREADS: &str = "threads";
/// Where requests go, whatever the design says.
const POLICY: &str = "policy";
/// Where the keys are, with which what goes to browsers is sealed.
pub(super) const KEYS: &str = "keys";
/// Whether TLS ends in front of the balancer.
pub(super) const TLS_IN_FRONT: &str = "tls-in-front";
/// Where the session store is, if it is elsewhere.
pub(super) const SESSIONS: &str = "sessions";

pub(super) fn args() -> Vec<Arg> {
    let number = |name: &'static str| Arg::new(name).long(name).value_name("N");
    vec![
        number(DESIGN)
            .value_parser(value_parser!(u8).range(1..=7))
            .help("The design, 1 to 7; 7 if nothing is said"),
        number(NODES)
            .value_parser(value_parser!(u8).range(1..=MOST))
            .help(format!("How many web processes, up to {MOST}; 4 if nothing is said")),
        number(SHOP_PORT)
            .value_parser(value_parser!(u16))
            .help("Where users come; 0 is any free port; 8000 if that is free and nothing is said"),
        number(THREADS)
            .value_parser(value_parser!(u8).range(1..=64))
            .help("How many threads the balancer has; 2 if nothing is said"),
        Arg::new(POLICY)
            .long(POLICY)
            .value_name("NAME")
            .value_parser(known_policy)
            .help(format!("Where requests go, whatever the design says: {}", POLICIES.join(", "))),
        Arg::new(SESSIONS).long(SESSIONS).value_name("redis://HOST:PORT,…").help(
            "Designs 5 and 7: keep the sessions in chapter 3's store, or in a Redis, instead of the process \
             `store`",
        ),
        Arg::new(TLS_IN_FRONT).long(TLS_IN_FRONT).action(ArgAction::SetTrue).help(
            "TLS ends at a proxy in front of the balancer: cookies are `Secure`, and their names begin with \
             `__Host-`",
        ),
        Arg::new(KEYS).long(KEYS).value_name("FILE").help(
            "Designs 6 and 7: the keys that seal cookies; without it, they are made in the data directory",
        ),
    ]
}

/// Checks the name of a policy.
fn known_policy(name: &str) -> Result<String, String> {
    let all = POLICIES.join(", ");
    match name {
        known if POLICIES.contains(&known) => Ok(known.to_owned()),
        "fewest" => Err(format!(
            "it goes by the number of sessions, and this balancer asks those web processes alone that drain; \
             `least-connections` goes by requests under way, which it knows (there are {all})"
        )),
        _ => Err(format!("there is no such policy; choose one of {all}")),
    }
}

/// A number that was given.
pub(super) fn number(options: &Options, name: &str) -> Option<u16> {
    options.values(name).last()?.parse().ok()
}

/// How many threads the balancer has.
pub(super) fn threads(options: &Options) -> usize {
    number(options, THREADS).map_or(2, usize::from)
}

/// The number of the design.
pub(super) fn design(options: &Options) -> u8 {
    number(options, DESIGN).and_then(|design| u8::try_from(design).ok()).unwrap_or(7)
}

/// Where requests go, if that was given.
pub(super) fn policy(options: &Options) -> Option<&str> {
    options.values(POLICY).last().map(String::as_str)
}

/// Whether TLS ends in front of the balancer.
pub(super) fn tls_in_front(options: &Options) -> bool {
    options.has(TLS_IN_FRONT)
}

/// Whether sessions are in the memory of web processes, and nowhere else.
pub(super) fn in_memory(design: u8) -> bool {
    design <= 4
}

/// Whether browsers get what is sealed.
fn has_keys(design: u8) -> bool {
    matches!(design, 6 | 7)
}

/// The keys of a role that seals something, or opens it.
pub(super) fn keys(config: &RoleConfig) -> Result<Option<Arc<Keys>>, Error> {
    if !has_keys(design(&config.options)) {
        return Ok(None);
    }
    let keys = match config.options.values(KEYS).last() {
        Some(file) => Keys::at(Path::new(file)),
        None => Keys::made_at(&config.shared.join(KEYS)),
    };
    keys.map(Some).map_err(|none| Error::Refused(none.to_string()))
}

/// Whether the sessions are in a store elsewhere.
pub(super) fn has_sessions(options: &Options) -> bool {
    options.has(SESSIONS)
}

/// How many web processes.
pub(super) fn nodes(options: &Options) -> usize {
    number(options, NODES).map_or(4, usize::from)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::system::SYSTEM;

    fn role(name: &str, shared: &Path, own: PathBuf) -> RoleConfig {
        let options = Options::default().with_value(DESIGN, "6");
        let layout = SYSTEM.layout(&options).expect("a design");
        let role = layout.role(name).expect("it has this role").clone();
        let own = RoleConfig::new(role, (layout, options), 7, own);
        RoleConfig { shared: shared.into(), ..own }
    }

    #[test]
    fn a_policy_that_the_balancer_cannot_follow_is_refused_with_what_can_be_used() {
        for name in POLICIES {
            assert_eq!(known_policy(name).as_deref(), Ok(name));
        }
        let why = known_policy("fewest").expect_err("nobody counts the sessions");
        assert!(why.contains("number of sessions") && why.contains("`least-connections`"), "{why}");
        let why = known_policy("sticky-ish").expect_err("unknown");
        assert!(why.contains("choose one of round-robin, random"), "{why}");
    }

    #[test]
    fn all_roles_have_the_same_keys_however_deep_their_own_directories_are() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name, own: &str| {
            let keys = keys(&role(name, dir.path(), dir.path().join(own))).expect("keys");
            keys.expect("design 6 seals").now().names()
        };
        assert_eq!(at("web-1", "web-1"), at("web-2", "web-2/data"));
        assert!(dir.path().join(KEYS).exists());
    }
}
