//! A whole chapter, as small as one can be: a counter behind a front. The front takes *add* from
//! clients and passes it on; the keeper counts. It counts a message that comes twice two times, and
//! an *add* that is lost is lost.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use lab::chapter::{Chapter, Figure, Mark, Models, Plot, Series, StepInfo, Table, Verdict};
use lab::event::Log;
use lab::explore::{Limits, Model};
use lab::http::{Caller, answer, refuse};
use lab::measure::{Failed, Waits};
use lab::run::{ClientPool, Driver};
use lab::script::Play;
use lab::study::{Check, Design, How, Study};
use lab::system::{
    BoxFuture, Customer, Error, Layout, NodeService, Options, Role as Process, RoleConfig, Service,
    System, Texts, Words, Workload,
};
use lab::world::{Role, World};
use lab::{AnyNode, Cx, Input, Node, NodeId, Protocol};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const FRONT: NodeId = NodeId(1);
const KEEPER: NodeId = NodeId(2);
const CLIENT: NodeId = NodeId(10);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) enum Msg {
    /// Client → front → keeper: count one for this client.
    Add(NodeId),
    /// Back again: so many.
    Count(NodeId, u64),
    /// "How many?" With `Count` of the asker as its answer.
    Status,
}

impl Display for Msg {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(of) => write!(f, "add for {of}"),
            Self::Count(of, count) => write!(f, "{count} for {of}"),
            Self::Status => f.write_str("how many?"),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Counter;

/// A record is the new count, a summary the count that a node knows.
impl Protocol for Counter {
    type Msg = Msg;
    type Timer = u8;
    type Record = u64;
    type Note = u8;
    type Summary = u64;
}

/// All three roles: each message is taken by the one that it is for.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Tally {
    count: u64,
}

impl Node for Tally {
    type Protocol = Counter;

    fn step(&mut self, input: Input<Counter>, cx: &mut Cx<'_, Counter>) {
        match input {
            Input::Replay(count) => self.count = count,
            Input::Boot { .. } if cx.me() == CLIENT => cx.send(FRONT, Msg::Add(CLIENT)),
            Input::Message { from, msg: Msg::Add(_) } if cx.me() == FRONT => {
                cx.send(KEEPER, Msg::Add(from));
            }
            Input::Message { from, msg: Msg::Add(of) } => {
                self.count += 1;
                cx.persist(self.count);
                cx.send(from, Msg::Count(of, self.count));
            }
            Input::Message { msg: Msg::Count(of, count), .. } => {
                self.count = count;
                if cx.me() == FRONT {
                    cx.send(of, Msg::Count(of, count));
                }
            }
            Input::Message { from, msg: Msg::Status } => {
                cx.send(from, Msg::Count(from, self.count));
            }
            Input::Boot { .. } | Input::Timeout(_) | Input::Disconnected(_) => {}
        }
    }

    fn summary(&self) -> u64 {
        self.count
    }
}

fn counted_once(world: &World<Counter, ()>) -> Result<(), String> {
    match world.summary(KEEPER) {
        Some(count) if *count > 1 => Err(format!("one was added and {count} are counted")),
        _ => Ok(()),
    }
}

fn is_told(world: &World<Counter, ()>) -> bool {
    world.summary(CLIENT).is_some_and(|count| *count > 0)
}

fn model() -> Model<Counter, ()> {
    let role = |id, name| Role::new(id, name, name, Tally::default());
    let roles =
        vec![role(CLIENT, "client"), role(FRONT, "front"), role(KEEPER, "keeper").may_crash()];
    let (always, sometimes) =
        (vec![("ONCE", counted_once as _)], vec![("it is told", is_told as _)]);
    Model { always, sometimes, goal: is_told, ..Model::new(roles) }
}

fn study() -> &'static Study<Counter, ()> {
    static STUDY: OnceLock<Study<Counter, ()>> = OnceLock::new();
    let check = |fault, losses, duplicates, expected| {
        let how = How::Explore(vec![Limits::progress(0, losses, duplicates)]);
        Check { fault, world: model(), how, expected }
    };
    STUDY.get_or_init(|| {
        let info = StepInfo {
            id: "step1",
            module: "step1_count",
            files: vec!["ch98-tiny/src/step1_count.rs"],
            title: "Count what comes",
            verdict: "unsafe: counts twice what comes twice",
        };
        let checks = vec![
            check("no fault", 0, 0, (Verdict::Ok, "")),
            check("loss", 1, 0, (Verdict::Stuck, "waits for ever")),
            check("duplicate", 0, 1, (Verdict::Unsafe, "ONCE")),
        ];
        let design = Design { checks, ..Design::new(info, &model()) };
        let outcome = |world: &World<Counter, ()>| world.line(CLIENT);
        Study { chapter: "ch98", designs: vec![design], outcome }
    })
}

pub(crate) struct Tiny;

impl Chapter for Tiny {
    fn id(&self) -> &'static str {
        "ch98"
    }

    fn question(&self) -> &'static str {
        "How many?"
    }

    fn folder(&self) -> &'static str {
        "ch98-tiny"
    }

    fn models(&self) -> Option<&dyn Models> {
        Some(study())
    }

    fn figures(&self) -> Vec<(String, Figure)> {
        let run = Play::new(model(), "ch98/step1: one is counted").run("run").expect("it ends");
        let series = vec![Series {
            name: "counted".into(),
            points: vec![(0.0, 1.0), (1.0, 2.0)],
            mark: Mark::Dots,
        }];
        let (x, y) = ("doubled".into(), "counted".into());
        let plot = Plot { title: "Each copy counts".into(), x, y, series };
        vec![
            ("one".into(), Figure::SpaceTime(run.into_log())),
            ("copies".into(), Figure::Plot(plot)),
        ]
    }

    fn tables(&self) -> Vec<(String, Table)> {
        let row = |cells: [&str; 2]| cells.map(ToOwned::to_owned).to_vec();
        vec![(
            "copies".into(),
            Table { columns: row(["copies", "counted"]), rows: vec![row(["1", "2"])] },
        )]
    }

    fn system(&self) -> Option<&'static dyn System> {
        Some(&Self)
    }
}

impl System for Tiny {
    fn name(&self) -> &'static str {
        "ch98"
    }

    fn about(&self) -> &'static str {
        "A counter as two processes."
    }

    fn texts(&self) -> Texts {
        Texts { ready: "it counts", try_first: &["status"], after_a_kill: "status" }
    }

    fn role_names(&self) -> Vec<&'static str> {
        vec!["front", "keeper"]
    }

    fn layout(&self, _: &Options) -> Result<Layout, Error> {
        let front = Process::new("front", FRONT, &[KEEPER]);
        let roles = vec![front, Process::new("keeper", KEEPER, &[FRONT])];
        let (title, front) = ("ch98/step1 cluster".into(), "front".into());
        Ok(Layout { title, roles, front, kept: Options::default() })
    }

    fn serve(&self, config: &RoleConfig) -> Result<Arc<dyn Service>, Error> {
        let driver = Arc::new(Driver::start(config.node(), AnyNode::new(Tally::default()), ())?);
        let pool = ClientPool::new(driver.clients());
        let pages = pool.clone();
        let add = move || {
            let pool = pages.clone();
            async move {
                match ask(&pool).await {
                    Some(count) => answer(StatusCode::OK, &json!({ "count": count })),
                    None => refuse(StatusCode::SERVICE_UNAVAILABLE, "ask again"),
                }
            }
        };
        let routes = Router::new().route("/add", post(add));
        Ok(Arc::new(NodeService::new(driver, pool, (Msg::Status, read), routes)))
    }

    fn replay(&self, log: &Log) -> Result<Log, String> {
        let node = |name: &str| match name {
            "front" => Some((FRONT, AnyNode::new(Tally::default()))),
            "keeper" => Some((KEEPER, AnyNode::new(Tally::default()))),
            _ => None,
        };
        lab::replay::replay(log, |count: u64| count.to_string(), node)
    }

    fn workload(&self, front: SocketAddr) -> Box<dyn Workload> {
        Box::new(Adders(front))
    }
}

async fn ask(pool: &ClientPool<Counter>) -> Option<u64> {
    let mut client = pool.take().ok()?;
    client.send(Msg::Add(client.id())).await.ok()?;
    let Some(Msg::Count(_, count)) = client.recv().await else { return None };
    client.answered();
    Some(count)
}

fn read(msg: Msg) -> Option<serde_json::Map<String, Value>> {
    let Msg::Count(_, count) = msg else { return None };
    Some([("count".to_owned(), json!(count))].into_iter().collect())
}

struct Adders(SocketAddr);
struct Adder(Caller);

impl Customer for Adder {
    fn ask(&mut self, _: u64) -> BoxFuture<'_, Result<(), Failed>> {
        Box::pin(async move {
            let answered = self.0.post("/add", &json!({})).await.map_err(|_| Failed)?;
            if answered.status == 200 { Ok(()) } else { Err(Failed) }
        })
    }
}

impl Workload for Adders {
    fn words(&self) -> Words {
        let waits = Waits { fsyncs: 1, round_trips: 2 };
        Words { unit: "add", done: "counted", waits, because: "one fsync, two round trips" }
    }

    fn customer(&self, _: String, _: u64) -> Box<dyn Customer> {
        Box::new(Adder(Caller::new(self.0)))
    }

    fn audit(&self) -> BoxFuture<'_, Result<Value, Error>> {
        Box::pin(async move {
            let answered = Caller::new(self.0).post("/add", &json!({})).await;
            Ok(answered.map_err(|none| Error::no_answer("ch98", none))?.body["count"].clone())
        })
    }

    fn verdict(&self, before: &Value, after: &Value) -> (bool, String) {
        (after.as_u64() > before.as_u64(), format!("it counted from {before} to {after}"))
    }
}
