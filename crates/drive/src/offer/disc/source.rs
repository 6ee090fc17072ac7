//! The bytes of a disc. A drive has one head: it is read by one reader at a time, in whole sectors and ahead of what was
//! asked for. The file with an image is read like any other.

use crate::disc::{ReadAt, SECTOR};
use std::{
    fmt,
    fs::File,
    io::{self, Seek, SeekFrom},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

/// Bytes that a drive reads at once.
const AHEAD: u64 = 1 << 20;
/// Says that nothing failed.
const NONE: u64 = u64::MAX;

/// A disc's bytes, from an image or a drive.
pub struct Source {
    from: Box<dyn ReadAt>,
    /// What was read ahead; none for an image.
    ahead: Option<Mutex<Window>>,
    changed: Option<i64>,
    /// The last sector that could not be read.
    failed: AtomicU64,
}

/// Bytes of a disc that are at hand.
#[derive(Default)]
struct Window {
    at: u64,
    bytes: Vec<u8>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("size", &self.from.size()).finish_non_exhaustive()
    }
}

impl Source {
    /// Opens the file with an image, or a drive.
    ///
    /// # Errors
    /// What opening brings; [`io::ErrorKind::InvalidInput`] for what is neither.
    pub fn open(path: &Path) -> io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        if metadata.is_file() {
            let changed = metadata.modified().ok().and_then(crate::disk::nanos);
            let from = Box::new(Plain { file: File::open(path)?, size: metadata.len() });
            return Ok(Self { from, ahead: None, changed, failed: AtomicU64::new(NONE) });
        }
        if !is_drive(&metadata) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither an image nor a drive"));
        }
        let mut file = File::open(path)?;
        // A device has no length that its metadata would tell.
        let size = file.seek(SeekFrom::End(0))?;
        Ok(Self::drive(Box::new(Plain { file, size })))
    }

    /// One reader with what it read ahead.
    pub(super) fn drive(from: Box<dyn ReadAt>) -> Self {
        Self { from, ahead: Some(Mutex::default()), changed: None, failed: AtomicU64::new(NONE) }
    }

    /// When the file with the image last changed.
    pub(super) fn changed(&self) -> Option<i64> {
        self.changed
    }

    /// The sector that could not be read, told once.
    pub(super) fn take_failed(&self) -> Option<u64> {
        Some(self.failed.swap(NONE, Ordering::Relaxed)).filter(|sector| *sector != NONE)
    }

    fn failed_at(&self, offset: u64, error: io::Error) -> io::Error {
        self.failed.store(offset / SECTOR, Ordering::Relaxed);
        error
    }

    /// Through the window, which moves on when it has to.
    fn read_ahead(&self, window: &mut Window, into: &mut [u8], offset: u64) -> io::Result<()> {
        let mut done = 0;
        while done < into.len() {
            let at = offset + done as u64;
            if !window.has(at) {
                self.fill(window, at)?;
            }
            let skip = usize::try_from(at - window.at).unwrap_or(usize::MAX);
            let there = window.bytes.get(skip..).filter(|there| !there.is_empty());
            let there = there.ok_or(io::ErrorKind::UnexpectedEof)?;
            let part = there.len().min(into.len() - done);
            into[done..done + part].copy_from_slice(&there[..part]);
            done += part;
        }
        Ok(())
    }

    /// Much at once, or, where that fails, the one sector that is needed: what lies behind it may be scratched.
    fn fill(&self, window: &mut Window, at: u64) -> io::Result<()> {
        let begins = at / SECTOR * SECTOR;
        let mut failed = None;
        for length in [AHEAD, SECTOR] {
            let length = length.min(self.from.size().saturating_sub(begins));
            window.bytes.resize(usize::try_from(length).unwrap_or(0), 0);
            window.at = begins;
            match self.from.read_exact_at(&mut window.bytes, begins) {
                Ok(()) => return Ok(()),
                Err(error) => failed = Some(error),
            }
        }
        window.bytes.clear();
        Err(self.failed_at(begins, failed.unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into())))
    }
}

impl Window {
    fn has(&self, at: u64) -> bool {
        at >= self.at && at - self.at < self.bytes.len() as u64
    }
}

impl ReadAt for Source {
    fn size(&self) -> u64 {
        self.from.size()
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        match &self.ahead {
            None => self.from.read_exact_at(into, offset).map_err(|error| self.failed_at(offset, error)),
            Some(window) => {
                let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
                self.read_ahead(&mut window, into, offset)
            }
        }
    }
}

/// A file, or what looks like one.
struct Plain {
    file: File,
    size: u64,
}

impl ReadAt for Plain {
    fn size(&self) -> u64 {
        self.size
    }

    #[cfg(unix)]
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, into, offset)
    }

    #[cfg(windows)]
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let mut bytes = Vec::new();
        crate::disk::read_at(&self.file, &mut bytes, offset, into.len())?;
        if bytes.len() < into.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        into.copy_from_slice(&bytes);
        Ok(())
    }
}

/// By what the file with an image is known to be the same; none for a drive.
pub(super) fn file(path: &Path) -> io::Result<Option<(u64, Option<SystemTime>)>> {
    let metadata = std::fs::metadata(path)?;
    Ok(metadata.is_file().then(|| (metadata.len(), metadata.modified().ok())))
}

#[cfg(unix)]
fn is_drive(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_block_device(&metadata.file_type())
}

/// There the path of a drive (`\\.\D:`) has no metadata, and is refused before this is asked.
#[cfg(not(unix))]
fn is_drive(_: &std::fs::Metadata) -> bool {
    false
}
