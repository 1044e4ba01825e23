//! What to look for, from the words of a URL: `service=web&tag=order=2.1&min=10ms&since=1h`.

use crate::store::{MAX_FOUND, Query};

/// Found without a limit of one's own.
const LIMIT: usize = 50;
/// Longer words are a mistake.
const MAX_WORD: usize = 4096;

/// Why a search is not made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum BadQuery {
    #[error(
        "there is no parameter {0:?}; there are service, operation, tag, error, min, max, since, from, to and \
         limit"
    )]
    Unknown(String),
    #[error("{name}={value:?} is no duration; write it as 250us, 10ms, 1.5s, 3m or 2h")]
    Duration { name: &'static str, value: String },
    #[error("{name}={value:?} is no time; write ms since 1970")]
    Time { name: &'static str, value: String },
    #[error("limit={0:?}: choose a number from 1 to {MAX_FOUND}")]
    Limit(String),
    #[error("tag={0:?}: write key=value")]
    Tag(String),
    #[error("a parameter may have {MAX_WORD} bytes")]
    TooLong,
}

/// Empty values ask nothing: a form sends all its fields. `now` is in ns since 1970.
pub(super) fn parse(pairs: &[(String, String)], now: u64) -> Result<Query, BadQuery> {
    let mut query = Query { limit: LIMIT, ..Query::default() };
    for (name, value) in pairs.iter().filter(|(_, value)| !value.trim().is_empty()) {
        if value.len() > MAX_WORD {
            return Err(BadQuery::TooLong);
        }
        let value = value.trim();
        match name.as_str() {
            "service" => query.service = Some(value.into()),
            "operation" => query.operation = Some(value.into()),
            "error" => query.errors = value != "false",
            "min" => query.min = Some(duration("min", value)?),
            "max" => query.max = Some(duration("max", value)?),
            "since" => query.from = Some(now.saturating_sub(duration("since", value)?)),
            "from" => query.from = Some(time("from", value)?),
            "to" => query.to = Some(time("to", value)?),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MAX_FOUND).contains(limit));
                query.limit = limit.ok_or_else(|| BadQuery::Limit(value.into()))?;
            }
            "tag" => {
                let (key, value) =
                    value.split_once('=').ok_or_else(|| BadQuery::Tag(value.into()))?;
                query.tags.push((key.trim().into(), value.trim().into()));
            }
            _ => return Err(BadQuery::Unknown(name.chars().take(40).collect())),
        }
    }
    Ok(query)
}

fn time(name: &'static str, value: &str) -> Result<u64, BadQuery> {
    let ms = value.parse::<u64>().ok().and_then(|ms| ms.checked_mul(1_000_000));
    ms.ok_or_else(|| BadQuery::Time { name, value: value.into() })
}

/// In ns.
fn duration(name: &'static str, value: &str) -> Result<u64, BadQuery> {
    let bad = || BadQuery::Duration { name, value: value.into() };
    let end = value.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(bad)?;
    let (number, unit) = value.split_at(end);
    let unit = match unit.trim() {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000u64,
        _ => return Err(bad()),
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if part.len() > 9 || part.contains('.') {
        return Err(bad());
    }
    let digits = format!("{whole}{part}").parse::<u128>().map_err(|_| bad())?;
    let tens = 10u128.pow(u32::try_from(part.len()).map_err(|_| bad())?);
    let ns = digits.checked_mul(unit.into()).ok_or_else(bad)?;
    u64::try_from(ns / tens).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Query, BadQuery> {
        let pair = |pair: &str| pair.split_once(':').map(|(k, v)| (k.into(), v.into())).unwrap();
        parse(&text.split('&').map(pair).collect::<Vec<_>>(), 10_000_000_000)
    }

    #[test]
    fn a_search_is_read_from_its_words() {
        let query =
            read("service:web&operation:&tag:order=2=1&tag:a=b&error:true&min:1.5ms&max:2s")
                .unwrap();
        let expected = Query {
            service: Some("web".into()),
            tags: vec![("order".into(), "2=1".into()), ("a".into(), "b".into())],
            errors: true,
            min: Some(1_500_000),
            max: Some(2_000_000_000),
            limit: 50,
            ..Query::default()
        };
        assert_eq!(query, expected);
        let times = read("since:4s&to:7&limit:3").unwrap();
        assert_eq!((times.from, times.to, times.limit), (Some(6_000_000_000), Some(7_000_000), 3));
        for bad in [
            "min:1",
            "min:ms",
            "max:1x",
            "max:1..2s",
            "max:99999999999h",
            "since:-1s",
            "from:now",
            "limit:0",
            "limit:1001",
            "tag:order",
            "colour:red",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_words_are_read_or_refused(value in "\\PC{0,20}", number in "[0-9.]{0,20}[a-zµ]{0,2}") {
            for name in ["service", "error", "min", "from", "tag", "limit", "x"] {
                for value in [&value, &number] {
                    let _ = parse(&[(name.into(), value.clone())], 0);
                }
            }
        }
    }
}
