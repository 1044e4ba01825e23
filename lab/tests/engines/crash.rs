//! Ends that were not asked for: of the engine, and of the program that started it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use lab::engines::{self, Postgres, postgres};

use crate::kit::{gone, processes};

#[test]
fn postgres_comes_back_after_a_crash_on_the_same_port() {
    let mut postgres = Postgres::start(&postgres::Options::default()).unwrap();
    let (pid, url) = (postgres.engine().pid(), postgres.url());
    postgres.restart_after_crash().unwrap();
    assert_ne!(postgres.engine().pid(), pid);
    assert_eq!(postgres.url(), url);
    let log = std::fs::read_to_string(postgres.engine().dir().join("log")).unwrap();
    assert!(log.contains("not properly shut down; automatic recovery"), "{log}");
}

#[test]
#[ignore = "a program that the next test starts and kills"]
fn owner() {
    let postgres = Postgres::start(&postgres::Options::default()).unwrap();
    let redis = engines::redis().unwrap();
    println!("\ndir {}\ndir {}", postgres.engine().dir().display(), redis.dir().display());
    // Until it is killed.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn engines_end_with_their_owner_even_if_it_is_killed() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "crash::owner", "--nocapture"]);
    let mut owner = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines().map_while(Result::ok);
    let dirs = lines.filter_map(|line| line.strip_prefix("dir ").map(PathBuf::from));
    let dirs: Vec<PathBuf> = dirs.take(2).collect();
    assert_eq!(dirs.len(), 2);
    assert!(dirs.iter().all(|dir| !processes(dir).is_empty()));
    owner.kill().unwrap();
    owner.wait().unwrap();
    dirs.iter().for_each(|dir| gone(dir));
}
