//! What a person agreed to replace is replaced; what somebody has put in its place meanwhile is not.

use crate::world::{MIB, Owner, Reader, noise};
use lanyard_drive::{
    consume::{
        Conflict, Reason, RemoteError, State, Transfer,
        remote::{Taken, Terms},
    },
    path::SharePath,
    wire::Code,
};
use std::fs;

fn path(text: &str) -> SharePath {
    SharePath::parse(text).unwrap()
}

async fn seen(reader: &Reader, name: &str) -> Option<String> {
    let etag = reader.remote().stat(&path(name)).await.unwrap().etag;
    assert!(etag.is_some(), "a file has an entity tag");
    etag
}

fn assert_kept(copy: &Transfer) {
    assert_eq!((copy.state, copy.reason), (State::Failed, Some(Reason::Exists)), "{copy:?}");
    assert!(copy.detail.as_deref().unwrap_or_default().contains("meanwhile"), "{copy:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_replaces_what_was_seen_and_nothing_that_came_after_it() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    // One that goes at once, and one large enough to leave a part at the other side.
    for (name, new) in [("small", b"mine".to_vec()), ("large", noise(9 * MIB, 5))] {
        let source = reader.dir.path().join("source");
        fs::write(&source, &new).unwrap();
        owner.write(name, b"first");
        let first = seen(&reader, name).await;
        owner.write(name, b"second, by somebody else");
        let copy = reader.put_over(&source, name, Conflict::Replace, first).await;
        assert_kept(&reader.end(copy).await);
        assert_eq!(fs::read(owner.root().join(name)).unwrap(), b"second, by somebody else");

        // Asked again, with what is there now.
        let now = seen(&reader, name).await;
        reader.transfers.settle(copy, Conflict::Replace, now).await.unwrap();
        reader.done(copy).await;
        assert!(fs::read(owner.root().join(name)).unwrap() == new, "{name} was to be replaced");
    }
    assert_eq!(owner.names(), ["large", "small"], "nothing else is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_upload_keeps_both_when_that_is_what_was_decided() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    owner.write("a.txt", b"theirs");
    let source = reader.dir.path().join("source");
    fs::write(&source, b"mine").unwrap();
    let copy = reader.put(&source, "a.txt", Conflict::Refuse).await;
    assert_eq!(reader.end(copy).await.reason, Some(Reason::Exists));
    reader.transfers.settle(copy, Conflict::KeepBoth, None).await.unwrap();
    reader.done(copy).await;
    assert_eq!(fs::read(owner.root().join("a.txt")).unwrap(), b"theirs");
    assert_eq!(fs::read(owner.root().join("a (2).txt")).unwrap(), b"mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_replaces_no_file_that_was_written_to_while_it_came() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let content = noise(9 * MIB, 6);
    owner.write("a.bin", &content);
    let here = reader.here().join("a.bin");
    fs::write(&here, b"old").unwrap();
    owner.slow(50);
    let copy = reader.get("a.bin", Conflict::Replace).await;
    fs::write(&here, b"my work of this very minute").unwrap();
    assert_kept(&reader.end(copy).await);
    assert_eq!(fs::read(&here).unwrap(), b"my work of this very minute");

    owner.slow(0);
    reader.transfers.settle(copy, Conflict::Replace, None).await.unwrap();
    reader.done(copy).await;
    assert!(fs::read(&here).unwrap() == content, "what was there when it was asked again makes way");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_way_for_a_move_or_a_copy_is_what_was_seen() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    for (way, word) in [(true, "moved"), (false, "copied")] {
        let (from, to) = (format!("{word} from"), format!("{word} to"));
        owner.write(&from, b"new");
        owner.write(&to, b"first");
        let first = seen(&reader, &to).await;
        owner.write(&to, b"second, by somebody else");
        let remote = reader.remote();
        let go = async |replaces: Option<String>| {
            let (from, to) = (path(&from), path(&to));
            let terms = Terms { replaces: replaces.as_deref(), ..Terms::settled() };
            match way {
                true => remote.rename(&from, &to, Taken::Bin, terms).await.map(drop),
                false => remote.copy(&from, &to, Taken::Bin, terms).await.map(drop),
            }
        };
        let refused = go(first).await;
        assert!(matches!(refused, Err(RemoteError::Refused(Code::Changed))), "{word}: {refused:?}");
        assert_eq!(fs::read(owner.root().join(&to)).unwrap(), b"second, by somebody else", "{word}");
        assert_eq!(fs::read(owner.root().join(&from)).unwrap(), b"new", "{word}");
        assert!(reader.remote().bin().await.unwrap().things.iter().all(|thing| thing.path != to), "{word}");

        let now = seen(&reader, &to).await;
        go(now).await.unwrap();
        assert_eq!(fs::read(owner.root().join(&to)).unwrap(), b"new", "{word}");
        let bin = reader.remote().bin().await.unwrap();
        assert!(bin.things.iter().any(|thing| thing.path == to), "{word}: what made way can be had back");
    }
}
