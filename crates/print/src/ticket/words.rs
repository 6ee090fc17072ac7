//! What strangers write, fit to be shown to people.

/// A stranger's document name, fit to be shown: no control or direction characters, at most 200 bytes.
#[must_use]
pub fn title(text: &str) -> String {
    let text = clean(text, 200);
    if text.is_empty() { "Document".to_owned() } else { text }
}

/// A stranger's sentence, fit to be shown; at most 300 bytes.
#[must_use]
pub fn words(text: &str) -> String {
    clean(text, 300)
}

/// A stranger's keyword without its severity (RFC 8011 §5.4.12), or none when it is not one.
#[must_use]
pub fn keyword(text: &str) -> Option<String> {
    let text = ["-error", "-warning", "-report"].iter().find_map(|s| text.strip_suffix(s)).unwrap_or(text);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let good = !text.is_empty() && text.len() <= 64 && text != "none" && text.bytes().all(allowed);
    good.then(|| text.to_owned())
}

fn clean(text: &str, limit: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let direction = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{feff}');
        let c = match c {
            '\t' | '\n' | '\r' => ' ',
            c if c.is_control() || direction => continue,
            c => c,
        };
        if c == ' ' && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        if out.len() + c.len_utf8() > limit {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_write_is_cleaned_and_bounded() {
        assert_eq!(title("a\u{202e}fdp.exe\r\n\u{7}"), "afdp.exe");
        assert_eq!(title("\u{200f}\n"), "Document");
        assert!(title(&"ü".repeat(500)).len() <= 200);
        assert_eq!(keyword("media-empty-error").as_deref(), Some("media-empty"));
        assert_eq!(keyword("none"), None);
        assert_eq!(keyword("<img>"), None);
    }
}
