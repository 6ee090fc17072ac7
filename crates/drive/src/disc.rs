//! Optical discs and their images: ISO 9660 (ECMA-119) with Joliet and Rock Ridge, and UDF 1.02 to 2.60 (ECMA-167,
//! OSTA). Read here and not by the system, because mounting takes rights that an ordinary user does not have, and
//! because a kernel that believes a lying file system is worse off than a process that does.
//!
//! Pure over [`ReadAt`]: what a disc claims is checked before it is believed, and what it can make us keep in memory is
//! bounded by the constants below. A folder is read as a stream, a file is a list of [`Run`]s. Nothing is written and
//! nothing is followed: symbolic links are told as [`Kind::Other`].
//!
//! Left out on purpose: interleaved and compressed (zisofs) files, which are listed and not opened; UDF's strategy 4096;
//! sessions after the first, of which an image does not know; the resource forks of the Macintosh.

mod content;
mod iso;
mod time;
mod udf;

pub use crate::wire::Kind;
pub use content::{Content, ReadAt, Run};

use std::io;

/// The deepest path that is followed.
const DEPTH: usize = 256;
/// The most bytes of a folder's own records.
const FOLDER: u64 = 128 << 20;
/// The most pieces of one file.
const RUNS: usize = 256 * 1024;
/// A sector of an optical disc.
pub const SECTOR: u64 = 2_048;

/// Why something on a disc is not told.
#[derive(Debug, thiserror::Error)]
pub enum DiscError {
    /// The drive, or the file with the image, cannot be read there.
    #[error("the disc cannot be read at that place: {0}")]
    Io(#[from] io::Error),
    /// Neither of the two.
    #[error("there is no file system on it that is known: neither ISO 9660 nor UDF")]
    Unknown,
    /// What is written there cannot be.
    #[error("the disc contradicts itself: {0}")]
    Damaged(&'static str),
    /// It may be right, but is not read here.
    #[error("the disc uses something that is not understood here: {0}")]
    Unsupported(&'static str),
    /// No such name.
    #[error("there is no such file or folder on the disc")]
    NotFound,
    /// A file where a folder is needed.
    #[error("that is not a folder")]
    NotFolder,
}

/// How a disc is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// ISO 9660 with names of the first standard.
    Iso9660,
    /// ISO 9660 with Unicode names.
    Joliet,
    /// ISO 9660 with names and times of POSIX.
    RockRidge,
    /// UDF.
    Udf,
}

/// One name on a disc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As it is written there; what is not Unicode has replacement characters. May hold anything, also `/` or NUL.
    pub name: String,
    /// What it is. Links, devices and what is not read here are [`Kind::Other`].
    pub kind: Kind,
    /// Bytes; 0 unless a file.
    pub size: u64,
    /// Last change, in nanoseconds since the Unix epoch.
    pub modified: Option<i64>,
    /// A file that its owner may run.
    pub executable: bool,
    /// The same wherever and whenever this is met on this disc, and nothing else's.
    pub id: u64,
    at: At,
}

/// Where the content of something is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
enum At {
    Runs(Vec<Run>),
    Icb(udf::Address),
}

/// A disc that is open.
#[derive(Debug)]
pub struct Volume<R> {
    reader: R,
    system: System,
}

#[derive(Debug)]
enum System {
    Iso(iso::Iso),
    Udf(Box<udf::Udf>),
}

impl<R: ReadAt> Volume<R> {
    /// Looks what is on it. Where there are both, UDF is read: it holds all names, and files of any size.
    ///
    /// # Errors
    /// [`DiscError`], of the second one when neither can be read.
    pub fn open(reader: R) -> Result<Self, DiscError> {
        let system = match udf::Udf::open(&reader) {
            Ok(udf) => System::Udf(Box::new(udf)),
            Err(first) => match (iso::Iso::open(&reader), first) {
                (Ok(iso), _) => System::Iso(iso),
                // A disc that says it is UDF and is not readable as such is told as that.
                (Err(DiscError::Unknown), first) => return Err(first),
                (Err(second), _) => return Err(second),
            },
        };
        Ok(Self { reader, system })
    }

    /// What it is read as.
    #[must_use]
    pub fn format(&self) -> Format {
        match &self.system {
            System::Iso(iso) => iso.format(),
            System::Udf(_) => Format::Udf,
        }
    }

    /// What whoever made it called it; may be empty.
    #[must_use]
    pub fn label(&self) -> &str {
        match &self.system {
            System::Iso(iso) => iso.label(),
            System::Udf(udf) => udf.label(),
        }
    }

    /// Told apart from any other disc by this: a hash of what it says of itself and of its size.
    #[must_use]
    pub fn identity(&self) -> [u8; 16] {
        let said = match &self.system {
            System::Iso(iso) => iso.said(),
            System::Udf(udf) => udf.said(),
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(&said).update(&self.length().to_le_bytes());
        let mut identity = [0; 16];
        identity.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        identity
    }

    /// Bytes that belong to it. A drive may tell a few sectors more, which nobody can read.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.reader.size()
    }

    /// What it is read from.
    pub fn reader(&self) -> &R {
        &self.reader
    }

    /// Its top folder.
    ///
    /// # Errors
    /// [`DiscError`].
    pub fn root(&self) -> Result<Entry, DiscError> {
        match &self.system {
            System::Iso(iso) => Ok(iso.root()),
            System::Udf(udf) => udf.root(&self.reader),
        }
    }

    /// What is in a folder, in the order of the disc, without `.` and `..`. Ends after the first error.
    ///
    /// # Errors
    /// [`DiscError`].
    pub fn entries(&self, folder: &Entry) -> Result<Entries<'_, R>, DiscError> {
        if folder.kind != Kind::Folder {
            return Err(DiscError::NotFolder);
        }
        let content = self.content(folder)?;
        if content.size() > FOLDER {
            return Err(DiscError::Damaged("a folder that is larger than any"));
        }
        let listed = match &self.system {
            System::Iso(iso) => Listed::Iso(iso, iso::Records::new(content)),
            System::Udf(udf) => Listed::Udf(udf, udf::Identifiers::new(content)),
        };
        Ok(Entries { reader: &self.reader, listed, ended: false })
    }

    /// What has this name in a folder.
    ///
    /// # Errors
    /// [`DiscError::NotFound`] and the others.
    pub fn find_in(&self, folder: &Entry, name: &str) -> Result<Entry, DiscError> {
        for entry in self.entries(folder)? {
            let entry = entry?;
            if entry.name == name {
                return Ok(entry);
            }
        }
        Err(DiscError::NotFound)
    }

    /// What has this path. A folder that leads back to one above it is refused.
    ///
    /// # Errors
    /// [`DiscError::NotFound`], [`DiscError::NotFolder`] and the others.
    pub fn find(&self, names: &[String]) -> Result<Entry, DiscError> {
        if names.len() > DEPTH {
            return Err(DiscError::Damaged("folders that lie deeper than any"));
        }
        let mut above = Vec::with_capacity(names.len());
        let mut here = self.root()?;
        for name in names {
            above.push(here.id);
            here = self.find_in(&here, name)?;
            if here.kind == Kind::Folder && above.contains(&here.id) {
                return Err(DiscError::Damaged("its folders lead in a circle"));
            }
        }
        Ok(here)
    }

    /// Where the bytes of a file, or the records of a folder, are.
    ///
    /// # Errors
    /// [`DiscError`]; [`DiscError::Unsupported`] for what is listed and not opened.
    pub fn content(&self, entry: &Entry) -> Result<Content, DiscError> {
        if entry.kind == Kind::Other {
            return Err(DiscError::Unsupported("links and special files"));
        }
        match (&entry.at, &self.system) {
            (At::Runs(runs), _) => Ok(Content::new(runs.clone(), entry.size_of_content())),
            (At::Icb(address), System::Udf(udf)) => udf.content(&self.reader, *address),
            (At::Icb(_), System::Iso(_)) => Err(DiscError::NotFound),
        }
    }
}

impl Entry {
    fn size_of_content(&self) -> u64 {
        match &self.at {
            At::Runs(runs) if self.kind == Kind::Folder => runs.iter().map(|run| run.length).sum(),
            _ => self.size,
        }
    }
}

/// What is in a folder.
#[derive(Debug)]
pub struct Entries<'a, R> {
    reader: &'a R,
    listed: Listed<'a>,
    ended: bool,
}

#[derive(Debug)]
enum Listed<'a> {
    Iso(&'a iso::Iso, iso::Records),
    Udf(&'a udf::Udf, udf::Identifiers),
}

impl<R: ReadAt> Iterator for Entries<'_, R> {
    type Item = Result<Entry, DiscError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = match &mut self.listed {
            Listed::Iso(iso, records) => records.next(iso, self.reader),
            Listed::Udf(udf, identifiers) => identifiers.next(udf, self.reader),
        };
        self.ended = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

/// Opens a disc and reads everything on it, within limits; how many names there were. For tests and fuzz targets.
#[cfg(any(all(test, unix), fuzzing))]
pub(crate) fn look_at_everything(image: &[u8]) -> usize {
    const NAMES: usize = 2_000;
    let Ok(volume) = Volume::open(image) else { return 0 };
    let (_, _) = (volume.identity(), volume.label().len());
    let Ok(root) = volume.root() else { return 0 };
    let (mut seen, mut folders) = (0, vec![(Vec::new(), root)]);
    while let Some((path, folder)) = folders.pop() {
        for entry in volume.entries(&folder).into_iter().flatten().flatten() {
            seen += 1;
            if seen > NAMES {
                return seen;
            }
            let below = [&path[..], std::slice::from_ref(&entry.name)].concat();
            match entry.kind {
                Kind::Folder if volume.find(&below).is_ok() => folders.push((below, entry)),
                Kind::File => {
                    let mut bytes = vec![0; 5_000];
                    if let Ok(content) = volume.content(&entry) {
                        assert_eq!(content.size(), entry.size, "what is told in a list is what there is");
                        for at in [0, entry.size / 2, entry.size.saturating_sub(5_000)] {
                            let part = usize::try_from(entry.size.saturating_sub(at)).unwrap_or(usize::MAX);
                            let part = part.min(bytes.len());
                            let _ = content.read(volume.reader(), &mut bytes[..part], at);
                        }
                    }
                }
                _ => {}
            }
        }
    }
    seen
}

/// Numbers at a place in bytes that may be too short; then they are nought, and what follows refuses that.
mod bytes {
    pub(super) fn u8(bytes: &[u8], at: usize) -> u8 {
        bytes.get(at).copied().unwrap_or(0)
    }

    pub(super) fn u16(bytes: &[u8], at: usize) -> u16 {
        u16::from_le_bytes(array(bytes, at))
    }

    pub(super) fn u32(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(array(bytes, at))
    }

    pub(super) fn u64(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(array(bytes, at))
    }

    fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
        let end = at.saturating_add(N);
        bytes.get(at..end).and_then(|part| part.try_into().ok()).unwrap_or([0; N])
    }

    /// UTF-16, the higher byte first, with replacement characters for what is none.
    pub(super) fn utf16(bytes: &[u8]) -> String {
        let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
