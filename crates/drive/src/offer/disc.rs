//! Discs that are shared: open while somebody reads from them, and a short while longer.
//!
//! What a path on a disc is and where its bytes are is settled by [`crate::disc`]; here is one reader for each disc, the
//! picture of the whole disc as one more file, and what could not be read and need not be tried again.

mod source;

pub use source::Source;

use super::{Refused, confine::Facts};
use crate::{
    disc::{Content, DiscError, Entry, Kind, ReadAt, Volume},
    path::SharePath,
    wire::{Code, IMAGE},
};
use std::{
    collections::{BTreeSet, HashMap},
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// How long a disc stays open when nobody reads from it. While it is, the door of its drive is locked.
const IDLE: Duration = Duration::from_secs(20);
/// Sectors that could not be read are remembered up to here.
const BAD: usize = 4_096;
/// Where the picture of a whole disc stands among the places on it.
const WHOLE: u64 = u64::MAX;
/// Sectors of a film that are looked at to see whether it is scrambled.
const LOOKS: u64 = 64;

/// Which disc it is: a hash of what it says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DiscId(pub [u8; 16]);

impl fmt::Display for DiscId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What was found when a disc was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which one it is.
    pub id: DiscId,
    /// What whoever made it called it; may be empty.
    pub label: String,
    /// Bytes on it.
    pub size: u64,
    /// A film that only a player with a key can show: its files are copied as they are, scrambled.
    pub scrambled: bool,
}

/// Looks what disc is behind a path: that of an image, or of an optical drive. Blocks on the drive.
///
/// # Errors
/// [`DiscError`].
pub fn look(path: &Path) -> Result<Found, DiscError> {
    let volume = Volume::open(Source::open(path)?)?;
    Ok(Found {
        id: DiscId(volume.identity()),
        label: volume.label().to_owned(),
        size: volume.length(),
        scrambled: is_scrambled(&volume).unwrap_or(false),
    })
}

/// Whether the first film of a DVD is scrambled (CSS): its packets say so of themselves (ISO 13818-1 §2.4.3.7).
fn is_scrambled<R: ReadAt>(volume: &Volume<R>) -> Result<bool, DiscError> {
    let folder = volume.find(&["VIDEO_TS".to_owned()])?;
    for entry in volume.entries(&folder)? {
        let entry = entry?;
        if entry.kind != Kind::File || !entry.name.ends_with("_1.VOB") {
            continue;
        }
        let content = volume.content(&entry)?;
        let (sectors, mut sector) = (entry.size / crate::disc::SECTOR, vec![0; crate::disc::SECTOR as usize]);
        for look in 0..LOOKS.min(sectors) {
            let at = sectors / LOOKS.min(sectors) * look * crate::disc::SECTOR;
            content.read(volume.reader(), &mut sector, at)?;
            if sector.starts_with(&[0, 0, 1, 0xba]) && sector[0x14] & 0x30 != 0 {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// A disc that is open.
pub(super) struct Disc {
    id: DiscId,
    volume: Volume<Source>,
    /// When the file with the image last changed; none for a drive.
    changed: Option<i64>,
    /// Sectors that could not be read.
    bad: Mutex<BTreeSet<u64>>,
}

impl fmt::Debug for Disc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disc").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Disc {
    pub(super) fn new(source: Source) -> Result<Self, DiscError> {
        let changed = source.changed();
        let volume = Volume::open(source)?;
        Ok(Self { id: DiscId(volume.identity()), volume, changed, bad: Mutex::default() })
    }

    /// What has this path.
    pub(super) fn look(&self, path: &SharePath) -> Result<(Facts, Entry), Refused> {
        let entry = self.volume.find(path.names())?;
        Ok((self.facts(&entry), entry))
    }

    pub(super) fn entries(&self, folder: &Entry) -> Result<crate::disc::Entries<'_, Source>, Refused> {
        Ok(self.volume.entries(folder)?)
    }

    pub(super) fn find_in(&self, folder: &Entry, name: &str) -> Result<Entry, Refused> {
        Ok(self.volume.find_in(folder, name)?)
    }

    pub(super) fn facts(&self, entry: &Entry) -> Facts {
        self.known(entry.kind, entry.size, entry.modified, entry.executable, entry.id)
    }

    /// The disc as one file.
    pub(super) fn facts_of_whole(&self) -> Facts {
        self.known(Kind::File, self.volume.length(), self.changed, false, WHOLE)
    }

    fn known(&self, kind: Kind, size: u64, modified: Option<i64>, executable: bool, id: u64) -> Facts {
        let which = self.id.0.first_chunk::<8>().map_or(0, |half| u64::from_le_bytes(*half));
        Facts::on_disc(kind, size, modified, executable, (which, id), self.changed)
    }

    pub(super) fn content(&self, entry: &Entry) -> Result<Content, Refused> {
        Ok(self.volume.content(entry)?)
    }

    pub(super) fn whole(&self) -> Content {
        Content::whole(self.volume.length())
    }

    /// As [`crate::disk::read_at`].
    pub(super) fn read_at(
        &self,
        content: &Content,
        buffer: &mut Vec<u8>,
        offset: u64,
        limit: usize,
    ) -> Result<(), Refused> {
        let length = content.size().saturating_sub(offset).min(limit as u64);
        self.is_readable(content, offset, length)?;
        buffer.clear();
        buffer.resize(usize::try_from(length).unwrap_or(limit), 0);
        content.read(self.volume.reader(), buffer, offset).map_err(|error| {
            if let DiscError::Io(error) = &error {
                tracing::warn!(%error, "a disc cannot be read everywhere");
                self.remember_bad();
            }
            error.into()
        })
    }

    /// Whether nothing of it is known to be unreadable: trying again takes a drive many seconds, each time.
    pub(super) fn is_readable(&self, content: &Content, offset: u64, length: u64) -> Result<(), Refused> {
        // An image that is cut off says as much as before of what was on it.
        let end = self.volume.length();
        let is_beyond = |(at, length): (u64, u64)| at.saturating_add(length) > end;
        if content.written() < offset.saturating_add(length) || content.places(offset, length).any(is_beyond)
        {
            return Err(damaged());
        }
        let bad = self.bad();
        if bad.is_empty() {
            return Ok(());
        }
        let sector = crate::disc::SECTOR;
        let is_bad = |(at, length): (u64, u64)| {
            bad.range(at / sector..=(at + length.saturating_sub(1)) / sector).next().is_some()
        };
        if content.places(offset, length).any(is_bad) { Err(damaged()) } else { Ok(()) }
    }

    fn remember_bad(&self) {
        let Some(sector) = self.volume.reader().take_failed() else { return };
        let mut bad = self.bad();
        if bad.len() < BAD {
            bad.insert(sector);
        }
    }

    fn bad(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.bad.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Discs that are open.
#[derive(Default)]
pub(super) struct Discs {
    open: Mutex<HashMap<PathBuf, Held>>,
}

struct Held {
    disc: Arc<Disc>,
    used: Instant,
    /// Of the file with the image: another one in its place is another one.
    file: Option<(u64, Option<SystemTime>)>,
}

impl Discs {
    /// The disc behind a path, as long as it is the one that is meant. Blocks on the drive.
    pub(super) fn get(&self, path: &Path, id: DiscId) -> Result<Arc<Disc>, Refused> {
        let file = source::file(path).map_err(|_| away())?;
        if let Some(held) = self.held().get_mut(path)
            && held.disc.id == id
            && held.file == file
        {
            held.used = Instant::now();
            return Ok(Arc::clone(&held.disc));
        }
        let disc = Source::open(path).map_err(DiscError::Io).and_then(Disc::new);
        let disc = Arc::new(disc.map_err(|error| {
            tracing::debug!(%error, "a disc cannot be opened");
            away()
        })?);
        if disc.id != id {
            return Err(away());
        }
        let held = Held { disc: Arc::clone(&disc), used: Instant::now(), file };
        self.held().insert(path.to_owned(), held);
        Ok(disc)
    }

    /// Lets go of those from which nobody has read for a while.
    pub(super) fn close_idle(&self) {
        self.held().retain(|_, held| held.used.elapsed() < IDLE || Arc::strong_count(&held.disc) > 1);
    }

    /// Lets go of one at once; who reads from it still keeps it.
    pub(super) fn close(&self, path: &Path) {
        self.held().remove(path);
    }

    fn held(&self) -> MutexGuard<'_, HashMap<PathBuf, Held>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a path is that of the picture of the whole disc.
pub(super) fn is_image(path: &SharePath) -> bool {
    matches!(path.names(), [name] if name == IMAGE)
}

pub(super) fn away() -> Refused {
    Refused::new(Code::Away, "the disc or drive is not in")
}

fn damaged() -> Refused {
    Refused::new(Code::Damaged, "the disc cannot be read at that place")
}

impl From<DiscError> for Refused {
    fn from(error: DiscError) -> Self {
        let code = match &error {
            DiscError::NotFound => Code::NotFound,
            DiscError::NotFolder => Code::WrongKind,
            DiscError::Unsupported(_) => Code::Special,
            DiscError::Io(error) if is_gone(error) => return away(),
            DiscError::Io(_) | DiscError::Damaged(_) | DiscError::Unknown => return damaged(),
        };
        Self::new(code, error.to_string())
    }
}

/// Whether the drive, or the stick that an image was on, was pulled out.
fn is_gone(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let errno = Errno::from_io_error(error);
        matches!(errno, Some(Errno::NODEV | Errno::NXIO | Errno::STALE)) || no_medium(errno)
    }
    #[cfg(not(unix))]
    {
        error.kind() == io::ErrorKind::NotFound
    }
}

#[cfg(target_os = "linux")]
fn no_medium(errno: Option<rustix::io::Errno>) -> bool {
    errno == Some(rustix::io::Errno::NOMEDIUM)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn no_medium(_: Option<rustix::io::Errno>) -> bool {
    false
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
