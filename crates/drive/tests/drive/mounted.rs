//! A drive as a folder of this computer, through the real kernel.

mod around;
mod bad_moments;
mod others;
mod removed;

use crate::world::{MIB, Owner, Reader, noise};
use lanyard_drive::consume::mount::{Mounted, Notice, Wanted, mount};
use std::{
    fs::{self, File},
    io::{ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant, SystemTime},
};
use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// What a program is told when the other computer stays away.
const EIO: i32 = 5;
/// What a program is told when the file is not the one that it had opened any more.
const ESTALE: i32 = 116;

struct Here {
    mounted: Mounted,
    dir: PathBuf,
    _own: Option<TempDir>,
    notices: Arc<Mutex<Vec<Notice>>>,
}

impl Here {
    async fn new(reader: &Reader) -> Self {
        let own = tempfile::tempdir().unwrap();
        let here = Self::at(reader, own.path()).await;
        Self { _own: Some(own), ..here }
    }

    async fn at(reader: &Reader, dir: &Path) -> Self {
        let dir = dir.to_owned();
        let notices: Arc<Mutex<Vec<Notice>>> = Arc::default();
        let told = Arc::clone(&notices);
        let wanted = Wanted {
            remote: reader.remote(),
            dir: dir.clone(),
            name: "Documents@Ben".to_owned(),
            tell: Arc::new(move |notice| told.lock().unwrap().push(notice)),
        };
        let top = wanted.remote.stat(&lanyard_drive::path::SharePath::top()).await.unwrap();
        let mounted = mount(wanted, Some(top), TaskTracker::new(), CancellationToken::new()).await.unwrap();
        Self { mounted, dir, _own: None, notices }
    }

    /// What a program does in the mounted folder, off the threads that answer it.
    async fn program<T: Send + 'static>(&self, work: impl FnOnce(&Path) -> T + Send + 'static) -> T {
        let dir = self.dir.clone();
        tokio::task::spawn_blocking(move || work(&dir)).await.unwrap()
    }

    async fn end(self) {
        self.mounted.unmount(Duration::from_secs(10)).await;
        // Not that its session has ended: another mount namespace of this computer may hold a copy of the mount.
        assert_eq!(fs::read_dir(&self.dir).unwrap().count(), 0, "the folder is empty again");
    }
}

fn visible(owner: &Owner) -> Vec<String> {
    owner.names().into_iter().filter(|name| !name.starts_with(".lanyard-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_folders_of_the_other_computer_are_read_as_if_they_were_here() {
    let owner = Owner::new();
    let content = noise(5 * MIB + 17, 1);
    owner.write("film", &content);
    fs::create_dir_all(owner.root().join("a/b")).unwrap();
    fs::write(owner.root().join("a/b/c.txt"), "deep").unwrap();
    fs::set_permissions(owner.root().join("a/b/c.txt"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", owner.root().join("link")).unwrap();
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let read = here
        .program(|dir| {
            assert_eq!(fs::read_to_string(dir.join("a/b/c.txt")).unwrap(), "deep");
            let there = fs::metadata(dir.join("a/b/c.txt")).unwrap();
            assert_eq!(there.mode() & 0o777, 0o755);
            assert_eq!(fs::metadata(dir.join("nothing")).unwrap_err().kind(), ErrorKind::NotFound);
            let link = File::open(dir.join("link")).unwrap_err();
            assert_eq!(link.kind(), ErrorKind::PermissionDenied, "links are not followed");
            let mut film = File::open(dir.join("film")).unwrap();
            film.seek(SeekFrom::Start(3 * MIB as u64)).unwrap();
            let mut middle = [0; 100];
            film.read_exact(&mut middle).unwrap();
            (fs::read(dir.join("film")).unwrap(), middle)
        })
        .await;
    assert!(read.0 == content);
    assert_eq!(read.1, content[3 * MIB..3 * MIB + 100]);
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_file_is_whole_on_the_other_computer_when_it_is_closed_and_not_before() {
    let owner = Owner::new();
    owner.write("letter", b"the old letter");
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let root = owner.root();
    let big = noise(3 * MIB + 5, 2);
    let written = big.clone();
    here.program(move |dir| {
        for (name, content) in [("letter", &b"new"[..]), ("big", &written)] {
            let mut file = File::create(dir.join(name)).unwrap();
            file.write_all(content).unwrap();
            let before = fs::read(root.join(name)).unwrap();
            assert!(before == b"the old letter" || before.is_empty(), "{name}: {} bytes", before.len());
            assert_eq!(
                fs::metadata(dir.join(name)).unwrap().len(),
                content.len() as u64,
                "seen here at once"
            );
            drop(file);
            assert!(fs::read(root.join(name)).unwrap() == content, "{name}");
            assert!(fs::read(dir.join(name)).unwrap() == content, "{name}");
        }
    })
    .await;
    assert_eq!(visible(&owner), ["big", "letter"]);
    assert!(!owner.names().iter().any(|name| name.ends_with("part")), "{:?}", owner.names());
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_in_the_middle_is_changed_and_nothing_else() {
    let owner = Owner::new();
    let content = noise(4 * MIB, 3);
    owner.write("data", &content);
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    here.program(|dir| {
        let file = File::options().read(true).write(true).open(dir.join("data")).unwrap();
        file.write_all_at(b"first", 100).unwrap();
        file.write_all_at(b"second", 3 * MIB as u64).unwrap();
        let mut read = [0; 6];
        file.read_exact_at(&mut read, 3 * MIB as u64).unwrap();
        assert_eq!(&read, b"second");
        file.write_all_at(b"end", 5 * MIB as u64).unwrap();
        file.sync_all().unwrap();
        file.set_len(5 * MIB as u64 + 2).unwrap();
    })
    .await;
    let mut expected = content;
    expected[100..105].copy_from_slice(b"first");
    expected[3 * MIB..3 * MIB + 6].copy_from_slice(b"second");
    expected.resize(5 * MIB, 0);
    expected.extend_from_slice(b"en");
    assert!(fs::read(owner.root().join("data")).unwrap() == expected);
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_to_be_safe_has_a_name_that_is() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let way = Arc::clone(&owner.way);
    here.program(move |dir| {
        let settled = || std::mem::take(&mut *way.settled.lock().unwrap());
        let mut large = File::create(dir.join("large")).unwrap();
        large.write_all(&noise(2 * MIB, 4)).unwrap();
        large.sync_all().unwrap();
        assert_eq!(settled(), ["POST commit"], "the new content has its name in the same step");
        large.write_all(b"more").unwrap();
        large.sync_all().unwrap();
        assert_eq!(settled(), [""; 0], "once is enough for a name");
        fs::rename(dir.join("large"), dir.join("moved")).unwrap();
        large.sync_all().unwrap();
        assert_eq!(settled(), ["POST sync"]);
        let empty = File::create(dir.join("empty")).unwrap();
        empty.sync_all().unwrap();
        assert_eq!(settled(), ["POST sync"], "though nothing was written");
        drop(empty);
        File::open(dir.join("empty")).unwrap().sync_all().unwrap();
        assert_eq!(settled(), ["POST sync"], "by whom else it was written");
        fs::create_dir(dir.join("folder")).unwrap();
        for folder in [dir.join("folder"), dir.to_owned()] {
            File::open(folder).unwrap().sync_all().unwrap();
            assert_eq!(settled(), ["POST sync"]);
        }
    })
    .await;
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_made_moved_and_removed() {
    let owner = Owner::new();
    owner.write("keep", b"an old document");
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    here.program(|dir| {
        fs::create_dir(dir.join("folder")).unwrap();
        fs::write(dir.join("folder/a"), "a").unwrap();
        fs::rename(dir.join("folder/a"), dir.join("b")).unwrap();
        fs::write(dir.join("c"), "c").unwrap();
        fs::rename(dir.join("b"), dir.join("c")).unwrap();
        assert_eq!(fs::read_to_string(dir.join("c")).unwrap(), "a");
        assert_eq!(fs::remove_dir(dir.join("c")).unwrap_err().kind(), ErrorKind::NotADirectory);
        fs::write(dir.join("folder/x"), "x").unwrap();
        assert_eq!(fs::remove_dir(dir.join("folder")).unwrap_err().kind(), ErrorKind::DirectoryNotEmpty);
        fs::remove_dir_all(dir.join("folder")).unwrap();
        let names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["c", "keep"], "nothing of Lanyard's own is shown");
        fs::remove_file(dir.join("keep")).unwrap();
        let exclusive = File::options().write(true).create_new(true).open(dir.join("c"));
        assert_eq!(exclusive.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::create_dir(dir.join(".lanyard-bin")).unwrap_err().kind(), ErrorKind::InvalidInput);
    })
    .await;
    assert_eq!(visible(&owner), ["c"]);
    let bin = reader.remote().bin().await.unwrap().things;
    assert_eq!(bin.len(), 1, "what was made a moment ago is not kept: {bin:?}");
    assert_eq!((bin[0].path.as_str(), bin[0].size), ("keep", 15));
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_removed_is_read_and_written_on_by_whoever_has_it_open() {
    let owner = Owner::new();
    owner.write("old", b"0123456789");
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    here.program(|dir| {
        for name in ["old", "new"] {
            let mut options = File::options();
            let file =
                options.read(true).write(true).create(true).truncate(false).open(dir.join(name)).unwrap();
            if name == "new" {
                file.write_all_at(b"0123456789", 0).unwrap();
            }
            fs::remove_file(dir.join(name)).unwrap();
            assert!(!dir.join(name).exists());
            file.write_all_at(b"XY", 4).unwrap();
            let mut all = [0; 10];
            file.read_exact_at(&mut all, 0).unwrap();
            assert_eq!(&all, b"0123XY6789", "{name}");
            assert_eq!(file.metadata().unwrap().len(), 10, "{name}");
        }
        let was = File::options().read(true).write(true).create_new(true).open(dir.join("was")).unwrap();
        was.write_all_at(b"was", 0).unwrap();
        fs::write(dir.join("other"), "other").unwrap();
        fs::rename(dir.join("other"), dir.join("was")).unwrap();
        let mut all = [0; 3];
        was.read_exact_at(&mut all, 0).unwrap();
        assert_eq!(&all, b"was", "and by whoever has one open that was replaced");
        assert_eq!(fs::read_to_string(dir.join("was")).unwrap(), "other");
    })
    .await;
    here.end().await;
    let bin = reader.remote().bin().await.unwrap().things;
    assert_eq!(bin.iter().map(|thing| thing.path.as_str()).collect::<Vec<_>>(), ["old"], "{bin:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_change_one_file_both_keep_what_they_wrote() {
    let owner = Owner::new();
    owner.write("plan.txt", b"plan");
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let root = owner.root();
    let theirs = root.clone();
    here.program(move |dir| {
        let mut file = File::create(dir.join("plan.txt")).unwrap();
        file.write_all(b"mine").unwrap();
        fs::write(theirs.join("plan.txt"), "theirs, longer").unwrap();
        drop(file);
        // What changes in place must not get into somebody else's version.
        let file = File::options().write(true).open(dir.join("plan.txt")).unwrap();
        fs::write(theirs.join("swapped"), "a third version").unwrap();
        fs::rename(theirs.join("swapped"), theirs.join("plan.txt")).unwrap();
        file.write_all_at(b"XXX", 0).unwrap();
        let refused = file.sync_all().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::StaleNetworkFileHandle);
    })
    .await;
    assert_eq!(fs::read_to_string(root.join("plan.txt")).unwrap(), "a third version");
    assert_eq!(fs::read_to_string(root.join("plan (2).txt")).unwrap(), "mine");
    let notices = here.notices.lock().unwrap().clone();
    let both = Notice::KeptBoth { path: "plan.txt".to_owned(), kept_as: "plan (2).txt".to_owned() };
    assert!(notices.contains(&both), "{notices:?}");
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_and_the_right_to_be_started_are_kept() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_234_567_890, 123_456_789);
    here.program(move |dir| {
        let mut file = File::create(dir.join("before")).unwrap();
        file.write_all(b"x").unwrap();
        file.set_modified(time).unwrap();
        drop(file);
        fs::write(dir.join("after"), "y").unwrap();
        File::options().write(true).open(dir.join("after")).unwrap().set_modified(time).unwrap();
        fs::write(dir.join("tool"), "#!/bin/sh\necho works\n").unwrap();
        fs::set_permissions(dir.join("tool"), fs::Permissions::from_mode(0o755)).unwrap();
        let ran = std::process::Command::new(dir.join("tool")).output().unwrap();
        assert_eq!(ran.stdout, b"works\n");
        fs::write(dir.join("tool"), "#!/bin/sh\necho again\n").unwrap();
        assert_eq!(fs::metadata(dir.join("tool")).unwrap().mode() & 0o777, 0o755);
        let old = File::create(dir.join("old")).unwrap();
        old.set_modified(SystemTime::UNIX_EPOCH - Duration::new(1_000_000, 5)).unwrap();
        let foreign = std::os::unix::fs::chown(dir.join("tool"), Some(12_345), None);
        assert_eq!(foreign.unwrap_err().kind(), ErrorKind::PermissionDenied);
    })
    .await;
    for name in ["before", "after"] {
        assert_eq!(fs::metadata(owner.root().join(name)).unwrap().modified().unwrap(), time, "{name}");
    }
    let old = fs::metadata(owner.root().join("old")).unwrap().modified().unwrap();
    assert_eq!(old, SystemTime::UNIX_EPOCH - Duration::new(1_000_000, 5), "before 1970");
    assert_eq!(fs::metadata(owner.root().join("tool")).unwrap().mode() & 0o111, 0o111);
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_thousands_of_files_is_listed_whole() {
    let owner = Owner::new();
    for number in 0..2_500 {
        owner.write(&format!("file {number:04}"), b"x");
    }
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let names = here
        .program(|dir| {
            let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
            entries.map(|entry| (entry.file_name(), entry.metadata().unwrap().len())).collect::<Vec<_>>()
        })
        .await;
    assert_eq!(names.len(), 2_500);
    assert!(names.iter().all(|(_, size)| *size == 1));
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_other_computer_is_away_operations_fail_in_time_and_work_again_afterwards() {
    let mut owner = Owner::new();
    owner.write("a", b"here again");
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let handle = here
        .program(|dir| {
            let mut file = File::create(dir.join("open")).unwrap();
            file.write_all(b"written before").unwrap();
            file
        })
        .await;
    owner.stop().await;
    let begun = Instant::now();
    let error = here.program(|dir| fs::read(dir.join("a")).unwrap_err()).await;
    assert_eq!(error.to_string(), std::io::Error::from_raw_os_error(EIO).to_string());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let synced = here.program(move |_| (handle.sync_all(), handle)).await;
    assert!(synced.0.is_err(), "what could not be sent is said not to be safe");
    owner.start();
    reader.peers.learn(owner.id, vec![owner.address()]);
    let again = Instant::now();
    while here.program(|dir| fs::read(dir.join("a")).ok()).await.as_deref() != Some(b"here again") {
        assert!(again.elapsed() < Duration::from_secs(15), "it stays away");
    }
    here.program(move |_| synced.1.sync_all().unwrap()).await;
    assert_eq!(fs::read(owner.root().join("open")).unwrap(), b"written before");
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_is_taken_back_or_read_only_says_so_and_harms_nothing() {
    let owner = Owner::new();
    owner.write("a", b"mine");
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    owner.rules.write.store(false, Ordering::SeqCst);
    here.program(|dir| {
        let refused = fs::write(dir.join("b"), "x").unwrap_err();
        assert!(
            matches!(refused.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem),
            "{refused}"
        );
        assert!(fs::remove_file(dir.join("a")).is_err());
        assert_eq!(fs::read(dir.join("a")).unwrap(), b"mine");
    })
    .await;
    owner.rules.shared.store(false, Ordering::SeqCst);
    here.program(|dir| assert!(fs::read(dir.join("c")).is_err())).await;
    assert_eq!(owner.names(), ["a"]);
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mount_in_use_goes_away_when_it_is_unmounted() {
    let owner = Owner::new();
    owner.write("a", b"0123456789");
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let dir = here.dir.clone();
    let file = here.program(|dir| File::open(dir.join("a")).unwrap()).await;
    here.mounted.unmount(Duration::from_secs(10)).await;
    let left = tokio::task::spawn_blocking(move || {
        let mut byte = [0];
        assert!(file.read_exact_at(&mut byte, 0).is_err(), "whoever had it open gets an error and no wait");
        fs::read_dir(dir).unwrap().count()
    });
    assert_eq!(left.await.unwrap(), 0);
}

/// What one program does at random with a file, and what must come of it.
struct Exercise {
    random: u64,
    expected: Vec<u8>,
}

impl Exercise {
    const MOST: u64 = 300_000;

    fn below(&mut self, limit: u64) -> u64 {
        // Knuth's MMIX generator: the same steps every time.
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % limit.max(1)
    }

    fn step(&mut self, file: &mut File, path: &Path, number: u32) {
        let (at, length) = (self.below(Self::MOST), 1 + self.below(20_000));
        match self.below(100) {
            0..35 => {
                let bytes = noise(usize::try_from(length).unwrap(), u64::from(number));
                file.write_all_at(&bytes, at).unwrap();
                let end = usize::try_from(at + length).unwrap();
                self.expected.resize(self.expected.len().max(end), 0);
                self.expected[usize::try_from(at).unwrap()..end].copy_from_slice(&bytes);
            }
            35..75 => {
                let mut bytes = vec![0; usize::try_from(length).unwrap()];
                let got = file.read_at(&mut bytes, at).unwrap();
                let from = usize::try_from(at).unwrap().min(self.expected.len());
                let to = (from + bytes.len()).min(self.expected.len());
                assert!(
                    bytes[..got] == self.expected[from..to],
                    "operation {number}: {length} bytes at {at}"
                );
            }
            75..85 => {
                file.set_len(at).unwrap();
                self.expected.resize(usize::try_from(at).unwrap(), 0);
            }
            85..88 => file.sync_all().unwrap(),
            88..92 => {
                *file = File::options().read(true).write(true).open(path).unwrap();
            }
            92..94 => {
                *file =
                    File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
                self.expected.clear();
            }
            94..96 => {
                let moved = path.with_extension("moved");
                fs::rename(path, &moved).unwrap();
                fs::rename(&moved, path).unwrap();
            }
            _ => assert_eq!(
                fs::metadata(path).unwrap().len(),
                self.expected.len() as u64,
                "operation {number}"
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_operations_at_random_leave_what_they_should() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let expected = here
        .program(|dir| {
            let path = dir.join("exercised");
            let mut file =
                File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
            let mut exercise = Exercise { random: 20_260, expected: Vec::new() };
            for number in 0..20_000 {
                exercise.step(&mut file, &path, number);
            }
            exercise.expected
        })
        .await;
    here.end().await;
    assert!(fs::read(owner.root().join("exercised")).unwrap() == expected);
    assert_eq!(visible(&owner), ["exercised"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shell_empties_for_a_command_stays_until_the_command_has_written() {
    let owner = Owner::new();
    owner.write("list", b"an old list");
    owner.write("empty", b"to be emptied");
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let root = owner.root();
    here.program(move |dir| {
        let file = File::create(dir.join("list")).unwrap();
        // As the shell hands it on to a command.
        drop(file.try_clone().unwrap());
        assert_eq!(fs::metadata(dir.join("list")).unwrap().len(), 0, "here it is empty");
        assert_eq!(fs::read(root.join("list")).unwrap(), b"an old list");
        (&file).write_all(b"new").unwrap();
        drop(file);
        assert_eq!(fs::read(root.join("list")).unwrap(), b"new");
        drop(File::create(dir.join("empty")).unwrap());
        assert_eq!(fs::read(dir.join("empty")).unwrap(), b"");
    })
    .await;
    let empty = owner.root().join("empty");
    here.end().await;
    assert_eq!(fs::read(empty).unwrap(), b"", "what was only emptied is empty in the end");
}
