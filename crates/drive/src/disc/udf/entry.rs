//! File entries (4/14.9, 4/14.17): what a file is, and where its bytes are.

use super::{
    super::{Content, DiscError, Kind, ReadAt, Run, bytes, content},
    Address, Udf, stamp, tag,
};

/// How often a list of pieces may go on elsewhere.
const CONTINUED: usize = 4_096;
/// The length of an extent, without its kind (4/14.14.1.1).
const LENGTH: u32 = 0x3fff_ffff;

const FOLDER: u8 = 4;
const REGULAR: u8 = 5;

/// One entry, as it is written.
pub(super) struct FileEntry {
    block: Vec<u8>,
    at: Address,
    /// Where the fields are that differ between the two kinds.
    fields: Fields,
}

struct Fields {
    modified: usize,
    attributes: usize,
    pieces: usize,
}

const OLD: Fields = Fields { modified: 84, attributes: 168, pieces: 176 };
const EXTENDED: Fields = Fields { modified: 92, attributes: 208, pieces: 216 };

impl FileEntry {
    pub(super) fn read(udf: &Udf, reader: &impl ReadAt, at: Address) -> Result<Self, DiscError> {
        let block = udf.block_at(reader, at)?;
        let fields = match tag::kind(&block, at.block)? {
            tag::FILE => OLD,
            tag::EXTENDED_FILE => EXTENDED,
            _ => return Err(DiscError::Damaged("something else where a file is expected")),
        };
        if bytes::u16(&block, 20) != 4 {
            return Err(DiscError::Unsupported("a strategy of its own for files"));
        }
        Ok(Self { block, at, fields })
    }

    pub(super) fn kind(&self) -> Kind {
        match self.file_type() {
            FOLDER => Kind::Folder,
            REGULAR => Kind::File,
            _ => Kind::Other,
        }
    }

    /// 4/14.6.6.
    pub(super) fn file_type(&self) -> u8 {
        bytes::u8(&self.block, 27)
    }

    pub(super) fn length(&self) -> u64 {
        bytes::u64(&self.block, 56)
    }

    pub(super) fn modified(&self) -> Option<i64> {
        stamp(&self.block, self.fields.modified)
    }

    /// What its owner may do is told by the third group of five bits (4/14.9.5).
    pub(super) fn is_executable(&self) -> bool {
        bytes::u32(&self.block, 44) & 1 << 10 != 0
    }

    /// Where its bytes are.
    pub(super) fn content(&self, udf: &Udf, reader: &impl ReadAt) -> Result<Content, DiscError> {
        let damaged = || DiscError::Damaged("a file that is longer than what is written down of it");
        let pieces = self.pieces().ok_or_else(damaged)?;
        if self.way() == 3 {
            // It stands in here.
            if self.length() != pieces.len() as u64 {
                return Err(damaged());
            }
            let (block, _) = udf.place(self.at.partition, u64::from(self.at.block))?;
            let run = Run { at: Some(block + self.pieces_at() as u64), length: self.length() };
            return Ok(Content::new(vec![run], self.length()));
        }
        let mut list = List { entry: self, runs: Vec::new(), length: 0 };
        let mut next = list.take(udf, pieces)?;
        for _ in 0..CONTINUED {
            let Some((address, length)) = next else {
                if list.length < self.length() {
                    return Err(damaged());
                }
                return Ok(Content::new(list.runs, self.length()));
            };
            let block = udf.block_at(reader, address)?;
            let block = tag::check(&block, tag::ALLOCATION, address.block)?;
            let end = 24 + bytes::u32(block, 20) as usize;
            let pieces = block.get(24..end).filter(|_| end as u64 <= length.max(udf.block));
            next = list.take(udf, pieces.ok_or_else(damaged)?)?;
        }
        Err(DiscError::Damaged("a file whose list of pieces goes on and on"))
    }

    /// How pieces are told (4/14.6.8): short, long, extended, or not at all.
    fn way(&self) -> u16 {
        bytes::u16(&self.block, 34) & 7
    }

    fn pieces_at(&self) -> usize {
        self.fields.pieces.saturating_add(bytes::u32(&self.block, self.fields.attributes) as usize)
    }

    fn pieces(&self) -> Option<&[u8]> {
        let length = bytes::u32(&self.block, self.fields.attributes + 4) as usize;
        self.block.get(self.pieces_at()..self.pieces_at().checked_add(length)?)
    }
}

/// The pieces of a file, as far as they are read.
struct List<'a> {
    entry: &'a FileEntry,
    runs: Vec<Run>,
    length: u64,
}

impl List<'_> {
    /// Takes some; where there are more.
    fn take(&mut self, udf: &Udf, pieces: &[u8]) -> Result<Option<(Address, u64)>, DiscError> {
        let size = match self.entry.way() {
            0 => 8,
            1 => 16,
            _ => return Err(DiscError::Unsupported("extended allocation descriptors")),
        };
        for piece in pieces.chunks_exact(size) {
            let (kind, length) = (bytes::u32(piece, 0) >> 30, bytes::u32(piece, 0) & LENGTH);
            if length == 0 {
                return Ok(None);
            }
            let address = match size {
                8 => Address { partition: self.entry.at.partition, block: bytes::u32(piece, 4) },
                _ => Address::read(piece, 0),
            };
            let length = u64::from(length);
            match kind {
                0 => self.add_recorded(udf, address, length)?,
                3 => return Ok(Some((address, length))),
                // Room that is kept, or left out: zeros.
                _ => self.add(Run { at: None, length })?,
            }
        }
        Ok(None)
    }

    fn add_recorded(&mut self, udf: &Udf, address: Address, length: u64) -> Result<(), DiscError> {
        let (mut block, mut left) = (u64::from(address.block), length);
        while left > 0 {
            let (at, together) = udf.place(address.partition, block)?;
            let part = together.min(left);
            self.add(Run { at: Some(at), length: part })?;
            left -= part;
            block += part.div_ceil(udf.block);
        }
        Ok(())
    }

    fn add(&mut self, run: Run) -> Result<(), DiscError> {
        self.length = self.length.saturating_add(run.length);
        if content::add(&mut self.runs, run) {
            return Ok(());
        }
        Err(DiscError::Damaged("a file in more parts than any"))
    }
}
