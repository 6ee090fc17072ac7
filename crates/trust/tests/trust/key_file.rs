//! The key file on a real disk.

use lanyard_trust::{Identity, IdentityError};
use std::fs;

#[test]
fn the_same_key_comes_back_and_nothing_else_is_left_in_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("not/there/yet");
    let first = Identity::load_or_create(&below).unwrap();
    let second = Identity::load_or_create(&below).unwrap();
    assert_eq!(first.node_id(), second.node_id());
    let names: Vec<_> = fs::read_dir(&below).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["node.key"]);
    let other = tempfile::tempdir().unwrap();
    assert_ne!(Identity::load_or_create(other.path()).unwrap().node_id(), first.node_id());
}

#[test]
fn a_damaged_key_file_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    Identity::load_or_create(dir.path()).unwrap();
    let path = dir.path().join("node.key");
    let good = fs::read(&path).unwrap();
    let mut cases = vec![vec![], b"not a key".to_vec(), good[..good.len() - 1].to_vec(), vec![0; 2_000_000]];
    for at in [0, 20, good.len() - 1] {
        let mut bent = good.clone();
        bent[at] ^= 1;
        cases.push(bent);
    }
    for bytes in cases {
        fs::write(&path, &bytes).unwrap();
        let error = Identity::load_or_create(dir.path()).unwrap_err();
        assert!(matches!(error, IdentityError::Damaged { .. }), "{} bytes: {error}", bytes.len());
        assert!(fs::read(&path).unwrap() == bytes, "the file was touched");
    }
}

#[test]
fn a_directory_that_cannot_be_used_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Identity::load_or_create(&file).unwrap_err();
    assert!(matches!(error, IdentityError::Io { .. }), "{error}");
}

#[test]
fn what_a_crash_left_half_written_is_no_key() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("node.key.new"), "half a k").unwrap();
    Identity::load_or_create(dir.path()).unwrap();
    assert!(!dir.path().join("node.key.new").exists());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_key_and_a_key_open_to_others_is_closed() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.key");
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let made = Identity::load_or_create(dir.path()).unwrap();
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(Identity::load_or_create(dir.path()).unwrap().node_id(), made.node_id());
    assert_eq!(mode(), 0o600);
}

#[test]
fn the_secret_is_not_in_what_a_log_would_show() {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity::load_or_create(dir.path()).unwrap();
    let key = fs::read(dir.path().join("node.key")).unwrap();
    for shown in [
        format!("{identity:?}"),
        format!("{:?}", identity.server_config()),
        format!("{:?}", identity.client_config(None)),
    ] {
        // Any eight bytes of the file, as a list of numbers or as hexadecimal digits. The public half may be shown.
        let secret = &key[16..48];
        for eight in secret.windows(8) {
            let list = format!("{eight:?}");
            let hex: String = eight.iter().map(|byte| format!("{byte:02x}")).collect();
            let list = list.trim_matches(['[', ']']);
            assert!(!shown.contains(list) && !shown.to_lowercase().contains(&hex), "{shown}");
        }
    }
}
