//! The shell's few words, from the catalogues that the page uses too.

use std::collections::HashMap;

const ENGLISH: &str = include_str!("../../locales/en.json");
const GERMAN: &str = include_str!("../../locales/de.json");

/// One language's words.
pub(crate) struct Words(HashMap<String, String>);

impl Words {
    /// The language of this user's session.
    pub(crate) fn of_this_system() -> Self {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .filter_map(|name| std::env::var(name).ok())
            .find(|value| !value.is_empty())
            .unwrap_or_default();
        Self::of(&locale)
    }

    /// The language of a locale's name (`de_AT.UTF-8`), English for those there is no catalogue for.
    fn of(locale: &str) -> Self {
        let catalogue = if locale.starts_with("de") { GERMAN } else { ENGLISH };
        Self(serde_json::from_str(catalogue).unwrap_or_default())
    }

    /// The words behind a key; the key itself when there are none, which a test of the catalogues rules out.
    pub(crate) fn get<'a>(&'a self, key: &'a str) -> &'a str {
        self.0.get(key).map_or(key, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_shell_is_in_both_catalogues() {
        for locale in ["en_GB.UTF-8", "de_AT.UTF-8"] {
            let words = Words::of(locale);
            for key in ["tray.open", "tray.quit"] {
                assert_ne!(words.get(key), key, "{key} is missing for {locale}");
            }
        }
    }
}
