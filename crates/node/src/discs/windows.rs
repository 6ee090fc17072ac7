//! Windows gives what is put in a letter, and tells of each volume whether it can be taken out. Prepared and type-checked,
//! and not yet seen on Windows; what is made of the system's answers is pure, and tested everywhere.
//!
//! A hard disk behind USB is a fixed one to Windows, and so nothing that is offered here. Optical drives are not looked
//! at: a disc is shared as an image. Ejecting is left to the system's own symbol beside the clock.

use lanyard_api::{Medium, MediumKind};
use lanyard_trust::names::clean;

#[cfg(windows)]
pub(super) use system::{Changes, media, medium_of};

/// More volumes than there are letters, for those that are mounted as folders.
const MOST: usize = 64;

pub(super) fn eject(_: &Medium) -> Result<(), String> {
    Err("on Windows by “Safely remove hardware” beside the clock.".to_owned())
}

/// A volume that can be taken out, as the system tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Volume {
    /// Where it is: `E:\`.
    place: String,
    /// What its owner called it, if anything.
    label: String,
    /// Given when it was formatted.
    serial: Option<u64>,
    size: u64,
}

/// What a person sees of it.
fn medium(volume: &Volume) -> Medium {
    let letter = volume.place.trim_end_matches('\\');
    Medium {
        id: id(volume),
        kind: MediumKind::Drive,
        name: clean(&volume.label).or_else(|| clean(letter)).unwrap_or_else(|| "Drive".to_owned()),
        path: volume.place.clone(),
        device: letter.to_owned(),
        size: (volume.size > 0).then_some(volume.size),
        share: None,
        readers: 0,
        note: None,
    }
}

/// The same whenever the same stick is in, whatever letter it gets.
fn id(volume: &Volume) -> String {
    match volume.serial {
        Some(serial) => format!("{serial:08x}"),
        None => format!("{} {}", volume.label, volume.size),
    }
}

/// The volume that a path is on: the longest place that it begins with. Letters are the same large and small.
fn volume_of<'a>(path: &str, volumes: &'a [Volume]) -> Option<&'a Volume> {
    let path = folded(path);
    let on = |volume: &&Volume| {
        let place = folded(&volume.place);
        let place = place.trim_end_matches('\\');
        path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
    };
    volumes.iter().filter(on).max_by_key(|volume| volume.place.len())
}

/// Without the beginning that makes a path one of its own kind, and without what is the same to Windows.
fn folded(path: &str) -> String {
    path.strip_prefix(r"\\?\").unwrap_or(path).replace('/', r"\").to_lowercase()
}

#[cfg(windows)]
mod system {
    use super::{MOST, Medium, Volume, id, medium, volume_of};
    use std::{path::Path, time::Duration};
    use sysinfo::{DiskRefreshKind, Disks};

    /// How often it is looked what is in. Windows answers from what it knows, without asking the drives' content.
    const EVERY: Duration = Duration::from_secs(3);

    /// Told when something was put in or taken out.
    pub(in crate::discs) struct Changes {
        seen: Vec<Volume>,
    }

    impl Changes {
        pub(in crate::discs) fn begin() -> Self {
            Self { seen: Vec::new() }
        }

        pub(in crate::discs) async fn next(&mut self) {
            loop {
                tokio::time::sleep(EVERY).await;
                // A stick that answers slowly holds up nobody else.
                let Ok(now) = tokio::task::spawn_blocking(volumes).await else { continue };
                if now != self.seen {
                    self.seen = now;
                    return;
                }
            }
        }
    }

    pub(in crate::discs) fn media() -> Vec<Medium> {
        volumes().iter().map(medium).collect()
    }

    /// Another stick under the same letter has another number.
    pub(in crate::discs) fn medium_of(path: &Path) -> Option<String> {
        let volumes = volumes();
        let volume = volume_of(&path.to_string_lossy(), &volumes)?;
        volume.serial.map(|_| id(volume))
    }

    /// What can be taken out, in the order of the letters.
    fn volumes() -> Vec<Volume> {
        let size = DiskRefreshKind::nothing().with_storage();
        let Ok(disks) = Disks::new_with_refreshed_list_specifics(size) else { return Vec::new() };
        let mut volumes: Vec<Volume> = disks
            .iter()
            .filter(|disk| disk.is_removable())
            .map(|disk| Volume {
                place: disk.mount_point().to_string_lossy().into_owned(),
                label: disk.name().to_string_lossy().into_owned(),
                serial: disk.id(),
                size: disk.total_space(),
            })
            .collect();
        volumes.sort_by(|one, other| one.place.cmp(&other.place));
        volumes.truncate(MOST);
        volumes
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn stick(place: &str, label: &str, serial: Option<u64>) -> Volume {
        Volume { place: place.to_owned(), label: label.to_owned(), serial, size: 16_000_000_000 }
    }

    #[test]
    fn a_stick_is_the_same_whatever_letter_it_gets_and_has_a_name_in_any_case() {
        let holidays = medium(&stick(r"E:\", "Holidays", Some(0x5a_1234)));
        assert_eq!((holidays.name.as_str(), holidays.device.as_str()), ("Holidays", "E:"));
        assert_eq!((holidays.path.as_str(), holidays.size), (r"E:\", Some(16_000_000_000)));
        assert_eq!(medium(&stick(r"F:\", "Holidays", Some(0x5a_1234))).id, holidays.id);
        assert_ne!(medium(&stick(r"E:\", "Holidays", Some(0x5a_1235))).id, holidays.id, "another stick");
        assert_eq!(medium(&stick(r"E:\", "", None)).name, "E:");
        assert_eq!(medium(&Volume { size: 0, ..stick(r"E:\", "\u{7}", None) }).size, None);
    }

    #[test]
    fn a_folder_is_on_the_volume_whose_place_it_begins_with() {
        let volumes =
            [stick(r"E:\", "one", Some(1)), stick(r"E:\Inside\", "two", Some(2)), stick(r"F:\", "", None)];
        let on = |path: &str| volume_of(path, &volumes).map(|volume| volume.place.as_str());
        assert_eq!(on(r"E:\Photos\2019"), Some(r"E:\"));
        assert_eq!(on(r"\\?\e:\Photos"), Some(r"E:\"), "as Windows writes a whole path");
        assert_eq!(on("e:/Photos"), Some(r"E:\"));
        assert_eq!(on("E:"), Some(r"E:\"));
        assert_eq!(on(r"E:\inside\Photos"), Some(r"E:\Inside\"), "a volume that is a folder of another one");
        assert_eq!(on(r"E:\Insider"), Some(r"E:\"));
        assert_eq!(on(r"C:\E:\Photos"), None);
        assert_eq!(on(r"\\server\E:\x"), None);
    }
}
