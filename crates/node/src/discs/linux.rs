//! Linux tells what is mounted in `/proc/self/mountinfo`, which can be waited for, what a device is in `/sys`, and what is
//! on it in the files of udev. Nothing of it needs rights or another library. Where there is no udev, the first bytes of
//! a drive are read, if this user may.

use super::probe::{self, Known};
use lanyard_api::{Medium, MediumKind, MediumNote};
use lanyard_trust::names::clean;
use rustix::event::{PollFd, PollFlags, poll};
use std::{
    collections::HashMap,
    fs::{self, File},
    io::{PipeWriter, Read},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tokio::sync::mpsc::{self, error::TrySendError};

/// How often an optical drive is looked at, when there is one: the kernel tells of a disc only in its own files.
const OPTICAL: Duration = Duration::from_secs(2);
/// How often it is looked whether there is one now.
const RARELY: Duration = Duration::from_secs(30);
/// Where desktops mount what was put in.
const MEDIA: [&str; 2] = ["/media", "/run/media"];
/// More mounts than any computer has.
const MOUNTS: usize = 4_096;

/// Told when something was mounted or unmounted, or a disc was put into a drive.
pub(super) struct Changes {
    /// Rung by a thread that waits for the file with the mounts; it ends when the other end of the pipe is dropped.
    mounts: Option<(mpsc::Receiver<()>, PipeWriter)>,
    optical: Vec<String>,
}

impl Changes {
    pub(super) fn begin() -> Self {
        // Without it there is the slow way.
        Self { mounts: watch_mounts().ok(), optical: optical_state() }
    }

    pub(super) async fn next(&mut self) {
        loop {
            let every = if self.optical.is_empty() && self.mounts.is_some() { RARELY } else { OPTICAL };
            tokio::select! {
                () = rung(self.mounts.as_mut()) => return,
                () = tokio::time::sleep(every) => {
                    let now = optical_state();
                    if now != self.optical || self.mounts.is_none() {
                        self.optical = now;
                        return;
                    }
                }
            }
        }
    }
}

async fn rung(mounts: Option<&mut (mpsc::Receiver<()>, PipeWriter)>) {
    let heard = match mounts {
        Some((bell, _)) => bell.recv().await,
        None => None,
    };
    if heard.is_none() {
        std::future::pending::<()>().await;
    }
}

/// The file has something urgent to say when a mount came or went (proc(5)). A thread waits for that, because the
/// runtime offers no safe way to.
fn watch_mounts() -> std::io::Result<(mpsc::Receiver<()>, PipeWriter)> {
    let (file, (end, end_it)) = (File::open("/proc/self/mountinfo")?, std::io::pipe()?);
    let (bell, heard) = mpsc::channel(1);
    std::thread::Builder::new().name("mounts".to_owned()).spawn(move || {
        loop {
            let mut waited = [PollFd::new(&file, PollFlags::PRI), PollFd::new(&end, PollFlags::IN)];
            match poll(&mut waited, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return tracing::debug!(%error, "mounts cannot be waited for"),
            }
            if !waited[1].revents().is_empty() {
                return;
            }
            // One that is rung already need not be rung again.
            if !waited[0].revents().is_empty() && matches!(bell.try_send(()), Err(TrySendError::Closed(()))) {
                return;
            }
        }
    })?;
    Ok((heard, end_it))
}

/// A line of `mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mounted {
    device: (u32, u32),
    point: PathBuf,
    source: String,
}

fn mounts() -> Vec<Mounted> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    text.lines().take(MOUNTS).filter_map(line).collect()
}

/// `36 35 98:0 /root /point options - ext4 /dev/sdb1 options`, with any number of words before the dash. Only what
/// shows the top of a file system: a part of one under another name is not a drive.
fn line(text: &str) -> Option<Mounted> {
    let (first, second) = text.split_once(" - ")?;
    let mut words = first.split(' ').skip(2);
    let (major, minor) = words.next()?.split_once(':')?;
    let (root, point) = (words.next()?, words.next()?);
    let source = second.split(' ').nth(1)?;
    (root == "/").then(|| Mounted {
        device: (major.parse().unwrap_or(0), minor.parse().unwrap_or(0)),
        point: PathBuf::from(unescaped(point)),
        source: unescaped(source),
    })
}

/// `\040` for a space, as the kernel writes it.
fn unescaped(word: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), word.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let code =
            after.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &after[3..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether it is on something that can be taken out: the kernel says so of cards and sticks, and whatever hangs on USB
/// can be unplugged; what a desktop mounted for a user counts too, if it is a device at all.
fn is_removable(mounted: &Mounted) -> bool {
    let (major, minor) = mounted.device;
    if major == 0 {
        return false;
    }
    if MEDIA.iter().any(|media| mounted.point.starts_with(media)) {
        return true;
    }
    let Ok(device) = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")) else { return false };
    let says = |path: &Path| fs::read_to_string(path.join("removable")).is_ok_and(|text| text.trim() == "1");
    let above = device.parent().is_some_and(says);
    says(&device)
        || above
        || device.components().any(|part| part.as_os_str().to_string_lossy().starts_with("usb"))
}

/// What udev noted of a device: `E:ID_FS_UUID=…`.
fn noted((major, minor): (u32, u32)) -> HashMap<String, String> {
    let text = fs::read_to_string(format!("/run/udev/data/b{major}:{minor}")).unwrap_or_default();
    let notes = text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
    notes.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn known(mounted: &Mounted) -> Option<Known> {
    let notes = noted(mounted.device);
    if let Some(id) = notes.get("ID_FS_UUID") {
        return Some(Known { id: id.clone(), label: notes.get("ID_FS_LABEL").cloned().unwrap_or_default() });
    }
    let mut head = Vec::new();
    File::open(&mounted.source).ok()?.take(probe::HEAD as u64).read_to_end(&mut head).ok()?;
    probe::probe(&head)
}

fn drive(mounted: &Mounted) -> Option<Medium> {
    let known = known(mounted)?;
    let path = mounted.point.to_str()?.to_owned();
    let folder = mounted.point.file_name().map(|name| name.to_string_lossy().into_owned());
    Some(Medium {
        name: clean(&known.label).or_else(|| clean(&folder?)).unwrap_or_else(|| "Drive".to_owned()),
        id: known.id,
        kind: MediumKind::Drive,
        size: fs4::statvfs(&mounted.point).ok().map(|stats| stats.total_space()),
        path,
        device: mounted.source.clone(),
        share: None,
        readers: 0,
        note: None,
    })
}

/// The names of optical drives.
fn optical() -> Vec<String> {
    let names = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let mut names: Vec<String> = names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.strip_prefix("sr").is_some_and(|number| number.parse::<u32>().is_ok()))
        .collect();
    names.sort();
    names
}

/// What changes when a disc is put in or taken out.
fn optical_state() -> Vec<String> {
    let state = |name: String| {
        let notes = numbers(&name).map(noted).unwrap_or_default();
        let mut words: Vec<String> =
            notes.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        words.sort();
        format!("{name} {} {} {}", told(&name, "size"), told(&name, "diskseq"), words.join(" "))
    };
    optical().into_iter().map(state).collect()
}

fn told(name: &str, what: &str) -> String {
    fs::read_to_string(format!("/sys/block/{name}/{what}")).unwrap_or_default().trim().to_owned()
}

fn numbers(name: &str) -> Option<(u32, u32)> {
    let text = told(name, "dev");
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn disc(name: &str) -> Option<Medium> {
    let notes = noted(numbers(name)?);
    if notes.get("ID_CDROM_MEDIA").is_none_or(|value| value != "1") {
        return None;
    }
    let note = |key: &str| notes.get(key).cloned().unwrap_or_default();
    let is_audio = !note("ID_CDROM_MEDIA_TRACK_COUNT_AUDIO").is_empty();
    let has_data = !note("ID_FS_TYPE").is_empty();
    let sectors: Option<u64> = told(name, "size").parse().ok();
    let label = clean(&note("ID_FS_LABEL"));
    Some(Medium {
        id: format!("{name} {} {}", note("ID_FS_UUID"), note("ID_FS_LABEL")),
        kind: MediumKind::Disc,
        name: label.unwrap_or_else(|| if is_audio { "Audio CD" } else { "Disc" }.to_owned()),
        path: format!("/dev/{name}"),
        device: format!("/dev/{name}"),
        size: sectors.map(|sectors| sectors.saturating_mul(512)),
        share: None,
        readers: 0,
        note: match (has_data, is_audio) {
            (true, _) => None,
            (false, true) => Some(MediumNote::Audio),
            (false, false) => Some(MediumNote::NoFiles),
        },
    })
}

/// What is in now.
pub(super) fn media() -> Vec<Medium> {
    let mut media: Vec<Medium> = optical().iter().filter_map(|name| disc(name)).collect();
    let drives =
        mounts().into_iter().filter(is_removable).filter(|mounted| !mounted.source.starts_with("/dev/sr"));
    for drive in drives.filter_map(|mounted| drive(&mounted)) {
        // Mounted twice, the first place counts.
        if !media.iter().any(|medium| medium.id == drive.id) {
            media.push(drive);
        }
    }
    media
}

/// The medium that a folder is on, if it is one that comes and goes and can be told apart.
pub(super) fn medium_of(path: &Path) -> Option<String> {
    let mounts = mounts();
    // Of several mounts at one place the last one is seen.
    let on = mounts.iter().filter(|mounted| path.starts_with(&mounted.point));
    let on = on.enumerate().max_by_key(|(order, mounted)| (mounted.point.components().count(), *order))?.1;
    if is_removable(on) { known(on).map(|known| known.id) } else { None }
}

/// A file by its number, length and time; a device by the count of its media, which the kernel keeps.
pub(super) fn stamp(path: &Path) -> Option<String> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let metadata = fs::metadata(path).ok()?;
    if !metadata.file_type().is_block_device() {
        return Some(format!(
            "{} {} {} {:?}",
            metadata.dev(),
            metadata.ino(),
            metadata.len(),
            metadata.modified().ok()
        ));
    }
    let device = metadata.rdev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let read =
        |what| fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/{what}")).unwrap_or_default();
    let size = read("size");
    // A drive without a disc has no size.
    (size.trim() != "0").then(|| {
        format!("{} {} {:?}", size.trim(), read("diskseq").trim(), noted((major, minor)).get("ID_FS_UUID"))
    })
}

/// By the programs that the system has for it: what is mounted and whom it concerns is theirs to know.
pub(super) fn eject(medium: &Medium) -> Result<(), String> {
    let tries: &[(&str, &[&str])] = match medium.kind {
        MediumKind::Disc => &[("eject", &[&medium.device])],
        MediumKind::Drive => &[
            ("udisksctl", &["unmount", "--no-user-interaction", "-b", &medium.device]),
            ("umount", &[&medium.path]),
        ],
    };
    let mut why = "the system has no program for it".to_owned();
    for (program, arguments) in tries {
        match Command::new(program).args(*arguments).env("LC_ALL", "C").output() {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => why = String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_mountinfo_is_read_with_all_its_oddities() {
        let text =
            r"61 29 8:17 / /run/media/ada/My\040stick rw,nosuid shared:31 - vfat /dev/sdb1 rw,uid=1000";
        let expected = Mounted {
            device: (8, 17),
            point: PathBuf::from("/run/media/ada/My stick"),
            source: "/dev/sdb1".to_owned(),
        };
        assert_eq!(line(text), Some(expected.clone()));
        assert!(is_removable(&expected), "a desktop mounted it for somebody");
        assert_eq!(line("36 35 98:0 /part /point rw - ext4 /dev/sda1 rw"), None, "a part of a file system");
        assert_eq!(line("nonsense"), None);
        assert_eq!(line(""), None);
        let memory = line("22 1 0:20 / /run/media/x rw - tmpfs tmpfs rw").unwrap();
        assert!(!is_removable(&memory), "memory is no drive");
        assert_eq!(unescaped(r"a\134b\"), r"a\b\");
    }
}
