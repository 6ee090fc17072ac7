//! What was removed or replaced: where it is then, and what becomes of whoever has it open.

use super::{ESTALE, Here, visible};
use crate::world::{Owner, Reader};
use std::{
    fs::{self, File},
    io::{ErrorKind, Write},
    os::unix::fs::FileExt,
    time::Duration,
};

/// The paths that things in the bin had, with what is in them.
fn binned(owner: &Owner) -> Vec<(String, String)> {
    let Ok(bin) = fs::read_dir(owner.root().join(".lanyard-bin")) else { return Vec::new() };
    let mut things: Vec<_> = bin
        .map(|place| {
            let place = place.unwrap().path();
            let about: serde_json::Value =
                serde_json::from_slice(&fs::read(place.join("about")).unwrap()).unwrap();
            let path = about["path"].as_str().unwrap().to_owned();
            (path, fs::read_to_string(place.join("item")).unwrap())
        })
        .collect();
    things.sort();
    things
}

fn things(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(path, content)| ((*path).to_owned(), (*content).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_was_saved_by_a_rename_and_is_removed_then_goes_to_the_bin() {
    let owner = Owner::new();
    owner.write("thesis", b"as of yesterday");
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    here.program(|dir| {
        for version in ["first", "second"] {
            fs::write(dir.join("temporary"), version).unwrap();
            fs::rename(dir.join("temporary"), dir.join("thesis")).unwrap();
        }
        fs::remove_file(dir.join("thesis")).unwrap();
    })
    .await;
    here.end().await;
    assert_eq!(visible(&owner), [""; 0]);
    assert_eq!(binned(&owner), things(&[("thesis", "second")]), "not each version that was saved");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_has_written_goes_to_the_bin_whoever_made_the_file() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let root = owner.root();
    here.program(move |dir| {
        for name in ["known", "unknown"] {
            fs::write(dir.join(name), "mine").unwrap();
            fs::write(root.join(name), "somebody else's").unwrap();
        }
        assert_eq!(fs::read(dir.join("known")).unwrap(), b"somebody else's");
        for name in ["known", "unknown"] {
            fs::remove_file(dir.join(name)).unwrap();
        }
    })
    .await;
    here.end().await;
    assert_eq!(binned(&owner), things(&[("known", "somebody else's"), ("unknown", "somebody else's")]),);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_file_open_does_not_write_into_another_one_that_is_removed_or_moved_in_its_place() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let root = owner.root();
    here.program(move |dir| {
        for name in ["removed", "replaced", "moved"] {
            fs::write(root.join(name), "old").unwrap();
            let file = File::options().write(true).open(dir.join(name)).unwrap();
            fs::write(root.join("new"), "somebody else's").unwrap();
            fs::rename(root.join("new"), root.join(name)).unwrap();
            match name {
                "removed" => fs::remove_file(dir.join(name)).unwrap(),
                "replaced" => {
                    fs::write(dir.join("mine"), "mine").unwrap();
                    fs::rename(dir.join("mine"), dir.join(name)).unwrap();
                }
                _ => fs::rename(dir.join(name), dir.join("elsewhere")).unwrap(),
            }
            let written = file.write_all_at(b"XXX", 0).and_then(|()| file.sync_all());
            assert_eq!(written.unwrap_err().raw_os_error(), Some(ESTALE), "{name}");
        }
    })
    .await;
    here.end().await;
    assert_eq!(fs::read(owner.root().join("replaced")).unwrap(), b"mine");
    assert_eq!(fs::read(owner.root().join("elsewhere")).unwrap(), b"somebody else's");
    assert_eq!(binned(&owner), things(&[("removed", "somebody else's"), ("replaced", "somebody else's")]),);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_open_keeps_its_name_when_what_was_to_replace_it_is_gone() {
    let owner = Owner::new();
    owner.write("target", b"target");
    owner.write("source", b"source");
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    let source = owner.root().join("source");
    owner.meanwhile("POST move", move || fs::remove_file(source).unwrap());
    here.program(|dir| {
        let mut file = File::options().read(true).append(true).open(dir.join("target")).unwrap();
        let failed = fs::rename(dir.join("source"), dir.join("target")).unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::NotFound);
        assert_eq!(fs::read(dir.join("target")).unwrap(), b"target");
        file.write_all(b", and more").unwrap();
    })
    .await;
    assert!(owner.was_meanwhile());
    here.end().await;
    assert_eq!(fs::read(owner.root().join("target")).unwrap(), b"target, and more");
    assert_eq!(binned(&owner), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_meant_to_stay_is_gone_when_the_drive_is_unmounted() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let here = Here::new(&reader).await;
    // Nobody waits for what the other computer does once a file is closed; it takes its time.
    owner.meanwhile("DELETE bin", || std::thread::sleep(Duration::from_millis(500)));
    here.program(|dir| {
        let file = File::create(dir.join("passing")).unwrap();
        fs::remove_file(dir.join("passing")).unwrap();
        drop(file);
    })
    .await;
    here.end().await;
    assert!(owner.was_meanwhile(), "it was asked for before the drive was let go of");
    // On a busy computer the answer comes after nobody waits for it any more.
    let bin = owner.root().join(".lanyard-bin");
    for _ in 0..200 {
        if fs::read_dir(&bin).unwrap().count() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(binned(&owner), []);
}
