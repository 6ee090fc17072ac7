//! UDF: the volume's descriptors (ECMA-167 part 3), and a folder as a stream of file identifiers (part 4).

mod entry;
mod map;
mod tag;

#[cfg(all(test, unix))]
pub(super) use tag::crc;

use super::{At, Content, DiscError, Entry, Kind, ReadAt, SECTOR, bytes, time};
use entry::FileEntry;
use map::Map;

/// Descriptors of a volume are looked at up to here.
const DESCRIPTORS: u64 = 256;
/// How often the sequence of descriptors may go on elsewhere.
const CONTINUED: usize = 16;
/// The most partition maps.
const MAPS: usize = 8;
/// The longest record of a folder: 38 bytes, a name, and two bytes' worth of whatever the writer wanted to add.
const IDENTIFIER: usize = 38 + 255 + 65_535 + 3;
/// Bytes of a folder that are read at once.
const WINDOW: usize = 32 * 1024;

/// A block of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    partition: u16,
    block: u32,
}

impl Address {
    /// `long_ad` (4/14.14.2) behind its length.
    fn read(bytes: &[u8], at: usize) -> Self {
        Self { block: bytes::u32(bytes, at + 4), partition: bytes::u16(bytes, at + 8) }
    }
}

/// A volume.
#[derive(Debug)]
pub(super) struct Udf {
    block: u64,
    maps: Vec<Map>,
    label: String,
    /// What it says of itself.
    said: Vec<u8>,
    root: Address,
}

/// The descriptors that count, each the latest of its kind.
#[derive(Default)]
struct Sequence {
    primary: Vec<u8>,
    logical: Vec<u8>,
    partitions: Vec<Vec<u8>>,
}

impl Udf {
    pub(super) fn open(reader: &impl ReadAt) -> Result<Self, DiscError> {
        if !is_announced(reader) {
            return Err(DiscError::Unknown);
        }
        let (block, anchor) = anchor(reader).ok_or(DiscError::Damaged("no anchor of the volume"))?;
        // The main sequence, or the one in reserve (3/10.2).
        let sequence = [16, 24].into_iter().find_map(|at| {
            let sequence =
                Sequence::read(reader, block, bytes::u32(&anchor, at + 4), bytes::u32(&anchor, at));
            sequence.ok().filter(|sequence| !sequence.logical.is_empty() && !sequence.partitions.is_empty())
        });
        let sequence = sequence.ok_or(DiscError::Damaged("no descriptors of the volume"))?;
        let logical = &sequence.logical;
        if u64::from(bytes::u32(logical, 212)) != block {
            return Err(DiscError::Unsupported("blocks that are not as large as sectors"));
        }
        let mut udf = Self {
            block,
            maps: Vec::new(),
            label: dstring(logical.get(84..212).unwrap_or_default()),
            said: [&sequence.primary[..], logical].concat(),
            root: Address { partition: 0, block: 0 },
        };
        udf.read_maps(reader, &sequence)?;
        let set = udf.block_at(reader, Address::read(logical, 248))?;
        let set = tag::check(&set, tag::FILE_SET, bytes::u32(logical, 252))?;
        udf.root = Address::read(set, 400);
        udf.root(reader)?;
        Ok(udf)
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    pub(super) fn said(&self) -> Vec<u8> {
        self.said.clone()
    }

    pub(super) fn root(&self, reader: &impl ReadAt) -> Result<Entry, DiscError> {
        let root = self.named(reader, String::new(), self.root)?;
        if root.kind == Kind::Folder { Ok(root) } else { Err(DiscError::Damaged("no top folder")) }
    }

    pub(super) fn content(&self, reader: &impl ReadAt, icb: Address) -> Result<Content, DiscError> {
        let entry = FileEntry::read(self, reader, icb)?;
        entry.content(self, reader)
    }

    fn named(&self, reader: &impl ReadAt, name: String, icb: Address) -> Result<Entry, DiscError> {
        let entry = FileEntry::read(self, reader, icb)?;
        let kind = entry.kind();
        Ok(Entry {
            name,
            kind,
            size: if kind == Kind::File { entry.length() } else { 0 },
            modified: entry.modified(),
            executable: kind == Kind::File && entry.is_executable(),
            id: u64::from(icb.partition) << 32 | u64::from(icb.block),
            at: At::Icb(icb),
        })
    }

    fn block_at(&self, reader: &impl ReadAt, address: Address) -> Result<Vec<u8>, DiscError> {
        let (at, _) = self.place(address.partition, u64::from(address.block))?;
        let mut block = vec![0; self.block as usize];
        Content::whole(reader.size()).read(reader, &mut block, at)?;
        Ok(block)
    }

    /// Where on the disc a block of a partition is, and how many bytes from there on lie together.
    fn place(&self, partition: u16, block: u64) -> Result<(u64, u64), DiscError> {
        let map = self.maps.get(usize::from(partition));
        map.ok_or(DiscError::Damaged("a partition that does not exist"))?.place(block, self.block)
    }

    fn read_maps(&mut self, reader: &impl ReadAt, sequence: &Sequence) -> Result<(), DiscError> {
        let logical = &sequence.logical;
        let (count, mut at) = (bytes::u32(logical, 268) as usize, 440);
        if count == 0 || count > MAPS {
            return Err(DiscError::Damaged("no partition, or more than any disc has"));
        }
        for _ in 0..count {
            let length = usize::from(bytes::u8(logical, at + 1));
            let written = logical.get(at..at + length).filter(|_| length >= 6);
            let written = written.ok_or(DiscError::Damaged("a map of a partition that is none"))?;
            let map = map::read(self, reader, written, &sequence.partitions)?;
            self.maps.push(map);
            at += length;
        }
        Ok(())
    }
}

impl Sequence {
    fn read(reader: &impl ReadAt, block: u64, start: u32, length: u32) -> Result<Self, DiscError> {
        let mut sequence = Self::default();
        let (mut at, mut left) = (u64::from(start), (u64::from(length) / block).min(DESCRIPTORS));
        let (mut serials, mut continued) = ([0; 2], 0);
        while left > 0 {
            let mut descriptor = vec![0; block as usize];
            Content::whole(reader.size()).read(reader, &mut descriptor, at.saturating_mul(block))?;
            let location = u32::try_from(at).unwrap_or(u32::MAX);
            let Ok(kind) = tag::kind(&descriptor, location) else { break };
            let serial = bytes::u32(&descriptor, 16);
            match kind {
                tag::PRIMARY if sequence.primary.is_empty() || serial >= serials[0] => {
                    serials[0] = serial;
                    sequence.primary = descriptor;
                }
                tag::LOGICAL if sequence.logical.is_empty() || serial >= serials[1] => {
                    serials[1] = serial;
                    sequence.logical = descriptor;
                }
                tag::PARTITION if sequence.partitions.len() < MAPS => sequence.partitions.push(descriptor),
                tag::POINTER => {
                    continued += 1;
                    if continued > CONTINUED {
                        return Err(DiscError::Damaged("descriptors that go on and on"));
                    }
                    at = u64::from(bytes::u32(&descriptor, 24));
                    left = (u64::from(bytes::u32(&descriptor, 20)) / block).min(DESCRIPTORS);
                    continue;
                }
                tag::TERMINATING => break,
                _ => {}
            }
            (at, left) = (at + 1, left - 1);
        }
        Ok(sequence)
    }
}

/// Whether there is a descriptor that says UDF among the first (2/9.1).
fn is_announced(reader: &impl ReadAt) -> bool {
    let mut head = [0; 6];
    for sector in 16..80 {
        if reader.read_exact_at(&mut head, sector * SECTOR).is_err() {
            return false;
        }
        match &head[1..] {
            b"NSR02" | b"NSR03" => return true,
            b"BEA01" | b"BOOT2" | b"CD001" | b"CDW02" | b"TEA01" => {}
            // With sectors of 4,096 bytes every second one is empty.
            _ if head == [0; 6] => {}
            _ => return false,
        }
    }
    false
}

/// The anchor (3/10.2), at one of the places where it may be, and the size of a sector with which it is right.
fn anchor(reader: &impl ReadAt) -> Option<(u64, Vec<u8>)> {
    for block in [2_048, 512, 4_096, 1_024] {
        let last = (reader.size() / block).checked_sub(1)?;
        for sector in [256, last, last.saturating_sub(256), 512] {
            let mut anchor = vec![0; 512];
            let found = reader.read_exact_at(&mut anchor, sector * block).is_ok();
            let location = u32::try_from(sector).unwrap_or(u32::MAX);
            if found && tag::check(&anchor, tag::ANCHOR, location).is_ok() {
                return Some((block, anchor));
            }
        }
    }
    None
}

/// A folder that is being read.
#[derive(Debug)]
pub(super) struct Identifiers {
    content: Content,
    at: u64,
    window: Vec<u8>,
    /// Where in the folder the window begins.
    begins: u64,
}

impl Identifiers {
    pub(super) fn new(content: Content) -> Self {
        Self { content, at: 0, window: Vec::new(), begins: 0 }
    }

    pub(super) fn next(&mut self, udf: &Udf, reader: &impl ReadAt) -> Result<Option<Entry>, DiscError> {
        const FOLDER: u8 = 0x02;
        const DELETED: u8 = 0x04;
        const PARENT: u8 = 0x08;
        const METADATA: u8 = 0x10;
        while self.at < self.content.size() {
            let head = self.bytes(reader, 38)?;
            let (flags, name) = (bytes::u8(head, 18), usize::from(bytes::u8(head, 19)));
            let added = usize::from(bytes::u16(head, 36));
            let (icb, length) = (Address::read(head, 20), (38 + added + name).next_multiple_of(4));
            let identifier = self.bytes(reader, length)?;
            tag::check(identifier, tag::IDENTIFIER, tag::ANYWHERE)?;
            let name = identifier.get(38 + added..38 + added + name).unwrap_or_default();
            let name = text(name);
            self.at += length as u64;
            if flags & (DELETED | PARENT | METADATA) != 0 {
                continue;
            }
            // One that cannot be read does not hide the others.
            return Ok(Some(match udf.named(reader, name.clone(), icb) {
                Ok(entry) if (entry.kind == Kind::Folder) == (flags & FOLDER != 0) => entry,
                Ok(_) | Err(DiscError::Damaged(_) | DiscError::Unsupported(_)) => unreadable(name, icb),
                Err(error) => return Err(error),
            }));
        }
        Ok(None)
    }

    /// Bytes from here on. The last record of a folder need not be filled up.
    fn bytes(&mut self, reader: &impl ReadAt, count: usize) -> Result<&[u8], DiscError> {
        let (size, from) = (self.content.size(), self.at);
        let count = count.min(usize::try_from(size - from).unwrap_or(usize::MAX)).min(IDENTIFIER);
        let has = |this: &Self| {
            from >= this.begins && from + count as u64 <= this.begins + this.window.len() as u64
        };
        if !has(self) {
            let length = usize::try_from(size - from).unwrap_or(usize::MAX).min(WINDOW.max(count));
            self.window.resize(length, 0);
            self.begins = from;
            self.content.read(reader, &mut self.window, from)?;
        }
        let start = usize::try_from(from - self.begins).unwrap_or(usize::MAX);
        Ok(self.window.get(start..start + count).unwrap_or_default())
    }
}

/// Listed, and never opened.
fn unreadable(name: String, icb: Address) -> Entry {
    let id = u64::from(icb.partition) << 32 | u64::from(icb.block);
    Entry { name, kind: Kind::Other, size: 0, modified: None, executable: false, id, at: At::Icb(icb) }
}

/// OSTA compressed Unicode (UDF §2.1.1): eight or sixteen bits for each character.
fn text(bytes: &[u8]) -> String {
    match bytes.split_first() {
        Some((8, latin)) => latin.iter().map(|byte| char::from(*byte)).collect(),
        Some((16, wide)) => bytes::utf16(wide),
        Some(_) => char::REPLACEMENT_CHARACTER.to_string(),
        None => String::new(),
    }
}

/// The same in a field of a fixed size, whose last byte tells how much of it is used (1/7.2.12).
fn dstring(field: &[u8]) -> String {
    let used = field.last().map_or(0, |last| usize::from(*last)).min(field.len().saturating_sub(1));
    text(&field[..used]).trim_end_matches(['\0', ' ']).to_owned()
}

/// Times of an entry.
fn stamp(bytes: &[u8], at: usize) -> Option<i64> {
    time::stamp(bytes.get(at..at + 12)?)
}
