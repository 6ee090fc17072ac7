//! What was removed from a drive, what is mounted, and what can be taken out.

use super::{clean, size, table::Table, when};
use lanyard_api::{Binned, EntryKind, Medium, MediumKind, MediumNote, Mount};

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

pub(crate) fn media(media: &[Medium]) -> String {
    if media.is_empty() {
        return "No disc or stick is in.\n".to_owned();
    }
    let mut table = Table::new(&["NAME", "WHAT", "SIZE", "WHERE", "SHARED", ""]);
    for medium in media {
        let what = match medium.kind {
            MediumKind::Disc => "disc",
            MediumKind::Drive => "drive",
        };
        let shared = if medium.share.is_some() { "yes" } else { "no" };
        let note = match medium.note {
            None => "",
            Some(MediumNote::Audio) => "music tracks, which cannot be shared as files",
            Some(MediumNote::Scrambled) => "a protected film, which can only be played",
            Some(MediumNote::NoFiles) => "no files that are understood here",
        };
        let amount = medium.size.map(size).unwrap_or_default();
        let [what, shared, note] = [what, shared, note].map(str::to_owned);
        table.row([medium.name.clone(), what, amount, medium.path.clone(), shared, note]);
    }
    table.text()
}
