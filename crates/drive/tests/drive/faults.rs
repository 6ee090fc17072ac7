use crate::world::{MIB, Owner, Reader, SHARE, names, noise};
use http::Method;
use lanyard_drive::consume::{Conflict, Reason, State, Transfer};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::Ordering,
    time::Duration,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lies_is_found_out_and_nothing_of_it_kept() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    for size in [100, 9 * MIB + 7] {
        owner.write("a.bin", &noise(size, 1));
        owner.way.lies.store(u32::MAX, Ordering::SeqCst);
        let copy = reader.end(reader.get("a.bin", Conflict::Refuse).await).await;
        assert_eq!((copy.state, copy.reason), (State::Failed, Some(Reason::Mismatch)), "{size}: {copy:?}");
        assert_eq!(names(&reader.here()), [""; 0], "{size}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_that_came_wrong_is_fetched_again() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let content = noise(30 * MIB, 2);
    owner.write("a.bin", &content);
    owner.way.lies.store(2, Ordering::SeqCst);
    let id = reader.get("a.bin", Conflict::Refuse).await;
    reader.done(id).await;
    assert!(fs::read(reader.here().join("a.bin")).unwrap() == content);
    assert_eq!(owner.way.lies.load(Ordering::SeqCst), 0, "the lies were told");
    let again = owner.content_sent() - content.len() as u64;
    assert!(again > 0 && again <= 2 * MIB as u64, "only the wrong pieces were fetched again: {again} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_goes_on_where_it_was_when_the_owner_comes_back() {
    let mut owner = Owner::new();
    let reader = Reader::new(&owner);
    let content = noise(24 * MIB, 3);
    owner.write("a.bin", &content);
    owner.slow(30);
    let id = reader.get("a.bin", Conflict::Refuse).await;
    reader.until(id, "half", |copy| copy.bytes_done > 10 * MIB as u64).await;
    // A listener that closes lets requests end for a moment; these do not.
    owner.slow(5_000);
    owner.stop().await;
    let copy = reader.until(id, "waiting", |copy| copy.state == State::Waiting).await;
    assert_eq!(copy.reason, Some(Reason::PeerUnreachable), "{copy:?}");
    assert!(!reader.here().join("a.bin").exists(), "nothing has the final name yet");
    let (sent, had) = (owner.content_sent(), copy.bytes_done);
    assert!(had > 10 * MIB as u64 && had < content.len() as u64);
    owner.slow(0);
    owner.start();
    reader.peers.learn(owner.id, vec![owner.address()]);
    reader.transfers.peer_is_back(owner.id);
    reader.done(id).await;
    assert!(fs::read(reader.here().join("a.bin")).unwrap() == content);
    let fetched = owner.content_sent() - sent;
    // What was on its way to the disk when the connection broke need not be counted as received, yet is not lost.
    assert!(fetched <= content.len() as u64 - had, "{fetched} bytes were fetched, {had} were here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_goes_on_where_it_was_when_the_reader_starts_again() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let content = noise(24 * MIB, 4);
    owner.write("a.bin", &content);
    owner.slow(30);
    let id = reader.get("a.bin", Conflict::Refuse).await;
    let had = reader.until(id, "half", |copy| copy.bytes_done > 10 * MIB as u64).await.bytes_done;
    owner.slow(0);
    let before = owner.content_sent();
    let reader = reader.restart(&owner).await;
    reader.done(id).await;
    assert!(fs::read(reader.here().join("a.bin")).unwrap() == content);
    assert_eq!(names(&reader.here()), ["a.bin"]);
    let fetched = owner.content_sent() - before;
    let slack = 6 * MIB as u64; // under way at that moment
    assert!(
        fetched <= content.len() as u64 - had + slack,
        "{fetched} bytes were fetched after {had} were here"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_disk_lost_meanwhile_is_noticed_and_fetched_again() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let content = noise(40 * MIB, 5);
    owner.write("a.bin", &content);
    owner.slow(30);
    let id = reader.get("a.bin", Conflict::Refuse).await;
    reader.until(id, "half", |copy| copy.bytes_done > 5 * MIB as u64).await;
    owner.rules.shared.store(false, Ordering::SeqCst);
    assert_eq!(reader.end(id).await.state, State::Failed);
    owner.slow(0);
    let part = reader.here().join(&names(&reader.here())[0]);
    let mut bytes = fs::read(&part).unwrap();
    bytes[MIB + 5] ^= 1;
    fs::write(&part, bytes).unwrap();
    owner.rules.shared.store(true, Ordering::SeqCst);
    reader.transfers.retry(id).await;
    reader.done(id).await;
    assert!(fs::read(reader.here().join("a.bin")).unwrap() == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_while_it_is_copied_is_never_mixed() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let (old, new) = (noise(16 * MIB, 6), noise(15 * MIB, 7));
    owner.write("a.bin", &old);
    owner.slow(40);
    let id = reader.get("a.bin", Conflict::Refuse).await;
    reader.until(id, "under way", |copy| copy.bytes_done > 4 * MIB as u64).await;
    owner.write("a.bin", &new);
    owner.slow(0);
    reader.done(id).await;
    assert!(fs::read(reader.here().join("a.bin")).unwrap() == new, "the new one, whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_taken_back_cuts_the_copy() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    owner.write("a.bin", &noise(40 * MIB, 8));
    owner.slow(20);
    let id = reader.get("a.bin", Conflict::Refuse).await;
    reader.until(id, "under way", |copy| copy.bytes_done > 4 * MIB as u64).await;
    owner.rules.shared.store(false, Ordering::SeqCst);
    let before = owner.content_sent();
    let copy = reader.end(id).await;
    assert_eq!((copy.state, copy.reason), (State::Failed, Some(Reason::NotFound)), "{copy:?}");
    let after = owner.content_sent() - before;
    assert!(after <= 16 * MIB as u64, "{after} bytes left after the share was taken back");
    assert!(!reader.here().join("a.bin").exists());
}

/// A disk of eight megabytes; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn at(path: &Path) -> Self {
        fs::create_dir_all(path).unwrap();
        let output =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(path).output().unwrap();
        let reason = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "this test needs the right to mount a small disk: {reason}");
        Self(path.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_here_holds_the_copy_which_goes_on_by_itself_when_there_is_room() {
    let owner = Owner::new();
    let mut reader = Reader::new(&owner);
    let disk = SmallDisk::at(&reader.dir.path().join("disk"));
    owner.write("large.bin", &noise(9 * MIB, 9));
    let copy = reader.end(reader.get_into("large.bin", &disk.0, Conflict::Refuse).await).await;
    assert_eq!((copy.state, copy.reason), (State::Failed, Some(Reason::DiskFull)), "{copy:?}");
    assert_eq!(owner.content_sent(), 0, "seen before the first byte");
    assert_eq!(names(&disk.0), [""; 0], "it is larger than the disk, so nothing is waited for");

    let content = noise(6 * MIB, 10);
    owner.write("fits.bin", &content);
    owner.slow(60);
    let id = reader.get_into("fits.bin", &disk.0, Conflict::Refuse).await;
    reader.until(id, "under way", |copy| copy.bytes_done >= MIB as u64).await;
    let filler = disk.0.join("filler");
    let _ = fs::write(&filler, noise(8 * MIB, 0));
    let waits = |copy: &Transfer| (copy.state, copy.reason) == (State::Waiting, Some(Reason::DiskFull));
    reader.until(id, "waiting for room", waits).await;
    assert!(!disk.0.join("fits.bin").exists());
    // Another one, for which there is no room from its beginning; and a night without the computer.
    owner.write("later.bin", &noise(MIB, 11));
    let later = reader.get_into("later.bin", &disk.0, Conflict::Refuse).await;
    reader.until(later, "waiting for room", waits).await;
    reader = reader.restart(&owner).await;
    owner.slow(0);
    let sent = owner.content_sent();
    fs::remove_file(filler).unwrap();
    reader.done(id).await;
    reader.done(later).await;
    assert!(fs::read(disk.0.join("fits.bin")).unwrap() == content);
    assert!(
        owner.content_sent() - sent < (content.len() + MIB) as u64,
        "what was here was not fetched again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_there_refuses_and_keeps_nothing() {
    let owner = Owner::new();
    let reader = Reader::new(&owner);
    let disk = SmallDisk::at(&owner.dir.path().join("disk"));
    owner.rules.root.lock().unwrap().clone_from(&disk.0);
    let source = reader.dir.path().join("large.bin");
    fs::write(&source, noise(9 * MIB, 11)).unwrap();
    let copy = reader.end(reader.put(&source, "large.bin", Conflict::Refuse).await).await;
    assert_eq!((copy.state, copy.reason), (State::Failed, Some(Reason::DiskFull)), "{copy:?}");
    assert_eq!(owner.names(), [""; 0]);

    // It fills up while bytes come: what was announced fits, and then somebody else takes the room.
    let content = noise(6 * MIB, 12);
    let (sender, body) = lanyard_link::body::channel(1);
    let feeder = {
        let (content, root) = (content.clone(), owner.root());
        tokio::spawn(async move {
            sender.send(content[..2 * MIB].to_vec()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
            let _ = fs::write(root.join("filler"), noise(8 * MIB, 0));
            let _ = sender.send(content[2 * MIB..].to_vec()).await;
            let _ = sender.send(blake3::hash(&content).as_bytes().to_vec()).await;
            let _ = sender.finish().await;
        })
    };
    let uri = format!("/v1/drives/{SHARE}/file?path=fits.bin");
    let (status, answer) =
        reader.raw(Method::PUT, &uri, &[("lanyard-size", &content.len().to_string())], body).await;
    feeder.await.unwrap();
    assert_eq!(status, 507, "{}", String::from_utf8_lossy(&answer));
    assert_eq!(owner.names(), ["filler"], "nothing of it is left");
}
