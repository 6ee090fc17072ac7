//! Until when something is shared: `2h`, `30m`, `1h30m`, or a time.

use jiff::{SignedDuration, Timestamp, Zoned, civil, tz::TimeZone};
use lanyard_api::Millis;

/// A point in time in Unix milliseconds, from words; times without an offset are this computer's.
pub(crate) fn parse(text: &str) -> Result<Millis, String> {
    parse_at(text, &Zoned::now())
}

fn parse_at(text: &str, now: &Zoned) -> Result<Millis, String> {
    let text = text.trim();
    let odd = || "a duration (2h, 30m, 2 days) or a time (18:00, 2026-12-24T18:00) is expected".to_owned();
    let end = if let Some(days) = days(text) {
        now.timestamp() + SignedDuration::from_hours(24 * days)
    } else if let Ok(duration) = text.parse::<SignedDuration>() {
        now.timestamp().checked_add(duration).map_err(|_| odd())?
    } else if let Ok(stamp) = text.parse::<Timestamp>() {
        stamp
    } else if let Ok(civil) = text.parse::<civil::DateTime>() {
        civil.to_zoned(now.time_zone().clone()).map_err(|_| odd())?.timestamp()
    } else {
        // Last, because it also takes the time of a whole date.
        next(text.parse().map_err(|_| odd())?, now).ok_or_else(odd)?
    };
    if end <= now.timestamp() {
        return Err("that is in the past".to_owned());
    }
    Ok(end.as_millisecond())
}

/// `2d` and its longer forms: a duration of a fixed length has no days, but people do.
fn days(text: &str) -> Option<i64> {
    let number = ["days", "day", "d"].iter().find_map(|unit| text.strip_suffix(unit))?;
    number.trim().parse().ok().filter(|days| (1..=3_650).contains(days))
}

/// Today at that time, or tomorrow when that has passed.
fn next(time: civil::Time, now: &Zoned) -> Option<Timestamp> {
    let today = now.date().to_datetime(time);
    let zone: &TimeZone = now.time_zone();
    let at = today.to_zoned(zone.clone()).ok()?.timestamp();
    if at > now.timestamp() {
        return Some(at);
    }
    Some(today.tomorrow().ok()?.to_zoned(zone.clone()).ok()?.timestamp())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn in_minutes(text: &str) -> Result<i64, String> {
        let now: Zoned = "2026-12-23T17:00+01:00[Europe/Berlin]".parse().unwrap();
        parse_at(text, &now).map(|end| (end - now.timestamp().as_millisecond()) / 60_000)
    }

    #[test]
    fn durations_and_times_are_understood() {
        for (text, minutes) in [
            ("2h", 120),
            ("30m", 30),
            ("1h30m", 90),
            ("1h 30m", 90),
            ("2 days", 2 * 24 * 60),
            ("1d", 24 * 60),
            ("18:00", 60),
            ("16:00", 23 * 60),
            ("2026-12-24T17:00", 24 * 60),
            ("2026-12-24 17:00", 24 * 60),
            ("2026-12-23T17:00:00Z", 60),
        ] {
            assert_eq!(in_minutes(text), Ok(minutes), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_or_has_passed_is_refused() {
        for text in ["", "soon", "2", "-2h", "0m", "25:00", "2020-01-01T00:00", "99999999999d"] {
            assert!(in_minutes(text).is_err(), "{text}");
        }
    }
}
