//! Paths inside a shared folder, as another device asks for them.

use lanyard_drive::path::SharePath;
use std::path::Component;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for parsed in [SharePath::parse(text), SharePath::parse_encoded(text)].into_iter().flatten() {
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        assert!(parsed.to_path().components().all(plain), "{text:?} leads out of the share");
        let again = SharePath::parse_encoded(&parsed.encoded());
        assert!(again.is_ok_and(|again| again == parsed), "{text:?} is another after encoding");
    }
}
