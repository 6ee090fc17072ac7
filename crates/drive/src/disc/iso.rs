//! ISO 9660: the descriptors of the volume, and which of its trees is read. Rock Ridge before Joliet, because it has
//! the names as they were; Joliet before the plain one, because that has hardly any.

mod record;
mod susp;

pub(super) use record::Records;

use super::{At, DiscError, Entry, Format, Kind, ReadAt, Run, SECTOR, bytes};
use record::Record;

/// Where the descriptors begin (ECMA-119 §6.2.1).
const FIRST: u64 = 16;
/// The most descriptors that are looked at.
const DESCRIPTORS: u64 = 64;

/// A volume.
#[derive(Debug)]
pub(super) struct Iso {
    block: u64,
    format: Format,
    label: String,
    /// The descriptor of the volume.
    said: Vec<u8>,
    root: Entry,
    /// Bytes before the first entry of a record's system use field (SUSP §5.3).
    skip: usize,
}

/// A descriptor with a tree.
struct Tree {
    descriptor: Vec<u8>,
    block: u64,
    root: Record,
}

impl Iso {
    pub(super) fn open(reader: &impl ReadAt) -> Result<Self, DiscError> {
        let (mut primary, mut joliet) = (None, None);
        for sector in FIRST..FIRST + DESCRIPTORS {
            let mut descriptor = vec![0; SECTOR as usize];
            if (sector + 1) * SECTOR > reader.size() {
                break;
            }
            reader.read_exact_at(&mut descriptor, sector * SECTOR)?;
            if descriptor.get(1..6) != Some(b"CD001") {
                break;
            }
            match descriptor[0] {
                1 if primary.is_none() => primary = Some(Tree::new(descriptor)?),
                2 if joliet.is_none() && is_joliet(&descriptor) => joliet = Some(Tree::new(descriptor)?),
                255 => break,
                _ => {}
            }
        }
        let primary = primary.ok_or(DiscError::Unknown)?;
        let skip = susp::begins(reader, primary.block, &primary.root)?;
        let label = match &joliet {
            Some(joliet) => bytes::utf16(&joliet.descriptor[40..72]),
            None => String::from_utf8_lossy(&primary.descriptor[40..72]).into_owned(),
        };
        let label = label.trim_end_matches([' ', '\0']).to_owned();
        let said = primary.descriptor.clone();
        let (tree, format) = match (skip, joliet) {
            (Some(_), _) => (primary, Format::RockRidge),
            (None, Some(joliet)) => (joliet, Format::Joliet),
            (None, None) => (primary, Format::Iso9660),
        };
        let root = tree.root.folder(tree.block, String::new())?;
        Ok(Self { block: tree.block, format, label, said, root, skip: skip.unwrap_or(0) })
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    pub(super) fn said(&self) -> Vec<u8> {
        self.said.clone()
    }

    pub(super) fn root(&self) -> Entry {
        self.root.clone()
    }
}

impl Tree {
    fn new(descriptor: Vec<u8>) -> Result<Self, DiscError> {
        let block = u64::from(bytes::u16(&descriptor, 128));
        if !matches!(block, 512 | 1_024 | 2_048) {
            return Err(DiscError::Damaged("blocks of an impossible size"));
        }
        let root = Record::parse(descriptor.get(156..190).unwrap_or_default())
            .filter(Record::is_folder)
            .ok_or(DiscError::Damaged("no top folder"))?;
        Ok(Self { descriptor, block, root })
    }
}

/// The three levels of UCS-2 (Joliet §2).
fn is_joliet(descriptor: &[u8]) -> bool {
    let escape = descriptor.get(88..120).unwrap_or_default();
    [b"%/@", b"%/C", b"%/E"].iter().any(|level| escape.starts_with(*level))
}

impl Record {
    /// As a folder of that name.
    fn folder(&self, block: u64, name: String) -> Result<Entry, DiscError> {
        let run = self.run(block)?;
        Ok(Entry {
            name,
            kind: Kind::Folder,
            size: 0,
            modified: self.modified(),
            executable: false,
            id: run.at.unwrap_or(0),
            at: At::Runs(vec![run]),
        })
    }

    /// Where its content is.
    fn run(&self, block: u64) -> Result<Run, DiscError> {
        let at = u64::from(self.extent()).checked_add(u64::from(self.attributes()));
        let at = at.and_then(|extent| extent.checked_mul(block));
        let at = at.ok_or(DiscError::Damaged("something that lies beyond the end of the disc"))?;
        Ok(Run { at: Some(at), length: u64::from(self.length()) })
    }
}
