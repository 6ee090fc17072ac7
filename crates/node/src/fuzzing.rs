//! For the fuzz targets, which cannot reach what is private; compiled for nothing else.

use crate::{doors, presence, wire::WatchLine};

/// A guest's form; its first byte says into how long pieces the network cuts the rest.
pub fn form(bytes: &[u8]) {
    let Some((length, form)) = bytes.split_first() else { return };
    let pieces = form.chunks(usize::from(*length).max(1)).map(bytes::Bytes::copy_from_slice).collect();
    let reading = doors::guest::read_form(pieces);
    // Nothing in it waits for anything but itself, so a runtime without a driver is enough.
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() {
        runtime.block_on(reading);
    }
}

/// A line of a watch stream, up to what is shown of it.
pub fn watch_line(line: &[u8]) {
    if let Ok(WatchLine::Offers(offers)) = serde_json::from_slice(line) {
        let cleaned = presence::cleaned(offers);
        assert!(cleaned.printers.len() <= 64 && cleaned.drives.len() <= 64);
        let names = cleaned.printers.iter().map(|p| &p.name).chain(cleaned.drives.iter().map(|d| &d.name));
        names.for_each(|name| assert!(!name.is_empty() && !name.chars().any(char::is_control), "{name:?}"));
    }
}
