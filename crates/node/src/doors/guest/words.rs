//! The words of the guests' pages, from the catalogues that the app uses too, in the language that the browser asks
//! for.

use super::html::Html;
use crate::words::{CATALOGUES, fill};
use http::{HeaderMap, header};

/// One language's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    English,
    German,
}

impl Words {
    /// The first language of `Accept-Language` (RFC 9110 §12.5.4) that there is a catalogue for. Browsers write the
    /// one they like best first; weights are not looked at.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let tags = wanted.split(',').take(16).map(|tag| tag.split([';', '-']).next().unwrap_or("").trim());
        tags.filter_map(|tag| match tag.to_ascii_lowercase().as_str() {
            "de" => Some(Self::German),
            "en" => Some(Self::English),
            _ => None,
        })
        .next()
        .unwrap_or(Self::English)
    }

    /// For `lang`.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// The words behind a key, with `{name}` filled in; the key itself when there are none.
    pub(super) fn text(self, key: &str, values: &[(&str, &str)]) -> String {
        let value = |name: &str| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        fill(self.find(key).unwrap_or(key), value)
    }

    /// The same for a page.
    pub(super) fn html(self, key: &str, values: &[(&str, &str)]) -> Html {
        Html::text(&self.text(key, values))
    }

    /// The words behind `first`, or behind `second` when there are none.
    pub(super) fn either(self, first: &str, second: &str, values: &[(&str, &str)]) -> String {
        self.text(if self.find(first).is_some() { first } else { second }, values)
    }

    /// `key.one` or `key.other`.
    pub(super) fn count(self, key: &str, count: i64) -> String {
        let form = if count == 1 { "one" } else { "other" };
        self.text(&format!("{key}.{form}"), &[("count", &count.to_string())])
    }

    /// A size for a person: three digits, in the steps that files are shown in everywhere.
    pub(super) fn size(self, bytes: u64) -> String {
        const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
        let mut value = bytes as f64;
        let mut unit = 0;
        while value >= 999.5 && unit + 1 < UNITS.len() {
            value /= 1000.0;
            unit += 1;
        }
        let number = if unit == 0 || value >= 99.95 { format!("{value:.0}") } else { format!("{value:.1}") };
        let number = if self == Self::German { number.replace('.', ",") } else { number };
        format!("{number}\u{a0}{}", UNITS[unit])
    }

    fn find(self, key: &str) -> Option<&'static str> {
        CATALOGUES[usize::from(self == Self::German)].get(key).map(String::as_str)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn words(accept: &str) -> Words {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, accept.parse().unwrap());
        Words::of(&headers)
    }

    #[test]
    fn a_browser_gets_the_language_it_asks_for_and_english_otherwise() {
        assert_eq!(words("de-AT,de;q=0.9,en;q=0.8"), Words::German);
        assert_eq!(words("fr, DE;q=0.5"), Words::German);
        assert_eq!(words("en-GB,en;q=0.9,de;q=0.8"), Words::English);
        assert_eq!(words("fr"), Words::English);
        assert_eq!(Words::of(&HeaderMap::new()), Words::English);
    }

    #[test]
    fn every_word_of_the_pages_is_in_both_catalogues() {
        let sources = [include_str!("pages.rs"), include_str!("action.rs"), include_str!("../guest.rs")];
        // A word between two quotes, wherever they pair up: raw texts hold quotes of their own.
        let keys: Vec<&str> = sources
            .iter()
            .flat_map(|source| source.split('"'))
            .filter(|key| {
                key.len() > "guest.".len()
                    && key.starts_with("guest.")
                    && key.bytes().all(|b| b.is_ascii_lowercase() || b"._".contains(&b))
            })
            .collect();
        assert!(keys.len() > 20, "the keys are found in the sources: {keys:?}");
        for words in [Words::English, Words::German] {
            for key in &keys {
                let counted = format!("{key}.other");
                assert!(words.find(key).or_else(|| words.find(&counted)).is_some(), "{key} is missing");
            }
        }
    }

    #[test]
    fn sizes_read_as_people_write_them() {
        assert_eq!(Words::English.size(0), "0\u{a0}B");
        assert_eq!(Words::English.size(999), "999\u{a0}B");
        assert_eq!(Words::English.size(1_234_567), "1.2\u{a0}MB");
        assert_eq!(Words::German.size(1_234_567), "1,2\u{a0}MB");
        assert_eq!(Words::English.size(999_999), "1.0\u{a0}MB");
        assert_eq!(Words::English.size(123_456_789), "123\u{a0}MB");
    }
}
