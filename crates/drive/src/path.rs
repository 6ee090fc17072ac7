//! Paths inside a share. Names that travel between systems are in `names`.
//!
//! A [`SharePath`] is parsed once from what a stranger sent and can afterwards only lead downwards. Whether the
//! names on it are symbolic links is a question for the open call (`offer::confine`), not for this module.

mod names;

pub use names::{local_name, numbered, part_name, portable_name};

use names::portable;
use std::{fmt, path::PathBuf};
use unicode_normalization::UnicodeNormalization;

/// The longest path that is looked at, in bytes.
const MAX_PATH: usize = 4_096;
/// The longest name, in bytes: what ext4, APFS and NTFS can hold at most (255 UTF-16 units are up to 765 bytes).
const MAX_NAME: usize = 765;
/// How names of files that are not whole yet end. Such names are never listed, opened or accepted.
pub const PART_SUFFIX: &str = ".lanyard-part";
/// The folder at the top of a share that holds what was removed. Such a name is never listed, opened or accepted,
/// wherever it stands: a shared folder may lie inside another one that is shared too.
pub const BIN: &str = ".lanyard-bin";

/// A path inside a share: names that lead downwards, none of them empty, `.`, `..`, or with a separator or NUL.
/// No names at all is the top of the share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SharePath {
    names: Vec<String>,
}

/// Why a text is no path inside a share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("the path is not correctly encoded")]
    Encoding,
    /// An empty name: a leading, trailing or double `/`.
    #[error("the path holds an empty name")]
    Empty,
    /// `.` or `..`.
    #[error("the path holds “.” or “..”")]
    Dots,
    /// A NUL character.
    #[error("the path holds a NUL character")]
    Nul,
    /// Longer than any system holds.
    #[error("the path is too long")]
    TooLong,
    /// A name that this system, or for writing any system, cannot hold.
    #[error("“{name}” cannot be the name of a file on every system: {why}")]
    NotPortable {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A name that Lanyard keeps for itself: a file that is still being written, or what was removed.
    #[error("this name is reserved for files that are not whole yet, or were removed")]
    Reserved,
}

impl SharePath {
    /// The top of the share.
    #[must_use]
    pub fn top() -> Self {
        Self::default()
    }

    /// From decoded text, `/`-separated, relative; the empty text is the top. A path on this computer: it holds only names
    /// that this system can hold.
    ///
    /// # Errors
    /// [`PathError`] for anything that could lead elsewhere or that this system does not hold.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        Self::parse_on(text, cfg!(windows))
    }

    /// The same of a path on another computer, which may hold names that this system cannot. It is for asking there, never
    /// for a disk here: what comes from there gets [`local_name`]s.
    ///
    /// # Errors
    /// [`PathError`] for anything that could lead elsewhere or that no system holds.
    pub fn parse_remote(text: &str) -> Result<Self, PathError> {
        Self::parse_on(text, false)
    }

    /// The same on a computer with Windows, or with another system.
    pub(crate) fn parse_on(text: &str, windows: bool) -> Result<Self, PathError> {
        if text.len() > MAX_PATH {
            return Err(PathError::TooLong);
        }
        if text.is_empty() {
            return Ok(Self::top());
        }
        let names: Result<Vec<String>, PathError> =
            text.split('/').map(|name| check(name, windows).map(|()| name.to_owned())).collect();
        Ok(Self { names: names? })
    }

    /// From a percent-encoded query value. Decoded exactly once, before it is split: `%2e%2e` is `..` and refused,
    /// `%2f` is a separator, `%252e` is the four characters `%2e`.
    ///
    /// # Errors
    /// As [`SharePath::parse`], and [`PathError::Encoding`].
    pub fn parse_encoded(raw: &str) -> Result<Self, PathError> {
        if raw.len() > 3 * MAX_PATH {
            return Err(PathError::TooLong);
        }
        Self::parse(&decode(raw)?)
    }

    /// The names from the top down.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// True for the top of the share.
    #[must_use]
    pub fn is_top(&self) -> bool {
        self.names.is_empty()
    }

    /// The last name; none for the top.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.names.last().map(String::as_str)
    }

    /// The folder it is in, and its name; none for the top.
    #[must_use]
    pub fn split_last(&self) -> Option<(&[String], &str)> {
        self.names.split_last().map(|(name, folder)| (folder, name.as_str()))
    }

    /// One step down, to a name that this system can hold.
    ///
    /// # Errors
    /// [`PathError`] when `name` is not a single name, or leads deeper than a path can say.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        if name.contains('/') {
            return Err(PathError::Empty);
        }
        check(name, cfg!(windows))?;
        let above: usize = self.names.iter().map(|name| name.len() + 1).sum();
        if above + name.len() > MAX_PATH {
            return Err(PathError::TooLong);
        }
        let mut names = self.names.clone();
        names.push(name.to_owned());
        Ok(Self { names })
    }

    /// What is the same of two paths that are one on a disk to which large and small letters, or the forms of one
    /// letter, are the same.
    #[must_use]
    pub fn folded(&self) -> String {
        self.to_string().nfc().collect::<String>().to_lowercase()
    }

    /// The same folder, another name, which this system can hold.
    ///
    /// # Errors
    /// [`PathError`] when `name` is not a single name.
    pub fn with_name(&self, name: &str) -> Result<Self, PathError> {
        let folder = self.names.len().saturating_sub(1);
        Self { names: self.names[..folder].to_vec() }.join(name)
    }

    /// Whether a new file may get this name: only what every system can hold, so that what one computer wrote
    /// another can copy away again.
    ///
    /// # Errors
    /// [`PathError::NotPortable`], [`PathError::Empty`] for the top.
    pub fn check_new_name(&self) -> Result<(), PathError> {
        portable(self.name().ok_or(PathError::Empty)?)
    }

    /// The path as this system would write it, relative to the top of a share of this computer.
    #[must_use]
    pub fn to_path(&self) -> PathBuf {
        self.names.iter().collect()
    }

    /// Percent-encoded, for a query.
    #[must_use]
    pub fn encoded(&self) -> String {
        encode(&self.to_string())
    }
}

impl fmt::Display for SharePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.join("/"))
    }
}

fn check(name: &str, windows: bool) -> Result<(), PathError> {
    match name {
        "" => return Err(PathError::Empty),
        "." | ".." => return Err(PathError::Dots),
        _ => {}
    }
    if name.contains('\0') {
        return Err(PathError::Nul);
    }
    if name.len() > MAX_NAME {
        return Err(PathError::TooLong);
    }
    if is_reserved_on(name, windows) {
        return Err(PathError::Reserved);
    }
    // There, a name with `\` or `:` is a path or a stream, and `x.` is `x`.
    if windows { portable(name) } else { Ok(()) }
}

/// Whether a name belongs to a file that is not whole yet.
#[must_use]
pub fn is_part(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(PART_SUFFIX)
}

/// Whether a name is one that Lanyard keeps for itself, on this or on any other system: there are some to which
/// `.LANYARD-BIN`, or the same with an invisible character in it (HFS+), is the same name, and Windows has short names
/// beside the long ones.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    is_reserved_on(name, cfg!(windows))
}

fn is_reserved_on(name: &str, windows: bool) -> bool {
    // Nearly every name is told apart by its first letter; folders have very many.
    let begins_plainly = name.bytes().next().is_none_or(|first| first.is_ascii() && first != b'.');
    if begins_plainly && !(windows && name.contains('~')) {
        return false;
    }
    let ignored = |c| matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let plain: String = name.chars().filter(|c| !ignored(*c)).map(|c| c.to_ascii_lowercase()).collect();
    is_part(&plain) || plain == BIN || (windows && is_short_for_bin(&plain))
}

/// `LANYAR~1`, and the form with a checksum that follows when there are many of them (`LA1B2C~1`).
fn is_short_for_bin(name: &str) -> bool {
    let Some((stem, number)) = name.split_once('~') else { return false };
    let numbered = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let checksum = stem.len() == 6 && stem.starts_with("la");
    numbered && (checksum || "lanyar".starts_with(stem))
}

/// Percent-decodes once. `+` stays `+`: these are paths, not forms.
///
/// # Errors
/// [`PathError::Encoding`].
pub fn decode(raw: &str) -> Result<String, PathError> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (high, low) = (rest.next().and_then(hex_digit), rest.next().and_then(hex_digit));
        let (Some(high), Some(low)) = (high, low) else { return Err(PathError::Encoding) };
        bytes.push(high << 4 | low);
    }
    String::from_utf8(bytes).map_err(|_| PathError::Encoding)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Percent-encodes everything but unreserved characters (RFC 3986 §2.3) and `/`.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Component, Path};

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        let table: &[(&str, PathError)] = &[
            ("/etc/passwd", PathError::Empty),
            ("a//b", PathError::Empty),
            ("a/", PathError::Empty),
            ("/", PathError::Empty),
            ("..", PathError::Dots),
            ("../x", PathError::Dots),
            ("a/../../x", PathError::Dots),
            ("a/..", PathError::Dots),
            (".", PathError::Dots),
            ("a/./b", PathError::Dots),
            ("%2e%2e/x", PathError::Dots),
            ("a%2f..%2f..%2fetc", PathError::Dots),
            ("%2fetc", PathError::Empty),
            ("a%00b", PathError::Nul),
            ("%", PathError::Encoding),
            ("%2", PathError::Encoding),
            ("%zz", PathError::Encoding),
            ("%+1", PathError::Encoding),
            ("%ff", PathError::Encoding),
            ("%c0%ae%c0%ae/x", PathError::Encoding),
            ("x/.secret.pdf.1a2b.lanyard-part", PathError::Reserved),
            (".lanyard-bin", PathError::Reserved),
            (".lanyard-bin/0123/item", PathError::Reserved),
            ("inner/.LANYARD-Bin/x", PathError::Reserved),
            (".lan%E2%80%8Cyard-bin/x", PathError::Reserved),
            (".x.LANYARD-PART", PathError::Reserved),
        ];
        for (raw, expected) in table {
            assert_eq!(SharePath::parse_encoded(raw).as_ref(), Err(expected), "{raw}");
        }
    }

    #[test]
    fn paths_are_decoded_exactly_once() {
        assert_eq!(SharePath::parse_encoded("%252e%252e/x").unwrap().names(), ["%2e%2e", "x"]);
        assert_eq!(SharePath::parse_encoded("a+b%20c").unwrap().names(), ["a+b c"]);
        assert_eq!(SharePath::parse_encoded("caf%C3%A9/%E6%97%A5").unwrap().names(), ["café", "日"]);
        assert!(SharePath::parse_encoded("").unwrap().is_top());
        assert_eq!(SharePath::parse("...").unwrap().names(), ["..."], "three dots are an ordinary name");
    }

    #[test]
    fn the_short_names_that_windows_gives_to_the_bin_are_known() {
        for name in ["lanyar~1", "lanyar~12", "la1b2c~1", "lan~1"] {
            assert!(is_short_for_bin(name), "{name}");
        }
        for name in ["lanyard", "letter~1", "lanyar~", "la~x", "notes~1.txt"] {
            assert!(!is_short_for_bin(name), "{name}");
        }
    }

    #[test]
    fn what_windows_cannot_hold_can_be_asked_for_elsewhere_and_does_not_come_to_its_disk() {
        for text in ["a:b.txt", "10:30/x", "C:/x", "a\\b", "..\\x", "nul", "x.", "x ", "in/lanyar~1"] {
            assert!(SharePath::parse_on(text, true).is_err(), "{text} on Windows");
            let there = SharePath::parse_remote(text).unwrap();
            assert_eq!(there.to_string(), text, "asked for as it is called there");
            assert_eq!(SharePath::parse_encoded(&there.encoded()).is_ok(), !cfg!(windows));
        }
        for text in
            ["..", "a/../b", "/a", "a//b", "a\0b", ".lanyard-bin", ".x.lanyard-part", ".Lanyard-Bin/x"]
        {
            assert!(
                SharePath::parse_remote(text).is_err(),
                "{text} leads elsewhere, or is hidden there, too"
            );
        }
    }

    #[test]
    fn endless_paths_are_refused() {
        assert_eq!(SharePath::parse(&"a/".repeat(4_000)), Err(PathError::TooLong));
        assert_eq!(SharePath::parse(&"a".repeat(800)), Err(PathError::TooLong));
    }

    proptest! {
        #[test]
        fn a_parsed_path_is_always_beneath_the_root(raw in "[a-z./%2eEfF0-9\\\\:~ \u{0}-\u{2f}]{0,40}") {
            if let Ok(path) = SharePath::parse_encoded(&raw) {
                let relative = path.to_path();
                prop_assert!(relative.components().all(|part| matches!(part, Component::Normal(_))));
                prop_assert_eq!(relative.components().count(), path.names().len());
                prop_assert!(Path::new("/root").join(&relative).starts_with("/root"));
            }
        }

        #[test]
        fn any_path_survives_the_wire(names in prop::collection::vec("\\PC{1,12}", 0..5)) {
            if let Ok(path) = SharePath::parse(&names.join("/")) {
                prop_assert_eq!(SharePath::parse_encoded(&path.encoded()), Ok(path));
            }
        }
    }
}
