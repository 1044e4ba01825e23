//! Simulated points beside the lines of their formulas.

use ch01_sticky_sessions::experiments::{forced, formula, hit_ratio, imbalance, restarted};

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
fn one_address_is_one_node() {
    for percent in [20, 50] {
        let expected = 1.0 + 3.0 * percent as f64 / 100.0;
        assert_near(imbalance("step2", 4, percent), expected, 0.15, &format!("{percent} %"));
    }
    assert_near(imbalance("step3", 4, 50), 1.0, 0.1, "sticky");
}

#[test]
fn a_hint_finds_more_copies_than_chance() {
    assert_near(hit_ratio(10, true), 0.75, 0.02, "with a hint");
    assert_near(hit_ratio(10, false), 0.43, 0.03, "without");
}
