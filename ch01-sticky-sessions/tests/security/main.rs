//! What an attacker may try, by the numbers of a list of 22 cases, and where each is tested.
//!
//! | nr. | case | tested by |
//! |---|---|---|
//! | 1 | a forged, replayed or copied affinity token is a miss, and never an error | `src/system/seal/token.rs`: `no_token_is_accepted_that_was_not_made_here`; `tests/cluster/tokens.rs`: `a_forged_token_is_a_miss_and_never_an_error` |
//! | 2 | a captured token aims all requests at one web process | `src/system/picks/tests.rs`: `a_captured_token_gives_no_web_process_more_than_its_share_of_requests_at_a_time` |
//! | 3 | session fixation: a session that was foisted on a browser | `tests/security/fixation.rs`: `a_session_that_was_foisted_on_a_browser_is_not_the_one_it_signs_in_to`; `tests/cluster/survives.rs`: `who_signs_in_once_more_has_ended_the_session_before` |
//! | 4 | a copy of the store, or of its log, signs nobody in | `tests/security/store.rs`: `what_is_on_disk_signs_nobody_in`; `src/system/hashed.rs`: `a_name_is_always_the_same_and_says_nothing_about_its_secret` |
//! | 5 | what is sealed was cut, lengthened, changed, or sealed for another purpose | `src/system/seal/ring.rs`: `nothing_opens_but_what_was_sealed`; `src/system/seal/token.rs`: `what_was_sealed_for_something_else_is_no_token` |
//! | 6 | a nonce is used twice | `src/system/seal/ring.rs`: `no_nonce_is_used_twice` |
//! | 7 | keys are rotated, and nobody is signed out | `src/system/seal/rotation.rs`: `a_new_key_opens_before_it_seals_and_old_ones_go_in_the_end`; `tests/cluster/tokens.rs`: `keys_are_rotated_and_no_token_is_refused` |
//! | 8 | a copied cookie after a sign-out, here or everywhere | `tests/cluster/survives.rs`: `a_copy_of_the_cookies_of_a_session_that_has_ended_is_refused_in_the_end`; `tests/cluster/everywhere.rs`: `all_browsers_of_the_user_are_signed_out_and_nobody_else_is` |
//! | 9 | a session comes back after its end; an update is lost | `tests/sessions/main.rs`: `a_session_that_has_ended_keeps_its_version_and_is_not_brought_back`; `tests/sessions/main.rs`: `of_many_that_add_something_at_once_none_is_lost` |
//! | 10 | attributes of cookies; a parser that takes nothing but ours | `tests/security/cookies.rs`: `every_cookie_is_for_this_host_alone_and_for_no_script`; `src/system/cookies.rs`: `what_is_not_exactly_ours_is_none`; `tests/security/cookies.rs`: `behind_tls_a_neighbouring_host_can_set_no_cookie_of_ours`; `tests/security/attempts.rs`: `cookies_that_come_twice_and_forged_tokens_are_counted` |
//! | 11 | a page of another site changes something | `tests/security/forgery.rs`: `a_page_of_another_site_changes_nothing_in_the_shop`; `../lab/tests/system/http.rs`: `a_page_of_another_site_changes_nothing` |
//! | 12 | a token says itself how it is to be checked, as a JSON Web Token does; one that has expired | `src/system/seal/cart.rs`: `no_token_chooses_how_it_is_checked`; `src/system/seal/cart.rs`: `a_session_opens_for_a_day_with_the_keys_that_sealed_it` |
//! | 13 | a client says where it comes from | `tests/security/attempts.rs`: `an_address_in_a_header_counts_behind_a_proxy_with_tls_alone`; `tests/proxy/conformance.rs`: `every_case_is_answered_as_the_rfcs_have_it` |
//! | 14 | `Connection` takes away what the balancer adds | `src/system/proxy/headers.rs`: `a_client_can_take_away_its_own_fields_only` |
//! | 15 | an upgrade that no backend has agreed to | `tests/proxy/edges.rs`: `a_websocket_is_passed_on_in_both_directions`; `tests/proxy/edges.rs`: `an_upgrade_that_is_declined_is_a_plain_request_and_so_is_one_to_something_else`; `tests/proxy/conformance.rs`: `every_case_is_answered_as_the_rfcs_have_it` |
//! | 16 | one request smuggled behind another one | `tests/proxy/any_bytes.rs`: `no_bytes_of_a_client_make_a_panic_or_a_request_or_a_field_that_is_not_its_own`; `tests/proxy/edges.rs`: `a_body_that_was_not_read_is_not_the_next_request` |
//! | 17 | slow clients, and one with very many connections | `tests/proxy/slow.rs`: `a_head_that_does_not_end_is_answered_408`; `tests/proxy/slow.rs`: `an_address_with_too_many_connections_is_turned_away_and_others_are_served`; `tests/cluster/balancers.rs`: `two_thousand_connections_that_send_next_to_nothing_keep_nobody_out` |
//! | 18 | heads, targets, cookies and bodies without end | `tests/proxy/limits.rs`: `a_head_that_is_longer_than_32768_bytes_is_431`; `tests/proxy/limits.rs`: `a_target_that_is_longer_than_8192_bytes_is_414`; `tests/proxy/limits.rs`: `a_body_that_is_announced_as_longer_than_16_mib_is_413`; `tests/proxy/conformance.rs`: `every_case_is_answered_as_the_rfcs_have_it` |
//! | 19 | memory for those who are not signed in | `tests/security/store.rs`: `who_is_not_signed_in_takes_no_room` |
//! | 20 | keys chosen so that they all go to one web process | `src/system/picks/tests.rs`: `nobody_can_make_up_sessions_that_all_go_to_one_web_process` |
//! | 21 | a secret in an answer, a trace or a log | `tests/security/store.rs`: `what_is_on_disk_signs_nobody_in`; `tests/security/store.rs`: `no_error_gives_an_address_away`; `tests/security/attempts.rs`: `nothing_that_a_client_sends_is_in_a_log` |
//! | 22 | somebody else operates the balancer | `tests/security/forgery.rs`: `nobody_operates_the_balancer_from_where_users_come_or_from_another_site` |
//!
//! # Left out
//!
//! - 10: `Secure` and `__Host-`, without TLS (`cookies.rs`).
//! - 12: JSON Web Tokens themselves. What is sealed here has one format and one algorithm, and cannot be read.
//! - 19: a limit of sessions for each address. Who signs in has no password here, so any limit would count names.
//! - 20: hashes of addresses, in designs 2 and 4: balancers share no key there (`picks.rs`).
//! - 22: a secret for operators. Whoever has an account on this machine may drain a web process, as they may
//!   kill it; a shop on a network puts this listener where only operators are.

#[allow(dead_code, reason = "the tests of the cluster use all of it")]
#[path = "../cluster/kit.rs"]
mod kit;
#[allow(dead_code, reason = "the tests of the cluster use all of it")]
#[path = "../cluster/terminal.rs"]
mod terminal;

mod attempts;
mod cookies;
mod fixation;
mod forgery;
mod store;

use std::path::Path;

/// The list stands above, and a test that was renamed would leave it wrong.
#[test]
fn every_test_of_the_list_is_where_the_list_says() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = include_str!("main.rs").lines().filter(|line| line.starts_with("//! | "));
    let rows: Vec<&str> = rows.filter(|line| !line.contains("nr.")).collect();
    assert_eq!(rows.len(), 22);
    for (number, row) in (1..).zip(rows) {
        let cells: Vec<&str> = row.trim_start_matches("//! | ").split(" | ").collect();
        assert_eq!(cells[0], number.to_string(), "{row}");
        for tested in cells[2].trim_end_matches(" |").split("; ") {
            let (file, test) = tested.trim_matches('`').split_once("`: `").unwrap();
            let text = std::fs::read_to_string(here.join(file)).unwrap();
            assert!(text.contains(&format!("fn {test}(")), "{number}: no {test} in {file}");
        }
    }
}
