//! What a tracer is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use lab::run::{Context, Done, Driver, Traced, Tracer};

use crate::cluster::{BACKUP, PRIMARY, ask, config, introduce, other, run};
use crate::toy::{Ledger, Msg, Words};

/// Names each piece of work by a number, and remembers what it is told about it.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<Work>>);

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
        self.0.lock().unwrap().clone()
    }

    fn change(&self, context: &Context, change: impl FnOnce(&mut Work)) {
        let number: usize = context.as_bytes()[0].into();
        change(&mut self.0.lock().unwrap()[number - 1]);
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

    fn headers(&self, _: &Context) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn step(&self, role: &str, what: &str, context: &Context) -> Context {
        let mut all = self.0.lock().unwrap();
        let (role, what) = (role.into(), what.into());
        all.push(Work { role, what, under: *context, done: None, answered_by: None });
        numbered(all.len())
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
