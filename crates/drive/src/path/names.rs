//! Names that travel between systems: which ones all can hold, and what the others are called here.

use super::{PART_SUFFIX, PathError};

/// The longest name a file gets here, in bytes (ext4, XFS, Btrfs).
const MAX_LOCAL_NAME: usize = 255;

/// Whether Windows, macOS and Linux can all hold this name.
pub(super) fn portable(name: &str) -> Result<(), PathError> {
    match unportable(name) {
        Some(why) => Err(PathError::NotPortable { name: name.to_owned(), why }),
        None => Ok(()),
    }
}

fn unportable(name: &str) -> Option<&'static str> {
    if name.chars().any(is_bad_char) {
        return Some("it holds a character that Windows does not allow");
    }
    if name.ends_with(['.', ' ']) {
        return Some("it ends with a dot or a space");
    }
    if is_device(name) {
        return Some("it is the name of a device on Windows");
    }
    (name.len() > MAX_LOCAL_NAME).then_some("it is too long")
}

fn is_bad_char(c: char) -> bool {
    matches!(c, '\\' | '/' | ':' | '<' | '>' | '"' | '|' | '?' | '*') || c.is_control()
}

/// `CON`, `com1.txt`, `LPT¹`: reserved with any extension (learn.microsoft.com, "Naming Files").
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let numbered = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    numbered.is_some_and(|rest| {
        let mut chars = rest.chars();
        let digit = chars.next().is_some_and(|c| matches!(c, '0'..='9' | '¹' | '²' | '³'));
        digit && chars.next().is_none()
    })
}

/// The name a file from another system gets here. What this system cannot hold is written as `%XX`, so that nothing
/// is lost; a name that is too long is shortened before its extension.
#[must_use]
pub fn local_name(name: &str) -> String {
    local_name_on(name, cfg!(windows))
}

/// The same for any system: what not every one of them can hold is written as `%XX`.
#[must_use]
pub fn portable_name(name: &str) -> String {
    local_name_on(name, true)
}

fn local_name_on(name: &str, windows: bool) -> String {
    let mut mapped = String::with_capacity(name.len());
    for c in name.chars() {
        let bad = if windows { is_bad_char(c) } else { matches!(c, '/' | '\0') };
        if bad { escape(c, &mut mapped) } else { mapped.push(c) }
    }
    let whole = allowed(mapped.clone(), windows);
    if whole.len() <= MAX_LOCAL_NAME {
        return whole;
    }
    // What is left of a name may be one that is not allowed: two more escapes must have room.
    allowed(shorten(&mapped, MAX_LOCAL_NAME - 4), windows)
}

/// The same, if it is a name that a file can have; at most four bytes longer if not.
fn allowed(mut name: String, windows: bool) -> String {
    if windows {
        if let Some(last @ ('.' | ' ')) = name.chars().last() {
            name.pop();
            escape(last, &mut name);
        }
        if is_device(&name) {
            let first = name.remove(0);
            let mut start = String::new();
            escape(first, &mut start);
            name.insert_str(0, &start);
        }
    }
    if matches!(name.as_str(), "" | "." | "..") {
        name = name.replace('.', "%2E");
        name.push('_');
    }
    name
}

fn escape(c: char, into: &mut String) {
    let mut bytes = [0; 4];
    for byte in c.encode_utf8(&mut bytes).bytes() {
        into.push_str(&format!("%{byte:02X}"));
    }
}

/// Cut to `limit` bytes on a character boundary, keeping a reasonable extension.
fn shorten(name: &str, limit: usize) -> String {
    if name.len() <= limit {
        return name.to_owned();
    }
    let (stem, extension) = match split_extension(name) {
        (_, extension) if extension.len() > 32 => (name, ""),
        parts => parts,
    };
    let mut end = limit.saturating_sub(extension.len()).min(stem.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", &stem[..end])
}

fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    }
}

/// `name`, then `name (2)`, `name (3)` …, the number before the extension.
#[must_use]
pub fn numbered(name: &str, number: u32) -> String {
    if number < 2 {
        return name.to_owned();
    }
    let (stem, extension) = split_extension(name);
    let mark = format!(" ({number}){}", if extension.len() <= 32 { extension } else { "" });
    let stem = if extension.len() <= 32 { stem } else { name };
    let mut end = MAX_LOCAL_NAME.saturating_sub(mark.len()).min(stem.len());
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{mark}", &stem[..end])
}

/// The hidden name under which a file grows until it is whole. `mark` tells two copies of one file apart.
#[must_use]
pub fn part_name(name: &str, mark: &str) -> String {
    let tail = format!(".{mark}{PART_SUFFIX}");
    let mut end = MAX_LOCAL_NAME.saturating_sub(tail.len() + 1).min(name.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!(".{}{tail}", &name[..end])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::{
        super::{SharePath, is_part},
        *,
    };
    use proptest::prelude::*;

    #[test]
    fn new_names_must_fit_every_system() {
        let refused = [
            "a\\b",
            "c:",
            "a:b",
            "a<b",
            "a>b",
            "a\"b",
            "a|b",
            "a?b",
            "a*b",
            "a\nb",
            "a\u{7f}",
            "dot.",
            "space ",
            "CON",
            "con.txt",
            "Aux",
            "nul.tar.gz",
            "COM1",
            "com9.log",
            "LPT¹",
            "COM³.x",
            "CONIN$",
            "nul .txt",
        ];
        for name in refused {
            let path = SharePath { names: vec!["folder".to_owned(), name.to_owned()] };
            assert!(matches!(path.check_new_name(), Err(PathError::NotPortable { .. })), "{name:?}");
        }
        for name in
            ["a.txt", "Ünïcødé 日本", ".hidden", "console", "com", "com10", "COMx", "a (2).pdf", "a%b"]
        {
            assert!(SharePath::parse(name).unwrap().check_new_name().is_ok(), "{name:?}");
        }
        assert!(SharePath::top().check_new_name().is_err(), "the top is no file");
    }

    #[test]
    fn names_from_elsewhere_are_made_to_fit() {
        let table = [
            ("report.pdf", "report.pdf", "report.pdf"),
            ("a:b?.txt", "a:b?.txt", "a%3Ab%3F.txt"),
            ("dot.", "dot.", "dot%2E"),
            ("space ", "space ", "space%20"),
            ("con.txt", "con.txt", "%63on.txt"),
            ("a\\b", "a\\b", "a%5Cb"),
            ("a/b", "a%2Fb", "a%2Fb"),
            ("..", "%2E%2E_", ".%2E"),
        ];
        for (name, unix, windows) in table {
            assert_eq!(local_name_on(name, false), unix, "{name:?} on Unix");
            assert_eq!(local_name_on(name, true), windows, "{name:?} on Windows");
        }
        let long = format!("{}.pdf", "é".repeat(300));
        let short = local_name_on(&long, false);
        assert!(short.len() <= 255 && short.ends_with(".pdf"), "{short}");
    }

    #[test]
    fn a_second_copy_gets_its_number_before_the_extension() {
        assert_eq!(numbered("a.pdf", 1), "a.pdf");
        assert_eq!(numbered("a.pdf", 2), "a (2).pdf");
        assert_eq!(numbered("a.tar.gz", 3), "a.tar (3).gz");
        assert_eq!(numbered(".profile", 2), ".profile (2)");
        assert_eq!(numbered("plain", 12), "plain (12)");
        let long = format!("{}.pdf", "x".repeat(251));
        assert_eq!(numbered(&long, 2).len(), 255, "a name that fills the limit still fits with its number");
    }

    #[test]
    fn a_growing_file_is_hidden_and_fits() {
        let name = part_name(&"ü".repeat(127), "1a2b3c4d");
        assert!(name.len() <= 255 && is_part(&name), "{name}");
        assert_eq!(part_name("a.pdf", "1a2b3c4d"), ".a.pdf.1a2b3c4d.lanyard-part");
    }

    #[test]
    fn a_name_that_has_to_be_shortened_is_still_one() {
        let odd = "\0".repeat(100);
        for (name, begin) in [
            (format!("..{odd}"), "..%00%00"),
            (format!("a.{odd}"), "a.%00%00"),
            (format!("CON{}x", " ".repeat(300)), "CON  "),
            (format!("{}..{odd}", "b".repeat(249)), "bbb"),
        ] {
            let local = local_name_on(&name, true);
            assert!(local.starts_with(begin) && local.len() > 240, "{name:?} became {local:?}");
            assert!(local.len() <= MAX_LOCAL_NAME && unportable(&local).is_none(), "{local:?}");
        }
    }

    proptest! {
        #[test]
        fn a_local_name_is_one_name_that_fits(name in "\\PC{0,300}", windows: bool) {
            let local = local_name_on(&name, windows);
            prop_assert!(!local.is_empty() && local.len() <= 255);
            prop_assert!(!local.contains('/') && !matches!(local.as_str(), "." | ".."));
            if windows {
                prop_assert!(!local.chars().any(is_bad_char) && !is_device(&local));
            }
        }
    }
}
