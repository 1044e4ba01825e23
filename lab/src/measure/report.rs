//! What every printed measurement needs: a middle, a spread, and a date.
//!
//! # Left out
//!
//! Means and standard deviations: times have long tails, and one bad moment moves both.

use std::time::Duration;

/// A quarter, half and three quarters of the values are below these.
///
/// # Panics
/// If there is no value.
#[must_use]
pub fn quartiles(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |quarters: usize| values[(values.len() - 1) * quarters / 4];
    (at(1), at(2), at(3))
}

/// The median and half of the middle half: `1190 ± 42`.
///
/// # Panics
/// If there is no value.
#[must_use]
pub fn spread(values: Vec<f64>) -> String {
    let (low, middle, high) = quartiles(values);
    format!("{middle:.0} ± {:.0}", (high - low) / 2.0)
}

/// The median of `own ÷ reference`, round by round: what the machine does meanwhile hits both. With
/// `≈` where the middle half of the rounds is on both sides of 1.
///
/// # Panics
/// If there is no round.
#[must_use]
pub fn ratio(own: &[f64], reference: &[f64]) -> String {
    let rounds = own.iter().zip(reference).map(|(own, reference)| own / reference);
    let (least, ratio, most) = quartiles(rounds.collect());
    if own == reference {
        "1".to_owned()
    } else if least <= 1.0 && most >= 1.0 {
        format!("≈ {ratio:.2}")
    } else {
        format!("{ratio:.2} ({least:.2} to {most:.2})")
    }
}

/// `1 turn`, `2 turns`.
#[must_use]
pub fn many(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A time in microseconds.
#[must_use]
pub fn micros(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1000.0
}

/// Today's date (UTC): `2027-01-01`.
#[must_use]
pub fn today() -> String {
    jiff::Timestamp::now().strftime("%F").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_year_month_and_day() {
        let today = today();
        let parts: Vec<usize> = today.split('-').map(str::len).collect();
        assert_eq!(parts, [4, 2, 2], "{today}");
    }

    #[test]
    fn quartiles_of_one_and_of_five() {
        assert_eq!(quartiles(vec![7.0]), (7.0, 7.0, 7.0));
        assert_eq!(quartiles(vec![5.0, 1.0, 4.0, 2.0, 3.0]), (2.0, 3.0, 4.0));
        assert_eq!(spread(vec![5.0, 1.0, 4.0, 2.0, 3.0]), "3 ± 1");
    }

    #[test]
    fn a_ratio_compares_the_same_round_and_says_when_it_is_no_difference() {
        let faster_and_faster = [100.0, 200.0, 400.0, 800.0, 1600.0];
        let twice = faster_and_faster.map(|rate| 2.0 * rate);
        assert_eq!(ratio(&twice, &faster_and_faster), "2.00 (2.00 to 2.00)");
        assert_eq!(ratio(&[90.0, 220.0, 360.0, 880.0, 1600.0], &faster_and_faster), "≈ 1.00");
        assert_eq!(ratio(&faster_and_faster, &faster_and_faster), "1");
    }
}
