//! What a tracer is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use lab::run::{Context, Done, Driver, Traced, Tracer};

use crate::cluster::{BACKUP, PRIMARY, ask, config, introduce, other, run};
use crate::toy::{Ledger, Msg, Words};

/// Names each piece of work by a number, and remembers what it is told about it.
#[derive(Debug, Default)]
struct Told {
    all: Mutex<Vec<Work>>,
    /// Whether it is told about timeouts.
    timeouts: bool,
}

#[derive(Clone, Debug)]
struct Work {
    role: String,
    what: String,
    under: Context,
    done: Option<Done>,
    answered_by: Option<Context>,
}

fn numbered(number: usize) -> Context {
    Context::new(&[u8::try_from(number).unwrap()]).unwrap()
}

impl Told {
    fn work(&self) -> Vec<Work> {
        self.all.lock().unwrap().clone()
    }

    fn change(&self, context: &Context, change: impl FnOnce(&mut Work)) {
        let number: usize = context.as_bytes()[0].into();
        change(&mut self.all.lock().unwrap()[number - 1]);
    }
}

impl Tracer for Told {
    fn request(
        &self,
        role: &str,
        what: &str,
        _: &mut dyn Iterator<Item = (&str, &str)>,
    ) -> Context {
        self.step(role, what, &Context::default())
    }

    fn step(&self, role: &str, what: &str, context: &Context) -> Context {
        let mut all = self.all.lock().unwrap();
        let (role, what) = (role.into(), what.into());
        all.push(Work { role, what, under: *context, done: None, answered_by: None });
        numbered(all.len())
    }

    fn timeout(&self, role: &str, timer: &str) -> Context {
        if !self.timeouts {
            return Context::default();
        }
        self.step(role, timer, &Context::default())
    }

    fn end(&self, context: &Context, done: &Done) {
        self.change(context, |work| {
            assert_eq!(work.done.replace(done.clone()), None, "it ends once: {work:?}");
        });
    }

    fn answered(&self, role: &str, asked: &Context, by: &Context) {
        self.change(asked, |work| {
            assert_eq!(work.role, role);
            work.answered_by = Some(*by);
        });
    }
}

fn start(me: lab::NodeId, dir: &std::path::Path, told: &Arc<Told>) -> Driver<Words> {
    let names = BTreeMap::from([(PRIMARY, "primary".into()), (BACKUP, "backup".into())]);
    let mut config = config(me, dir);
    config.traced = Some(Traced { tracer: Arc::clone(told) as Arc<dyn Tracer>, names });
    Driver::start(config, Ledger::new(other(me)), ()).unwrap()
}

#[test]
fn what_a_request_causes_is_one_chain_over_all_nodes() {
    let (dir, told) = (tempfile::tempdir().unwrap(), Arc::new(Told::default()));
    run(async {
        let (primary, backup) =
            (start(PRIMARY, dir.path(), &told), start(BACKUP, dir.path(), &told));
        introduce(&primary, &backup).await;
        let mut client = primary.clients().connect().unwrap();
        let root = told.request("client", "buy", &mut std::iter::empty());
        let added = root.scope(ask(&mut client, Msg::Add(7))).await;
        assert_eq!(added, Msg::Added { at: 0 });
        // Of what comes without a context, nothing is told.
        ask(&mut client, Msg::Ask).await;
    });
    let work = told.work();
    let chain: Vec<_> =
        work.iter().map(|one| (one.role.as_str(), one.what.as_str(), one.under)).collect();
    let none = Context::default();
    let expected = [
        ("client", "buy", none),
        ("primary", "Add(7)", numbered(1)),
        ("backup", "Copy { at: 0, number: 7 }", numbered(2)),
        ("primary", "Kept { at: 0 }", numbered(3)),
    ];
    assert_eq!(chain, expected, "{work:#?}");
    let done = |records, messages| Some(Done { records, messages, error: None });
    let ends: Vec<_> = work[1..].iter().map(|work| work.done.clone()).collect();
    assert_eq!(ends, [done(1, 1), done(1, 1), done(0, 1)], "{work:#?}");
    assert_eq!(work[1].answered_by, Some(numbered(4)));
}

/// A replica that hears of no leader is such a cause: no request has asked it to do anything.
#[test]
fn a_timeout_is_the_first_cause_of_all_that_follows_on_every_node() {
    let (dir, told) = (tempfile::tempdir().unwrap(), Told { timeouts: true, ..Told::default() });
    let told = Arc::new(told);
    run(async {
        let (primary, backup) =
            (start(PRIMARY, dir.path(), &told), start(BACKUP, dir.path(), &told));
        let mut client = primary.clients().connect().unwrap();
        // What it sends before it knows its peer is lost: a timer makes it send that again.
        client.send(Msg::Add(7)).await.unwrap();
        while !told.work().iter().any(|work| work.what == "Retry") {
            tokio::task::yield_now().await;
        }
        introduce(&primary, &backup).await;
        assert_eq!(client.recv().await, Some(Msg::Added { at: 0 }));
    });
    let work = told.work();
    let cause = |one: &Work| {
        let number = one.under.as_bytes().first().map(|number| usize::from(*number));
        number.map(|number| work[number - 1].what.as_str())
    };
    let causes: Vec<_> =
        work.iter().map(|one| (one.role.as_str(), one.what.as_str(), cause(one))).collect();
    for expected in [
        ("primary", "Retry", None),
        ("backup", "Copy { at: 0, number: 7 }", Some("Retry")),
        ("primary", "Kept { at: 0 }", Some("Copy { at: 0, number: 7 }")),
    ] {
        assert!(causes.contains(&expected), "{expected:?}: {work:#?}");
    }
}

/// Is told nothing.
#[derive(Debug)]
struct NotTold;

impl Tracer for NotTold {
    fn request(&self, _: &str, _: &str, _: &mut dyn Iterator<Item = (&str, &str)>) -> Context {
        Context::default()
    }

    fn is_told(&self, _: &Context) -> bool {
        false
    }

    fn step(&self, _: &str, what: &str, _: &Context) -> Context {
        panic!("it is told of {what}");
    }

    fn end(&self, _: &Context, done: &Done) {
        panic!("it is told of an end: {done:?}");
    }

    fn answered(&self, _: &str, asked: &Context, _: &Context) {
        panic!("it is told of the answer to {asked:?}");
    }
}

#[test]
fn a_context_that_is_not_told_is_handed_on_as_it_came() {
    let (dir, told) = (tempfile::tempdir().unwrap(), Arc::new(Told::default()));
    run(async {
        let mut config = config(PRIMARY, dir.path());
        config.traced = Some(Traced { tracer: Arc::new(NotTold), names: BTreeMap::new() });
        let primary = Driver::start(config, Ledger::new(BACKUP), ()).unwrap();
        let backup = start(BACKUP, dir.path(), &told);
        introduce(&primary, &backup).await;
        let mut client = primary.clients().connect().unwrap();
        numbered(9).scope(ask(&mut client, Msg::Add(7))).await;
    });
    let work = told.work();
    let what = work.iter().map(|one| (one.what.as_str(), one.under)).collect::<Vec<_>>();
    assert_eq!(what.first(), Some(&("Copy { at: 0, number: 7 }", numbered(9))), "{work:#?}");
}

/// Looks at how many frames have left whenever it is told that something has ended.
#[derive(Debug, Default)]
struct Looking {
    driver: OnceLock<Counted>,
    ended: Mutex<Vec<(u64, u64)>>,
}

struct Counted(Arc<Driver<Words>>);

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counted").finish_non_exhaustive()
    }
}

impl Tracer for Looking {
    fn request(&self, _: &str, _: &str, _: &mut dyn Iterator<Item = (&str, &str)>) -> Context {
        numbered(1)
    }

    fn step(&self, _: &str, _: &str, context: &Context) -> Context {
        *context
    }

    fn end(&self, _: &Context, done: &Done) {
        let mut ended = self.ended.lock().unwrap();
        let told = ended.last().map_or(0, |(told, _)| *told) + done.messages;
        let left = self.driver.get().map_or(0, |driver| driver.0.counts().frames_out);
        ended.push((told, left));
    }

    fn answered(&self, _: &str, _: &Context, _: &Context) {}
}

#[test]
fn a_piece_of_work_ends_when_all_that_it_sent_has_left() {
    let (dir, looking) = (tempfile::tempdir().unwrap(), Arc::new(Looking::default()));
    run(async {
        let primary = Driver::start(config(PRIMARY, dir.path()), Ledger::new(BACKUP), ()).unwrap();
        let mut config = config(BACKUP, dir.path());
        let tracer = Arc::clone(&looking) as Arc<dyn Tracer>;
        config.traced = Some(Traced { tracer, names: BTreeMap::new() });
        let backup = Arc::new(Driver::start(config, Ledger::new(PRIMARY), ()).unwrap());
        looking.driver.set(Counted(Arc::clone(&backup))).unwrap();
        introduce(&primary, &backup).await;
        let mut client = primary.clients().connect().unwrap();
        for number in 0..5 {
            numbered(1).scope(ask(&mut client, Msg::Add(number))).await;
        }
        backup.stop();
        backup.ended().await;
    });
    let ended = looking.ended.lock().unwrap();
    assert!(ended.len() >= 5, "{ended:?}");
    assert!(ended.iter().all(|(told, left)| told <= left), "told and left: {ended:?}");
}

#[test]
fn a_context_is_that_of_its_task_and_of_no_other() {
    run(async {
        let context = numbered(9);
        let (inside, spawned) = context
            .scope(async {
                let spawned = tokio::spawn(async { Context::current() });
                (Context::current(), spawned.await.unwrap())
            })
            .await;
        assert_eq!((inside, spawned), (context, Context::default()));
        assert!(Context::current().is_empty());
    });
}
