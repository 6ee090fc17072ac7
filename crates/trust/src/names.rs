//! Names that people give and strangers send.

use unicode_normalization::UnicodeNormalization;

/// The longest name of a device, share or printer, in bytes of UTF-8.
pub const MAX_NAME: usize = 64;

/// Makes a stranger's or an owner's text fit to be shown and stored as a name: NFC, control characters and
/// everything invisible removed (bidirectional formatting, zero width), white space folded, cut at [`MAX_NAME`]
/// bytes on a character boundary. None when nothing is left.
///
/// Cleaning a clean name changes nothing. The result may still hold `<`, `/`, quotes and the like: whoever puts a
/// name into a page, a path or a command escapes it there.
#[must_use]
pub fn clean(text: &str) -> Option<String> {
    let mut name = String::new();
    let mut gap = false;
    // A name of 64 bytes is made of the beginning of a text; a megabyte is not normalised to find it.
    for char in text.chars().take(MAX_NAME * 16).filter(|char| !is_hidden(*char)).nfc() {
        if is_blank(char) {
            gap = !name.is_empty();
            continue;
        }
        if name.len() + usize::from(gap) + char.len_utf8() > MAX_NAME {
            break;
        }
        if std::mem::take(&mut gap) {
            name.push(' ');
        }
        name.push(char);
    }
    (!name.is_empty()).then_some(name)
}

fn is_blank(char: char) -> bool {
    // U+2800 is the Braille cell without a dot: as empty as a space.
    char.is_whitespace() || char == '\u{2800}'
}

/// Control characters, and those that change how a name looks or is compared without being seen themselves:
/// Unicode's `Default_Ignorable_Code_Point` (which holds the bidirectional controls and the zero-width
/// characters), line and paragraph marks of annotations, and noncharacters.
fn is_hidden(char: char) -> bool {
    if is_blank(char) {
        return false;
    }
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(char) & 0xfffe == 0xfffe
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use unicode_normalization::is_nfc;

    #[test]
    fn ordinary_names_stay_as_they_are() {
        for name in ["Kitchen", "Anna's Büro", "3D-Drucker #2", "打印机", "طابعة المكتب", "Печать", "🖨 Print"]
        {
            assert_eq!(clean(name).as_deref(), Some(name));
        }
    }

    #[test]
    fn what_cannot_be_seen_is_removed() {
        for (text, name) in [
            ("  Kit\tchen \n 2 ", "Kit chen 2"),
            ("a\u{0}b\u{7f}c\u{9b}d", "abcd"),
            ("\u{202e}gnp.exe\u{202c}", "gnp.exe"),
            ("A\u{200b}\u{feff}\u{ad}\u{2066}dam", "Adam"),
            ("e\u{301}te\u{301}", "été"),
            ("tag\u{e0041}ged", "tagged"),
            ("nbsp\u{a0}\u{a0}here\u{2028}", "nbsp here"),
            ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ] {
            assert_eq!(clean(text).as_deref(), Some(name), "{text:?}");
        }
    }

    #[test]
    fn nothing_visible_is_no_name() {
        for text in ["", "   ", "\u{200b}", "\u{202e}\u{202c}", "\u{3164}", "\u{2800}", "\n\r\t\u{0}"] {
            assert_eq!(clean(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        assert_eq!(clean(&"x".repeat(100_000)).unwrap(), "x".repeat(64));
        assert_eq!(clean(&"é".repeat(40)).unwrap(), "é".repeat(32));
        assert_eq!(clean(&"印".repeat(40)).unwrap(), "印".repeat(21), "63 bytes: the next one would not fit");
        assert_eq!(clean(&format!("{} end", "y".repeat(63))).unwrap(), "y".repeat(63), "no blank at the end");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn every_name_is_short_normal_visible_and_stays_so(text in any_text()) {
            if let Some(name) = clean(&text) {
                prop_assert!(!name.is_empty() && name.len() <= MAX_NAME);
                prop_assert!(is_nfc(&name), "{:?} is not NFC", name);
                prop_assert!(!name.chars().any(|char| char.is_control() || is_hidden(char)));
                prop_assert_eq!(name.trim(), &name);
                prop_assert!(!name.contains("  "));
                let again = clean(&name);
                prop_assert_eq!(again.as_ref(), Some(&name));
            }
        }
    }

    /// Any characters, with a liking for those that combine, hide, turn around or are blank.
    fn any_text() -> impl Strategy<Value = String> {
        let odd = prop::sample::select(
            "\u{300}\u{301}\u{308}\u{327}\u{344}\u{34f}\u{61c}\u{200b}\u{200d}\u{200e}\u{202e}\u{2066}\u{feff}\u{fe0f}\
             \u{a0}\u{2003}\u{2000}\u{3000}\u{85}\u{ad}\u{1100}\u{1161}\u{11a8}\u{ac00}\u{3099}か\u{212b}\u{1fee}\u{37e}\
             \u{958}\u{9a1}\u{9bc}\u{1d15e}\u{fb1d}\u{2adc}\u{ffff}\u{fdd0}aé \n"
                .chars()
                .collect::<Vec<_>>(),
        );
        prop::collection::vec(prop_oneof![odd, any::<char>()], 0..60)
            .prop_map(|chars| chars.into_iter().collect())
    }
}
