//! Whole folders, down and up.

use crate::world::{MIB, Owner, Reader, names, noise};
use lanyard_drive::consume::{Conflict, Fate, Note, Reason, State};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, SystemTime},
};

/// Folders in folders, empty ones, empty files, many small ones and a large one, all with times of their own.
fn grow(root: &Path) {
    let time = |n: u64| SystemTime::UNIX_EPOCH + Duration::from_nanos(1_234_567_890_123_456_789 + n);
    fs::create_dir_all(root.join("a/b/c")).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    for n in 0..1_200_u64 {
        let folder = ["", "a", "a/b", "a/b/c"][n as usize % 4];
        let path = root.join(folder).join(format!("file {n}.txt"));
        fs::write(&path, noise(n as usize, n)).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(time(n)).unwrap();
    }
    fs::write(root.join("a/large.bin"), noise(3 * MIB + 5, 7)).unwrap();
    fs::write(root.join("a/just small.bin"), noise(256 * 1024, 8)).unwrap();
    fs::write(root.join("a/just large.bin"), noise(256 * 1024 + 1, 9)).unwrap();
    executable(&root.join("a/file 1.txt"));
    executable(&root.join("a/large.bin"));
    for folder in ["a/b/c", "a/b", "a", "empty"] {
        fs::File::open(root.join(folder)).unwrap().set_modified(time(9_000)).unwrap();
    }
}

#[cfg(unix)]
fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(not(unix))]
fn executable(_: &Path) {}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    content: Option<Vec<u8>>,
    modified: SystemTime,
    executable: bool,
}

/// Everything below a folder.
fn seen(root: &Path) -> BTreeMap<String, Seen> {
    let mut all = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            #[cfg(unix)]
            let executable = {
                use std::os::unix::fs::PermissionsExt;
                metadata.is_file() && metadata.permissions().mode() & 0o100 != 0
            };
            #[cfg(not(unix))]
            let executable = false;
            let content = metadata.is_file().then(|| fs::read(&path).unwrap());
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            all.insert(name, Seen { content, modified: metadata.modified().unwrap(), executable });
        }
    }
    all
}

/// Compared one by one, so that a failure does not print megabytes.
fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (seen(one), seen(other));
    assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
    for (name, here) in &one {
        assert!(here == &other[name], "{name} is different: its content, time or executable bit");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_comes_identical_and_the_second_time_nothing_travels() {
    let owner = Owner::new();
    grow(&owner.root().join("tree"));
    let mut reader = Reader::new(&owner);
    let copy = reader.done(reader.get_tree("tree", Conflict::Refuse).await).await;
    assert_same(&owner.root().join("tree"), &reader.here().join("tree"));
    let tree = copy.tree.unwrap();
    assert_eq!((tree.files, tree.files_done, tree.failed, tree.left_out), (Some(1_203), 1_203, 0, 0));
    assert_eq!(copy.size, Some(copy.bytes_done));

    let sent = owner.content_sent();
    let again = reader.done(reader.get_tree("tree", Conflict::Replace).await).await;
    assert_eq!(again.tree.unwrap().files_done, 1_203);
    let travelled = owner.content_sent() - sent;
    assert!(travelled < 100_000, "{travelled} bytes travelled although everything was there");
    assert_same(&owner.root().join("tree"), &reader.here().join("tree"));

    reader = reader.restart(&owner).await;
    let known = reader.transfers.get(copy.id).unwrap();
    assert_eq!(known.tree, copy.tree, "the history keeps it");
    assert_eq!(reader.names(), ["tree"], "one folder, nothing hidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_brought_identical_and_the_second_time_nothing_travels() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let source = reader.dir.path().join("tree");
    grow(&source);
    let copy = reader.done(reader.put(&source, "tree", Conflict::Refuse).await).await;
    assert_same(&source, &owner.root().join("tree"));
    assert_eq!(copy.tree.unwrap().files_done, 1_203);
    let again = reader.done(reader.put(&source, "tree", Conflict::Replace).await).await;
    assert_eq!(again.tree.unwrap().files_done, 1_203);
    assert_same(&source, &owner.root().join("tree"));
    assert_eq!(owner.names(), ["tree"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_whose_name_is_taken_is_settled_as_asked() {
    let owner = Owner::new();
    fs::create_dir(owner.root().join("tree")).unwrap();
    owner.write("tree/same", b"same");
    owner.write("tree/other", b"theirs");
    owner.write("tree/new", b"new");
    let reader = Reader::new(&owner);
    let here = reader.here();
    let prepare = || {
        let _ = fs::remove_dir_all(&here);
        fs::create_dir_all(here.join("tree")).unwrap();
        fs::write(here.join("tree/same"), b"same").unwrap();
        fs::write(here.join("tree/other"), b"mine").unwrap();
        fs::write(here.join("tree/extra"), b"extra").unwrap();
    };
    let read = |name: &str| fs::read_to_string(here.join(name)).unwrap_or_default();

    prepare();
    let copy = reader.done(reader.get_tree("tree", Conflict::Skip).await).await;
    assert_eq!(
        (read("tree/other"), read("tree/new"), read("tree/extra")),
        ("mine".into(), "new".into(), "extra".into())
    );
    let notes = reader.transfers.notes(copy.id).await.unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_eq!((&*notes[0].path, notes[0].fate), ("other", Fate::LeftOut));

    prepare();
    reader.done(reader.get_tree("tree", Conflict::Replace).await).await;
    assert_eq!((read("tree/other"), read("tree/extra")), ("theirs".into(), "extra".into()));

    prepare();
    let copy = reader.done(reader.get_tree("tree", Conflict::KeepBoth).await).await;
    assert_eq!(copy.local_path, here.join("tree (2)"));
    assert_eq!((read("tree/other"), read("tree (2)/other")), ("mine".into(), "theirs".into()));
    assert!(!here.join("tree/new").exists(), "the folder that was there is untouched");

    prepare();
    fs::write(reader.dir.path().join("blocker"), "").unwrap();
    fs::remove_file(here.join("tree/new")).unwrap_or_default();
    fs::create_dir(here.join("tree/new")).unwrap();
    let copy = reader.end(reader.get_tree("tree", Conflict::Replace).await).await;
    assert_eq!((copy.state, copy.reason), (State::Failed, Some(Reason::Exists)), "{copy:?}");
    assert_eq!(read("tree/other"), "theirs", "the rest went on");
    assert!(here.join("tree/new").is_dir(), "a folder is never replaced by a file");
    let notes = reader.transfers.notes(copy.id).await.unwrap();
    assert_eq!((&*notes[0].path, notes[0].fate), ("new", Fate::Failed));
    fs::remove_dir(here.join("tree/new")).unwrap();
    reader.transfers.retry(copy.id).await.unwrap();
    let copy = reader.done(copy.id).await;
    assert_eq!((read("tree/new"), copy.tree.unwrap().failed), ("new".into(), 0));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn links_and_special_files_are_left_out_and_told_in_both_directions() {
    use std::os::unix::ffi::OsStrExt;
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let plant = |root: &Path| {
        fs::create_dir(root).unwrap();
        fs::write(root.join("file"), b"x").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.join("link")).unwrap();
        std::os::unix::fs::symlink("/etc", root.join("folder link")).unwrap();
        std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(root.join("pipe")).status().unwrap().success());
        fs::write(root.join(std::ffi::OsStr::from_bytes(b"bad\xff")), b"x").unwrap();
        fs::write(root.join(".x.12345678.lanyard-part"), b"half").unwrap();
    };
    plant(&owner.root().join("tree"));
    let copy = reader.done(reader.get_tree("tree", Conflict::Refuse).await).await;
    assert_eq!((copy.tree.unwrap().files_done, copy.tree.unwrap().left_out), (1, 5), "{copy:?}");
    assert_eq!(seen(&reader.here().join("tree")).into_keys().collect::<Vec<_>>(), ["file"]);
    let notes = reader.transfers.notes(copy.id).await.unwrap();
    assert_eq!(notes.len(), 5, "{notes:?}");
    assert!(notes.iter().all(|note| note.fate == Fate::LeftOut && note.detail.is_some()), "{notes:?}");
    let misnamed = |notes: &[Note]| {
        let mut misnamed = notes.iter().filter(|note| note.reason == Some(Reason::Misnamed));
        (misnamed.next().map(|note| note.path.clone()), misnamed.next().is_none())
    };
    assert_eq!(
        misnamed(&notes),
        (Some("bad\u{fffd}".into()), true),
        "an ordinary file has a reason of its own"
    );
    assert_eq!(copy.tree.unwrap().misnamed, 1, "{copy:?}");

    let source = reader.dir.path().join("mine");
    plant(&source);
    let copy = reader.done(reader.put(&source, "mine", Conflict::Refuse).await).await;
    assert_eq!((copy.tree.unwrap().files_done, copy.tree.unwrap().left_out), (1, 5), "{copy:?}");
    assert_eq!(seen(&owner.root().join("mine")).into_keys().collect::<Vec<_>>(), ["file"]);
    assert_eq!(misnamed(&reader.transfers.notes(copy.id).await.unwrap()), (Some("bad\u{fffd}".into()), true));
    assert_eq!(copy.tree.unwrap().misnamed, 1, "{copy:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_folder_that_is_given_up_no_halves_stay() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    fs::create_dir_all(owner.root().join("tree/deep")).unwrap();
    owner.write("tree/deep/film", &noise(20 * MIB, 1));
    owner.write("tree/deep/letter", b"x");
    owner.slow(100);
    let id = reader.get_tree("tree", Conflict::Refuse).await;
    let deep = reader.here().join("tree/deep");
    let halves = || seen(&deep).into_keys().filter(|name| name.contains("film")).count();
    reader.until(id, "a half", |copy| copy.bytes_done > 1 && halves() == 1).await;
    fs::write(deep.join(".film.00000000.lanyard-part"), b"another copy's").unwrap();
    assert_eq!(reader.transfers.cancel(id).await.unwrap().state, State::Cancelled);
    assert_eq!(seen(&deep).into_keys().collect::<Vec<_>>(), [".film.00000000.lanyard-part", "letter"]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn names_that_not_every_system_holds_are_mapped_on_the_way_up_and_told() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let source = reader.dir.path().join("tree");
    fs::create_dir_all(source.join("10:30")).unwrap();
    fs::write(source.join("10:30/what?"), b"x").unwrap();
    let copy = reader.done(reader.put(&source, "tree", Conflict::Refuse).await).await;
    assert_eq!(fs::read(owner.root().join("tree/10%3A30/what%3F")).unwrap(), b"x");
    assert_eq!(copy.tree.unwrap().renamed, 2);
    let notes = reader.transfers.notes(copy.id).await.unwrap();
    let renamed: Vec<_> = notes.iter().map(|note| (&*note.path, &*note.copy)).collect();
    assert_eq!(renamed, [("10:30", "10%3A30"), ("10:30/what?", "10%3A30/what%3F")]);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_sparse_file_stays_sparse_both_ways() {
    use std::os::unix::fs::{FileExt, MetadataExt};
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    fs::create_dir(owner.root().join("tree")).unwrap();
    let original = owner.root().join("tree/sparse");
    let file = fs::File::create(&original).unwrap();
    file.set_len(64 * MIB as u64).unwrap();
    file.write_all_at(b"in the middle", 20 * MIB as u64).unwrap();
    reader.done(reader.get_tree("tree", Conflict::Refuse).await).await;
    let here = reader.here().join("tree/sparse");
    reader.done(reader.put(&here, "back", Conflict::Refuse).await).await;
    let content = fs::read(&original).unwrap();
    for copy in [here, owner.root().join("back")] {
        assert!(fs::read(&copy).unwrap() == content, "{} is different", copy.display());
        let used = fs::metadata(&copy).unwrap().blocks() * 512;
        assert!(used <= 4 * MIB as u64, "{} takes {used} bytes on the disk", copy.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_goes_on_after_a_restart_and_after_a_pause_with_what_is_missing() {
    let owner = Owner::new();
    grow(&owner.root().join("tree"));
    owner.write("tree/film.bin", &noise(20 * MIB, 3));
    let mut reader = Reader::new(&owner);
    owner.slow(20);
    let id = reader.get_tree("tree", Conflict::Refuse).await;
    reader.until(id, "some files", |copy| copy.tree.is_some_and(|tree| tree.files_done > 300)).await;
    reader = reader.restart(&owner).await;
    reader.until(id, "the film", |copy| copy.bytes_done > 6 * MIB as u64).await;
    let copy = reader.transfers.pause(id).await.unwrap();
    assert_eq!(copy.state, State::Paused, "{copy:?}");
    let root = reader.here().join("tree");
    assert!(!root.join("film.bin").exists(), "half a file under its name");
    reader = reader.restart(&owner).await;
    assert_eq!(reader.transfers.get(id).unwrap().state, State::Paused, "a pause outlives a restart");
    owner.slow(0);
    let sent = owner.content_sent();
    reader.transfers.retry(id).await.unwrap();
    let copy = reader.done(id).await;
    assert_eq!(copy.tree.unwrap().files_done, 1_204, "{copy:?}");
    assert!(owner.content_sent() - sent < 21 * MIB as u64, "what was there came again");
    assert_same(&owner.root().join("tree"), &root);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_folder_that_is_cancelled_no_hidden_file_stays_also_when_it_was_paused_before() {
    let owner = Owner::new();
    let root = owner.root().join("tree");
    fs::create_dir_all(root.join("in")).unwrap();
    fs::write(root.join("a small one"), b"small").unwrap();
    fs::write(root.join("in/a film.bin"), noise(3 * MIB, 1)).unwrap();
    fs::write(root.join("in/film.bin"), noise(20 * MIB, 2)).unwrap();
    let mut reader = Reader::new(&owner);
    for paused in [false, true] {
        owner.slow(30);
        let id = reader.get_tree("tree", Conflict::KeepBoth).await;
        let copy = reader.until(id, "the second", |copy| copy.bytes_done > 6 * MIB as u64).await;
        let inside = || names(&copy.local_path.join("in"));
        let is_half = || inside().iter().any(|name| name.ends_with(".lanyard-part"));
        assert!(is_half(), "{:?}", inside());
        if paused {
            reader.transfers.pause(id).await;
            reader = reader.restart(&owner).await;
            assert!(is_half(), "a pause keeps what came: {:?}", inside());
        }
        reader.transfers.cancel(id).await;
        assert_eq!(inside(), ["a film.bin"], "paused: {paused}");
        // It can be tried again, and is whole then.
        owner.slow(0);
        reader.transfers.retry(id).await;
        reader.done(id).await;
        assert_same(&root, &copy.local_path);
    }
    assert_eq!(reader.names(), ["tree", "tree (2)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_file_is_gone_on_with_whatever_came_before_it_and_goes_when_its_original_is_gone() {
    let owner = Owner::new();
    let root = owner.root().join("tree");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("film.bin"), noise(9 * MIB, 1)).unwrap();
    fs::write(root.join("late.bin"), noise(9 * MIB, 2)).unwrap();
    let reader = Reader::new(&owner);
    owner.slow(20);
    let id = reader.get_tree("tree", Conflict::Refuse).await;
    reader.until(id, "half of the film", |copy| copy.bytes_done > 5 * MIB as u64).await;
    reader.transfers.pause(id).await;
    fs::write(root.join("a new one.bin"), noise(MIB, 3)).unwrap();
    let sent = owner.content_sent();
    reader.transfers.retry(id).await;
    reader.until(id, "the first", |copy| copy.tree.is_some_and(|tree| tree.files_done > 0)).await;
    assert!(reader.here().join("tree/film.bin").exists(), "another one came first");
    assert!(owner.content_sent() - sent < 9 * MIB as u64, "what was here of the film came again");
    reader.until(id, "some of the last", |copy| copy.bytes_done > 12 * MIB as u64).await;
    reader.transfers.pause(id).await;
    fs::remove_file(root.join("late.bin")).unwrap();
    fs::write(root.join("later.bin"), noise(2 * MIB, 4)).unwrap();
    owner.slow(0);
    reader.transfers.retry(id).await;
    reader.done(id).await;
    assert_same(&root, &reader.here().join("tree"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_brought_goes_on_after_a_restart() {
    let mut owner = Owner::new();
    let mut reader = Reader::new(&owner);
    let source = reader.dir.path().join("tree");
    grow(&source);
    fs::write(source.join("film.bin"), noise(20 * MIB, 3)).unwrap();
    reader.transfers.limit_all(Some(4 * MIB as u64));
    let id = reader.put(&source, "tree", Conflict::Refuse).await;
    reader.until(id, "some files", |copy| copy.tree.is_some_and(|tree| tree.files_done > 300)).await;
    reader = reader.restart(&owner).await;
    owner.stop().await;
    owner.start();
    reader.peers.learn(owner.id, vec![owner.address()]);
    reader.transfers.peer_is_back(owner.id);
    let copy = reader.done(id).await;
    assert_eq!(copy.tree.unwrap().files_done, 1_204, "{copy:?}");
    assert_same(&source, &owner.root().join("tree"));
    assert_eq!(owner.names(), ["tree"]);
}

/// A folder here and another one of that name there, each with something in it.
fn two_of_one_name(owner: &Owner, reader: &Reader) -> PathBuf {
    let mine = reader.dir.path().join("Photos");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("a.jpg"), b"mine").unwrap();
    fs::create_dir(owner.root().join("Photos")).unwrap();
    owner.write("Photos/a.jpg", b"theirs");
    mine
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_whose_first_question_is_interrupted_lands_in_no_folder_that_is_there() {
    let owner = Owner::new();
    let mut reader = Reader::new(&owner);
    let mine = two_of_one_name(&owner, &reader);
    for (number, restarted) in [(2, false), (3, true)] {
        // It is asleep: no question arrives.
        owner.way.stuck.store(true, Ordering::SeqCst);
        let id = reader.put(&mine, "Photos", Conflict::KeepBoth).await;
        reader.until(id, "the question", |copy| copy.state == State::Running).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        reader.transfers.pause(id).await;
        if restarted {
            reader = reader.restart(&owner).await;
        }
        owner.way.stuck.store(false, Ordering::SeqCst);
        reader.transfers.retry(id).await;
        let copy = reader.done(id).await;
        assert_eq!(copy.remote_path, format!("Photos ({number})"));
        assert_eq!(names(&owner.root().join("Photos")), ["a.jpg"]);
        assert_same(&mine, &owner.root().join(&copy.remote_path));
    }
    assert_eq!(fs::read(owner.root().join("Photos/a.jpg")).unwrap(), b"theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_was_made_without_a_word_of_it_is_the_copys_own_until_somebody_puts_something_in() {
    let owner = Owner::new();
    let mut reader = Reader::new(&owner);
    let mine = two_of_one_name(&owner, &reader);
    let interrupted = async |reader: &Reader, name: &str| {
        owner.way.told_late.store(1_000, Ordering::SeqCst);
        let id = reader.put(&mine, name, Conflict::KeepBoth).await;
        // The answer to the question for the first name comes late, too, when there is one before it.
        reader.until(id, "the question", |copy| copy.state == State::Running).await;
        let made = owner.root().join(if name == "Photos" { "Photos (2)" } else { name });
        reader.until(id, "the folder", |_| made.is_dir()).await;
        reader.transfers.pause(id).await;
        owner.way.told_late.store(0, Ordering::SeqCst);
        id
    };
    let id = interrupted(&reader, "Photos").await;
    reader = reader.restart(&owner).await;
    reader.transfers.retry(id).await;
    assert_eq!(reader.done(id).await.remote_path, "Photos (2)");
    assert_same(&mine, &owner.root().join("Photos (2)"));
    assert_eq!(owner.names(), ["Photos", "Photos (2)"], "made twice");

    // Somebody takes the empty folder for their own meanwhile.
    let id = interrupted(&reader, "Trip").await;
    owner.write("Trip/a.jpg", b"somebody's");
    reader.transfers.retry(id).await;
    assert_eq!(reader.done(id).await.remote_path, "Trip (2)");
    assert_eq!(names(&owner.root().join("Trip")), ["a.jpg"]);

    // Another copy has nothing to do with it.
    let id = interrupted(&reader, "Empty").await;
    let other = reader.done(reader.put(&mine, "Empty", Conflict::KeepBoth).await).await;
    assert_eq!(other.remote_path, "Empty (2)");
    reader.transfers.retry(id).await;
    assert_eq!(reader.done(id).await.remote_path, "Empty");
    assert_same(&mine, &owner.root().join("Empty"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_comes_has_its_place_written_down_once_that_is_made() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    fs::create_dir(owner.root().join("Photos")).unwrap();
    owner.write("Photos/a.jpg", b"theirs");
    let here = reader.here().join("Photos");
    fs::create_dir(&here).unwrap();
    fs::write(here.join("a.jpg"), b"mine").unwrap();
    let places: Arc<Mutex<Vec<(PathBuf, bool)>>> = Arc::default();
    *reader.told.lock().unwrap() = Some({
        let places = Arc::clone(&places);
        Box::new(move |copy| places.lock().unwrap().push((copy.local_path.clone(), copy.local_path.is_dir())))
    });
    let copy = reader.done(reader.get_tree("Photos", Conflict::KeepBoth).await).await;
    assert_eq!(copy.local_path, reader.here().join("Photos (2)"));
    assert!(places.lock().unwrap().iter().all(|(_, is_there)| *is_there), "{places:?}");
    assert_eq!(fs::read(here.join("a.jpg")).unwrap(), b"mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_batches_of_small_files_are_on_their_way_at_once_and_a_third_waits() {
    const FILES: u64 = 3_400;
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let source = reader.dir.path().join("tree");
    fs::create_dir(&source).unwrap();
    for n in 0..FILES {
        fs::write(source.join(n.to_string()), noise(20, n)).unwrap();
    }
    owner.way.told_late.store(300, Ordering::SeqCst);
    let id = reader.put(&source, "tree", Conflict::Refuse).await;
    let copy = reader.done(id).await;
    assert_eq!(copy.tree.unwrap().files_done, FILES, "{copy:?}");
    assert_eq!(owner.way.most_batches.load(Ordering::SeqCst), 2);
    assert_same(&source, &owner.root().join("tree"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_for_one_copy_and_for_all() {
    let owner = Owner::new();
    owner.write("film.bin", &noise(3 * MIB, 3));
    let reader = Reader::new(&owner);
    reader.transfers.limit_all(Some(MIB as u64));
    let begun = std::time::Instant::now();
    reader.done(reader.get("film.bin", Conflict::Refuse).await).await;
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(1_900), "3 MiB at 1 MiB a second came in {took:?}");
    reader.transfers.limit_all(None);
    let id = reader.get("film.bin", Conflict::KeepBoth).await;
    let copy = reader.transfers.limit_one(id, Some(1)).await.unwrap().unwrap();
    assert_eq!(copy.limit, Some(lanyard_drive::consume::SLOWEST), "never so slow that it looks stuck");
    reader.transfers.limit_one(id, None).await.unwrap();
    reader.done(id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_grow_shrink_or_vanish_meanwhile_are_whole_or_named() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let root = owner.root().join("tree");
    fs::create_dir(&root).unwrap();
    for (name, seed) in
        [("a first.bin", 1), ("grows.bin", 2), ("shrinks.bin", 3), ("vanishes.bin", 4), ("z last.bin", 5)]
    {
        fs::write(root.join(name), noise(3 * MIB, seed)).unwrap();
    }
    owner.slow(150);
    let id = reader.get_tree("tree", Conflict::Refuse).await;
    reader.until(id, "the first file", |copy| copy.bytes_done > 0).await;
    fs::write(root.join("grows.bin"), noise(5 * MIB + 1, 6)).unwrap();
    fs::write(root.join("shrinks.bin"), noise(MIB - 1, 7)).unwrap();
    fs::remove_file(root.join("vanishes.bin")).unwrap();
    owner.slow(0);
    let copy = reader.end(id).await;
    assert_eq!(copy.state, State::Failed, "one of them is not there: {copy:?}");
    assert!(copy.detail.as_deref().is_some_and(|words| words.contains("vanishes.bin")), "{copy:?}");
    assert_eq!((copy.tree.unwrap().files_done, copy.tree.unwrap().failed), (4, 1), "{copy:?}");
    assert_same(&root, &reader.here().join("tree"));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_grow_shrink_or_vanish_while_they_are_brought_are_whole_or_named() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let root = reader.dir.path().join("tree");
    fs::create_dir(&root).unwrap();
    for (name, seed) in
        [("a first.bin", 1), ("grows.bin", 2), ("shrinks.bin", 3), ("vanishes.bin", 4), ("z last.bin", 5)]
    {
        fs::write(root.join(name), noise(3 * MIB, seed)).unwrap();
    }
    reader.transfers.limit_all(Some(MIB as u64));
    let id = reader.put(&root, "tree", Conflict::Refuse).await;
    reader.until(id, "the first file", |copy| copy.bytes_done > 0).await;
    fs::write(root.join("grows.bin"), noise(5 * MIB + 1, 6)).unwrap();
    fs::write(root.join("shrinks.bin"), noise(MIB - 1, 7)).unwrap();
    fs::remove_file(root.join("vanishes.bin")).unwrap();
    reader.transfers.limit_all(None);
    let copy = reader.end(id).await;
    assert_eq!(copy.state, State::Failed, "one of them is not there: {copy:?}");
    assert!(copy.detail.as_deref().is_some_and(|words| words.contains("vanishes.bin")), "{copy:?}");
    assert_eq!((copy.tree.unwrap().files_done, copy.tree.unwrap().failed), (4, 1), "{copy:?}");
    assert_same(&root, &owner.root().join("tree"));
    assert_eq!(owner.names(), ["tree"]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn names_and_paths_as_long_as_a_system_takes_them_and_longer_cost_only_themselves() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let root = owner.root().join("tree");
    fs::create_dir(&root).unwrap();
    let longest = format!("{}.txt", "n".repeat(251));
    fs::write(root.join(&longest), b"long").unwrap();
    fs::write(root.join("rest.txt"), b"rest").unwrap();
    // Deeper than any path can say: only a step at a time leads there.
    let folder = "d".repeat(240);
    let script =
        format!("for n in $(seq 20); do mkdir {folder} && cd -P {folder} || exit 1; done; echo deep > file");
    let made = std::process::Command::new("sh").args(["-c", &script]).current_dir(&root).status().unwrap();
    assert!(made.success(), "this test needs a folder that is too deep");
    let copy = reader.end(reader.get_tree("tree", Conflict::Refuse).await).await;
    assert!(reader.here().join("tree").is_dir(), "{copy:?}");
    assert_eq!(fs::read(reader.here().join("tree").join(&longest)).unwrap(), b"long", "{copy:?}");
    assert_eq!(fs::read(reader.here().join("tree/rest.txt")).unwrap(), b"rest");
    let tree = copy.tree.unwrap();
    assert!(tree.files_done >= 2, "{copy:?}");
    assert_eq!((copy.state, tree.failed), (State::Failed, 1), "what is too deep is told: {copy:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_are_wrong_change_nothing_about_a_copy() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let root = owner.root().join("tree");
    fs::create_dir(&root).unwrap();
    let epoch = SystemTime::UNIX_EPOCH;
    let day = Duration::from_secs(86_400);
    for (name, size, time) in [
        ("before 1970", 100, epoch - day * 3_650),
        ("in 2100", 100, epoch + day * 47_482),
        ("large, in 2100", 3 * MIB, epoch + day * 47_482),
        ("large, before 1970", 3 * MIB, epoch - day * 3_650),
    ] {
        fs::write(root.join(name), noise(size, 9)).unwrap();
        fs::File::options().write(true).open(root.join(name)).unwrap().set_modified(time).unwrap();
    }
    reader.done(reader.get_tree("tree", Conflict::Refuse).await).await;
    assert_same(&root, &reader.here().join("tree"));
    let back = reader.here().join("tree");
    reader.done(reader.put(&back, "back", Conflict::Refuse).await).await;
    assert_same(&root, &owner.root().join("back"));
}
