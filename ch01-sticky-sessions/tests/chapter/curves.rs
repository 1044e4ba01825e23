//! Simulated points beside the lines of their formulas.

use ch01_sticky_sessions::experiments::{
    Newcomers, Races, bounded, crashed, expected, forced, formula, hit_ratio, imbalance,
    imbalance_of_a_block, pinned, races, reads, restarted, shares, short_hit_ratio, with_top_user,
};

fn assert_near(found: f64, expected: f64, margin: f64, what: &str) {
    assert!((found - expected).abs() <= margin, "{what}: {found:.3}, and not about {expected:.3}");
}

#[test]
fn with_round_robin_all_but_one_of_n_pages_are_sign_in_pages() {
    for n in [2, 4, 8] {
        assert_near(forced("step1", n), (n - 1) as f64 / n as f64, 0.02, &format!("{n} nodes"));
    }
    assert_near(forced("step3", 4), 0.0, 0.0, "sticky");
}

#[test]
fn a_rolling_restart_costs_what_the_formula_says() {
    for n in [2, 4, 10] {
        assert_near(restarted("step3", n), formula(n), 0.1, &format!("{n} nodes"));
    }
    assert_near(restarted("step7", 4), 0.0, 0.0, "a store");
}

#[test]
fn a_crash_of_one_of_n_nodes_signs_out_one_of_n_users() {
    for n in [2, 4, 10] {
        assert_near(crashed("step3", n), 1.0 / n as f64, 0.02, &format!("{n} nodes"));
    }
    assert_near(crashed("step7", 4), 0.0, 0.0, "a store");
}

#[test]
fn one_address_is_one_node() {
    for percent in [20, 50] {
        let expected = 1.0 + 3.0 * percent as f64 / 100.0;
        assert_near(imbalance("step2", 4, percent), expected, 0.15, &format!("{percent} %"));
    }
    assert_near(imbalance("step3", 4, 50), 1.0, 0.1, "sticky");
}

#[test]
fn a_block_of_addresses_is_one_node_where_only_the_first_octets_count() {
    for percent in [20, 50] {
        let expected = 1.0 + 3.0 * percent as f64 / 100.0;
        let (of_all, of_three) = (false, true);
        let found = imbalance_of_a_block(4, percent, of_three);
        assert_near(found, expected, 0.15, &format!("{percent} %, three octets"));
        let found = imbalance_of_a_block(4, percent, of_all);
        assert_near(found, 1.0, 0.15, &format!("{percent} %, the whole address"));
    }
}

#[test]
fn a_hint_finds_more_copies_than_chance() {
    // λτ, for copies of 30 s and looks in a hundred seconds.
    let share = |looks: f64| looks / (1.0 + looks);
    for (looks, margin) in [(2, 0.05), (10, 0.03), (50, 0.01)] {
        let expected = looks as f64 * 0.3;
        let what = format!("{looks} looks in 100 s");
        assert_near(hit_ratio(looks, true), share(expected), margin, &what);
        let what = format!("{what}, by chance");
        assert_near(hit_ratio(looks, false), share(expected / 4.0), margin, &what);
    }
    // λτ = 0.1 · 5, so a third of the looks.
    assert_near(short_hit_ratio(10), 1.0 / 3.0, 0.03, "with a hint and copies of five seconds");
}

#[test]
fn one_busy_user_keeps_one_node_busy() {
    for (n, quarters, margin) in
        [(4, 0, 0.02), (4, 3, 0.05), (4, 4, 0.05), (10, 4, 0.1), (10, 5, 0.25)]
    {
        let found = pinned(n, quarters);
        let what = format!("{n} nodes, s = {quarters}/4");
        assert_near(found, with_top_user(n, quarters), margin, &what);
    }
}

#[test]
fn a_node_that_joins_fills_as_sessions_end() {
    for newcomers in [Newcomers::RoundRobin, Newcomers::Fewest] {
        for (time, share) in shares(newcomers) {
            let what = format!("{newcomers:?}, after {time} % of a life");
            assert_near(share, expected(newcomers, time), 0.08, &what);
        }
    }
    // With the fewest sessions it has its share after ln(5/4) lives of a session.
    let (_, full) = shares(Newcomers::Fewest)[3];
    assert_near(full, 1.0, 0.05, "after 0.35 lives");
}

#[test]
fn bounded_loads_send_requests_away_from_home_and_keep_their_bound() {
    for (n, bound) in [(4, 110), (4, 125), (10, 110), (10, 125), (10, 200)] {
        let found = bounded(n, bound);
        assert!(found.away >= found.at_least - 0.005, "{n} nodes, {bound} %: {found:?}");
        let most = (u64::from(bound) * 64).div_ceil(100 * n as u64);
        assert!(u64::from(found.peak) <= most, "{n} nodes, {bound} %: {found:?}, most {most}");
    }
    assert_near(bounded(4, 125).away, 0.09, 0.03, "4 nodes, 125 %");
    assert_near(bounded(10, 125).away, 0.29, 0.05, "10 nodes, 125 %");
    assert_near(bounded(4, 300).away, 0.0, 0.001, "4 nodes, 300 %");
}

#[test]
fn a_hint_saves_questions_and_time_also_where_users_look_seldom() {
    for (tenths, margin) in [(2, 0.05), (10, 0.03), (50, 0.02)] {
        let looks = tenths as f64 / 10.0;
        let [five, seven] = ["step5", "step7"].map(|step| reads(step, tenths));
        assert_near(five.per_look, 1.0, 0.0, "design 5");
        assert_near(seven.per_look, 1.0 / (1.0 + looks), margin, &format!("λτ = {looks}"));
    }
    // Most looks find a copy, so the median has no way to the store and back in it: one millisecond.
    let [five, seven] = ["step5", "step7"].map(|step| reads(step, 50).median);
    assert_near((five - seven) as f64, 1_000.0, 100.0, "µs");
}

#[test]
fn two_requests_of_one_user_race_and_only_versions_lose_nothing() {
    let ended = |step, apart| {
        let Races { run, lost_updates, sessions_back } = races(step, apart);
        assert_eq!(run, 1_000);
        (lost_updates, sessions_back)
    };
    // At once; while the first request is under way; and when it is not any more.
    let apart = [0, 1, 4];
    let counted = ["step5", "step6", "step7"].map(|step| apart.map(|apart| ended(step, apart)));
    let expected = [
        [(955, 459), (486, 493), (0, 0)],
        // A copied cookie is good for ever.
        [(1_000, 1_000), (1_000, 1_000), (0, 1_000)],
        [(0, 0), (0, 0), (0, 0)],
    ];
    assert_eq!(counted, expected);
}
