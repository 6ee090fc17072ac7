//! Which pages of a document are meant.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// Pages of a document, 1-based, ascending, without overlaps; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRanges(Vec<(u32, u32)>);

/// The text names no pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("pages are written like 1-3,5")]
pub struct ParsePageRangesError;

impl PageRanges {
    /// First and last page of each range.
    #[must_use]
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// The pages of a document with `count` pages that are meant; may be empty.
    pub fn within(&self, count: u32) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(move |&(first, last)| first..=last.min(count))
    }
}

impl FromStr for PageRanges {
    type Err = ParsePageRangesError;

    /// Reads `1-3,5`. Ranges may overlap and come in any order; they print in the document's.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const MAX_RANGES: usize = 100;
        const MAX_PAGE: u32 = 99_999;
        let number = |text: &str| {
            let text = text.trim();
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|n| digits && (1..=MAX_PAGE).contains(n)).ok_or(ParsePageRangesError)
        };
        let mut ranges = Vec::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first > last || ranges.len() == MAX_RANGES {
                return Err(ParsePageRangesError);
            }
            ranges.push((first, last));
        }
        ranges.sort_unstable();
        // RFC 8011 §5.2.7: ascending, not overlapping.
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Ok(Self(merged))
    }
}

impl fmt::Display for PageRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}-{last}")? }
        }
        Ok(())
    }
}

impl Serialize for PageRanges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PageRanges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn page_ranges_print_in_the_documents_order_without_repeats() {
        let ranges: PageRanges = "5, 1-3,2-4".parse().unwrap();
        assert_eq!(ranges.ranges(), [(1, 5)]);
        assert_eq!("7,1-2".parse::<PageRanges>().unwrap().to_string(), "1-2,7");
        assert_eq!("2-9".parse::<PageRanges>().unwrap().within(3).collect::<Vec<_>>(), [2, 3]);
        for bad in ["", "0", "3-1", "a", "1-", "-2", "1,,2", "+1", "1-2-3", "100000", "1;2"] {
            assert!(bad.parse::<PageRanges>().is_err(), "{bad:?} is no list of pages");
        }
        assert!(vec!["1"; 101].join(",").parse::<PageRanges>().is_err(), "a bounded list");
    }
}
