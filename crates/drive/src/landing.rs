//! Many small files that come to a folder at once: hidden until all of them are on the disk, then named.
//!
//! Both halves use it, the offer for what others bring and the copy engine for what it fetches. The folder is reached by
//! its handle and no link is followed below it. One sync serves all files, which is what makes ten thousand of them
//! quick; nothing has its name before that sync, so a power cut leaves whole files and hidden ones.

use crate::{
    content::FileId,
    disk,
    frames::{Replaces, SmallFile},
    naming,
    path::{self, SharePath},
    wire::Code,
};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, Metadata, OpenOptions};
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, Read, Write},
    rc::Rc,
};

/// Files that are synced one by one; more of them are synced together.
const FEW: usize = 8;
/// Folders that stay open.
const OPEN_FOLDERS: usize = 64;
/// More files of one name than anybody has.
const NUMBERS: u32 = 1_000;

/// What happens when a name is taken by something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The new one is not kept.
    Refuse,
    /// The new one gets a number.
    KeepBoth,
    /// The new one takes the place of a file that it [may](SmallFile::replaces) replace, never of anything else.
    Replace,
}

/// What became of one file or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is there, under this path.
    Stored(SharePath),
    /// It was there already.
    Same,
    /// It is not there.
    Refused(Code),
}

/// A folder to which files come. Dropped before [`Landing::settle`], nothing of them remains.
pub(crate) struct Landing {
    root: Dir,
    /// How hidden names begin here.
    prefix: String,
    taken: Taken,
    folders: HashMap<Vec<String>, Rc<Dir>>,
    /// Folders in which this landing left something to sync.
    touched: HashMap<Vec<String>, Rc<Dir>>,
    outcomes: Vec<Option<Outcome>>,
    hidden: Vec<Hidden>,
    few: Vec<File>,
    /// Hidden names of earlier, interrupted landings are removed when a folder is first opened.
    sweeps: bool,
    swept: HashSet<Vec<String>>,
    /// What its files are marked with.
    origin: Option<String>,
    enter: Enter,
    version: Version,
}

/// Tells the version of a file by what the system says of it.
pub(crate) type Version = fn(&Metadata) -> String;

/// Opens a folder in one that is open, without following a link; refuses what files must not come to.
pub(crate) type Enter = fn(&Dir, &str) -> io::Result<Dir>;

/// Wherever the user of this computer says that they shall come to.
pub(crate) fn anywhere(dir: &Dir, name: &str) -> io::Result<Dir> {
    dir.open_dir_nofollow(name)
}

/// A file that has no name yet.
struct Hidden {
    dir: Rc<Dir>,
    name: String,
    path: SharePath,
    replaces: Replaces,
    outcome: usize,
}

impl Landing {
    /// `prefix` is the beginning of hidden names: a dot, and something that says whose they are.
    pub(crate) fn new(root: Dir, prefix: String, taken: Taken, sweeps: bool, enter: Enter) -> Self {
        Self {
            root,
            prefix,
            taken,
            folders: HashMap::new(),
            touched: HashMap::new(),
            outcomes: Vec::new(),
            hidden: Vec::new(),
            few: Vec::new(),
            sweeps,
            swept: HashSet::new(),
            origin: None,
            enter,
            version: disk::version_in,
        }
    }

    /// Tells versions apart in another way than this computer does for itself.
    pub(crate) fn versioned(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Marks what lands as coming from there.
    pub(crate) fn marked(mut self, origin: Option<String>) -> Self {
        self.origin = origin;
        self
    }

    /// Makes a folder, and gives it a time if there is one. Its parent must be there.
    pub(crate) fn folder(&mut self, path: &SharePath, modified: Option<i64>) {
        let outcome = self.make(path, modified).unwrap_or_else(|error| Outcome::Refused(code(&error)));
        self.outcomes.push(Some(outcome));
    }

    /// Something that is not taken, so that every outcome has its place.
    pub(crate) fn refuse(&mut self, code: Code) {
        self.outcomes.push(Some(Outcome::Refused(code)));
    }

    fn make(&mut self, path: &SharePath, modified: Option<i64>) -> io::Result<Outcome> {
        let (outcome, dir) = match path.split_last() {
            None => (Outcome::Same, self.open(&[])?),
            Some((parents, name)) => {
                let parent = self.open(parents)?;
                let outcome = match parent.create_dir(name) {
                    Ok(()) => {
                        self.touched.insert(parents.to_vec(), Rc::clone(&parent));
                        Outcome::Stored(path.clone())
                    }
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        if !parent.symlink_metadata(name)?.is_dir() {
                            return Ok(Outcome::Refused(Code::Exists));
                        }
                        Outcome::Same
                    }
                    Err(error) => return Err(error),
                };
                (outcome, self.open(path.names())?)
            }
        };
        if let Some(modified) = modified {
            disk::set_folder_modified(&dir, modified);
        }
        Ok(outcome)
    }

    /// Takes a file. What is there already and the same is left alone.
    pub(crate) fn file(&mut self, file: &SmallFile) {
        self.outcomes.push(None);
        let at = self.outcomes.len() - 1;
        match self.hide(file, at) {
            Ok(outcome) => self.outcomes[at] = outcome,
            Err(error) => self.outcomes[at] = Some(Outcome::Refused(code(&error))),
        }
    }

    fn hide(&mut self, file: &SmallFile, outcome: usize) -> io::Result<Option<Outcome>> {
        let Some((parents, name)) = file.path.split_last() else {
            return Ok(Some(Outcome::Refused(Code::WrongKind)));
        };
        let dir = self.open(parents)?;
        match dir.symlink_metadata(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(there) => {
                let alike = there.is_file() && there.len() == file.content.len() as u64;
                if alike && is_content(&dir, name, &file.content) {
                    return Ok(Some(Outcome::Same));
                }
                let stays = match self.taken {
                    Taken::Refuse => true,
                    Taken::Replace => !there.is_file(),
                    Taken::KeepBoth => false,
                };
                if stays {
                    return Ok(Some(Outcome::Refused(Code::Exists)));
                }
                if self.taken == Taken::Replace && !file.replaces.allows(|| Some((self.version)(&there))) {
                    return Ok(Some(Outcome::Refused(Code::Changed)));
                }
            }
        }
        let hidden = format!("{}{}{}", self.prefix, uuid::Uuid::new_v4().simple(), path::PART_SUFFIX);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).follow(FollowSymlinks::No);
        let mut open = dir.open_with(&hidden, &options)?.into_std();
        let (path, replaces) = (file.path.clone(), file.replaces.clone());
        self.hidden.push(Hidden { dir: Rc::clone(&dir), name: hidden, path, replaces, outcome });
        self.touched.insert(parents.to_vec(), dir);
        open.write_all(&file.content)?;
        if let Some(modified) = file.modified {
            disk::set_modified(&open, modified);
        }
        if file.executable {
            disk::make_executable(&open);
        }
        if let (Some(origin), Some(hidden)) = (&self.origin, self.hidden.last()) {
            disk::mark_received(&hidden.dir, &hidden.name, &open, origin);
        }
        if cfg!(not(any(target_os = "linux", target_os = "android"))) {
            open.sync_all()?;
        } else if self.hidden.len() <= FEW {
            self.few.push(open);
        }
        Ok(None)
    }

    /// Brings everything to the disk and gives the names. One outcome for each file and folder, in order.
    ///
    /// # Errors
    /// When the disk does not take it; nothing has a name then.
    pub(crate) fn settle(mut self) -> io::Result<Vec<Outcome>> {
        if self.hidden.len() <= FEW || !disk::sync_file_system(&self.root)? {
            self.sync_each()?;
        }
        let gone = self.gone();
        for hidden in std::mem::take(&mut self.hidden) {
            // One that could not be written to its end has its outcome already.
            if self.outcomes[hidden.outcome].is_some() {
                let _ = hidden.dir.remove_file(&hidden.name);
                continue;
            }
            let outcome = if hidden.path.split_last().is_some_and(|(parents, _)| gone.contains(parents)) {
                Ok(Outcome::Refused(Code::NotFound))
            } else {
                name(&hidden, self.taken, self.version)
            };
            let outcome = outcome.unwrap_or_else(|error| Outcome::Refused(code(&error)));
            if !matches!(outcome, Outcome::Stored(_)) {
                let _ = hidden.dir.remove_file(&hidden.name);
            }
            self.outcomes[hidden.outcome] = Some(outcome);
        }
        if self.touched.len() <= FEW || !disk::sync_file_system(&self.root)? {
            self.touched.values().try_for_each(|dir| disk::sync_confined(dir))?;
        }
        let outcomes = std::mem::take(&mut self.outcomes);
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::Refused(Code::Failed))).collect())
    }

    /// Folders that were moved away or removed while their files were brought to the disk: nothing gets a name in them.
    fn gone(&mut self) -> HashSet<Vec<String>> {
        self.folders.clear();
        let mut gone = HashSet::new();
        for (names, dir) in self.touched.clone() {
            let is_there = self.open(&names).and_then(|now| disk::is_same_folder(&now, &dir));
            if !is_there.unwrap_or(false) {
                gone.insert(names);
            }
        }
        gone
    }

    fn sync_each(&mut self) -> io::Result<()> {
        if cfg!(not(any(target_os = "linux", target_os = "android"))) {
            return Ok(()); // each was synced when it was written
        }
        self.few.drain(..).try_for_each(|file| file.sync_all())?;
        // A kernel without `syncfs`: the others are opened once more.
        for hidden in self.hidden.iter().skip(FEW) {
            hidden.dir.open(&hidden.name)?.sync_all()?;
        }
        Ok(())
    }

    fn open(&mut self, names: &[String]) -> io::Result<Rc<Dir>> {
        if let Some(dir) = self.folders.get(names) {
            return Ok(Rc::clone(dir));
        }
        let dir = match names.split_last() {
            None => self.root.try_clone()?,
            Some((name, parents)) => (self.enter)(&*self.open(parents)?, name)?,
        };
        if self.sweeps && self.swept.insert(names.to_vec()) {
            sweep(&dir, &self.prefix);
        }
        if self.folders.len() >= OPEN_FOLDERS {
            self.folders.clear();
        }
        let dir = Rc::new(dir);
        self.folders.insert(names.to_vec(), Rc::clone(&dir));
        Ok(dir)
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        for hidden in &self.hidden {
            let _ = hidden.dir.remove_file(&hidden.name);
        }
    }
}

fn name(hidden: &Hidden, taken: Taken, version: Version) -> io::Result<Outcome> {
    let wanted = hidden.path.name().unwrap_or_default();
    for number in 1..=NUMBERS {
        let name = path::numbered(wanted, number);
        let placed = naming::alone(|| {
            let there = hidden.dir.symlink_metadata(&name).ok().filter(|_| taken == Taken::Replace);
            let there = there.filter(Metadata::is_file);
            // Somebody may have written to it while all of this was brought to the disk.
            if there.as_ref().is_some_and(|there| !hidden.replaces.allows(|| Some(version(there)))) {
                return Ok(false);
            }
            disk::place_in(&hidden.dir, &hidden.name, &name, there.is_some()).map(|()| true)
        });
        match placed {
            Ok(true) => {
                let path = hidden.path.with_name(&name).map_err(io::Error::other)?;
                return Ok(Outcome::Stored(path));
            }
            // An earlier try whose answer was lost may have come to its end only now.
            Ok(false) if is_same(hidden, &name) => return Ok(Outcome::Same),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_same(hidden, &name) => {
                return Ok(Outcome::Same);
            }
            Ok(false) => return Ok(Outcome::Refused(Code::Changed)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && taken == Taken::KeepBoth => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Outcome::Refused(Code::Exists))
}

/// Whether what has a name holds what was to get it.
fn is_same(hidden: &Hidden, name: &str) -> bool {
    let content = || -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        hidden.dir.open(&hidden.name)?.read_to_end(&mut content)?;
        Ok(content)
    };
    content().is_ok_and(|content| is_content(&hidden.dir, name, &content))
}

/// Whether a file holds exactly this; read without following a link or waiting for a pipe.
fn is_content(dir: &Dir, name: &str, content: &[u8]) -> bool {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let read = || -> io::Result<bool> {
        let file = dir.open_with(name, &options)?.into_std();
        let mut there = Vec::with_capacity(content.len() + 1);
        file.take(content.len() as u64 + 1).read_to_end(&mut there)?;
        Ok(there == content)
    };
    read().unwrap_or(false)
}

/// Removes what an interrupted landing left.
fn sweep(dir: &Dir, prefix: &str) {
    for entry in dir.entries().into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(prefix) && path::is_part(name)) {
            let _ = dir.remove_file(&name);
        }
    }
}

/// The identity of a small file that is there; none when it is none, or not small.
pub(crate) fn small_id(dir: &Dir, name: &str, size: u64) -> Option<FileId> {
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let there = dir.symlink_metadata(name).ok().filter(|there| there.is_file() && there.len() == size)?;
    let file = dir.open_with(name, &options).ok()?.into_std();
    let mut content = Vec::with_capacity(usize::try_from(there.len()).ok()?);
    file.take(size + 1).read_to_end(&mut content).ok()?;
    (content.len() as u64 == size).then(|| FileId::of(&content))
}

/// What a failure here means for the other side.
fn code(error: &io::Error) -> Code {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::NotFound => Code::NotFound,
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => Code::Unreadable,
        Kind::AlreadyExists => Code::Exists,
        Kind::NotADirectory | Kind::IsADirectory => Code::WrongKind,
        Kind::InvalidFilename | Kind::InvalidInput => Code::Invalid,
        _ if disk::is_full(error) => Code::DiskFull,
        _ => Code::Failed,
    }
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;
    use std::fs;

    #[test]
    fn a_try_that_overtakes_an_earlier_one_leaves_each_file_once() {
        for taken in [Taken::KeepBoth, Taken::Refuse, Taken::Replace] {
            let root = tempfile::tempdir().unwrap();
            let begin = || {
                let dir = Dir::open_ambient_dir(root.path(), ambient_authority()).unwrap();
                let mut landing = Landing::new(dir, ".lanyard-x-".to_owned(), taken, false, anywhere);
                for (path, content) in [("a", "content"), ("b", "")] {
                    let path = SharePath::parse(path).unwrap();
                    let (modified, executable, replaces) = (None, false, Replaces::Nothing);
                    landing.file(&SmallFile {
                        path,
                        content: content.into(),
                        modified,
                        executable,
                        replaces,
                    });
                }
                landing
            };
            let (early, late) = (begin(), begin());
            let stored = |outcome: &Outcome| matches!(outcome, Outcome::Stored(_));
            assert!(early.settle().unwrap().iter().all(stored), "{taken:?}");
            assert_eq!(late.settle().unwrap(), [Outcome::Same, Outcome::Same], "{taken:?}");
            let mut names: Vec<_> =
                fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            assert_eq!(names, ["a", "b"], "{taken:?}");
        }
    }

    #[test]
    fn a_file_whose_folder_is_moved_away_before_it_has_its_name_does_not_arrive() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["stays", "goes"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        let dir = Dir::open_ambient_dir(root.path(), ambient_authority()).unwrap();
        let mut landing = Landing::new(dir, ".lanyard-x-".to_owned(), Taken::KeepBoth, false, anywhere);
        for path in ["stays/a", "goes/b"] {
            landing.file(&SmallFile {
                path: SharePath::parse(path).unwrap(),
                content: "content".into(),
                modified: None,
                executable: false,
                replaces: Replaces::Anything,
            });
        }
        fs::rename(root.path().join("goes"), root.path().join("gone")).unwrap();
        fs::create_dir(root.path().join("goes")).unwrap();
        let outcomes = landing.settle().unwrap();
        let there = Outcome::Stored(SharePath::parse("stays/a").unwrap());
        assert_eq!(outcomes, [there, Outcome::Refused(Code::NotFound)]);
        for folder in ["goes", "gone"] {
            assert_eq!(fs::read_dir(root.path().join(folder)).unwrap().count(), 0, "{folder}");
        }
    }
}
