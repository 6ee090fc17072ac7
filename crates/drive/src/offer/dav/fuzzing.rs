//! What strangers write into bodies and headers, for the fuzz targets.

use super::{
    body, call,
    conditions::{Conditions, Truth},
    live, locks, ranges, xml,
};

/// Reads a body or a header; the first byte says which. Panics when something is not as it must be.
pub fn dav(bytes: &[u8]) {
    let Some((which, rest)) = bytes.split_first() else { return };
    let text = std::str::from_utf8(rest).unwrap_or_default();
    match which {
        b'0' => drop(body::find(rest)),
        b'1' => {
            for patch in body::patch(rest).unwrap_or_default() {
                if let body::Patch::Set(element) = patch {
                    let mut written = String::new();
                    element.write(&mut written);
                    assert_eq!(xml::parse(written.as_bytes()).ok().as_ref(), Some(&element), "{written}");
                }
            }
        }
        b'2' => {
            if let Ok(Some(wanted)) = body::lock(rest) {
                assert!(wanted.owner.is_none_or(|owner| xml::parse(owner.as_bytes()).is_ok()));
            }
        }
        b'3' => {
            if let Ok(conditions) = Conditions::parse(text) {
                let held: Result<bool, ()> = conditions.hold(|_| Ok(Truth::default()));
                assert!(held.is_ok());
            }
        }
        b'4' => {
            if let Some(path) = call::path_of(text, "10.0.0.1:8443")
                && let Ok(Some(target)) = call::Target::parse(path, "/dav/x")
            {
                let names = target.path.names();
                assert!(names.iter().all(|name| !name.contains('/') && name != ".." && !name.is_empty()));
            }
        }
        b'5' => {
            if let ranges::Asked::Parts(parts) = ranges::parse(text, 1_000) {
                let all: u64 = parts.iter().map(|part| part.end - part.start).sum();
                assert!(all <= 1_000 && parts.len() <= 8, "{parts:?}");
            }
        }
        _ => {
            let _ = (locks::timeout(text), live::from_http_date(text));
        }
    }
}
