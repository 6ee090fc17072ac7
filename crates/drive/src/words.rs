//! The words of a search by name, and which names they fit. Pure.
//!
//! Case and accents do not matter: a name is decomposed (Unicode NFKD), its marks are dropped and its letters made
//! small, so that `Muller` finds `Müller` however a system wrote it. Every word must be in the name, anywhere.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// The longest search, in bytes, as it is typed.
pub const LONGEST: usize = 256;
/// The most words.
const MOST: usize = 16;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// The words of a line; none when there are no words, too many of them, or it is too long.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        if line.len() > LONGEST {
            return None;
        }
        let words: Vec<String> =
            line.split_whitespace().map(folded).filter(|word| !word.is_empty()).collect();
        (1..=MOST).contains(&words.len()).then_some(Self(words))
    }

    /// Whether all of them are in that name.
    #[must_use]
    pub fn fit(&self, name: &str) -> bool {
        if name.is_ascii() {
            // Most names are: nothing has to be decomposed.
            let name = name.to_ascii_lowercase();
            return self.0.iter().all(|word| name.contains(word.as_str()));
        }
        let name = folded(name);
        self.0.iter().all(|word| name.contains(word.as_str()))
    }
}

fn folded(text: &str) -> String {
    text.nfkd().filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fit(line: &str, name: &str) -> bool {
        Words::parse(line).unwrap().fit(name)
    }

    #[test]
    fn case_and_accents_do_not_matter_however_they_are_written() {
        assert!(fit("muller", "Brief an Müller.odt"));
        assert!(fit("MÜLLER", "brief an mu\u{308}ller.odt"), "decomposed, as some systems keep names");
        assert!(fit("mu\u{308}ller", "M\u{fc}ller"), "and the other way round");
        assert!(fit("resume", "Résumé (2).PDF"));
        assert!(fit("ﬁn", "Final.doc"), "a ligature is its letters");
        assert!(!fit("mueller", "Müller"), "another spelling is another word");
    }

    #[test]
    fn every_word_must_be_there_in_any_order() {
        assert!(fit("2024 beach", "Beach day 2024-07.jpg"));
        assert!(!fit("2024 beach", "Beach day 2023.jpg"));
        assert!(fit("  pdf  ", "letter.PDF"));
    }

    #[test]
    fn what_is_no_search_is_refused() {
        for line in ["", "   ", "\u{308}", &"x".repeat(LONGEST + 1), &"a ".repeat(17)] {
            assert_eq!(Words::parse(line), None, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_found_by_itself(name in "[^\\s\\p{M}][^\\p{M}\\s]{0,20}") {
            if let Some(words) = Words::parse(&name) {
                prop_assert!(words.fit(&name));
            }
        }
    }
}
