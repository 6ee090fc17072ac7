//! What each operation of a program comes to while something is wrong at the other end, and that all of them work again
//! when it is mended.

use super::{EIO, ESTALE, Here};
use crate::world::{MIB, Owner, Reader, noise};
use lanyard_drive::consume::Conflict;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

/// The system's numbers of what a program is told.
const ENOENT: i32 = 2;
const EACCES: i32 = 13;
const EINVAL: i32 = 22;
const EROFS: i32 = 30;
const ENAMETOOLONG: i32 = 36;

/// No operation takes longer than this, whatever is wrong.
const LONGEST: Duration = Duration::from_secs(14);

type Operation = fn(&Path) -> io::Result<()>;

/// What programs do, each with things of its own; whether it changes something.
const OPERATIONS: &[(&str, bool, Operation)] = &[
    ("stat", false, |dir| fs::metadata(dir.join("stat")).map(drop)),
    ("look", false, |dir| fs::metadata(dir.join("look/deep")).map(drop)),
    ("list", false, |dir| fs::read_dir(dir.join("list"))?.try_for_each(|entry| entry.map(drop))),
    ("read", false, |dir| fs::read(dir.join("read")).map(drop)),
    ("create", true, |dir| {
        File::options().write(true).create_new(true).open(dir.join("create/new")).map(drop)
    }),
    ("replace", true, |dir| fs::write(dir.join("replace"), "new")),
    ("append", true, |dir| {
        use io::Write;
        let mut file = File::options().append(true).open(dir.join("append"))?;
        file.write_all(b"more")?;
        file.sync_all()
    }),
    ("truncate", true, |dir| File::options().write(true).open(dir.join("truncate"))?.set_len(1)),
    ("mkdir", true, |dir| fs::create_dir(dir.join("mkdir/new"))),
    ("rmdir", true, |dir| fs::remove_dir(dir.join("rmdir/empty"))),
    ("unlink", true, |dir| fs::remove_file(dir.join("unlink/file"))),
    ("rename", true, |dir| fs::rename(dir.join("rename/a"), dir.join("rename/b"))),
    ("touch", true, |dir| {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
        rustix_times(&dir.join("touch"), time)
    }),
    ("chmod", true, |dir| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(dir.join("chmod"), fs::Permissions::from_mode(0o755))
    }),
];

/// As `touch -d` does it, without opening the file.
fn rustix_times(path: &Path, time: SystemTime) -> io::Result<()> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let time = rustix::fs::Timespec { tv_sec: since.as_secs().try_into().unwrap_or(0), tv_nsec: 0 };
    let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
    Ok(rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::empty())?)
}

/// Makes what the operations are about, as it was.
fn prepare(root: &Path) {
    for folder in ["look", "list", "create", "mkdir", "rmdir/empty", "unlink", "rename"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    let _ = fs::remove_file(root.join("create/new"));
    let _ = fs::remove_file(root.join("rename/b"));
    let _ = fs::remove_dir(root.join("mkdir/new"));
    for file in ["stat", "look/deep", "list/one", "read", "replace", "append", "truncate", "unlink/file"] {
        fs::write(root.join(file), "old").unwrap();
    }
    for file in ["rename/a", "touch", "chmod"] {
        let _ = fs::remove_file(root.join(file));
        fs::write(root.join(file), "old").unwrap();
    }
}

/// The names of all files with what is in them.
fn content(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut all, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                all.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    all
}

/// All operations at once, each with its outcome and how long it took.
async fn outcomes(here: &Here) -> BTreeMap<&'static str, (Option<i32>, Duration)> {
    here.program(|dir| {
        std::thread::scope(|scope| {
            let run = |(name, _, operation): &(&'static str, bool, Operation)| {
                let (name, operation) = (*name, *operation);
                let handle = scope.spawn(move || {
                    let begun = Instant::now();
                    let error = operation(dir).err();
                    (error.map(|error| error.raw_os_error().unwrap_or(-1)), begun.elapsed())
                });
                (name, handle)
            };
            let running: Vec<_> = OPERATIONS.iter().map(run).collect();
            running.into_iter().map(|(name, handle)| (name, handle.join().unwrap())).collect()
        })
    })
    .await
}

/// What the kernel holds of the drive is out of date after this.
async fn outdated() {
    tokio::time::sleep(Duration::from_millis(2_200)).await;
}

async fn all_work_again(here: &Here, owner: &Owner) {
    let begun = Instant::now();
    loop {
        prepare(&owner.root());
        outdated().await;
        let failed: Vec<_> =
            outcomes(here).await.into_iter().filter(|(_, (error, _))| error.is_some()).collect();
        if failed.is_empty() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "still {failed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_ends_in_time_and_says_what_is_wrong() {
    let mut owner = Owner::new();
    prepare(&owner.root());
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    all_work_again(&here, &owner).await;

    for moment in ["away", "not shared", "not allowed", "read only"] {
        prepare(&owner.root());
        let before = content(&owner.root());
        match moment {
            "away" => owner.stop().await,
            "not shared" => owner.rules.shared.store(false, Ordering::SeqCst),
            "not allowed" => owner.rules.denied.store(true, Ordering::SeqCst),
            _ => owner.rules.write.store(false, Ordering::SeqCst),
        }
        outdated().await;
        for (name, (error, took)) in outcomes(&here).await {
            let changes = OPERATIONS.iter().any(|(known, changes, _)| *known == name && *changes);
            let expected: &[Option<i32>] = match (moment, changes) {
                ("away", _) => &[Some(EIO)],
                ("not shared", _) => &[Some(ENOENT), Some(ESTALE)],
                ("not allowed", _) => &[Some(EACCES)],
                (_, false) => &[None],
                (_, true) => &[Some(EACCES), Some(EROFS)],
            };
            assert!(expected.contains(&error), "{moment}: {name} came to {error:?}");
            assert!(took < LONGEST, "{moment}: {name} took {took:?}");
        }
        assert_eq!(content(&owner.root()), before, "{moment}: something was changed");
        match moment {
            "away" => {
                owner.start();
                reader.peers.learn(owner.id, vec![owner.address()]);
            }
            "not shared" => owner.rules.shared.store(true, Ordering::SeqCst),
            "not allowed" => owner.rules.denied.store(false, Ordering::SeqCst),
            _ => owner.rules.write.store(true, Ordering::SeqCst),
        }
        all_work_again(&here, &owner).await;
    }
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_computer_that_is_known_to_be_away_is_not_waited_for_again_and_again() {
    let mut owner = Owner::new();
    for number in 0..200 {
        owner.write(&format!("file {number}"), b"x");
    }
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let free = here
        .program(|dir| {
            assert_eq!(fs::read_dir(dir).unwrap().count(), 200);
            rustix::fs::statvfs(dir).unwrap().f_bfree
        })
        .await;
    owner.stop().await;
    outdated().await;
    let begun = Instant::now();
    let after = here
        .program(|dir| {
            for number in 0..200 {
                fs::metadata(dir.join(format!("file {number}"))).unwrap_err();
            }
            rustix::fs::statvfs(dir).unwrap().f_bfree
        })
        .await;
    assert!(begun.elapsed() < LONGEST, "two hundred files took {:?}", begun.elapsed());
    assert_eq!(after, free, "of the disk, the last that was heard");
    owner.start();
    reader.peers.learn(owner.id, vec![owner.address()]);
    let begun = Instant::now();
    while here.program(|dir| fs::read(dir.join("file 7")).is_err()).await {
        assert!(begun.elapsed() < Duration::from_secs(20), "it stays away");
    }
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_stands_still_for_a_while_is_waited_for_while_its_computer_answers() {
    /// Longer than a computer is waited for that gives no sign of life, and than three tries of any operation.
    const STILL: Duration = Duration::from_secs(18);
    let owner = Owner::new();
    prepare(&owner.root());
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    owner.way.stuck.store(true, Ordering::SeqCst);
    let way = Arc::clone(&owner.way);
    let moving = tokio::spawn(async move {
        tokio::time::sleep(STILL).await;
        way.stuck.store(false, Ordering::SeqCst);
    });
    for (name, (error, _)) in outcomes(&here).await {
        assert_eq!(error, None, "{name}");
    }
    moving.await.unwrap();
    assert_eq!(fs::read(owner.root().join("append")).unwrap(), b"oldmore");
    assert_eq!(fs::read(owner.root().join("replace")).unwrap(), b"new");
    assert_eq!(fs::metadata(owner.root().join("truncate")).unwrap().len(), 1);
    assert_eq!(fs::read(owner.root().join("rename/b")).unwrap(), b"old");
    here.end().await;
}

/// Before Linux 6.13, two changes of a file within a few milliseconds have the same time.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_ahead_is_forgotten_when_it_is_written_over_whatever_the_clock_says() {
    let owner = Owner::new();
    owner.write("film", &noise(4 * MIB, 7));
    owner.way.coarse.store(true, Ordering::SeqCst);
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let way = Arc::clone(&owner.way);
    here.program(move |dir| {
        const STEP: u64 = 64 * 1024;
        const MIDDLE: u64 = MIB as u64 * 3 / 2;
        let file = File::options().read(true).write(true).open(dir.join("film")).unwrap();
        let mut read = vec![0; STEP as usize];
        for at in (0..MIDDLE).step_by(STEP as usize) {
            file.read_at(&mut read, at).unwrap();
        }
        let begun = Instant::now();
        while way.content.load(Ordering::SeqCst) < 4 * MIB as u64 {
            assert!(begun.elapsed() < Duration::from_secs(20), "nothing is read ahead");
            std::thread::sleep(Duration::from_millis(5));
        }
        // Not a whole page: the kernel asks for it again.
        let at = 3 * MIB as u64 + 700;
        file.write_all_at(b"changed", at).unwrap();
        file.sync_all().unwrap();
        for at in (MIDDLE..=at).step_by(STEP as usize) {
            file.read_exact_at(&mut read, at).unwrap();
        }
        assert_eq!(&read[700..707], b"changed");
    })
    .await;
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_computer_that_says_files_are_larger_than_they_are_makes_up_no_content() {
    let owner = Owner::new();
    let content = noise(3 * MIB, 7);
    owner.write("film", &content);
    owner.way.boasts.store(2 * MIB as u64 + 5, Ordering::SeqCst);
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    here.program(move |dir| {
        let file = File::open(dir.join("film")).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 5 * MIB as u64 + 5, "that is what is said");
        let mut read = vec![0; 64 * 1024];
        file.read_exact_at(&mut read, 100).unwrap();
        assert!(read == content[100..100 + 64 * 1024], "what is there can be read");
        for at in [3 * MIB as u64 - 10, 4 * MIB as u64] {
            let got = file.read_at(&mut read, at);
            let honest = got
                .as_ref()
                .is_ok_and(|got| read[..*got] == content[at.min(3 * MIB as u64) as usize..][..*got]);
            assert!(got.is_err() || honest, "{got:?} at {at}");
        }
    })
    .await;
    let id = reader.get("film", Conflict::Refuse).await;
    reader.done(id).await;
    assert!(
        fs::read(reader.here().join("film")).unwrap() == noise(3 * MIB, 7),
        "a copy believes hashes alone"
    );
    here.end().await;
}

fn told<T>(result: io::Result<T>) -> Option<i32> {
    result.err()?.raw_os_error()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_not_every_system_can_hold_are_refused_with_the_right_word() {
    let owner = Owner::new();
    owner.write("a", b"a");
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    here.program(|dir| {
        let long = "x".repeat(256);
        for (name, expected) in [
            ("a:b", EINVAL),
            ("a\\b", EINVAL),
            ("con", EINVAL),
            ("dot.", EINVAL),
            ("tab\t", EINVAL),
            (".lanyard-bin", EINVAL),
            (long.as_str(), ENAMETOOLONG),
        ] {
            let path = dir.join(name);
            assert_eq!(told(fs::write(&path, "x")), Some(expected), "create {name}");
            assert_eq!(told(fs::create_dir(&path)), Some(expected), "mkdir {name}");
            assert_eq!(told(fs::rename(dir.join("a"), &path)), Some(expected), "rename to {name}");
            let looked = told(fs::metadata(&path));
            assert!(looked == Some(ENOENT) || looked == Some(expected), "look at {name}: {looked:?}");
        }
        use std::os::unix::ffi::OsStrExt;
        let odd = dir.join(std::ffi::OsStr::from_bytes(b"\xff\xfe"));
        assert_eq!(fs::write(&odd, "x").unwrap_err().raw_os_error(), Some(EINVAL));
        assert_eq!(fs::metadata(&odd).unwrap_err().raw_os_error(), Some(ENOENT));
    })
    .await;
    assert_eq!(owner.names(), ["a"]);
    here.end().await;
}

/// What is read first sends what was written. Whoever asks for the size meanwhile is not told the one of before.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_just_made_longer_is_that_long_while_another_program_reads_it() {
    use rustix::fs::{AtFlags, StatxFlags, statx};
    let owner = Owner::new();
    owner.write("film", &noise(MIB, 7));
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    owner.way.told_late.store(300, Ordering::SeqCst);
    let way = Arc::clone(&owner.way);
    here.program(move |dir| {
        let file = File::options().read(true).write(true).open(dir.join("film")).unwrap();
        for round in 0..3 {
            let end = 150_000 + round;
            file.set_len(60_000).unwrap();
            file.write_at(&[7; 4_000], end - 4_000).unwrap();
            let before = way.writes.load(Ordering::SeqCst);
            std::thread::scope(|scope| {
                // Where the kernel has nothing: it asks.
                scope.spawn(|| file.read_at(&mut [0; 4_096], 100_000).unwrap());
                let begun = Instant::now();
                while way.writes.load(Ordering::SeqCst) == before {
                    assert!(begun.elapsed() < Duration::from_secs(20), "what was written does not go over");
                    std::thread::sleep(Duration::from_millis(5));
                }
                // What the kernel believes to know of the size it has just heard for the reader: it is to ask again.
                let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_FORCE_SYNC;
                let told = statx(&file, "", flags, StatxFlags::SIZE).unwrap();
                assert_eq!(told.stx_size, end, "round {round}");
            });
        }
    })
    .await;
    here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_and_written_by_programs_here_at_the_same_time_without_an_error() {
    let owner = Owner::new();
    owner.write("film", &noise(MIB, 7));
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    here.program(|dir| {
        let file = File::options().read(true).write(true).open(dir.join("film")).unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let mut reading = Vec::new();
            for begin in [0, 40_000] {
                let (file, stop) = (&file, &stop);
                reading.push(scope.spawn(move || {
                    let mut bytes = [0; 4_096];
                    while !stop.load(Ordering::SeqCst) {
                        for at in (begin..200_000).step_by(20_000) {
                            // It may be shorter than that just now.
                            file.read_at(&mut bytes, at)?;
                        }
                    }
                    io::Result::Ok(())
                }));
            }
            let written = (0..150).try_for_each(|round| {
                let end = 150_000 + round * 100;
                file.set_len(60_000)?;
                file.write_at(&[7; 4_000], end - 4_000)?;
                assert_eq!(file.metadata()?.len(), end, "round {round}");
                io::Result::Ok(())
            });
            stop.store(true, Ordering::SeqCst);
            written.unwrap();
            for read in reading {
                read.join().unwrap().unwrap();
            }
        });
    })
    .await;
    here.end().await;
}
