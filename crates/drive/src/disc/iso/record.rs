//! Directory records (ECMA-119 §9.1), and a folder as a stream of them.

use super::{
    super::{At, Content, DiscError, Entry, Format, Kind, ReadAt, Run, SECTOR, bytes, content, time},
    Iso,
    susp::{self, Link, System},
};

const FOLDER: u8 = 0x02;
const ASSOCIATED: u8 = 0x04;
const MORE: u8 = 0x80;

/// One record, as it is written.
#[derive(Clone, Debug)]
pub(super) struct Record {
    bytes: Vec<u8>,
}

impl Record {
    /// None when it is not one.
    pub(super) fn parse(from: &[u8]) -> Option<Self> {
        let length = usize::from(*from.first()?);
        let bytes = from.get(..length)?;
        let name = usize::from(*bytes.get(32)?);
        (bytes.len() >= 33 + name && name > 0).then(|| Self { bytes: bytes.to_vec() })
    }

    pub(super) fn extent(&self) -> u32 {
        bytes::u32(&self.bytes, 2)
    }

    pub(super) fn length(&self) -> u32 {
        bytes::u32(&self.bytes, 10)
    }

    /// Blocks of attributes before the content.
    pub(super) fn attributes(&self) -> u8 {
        self.bytes[1]
    }

    pub(super) fn modified(&self) -> Option<i64> {
        time::short(self.bytes.get(18..25)?)
    }

    pub(super) fn is_folder(&self) -> bool {
        self.flags() & FOLDER != 0
    }

    fn flags(&self) -> u8 {
        self.bytes[25]
    }

    /// Bytes of several files in turn (ECMA-119 §6.4.3).
    fn is_interleaved(&self) -> bool {
        self.bytes[26] != 0 || self.bytes[27] != 0
    }

    fn name(&self) -> &[u8] {
        let length = usize::from(self.bytes[32]);
        &self.bytes[33..33 + length]
    }

    /// What follows the name and its padding.
    pub(super) fn system_use(&self) -> &[u8] {
        let name = usize::from(self.bytes[32]);
        self.bytes.get(33 + name + (name + 1) % 2..).unwrap_or_default()
    }

    fn plain_name(&self, format: Format) -> String {
        let name = match format {
            Format::Joliet => bytes::utf16(self.name()),
            _ => String::from_utf8_lossy(self.name()).into_owned(),
        };
        if self.is_folder() {
            return name;
        }
        let name = match name.rsplit_once(';') {
            Some((name, version)) if version.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => &name,
        };
        let stem = name.strip_suffix('.').filter(|stem| !stem.is_empty() && !stem.contains('.'));
        stem.unwrap_or(name).to_owned()
    }
}

/// A folder that is being read.
#[derive(Debug)]
pub(in super::super) struct Records {
    content: Content,
    at: u64,
    sector: Vec<u8>,
    /// Of a file whose records are not all read.
    pending: Option<(Vec<u8>, Entry, Vec<Run>)>,
}

impl Records {
    pub(in super::super) fn new(content: Content) -> Self {
        Self { content, at: 0, sector: Vec::new(), pending: None }
    }

    pub(in super::super) fn next(
        &mut self,
        iso: &Iso,
        reader: &impl ReadAt,
    ) -> Result<Option<Entry>, DiscError> {
        while let Some((place, record)) = self.record(reader)? {
            // `.` and `..` (ECMA-119 §7.6.2).
            if matches!(record.name(), [0] | [1]) || record.flags() & ASSOCIATED != 0 {
                continue;
            }
            if let Some(entry) = self.entry(iso, reader, place, &record)? {
                return Ok(Some(entry));
            }
        }
        match self.pending.take() {
            Some(_) => Err(DiscError::Damaged("a file whose last part is missing")),
            None => Ok(None),
        }
    }

    /// The next record and where on the disc it stands.
    fn record(&mut self, reader: &impl ReadAt) -> Result<Option<(u64, Record)>, DiscError> {
        while self.at < self.content.size() {
            let inside = (self.at % SECTOR) as usize;
            if inside == 0 {
                let length = (self.content.size() - self.at).min(SECTOR) as usize;
                self.sector.resize(length, 0);
                self.content.read(reader, &mut self.sector, self.at)?;
            }
            let rest = self.sector.get(inside..).unwrap_or_default();
            let length = usize::from(rest.first().copied().unwrap_or(0));
            // No record goes over the end of a sector; what is left is filled with zeros (ECMA-119 §6.8.1.1).
            if length == 0 {
                self.at = (self.at / SECTOR + 1) * SECTOR;
                continue;
            }
            let record =
                Record::parse(rest).ok_or(DiscError::Damaged("a record of a folder that is none"))?;
            let place = self.content.places(self.at, 1).next().map_or(0, |(at, _)| at);
            self.at += length as u64;
            return Ok(Some((place, record)));
        }
        Ok(None)
    }

    /// None for a part of a file that goes on, and for a folder that is shown elsewhere.
    fn entry(
        &mut self,
        iso: &Iso,
        reader: &impl ReadAt,
        place: u64,
        record: &Record,
    ) -> Result<Option<Entry>, DiscError> {
        let run = record.run(iso.block)?;
        if let Some((name, entry, mut runs)) = self.pending.take() {
            if name != record.name() {
                return Err(DiscError::Damaged("a file whose last part is missing"));
            }
            let whole = Entry { size: entry.size.saturating_add(run.length), ..entry };
            if !content::add(&mut runs, run) {
                return Err(DiscError::Damaged("a file in more parts than any"));
            }
            return Ok(self.finish(record, whole, runs));
        }
        let system = match iso.format {
            Format::RockRidge => susp::read(reader, iso.block, record, iso.skip)?,
            _ => System::default(),
        };
        let name = system.name.unwrap_or_else(|| record.plain_name(iso.format));
        match system.link {
            Link::Moved => return Ok(None),
            Link::Child(extent) => {
                let at = u64::from(extent) * iso.block;
                let own = susp::own_record(reader, at)?;
                let folder = own.folder(iso.block, name)?;
                return Ok(Some(Entry { modified: system.modified.or(folder.modified), ..folder }));
            }
            Link::None => {}
        }
        if record.is_folder() {
            let folder = record.folder(iso.block, name)?;
            return Ok(Some(Entry { modified: system.modified.or(folder.modified), ..folder }));
        }
        let is_plain = system.is_plain && !record.is_interleaved();
        let entry = Entry {
            name,
            kind: if is_plain { Kind::File } else { Kind::Other },
            size: if is_plain { run.length } else { 0 },
            modified: system.modified.or_else(|| record.modified()),
            executable: is_plain && system.executable,
            // The place of the record: empty files have no extent of their own.
            id: place | 1 << 63,
            at: At::Runs(Vec::new()),
        };
        Ok(self.finish(record, entry, vec![run]))
    }

    /// The entry when this was its last record.
    fn finish(&mut self, record: &Record, entry: Entry, runs: Vec<Run>) -> Option<Entry> {
        if record.flags() & MORE != 0 {
            self.pending = Some((record.name().to_vec(), entry, runs));
            return None;
        }
        Some(Entry { at: At::Runs(runs), ..entry })
    }
}
