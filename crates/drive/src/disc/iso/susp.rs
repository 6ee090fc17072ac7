//! What is written behind a directory record: the System Use Sharing Protocol (IEEE P1281) and Rock Ridge (P1282) in it.

use super::{
    super::{DiscError, ReadAt, SECTOR, bytes, time},
    Record,
};

/// How often a record may go on elsewhere.
const CONTINUED: usize = 32;
/// The longest name.
const NAME: usize = 1_024;
/// `S_IFMT` and two of its values, in every POSIX system's numbers (P1282 §4.1.1).
const FORMAT: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const DIRECTORY: u32 = 0o040_000;

/// What is told of one record.
#[derive(Debug)]
pub(super) struct System {
    pub(super) name: Option<String>,
    pub(super) modified: Option<i64>,
    pub(super) executable: bool,
    /// An ordinary file or folder, written as it is.
    pub(super) is_plain: bool,
    pub(super) link: Link,
}

impl Default for System {
    fn default() -> Self {
        Self { name: None, modified: None, executable: false, is_plain: true, link: Link::None }
    }
}

/// Folders that lie too deep for ECMA-119 stand elsewhere (P1282 §4.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    None,
    /// The folder is there.
    Child(u32),
    /// This stands here and belongs elsewhere.
    Moved,
}

/// The first record of a folder, which is about itself.
pub(super) fn own_record(reader: &impl ReadAt, at: u64) -> Result<Record, DiscError> {
    let mut sector = vec![0; SECTOR as usize];
    if at.checked_add(SECTOR).is_none_or(|end| end > reader.size()) {
        return Err(DiscError::Damaged("something that lies beyond the end of the disc"));
    }
    reader.read_exact_at(&mut sector, at)?;
    Record::parse(&sector).filter(Record::is_folder).ok_or(DiscError::Damaged("a folder that is none"))
}

/// Whether the protocol is used, and how many bytes are to be skipped then.
pub(super) fn begins(reader: &impl ReadAt, block: u64, root: &Record) -> Result<Option<usize>, DiscError> {
    let at = root.run(block)?.at.unwrap_or(0);
    let own = own_record(reader, at)?;
    let area = own.system_use();
    // Discs for CD-ROM XA have 14 bytes of their own before it.
    for skip in [0, 14] {
        if let Some([b'S', b'P', 7, _, 0xbe, 0xef, skipped]) = area.get(skip..skip + 7) {
            return Ok(Some(usize::from(*skipped)));
        }
    }
    Ok(None)
}

/// All that is told of a record. What makes no sense is left out; a name is not there or whole.
pub(super) fn read(
    reader: &impl ReadAt,
    block: u64,
    record: &Record,
    skip: usize,
) -> Result<System, DiscError> {
    let mut told = Told::default();
    let mut next = told.area(record.system_use().get(skip..).unwrap_or_default());
    for _ in 0..CONTINUED {
        let Some(Continued { extent, offset, length }) = next.take() else {
            return Ok(told.system());
        };
        let at = u64::from(extent).checked_mul(block).and_then(|at| at.checked_add(u64::from(offset)));
        let end = at.and_then(|at| at.checked_add(u64::from(length)));
        if u64::from(length) > SECTOR || end.is_none_or(|end| end > reader.size()) {
            return Err(DiscError::Damaged("a record that goes on nowhere"));
        }
        let mut area = vec![0; length as usize];
        reader.read_exact_at(&mut area, at.unwrap_or(0))?;
        next = told.area(&area);
    }
    match next {
        None => Ok(told.system()),
        Some(_) => Err(DiscError::Damaged("a record that goes on and on")),
    }
}

#[derive(Clone, Copy)]
struct Continued {
    extent: u32,
    offset: u32,
    length: u32,
}

#[derive(Default)]
struct Told {
    name: Vec<u8>,
    name_is_whole: bool,
    mode: Option<u32>,
    modified: Option<i64>,
    is_link: bool,
    is_packed: bool,
    child: Option<u32>,
    moved: bool,
}

impl Told {
    /// Reads the entries of one area; where it goes on.
    fn area(&mut self, mut area: &[u8]) -> Option<Continued> {
        let mut next = None;
        while let [first, second, length, _version, ..] = *area {
            let length = usize::from(length);
            let Some(entry) = area.get(..length).filter(|_| length >= 4) else { break };
            match &[first, second] {
                b"CE" if length >= 28 => {
                    let [extent, offset, length] = [4, 12, 20].map(|at| bytes::u32(entry, at));
                    next = Some(Continued { extent, offset, length });
                }
                b"ST" => break,
                b"NM" => self.name(entry),
                b"PX" if length >= 8 => self.mode = Some(bytes::u32(entry, 4)),
                b"TF" => self.times(entry),
                b"SL" => self.is_link = true,
                b"ZF" => self.is_packed = true,
                b"CL" if length >= 8 => self.child = Some(bytes::u32(entry, 4)),
                b"RE" => self.moved = true,
                _ => {}
            }
            area = &area[length..];
        }
        next
    }

    fn name(&mut self, entry: &[u8]) {
        let flags = bytes::u8(entry, 4);
        // `.` and `..` are said by a flag.
        if self.name_is_whole || flags & 0b110 != 0 {
            return;
        }
        self.name.extend_from_slice(entry.get(5..).unwrap_or_default());
        self.name.truncate(NAME);
        self.name_is_whole = flags & 1 == 0;
    }

    /// P1282 §4.1.6: those times for which there is a flag, one after the other; the second one is what we want.
    fn times(&mut self, entry: &[u8]) {
        let flags = bytes::u8(entry, 4);
        if flags & 0b10 == 0 {
            return;
        }
        let length = if flags & 0x80 == 0 { 7 } else { 17 };
        let begins = 5 + length * usize::from(flags & 1);
        let Some(date) = entry.get(begins..begins + length) else { return };
        self.modified = if length == 7 { time::short(date) } else { time::long(date) };
    }

    fn system(self) -> System {
        let format = self.mode.map(|mode| mode & FORMAT);
        let is_special = format.is_some_and(|format| format != REGULAR && format != DIRECTORY);
        System {
            name: (!self.name.is_empty()).then(|| String::from_utf8_lossy(&self.name).into_owned()),
            modified: self.modified,
            executable: self.mode.is_some_and(|mode| mode & 0o100 != 0),
            is_plain: !is_special && !self.is_link && !self.is_packed,
            link: match self.child {
                Some(extent) => Link::Child(extent),
                None if self.moved => Link::Moved,
                None => Link::None,
            },
        }
    }
}
