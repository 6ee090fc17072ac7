use super::*;
use crate::{naming::meanwhile, offer::edit};
use std::{fs, os::unix::fs::symlink};
use tempfile::TempDir;

fn share() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn path(text: &str) -> SharePath {
    SharePath::parse(text).unwrap()
}

fn code<T: std::fmt::Debug>(result: Result<T, Refused>) -> Code {
    result.unwrap_err().code
}

fn move_it(root: &TempDir, from: &str, to: &str, taken: Taken) -> Result<Facts, Refused> {
    rename(root.path(), &path(from), &path(to), taken, Expected::default())
}

fn bin_it(root: &TempDir, what: &str) -> Result<Option<String>, Refused> {
    remove(root.path(), &path(what), Which::Any, Expected::default(), Some("me"))
}

fn copy_it(root: &TempDir, from: &str, to: &str, taken: Taken) -> Result<Copied, Refused> {
    copy(root.path(), &path(from), &path(to), taken, Expected::default(), &mut |_| Ok(()))
}

/// All names at the top, hidden ones too.
fn names(root: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_is_made_once_and_only_under_a_name_that_every_system_holds() {
    let root = share();
    assert_eq!(make_folder(root.path(), &path("new")).unwrap().kind, Kind::Folder);
    assert_eq!(code(make_folder(root.path(), &path("new"))), Code::Exists);
    assert_eq!(code(make_folder(root.path(), &path("a:b"))), Code::Invalid);
    assert_eq!(code(make_folder(root.path(), &path("missing/x"))), Code::NotFound);
    assert_eq!(code(make_folder(root.path(), &SharePath::top())), Code::Invalid);
}

#[test]
fn of_two_who_make_a_file_one_is_told_that_it_is_there() {
    let root = share();
    assert_eq!(make_file(root.path(), &path("lock"), false).unwrap().size, 0);
    assert_eq!(code(make_file(root.path(), &path("lock"), false)), Code::Exists);
    symlink("/nowhere", root.path().join("link")).unwrap();
    assert_eq!(code(make_file(root.path(), &path("link"), false)), Code::Exists, "a link is not followed");
}

#[test]
fn a_move_replaces_nothing_unless_that_was_said() {
    let root = share();
    fs::write(root.path().join("a"), "one").unwrap();
    fs::write(root.path().join("b"), "two").unwrap();
    assert_eq!(code(move_it(&root, "a", "b", Taken::Refuse)), Code::Exists);
    assert_eq!(fs::read(root.path().join("b")).unwrap(), b"two");
    move_it(&root, "a", "b", Taken::Replace).unwrap();
    assert_eq!(fs::read(root.path().join("b")).unwrap(), b"one");
    assert_eq!(names(&root), ["b"]);
    assert_eq!(move_it(&root, "b", "b", Taken::Refuse).unwrap().size, 3, "where it is already");
}

#[test]
fn a_folder_replaces_no_file_and_no_folder_with_something_in_it() {
    let root = share();
    for folder in ["from", "full", "empty"] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    fs::write(root.path().join("from/x"), "x").unwrap();
    fs::write(root.path().join("full/y"), "y").unwrap();
    fs::write(root.path().join("file"), "z").unwrap();
    assert_eq!(code(move_it(&root, "from", "file", Taken::Replace)), Code::WrongKind);
    assert_eq!(code(move_it(&root, "file", "from", Taken::Replace)), Code::WrongKind);
    assert_eq!(code(move_it(&root, "from", "full", Taken::Replace)), Code::NotEmpty);
    assert_eq!(code(move_it(&root, "from", "from/in", Taken::Refuse)), Code::Invalid, "into itself");
    move_it(&root, "from", "empty", Taken::Replace).unwrap();
    assert_eq!(fs::read(root.path().join("empty/x")).unwrap(), b"x");
}

#[test]
fn what_has_changed_meanwhile_is_neither_moved_nor_copied_nor_removed() {
    let root = share();
    fs::write(root.path().join("a"), "mine").unwrap();
    let etag = confine::look(root.path(), &path("a")).unwrap().etag();
    fs::write(root.path().join("a"), "theirs, longer").unwrap();
    let old = Expected(Some(&etag));
    assert_eq!(code(rename(root.path(), &path("a"), &path("b"), Taken::Refuse, old)), Code::Changed);
    assert_eq!(
        code(copy(root.path(), &path("a"), &path("b"), Taken::Refuse, old, &mut |_| Ok(()))),
        Code::Changed
    );
    assert_eq!(code(remove(root.path(), &path("a"), Which::Any, old, Some("me"))), Code::Changed);
    assert_eq!(names(&root), ["a"]);
}

#[test]
fn the_tag_tells_a_change_that_set_size_and_time_back() {
    let root = share();
    let file = root.path().join("a");
    fs::write(&file, "one").unwrap();
    let before = confine::look(root.path(), &path("a")).unwrap();
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    // The system's clock for this moves in steps.
    loop {
        fs::write(&file, "two").unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
        let now = confine::look(root.path(), &path("a")).unwrap();
        assert_eq!((now.size, now.modified), (before.size, before.modified));
        if now.last_change() != before.last_change() {
            assert_ne!(now.etag(), before.etag());
            return;
        }
    }
}

#[test]
fn links_are_moved_and_removed_and_never_followed() {
    let root = share();
    let outside = share();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    symlink(outside.path(), root.path().join("out")).unwrap();
    for (from, to) in [("out/secret", "stolen"), ("stolen", "out/planted")] {
        assert!(move_it(&root, from, to, Taken::Replace).is_err(), "{from} to {to}");
        assert!(copy_it(&root, from, to, Taken::Replace).is_err(), "{from} to {to}");
    }
    fs::write(root.path().join("mine"), "mine").unwrap();
    assert_eq!(code(move_it(&root, "mine", "out/planted", Taken::Replace)), Code::Special);
    assert_eq!(code(copy_it(&root, "mine", "out/planted", Taken::Replace)), Code::Special);
    assert_eq!(code(bin_it(&root, "out/secret")), Code::Special);
    assert_eq!(code(make_folder(root.path(), &path("out/x"))), Code::Special);
    move_it(&root, "out", "elsewhere", Taken::Refuse).unwrap();
    bin_it(&root, "elsewhere").unwrap();
    assert_eq!(fs::read(outside.path().join("secret")).unwrap(), b"secret");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn a_copy_of_a_folder_is_whole_or_not_there() {
    let root = share();
    fs::create_dir_all(root.path().join("from/deep")).unwrap();
    fs::write(root.path().join("from/a"), "a".repeat(100)).unwrap();
    fs::write(root.path().join("from/deep/b"), "b".repeat(100)).unwrap();
    fs::write(root.path().join("from/.x.1.lanyard-part"), "not whole").unwrap();
    symlink("a", root.path().join("from/link")).unwrap();
    let mut left = 1;
    let mut no_more = |_| {
        left -= 1;
        if left >= 0 { Ok(()) } else { Err(Refused::new(Code::NotAllowed, "taken back")) }
    };
    let stopped =
        copy(root.path(), &path("from"), &path("to"), Taken::Refuse, Expected::default(), &mut no_more);
    assert_eq!(code(stopped), Code::NotAllowed);
    assert_eq!(names(&root), ["from"], "nothing is left of it");
    let copied = copy_it(&root, "from", "to", Taken::Refuse).unwrap();
    assert_eq!(copied.left_out, 1, "the link");
    assert_eq!(fs::read_to_string(root.path().join("to/deep/b")).unwrap(), "b".repeat(100));
    assert!(!root.path().join("to/.x.1.lanyard-part").exists(), "what is not whole is not copied");
    assert_eq!(code(copy_it(&root, "from", "to", Taken::Refuse)), Code::Exists);
    assert_eq!(code(copy_it(&root, "from", "from/deep/in", Taken::Refuse)), Code::Invalid, "into itself");
}

#[test]
fn a_copy_keeps_content_time_and_the_right_to_be_started() {
    use std::os::unix::fs::PermissionsExt;
    let root = share();
    let from = root.path().join("tool");
    fs::write(&from, vec![7; 9 << 20]).unwrap();
    fs::set_permissions(&from, fs::Permissions::from_mode(0o755)).unwrap();
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::new(1_000_000_000, 123);
    fs::File::options().write(true).open(&from).unwrap().set_modified(time).unwrap();
    let copied = copy_it(&root, "tool", "copy", Taken::Refuse).unwrap();
    assert!(copied.facts.executable);
    assert_eq!(copied.facts.modified, Some(1_000_000_000_000_000_123));
    assert!(fs::read(&from).unwrap() == fs::read(root.path().join("copy")).unwrap());
}

#[test]
fn what_was_removed_can_be_had_back_where_it_was() {
    let root = share();
    fs::create_dir_all(root.path().join("letters/old")).unwrap();
    fs::write(root.path().join("letters/old/a.txt"), "dear").unwrap();
    let id = bin_it(&root, "letters/old/a.txt").unwrap().unwrap();
    assert!(!root.path().join("letters/old/a.txt").exists());
    let folder = bin_it(&root, "letters").unwrap().unwrap();
    let things = bin::list(root.path()).unwrap();
    assert_eq!(things.iter().map(|thing| thing.path.as_str()).collect::<Vec<_>>().len(), 2);
    assert!(things.iter().all(|thing| thing.removed_by == "me"));
    assert_eq!(
        bin::restore(root.path(), &id, None).unwrap(),
        path("letters/old/a.txt"),
        "its folders come back"
    );
    assert_eq!(fs::read_to_string(root.path().join("letters/old/a.txt")).unwrap(), "dear");
    assert_eq!(bin::restore(root.path(), &folder, None).unwrap(), path("letters (2)"), "the name is taken");
    assert_eq!(code(bin::restore(root.path(), &id, None)), Code::NotFound, "once");
    assert!(bin::list(root.path()).unwrap().is_empty());
}

#[test]
fn the_bin_is_reached_by_no_id_that_is_none_of_its_own() {
    let root = share();
    fs::write(root.path().join("a"), "a").unwrap();
    let id = bin_it(&root, "a").unwrap().unwrap();
    let bin = root.path().join(path::BIN);
    fs::create_dir(bin.join("x")).unwrap();
    symlink("/etc", bin.join("0".repeat(32))).unwrap();
    for bad in ["", ".", "..", "../a", "x", &"0".repeat(32), &id.to_uppercase(), &format!("{id}/item")] {
        assert_eq!(code(bin::restore(root.path(), bad, None)), Code::NotFound, "{bad}");
        assert_eq!(code(bin::forget(root.path(), bad)), Code::NotFound, "{bad}");
    }
    bin::forget(root.path(), &id).unwrap();
    assert!(!bin.join(&id).exists());
}

#[test]
fn the_bin_forgets_after_a_month_and_no_sooner() {
    let root = share();
    for name in ["old", "young"] {
        fs::write(root.path().join(name), name).unwrap();
    }
    let (old, young) = (bin_it(&root, "old").unwrap().unwrap(), bin_it(&root, "young").unwrap().unwrap());
    let about = root.path().join(path::BIN).join(&old).join("about");
    let mut record: crate::wire::Binned = serde_json::from_slice(&fs::read(&about).unwrap()).unwrap();
    record.removed_at -= 31 * 24 * 3_600_000;
    fs::write(&about, serde_json::to_vec(&record).unwrap()).unwrap();
    assert_eq!(bin::sweep(root.path()).unwrap(), 1);
    let left: Vec<String> = bin::list(root.path()).unwrap().into_iter().map(|thing| thing.id).collect();
    assert_eq!(left, [young]);
    assert_eq!(bin::sweep(share().path()).unwrap(), 0, "a share without a bin");
}

#[test]
fn a_thing_whose_record_says_nothing_stays_as_long_as_any_other() {
    let root = share();
    for name in ["thing", "gone"] {
        fs::write(root.path().join(name), name).unwrap();
    }
    let (thing, gone) = (bin_it(&root, "thing").unwrap().unwrap(), bin_it(&root, "gone").unwrap().unwrap());
    let place = |id: &str| root.path().join(path::BIN).join(id);
    let aged = |id: &str, hours: u64| {
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(hours * 3_600);
        fs::File::open(place(id)).unwrap().set_modified(then).unwrap();
    };
    fs::write(place(&thing).join("about"), "").unwrap();
    fs::remove_file(place(&gone).join("item")).unwrap();
    aged(&thing, 29 * 24);
    aged(&gone, 2);
    assert_eq!(bin::sweep(root.path()).unwrap(), 1, "a record without its thing");
    assert_eq!(fs::read_to_string(place(&thing).join("item")).unwrap(), "thing");
    aged(&thing, 31 * 24);
    assert_eq!(bin::sweep(root.path()).unwrap(), 1);
}

/// A new version of a file, not yet under its name.
fn version(root: &TempDir, of: &str, content: &str) -> uuid::Uuid {
    let part = uuid::Uuid::new_v4();
    edit::begin(root.path(), &path(of), part).unwrap();
    let place = edit::Place::Part(path(of), part);
    edit::write(root.path(), &place, 0, content.as_bytes(), Expected::default()).unwrap();
    part
}

#[test]
fn what_is_saved_while_the_disk_is_waited_for_is_kept() {
    let root = share();
    let file = root.path().join("doc");
    fs::write(&file, "old").unwrap();
    let etag = confine::look(root.path(), &path("doc")).unwrap().etag();
    let commit = |part, expected, keep_both| {
        edit::commit(root.path(), &path("doc"), part, None, Expected(expected), keep_both)
    };
    let saved = file.clone();
    meanwhile::let_happen(move || fs::write(saved, "theirs").unwrap());
    let refused = commit(version(&root, "doc", "mine"), Some(&etag), false);
    assert_eq!(code(refused), Code::Changed);
    assert_eq!(fs::read_to_string(&file).unwrap(), "theirs");

    let etag = confine::look(root.path(), &path("doc")).unwrap().etag();
    let saved = file.clone();
    meanwhile::let_happen(move || fs::write(saved, "theirs again").unwrap());
    let (kept, _) = commit(version(&root, "doc", "mine"), Some(&etag), true).unwrap();
    assert_eq!(kept, path("doc (2)"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "theirs again");
    assert_eq!(fs::read_to_string(root.path().join("doc (2)")).unwrap(), "mine");

    // A name that was free.
    let saved = root.path().join("new");
    meanwhile::let_happen(move || fs::write(saved, "theirs").unwrap());
    let part = version(&root, "new", "mine");
    let (kept, _) = edit::commit(root.path(), &path("new"), part, None, Expected(None), true).unwrap();
    assert_eq!(kept, path("new (2)"));
}

#[test]
fn of_two_who_replace_one_version_one_is_told_that_it_has_changed() {
    let root = share();
    fs::write(root.path().join("doc"), "old").unwrap();
    let etag = confine::look(root.path(), &path("doc")).unwrap().etag();
    let (first, second) = (version(&root, "doc", "first"), version(&root, "doc", "second"));
    let (there, same) = (root.path().to_owned(), etag.clone());
    meanwhile::let_happen(move || {
        edit::commit(&there, &path("doc"), first, None, Expected(Some(&same)), false).unwrap();
    });
    let late = edit::commit(root.path(), &path("doc"), second, None, Expected(Some(&etag)), false);
    assert_eq!(code(late), Code::Changed);
    assert_eq!(fs::read_to_string(root.path().join("doc")).unwrap(), "first");

    let etag = confine::look(root.path(), &path("doc")).unwrap().etag();
    let file = root.path().join("doc");
    meanwhile::let_happen(move || fs::write(file, "saved").unwrap());
    let removed = remove(root.path(), &path("doc"), Which::Any, Expected(Some(&etag)), Some("me"));
    assert_eq!(code(removed), Code::Changed, "nor is it removed");
    let etag = confine::look(root.path(), &path("doc")).unwrap().etag();
    let file = root.path().join("doc");
    meanwhile::let_happen(move || fs::write(file, "saved again").unwrap());
    let removed = remove(root.path(), &path("doc"), Which::Any, Expected(Some(&etag)), None);
    assert_eq!(code(removed), Code::Changed, "not for good either");
    assert!(bin::list(root.path()).unwrap().is_empty());
}

#[test]
fn nothing_gets_a_name_in_a_folder_that_was_removed_meanwhile() {
    let root = share();
    fs::create_dir(root.path().join("folder")).unwrap();
    let part = version(&root, "folder/doc", "mine");
    let there = root.path().to_owned();
    meanwhile::let_happen(move || {
        remove(&there, &path("folder"), Which::Any, Expected::default(), Some("them")).unwrap();
    });
    let late = edit::commit(root.path(), &path("folder/doc"), part, None, Expected(None), true);
    assert_eq!(code(late), Code::NotFound);
    assert_eq!(names(&root), [path::BIN]);
}

#[test]
fn a_copy_replaces_what_was_there_when_it_was_begun_and_nothing_else() {
    let root = share();
    fs::write(root.path().join("from"), "new").unwrap();
    fs::write(root.path().join("to"), "old").unwrap();
    let file = root.path().join("to");
    meanwhile::let_happen(move || fs::write(file, "saved meanwhile").unwrap());
    assert_eq!(code(copy_it(&root, "from", "to", Taken::Replace)), Code::Changed);
    assert_eq!(fs::read_to_string(root.path().join("to")).unwrap(), "saved meanwhile");
    assert_eq!(names(&root), ["from", "to"]);
    copy_it(&root, "from", "to", Taken::Replace).unwrap();
    assert_eq!(fs::read_to_string(root.path().join("to")).unwrap(), "new");
}

#[test]
fn what_came_while_a_folder_was_carried_to_another_disk_stays() {
    let root = share();
    fs::create_dir_all(root.path().join("from/deep")).unwrap();
    fs::create_dir(root.path().join("from/quiet")).unwrap();
    for name in ["from/a", "from/deep/b", "from/quiet/c"] {
        fs::write(root.path().join(name), name).unwrap();
    }
    let copied = copy_it(&root, "from", "to", Taken::Refuse).unwrap();
    fs::write(root.path().join("from/a"), "changed since").unwrap();
    fs::write(root.path().join("from/deep/new"), "new").unwrap();
    let (dir, name) = (confine::open_dir(root.path(), &[]).unwrap(), "from");
    assert!(!erase_copied(&dir, name, &copied.sources).unwrap());
    assert_eq!(fs::read_to_string(root.path().join("from/a")).unwrap(), "changed since");
    assert_eq!(fs::read_to_string(root.path().join("from/deep/new")).unwrap(), "new");
    assert!(!root.path().join("from/deep/b").exists() && !root.path().join("from/quiet").exists());
    fs::write(root.path().join("to/deep/.x.1.lanyard-part"), "not whole").unwrap();
    let copied = copy_it(&root, "to", "again", Taken::Refuse).unwrap();
    assert!(erase_copied(&dir, "to", &copied.sources).unwrap());
    assert_eq!(names(&root), ["again", "from"]);
}

#[test]
fn a_wide_folder_is_looked_through_with_few_files_open() {
    let root = share();
    let wide = root.path().join("wide");
    for number in 0..3_000 {
        fs::create_dir_all(wide.join(number.to_string())).unwrap();
    }
    let (dir, open) =
        (confine::open_dir(root.path(), &[]).unwrap(), || fs::read_dir("/proc/self/fd").unwrap().count());
    let before = open();
    confine::each_folder_below(&confine::step(&dir, "wide").unwrap(), &mut |_, _| {
        assert!(open() < before + 40, "{} files are open", open());
        Ok(())
    })
    .unwrap();
}

#[test]
fn only_what_was_meant_is_removed() {
    let root = share();
    fs::create_dir(root.path().join("full")).unwrap();
    fs::write(root.path().join("full/x"), "x").unwrap();
    fs::create_dir(root.path().join("empty")).unwrap();
    fs::write(root.path().join("empty/.y.1.lanyard-part"), "left by a killed node").unwrap();
    let only = |what: &str, which| remove(root.path(), &path(what), which, Expected::default(), None);
    assert_eq!(code(only("full", Which::EmptyFolder)), Code::NotEmpty);
    assert_eq!(code(only("full", Which::NoFolder)), Code::WrongKind);
    assert_eq!(code(only("full/x", Which::EmptyFolder)), Code::WrongKind);
    only("full/x", Which::NoFolder).unwrap();
    only("full", Which::EmptyFolder).unwrap();
    assert_eq!(names(&root), ["empty"]);
    let id = only("empty", Which::EmptyFolder).unwrap().expect("what is hidden in it is not thrown away");
    assert_eq!(names(&root), [path::BIN]);
    bin::restore(root.path(), &id, None).unwrap();
    assert_eq!(fs::read_dir(root.path().join("empty")).unwrap().count(), 1);
    assert_eq!(
        code(remove(root.path(), &SharePath::top(), Which::Any, Expected::default(), None)),
        Code::WrongKind
    );
}
