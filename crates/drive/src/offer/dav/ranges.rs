//! `Range` (RFC 9110 §14.2): one part of a file, or a few.

/// Parts in one request. Who wants more gets the whole file.
const MOST: usize = 8;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// All of it: nothing else was said, or nothing that makes sense, or more than is worth it.
    All,
    /// These parts, in the order in which they were asked for; none of them is empty and no two of them overlap.
    Parts(Vec<std::ops::Range<u64>>),
    /// Nothing that is in the file.
    Beyond,
}

/// Reads the header for a file of this size.
pub(super) fn parse(header: &str, size: u64) -> Asked {
    let Some((unit, list)) = header.split_once('=') else { return Asked::All };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Asked::All;
    }
    let mut parts: Vec<std::ops::Range<u64>> = Vec::new();
    for (count, spec) in list.split(',').enumerate() {
        if count >= MOST {
            return Asked::All;
        }
        let Some((first, last)) = spec.trim().split_once('-') else { return Asked::All };
        let part = match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
            (Some(first), None) if last.is_empty() => first..size,
            (None, Some(count)) if first.is_empty() => size.saturating_sub(count)..size,
            _ => return Asked::All,
        };
        if part.start < part.end {
            parts.push(part);
        }
    }
    // Overlapping parts make a small request cost many times the file (RFC 9110 §17.15).
    let overlap = |(at, a): (usize, &std::ops::Range<u64>)| {
        parts[at + 1..].iter().any(|b| a.start < b.end && b.start < a.end)
    };
    if parts.is_empty() {
        Asked::Beyond
    } else if parts.iter().enumerate().any(overlap) {
        Asked::All
    } else {
        Asked::Parts(parts)
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::single_range_in_vec_init)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let parts = |parts: &[std::ops::Range<u64>]| Asked::Parts(parts.to_vec());
        for (header, size, expected) in [
            ("bytes=0-9", 100, parts(&[0..10])),
            ("Bytes = 90-", 100, parts(&[90..100])),
            ("bytes=-10", 100, parts(&[90..100])),
            ("bytes=-200", 100, parts(&[0..100])),
            ("bytes=95-99999999999999999999999", 100, parts(&[95..100])),
            ("bytes=0-1, 4-5", 100, parts(&[0..2, 4..6])),
            ("bytes=50-59,0-9,-1", 100, parts(&[50..60, 0..10, 99..100])),
            ("bytes=0-1,200-", 100, parts(&[0..2])),
            (
                "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7",
                100,
                parts(&[0..1, 1..2, 2..3, 3..4, 4..5, 5..6, 6..7, 7..8]),
            ),
            ("bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8", 100, Asked::All),
            ("bytes=0-9,5-14", 100, Asked::All),
            ("bytes=0-,0-,0-,0-", 100, Asked::All),
            ("bytes=100-", 100, Asked::Beyond),
            ("bytes=100-,-0", 100, Asked::Beyond),
            ("bytes=0-", 0, Asked::Beyond),
            ("bytes=9-0", 100, Asked::All),
            ("lines=0-1", 100, Asked::All),
            ("bytes=", 100, Asked::All),
            ("bytes=-", 100, Asked::All),
            ("bytes=+1-2", 100, Asked::All),
            ("bytes=0-1,,", 100, Asked::All),
            ("bytes", 100, Asked::All),
        ] {
            assert_eq!(parse(header, size), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_no_byte_comes_twice(header in "bytes=[0-9,\\- ]{0,40}", size in 0_u64..200) {
            if let Asked::Parts(parts) = parse(&header, size) {
                let bytes: u64 = parts.iter().map(|part| part.end - part.start).sum();
                prop_assert!(bytes <= size && parts.len() <= MOST);
                prop_assert!(parts.iter().all(|part| part.start < part.end && part.end <= size));
            }
        }
    }
}
