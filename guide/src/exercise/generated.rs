//! Wrong answers that follow from the solution: one rule broken, for every place where it keeps one.
//!
//! - each record that is written is left out;
//! - each message that is sent after a record is sent before it;
//! - each condition always holds, and never holds.
//!
//! The check of an exercise has to refuse all of them, except those that its file names with
//! `//! harmless:` and a reason: a change that breaks nothing is no wrong answer.

use super::without_marks;

/// One wrong answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Generated {
    /// What is changed: `without cx.persist(Record::Undone { tx });`.
    pub name: String,
    /// The whole file.
    pub source: String,
}

/// All wrong answers that can be made from the solution in an exercise's file.
#[must_use]
pub fn wrong_answers(source: &str) -> Vec<Generated> {
    let lines: Vec<&str> = source.lines().collect();
    let mut all = Vec::new();
    let mut add = |name: String, changed: Vec<String>| {
        let source = without_marks(&(changed.join("\n") + "\n"));
        all.push(Generated { name, source });
    };
    for place in solution(&lines) {
        let text = lines[place].trim();
        if text.starts_with("cx.persist(") && text.ends_with(';') {
            add(format!("without {text}"), with(&lines, place, &[]));
            for (sent, changed) in sent_early(&lines, place) {
                add(format!("{sent} before {text}"), changed);
            }
        }
        if let Some(condition) = condition(text) {
            for always in ["true", "false"] {
                let line = lines[place].replacen(condition, always, 1);
                add(format!("{always} for {condition}"), with(&lines, place, &[&line]));
            }
        }
    }
    all
}

/// The lines between the marks.
fn solution(lines: &[&str]) -> Vec<usize> {
    let mut inside = false;
    let is_solution = |line: &&str| {
        match line.trim() {
            "// SOLUTION-BEGIN" => inside = true,
            "// SOLUTION-END" => inside = false,
            _ => return inside,
        }
        false
    };
    let found: Vec<bool> = lines.iter().map(is_solution).collect();
    (0..lines.len()).filter(|&place| found[place]).collect()
}

/// For each message that the same function sends after the record at `place`: the same file with that
/// message before the record. Where the record is in a block of its own, the message is sent twice:
/// once too early, and once as it should be.
fn sent_early(lines: &[&str], place: usize) -> Vec<(String, Vec<String>)> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let end = lines[place..].iter().position(|line| *line == "    }");
    let rest = place + 1..end.map_or(lines.len(), |end| place + end);
    let sends = rest.filter(|&at| {
        let text = lines[at].trim();
        text.starts_with("cx.send(")
            && text.ends_with(';')
            && indent(lines[at]) <= indent(lines[place])
    });
    let early = |at: usize| {
        let same_block = indent(lines[at]) == indent(lines[place]);
        let without = if same_block { with(lines, at, &[]) } else { with(lines, at, &[lines[at]]) };
        let without: Vec<&str> = without.iter().map(String::as_str).collect();
        (lines[at].trim().to_owned(), with(&without, place, &[lines[at], lines[place]]))
    };
    sends.map(early).collect()
}

/// The condition of an `if`.
fn condition(text: &str) -> Option<&str> {
    let rest = text.split_once("if ")?.1;
    let condition = rest.strip_suffix(" {")?;
    (text.starts_with("if ") && !condition.starts_with("let ")).then_some(condition)
}

/// The lines, with others in place of one.
fn with(lines: &[&str], place: usize, others: &[&str]) -> Vec<String> {
    let (before, after) = (&lines[..place], &lines[place + 1..]);
    [before, others, after].concat().into_iter().map(ToOwned::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
impl Participant {
    fn on_undo(&mut self, cx: &mut Cx) {
        // SOLUTION-BEGIN
        if self.is_done {
            cx.persist(Record::Undone);
        }
        cx.send(COORD, Msg::Undone);
        // SOLUTION-END
        // STARTER: cx.send(COORD, Msg::Undone);
    }

    fn on_boot(&self, cx: &mut Cx) {
        if self.is_new {
            cx.send(COORD, Msg::Ask);
        }
    }
}
";

    #[test]
    fn each_rule_of_the_solution_is_broken_once() {
        let names: Vec<String> = wrong_answers(FILE).into_iter().map(|wrong| wrong.name).collect();
        let expected = [
            "true for self.is_done",
            "false for self.is_done",
            "without cx.persist(Record::Undone);",
            "cx.send(COORD, Msg::Undone); before cx.persist(Record::Undone);",
        ];
        assert_eq!(names, expected, "and nothing outside the solution");
    }

    #[test]
    fn a_message_moves_before_the_record_and_the_marks_are_gone() {
        let early = wrong_answers(FILE).pop().expect("the last one");
        let body = "        if self.is_done {
        cx.send(COORD, Msg::Undone);
            cx.persist(Record::Undone);
        }
        cx.send(COORD, Msg::Undone);
    }
";
        assert!(early.source.contains(body), "{}", early.source);
    }
}
