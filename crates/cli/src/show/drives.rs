//! What was removed from a drive, and what is mounted.

use super::{clean, size, table::Table, when};
use lanyard_api::{Binned, EntryKind, Mount};

pub(crate) fn bin(things: &[Binned]) -> String {
    if things.is_empty() {
        return "The bin is empty.\n".to_owned();
    }
    let mut table = Table::new(&["ID", "REMOVED", "BY", "SIZE", "WHAT"]);
    for thing in things {
        let (amount, path) = match thing.kind {
            EntryKind::File => (size(thing.size), thing.path.clone()),
            EntryKind::Folder => (String::new(), format!("{}/", thing.path)),
            EntryKind::Other => (String::new(), format!("{} (not a file)", thing.path)),
        };
        let by = thing.removed_by.clone().unwrap_or_default();
        table.row([thing.id.clone(), when(thing.removed_at), by, amount, path]);
    }
    table.text()
}

pub(crate) fn mounts(mounts: &[Mount]) -> String {
    if mounts.is_empty() {
        return "Nothing is mounted.\n".to_owned();
    }
    let mut table = Table::new(&["DRIVE", "ON", "AT", "", ""]);
    for mount in mounts {
        let state = if mount.mounted { "" } else { "not there" };
        let detail = mount.detail.clone().unwrap_or_default();
        let (drive, device, dir) = (mount.drive.clone(), mount.device_name.clone(), mount.dir.clone());
        table.row([drive, device, dir, state.to_owned(), detail]);
    }
    table.text()
}

/// One line of text with names of strangers in it.
pub(crate) fn clean_line(text: &str) -> String {
    clean(text.trim_end_matches('\n')) + "\n"
}
