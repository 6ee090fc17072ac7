//! A shared folder in which a drive of another computer is mounted: that drive is not passed on, at any door, and nothing
//! of it is removed with the folder around it.

use super::Here;
use crate::world::{Owner, Reader};
use lanyard_drive::{
    consume::{
        Conflict, RemoteError, State,
        remote::{Taken, Terms, Which},
    },
    path::SharePath,
    wire::{Code, Kind},
};
use std::{
    fs,
    time::{Duration, Instant},
};

fn path(text: &str) -> SharePath {
    SharePath::parse(text).unwrap()
}

fn refused<T: std::fmt::Debug>(what: &str, result: Result<T, RemoteError>) {
    match result {
        Err(RemoteError::Refused(Code::Special | Code::Unreadable | Code::Exists | Code::WrongKind)) => {}
        other => panic!("{what}: {other:?}"),
    }
}

/// `ben` shares a folder; it is mounted in the folder that `carol` shares, and `dora` looks at hers.
struct Around {
    ben: Owner,
    carol: Owner,
    here: Here,
    dora: Reader,
}

impl Around {
    async fn new() -> Self {
        let ben = Owner::new();
        ben.write("letter", b"for carol alone");
        fs::create_dir(ben.root().join("inside")).unwrap();
        let carol = Owner::new();
        fs::create_dir_all(carol.root().join("holder/mounted")).unwrap();
        carol.write("own", b"carol's");
        let at = Reader::new(&ben);
        let here = Here::at(&at, &carol.root().join("holder/mounted")).await;
        let dora = Reader::new(&carol);
        Self { ben, carol, here, dora }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mounted_drive_is_not_passed_on() {
    let around = Around::new().await;
    let remote = around.dora.remote();
    let (mounted, letter) = (path("holder/mounted"), path("holder/mounted/letter"));
    let listed = remote.list(&path("holder"), None).await.unwrap().entries;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].name.as_str(), listed[0].kind), ("mounted", Kind::Other), "it is there, and shut");
    assert_eq!(remote.stat(&mounted).await.unwrap().kind, Kind::Other);
    refused("list", remote.list(&mounted, None).await);
    refused("stat", remote.stat(&letter).await);
    refused("manifest", remote.manifest(&letter).await);
    refused("make a folder", remote.make_folder(&path("holder/mounted/new"), Terms::settled()).await);
    refused("make a file", remote.make_file(&path("holder/mounted/new"), false, Terms::settled()).await);
    refused("remove a file", remote.remove(&letter, Which::Any, false, Terms::settled()).await);
    for (from, to) in [
        ("holder/mounted/letter", "stolen"),
        ("holder/mounted", "stolen"),
        ("own", "holder/mounted/letter"),
        ("own", "holder/mounted/new"),
        ("own", "holder/mounted"),
    ] {
        let what = format!("{from} to {to}");
        for taken in [Taken::Refuse, Taken::Replace, Taken::Bin] {
            refused(&what, remote.rename(&path(from), &path(to), taken, Terms::settled()).await);
            refused(&what, remote.copy(&path(from), &path(to), taken, Terms::settled()).await);
        }
    }
    // Copied as a whole, the folder comes without what is mounted in it.
    let copied = remote.copy(&path("holder"), &path("copy"), Taken::Refuse, Terms::settled()).await.unwrap();
    assert_eq!(copied.left_out, 1, "{copied:?}");
    assert_eq!(fs::read_dir(around.carol.root().join("copy")).unwrap().count(), 0);
    let copy = around.dora.get_tree("holder", Conflict::Refuse).await;
    around.dora.end(copy).await;
    assert!(!around.dora.here().join("holder/mounted/letter").exists());
    let brought = around.dora.here().join("brought");
    fs::create_dir_all(brought.join("mounted")).unwrap();
    fs::write(brought.join("mounted/planted"), "planted").unwrap();
    let copy = around.dora.put(&brought, "holder", Conflict::Replace).await;
    assert_ne!(around.dora.end(copy).await.state, State::Done);
    assert_eq!(around.ben.names(), ["inside", "letter"]);
    around.here.end().await;
    // What was hidden by it is carol's own and shared as before.
    assert_eq!(remote.stat(&mounted).await.unwrap().kind, Kind::Folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_the_folder_around_a_mounted_drive_leaves_its_files_alone() {
    let around = Around::new().await;
    let remote = around.dora.remote();
    for into_bin in [true, false] {
        for removed in ["holder", "holder/mounted"] {
            let result = remote.remove(&path(removed), Which::Any, into_bin, Terms::settled()).await;
            refused(&format!("{removed}, bin: {into_bin}"), result);
        }
    }
    assert_eq!(fs::read(around.ben.root().join("letter")).unwrap(), b"for carol alone");
    around.here.end().await;
    remote.remove(&path("holder"), Which::Any, true, Terms::settled()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_that_is_a_mounted_drive_itself_offers_nothing() {
    let around = Around::new().await;
    *around.carol.rules.root.lock().unwrap() = around.carol.root().join("holder/mounted");
    let remote = around.dora.remote();
    refused("list", remote.list(&SharePath::top(), None).await);
    refused("stat", remote.stat(&path("letter")).await);
    around.here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_the_computer_behind_a_drive_that_is_mounted_in_a_share() {
    let mut around = Around::new().await;
    around.ben.stop().await;
    // What the kernel knew of it is out of date by now, so that it would ask.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let begun = Instant::now();
    let listed = around.dora.remote().list(&path("holder"), None).await.unwrap();
    assert_eq!(listed.entries.len(), 1);
    refused("list", around.dora.remote().list(&path("holder/mounted"), None).await);
    assert!(begun.elapsed() < Duration::from_secs(3), "it waited for {:?}", begun.elapsed());
    around.here.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_computers_that_mount_each_other_in_what_they_share_do_not_go_round_in_circles() {
    let (ben, carol) = (Owner::new(), Owner::new());
    for owner in [&ben, &carol] {
        owner.write("own", b"own");
        fs::create_dir(owner.root().join("other")).unwrap();
    }
    let (at_ben, at_carol) = (Reader::new(&carol), Reader::new(&ben));
    let first = Here::at(&at_ben, &ben.root().join("other")).await;
    let second = Here::at(&at_carol, &carol.root().join("other")).await;
    let mut names = first
        .program(|dir| {
            let found = std::process::Command::new("find").arg(dir).output().unwrap();
            String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .await;
    names.sort();
    assert_eq!(names.len(), 3, "the top, a file, and a name that leads no further: {names:?}");
    first.end().await;
    second.end().await;
}
