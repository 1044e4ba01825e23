//! Databases that a participant refuses at its start, and what it says.

use ch02_two_phase_commit::system::postgres::{Config, Participant};
use ch02_two_phase_commit::types::PAY;
use lab::engines::{Postgres, postgres::Options};

use crate::coord::{CLUSTER, config};
use crate::sql::postgres;

fn refusal(config: &Config) -> String {
    match Participant::start(config) {
        Ok(_) => panic!("it starts"),
        Err(trouble) => trouble.to_string(),
    }
}

#[test]
fn a_database_that_cannot_promise_is_refused_with_the_setting_to_change() {
    let mut postgres = postgres(0);
    let said = refusal(&config(&postgres));
    assert!(said.contains("max_prepared_transactions is 0"), "{said}");
    let forgetful = [("fsync".to_owned(), "off".to_owned())].into();
    let options = Options { settings: forgetful, ..Options::with_slots(4) };
    postgres.restart_with(options).unwrap();
    let said = refusal(&config(&postgres));
    assert!(said.contains("set fsync to on"), "{said}");
}

#[test]
fn accounts_belong_to_one_cluster_and_one_process() {
    let postgres = postgres(4);
    let first = Participant::start(&config(&postgres)).unwrap();
    let said = refusal(&config(&postgres));
    assert!(said.contains("another process serves"), "{said}");
    drop(first);
    let stranger = Config { cluster: CLUSTER + 1, ..config(&postgres) };
    let said = refusal(&stranger);
    assert!(said.contains("belong to cluster 7, and this is 8"), "{said}");
}

#[test]
fn no_server_there_and_no_address_are_two_mistakes() {
    let address = |url: &str| refusal(&Config::new(CLUSTER, PAY, url));
    let said = address("postgres://nobody@127.0.0.1:1/nothing");
    assert!(said.contains("does it run there"), "{said}");
    let said = address("postgres://host:port:port");
    assert!(said.contains("write postgres://"), "{said}");
    let postgres = Postgres::start(&Options::with_slots(1)).unwrap();
    let said = address(&postgres.url().replace("/postgres", "/no_such_database"));
    assert!(said.contains("no_such_database"), "{said}");
}
