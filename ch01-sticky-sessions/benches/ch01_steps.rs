//! What does each fix cost? One user's pages, in each design: a balancer, four web nodes and, where there is
//! one, a store, as drivers over loopback TCP.
//!
//! `BENCH_SAVE=1 cargo bench --bench ch01_steps` keeps the table in `book/data/measured`.

use std::path::Path;
use std::time::Duration;

use ch01_sticky_sessions::designs::{Row, rows};
use ch01_sticky_sessions::shop::{AnyNode, Shop};
use ch01_sticky_sessions::step7_affinity_hint as step7;
use ch01_sticky_sessions::types::{
    Action, Address, Answer, Cookies, Item, Jar, Msg, SessionId, SetCookie, User, wait,
};
use ch01_sticky_sessions::worlds::{LBS, STORE, WEBS};
use criterion::Criterion;
use lab::NodeId;
use lab::measure::{Exchange, Nodes, Step, Steps};

const STEPS: Steps = Steps {
    unit: "page",
    about: "One user's pages, one at a time: nine looks, then one more thing in the cart, and so on. Who\n\
            is asked to sign in does so, and asks once more, which counts as the same page.\n\
            A balancer, four web nodes, a store from step 5 on (not in step 6).",
    how_to_read: "a ratio with ≈ is no difference. In step 1 the user signs in for each page, in vain: the next request goes to the next node. Steps 2 to \
                  4 and 6 ask no store; a step with a worse verdict is not faster at the same thing. \
                  These nodes send frames: the processes of `cargo ch01` are behind HTTP.",
    versions: concat!("ch01-sticky-sessions ", env!("CARGO_PKG_VERSION")),
    command: "BENCH_SAVE=1 cargo bench --bench ch01_steps",
    kept: concat!(env!("CARGO_MANIFEST_DIR"), "/../book/data/measured/ch01_steps.json"),
};
/// One page of so many changes the cart.
const CHANGES: u64 = 10;

/// A design, and the browser of one user before it.
struct Pages {
    nodes: Nodes<Shop>,
    jar: Jar,
    pages: u64,
    sign_ins: u128,
}

impl Pages {
    fn start(row: &Row, dir: &Path) -> Self {
        let web = || match row.info.id {
            "step7" => AnyNode::new(step7::Web::new(STORE, wait::FRESH_IN_SHOP)),
            _ => (row.nodes.web)(),
        };
        let lb = [(LBS[0], (row.nodes.balancer)(&WEBS))];
        let webs = WEBS.into_iter().map(|id| (id, web()));
        let store = row.nodes.store.map(|store| (STORE, store()));
        let nodes = lb.into_iter().chain(webs).chain(store).collect();
        let exchange = Exchange {
            request: |_, number| request(number, Cookies::default(), Action::Look),
            is_answer,
        };
        let names = (row.info.id, row.info.verdict);
        let nodes = Nodes::start(names, dir, nodes, &LBS[..1], exchange);
        Self { nodes, jar: Jar::default(), pages: 0, sign_ins: 0 }
    }

    fn ask(&mut self, action: &Action) -> Answer {
        // Cookies that end by themselves do so by a clock that is not asked here: none has ended.
        let cookies = self.jar.cookies().clone();
        let asked = |_: NodeId, number| request(number, cookies.clone(), action.clone());
        let Msg::Response { answer, set, .. } = self.nodes.ask(asked, is_answer) else {
            unreachable!("only responses are answers")
        };
        set.iter().for_each(|cookie: &SetCookie| self.jar.keep(cookie, Duration::ZERO));
        answer
    }
}

fn request(number: u64, cookies: Cookies, action: Action) -> Msg {
    Msg::Request { number, address: Address(1), cookies, action }
}

fn is_answer(msg: &Msg, asked: u64) -> bool {
    matches!(msg, Msg::Response { number, answer, .. }
        if *number == asked && *answer != Answer::Unavailable)
}

impl Step for Pages {
    fn name(&self) -> &'static str {
        self.nodes.name()
    }

    fn verdict(&self) -> &'static str {
        self.nodes.verdict()
    }

    fn once(&mut self) {
        self.pages += 1;
        let action = match self.pages % CHANGES {
            0 => Action::Add(Item::new("umbrella")),
            _ => Action::Look,
        };
        if self.ask(&action) == Answer::SignInPage {
            self.sign_ins += 1;
            let fresh = SessionId(self.sign_ins);
            self.ask(&Action::SignIn { user: User::new("alice"), fresh });
            self.ask(&action);
        }
    }

    fn counts(&mut self) -> (u64, u64) {
        self.nodes.counts()
    }
}

fn all(dir: &Path) -> Vec<Box<dyn Step>> {
    rows().iter().map(|row| -> Box<dyn Step> { Box::new(Pages::start(row, dir)) }).collect()
}

fn main() {
    let has = |flag| std::env::args().any(|arg| arg == flag);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    if !has("--list") {
        STEPS.begin(target);
    }
    let dir = tempfile::tempdir_in(target).expect("target/ can be written");
    let mut steps = all(dir.path());
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    for step in &mut steps {
        let mut group = criterion.benchmark_group(format!("ch01/{}", step.name()));
        group.bench_function("page", |b| b.iter(|| step.once()));
        group.finish();
    }
    if !has("--list") {
        STEPS.end(target, &mut steps, has("--test"));
    }
}
