//! Times as discs write them, in nanoseconds since the Unix epoch.

use super::bytes;

const SECOND: i64 = 1_000_000_000;
/// UDF's word for a time zone that is not known.
const NO_ZONE: i32 = -2_047;

/// ECMA-119 §9.1.5: seven numbers.
pub(super) fn short(date: &[u8]) -> Option<i64> {
    let [year, month, day, hour, minute, second, zone] = *date.first_chunk::<7>()?;
    let zone = i32::from(zone.cast_signed()) * 15;
    nanos(1_900 + i32::from(year), [month, day, hour, minute, second], zone)
}

/// ECMA-119 §8.4.26.1: sixteen digits and a time zone.
pub(super) fn long(date: &[u8]) -> Option<i64> {
    let date = date.first_chunk::<17>()?;
    let digits = |from: usize, count: usize| -> Option<u16> {
        date.get(from..from + count)?.iter().try_fold(0_u16, |sum, digit| {
            digit.is_ascii_digit().then(|| sum.saturating_mul(10) + u16::from(digit - b'0'))
        })
    };
    let small = |from| digits(from, 2).and_then(|value| u8::try_from(value).ok());
    let zone = i32::from(date[16].cast_signed()) * 15;
    let rest = [small(4)?, small(6)?, small(8)?, small(10)?, small(12)?];
    let time = nanos(i32::from(digits(0, 4)?), rest, zone)?;
    time.checked_add(i64::from(digits(14, 2)?) * (SECOND / 100))
}

/// ECMA-167 1/7.3, OSTA UDF §2.1.4.
pub(super) fn stamp(date: &[u8]) -> Option<i64> {
    let date = date.get(..12)?;
    let word = bytes::u16(date, 0);
    // Twelve bits, the highest of which is the sign.
    let zone = i32::from((word << 4).cast_signed() >> 4);
    let zone = if word >> 12 == 1 && zone != NO_ZONE { zone } else { 0 };
    let year = i32::from(bytes::u16(date, 2).cast_signed());
    let time = nanos(year, [date[4], date[5], date[6], date[7], date[8]], zone)?;
    let [centis, hundreds, micros] = [date[9], date[10], date[11]].map(i64::from);
    let fraction = centis.min(99) * 10_000_000 + hundreds.min(99) * 100_000 + micros.min(99) * 1_000;
    time.checked_add(fraction)
}

/// Local time in a zone of so many minutes east of Greenwich.
fn nanos(year: i32, [month, day, hour, minute, second]: [u8; 5], zone: i32) -> Option<i64> {
    let is_time = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61
        && (1_600..=2_262).contains(&year)
        && zone.abs() <= 24 * 60;
    if !is_time {
        return None;
    }
    let days = days(i64::from(year), i64::from(month), i64::from(day));
    let minutes = (days * 24 + i64::from(hour)) * 60 + i64::from(minute) - i64::from(zone);
    (minutes * 60 + i64::from(second)).checked_mul(SECOND)
}

/// Days since the Unix epoch in the Gregorian calendar: years begin in March, so that a leap day is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ways_to_write_a_time_mean_the_same() {
        // 2004-02-29 12:34:56 +01:00
        let expected = Some(1_078_054_496 * SECOND);
        assert_eq!(short(&[104, 2, 29, 12, 34, 56, 4]), expected);
        assert_eq!(long(b"2004022912345600\x04"), expected);
        let mut stamped = vec![60, 0x10, 0xd4, 0x07, 2, 29, 12, 34, 56, 0, 0, 0];
        assert_eq!(stamp(&stamped), expected);
        (stamped[0], stamped[1]) = (0x01, 0x18);
        assert_eq!(stamp(&stamped), Some(1_078_058_096 * SECOND), "no zone told: Greenwich");
        (stamped[0], stamped[1]) = (0xc4, 0x1f);
        assert_eq!(stamp(&stamped), Some(1_078_061_696 * SECOND), "an hour west");
    }

    #[test]
    fn what_is_no_time_is_none() {
        assert_eq!(short(&[0; 7]), None);
        assert_eq!(short(&[70, 1, 1, 0, 0, 0, 0]), Some(0));
        assert_eq!(short(&[70, 13, 1, 0, 0, 0, 0]), None);
        assert_eq!(long(b"0000000000000000\0"), None);
        assert_eq!(long(b"2004-2-29 12:34 \0"), None);
        assert_eq!(stamp(&[0xff; 12]), None);
        assert_eq!(stamp(&[]), None);
    }
}
