//! Whole runs: the nodes are this test program, started again for one ignored test that is a role, not
//! a test. What that prints as a test goes nowhere: the lines have a descriptor of their own.
#![cfg(unix)]

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use lab::check::Verdict;
use lab::maelstrom::{Fault, Report, RunError, Runner, Storage, run_over};

use super::register::{Form, Interface, Register};

const FORMS: [(&str, Form); 4] = [
    ("correct", Form::Correct),
    ("stale-copies", Form::StaleCopies),
    ("in-memory", Form::InMemory),
    ("false-abort", Form::FalseAbort),
];

#[test]
#[ignore = "a role that the other tests start as a process"]
fn role() {
    let Ok(form) = std::env::var("REGISTER_FORM") else { return };
    let (_, form) = FORMS.into_iter().find(|(name, _)| *name == form).unwrap();
    let storage = Storage::PowerCut(std::env::var("REGISTER_DIR").unwrap().into());
    let output = File::options().write(true).open("/dev/fd/3").unwrap();
    let make = |group: &_| Register::of(form, group);
    run_over::<Interface>(std::io::stdin().lock(), output, storage, make).unwrap();
}

fn register(form: &str, dir: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"exec "$0" "$@" 3>&1 1>/dev/null"#])
        .arg(std::env::current_exe().unwrap());
    command.args(["--exact", "maelstrom::bench::role", "--ignored", "--nocapture"]);
    command.arg("--test-threads=1").env("REGISTER_FORM", form).env("REGISTER_DIR", dir);
    command
}

fn run(form: &str, runner: &Runner) -> Report {
    let dir = tempfile::tempdir().unwrap();
    runner.run(|_| register(form, dir.path())).unwrap_or_else(|error| panic!("{error}"))
}

/// Short: the tests are about what is found, not about load.
fn short(operations: usize, faults: &[Fault]) -> Runner {
    Runner {
        operations,
        faults: faults.to_vec(),
        longest_fault: Duration::from_millis(500),
        timeout: Duration::from_millis(600),
        ..Runner::default()
    }
}

/// A violation is found. One run may miss it: a write that is lost shows only if it is read before the next
/// one, and which comes first is the machine's business.
fn is_found(form: &str, runner: &Runner) {
    let runs = (0..10).map(|_| run(form, runner));
    let missed: Vec<Report> = runs.take_while(|report| !is_violation(report)).collect();
    assert!(missed.len() < 10, "{form}: {}", missed[0]);
}

fn is_violation(report: &Report) -> bool {
    matches!(report.judged.verdict, Verdict::Violation { .. })
}

#[test]
fn a_correct_store_is_linearizable_under_every_fault() {
    use Fault::{Crash, CrashAll, MajoritiesRing, Majority, One};
    let runner =
        Runner { loss: 10_000, ..short(600, &[One, Majority, Crash, MajoritiesRing, CrashAll]) };
    let report = run("correct", &runner);
    assert_eq!(report.judged.verdict, Verdict::Ok, "{report}");
    let totals = report.totals;
    assert!(totals.answered >= 600 && totals.answered_in_fault >= 50, "{report}");
    assert_eq!(report.judged.counts.operations, totals.ok + totals.fail + totals.info, "{report}");
    assert!(report.judged.counts.reads >= 100, "{report}");
    assert!(totals.info > 0 && report.traffic.lost > 0, "{report}");
}

#[test]
fn reads_of_stale_copies_are_a_violation() {
    is_found("stale-copies", &short(400, &[]));
}

#[test]
fn a_write_that_is_only_in_memory_is_lost_at_a_crash_and_in_no_partition() {
    let report = run("in-memory", &short(300, &[Fault::One, Fault::Majority]));
    assert_eq!(report.judged.verdict, Verdict::Ok, "{report}");
    is_found("in-memory", &short(300, &[Fault::CrashAll]));
}

#[test]
fn a_definite_error_about_what_was_done_is_a_violation() {
    is_found("false-abort", &Runner { loss: 100_000, ..short(400, &[]) });
}

/// One node that is a shell, with a directory of its own, and a bench that needs 20 answers in time.
fn shell(script: &str, deadline: Duration) -> Result<Report, RunError> {
    let dir = tempfile::tempdir().unwrap();
    let runner = Runner { nodes: 1, keys: 1, deadline, ..short(20, &[]) };
    let report = runner.run(|_| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("echo $$ >pid\n{script}")]).current_dir(dir.path());
        command
    });
    let pid = std::fs::read_to_string(dir.path().join("pid")).unwrap();
    let process = Path::new("/proc").join(pid.trim());
    assert!(!process.exists(), "the child is gone, and was waited for");
    report
}

const LONG: Duration = Duration::from_secs(60);
const INIT_OK: &str = r#"{"src":"n1","dest":"c0","body":{"type":"init_ok","in_reply_to":1}}"#;

/// Reads, and writes nothing.
const SILENT: &str = "while read line; do :; done";

/// Answers `init`, and then does what the script says.
fn after_init(script: &str, deadline: Duration) -> Result<Report, RunError> {
    shell(&format!("read init\necho '{INIT_OK}'\n{script}"), deadline)
}

#[test]
fn a_run_without_answers_fails() {
    let error = after_init(SILENT, Duration::from_millis(300)).unwrap_err();
    assert!(matches!(error, RunError::TooFew { answered: 0, wanted: 20 }), "{error}");
    // Nor is a refusal an answer, however definite it is.
    let refuse = r#"while read line; do
        id=${line##*\"msg_id\":}; id=${id%%[,\}]*}
        src=${line#*\"src\":\"}; src=${src%%\"*}
        echo '{"src":"n1","dest":"'$src'","body":{"type":"error","in_reply_to":'$id',"code":11}}'
    done"#;
    let error = after_init(refuse, Duration::from_millis(300)).unwrap_err();
    assert!(matches!(error, RunError::TooFew { answered: 0, wanted: 20 }), "{error}");
}

#[test]
fn a_node_that_ends_by_itself_is_an_error() {
    let error = shell("exit 3", LONG).unwrap_err();
    assert!(matches!(error, RunError::NotReady { .. }), "{error}");
    let error = after_init("read request; exit 0", LONG).unwrap_err();
    assert!(matches!(error, RunError::Ended { .. }), "{error}");
}

#[test]
fn what_is_no_message_on_standard_output_is_an_error() {
    for line in [
        "hello",
        r#"{"src":"n2","dest":"c1","body":{}}"#,
        r#"{"src":"n1","dest":"c1","body":7}"#,
        r"\377\376",
    ] {
        let script = format!("printf '{line}\\n'; {SILENT}");
        let error = after_init(&script, LONG).unwrap_err();
        assert!(matches!(error, RunError::Malformed { .. }), "{line}: {error}");
    }
    let long = format!("head -c 9000000 /dev/zero; echo; {SILENT}");
    let error = after_init(&long, LONG).unwrap_err();
    assert!(error.to_string().contains("longer than 8388608 bytes"), "{error}");
}

#[test]
fn an_answer_of_another_kind_is_an_error() {
    let senseless = r#"read line
        src=${line#*\"src\":\"}; src=${src%%\"*}
        echo '{"src":"n1","dest":"'$src'","body":{"type":"txn_ok","in_reply_to":1}}'
        while read line; do :; done"#;
    let error = after_init(senseless, LONG).unwrap_err();
    assert!(error.to_string().contains("is no answer to a"), "{error}");
}

#[test]
fn a_program_that_does_not_exist_and_a_run_without_nodes_are_errors() {
    let error = short(10, &[]).run(|_| Command::new("./no such program")).unwrap_err();
    assert!(matches!(error, RunError::Start { .. }), "{error}");
    let error = Runner { nodes: 0, ..Runner::default() }.run(|_| Command::new("sh")).unwrap_err();
    assert!(matches!(error, RunError::Options("`nodes`")), "{error}");
}
