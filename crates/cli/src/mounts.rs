//! `lanyard mount`, `unmount` and `mounts`.

use crate::{
    Failure,
    ask::{self, Asked, absolute},
    show,
};
use lanyard_api::{Request, Response};
use std::path::{Path, PathBuf};

pub(crate) async fn mount(
    node: &Asked,
    drive: String,
    dir: Option<PathBuf>,
    at_start: bool,
    json: bool,
) -> Result<(), Failure> {
    let dir = dir.as_deref().map(place).transpose()?;
    let Response::Mount(mount) = node.ask(Request::Mount { drive, dir, at_start }).await? else {
        return Err(ask::odd());
    };
    let text = |mount: &lanyard_api::Mount| format!("{} is at {}.\n", mount.drive, mount.dir);
    show::show(json, &mount, |mount| show::clean_line(&text(mount)))
}

/// `lanyard mount --webdav`.
pub(crate) async fn open(node: &Asked, drive: String, json: bool) -> Result<(), Failure> {
    let Response::Link(address) = node.ask(Request::OpenDrive { drive }).await? else {
        return Err(ask::odd());
    };
    show::show(json, &serde_json::json!({ "address": address }), |_| format!("{address}\n"))
}

/// `lanyard unmount --webdav`.
pub(crate) async fn shut(node: &Asked, drive: &Path, json: bool) -> Result<(), Failure> {
    let drive = drive.to_string_lossy().into_owned();
    let Response::Done = node.ask(Request::ShutDrive { drive }).await? else {
        return Err(ask::odd());
    };
    show::show(json, &serde_json::json!({ "done": true }), |_| "The address is taken back.\n".to_owned())
}

pub(crate) async fn unmount(node: &Asked, dir: &Path, json: bool) -> Result<(), Failure> {
    let Response::Done = node.ask(Request::Unmount { dir: place(dir)?, careful: false }).await? else {
        return Err(ask::odd());
    };
    show::show(json, &serde_json::json!({ "done": true }), |_| "Unmounted.\n".to_owned())
}

/// A folder as the node needs it; on Windows the letter of a drive, which is no path in any folder.
fn place(dir: &Path) -> Result<String, Failure> {
    match dir.to_str().filter(|text| cfg!(windows) && is_letter(text)) {
        Some(letter) => Ok(letter.to_owned()),
        None => absolute(dir),
    }
}

/// `X`, `X:` or `X:\`.
fn is_letter(text: &str) -> bool {
    let mut signs = text.chars();
    signs.next().is_some_and(|c| c.is_ascii_alphabetic()) && matches!(signs.as_str(), "" | ":" | r":\")
}

pub(crate) async fn list(node: &Asked, json: bool) -> Result<(), Failure> {
    let Response::Mounts(mounts) = node.ask(Request::Mounts).await? else { return Err(ask::odd()) };
    show::show(json, &mounts, |mounts| show::mounts(mounts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letter_of_a_drive_is_told_from_a_folder() {
        for letter in ["x", "X:", r"Z:\"] {
            assert!(is_letter(letter), "{letter}");
        }
        for folder in ["", ":", "1:", "xy", r"X:\Music", "/x"] {
            assert!(!is_letter(folder), "{folder}");
        }
    }
}
