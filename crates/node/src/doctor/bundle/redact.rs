//! Taking names, paths and secrets out of a text. Pure.

use serde_json::Value;
use std::{collections::HashMap, net::IpAddr};

/// Fields of a log line whose texts say nothing about anybody.
const PLAIN: [&str; 12] = [
    "interface",
    "state",
    "status",
    "code",
    "kind",
    "method",
    "version",
    "os",
    "what",
    "outcome",
    "heard",
    "reason",
];
/// A name shorter than this is found inside too many words; it is taken out where it stands alone.
const SHORT: usize = 4;
/// Words from this length on could be keys, identities or secrets.
const LONG_WORD: usize = 20;

/// Turns what must not be told into tokens, the same into the same.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    /// What is known by name, longest first.
    known: Vec<(String, &'static str)>,
    tokens: HashMap<String, String>,
    counts: HashMap<&'static str, usize>,
}

/// Whether a line of the log is told at all.
pub(super) fn is_told(line: &str) -> bool {
    ["\"level\":\"INFO\"", "\"level\":\"WARN\"", "\"level\":\"ERROR\""]
        .iter()
        .any(|level| line.contains(level))
}

impl Redactor {
    /// From now on this name is not told.
    pub(super) fn learn(&mut self, kind: &'static str, name: &str) {
        let name = name.trim();
        if name.is_empty() || self.known.iter().any(|(known, _)| known == name) {
            return;
        }
        self.known.push((name.to_owned(), kind));
        // A longer name must go before a shorter one that is a part of it.
        self.known.sort_by_key(|(known, _)| std::cmp::Reverse(known.len()));
    }

    /// The token for something.
    pub(super) fn token(&mut self, kind: &'static str, text: &str) -> String {
        if let Some(token) = self.tokens.get(text) {
            return token.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let token = format!("<{kind}-{count}>");
        self.tokens.insert(text.to_owned(), token.clone());
        token
    }

    /// An address; one that the whole world could reach tells where somebody lives.
    pub(super) fn address(&mut self, text: &str) -> String {
        match text.parse::<IpAddr>() {
            Ok(ip) if is_private(ip) => text.to_owned(),
            _ => self.token("address", text),
        }
    }

    /// One line of the log; none when it is not told.
    pub(super) fn log_line(&mut self, line: &str) -> Option<String> {
        let Ok(Value::Object(line)) = serde_json::from_str(line) else { return None };
        let level = line.get("level")?.as_str()?;
        if !matches!(level, "INFO" | "WARN" | "ERROR") {
            return None;
        }
        let mut told =
            format!("{} {level}", line.get("timestamp").and_then(Value::as_str).unwrap_or_default());
        told.push(' ');
        told.push_str(line.get("target").and_then(Value::as_str).unwrap_or_default());
        let Some(Value::Object(fields)) = line.get("fields") else { return Some(told) };
        for (name, value) in fields {
            let value = match value {
                Value::String(text) if PLAIN.contains(&name.as_str()) && is_word(text) => text.clone(),
                Value::String(text) => self.text(text),
                Value::Number(number) => number.to_string(),
                Value::Bool(yes) => yes.to_string(),
                Value::Null => "null".to_owned(),
                // Nothing of ours logs these.
                Value::Array(_) | Value::Object(_) => "…".to_owned(),
            };
            told.push_str(&if name == "message" { format!(" {value}") } else { format!(" {name}={value}") });
        }
        Some(told)
    }

    /// Any text.
    pub(super) fn text(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, kind) in self.known.clone() {
            if text.contains(&name) {
                let token = self.token(kind, &name);
                text = replace(&text, &name, &token);
            }
        }
        text = self.quoted(&text);
        text = self.paths(&text);
        self.words(&text)
    }

    /// What stands in quotation marks was somebody's.
    fn quoted(&mut self, text: &str) -> String {
        let mut told = String::new();
        let mut rest = text;
        while let Some(begin) = rest.find('“') {
            let after = &rest[begin + '“'.len_utf8()..];
            let Some(end) = after.find('”') else { break };
            told.push_str(&rest[..begin]);
            let inside = &after[..end];
            told.push_str(&if inside.starts_with('<') {
                inside.to_owned()
            } else {
                self.token("name", inside)
            });
            rest = &after[end + '”'.len_utf8()..];
        }
        told + rest
    }

    /// From the beginning of a path to where it must have ended: file names have blanks in them.
    fn paths(&mut self, text: &str) -> String {
        let mut told = String::new();
        let mut rest = text;
        while let Some(begin) = path_begins(rest) {
            let tail = &rest[begin..];
            let end =
                [": ", "; ", "\"", "”", ", \"", "\n", ") "].iter().filter_map(|mark| tail.find(mark)).min();
            let path = &tail[..end.unwrap_or(tail.len())];
            told.push_str(&rest[..begin]);
            if path.starts_with("/v1/") && is_word(&path.replace('/', "")) {
                told.push_str("/v1/…");
            } else {
                told.push_str(&self.token("path", path));
            }
            rest = &tail[path.len()..];
        }
        told + rest
    }

    fn words(&mut self, text: &str) -> String {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '+' | '=');
        let mut told = String::new();
        let mut word = String::new();
        for c in text.chars().map(Some).chain([None]) {
            match c {
                Some(c) if is_part(c) => word.push(c),
                c => {
                    let kept = word.len() < LONG_WORD || !has_digit_or_is_odd(&word);
                    told.push_str(&if kept { std::mem::take(&mut word) } else { self.token("id", &word) });
                    word.clear();
                    told.extend(c);
                }
            }
        }
        told
    }
}

/// Long words of a language have no digits; keys nearly always do, or change between upper and lower case.
fn has_digit_or_is_odd(word: &str) -> bool {
    let uppers = word.chars().skip(1).filter(|c| c.is_uppercase()).count();
    word.len() >= 26 || word.chars().any(|c| c.is_ascii_digit()) || uppers > 2
}

fn is_word(text: &str) -> bool {
    text.len() < LONG_WORD
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '))
}

/// Where `/a…`, `~/`, `C:\` or `\\server` begins, if it does.
fn path_begins(text: &str) -> Option<usize> {
    let mut before = None;
    for (at, c) in text.char_indices() {
        let starts =
            before.is_none_or(|before: char| !before.is_alphanumeric() && !matches!(before, '/' | '>' | '.'));
        let rest = &text[at..];
        let second = rest.chars().nth(1);
        let unix = c == '/' && second.is_some_and(|c| !c.is_whitespace());
        let home = rest.starts_with("~/");
        let windows = c.is_ascii_alphabetic() && matches!(rest.as_bytes(), [_, b':', b'\\' | b'/', ..]);
        let server = rest.starts_with("\\\\");
        if starts && (unix || home || windows || server) {
            return Some(at);
        }
        before = Some(c);
    }
    None
}

/// Replaces a name: a short one only where it stands alone.
fn replace(text: &str, name: &str, token: &str) -> String {
    if name.chars().count() >= SHORT {
        return text.replace(name, token);
    }
    let mut told = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let after = &rest[at + name.len()..];
        let alone = !rest[..at].chars().next_back().is_some_and(char::is_alphanumeric)
            && !after.chars().next().is_some_and(char::is_alphanumeric);
        told.push_str(&rest[..at]);
        told.push_str(if alone { token } else { name });
        rest = after;
    }
    told + rest
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback(),
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || matches!(v6.segments()[0] & 0xffc0, 0xfe80)
                || v6.segments()[0] & 0xfe00 == 0xfc00
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let mut redactor = Redactor::default();
        redactor.learn("device", "Dulcinea's laptop");
        redactor.learn("share", "Sancho");
        redactor.learn("user", "al");
        redactor
    }

    #[test]
    fn no_canary_gets_through() {
        let canaries = [
            "/home/quixote/My tax 2025.pdf",
            "C:\\Users\\quixote\\tax.pdf",
            "~/tax.pdf",
            "\\\\server\\quixote",
            "Dulcinea's laptop",
            "Sancho",
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "k3j9x2aak3j9x2aak3j9x2aak3j9x2aak3j9x2aak3j9x2aak3j9",
            "“Windmill plan”",
            "/etc/x",
        ];
        let mut redactor = redactor();
        for canary in canaries {
            for (before, after) in
                [("", ""), ("cannot read ", ": no such file"), ("token=", ""), ("(", ")"), ("x=", " ")]
            {
                let told = redactor.text(&format!("{before}{canary}{after}"));
                let naked = canary.trim_matches(['“', '”']);
                assert!(!told.contains(naked), "{told}");
                for part in ["quixote", "tax", "Windmill", "Dulcinea", "Sancho"] {
                    assert!(!told.contains(part), "{canary} in {told}");
                }
            }
        }
    }

    #[test]
    fn what_helps_stays() {
        let mut redactor = redactor();
        for plain in [
            "no longer listening",
            "Port 7717 is used by another program.",
            "the device did not answer in time",
            "10.0.0.5:7717",
            "also all of it",
        ] {
            assert_eq!(redactor.text(plain), plain);
        }
        let (first, again) = (redactor.text("to Sancho"), redactor.text("Sancho!"));
        assert_eq!((first.as_str(), again.as_str()), ("to <share-1>", "<share-1>!"), "the same is the same");
        assert_eq!(redactor.text("for al, not also"), "for <user-1>, not also");
    }

    #[test]
    fn a_log_line_keeps_its_shape_and_debug_lines_are_not_told() {
        let mut redactor = redactor();
        let line = |level: &str| {
            format!(
                "{{\"timestamp\":\"2026-01-01T00:00:00Z\",\"level\":\"{level}\",\"fields\":{{\"message\":\"cannot read\",\
                 \"path\":\"/home/quixote/a b.pdf\",\"ms\":12,\"interface\":\"eth0\"}},\"target\":\"lanyard_drive\"}}"
            )
        };
        let told = redactor.log_line(&line("WARN")).unwrap();
        assert_eq!(
            told,
            "2026-01-01T00:00:00Z WARN lanyard_drive interface=eth0 cannot read ms=12 path=<path-1>"
        );
        assert_eq!(redactor.log_line(&line("DEBUG")), None);
        assert!(!is_told(&line("DEBUG")) && is_told(&line("INFO")));
        assert_eq!(redactor.log_line("quixote"), None, "what is no log line of ours is not told");
    }

    #[test]
    fn addresses_that_the_world_could_reach_are_hidden() {
        let mut redactor = redactor();
        for private in ["192.168.1.7", "10.1.2.3", "fe80::1", "fd00::1", "169.254.3.4"] {
            assert_eq!(redactor.address(private), private);
        }
        for public in ["203.0.113.7", "2001:db8::7"] {
            assert!(redactor.address(public).starts_with("<address-"), "{public}");
        }
    }
}
