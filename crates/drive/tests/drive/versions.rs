//! What a person agreed to replace is replaced; what somebody has put in its place meanwhile is not.

use crate::world::{MIB, Owner, Reader, noise};
use lanyard_drive::{
    consume::{
        Conflict, Fate, Reason, RemoteError, State, Transfer,
        remote::{Taken, Terms},
    },
    path::SharePath,
    wire::Code,
};
use std::{fs, path::Path};

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
async fn an_upload_replaces_nothing_that_got_the_name_while_it_was_on_its_way() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    for (name, begins, new) in [
        ("small", "PUT file?path=small", b"mine".to_vec()),
        ("large", "PUT file?path=large", noise(9 * MIB, 5)),
    ] {
        let source = reader.dir.path().join("source");
        fs::write(&source, &new).unwrap();
        owner.write(name, b"first");
        let first = seen(&reader, name).await;
        fs::remove_file(owner.root().join(name)).unwrap();
        let there = owner.root().join(name);
        owner.meanwhile(begins, move || fs::write(there, "somebody's").unwrap());
        let copy = reader.put_over(&source, name, Conflict::Replace, first).await;
        assert_kept(&reader.end(copy).await);
        assert!(owner.was_meanwhile());
        assert_eq!(fs::read(owner.root().join(name)).unwrap(), b"somebody's");

        let now = seen(&reader, name).await;
        reader.transfers.settle(copy, Conflict::Replace, now).await.unwrap();
        reader.done(copy).await;
        assert!(fs::read(owner.root().join(name)).unwrap() == new, "{name} was to be replaced");
    }
    assert_eq!(owner.names(), ["large", "small"], "nothing else is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_may_replace_anything_replaces_what_is_there_when_it_first_looks() {
    let owner = Owner::new();
    let mut reader = Reader::new(&owner);
    let source = reader.dir.path().join("source");
    fs::write(&source, b"mine").unwrap();
    for before in [None, Some("first")] {
        if let Some(before) = before {
            owner.write("a", before.as_bytes());
        }
        let there = owner.root().join("a");
        owner.meanwhile("PUT file?path=a", move || fs::write(there, "somebody's").unwrap());
        let copy = reader.put(&source, "a", Conflict::Replace).await;
        assert_kept(&reader.end(copy).await);
        assert!(owner.was_meanwhile());
        // Another try, and after another start, too, is for the same that was seen first.
        reader = reader.restart(&owner).await;
        reader.transfers.retry(copy).await.unwrap();
        assert_kept(&reader.end(copy).await);
        assert_eq!(fs::read(owner.root().join("a")).unwrap(), b"somebody's", "{before:?}");

        reader.transfers.settle(copy, Conflict::Replace, None).await.unwrap();
        reader.done(copy).await;
        assert_eq!(fs::read(owner.root().join("a")).unwrap(), b"mine", "{before:?}");
        fs::remove_file(owner.root().join("a")).unwrap();
    }
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

/// A folder with one small file and one that goes by itself, and others of the same names where it goes to.
fn tree(from: &Path, to: &Path) {
    fs::create_dir_all(from.join("in")).unwrap();
    fs::create_dir_all(to.join("in")).unwrap();
    fs::write(from.join("in/small"), "new").unwrap();
    fs::write(from.join("in/large"), noise(9 * MIB, 7)).unwrap();
    fs::write(from.join("in/other"), "new, too").unwrap();
    fs::write(from.join("in/added"), "nothing like that was there").unwrap();
    for name in ["small", "large", "other"] {
        fs::write(to.join("in").join(name), "old").unwrap();
    }
}

fn read(root: &Path, name: &str) -> String {
    fs::read_to_string(root.join("in").join(name)).unwrap_or_default()
}

/// Only these files of the folder were not replaced, and it is for a person to say what becomes of them.
async fn assert_asked(reader: &Reader, copy: &Transfer, names: &[&str]) {
    assert_eq!((copy.state, copy.reason), (State::Failed, Some(Reason::Exists)), "{copy:?}");
    let notes = reader.transfers.notes(copy.id).await.unwrap();
    let failed = notes.iter().filter(|note| note.fate == Fate::Failed);
    let failed: Vec<_> = failed.map(|note| (note.path.as_str(), note.reason)).collect();
    let names: Vec<String> = names.iter().map(|name| format!("in/{name}")).collect();
    let expected: Vec<_> = names.iter().map(|name| (name.as_str(), Some(Reason::Exists))).collect();
    assert_eq!(failed, expected);
    assert!(notes.iter().all(|note| note.detail.as_deref().is_some_and(|words| words.contains("meanwhile"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_brought_replaces_no_file_that_somebody_changed_meanwhile() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let (source, there) = (reader.dir.path().join("tree"), owner.root().join("tree"));
    tree(&source, &there);
    let others = there.clone();
    // After the copy has looked, before its first file arrives.
    owner.meanwhile("PUT batch?conflict=replace", move || {
        fs::write(others.join("in/small"), "somebody's work").unwrap();
        fs::write(others.join("in/added"), "somebody's, too").unwrap();
        fs::write(others.join("in/large"), "and this").unwrap();
    });
    let copy = reader.put(&source, "tree", Conflict::Replace).await;
    let ended = reader.end(copy).await;
    assert!(owner.was_meanwhile());
    assert_asked(&reader, &ended, &["added", "large", "small"]).await;
    let kept = ["small", "added", "large", "other"].map(|name| read(&there, name));
    assert_eq!(kept, ["somebody's work", "somebody's, too", "and this", "new, too"]);

    // While the large one is on its way, when it was looked at for the last time.
    let others = there.clone();
    owner.meanwhile("PUT file?path=tree", move || fs::write(others.join("in/large"), "again").unwrap());
    reader.transfers.settle(copy, Conflict::Replace, None).await.unwrap();
    let ended = reader.end(copy).await;
    assert!(owner.was_meanwhile());
    assert_asked(&reader, &ended, &["large"]).await;
    let now = ["small", "added", "large"].map(|name| read(&there, name));
    assert_eq!(
        now,
        ["new", "nothing like that was there", "again"],
        "what was there when it was decided makes way"
    );

    reader.transfers.settle(copy, Conflict::KeepBoth, None).await.unwrap();
    reader.done(copy).await;
    assert_eq!(read(&there, "large"), "again");
    assert!(fs::read(there.join("in/large (2)")).unwrap() == noise(9 * MIB, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_comes_replaces_no_file_that_somebody_changed_meanwhile() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let here = reader.here().join("tree");
    tree(&owner.root().join("tree"), &here);
    let mine = here.clone();
    owner.meanwhile("POST batch", move || {
        fs::write(mine.join("in/small"), "my work").unwrap();
        fs::write(mine.join("in/added"), "mine, too").unwrap();
    });
    let copy = reader.get_tree("tree", Conflict::Replace).await;
    let ended = reader.end(copy).await;
    assert!(owner.was_meanwhile());
    assert_asked(&reader, &ended, &["added", "small"]).await;
    assert_eq!(
        ["small", "added", "other"].map(|name| read(&here, name)),
        ["my work", "mine, too", "new, too"]
    );
    assert!(fs::read(here.join("in/large")).unwrap() == noise(9 * MIB, 7), "the rest came");

    // The original of the large one is another by now, and this one is written to while it comes.
    fs::write(owner.root().join("tree/in/large"), noise(9 * MIB, 8)).unwrap();
    let mine = here.clone();
    owner.meanwhile("GET file?path=tree", move || fs::write(mine.join("in/large"), "and this").unwrap());
    reader.transfers.settle(copy, Conflict::Replace, None).await.unwrap();
    let ended = reader.end(copy).await;
    assert!(owner.was_meanwhile());
    assert_asked(&reader, &ended, &["large"]).await;
    assert_eq!(["small", "large"].map(|name| read(&here, name)), ["new", "and this"]);
    assert_eq!(fs::read_dir(here.join("in")).unwrap().count(), 4, "nothing hidden is left");

    reader.transfers.settle(copy, Conflict::Skip, None).await.unwrap();
    reader.done(copy).await;
    assert_eq!(read(&here, "large"), "and this");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_waits_for_its_device_replaces_nothing_that_was_written_here_meanwhile() {
    let mut owner = Owner::new();
    let reader = Reader::new(&owner);
    let here = reader.here().join("tree");
    tree(&owner.root().join("tree"), &here);
    owner.stop().await;
    let copy = reader.get_tree("tree", Conflict::Replace).await;
    let waits = |copy: &Transfer| copy.reason == Some(Reason::PeerUnreachable);
    reader.until(copy, "it to wait", waits).await;
    fs::write(here.join("in/small"), "my work").unwrap();
    owner.start();
    reader.peers.learn(owner.id, vec![owner.address()]);
    reader.transfers.peer_is_back(owner.id);
    let ended = reader.end(copy).await;
    assert_asked(&reader, &ended, &["small"]).await;
    assert_eq!(["small", "other"].map(|name| read(&here, name)), ["my work", "new, too"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_goes_on_later_replaces_what_was_there_when_it_began_and_what_it_brought_itself() {
    let owner = Owner::new();
    let mut reader = Reader::new(&owner);
    let (source, there) = (reader.dir.path().join("tree"), owner.root().join("tree"));
    tree(&source, &there);
    let rules = owner.rules.clone();
    // The small ones have landed when the permission goes.
    owner.meanwhile("PUT file?path=tree", move || {
        rules.write.store(false, std::sync::atomic::Ordering::SeqCst)
    });
    let copy = reader.put(&source, "tree", Conflict::Replace).await;
    assert_eq!(reader.end(copy).await.reason, Some(Reason::NotAllowed));
    assert_eq!(["small", "large"].map(|name| read(&there, name)), ["new", "old"]);

    // Overnight: somebody works on what is to be replaced, and the originals go on, too.
    reader = reader.restart(&owner).await;
    fs::write(there.join("in/large"), "somebody's work").unwrap();
    fs::write(there.join("in/other"), "on what was brought").unwrap();
    fs::write(source.join("in/small"), "newer").unwrap();
    owner.rules.write.store(true, std::sync::atomic::Ordering::SeqCst);
    reader.transfers.retry(copy).await.unwrap();
    let ended = reader.end(copy).await;
    assert_asked(&reader, &ended, &["large", "other"]).await;
    let now = ["small", "large", "other"].map(|name| read(&there, name));
    assert_eq!(now, ["newer", "somebody's work", "on what was brought"], "its own it may replace");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_to_make_way_for_something_that_cannot_come_has_its_name_again() {
    let owner = Owner::new();
    fs::create_dir_all(owner.root().join("folder")).unwrap();
    owner.write("folder/inside", b"inside");
    let reader = Reader::new(&owner);
    let remote = reader.remote();
    let (folder, inside) = (path("folder"), path("folder/inside"));
    let moved = remote.rename(&folder, &inside, Taken::Bin, Terms::settled()).await;
    assert!(matches!(moved, Err(RemoteError::Refused(Code::Invalid))), "{moved:?}");
    assert_eq!(fs::read(owner.root().join("folder/inside")).unwrap(), b"inside");
    assert!(remote.bin().await.unwrap().things.is_empty());
    owner.write("new", b"new");
    let moved = remote.rename(&path("new"), &inside, Taken::Bin, Terms::settled()).await.unwrap();
    let bin = remote.bin().await.unwrap().things;
    assert_eq!(moved.made_way.as_ref(), bin.first().map(|thing| &thing.id), "it is said where it is");
}
