//! Mounted drives among the places of the system's file manager: the bookmarks of GTK, which GNOME, Xfce, MATE and
//! Cinnamon show and others import.
//!
//! The file is a person's own: a line a place, an address and perhaps a name. Lines that are not ours stay as they are,
//! byte for byte. Which are ours is written down here, so that one a person has made for the same folder is left alone,
//! and what a killed node has left behind is found.

use crate::settings::Settings;
use std::{
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Where our own lines are kept among the settings.
const KEPT: &str = "mount_bookmarks";
/// The file below the configuration, and the most that is read of it: nobody has more places.
const FILE: &str = "gtk-3.0/bookmarks";
const MOST: u64 = 1 << 20;

/// One change at a time: each reads the file and puts another in its place.
static CHANGING: Mutex<()> = Mutex::new(());

/// Adds a place. Blocks on the disk, as all here does; what fails is logged, as nobody needs this to work.
pub(super) fn add(settings: &Settings, dir: &Path, label: &str) {
    change(settings, |ours, text| {
        let line = line(dir, label);
        if text.lines().any(|known| address(known) == address(&line)) {
            return None;
        }
        ours.push(line.clone());
        Some(with(text, &line))
    });
}

/// Takes a place away.
pub(super) fn remove(settings: &Settings, dir: &Path) {
    let gone = line(dir, "");
    change(settings, |ours, text| {
        let before = ours.len();
        let changed = without(text, ours, |known| address(known) == address(&gone));
        (ours.len() != before).then_some(changed)
    });
}

/// Takes away all of ours but these.
pub(super) fn keep_only(settings: &Settings, dirs: &[PathBuf]) {
    let stay: Vec<String> = dirs.iter().map(|dir| line(dir, "")).collect();
    change(settings, |ours, text| {
        let before = ours.len();
        let stays = |known: &str| stay.iter().any(|line| address(line) == address(known));
        let changed = without(text, ours, |known| !stays(known));
        (ours.len() != before).then_some(changed)
    });
}

fn change(settings: &Settings, work: impl FnOnce(&mut Vec<String>, &str) -> Option<String>) {
    let Some(file) = file() else { return };
    let _one = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = change_in(settings, &file, work) {
        tracing::debug!(%error, "the file manager's places could not be changed");
    }
}

/// Where the file is. Where no desktop has ever made its folder there is nobody to show places to.
fn file() -> Option<PathBuf> {
    let file = directories::BaseDirs::new()?.config_dir().join(FILE);
    file.parent()?.is_dir().then_some(file)
}

fn change_in(
    settings: &Settings,
    file: &Path,
    work: impl FnOnce(&mut Vec<String>, &str) -> Option<String>,
) -> io::Result<()> {
    let kept = settings.text(KEPT).map_err(io::Error::other)?;
    let mut ours: Vec<String> = kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    // Whoever keeps such files elsewhere and links them here goes on doing so.
    let file = match file.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => file.to_owned(),
        Err(error) => return Err(error),
    };
    let text = match fs::metadata(&file) {
        Ok(about) if about.len() > MOST => return Err(io::Error::other("too many places")),
        Ok(_) => fs::read_to_string(&file)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let Some(changed) = work(&mut ours, &text) else { return Ok(()) };
    if changed != text {
        replace(&file, &changed)?;
    }
    let ours = serde_json::to_string(&ours).map_err(io::Error::other)?;
    settings.set(KEPT, &ours).map_err(io::Error::other)
}

/// Writes a new file and puts it in the old one's place: a power cut leaves one of the two.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let new = file.with_extension("lanyard");
    let written = fs::write(&new, text)
        .and_then(|()| match fs::metadata(file) {
            Ok(about) => fs::set_permissions(&new, about.permissions()),
            Err(_) => Ok(()),
        })
        .and_then(|()| fs::File::open(&new)?.sync_all())
        .and_then(|()| fs::rename(&new, file));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

/// `file:///home/me/Music Music – Ben`.
fn line(dir: &Path, label: &str) -> String {
    let mut line = String::from("file://");
    for byte in dir.as_os_str().as_bytes() {
        // RFC 3986 §3.3 without what means something elsewhere: GLib writes no others bare.
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                line.push(char::from(*byte))
            }
            other => line.push_str(&format!("%{other:02X}")),
        }
    }
    let label: String = label.chars().filter(|c| !c.is_control()).collect();
    if label.is_empty() { line } else { format!("{line} {label}") }
}

fn address(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

fn with(text: &str, line: &str) -> String {
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{text}{gap}{line}\n")
}

/// The text without those of our lines that are to go. A line that a person has given another name is theirs now.
fn without(text: &str, ours: &mut Vec<String>, goes: impl Fn(&str) -> bool) -> String {
    let (gone, stay): (Vec<String>, Vec<String>) = ours.drain(..).partition(|line| goes(line));
    *ours = stay;
    text.split_inclusive('\n')
        .filter(|line| !gone.iter().any(|gone| gone == line.trim_end_matches(['\n', '\r'])))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn settings(dir: &Path) -> Settings {
        let store = lanyard_store::Store::open(&dir.join("store"), &[crate::settings::MIGRATIONS]);
        Settings::new(store.unwrap().store)
    }

    #[test]
    fn a_place_is_added_once_and_goes_without_a_trace_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, file) = (settings(dir.path()), dir.path().join("bookmarks"));
        // Without an end of line, with one of Windows' and with one that is no address at all.
        let theirs = "file:///srv/Pictures My pictures\r\n\nnonsense\nsftp://host/x";
        fs::write(&file, theirs).unwrap();
        let music = Path::new("/home/me/Music & more – Ben");
        let added = |ours: &mut Vec<String>, text: &str| {
            let line = line(music, "Music – Ben\n");
            if text.lines().any(|known| address(known) == address(&line)) {
                return None;
            }
            ours.push(line.clone());
            Some(with(text, &line))
        };
        for _ in 0..2 {
            change_in(&settings, &file, added).unwrap();
        }
        let text = fs::read_to_string(&file).unwrap();
        let ours = "file:///home/me/Music%20%26%20more%20%E2%80%93%20Ben Music – Ben";
        assert_eq!(text, format!("{theirs}\n{ours}\n"));
        change_in(&settings, &file, |ours, text| Some(without(text, ours, |_| true))).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("{theirs}\n"));
    }

    #[test]
    fn a_line_that_a_person_made_or_renamed_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, file) = (settings(dir.path()), dir.path().join("bookmarks"));
        let music = Path::new("/home/me/Music");
        change_in(&settings, &file, |ours, text| {
            ours.push(line(music, "Music"));
            Some(with(text, &line(music, "Music")))
        })
        .unwrap();
        fs::write(&file, "file:///home/me/Music My name for it\n").unwrap();
        change_in(&settings, &file, |ours, text| Some(without(text, ours, |_| true))).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "file:///home/me/Music My name for it\n");
    }

    #[test]
    fn a_linked_file_stays_a_link_and_keeps_its_rights() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (settings, real) = (settings(dir.path()), dir.path().join("dotfiles"));
        fs::write(&real, "file:///a\n").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
        let link = dir.path().join("bookmarks");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        change_in(&settings, &link, |_, text| Some(with(text, "file:///b"))).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "file:///a\nfile:///b\n");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
