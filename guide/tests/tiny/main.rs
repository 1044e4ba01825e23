//! A chapter that only says what is its own gets every command, page and exhibit. Its system runs as
//! processes of this very program, so this test has a `main` of its own.

#[path = "../guide/made_up.rs"]
mod made_up;

mod chapter;

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};

use guide::commands::measure::Wanted;
use guide::workspace::Workspace;

static TINY: chapter::Tiny = chapter::Tiny;

/// What this program is started for by the test itself; anything else is a test run.
const COMMANDS: [&str; 6] = ["role", "cluster", "status", "kill", "restart", "load"];

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if args.get(1).and_then(|arg| arg.to_str()).is_some_and(|arg| COMMANDS.contains(&arg)) {
        let ws = Workspace { root: ".".into(), chapters: vec![&TINY] };
        let code = guide::cli::run(&ws, args, &mut std::io::stdout());
        return ExitCode::from(u8::try_from(code).unwrap_or(2));
    }
    // Cargo lists tests and passes filters; there is one test here.
    if args.iter().any(|arg| arg == "--list") {
        println!("a_tiny_chapter_gets_everything: test");
        return ExitCode::SUCCESS;
    }
    commands_pages_and_exhibits();
    if cfg!(unix) {
        a_cluster_is_started_killed_restarted_and_loaded();
        a_cluster_is_measured();
    }
    println!("test a_tiny_chapter_gets_everything ... ok");
    ExitCode::SUCCESS
}

const STEP: &str = "<!-- page: kind=step chapter=ch98 step=step1 -->
# Count

{{#figure run=ch98/one timeline=true caption=\"One.\"}}

{{#plot name=ch98/copies caption=\"Each copy counts.\"}}

{{#table name=ch98/copies}}

{{#output file=ch98/find.txt}}

{{#exercise id=ch98/both}}
";

fn book() -> (tempfile::TempDir, Workspace) {
    let page = |kind: &str, rest: &str| format!("<!-- page: kind={kind} -->\n# {kind}\n\n{rest}\n");
    let breakit = "{{#breakit chapter=ch98 step=step1 path=0 run=ch98/one caption=\"Break it.\"}}";
    made_up::book(
        &TINY,
        &[
            ("ch98-tiny/src/step1_count.rs", "// Counts.\n"),
            ("ch98-tiny/exercises/both.rs", include_str!("../guide/exercise.txt")),
            ("book/data/outputs/ch98/find.txt", "$ cargo guide find ch98/step1\n"),
            (
                "book/src/SUMMARY.md",
                "# Summary\n\n[Start](start.md)\n\n- [Break it](breakit.md)\n- [Count](step.md)\n- \
                 [Card](card.md)\n- [Glossary](glossary.md)\n",
            ),
            ("book/src/start.md", &page("start", "[Count](step.md)")),
            ("book/src/breakit.md", &page("breakit chapter=ch98", breakit)),
            ("book/src/step.md", STEP),
            ("book/src/card.md", &page("card chapter=ch98", "{{#matrix chapter=ch98}}")),
            ("book/src/glossary.md", &page("glossary", "counted\n: Once, one hopes.")),
        ],
    )
}

fn commands_pages_and_exhibits() {
    let (_dir, ws) = book();
    let guide = |line: &str, wanted: i32, words: &str| {
        let args = format!("guide {line}");
        let mut out = Vec::new();
        let code = guide::cli::run(&ws, args.split(' ').map(Into::into).collect(), &mut out);
        let said = String::from_utf8(out).expect("words");
        assert_eq!(code, wanted, "{line}: {said}");
        assert!(said.contains(words), "{line}: {said}");
    };
    guide("list", 0, "ch98/step1  Count what comes");
    guide("run ch98/step1 --seed 7", 0, "add for n10");
    guide("find ch98/step1", 0, "one was added and 2 are counted");
    guide("explore ch98/step1 --crashes 0 --duplicates 1", 0, "as expected");
    guide("explore ch98/step1 --fault loss", 0, "stuck waits for ever");
    guide("points ch98/step1", 0, "lost: add for n10");
    guide("matrix ch98", 0, "✗ unsafe");
    guide("diff ch98 step1 step1", 0, "0 lines added");
    guide("replay book/data/runs/ch98/one.jsonl", 2, "cannot read");
    guide("exercise start ch98/both", 0, "both.rs");
    guide("exercise hint ch98/both", 0, "How many machines vote?");
    guide("measure ch98 outage", 2, "one of: load (its system under 1, 8 and 64 clients)");
    if cfg!(debug_assertions) {
        guide("measure ch98", 2, "run `cargo run --release --bin guide -- measure ch98`");
    }
    guide("book check", 0, "0 errors");
    let call = br#"{"chapter":"ch98","step":"step1","call":"show","path":[]}"#;
    let shown = guide::serve::answer(&ws, call);
    assert!(shown["path"].is_array(), "an exhibit knows the shortest way to break it: {shown}");
}

/// A cluster that dies with this value.
struct Cluster {
    child: Child,
    dir: tempfile::TempDir,
    /// What it prints later is not read, but the pipe has to stay open.
    lines: Lines<BufReader<ChildStdout>>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Its roles end when their standard input does.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn this_program() -> Command {
    Command::new(std::env::current_exe().expect("this program"))
}

impl Cluster {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut command = this_program();
        command.args(["cluster", "ch98", "--dir"]).arg(dir.path()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut cluster = Self { child, dir, lines };
        let ready = cluster.lines.by_ref().any(|line| line.is_ok_and(|l| l.contains("it counts")));
        assert!(ready, "the cluster says when it is ready");
        cluster
    }

    fn output(&self, words: &str, wanted: i32) -> String {
        let mut command = this_program();
        command.args(words.split(' ')).arg("--dir").arg(self.dir.path());
        let done = command.output().expect("this program starts");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let errors = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(wanted), "{words}: {said}{errors}");
        said
    }
}

fn a_cluster_is_started_killed_restarted_and_loaded() {
    let cluster = Cluster::start();
    assert!(cluster.output("status ch98", 0).contains("count: 0"));
    let loaded = cluster.output("load ch98 --clients 2 --seconds 1", 0);
    assert!(loaded.contains("verdict: ok, it counted from 1 to"), "{loaded}");
    assert!(cluster.output("kill ch98 keeper", 0).contains("killed keeper"));
    assert!(cluster.output("status ch98", 0).contains("down"));
    assert!(cluster.output("restart ch98 keeper", 0).contains("keeper is back"));
    let status = cluster.output("status ch98", 0);
    let keeper = status.lines().find(|line| line.starts_with("keeper")).expect("a line");
    assert!(!keeper.contains("down") && !keeper.ends_with("count: 0"), "its log kept it: {keeper}");
    std::io::stdout().flush().expect("a terminal");
}

fn a_cluster_is_measured() {
    let (dir, ws) = book();
    let wanted = Wanted { name: None, seconds: 1, dir: None, save: false };
    let mut out = Vec::new();
    let ok = guide::commands::measure::run(&ws, "ch98", wanted, &mut out);
    let said = String::from_utf8(out).expect("words");
    assert!(ok.unwrap_or_else(|error| panic!("{error}\n{said}")), "{said}");
    assert!(said.contains("round 1 of 1: 64 × ch98: "), "{said}");
    assert!(said.contains("; ok, it counted from "), "{said}");
    assert!(said.contains("adds/s ± spread"), "{said}");
    let kept = ws.read("target/measure/ch98_load.json").expect("it is kept");
    assert!(kept.contains("cargo run --release --bin guide -- measure ch98"), "{kept}");
    let left = std::fs::read_dir(dir.path().join("target/measure")).expect("a folder").count();
    assert_eq!(left, 1, "the data of the cluster is gone");
}
