//! A password of the database is nowhere that other users of the machine can read it.

use std::process::Command;

use ch02_two_phase_commit::system::Role;
use lab::system::Options;

use crate::kit::{PROGRAM, TestCluster};
use crate::sql::{Sql, postgres};

const SECRET: &str = "umbrella-4711";

#[test]
fn a_password_from_the_environment_lets_the_participant_in_and_no_command_line_shows_it() {
    let postgres = postgres(8);
    let sql = Sql::to(&postgres);
    let rule = "COPY (SELECT 'host all all 127.0.0.1/32 scram-sha-256') TO ";
    let file = sql.ask("SHOW hba_file").remove(0);
    sql.run(&format!("ALTER USER postgres PASSWORD '{SECRET}'; {rule}'{file}'")).unwrap();
    sql.run("SELECT pg_reload_conf()").unwrap();
    let url = format!("pay={}", postgres.url());
    let start = |password: &str| {
        let password = format!("PGPASSWORD={password}");
        let prefix = [&password, PROGRAM, "role"].map(Into::into).to_vec();
        let options = Options::default().with_value("participant", url.as_str());
        let (keep, program) = (tempfile::tempdir().unwrap(), "/usr/bin/env".into());
        let config = lab::system::Config::new(
            ch02_two_phase_commit::system::SYSTEM,
            keep.path().join("data"),
        );
        let config = lab::system::Config { prefix, program, options, ..config.unwrap() };
        (lab::system::Cluster::start(config), keep)
    };
    let (wrong, _keep) = start("another");
    assert!(wrong.is_err(), "the password is asked for");
    let test = TestCluster::with(|config| {
        config.program = "/usr/bin/env".into();
        config.prefix = [&format!("PGPASSWORD={SECRET}"), PROGRAM, "role"].map(Into::into).to_vec();
        config.options = Options::default().with_value("participant", url.as_str());
    });
    assert_eq!(test.checkout("k", "candle", 1, "alice").status, 200);
    let TestCluster { mut cluster, .. } = test;
    for role in [Role::Coord, Role::Stock, Role::Pay] {
        let pid = cluster.pid(role).to_string();
        let line = Command::new("ps").args(["-ww", "-o", "args=", "-p", &pid]).output().unwrap();
        let line = String::from_utf8(line.stdout).unwrap();
        assert!(line.contains("role") && !line.contains(SECRET), "{role:?}: {line}");
    }
    let manifest = std::fs::read_to_string(cluster.dir().join("cluster.json")).unwrap();
    assert!(!manifest.contains(SECRET), "{manifest}");
    cluster.stop().unwrap();
}
