//! Many files in one stream: the frames in which trees are told and small files travel, in both directions.
//!
//! Pure: bytes in, frames out, and back. A request for each of ten thousand small files costs seven times as much as one
//! stream of all of them. A frame carries at most one small file, so a reader never holds more than [`MAX_FRAME`] bytes
//! of it; the content of a file is followed by its FileId and a frame that does not match it ends the stream. So does a
//! stream that ends without its [`Frame::End`], which tells how many frames there were.
//!
//! A frame is a tag (one byte), the length of a path (two bytes, big-endian), the path, and what the tag says:
//!
//! | tag | what | after the path |
//! |---|---|---|
//! | 0 | end | how many frames came before (8 bytes); no path |
//! | 1 | folder | time |
//! | 2 | file | flags, time, length (4 bytes), content, FileId (32 bytes); with flag 2, a version |
//! | 3 | the same is there already | |
//! | 4 | problem | length (1 byte) and word of a [`Code`] |
//! | 5 | stored, under this path | |
//! | 6 | entry of a tree | kind (1 byte), flags, time, size (8 bytes); with flag 2, a version |
//!
//! A time is 8 bytes: nanoseconds since the Unix epoch, the smallest number for none. Flag 1 says executable, flag 4 of an
//! entry that only its name, as it was written, keeps it from being asked for. A version is
//! an entity tag behind its length (1 byte): of an entry, the one that it has; of a file that is brought, the one whose
//! place it takes and no other's, and without any bytes, only that of nothing.

use crate::{
    content::FileId,
    path::{PathError, SharePath},
    wire::{Code, Kind},
};
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The largest file that travels in a frame.
pub const SMALL: u64 = 256 * 1024;
/// The longest path, as in [`SharePath`].
const MAX_PATH: usize = 4_096;
/// The longest entity tag.
const MAX_VERSION: usize = 255;
/// The longest frame.
pub const MAX_FRAME: usize = 3 + MAX_PATH + 1 + 8 + 4 + SMALL as usize + 32 + 1 + MAX_VERSION;
/// How the absence of a time is written.
const NO_TIME: i64 = i64::MIN;
const EXECUTABLE: u8 = 1;
const VERSION: u8 = 2;
const MISNAMED: u8 = 4;

/// One thing told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Nothing more comes; so many frames came.
    End(u64),
    /// A folder is to be there.
    Folder {
        /// Where.
        path: SharePath,
        /// Its last change.
        modified: Option<i64>,
    },
    /// A whole small file.
    File(SmallFile),
    /// What is there is the same already.
    Same(SharePath),
    /// This one does not come, or was not taken.
    Problem(SharePath, Code),
    /// It was stored, and this is its path now.
    Stored(SharePath),
    /// One name in a tree.
    Entry(Entry),
}

/// A small file with all of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmallFile {
    /// Where it is or goes.
    pub path: SharePath,
    /// Last change.
    pub modified: Option<i64>,
    /// Its owner may run it.
    pub executable: bool,
    /// All of it.
    pub content: Bytes,
    /// What it may take the place of, when it is brought to replace what is there.
    pub replaces: Replaces,
}

/// What may have a name that something else is to get.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Replaces {
    /// Whatever file has it.
    #[default]
    Anything,
    /// Nothing had it when somebody looked: what has it now was seen by nobody.
    Nothing,
    /// The file in this version.
    Version(String),
}

impl Replaces {
    /// Whether what is there may be replaced. `version` tells which one it is.
    #[must_use]
    pub fn allows(&self, version: impl FnOnce() -> Option<String>) -> bool {
        match self {
            Self::Anything => true,
            Self::Nothing => false,
            Self::Version(seen) => version().as_ref() == Some(seen),
        }
    }
}

/// One name in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: SharePath,
    /// What it is.
    pub kind: Kind,
    /// Its owner may run it.
    pub executable: bool,
    /// Last change.
    pub modified: Option<i64>,
    /// Bytes; 0 unless a file.
    pub size: u64,
    /// Its entity tag, when that was asked for.
    pub etag: Option<String>,
    /// Of kind `Other`: a file or folder that cannot be asked for, because its name is not Unicode.
    pub misnamed: bool,
}

/// Bytes that are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A tag, kind or length that does not exist.
    #[error("a frame that does not exist")]
    Unknown,
    /// A path that leads elsewhere.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The content does not match its FileId.
    #[error("a file that does not match its own hash")]
    Damaged,
    /// The end tells another number of frames than came.
    #[error("frames are missing")]
    Missing,
    /// Something comes after the end.
    #[error("more after the end")]
    AfterEnd,
}

impl Frame {
    /// Appends the bytes of this frame. A file longer than [`SMALL`] or a path longer than any system holds cannot be
    /// written and is left out, which the reader notices at the end.
    pub fn write(&self, out: &mut BytesMut) {
        match self {
            Self::End(count) => {
                head(out, 0, "");
                out.put_u64(*count);
            }
            Self::Folder { path, modified } => {
                head(out, 1, &path.to_string());
                out.put_i64(modified.unwrap_or(NO_TIME));
            }
            Self::File(file) => {
                let Some(length) = u32::try_from(file.content.len()).ok().filter(|n| u64::from(*n) <= SMALL)
                else {
                    return;
                };
                let replaces = match &file.replaces {
                    Replaces::Anything => None,
                    Replaces::Nothing => Some(""),
                    Replaces::Version(etag) => Some(etag.as_str()),
                };
                head(out, 2, &file.path.to_string());
                out.put_u8(flags(file.executable, replaces.is_some()));
                out.put_i64(file.modified.unwrap_or(NO_TIME));
                out.put_u32(length);
                out.put_slice(&file.content);
                out.put_slice(&FileId::of(&file.content).0);
                version(out, replaces);
            }
            Self::Same(path) => head(out, 3, &path.to_string()),
            Self::Problem(path, code) => {
                head(out, 4, &path.to_string());
                let word = code.word();
                out.put_u8(u8::try_from(word.len()).unwrap_or(0));
                out.put_slice(word.as_bytes());
            }
            Self::Stored(path) => head(out, 5, &path.to_string()),
            Self::Entry(entry) => {
                head(out, 6, &entry.path.to_string());
                out.put_u8(match entry.kind {
                    Kind::File => 0,
                    Kind::Folder => 1,
                    Kind::Other => 2,
                });
                let misnamed = if entry.misnamed { MISNAMED } else { 0 };
                out.put_u8(flags(entry.executable, entry.etag.is_some()) | misnamed);
                out.put_i64(entry.modified.unwrap_or(NO_TIME));
                out.put_u64(entry.size);
                version(out, entry.etag.as_deref());
            }
        }
    }

    /// The bytes of this frame alone.
    #[must_use]
    pub fn written(&self) -> BytesMut {
        let mut out = BytesMut::new();
        self.write(&mut out);
        out
    }
}

fn head(out: &mut BytesMut, tag: u8, path: &str) {
    out.put_u8(tag);
    // A SharePath is never longer than MAX_PATH.
    out.put_u16(u16::try_from(path.len()).unwrap_or(0));
    out.put_slice(path.as_bytes());
}

fn flags(executable: bool, versioned: bool) -> u8 {
    (if executable { EXECUTABLE } else { 0 }) | (if versioned { VERSION } else { 0 })
}

/// An entity tag that is too long is written as none at all: then nothing is replaced.
fn version(out: &mut BytesMut, etag: Option<&str>) {
    let Some(etag) = etag else { return };
    let (length, etag) = u8::try_from(etag.len()).map_or((0, ""), |length| (length, etag));
    out.put_u8(length);
    out.put_slice(etag.as_bytes());
}

/// Finds the frames in bytes that arrive in any portions.
#[derive(Debug)]
pub struct Reader {
    waiting: BytesMut,
    frames: u64,
    ended: bool,
    path: Parse,
}

type Parse = fn(&str) -> Result<SharePath, PathError>;

/// Of frames about files of this computer.
impl Default for Reader {
    fn default() -> Self {
        Self { waiting: BytesMut::new(), frames: 0, ended: false, path: SharePath::parse }
    }
}

impl Reader {
    /// Of frames about files of another computer: see [`SharePath::parse_remote`].
    #[must_use]
    pub fn remote() -> Self {
        Self { path: SharePath::parse_remote, ..Self::default() }
    }

    /// Takes bytes. Call [`Reader::next_frame`] until it has no more before taking further ones: then no more than a frame
    /// and one portion is held.
    pub fn take(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// True after [`Frame::End`], when nothing came after it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.ended && self.waiting.is_empty()
    }

    /// The next frame; none until more bytes are there.
    ///
    /// # Errors
    /// [`FrameError`]: the rest of the stream is worth nothing.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.ended {
            return if self.waiting.is_empty() { Ok(None) } else { Err(FrameError::AfterEnd) };
        }
        let Some(length) = frame_length(&self.waiting)? else { return Ok(None) };
        if self.waiting.len() < length {
            return Ok(None);
        }
        let frame = parse(self.waiting.split_to(length).freeze(), self.path)?;
        match frame {
            Frame::End(count) if count != self.frames => return Err(FrameError::Missing),
            Frame::End(_) => self.ended = true,
            _ => self.frames += 1,
        }
        Ok(Some(frame))
    }
}

/// How long the frame is that begins here; none when its head is not all there.
fn frame_length(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(&tag) = bytes.first() else { return Ok(None) };
    let (Some(&high), Some(&low)) = (bytes.get(1), bytes.get(2)) else {
        return if tag > 6 { Err(FrameError::Unknown) } else { Ok(None) };
    };
    let path = usize::from(u16::from_be_bytes([high, low]));
    if path > MAX_PATH || (tag == 0 && path != 0) {
        return Err(FrameError::Unknown);
    }
    let at = 3 + path;
    let length = match tag {
        0 | 1 => at + 8,
        2 => {
            let Some(length) = bytes.get(at + 9..at + 13) else { return Ok(None) };
            let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]);
            if u64::from(length) > SMALL {
                return Err(FrameError::Unknown);
            }
            let flags = bytes.get(at).copied().unwrap_or_default();
            return Ok(with_version(bytes, flags, at + 13 + length as usize + 32));
        }
        3 | 5 => at,
        4 => match bytes.get(at) {
            Some(length) => at + 1 + usize::from(*length),
            None => return Ok(None),
        },
        6 => match bytes.get(at + 1) {
            Some(flags) => return Ok(with_version(bytes, *flags, at + 18)),
            None => return Ok(None),
        },
        _ => return Err(FrameError::Unknown),
    };
    Ok(Some(length))
}

/// The length of a frame that has a version behind so many bytes, if its flags say so; none until that can be told.
fn with_version(bytes: &[u8], flags: u8, before: usize) -> Option<usize> {
    if flags & VERSION == 0 {
        return Some(before);
    }
    bytes.get(before).map(|length| before + 1 + usize::from(*length))
}

/// A frame whose bytes are all there.
fn parse(mut bytes: Bytes, path_of: Parse) -> Result<Frame, FrameError> {
    let tag = bytes.get_u8();
    let length = usize::from(bytes.get_u16());
    let path = bytes.split_to(length);
    let text = std::str::from_utf8(&path).map_err(|_| PathError::Encoding)?;
    let path = path_of(text)?;
    Ok(match tag {
        0 => Frame::End(bytes.get_u64()),
        1 => Frame::Folder { path, modified: time(bytes.get_i64()) },
        2 => {
            let (flags, modified, length) = (bytes.get_u8(), time(bytes.get_i64()), bytes.get_u32());
            let content = bytes.split_to(length as usize);
            let id = bytes.split_to(32);
            if FileId::of(&content).0 != id[..] {
                return Err(FrameError::Damaged);
            }
            let replaces = match tag_of(bytes, flags)? {
                None => Replaces::Anything,
                Some(etag) if etag.is_empty() => Replaces::Nothing,
                Some(etag) => Replaces::Version(etag),
            };
            let executable = flags & EXECUTABLE != 0;
            Frame::File(SmallFile { path, modified, executable, content, replaces })
        }
        3 => Frame::Same(path),
        4 => {
            let word = bytes.split_off(1);
            Frame::Problem(path, Code::from_word(std::str::from_utf8(&word).unwrap_or_default()))
        }
        5 => Frame::Stored(path),
        _ => {
            let kind = match bytes.get_u8() {
                0 => Kind::File,
                1 => Kind::Folder,
                2 => Kind::Other,
                _ => return Err(FrameError::Unknown),
            };
            let flags = bytes.get_u8();
            let executable = flags & EXECUTABLE != 0;
            let misnamed = kind == Kind::Other && flags & MISNAMED != 0;
            let (modified, size) = (time(bytes.get_i64()), bytes.get_u64());
            let etag = tag_of(bytes, flags)?;
            Frame::Entry(Entry { path, kind, executable, modified, size, etag, misnamed })
        }
    })
}

/// The version at the end of a frame.
fn tag_of(mut bytes: Bytes, flags: u8) -> Result<Option<String>, FrameError> {
    if flags & VERSION == 0 {
        return Ok(None);
    }
    bytes.advance(1); // its length, which the frame was cut by
    let text = std::str::from_utf8(&bytes).map_err(|_| FrameError::Unknown)?;
    Ok(Some(text.to_owned()))
}

fn time(written: i64) -> Option<i64> {
    (written != NO_TIME).then_some(written)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> SharePath {
        SharePath::parse(text).unwrap()
    }

    fn all_kinds() -> Vec<Frame> {
        vec![
            Frame::Folder { path: path("a"), modified: Some(-7) },
            Frame::File(SmallFile {
                path: path("a/ü.txt"),
                modified: Some(1_700_000_000_123_456_789),
                executable: true,
                content: Bytes::from(vec![5; SMALL as usize]),
                replaces: Replaces::Version("v".repeat(MAX_VERSION)),
            }),
            Frame::File(SmallFile {
                path: path("empty"),
                modified: None,
                executable: false,
                content: Bytes::new(),
                replaces: Replaces::Nothing,
            }),
            Frame::Same(path("b")),
            Frame::Problem(path("c"), Code::Unreadable),
            Frame::Stored(path("d (2)")),
            Frame::Entry(Entry {
                path: path("e/f"),
                kind: Kind::Other,
                executable: false,
                modified: None,
                size: 1 << 40,
                etag: Some("\"version\"".to_owned()),
                misnamed: true,
            }),
            Frame::Entry(Entry {
                path: SharePath::top(),
                kind: Kind::Folder,
                executable: false,
                modified: Some(0),
                size: 0,
                etag: None,
                misnamed: false,
            }),
            Frame::End(8),
        ]
    }

    fn written(frames: &[Frame]) -> BytesMut {
        let mut bytes = BytesMut::new();
        frames.iter().for_each(|frame| frame.write(&mut bytes));
        bytes
    }

    #[test]
    fn every_frame_survives_the_way_in_portions_of_any_size() {
        let (frames, bytes) = (all_kinds(), written(&all_kinds()));
        for portion in [1, 7, 4_096, bytes.len()] {
            let (mut reader, mut read) = (Reader::default(), Vec::new());
            for portion in bytes.chunks(portion) {
                reader.take(portion);
                while let Some(frame) = reader.next_frame().unwrap() {
                    read.push(frame);
                }
            }
            assert_eq!(read, frames, "in portions of {portion}");
            assert!(reader.is_whole());
        }
    }

    #[test]
    fn a_stream_that_ends_early_or_goes_on_too_long_is_not_whole() {
        let bytes = written(&[Frame::Same(path("a")), Frame::End(1)]);
        let mut reader = Reader::default();
        reader.take(&bytes[..bytes.len() - 1]);
        while reader.next_frame().unwrap().is_some() {}
        assert!(!reader.is_whole(), "the end is cut off");
        reader.take(&bytes[bytes.len() - 1..]);
        while reader.next_frame().unwrap().is_some() {}
        assert!(reader.is_whole());
        reader.take(&[3]);
        assert_eq!(reader.next_frame(), Err(FrameError::AfterEnd));

        let mut reader = Reader::default();
        reader.take(&written(&[Frame::Same(path("a")), Frame::End(2)]));
        reader.next_frame().unwrap();
        assert_eq!(reader.next_frame(), Err(FrameError::Missing));
    }

    #[test]
    fn one_wrong_bit_in_a_file_ends_the_stream() {
        let file = SmallFile {
            path: path("x"),
            modified: None,
            executable: false,
            content: Bytes::from_static(b"content"),
            replaces: Replaces::Anything,
        };
        let mut bytes = written(&[Frame::File(file)]);
        let at = bytes.len() - 33;
        bytes[at] ^= 1;
        let mut reader = Reader::default();
        reader.take(&bytes);
        assert_eq!(reader.next_frame(), Err(FrameError::Damaged));
    }

    #[test]
    fn a_version_that_is_too_long_to_be_told_is_none_that_is_there() {
        let file = SmallFile {
            path: path("x"),
            modified: None,
            executable: false,
            content: Bytes::new(),
            replaces: Replaces::Version("v".repeat(MAX_VERSION + 1)),
        };
        let mut reader = Reader::default();
        reader.take(&written(&[Frame::File(file.clone())]));
        let expected = SmallFile { replaces: Replaces::Nothing, ..file };
        assert_eq!(reader.next_frame(), Ok(Some(Frame::File(expected))), "nothing is replaced by accident");
    }

    #[test]
    fn a_path_that_leads_out_ends_the_stream() {
        for bad in ["../x", "/etc/passwd", "a//b", ".x.lanyard-part"] {
            let mut bytes = BytesMut::new();
            head(&mut bytes, 3, bad);
            let mut reader = Reader::default();
            reader.take(&bytes);
            assert!(matches!(reader.next_frame(), Err(FrameError::Path(_))), "{bad}");
        }
    }

    #[test]
    fn a_name_that_windows_cannot_hold_ends_only_what_is_brought_there() {
        let frame = Frame::Stored(SharePath::parse_remote("10:30/a:b.txt").unwrap());
        let on_windows: Parse = |text| SharePath::parse_on(text, true);
        let read = |reader: Reader| {
            let mut reader = reader;
            reader.take(&frame.written());
            reader.next_frame()
        };
        assert_eq!(read(Reader::remote()), Ok(Some(frame.clone())), "what is told of another computer");
        let brought = read(Reader { path: on_windows, ..Reader::default() });
        assert!(matches!(brought, Err(FrameError::Path(_))), "{brought:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_stranger_panic_or_grow(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let mut reader = Reader::default();
            reader.take(&bytes);
            for _ in 0..2_000 {
                match reader.next_frame() {
                    Ok(Some(frame)) => {
                        let mut again = BytesMut::new();
                        frame.write(&mut again);
                        prop_assert!(again.len() <= MAX_FRAME);
                    }
                    Ok(None) | Err(_) => break,
                }
            }
        }
    }
}
