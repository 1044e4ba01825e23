//! Step 2: which request, and not what caused what.

use ch04_tracing::experiments::{MANY, request_ids, sorts, stages, whole_with_ids_of_clients};
use ch04_tracing::step2_request_id::{BadClientId, ClientId, MAX_CLIENT_ID, ids};
use ch04_tracing::workload::{Config, Run};
use proptest::prelude::*;

#[test]
fn every_request_is_whole_and_every_slow_payment_has_its_customer() {
    for (name, config) in stages() {
        let run = Run::of(config);
        let judged = request_ids(&run);
        assert_eq!(judged.whole, run.requests(), "{name}");
        assert_eq!((judged.customers.missing, judged.customers.wrong), (0, 0), "{name}");
    }
}

#[test]
fn causes_are_right_as_long_as_one_thing_comes_after_the_other() {
    let edges = stages().map(|(_, config)| request_ids(&Run::of(config)).edges);
    assert_eq!((edges[0].missing, edges[0].wrong), (0, 0));
    assert!(edges[1].wrong > 1_000 && edges[3].missing > 4_000, "{edges:?}");
    assert!(edges[5].missing > 12_000, "{edges:?}");
}

#[test]
fn no_batch_and_nothing_that_it_causes_has_an_id() {
    let run = Run::of(Config::shop(MANY));
    for (work, id) in run.works.iter().zip(ids(&run)) {
        assert_eq!(id.is_none(), work.request.is_none(), "{work:?}");
    }
    for (name, tally) in &sorts(&run)[2..4] {
        assert!(tally.right == 0 && tally.wrong == 0 && tally.missing > 1_000, "{name}");
    }
}

#[test]
fn ids_that_clients_choose_mix_their_requests() {
    assert_eq!(whole_with_ids_of_clients(&Run::of(Config::shop(MANY))), 0);
}

#[test]
fn an_id_that_could_forge_a_line_or_fill_the_log_is_refused() {
    assert_eq!(ClientId::parse(b""), Err(BadClientId::Empty));
    let forged = b"7\n1023.269 ms pay refund";
    assert_eq!(ClientId::parse(forged), Err(BadClientId::BadByte { at: 1, byte: b'\n' }));
    let huge = vec![b'7'; 1 << 20];
    assert_eq!(ClientId::parse(&huge), Err(BadClientId::TooLong(1 << 20)));
    let longest = vec![b'a'; MAX_CLIENT_ID];
    assert_eq!(ClientId::parse(&longest).expect("short enough").as_str().len(), MAX_CLIENT_ID);
    assert!(ClientId::parse(&[b'a'; MAX_CLIENT_ID + 1]).is_err());
}

proptest! {
    #[test]
    fn what_is_kept_of_a_client_id_is_one_short_plain_word(
        header in proptest::collection::vec(any::<u8>(), 0..80)
    ) {
        match ClientId::parse(&header) {
            Ok(id) => {
                prop_assert_eq!(id.as_str().as_bytes(), &header);
                prop_assert!(!id.as_str().contains(|c: char| c.is_whitespace() || c.is_control()));
            }
            Err(why) => prop_assert!(why.to_string().contains("request id")),
        }
    }

    #[test]
    fn plain_words_are_kept(word in "[A-Za-z0-9._-]{1,64}") {
        prop_assert!(ClientId::parse(word.as_bytes()).is_ok());
    }
}
