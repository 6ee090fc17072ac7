//! A disk that was moved, and one that was copied.

use lanyard_trust::{
    Identity,
    identity::machine::{self, Place},
};
use std::fs;

const HERE: Option<&str> = Some("d9a9c3f2b4e84c6d9a0b1c2d3e4f5a6b");
const THERE: Option<&str> = Some("00000000b4e84c6d9a0b1c2d3e4f5a6b");

#[test]
fn a_key_knows_the_machine_it_was_made_on() {
    let dir = tempfile::tempdir().unwrap();
    let place = |machine| Identity::place(dir.path(), machine).unwrap();
    assert_eq!(place(HERE), Place::New);
    assert_eq!(place(None), Place::New);
    Identity::load_or_create(dir.path()).unwrap();
    assert_eq!(place(HERE), Place::Unknown, "nothing was remembered yet");
    Identity::adopt(dir.path(), HERE.unwrap()).unwrap();
    assert_eq!(place(HERE), Place::Same);
    assert_eq!(place(THERE), Place::Elsewhere);
    assert_eq!(place(None), Place::Unknown);
}

#[test]
fn a_moved_disk_keeps_its_key_and_a_copied_one_gets_another() {
    let dir = tempfile::tempdir().unwrap();
    let place = |machine| Identity::place(dir.path(), machine).unwrap();
    let first = Identity::load_or_create(dir.path()).unwrap().node_id();
    Identity::adopt(dir.path(), HERE.unwrap()).unwrap();

    Identity::adopt(dir.path(), THERE.unwrap()).unwrap();
    assert_eq!((place(THERE), place(HERE)), (Place::Same, Place::Elsewhere));
    assert_eq!(Identity::load_or_create(dir.path()).unwrap().node_id(), first);

    let old = fs::read(dir.path().join("node.key")).unwrap();
    let second = Identity::become_new(dir.path(), HERE).unwrap().node_id();
    assert_ne!(second, first);
    assert_eq!(place(HERE), Place::Same);
    assert_eq!(Identity::load_or_create(dir.path()).unwrap().node_id(), second);
    assert!(fs::read(dir.path().join("node.key.old-1")).unwrap() == old, "the old key is kept");
    Identity::become_new(dir.path(), None).unwrap();
    assert!(dir.path().join("node.key.old-2").exists());
}

#[test]
fn the_id_of_the_machine_is_not_written_down_and_others_cannot_read_what_is() {
    let dir = tempfile::tempdir().unwrap();
    Identity::load_or_create(dir.path()).unwrap();
    Identity::adopt(dir.path(), HERE.unwrap()).unwrap();
    let path = dir.path().join("node.machine");
    assert!(!fs::read_to_string(&path).unwrap().contains(&HERE.unwrap()[..8]));
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap()) & 0o777, 0o600);
}

#[test]
fn what_is_damaged_is_as_good_as_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    Identity::load_or_create(dir.path()).unwrap();
    for damaged in ["", "xyz", "00ff\n", &"0".repeat(100_000)] {
        fs::write(dir.path().join("node.machine"), damaged).unwrap();
        assert_eq!(Identity::place(dir.path(), HERE).unwrap(), Place::Unknown);
    }
}

#[test]
fn becoming_new_without_a_key_or_in_no_directory_is_told() {
    let dir = tempfile::tempdir().unwrap();
    Identity::become_new(dir.path(), HERE).unwrap_err();
    fs::write(dir.path().join("file"), "").unwrap();
    Identity::adopt(&dir.path().join("file"), HERE.unwrap()).unwrap_err();
}

#[test]
fn the_id_of_this_machine_is_the_same_every_time() {
    assert_eq!(machine::id(), machine::id());
}
