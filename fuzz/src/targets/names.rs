//! Names that anybody may have chosen, before people see them or a disk stores them.

use lanyard_drive::path;
use lanyard_trust::names::clean;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(name) = clean(text) {
        assert!(!name.is_empty() && !name.chars().any(char::is_control), "{name:?}");
        assert_eq!(clean(&name).as_deref(), Some(&*name), "cleaning it again changes it");
    }
    let portable = path::portable_name(text);
    assert!(!portable.is_empty() && !portable.contains(['/', '\\', '\0']), "{portable:?}");
    // So it is neither of the two names that every folder has.
    assert!(!portable.ends_with(['.', ' ']) && portable.len() <= 255, "{portable:?}");
}
