//! HTML that cannot be made of unescaped text: the one place that escapes.

/// A piece of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Html(String);

impl Html {
    /// Somebody's text, for between tags and for quoted attributes.
    pub(super) fn text(text: &str) -> Self {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                // What no page may hold (WHATWG HTML §13.1.4), and what turns the direction of everything after it.
                c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
                c => out.push(c),
            }
        }
        Self(out)
    }

    /// A template with `{name}` for what is filled in. Only what is built in can be a template, and only what is
    /// HTML already can be filled in.
    pub(super) fn fill(template: &'static str, values: &[(&str, Html)]) -> Self {
        let mut out = String::with_capacity(template.len() + 256);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
                out.push_str(&value.0);
            }
            rest = after;
        }
        out.push_str(rest);
        Self(out)
    }

    /// One after the other.
    pub(super) fn all(pieces: impl IntoIterator<Item = Self>) -> Self {
        Self(pieces.into_iter().map(|piece| piece.0).collect())
    }

    /// As it is sent.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_somebody_wrote_becomes_a_tag_or_ends_an_attribute() {
        let evil = "<img src=x onerror='alert(1)'>\" & {title}\u{202e}\u{0}";
        let page = Html::fill("<a title=\"{title}\">{title}</a>", &[("title", Html::text(evil))]);
        let text = "&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&quot; &amp; {title}\u{fffd}\u{fffd}";
        assert_eq!(
            page.into_string(),
            format!("<a title=\"{text}\">{text}</a>"),
            "and it is filled in only once"
        );
    }
}
