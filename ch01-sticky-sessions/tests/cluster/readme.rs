//! The curl story of the README, typed as it stands there: sign in, kill the web process, see who is signed out.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::kit::PROGRAM;
use crate::terminal::Terminal;

const README: &str = include_str!("../../README.md");
/// Where the README has the shop.
const SHOP: &str = "127.0.0.1:8000";
const KILL: &str = "cargo ch01 kill web-1";

/// The block of commands in which this stands.
fn block(with: &str) -> &'static str {
    let blocks = README.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut found = blocks.filter(|block| block.contains(with));
    found.next().unwrap_or_else(|| panic!("the README has no block with `{with}`"))
}

/// The arguments of a command that the README has, behind `cargo ch01`.
fn args(command: &'static str) -> Vec<&'static str> {
    assert!(README.contains(command), "the README has no `{command}`");
    command.split(' ').skip(2).collect()
}

/// A second terminal, in the folder where clusters are started.
struct Second {
    folder: TempDir,
}

impl Second {
    /// What these lines print, where the shop is here.
    fn typed(&self, shop: &str, lines: &str) -> String {
        // `cargo ch01` is this program, and the alias is known in all blocks, as in one terminal.
        let cargo = format!("cargo() {{ shift; '{PROGRAM}' \"$@\"; }}");
        let alias = block("alias shop=").lines().next().unwrap();
        let script = [&cargo, alias, &lines.replace(SHOP, shop)].join("\n");
        let mut bash = Command::new("bash");
        bash.args(["-O", "expand_aliases", "-e"]).current_dir(self.folder.path());
        bash.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut bash = bash.spawn().unwrap();
        bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let output = bash.wait_with_output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{lines}\n{said}");
        said
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The value of a field of the last answer that was printed with its head.
fn field<'a>(said: &'a str, name: &str) -> &'a str {
    let mut lines = said.lines().rev().filter_map(|line| line.split_once(": "));
    lines.find(|(other, _)| *other == name).map(|(_, value)| value).unwrap_or_default()
}

fn assert_all_in(said: &str, all: &[&str]) {
    for part in all {
        assert!(said.contains(part), "`{part}` is missing: {said}");
    }
}

#[test]
fn the_story_of_the_readme_goes_as_it_says_with_designs_3_and_7() {
    let second = Second { folder: tempfile::tempdir().unwrap() };
    let (story, look) = (block("alias shop="), "shop -i http://127.0.0.1:8000/cart\n");
    let cluster = Terminal::start(second.path(), &args("cargo ch01 cluster --design 3"));
    let said = second.typed(&cluster.shop, story);
    assert_all_in(&said, &["signed in", "x-served-by: web-1\r\n", "x-affinity: hit\r\n"]);
    assert_all_in(&said, &[r#""cart":["umbrella"]"#, r#""user":"alice""#]);
    let jar = std::fs::read_to_string(second.path().join("target/ch01/cookies")).unwrap();
    assert!(jar.contains("\tnode\tweb-1\n"), "{jar}");
    let killing = block(KILL);
    assert_eq!(killing.lines().collect::<Vec<_>>(), [KILL, look.trim_end()]);
    let said = second.typed(&cluster.shop, killing);
    assert_all_in(&said, &["HTTP/1.1 401 ", "please sign in"]);
    assert!(!["", "web-1"].contains(&field(&said, "x-served-by")), "{said}");
    drop(cluster);

    let design_7 = "cargo ch01 cluster --design 7 --dir target/ch01-hint";
    assert_eq!(block("--design 7 --dir").trim_end(), design_7);
    let cluster = Terminal::start(second.path(), &args(design_7));
    let home = field(&second.typed(&cluster.shop, story), "x-served-by").to_owned();
    let kill = "cargo ch01 kill web-3 --dir target/ch01-hint";
    assert!(README.contains(kill));
    let lines = [&kill.replace("web-3", &home), look].join("\n");
    let said = second.typed(&cluster.shop, &lines);
    assert_all_in(&said, &["HTTP/1.1 200 ", "x-affinity: moved\r\n", r#""cart":["umbrella"]"#]);
    assert_ne!(field(&said, "x-served-by"), home);
    // Without the store looks are answered from copies, and changes are not. Nobody is signed out.
    let store: Vec<&str> = block("kill store").lines().collect();
    let change = "shop -i -X POST 'http://127.0.0.1:8000/cart?item=boots'";
    let said = second.typed(&cluster.shop, &[store[0], look, change].join("\n"));
    assert_all_in(&said, &["HTTP/1.1 200 ", "HTTP/1.1 503 ", "unavailable"]);
    let said = second.typed(&cluster.shop, &[store[1], look].join("\n"));
    assert_all_in(&said, &["HTTP/1.1 200 ", r#""cart":["umbrella"]"#]);
}
