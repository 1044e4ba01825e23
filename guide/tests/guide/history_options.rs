//! `check-history`: its options, standard input, pipes that close, and how far a long search is.

use std::fmt::Write as _;
use std::io::{Error, ErrorKind, Write};
use std::process::{Command, Output, Stdio};

use guide::commands::check_history::{Model, Rules, judge};
use lab::check::linear::MOST_STATES;

use crate::fake;
use crate::histories::lines;

/// Judges a file with this name, with options that are split as a shell would.
fn check_named(name: &str, history: &str, options: &[&str]) -> (i32, String) {
    let (dir, ws) = fake::book();
    let file = dir.path().join(name);
    std::fs::write(&file, history).unwrap();
    let mut args = vec!["guide".into(), "check-history".into(), file.into_os_string()];
    args.extend(options.iter().map(Into::into));
    let mut out = Vec::new();
    let code = guide::cli::run(&ws, args, &mut out);
    (code, String::from_utf8(out).unwrap().replace(&dir.path().display().to_string(), "DIR"))
}

fn check(history: &str, options: &str) -> (i32, String) {
    check_named("h.jsonl", history, &options.split_whitespace().collect::<Vec<_>>())
}

const OK: &str = "1 invoke write 1\n1 ok write\n2 invoke read\n2 ok read 1";
const BAD: &str = "1 invoke write 1\n1 ok write\n2 invoke read\n2 ok read 2";

/// Takes far longer than any test.
fn hard() -> String {
    let mut text = String::new();
    (0..40).for_each(|i| writeln!(text, "{i} invoke write {i}").unwrap());
    lines(
        &(text
            + "99 invoke read\n99 ok read 0\n99 invoke read\n99 ok read 1\n99 invoke read\n99 ok read 0"),
    )
}

#[test]
fn an_option_that_means_nothing_for_the_model_exits_3() {
    for (models, option) in [
        (&["register", "kv", "bank"][..], "--strict"),
        (&["register", "kv", "append"], "--total 3"),
        (&["register", "kv", "append"], "--negative-balances"),
        (&["append", "bank"], "--initial 3"),
        (&["append", "bank"], "--states 3"),
        (&["append", "bank", "session"], "--seconds 3"),
        (&["register", "kv", "append", "bank"], "--within 3"),
    ] {
        for model in models {
            let (code, said) = check("", &format!("--model {model} {option}"));
            assert_eq!(code, 3, "{said}");
            assert!(said.contains(&format!("means nothing for --model {model}")), "{said}");
        }
    }
    let (_, help) = check("", "--help");
    assert!(help.contains(&format!("[default: {MOST_STATES}]")), "{help}");
    for option in ["--states 0", "--seconds 0", "--initial {", "--initial", "--lines -1", "--what"]
    {
        let (code, said) = check(&lines(OK), &format!("--model register {option}"));
        assert_eq!(code, 3, "{option}: {said}");
    }
}

#[test]
fn the_value_before_the_first_write_may_be_given() {
    let read = |value: &str| lines(&format!("1 invoke read\n1 ok read {value}"));
    for (initial, seen, code) in [
        ("0", "0", 0),
        ("0", "null", 1),
        ("0", "1", 1),
        ("\"a\"", "\"a\"", 0),
        ("-1", "-1", 0),
        ("18446744073709551617", "18446744073709551617", 0),
        ("18446744073709551617", "18446744073709551618", 1),
        ("null", "null", 0),
    ] {
        let options = format!("--model register --initial {initial}");
        let (found, said) = check(&read(seen), &options);
        assert_eq!(found, code, "{initial} {seen}: {said}");
    }
    let deleted = "1 invoke delete\n1 ok delete\n1 invoke get\n1 ok get";
    assert_eq!(check(&lines(deleted), "--model kv --initial 0").0, 0);
}

#[test]
fn balances_below_zero_may_be_allowed() {
    let history = lines("1 invoke read\n1 ok read {\"a\":-3,\"b\":7}");
    assert_eq!(check(&history, "--model bank").0, 1);
    assert_eq!(check(&history, "--model bank --negative-balances").0, 0);
    assert_eq!(check(&history, "--model bank --negative-balances --total -4").0, 1);
}

#[test]
fn as_many_lines_are_printed_as_are_asked_for() {
    let history = lines(BAD.replace("read 2", "read null").as_str());
    for (options, shown, more) in [
        ("", 4, None),
        ("--lines 4", 4, None),
        ("--lines 3", 3, Some(1)),
        ("--lines 0", 0, Some(4)),
    ] {
        let (code, said) = check(&history, &format!("--model register {options}"));
        assert_eq!(code, 1);
        assert_eq!(said.lines().filter(|line| line.starts_with('{')).count(), shown, "{said}");
        let hint = "next: cargo guide check-history DIR/h.jsonl --model register --lines 4";
        assert_eq!(said.contains(hint), more.is_some(), "{said}");
        let words = more.map(|more| format!("… and {more} lines more"));
        assert!(words.is_none_or(|words| said.contains(&words)), "{said}");
    }
}

#[test]
fn a_hint_can_be_pasted_and_keeps_what_was_asked() {
    let (_, said) =
        check_named("it's h.jsonl", &lines("1 invoke txn []\n1 ok txn []"), &["--model", "append"]);
    let hint = r"next: cargo guide check-history 'DIR/it'\''s h.jsonl' --model append --strict";
    assert!(said.contains(hint), "{said}");
    let (code, said) = check(&hard(), "--model register --states 10 --initial \"a\"");
    assert_eq!(code, 2);
    let hint = "h.jsonl --model register --initial '\"a\"' --states 40 --seconds 240";
    assert!(said.contains(hint), "{said}");
    for (model, history) in [("bank", ""), ("append", ""), ("register", "")] {
        let (code, said) = check(history, &format!("--model {model}"));
        assert_eq!(code, 2);
        assert!(said.ends_with("next: cargo guide list\n"), "more states decide nothing: {said}");
    }
}

#[test]
fn the_verdict_says_how_much_it_rests_on() {
    let nemesis = "{\"process\":\"nemesis\",\"type\":\"info\",\"f\":\"kill\",\"time\":0}\n";
    let txn = "1 invoke txn [[\"append\",1,1],[\"r\",2,null]]\n1 ok txn [[\"append\",1,1],[\"r\",2,null]]";
    for (history, model, counts) in [
        (lines(OK), "register", "2 operations on 1 key: 1 answered read, 0 unknown outcomes\n"),
        (
            format!("{nemesis}{}", lines("1 invoke put 1\n1 info put\n2 invoke put 2\n2 ok put")),
            "kv",
            "2 operations on 1 key: 0 answered reads, 1 unknown outcome; 1 line of no client skipped\n",
        ),
        (lines(txn), "append", "1 transaction on 2 lists: 1 answered read, 0 unknown outcomes\n"),
        (
            lines("1 invoke read\n1 ok read {\"a\":1,\"b\":2}\n1 invoke move\n1 fail move"),
            "bank",
            "2 operations on 2 accounts: 1 answered read, 0 unknown outcomes\n",
        ),
        (
            format!("{nemesis}{nemesis}"),
            "append",
            "0 transactions on 0 lists: 0 answered reads, 0 unknown outcomes; 2 lines of no client skipped\n",
        ),
    ] {
        let (_, said) = check(&history, &format!("--model {model}"));
        assert!(said.contains(counts), "{said}");
    }
}

#[test]
fn a_search_ends_with_its_time_and_shows_on_a_terminal_how_far_it_is() {
    let rules = Rules { seconds: 2, states: usize::MAX, ..Model::Register.into() };
    let mut terminal = Vec::new();
    let judgement = judge(hard().as_bytes(), &rules, Some(&mut terminal)).unwrap();
    assert!(judgement.ended_early, "{judgement:?}");
    let shown = String::from_utf8(terminal).unwrap();
    assert!(shown.contains(" states, 1 of 2 s"), "{shown:?}");
    assert!(shown.ends_with("\r\x1b[K"), "the line is free again: {shown:?}");
    let mut terminal = Vec::new();
    judge(lines(OK).as_bytes(), &rules, Some(&mut terminal)).unwrap();
    assert!(terminal.is_empty(), "there was nothing to wait for");
}

/// An output that fails after so many bytes.
struct Fails(usize, ErrorKind);

impl Write for Fails {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        if self.0 == 0 {
            return Err(self.1.into());
        }
        let written = bytes.len().min(self.0);
        self.0 -= written;
        Ok(written)
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn a_reader_that_leaves_early_changes_no_exit_code() {
    let (dir, ws) = fake::book();
    let file = dir.path().join("h.jsonl");
    for (history, model, code) in [
        (lines(OK), "register", 0),
        (lines(BAD), "register", 1),
        (String::new(), "register", 2),
        ("no history".into(), "register", 3),
        (String::new(), "nothing", 3),
    ] {
        std::fs::write(&file, history).unwrap();
        for bytes in [0, 1, 15, 40] {
            let args = ["guide", "check-history", &file.display().to_string(), "--model", model];
            let args = args.map(Into::into).to_vec();
            let mut closed = Fails(bytes, ErrorKind::BrokenPipe);
            assert_eq!(guide::cli::run(&ws, args, &mut closed), code, "{model} {bytes}");
        }
    }
    let args = ["guide", "check-history", &file.display().to_string(), "--model", "bank"];
    let mut full = Fails(5, ErrorKind::StorageFull);
    let code = guide::cli::run(&ws, args.map(Into::into).to_vec(), &mut full);
    assert_eq!(code, 3, "a verdict that is not printed is none");
    let mut closed = Fails(0, ErrorKind::BrokenPipe);
    let args = ["guide", "list"].map(Into::into).to_vec();
    assert_eq!(guide::cli::run(&ws, args, &mut closed), 0, "and so for every command");
}

/// Runs the program with a history on its standard input.
fn run(options: &[&str], history: &str, stdout: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guide"));
    command.arg("check-history").args(options);
    command.stdin(Stdio::piped()).stdout(stdout).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(history.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_history_may_come_from_standard_input() {
    for (history, code, words) in [
        (OK, 0, "ok: linearizable"),
        (BAD, 1, "violation: not linearizable"),
        ("1 invoke jump", 3, "standard input:1: a register knows"),
    ] {
        let output = run(&["-", "--model", "register"], &lines(history), Stdio::piped());
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.starts_with(words), "{said}");
    }
    let edn = "{:process 0 :type :invoke :f :write :value 1 :time 0 :index 0}
        {:process 0 :type :ok :f :write :value 1 :time 1 :index 1}
        {:process :nemesis :type :info :f :start :value nil :time 2 :index 2}";
    for text in [edn.to_string(), format!("[{edn}]"), format!("\u{feff}{edn}")] {
        let output = run(&["-", "--model", "register"], &text, Stdio::piped());
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            said.starts_with("ok: linearizable\n1 operation on 1 key: 0 answered reads"),
            "{said}"
        );
        assert!(said.contains("; 1 line of no client skipped"), "{said}");
    }
    let output = run(&["-", "--model", "register", "--seconds", "2"], &hard(), Stdio::piped());
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stderr.is_empty(), "progress is for terminals");
}

#[test]
fn a_pipe_that_is_closed_keeps_the_verdict_of_the_program() {
    for (history, code) in [(OK, 0), (BAD, 1), ("", 2), ("1 invoke jump", 3)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = run(&["-", "--model", "register"], &lines(history), writer.into());
        assert_eq!(output.status.code(), Some(code));
        assert!(output.stderr.is_empty());
    }
}
