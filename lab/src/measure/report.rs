//! What every printed measurement needs: a middle, a spread, and a date.
//!
//! # Left out
//!
//! Means and standard deviations: times have long tails, and one bad moment moves both.

use std::time::{SystemTime, UNIX_EPOCH};

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

/// Today's date (UTC), after Howard Hinnant's `civil_from_days`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a measurement has a date")]
pub fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    date(since.as_secs() / 86_400)
}

fn date(days_since_1970: u64) -> String {
    let days = days_since_1970 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(11_017), "2000-03-01");
        assert_eq!(date(20_819), "2027-01-01");
    }

    #[test]
    fn quartiles_of_one_and_of_five() {
        assert_eq!(quartiles(vec![7.0]), (7.0, 7.0, 7.0));
        assert_eq!(quartiles(vec![5.0, 1.0, 4.0, 2.0, 3.0]), (2.0, 3.0, 4.0));
    }
}
