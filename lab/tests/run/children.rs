//! Children that do not behave: small shells.
#![cfg(unix)]

use std::process::Command;
use std::time::Duration;

use lab::run::children::{Child, ChildError};

const LONG: Duration = Duration::from_secs(30);
/// For what must not happen in time: the test waits so long.
const SHORT: Duration = Duration::from_millis(200);

fn shell(script: &str, deadline: Duration) -> Result<Child, ChildError> {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Child::start("shell", command, deadline)
}

#[test]
fn a_line_that_is_no_text_is_a_line() {
    let script = "echo ready 127.0.0.1:1; printf 'a\\377b\\n'; echo after; cat";
    let mut child = shell(script, LONG).unwrap();
    assert_eq!(child.line(LONG).unwrap(), "a\u{fffd}b");
    assert_eq!(child.line(LONG).unwrap(), "after");
    child.tell("and it reads").unwrap();
    assert_eq!(child.line(LONG).unwrap(), "and it reads");
    assert!(child.stop().unwrap().success());
}

#[test]
fn a_child_that_closes_its_output_and_goes_on_is_waited_for_until_the_deadline() {
    let mut child = shell("echo ready 127.0.0.1:1; exec >/dev/null; cat", 5 * SHORT).unwrap();
    assert!(matches!(child.wait(), Err(ChildError::StillRunning { .. })));
    assert!(child.stop().unwrap().success(), "it ends when it is asked to");
}

#[test]
fn a_child_that_ends_has_ended_even_if_its_own_child_has_its_output() {
    let script = "echo ready 127.0.0.1:1; exec 3<&0; cat <&3 & exit 3";
    let mut child = shell(script, LONG).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    child.tell("still there").unwrap();
    assert_eq!(child.line(LONG).unwrap(), "still there", "its child has the output");
}

#[test]
fn a_child_that_never_prints_that_it_is_ready_is_late_whatever_else_it_does() {
    for script in ["exec >/dev/null; cat", "while :; do echo not yet; done"] {
        let error = shell(script, SHORT).expect_err("late");
        assert!(matches!(error, ChildError::Late { .. }), "{script}: {error}");
    }
}
