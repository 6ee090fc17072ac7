//! What can be listed and read behind a share: a folder of this computer, or a disc. Everything that reads goes through
//! here and does not know which of the two it is; what writes goes through [`confine`] alone, because nobody writes to
//! a disc.

use super::{
    Folder, Medium, Refused, Visit,
    confine::{self, Facts},
    crossing,
    disc::{self, Disc},
    spoilt,
};
use crate::{
    disc::{Content, Entry},
    disk,
    path::SharePath,
    wire::{Code, Kind},
};
use cap_std::fs::Dir;
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    path::PathBuf,
    sync::Arc,
};

/// What is behind a share.
pub(super) enum Shown {
    Folder(PathBuf),
    Disc(Arc<Disc>),
}

impl Visit {
    /// What can be seen behind a share that was admitted. Blocks on the disk.
    pub(super) fn shown(&self, folder: &Folder) -> Result<Shown, Refused> {
        match folder.medium {
            Medium::Disc(None) => Err(disc::away()),
            Medium::Disc(Some(id)) => self.offer.discs.get(&folder.root, id).map(Shown::Disc),
            Medium::Fixed | Medium::Drive(_) => Ok(Shown::Folder(folder.root.clone())),
        }
    }
}

impl Shown {
    /// What there is under a path.
    pub(super) fn look(&self, path: &SharePath) -> Result<Facts, Refused> {
        match self {
            Self::Folder(root) => confine::look(root, path),
            Self::Disc(disc) if disc::is_image(path) => Ok(disc.facts_of_whole()),
            Self::Disc(disc) => disc.look(path).map(|(facts, _)| facts),
        }
    }

    pub(super) fn open_dir(&self, names: &[String]) -> Result<Listed, Refused> {
        match self {
            Self::Folder(root) => confine::open_dir(root, names).map(Listed::Folder),
            Self::Disc(disc) => {
                let path = SharePath::parse(&names.join("/"))?;
                let (facts, folder) = disc.look(&path)?;
                if facts.kind != Kind::Folder {
                    return Err(Refused::new(Code::WrongKind, "not a folder"));
                }
                Ok(Listed::Disc(Arc::clone(disc), folder))
            }
        }
    }

    pub(super) fn open_file(&self, path: &SharePath) -> Result<(Opened, Facts), Refused> {
        match self {
            Self::Folder(root) => confine::open_file(root, path).map(|(file, facts)| (file.into(), facts)),
            Self::Disc(disc) if disc::is_image(path) => {
                let facts = disc.facts_of_whole();
                Ok((Opened::Disc(Arc::clone(disc), disc.whole(), facts), facts))
            }
            Self::Disc(disc) => {
                let (facts, entry) = disc.look(path)?;
                open(disc, &entry, facts)
            }
        }
    }
}

fn open(disc: &Arc<Disc>, entry: &Entry, facts: Facts) -> Result<(Opened, Facts), Refused> {
    let facts = confine::ordinary(facts)?;
    Ok((Opened::Disc(Arc::clone(disc), disc.content(entry)?, facts), facts))
}

/// Takes a name's bytes, whether it is a folder, and what is known of it.
pub(super) type EachName<'a> = dyn FnMut(&[u8], bool, Option<Facts>) + 'a;

/// A folder that is being read.
pub(super) enum Listed {
    Folder(Dir),
    Disc(Arc<Disc>, Entry),
}

/// A name in a folder.
pub(super) struct Name {
    pub(super) name: OsString,
    pub(super) is_folder: bool,
    /// What is known already without another look; apart, because there may be very many names of which nothing is.
    known: Option<Box<Facts>>,
}

impl Listed {
    /// The names in it, in no order.
    pub(super) fn names(&self) -> Result<Box<dyn Iterator<Item = Result<Name, Refused>> + '_>, Refused> {
        match self {
            Self::Folder(dir) => Ok(Box::new(dir.entries()?.map(|entry| {
                let entry = entry?;
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                Ok(Name { name: entry.file_name(), is_folder, known: None })
            }))),
            Self::Disc(disc, folder) => Ok(Box::new(disc.entries(folder)?.map(|entry| {
                let entry = entry?;
                let (is_folder, known) = (entry.kind == Kind::Folder, Some(Box::new(disc.facts(&entry))));
                Ok(Name { name: entry.name.into(), is_folder, known })
            }))),
        }
    }

    /// Calls `each` with every name in it, in no order: its bytes, whether it is a folder, and what is known of it
    /// without another look. For very many names, none of which is to be kept by itself.
    pub(super) fn each_name(&self, each: &mut EachName<'_>) -> Result<(), Refused> {
        #[cfg(target_os = "linux")]
        if let Self::Folder(dir) = self {
            return Ok(confine::each_name(dir, |name, is_folder| each(name, is_folder, None))?);
        }
        for name in self.names()? {
            let name = name?;
            each(name.name.as_encoded_bytes(), name.is_folder, name.known.map(|facts| *facts));
        }
        Ok(())
    }

    /// As [`Listed::facts`] for a page of names of a folder, of which nothing is known yet.
    pub(super) fn looks(&self) -> impl Fn(&OsStr) -> Result<Option<Facts>, Refused> + '_ {
        let any_drive = crossing::is_any();
        move |name| {
            let Self::Folder(dir) = self else { return Ok(None) };
            there(if any_drive {
                confine::facts_in(dir, name)
            } else {
                confine::facts_without_drives(dir, name)
            })
        }
    }

    /// What there is under one of its names; none when it went away meanwhile.
    pub(super) fn facts(&self, name: &Name) -> Result<Option<Facts>, Refused> {
        match (self, name.known.as_deref()) {
            (_, Some(facts)) => Ok(Some(*facts)),
            (Self::Folder(dir), None) => there(confine::facts_in(dir, &name.name)),
            (Self::Disc(..), None) => Ok(None),
        }
    }

    pub(super) fn open_file(&self, name: &str) -> Result<(Opened, Facts), Refused> {
        match self {
            Self::Folder(dir) => confine::open_file_in(dir, name).map(|(file, facts)| (file.into(), facts)),
            Self::Disc(disc, folder) => {
                let entry = disc.find_in(folder, name)?;
                open(disc, &entry, disc.facts(&entry))
            }
        }
    }
}

fn damaged() -> Refused {
    Refused::new(Code::Damaged, "the disk cannot be read at that place")
}

/// None for a name that went away.
fn there(facts: io::Result<Facts>) -> Result<Option<Facts>, Refused> {
    match facts {
        Ok(facts) => Ok(Some(facts)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A file that is open for reading.
pub(super) enum Opened {
    File(File),
    Disc(Arc<Disc>, Content, Facts),
}

impl From<File> for Opened {
    fn from(file: File) -> Self {
        Self::File(file)
    }
}

impl Opened {
    /// As [`disk::read_at`].
    pub(super) fn read_at(&self, buffer: &mut Vec<u8>, offset: u64, limit: usize) -> Result<(), Refused> {
        match self {
            Self::File(file) => disk::read_at(file, buffer, offset, limit).map_err(|error| {
                if !disk::is_unreadable(&error) {
                    return error.into();
                }
                tracing::warn!(%error, "a file of a share cannot be read everywhere");
                if let Ok(facts) = confine::facts_of(file) {
                    spoilt::failed(facts, offset + buffer.len() as u64);
                }
                damaged()
            }),
            Self::Disc(disc, content, _) => disc.read_at(content, buffer, offset, limit),
        }
    }

    /// What is known of it now.
    pub(super) fn facts(&self) -> Result<Facts, Refused> {
        match self {
            Self::File(file) => confine::facts_of(file),
            Self::Disc(_, _, facts) => Ok(*facts),
        }
    }

    /// Says before an answer begins what would otherwise break it off: that a part of it is known to be unreadable, or
    /// turns out to be at its first byte.
    pub(super) fn try_first(&self, offset: u64, length: u64) -> Result<(), Refused> {
        let (disc, content) = match self {
            Self::Disc(disc, content, _) => (disc, content),
            Self::File(_) if spoilt::is_none() => return Ok(()),
            Self::File(file) => {
                let spoilt =
                    spoilt::is_in(confine::facts_of(file)?, &(offset..offset.saturating_add(length)));
                return if spoilt { Err(damaged()) } else { Ok(()) };
            }
        };
        disc.is_readable(content, offset, length)?;
        let mut first = Vec::new();
        disc.read_at(content, &mut first, offset, 1.min(usize::try_from(length).unwrap_or(1)))
    }
}
