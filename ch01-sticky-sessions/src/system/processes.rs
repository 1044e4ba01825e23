//! The shop as a system of processes: balancer, web processes, and a store where the design has one.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Command};
use lab::event::Log;
use lab::system::{
    BoxFuture, Error, Handle, Layout, Options, Role, RoleConfig, RoleReport, Service, Status,
    System, Texts, Workload,
};
use serde_json::Value;

use super::options::{self, DESIGN, NODES, SESSIONS};
use super::web::{self, Outside};
use super::webs::{WEB_NAMES, WEBS, node};
use super::{NAME, drain, lb, load, probe, rotate};
use crate::shop::{AnyNode, Shop};
use crate::store::Store;
use crate::types::wait;
use crate::worlds::{LBS, STORE};
use crate::{
    step1_round_robin as step1, step5_shared_store as step5, step6_sealed_cookie as step6,
    step7_affinity_hint as step7,
};

/// The shop as processes: see [`super`].
pub const SYSTEM: &dyn System = &Processes;

struct Processes;

/// The node of a role under a design; the balancer is none.
fn program(design: u8, role: &str) -> Option<AnyNode> {
    match (design, node(role), role) {
        (5, Some(_), _) => Some(AnyNode::new(step5::Web::new(STORE))),
        (6, Some(_), _) => Some(AnyNode::new(step6::Web)),
        (7, Some(_), _) => Some(AnyNode::new(step7::Web::new(STORE, wait::FRESH_IN_SHOP))),
        (_, Some(_), _) => Some(AnyNode::new(step1::Web::default())),
        (_, None, "store") => Some(AnyNode::new(Store::default())),
        _ => None,
    }
}

fn has_store(design: u8) -> bool {
    matches!(design, 5 | 7)
}

/// What a record of a run is called: it says which design it is of.
fn title(design: u8) -> String {
    format!("{NAME}/step{design} cluster")
}

fn design_of(title: &str) -> u8 {
    (1..=7).find(|design| title == self::title(*design)).unwrap_or(7)
}

/// Starts what runs in the process of a role; a web process with what it has beside its node.
///
/// # Errors
/// It cannot start.
pub fn serve(config: &RoleConfig, outside: Outside) -> Result<Arc<dyn Service>, Error> {
    match program(options::design(&config.options), &config.role.name) {
        Some(node) => web::start(config, node, outside),
        None => lb::start(config),
    }
}

impl System for Processes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn about(&self) -> &'static str {
        "A small shop behind a load balancer: who stays signed in when a web process dies?"
    }

    fn texts(&self) -> Texts {
        Texts {
            ready: "the shop is open, and its pages for operators are",
            try_first: &["kill web-1", "restart web-1", "status"],
            after_a_kill: "status",
        }
    }

    /// Where users come, and what to type.
    fn greeting(&self, roles: &[RoleReport]) -> Vec<String> {
        let lb = roles.iter().find_map(|role| role.status.as_ref()?.own.get("shop"));
        let Some(Value::String(shop)) = lb else { return Vec::new() };
        let curl = "curl -s -b target/ch01/cookies -c target/ch01/cookies";
        vec![
            format!("open http://{shop} in a browser, or:"),
            format!("{curl} -X POST 'http://{shop}/sign-in?user=alice'"),
            format!("{curl} -X POST 'http://{shop}/cart?item=umbrella'"),
            format!("{curl} -i http://{shop}/cart"),
        ]
    }

    fn options(&self) -> Vec<Arg> {
        options::args()
    }

    fn role_names(&self) -> Vec<&'static str> {
        ["lb"].into_iter().chain(WEB_NAMES).chain(["store"]).collect()
    }

    fn layout(&self, options: &Options) -> Result<Layout, Error> {
        let (design, nodes) = (options::design(options), options::nodes(options));
        let webs = &WEBS[..nodes];
        let elsewhere = options::has_sessions(options);
        if elsewhere && !has_store(design) {
            let why =
                "designs 5 and 7 have a session store; leave out --sessions, or choose one of them";
            return Err(Error::Refused(why.into()));
        }
        Outside::of(options)?;
        let store = if has_store(design) && !elsewhere { &[STORE][..] } else { &[] };
        let mut roles = vec![Role { has_log: false, ..Role::new("lb", LBS[0], webs) }];
        roles.extend(webs.iter().zip(WEB_NAMES).map(|(id, name)| Role {
            kind: "web".into(),
            has_log: false,
            ..Role::new(name, *id, store)
        }));
        roles.extend(store.iter().map(|id| Role::new("store", *id, webs)));
        let kept = Options::default()
            .with_value(DESIGN, design.to_string())
            .with_value(NODES, nodes.to_string());
        // Not the address: a store may move.
        let kept = if elsewhere { kept.with_flag(SESSIONS) } else { kept };
        Ok(Layout { title: title(design), roles, front: "lb".into(), kept })
    }

    fn absent(&self, role: &str) -> String {
        format!("there is no {role} in this cluster: `status` shows which roles there are")
    }

    fn serve(&self, config: &RoleConfig) -> Result<Arc<dyn Service>, Error> {
        serve(config, Outside::of(&config.options)?)
    }

    fn describe(&self, role: &str, status: Option<&Status>) -> Vec<String> {
        let Some(status) = status else { return vec!["down".into()] };
        if let Some(Value::Object(backends)) = status.own.get("backends") {
            let states = backends
                .iter()
                .map(|(name, state)| format!("{name} {}", state.as_str().unwrap_or_default()));
            let states = states.collect::<Vec<_>>().join(", ");
            let shop = status.own.get("shop").and_then(Value::as_str);
            let shop = shop.map(|shop| format!("users come to http://{shop}"));
            return [states].into_iter().chain(shop).collect();
        }
        let sessions = status.own.get("sessions").and_then(Value::as_u64).unwrap_or_default();
        let what = if role == "store" { "sessions, ended ones too" } else { "sessions in memory" };
        vec![format!("{sessions} {what}")]
    }

    fn lost(&self, _role: &str, status: &Status) -> String {
        let sessions = status.own.get("sessions").and_then(Value::as_u64).unwrap_or_default();
        let s = if sessions == 1 { "" } else { "s" };
        format!("its memory, with {sessions} session{s} in it")
    }

    fn commands(&self) -> Vec<Command> {
        let own = [rotate::command(), probe::command::command()];
        drain::commands().into_iter().chain(own).collect()
    }

    fn act<'a>(
        &'a self,
        command: &'a str,
        args: &'a ArgMatches,
        cluster: &'a Handle,
    ) -> BoxFuture<'a, Result<u8, Error>> {
        match command {
            "probe" => Box::pin(probe::command::act(args)),
            "rotate-keys" => Box::pin(rotate::act(args, cluster)),
            _ => Box::pin(drain::act(command, args, cluster)),
        }
    }

    fn replay(&self, log: &Log) -> Result<Log, String> {
        let design = design_of(&log.header.title);
        let id = |name: &str| node(name).unwrap_or(STORE);
        lab::replay::replay::<Shop>(
            log,
            |summary| summary.to_string(),
            |name| Some((id(name), program(design, name)?)),
        )
    }

    fn workload(&self, front: SocketAddr) -> Box<dyn Workload> {
        Box::new(load::Visits::new(front))
    }
}
