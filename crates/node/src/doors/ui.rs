//! The UI's files, as they were when this was built.

include!(concat!(env!("OUT_DIR"), "/ui.rs"));

/// A file of the UI by its path (`/` is the start page), with its media type.
pub(super) fn file(path: &str) -> Option<(&'static str, &'static [u8])> {
    let path = if path == "/" { "/index.html" } else { path };
    FILES.iter().find(|(name, _)| *name == path).map(|(name, bytes)| (media_type(name), *bytes))
}

/// False when this was built without a UI.
pub(super) fn is_there() -> bool {
    file("/").is_some()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
