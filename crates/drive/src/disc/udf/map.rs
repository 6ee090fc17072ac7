//! Partitions: where a block of one is on the disc (4/10.7, UDF §2.2.8 to §2.2.10).
//!
//! A plain one lies in one piece. On media that are written once, a table at the end says where a block now is (VAT); on
//! media that wear out, some packets stand elsewhere (sparing table); from 2.50 on, folders and file entries may stand in
//! a file of their own (metadata).

use super::{
    super::{Content, DiscError, ReadAt, bytes},
    Address, Udf,
    entry::FileEntry,
    tag,
};
use std::collections::HashMap;

/// The most entries of a table.
const TABLE: u64 = 16 << 20;
/// How many of the last blocks may hold the table of a disc that is written once.
const LAST: u64 = 300;
const VAT: u8 = 248;

/// One partition.
#[derive(Debug)]
pub(super) enum Map {
    Plain(Plain),
    Virtual { plain: Plain, table: Vec<u32> },
    Sparable { plain: Plain, packet: u64, spared: HashMap<u32, u32> },
    Metadata { file: Content },
}

/// Blocks that lie together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain {
    start: u64,
    length: u64,
}

const DAMAGED: DiscError = DiscError::Damaged("a block beyond the end of its partition");

impl Plain {
    /// Where a block is, and how many bytes follow.
    fn place(self, block: u64, size: u64) -> Result<(u64, u64), DiscError> {
        let left = self.length.checked_sub(block).filter(|left| *left > 0).ok_or(DAMAGED)?;
        Ok(((self.start + block) * size, left * size))
    }
}

impl Map {
    pub(super) fn place(&self, block: u64, size: u64) -> Result<(u64, u64), DiscError> {
        match self {
            Self::Plain(plain) => plain.place(block, size),
            Self::Virtual { plain, table } => {
                let now = usize::try_from(block).ok().and_then(|block| table.get(block)).ok_or(DAMAGED)?;
                plain.place(u64::from(*now), size).map(|(at, _)| (at, size))
            }
            Self::Sparable { plain, packet, spared } => {
                let (at, left) = plain.place(block, size)?;
                let (begins, inside) = (block / packet * packet, block % packet);
                let together = ((packet - inside) * size).min(left);
                let elsewhere = u32::try_from(begins).ok().and_then(|begins| spared.get(&begins));
                let at = elsewhere.map_or(at, |there| (u64::from(*there) + inside) * size);
                Ok((at, together))
            }
            Self::Metadata { file } => {
                let at = block.checked_mul(size).filter(|at| *at < file.size()).ok_or(DAMAGED)?;
                file.places(at, file.size() - at).next().ok_or(DAMAGED)
            }
        }
    }
}

/// Reads a map (3/10.7). `udf` has those before it.
pub(super) fn read(
    udf: &Udf,
    reader: &impl ReadAt,
    written: &[u8],
    partitions: &[Vec<u8>],
) -> Result<Map, DiscError> {
    match (written[0], written.len()) {
        (1, 6) => plain(partitions, bytes::u16(written, 4)).map(Map::Plain),
        (2, 64) => {
            let number = bytes::u16(written, 38);
            let plain = plain(partitions, number)?;
            let name = written.get(5..28).unwrap_or_default();
            let is = |wanted: &[u8]| name.starts_with(wanted);
            if is(b"*UDF Virtual Partition") {
                let table = virtual_table(udf, reader, plain)?;
                Ok(Map::Virtual { plain, table })
            } else if is(b"*UDF Sparable Partition") {
                let packet = u64::from(bytes::u16(written, 40));
                if packet == 0 {
                    return Err(DiscError::Damaged("packets of no size"));
                }
                Ok(Map::Sparable { plain, packet, spared: spared(udf, reader, written) })
            } else if is(b"*UDF Metadata Partition") {
                metadata(udf, reader, plain, written)
            } else {
                Err(DiscError::Unsupported("a kind of partition"))
            }
        }
        _ => Err(DiscError::Unsupported("a kind of partition")),
    }
}

/// The descriptor with this number (3/10.5); of several the last one.
fn plain(partitions: &[Vec<u8>], number: u16) -> Result<Plain, DiscError> {
    let descriptor = partitions.iter().rev().find(|descriptor| bytes::u16(descriptor, 22) == number);
    let descriptor = descriptor.ok_or(DiscError::Damaged("a partition that does not exist"))?;
    let (start, length) = (bytes::u32(descriptor, 188), bytes::u32(descriptor, 192));
    Ok(Plain { start: u64::from(start), length: u64::from(length) })
}

/// A partition by itself, to read with before its map is known.
fn alone(udf: &Udf, map: Map) -> Udf {
    let root = Address { partition: 0, block: 0 };
    Udf { block: udf.block, maps: vec![map], label: String::new(), said: Vec::new(), root }
}

/// UDF §2.2.11: the file in the last block that was written.
fn virtual_table(udf: &Udf, reader: &impl ReadAt, plain: Plain) -> Result<Vec<u32>, DiscError> {
    let one = alone(udf, Map::Plain(plain));
    let last = (reader.size() / udf.block).saturating_sub(plain.start).min(plain.length);
    for block in (last.saturating_sub(LAST)..last).rev() {
        let Ok(block) = u32::try_from(block) else { continue };
        let Ok(entry) = FileEntry::read(&one, reader, Address { partition: 0, block }) else { continue };
        if !matches!(entry.file_type(), 0 | VAT) || entry.length() > TABLE {
            continue;
        }
        let mut table = vec![0; usize::try_from(entry.length()).unwrap_or(0)];
        entry.content(&one, reader)?.read(reader, &mut table, 0)?;
        // From 2.00 on it begins with a head that tells its own length; before, 36 bytes at its end say what it is.
        let numbers = match entry.file_type() {
            VAT => table.get(usize::from(bytes::u16(&table, 0))..),
            _ => {
                let end = table.len().saturating_sub(36);
                let is_table =
                    table.get(end + 1..).is_some_and(|name| name.starts_with(b"*UDF Virtual Alloc Tbl"));
                table.get(..end).filter(|_| is_table)
            }
        };
        if let Some(numbers) = numbers {
            return Ok(numbers.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number)).collect());
        }
    }
    Err(DiscError::Damaged("no table of where things are"))
}

/// UDF §2.2.12. A disc with none that can be read has nothing that stands elsewhere, as far as is known.
fn spared(udf: &Udf, reader: &impl ReadAt, written: &[u8]) -> HashMap<u32, u32> {
    /// Free, and broken.
    const UNUSED: u32 = 0xffff_fff0;
    let (count, size) = (usize::from(bytes::u8(written, 42)).min(4), u64::from(bytes::u32(written, 44)));
    for place in (0..count).map(|table| bytes::u32(written, 48 + 4 * table)) {
        let mut table = vec![0; usize::try_from(size.clamp(56, TABLE)).unwrap_or(0)];
        let at = u64::from(place) * udf.block;
        let found = Content::whole(reader.size()).read(reader, &mut table, at).is_ok()
            && tag::kind(&table, place).is_ok()
            && table.get(17..).is_some_and(|name| name.starts_with(b"*UDF Sparing Table"));
        if !found {
            continue;
        }
        let entries = table.get(56..).unwrap_or_default().as_chunks::<8>().0;
        let entries = entries.iter().take(usize::from(bytes::u16(&table, 48)));
        let pairs = entries.map(|entry| (bytes::u32(entry, 0), bytes::u32(entry, 4)));
        return pairs.filter(|(original, _)| *original < UNUSED).collect();
    }
    HashMap::new()
}

/// UDF §2.2.10: the file with the metadata, or its mirror.
fn metadata(udf: &Udf, reader: &impl ReadAt, plain: Plain, written: &[u8]) -> Result<Map, DiscError> {
    // The files may lie in a partition with spared packets, whose map stands before this one.
    let number = bytes::u16(written, 38);
    let below = udf.maps.iter().find_map(|map| match map {
        Map::Sparable { plain: other, packet, spared } if other.start == plain.start => {
            Some(Map::Sparable { plain: *other, packet: *packet, spared: spared.clone() })
        }
        _ => None,
    });
    let one = alone(udf, below.unwrap_or(Map::Plain(plain)));
    let mut failed = DiscError::Damaged("no file with the folders");
    for place in [bytes::u32(written, 40), bytes::u32(written, 44)] {
        let read = FileEntry::read(&one, reader, Address { partition: 0, block: place })
            .and_then(|entry| entry.content(&one, reader));
        match read {
            Ok(file) if file.size() > 0 => return Ok(Map::Metadata { file }),
            Ok(_) => {}
            Err(error) => failed = error,
        }
    }
    tracing::debug!(number, %failed, "the folders of a disc cannot be found");
    Err(failed)
}
