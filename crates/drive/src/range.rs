//! The `Range` header (RFC 9110 §14), as far as it is answered: one range of bytes. Pure.

use http::{HeaderMap, header};
use std::ops::Range;

/// What a `Range` header asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The whole file.
    All,
    /// These bytes of it, at least one.
    Part(Range<u64>),
    /// Bytes that it does not have.
    Beyond,
}

/// One range of bytes (RFC 9110 §14.1.2). Several, or another unit, or nonsense: the whole file, as the RFC allows.
#[must_use]
pub fn requested(headers: &HeaderMap, size: u64) -> Asked {
    let Some(text) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Asked::All;
    };
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-'))
    else {
        return Asked::All;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(count)) if first.is_empty() => size.saturating_sub(count)..size,
        _ => return Asked::All,
    };
    if range.start < range.end { Asked::Part(range) } else { Asked::Beyond }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn asked(range: &str, size: u64) -> Asked {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        requested(&headers, size)
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        assert_eq!(asked("bytes=0-9", 100), Asked::Part(0..10));
        assert_eq!(asked("bytes=90-", 100), Asked::Part(90..100));
        assert_eq!(asked("bytes=-10", 100), Asked::Part(90..100));
        assert_eq!(asked("bytes=-200", 100), Asked::Part(0..100));
        assert_eq!(asked("bytes=95-18446744073709551615", 100), Asked::Part(95..100));
        assert_eq!(asked("bytes=95-99999999999999999999999", 100), Asked::Part(95..100));
        assert_eq!(asked("bytes=100-", 100), Asked::Beyond);
        assert_eq!(asked("bytes=-0", 100), Asked::Beyond);
        assert_eq!(asked("bytes=0-", 0), Asked::Beyond);
        for ignored in
            ["bytes=9-0", "bytes=0-1,4-5", "lines=0-1", "bytes=", "bytes=-", "bytes=+1-2", "bytes=a-b"]
        {
            assert_eq!(asked(ignored, 100), Asked::All, "{ignored}");
        }
    }
}
