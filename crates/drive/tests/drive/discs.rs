//! Discs behind the same doors as folders: listed, copied, saved whole, taken out and put back.

use crate::world::{MIB, Owner, Reader, SHARE, noise};
use http::Method;
use lanyard_drive::{
    consume::{Conflict, Reason, State},
    offer::{Medium, Mount, disc},
    wire::IMAGE,
};
use std::{fs, path::PathBuf, process::Command, sync::atomic::Ordering};

/// A disc in a drive of the owner's, as an image that stands in for it, and what is on it.
fn insert(owner: &Owner, label: &str) -> PathBuf {
    let source = owner.dir.path().join(format!("source of {label}"));
    fs::create_dir_all(source.join("photos/2004/summer")).unwrap();
    for n in 0..300_u64 {
        fs::write(source.join(format!("photos/2004/picture {n}.jpg")), noise(n as usize * 7, n)).unwrap();
    }
    fs::write(source.join("photos/2004/summer/film.mpg"), noise(5 * MIB + 3, 1)).unwrap();
    fs::write(source.join("Grüße.txt"), label).unwrap();
    let image = owner.dir.path().join(format!("{label}.iso"));
    let made = Command::new("genisoimage")
        .args([
            "-quiet",
            "-R",
            "-udf",
            "-J",
            "-V",
            label,
            "-o",
            image.to_str().unwrap(),
            source.to_str().unwrap(),
        ])
        .status();
    assert!(made.expect("genisoimage is needed (cargo xtask setup)").success());
    *owner.rules.root.lock().unwrap() = image.clone();
    *owner.rules.medium.lock().unwrap() = Medium::Disc(Some(disc::look(&image).unwrap().id));
    image
}

/// The content of everything below a folder.
fn contents(root: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let (mut all, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                all.push((name, fs::read(path).unwrap()));
            }
        }
    }
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disc_is_listed_and_copied_like_a_folder() {
    let owner = Owner::new();
    insert(&owner, "Summer");
    let reader = Reader::new(&owner);
    let (status, body) = reader.raw_get("list", "path=photos/2004").await;
    assert_eq!(status, 200);
    let page: lanyard_drive::wire::Page = serde_json::from_slice(&body).unwrap();
    assert_eq!((page.entries.len(), page.entries[0].name.as_str()), (301, "summer"));
    let copy = reader.get_tree("photos", Conflict::Refuse).await;
    reader.done(copy).await;
    let source = owner.dir.path().join("source of Summer");
    assert_eq!(contents(&reader.here().join("photos")), contents(&source.join("photos")));
    let text = reader.get("Grüße.txt", Conflict::Refuse).await;
    reader.done(text).await;
    assert_eq!(fs::read(reader.here().join("Grüße.txt")).unwrap(), b"Summer");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_saved_whole_and_goes_on_after_a_break() {
    let owner = Owner::new();
    let image = insert(&owner, "Whole");
    let mut reader = Reader::new(&owner);
    owner.slow(30);
    let copy = reader.get(IMAGE, Conflict::Refuse).await;
    reader.until(copy, "some of it", |copy| copy.bytes_done > 0).await;
    reader = reader.restart(&owner).await;
    owner.slow(0);
    reader.done(copy).await;
    assert!(fs::read(reader.here().join(IMAGE)).unwrap() == fs::read(&image).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_read_parts_of_the_whole_disc() {
    let owner = Owner::new();
    let image = fs::read(insert(&owner, "Raw")).unwrap();
    let reader = Reader::new(&owner);
    let uri = format!("/v1/drives/{SHARE}/raw");
    let empty = lanyard_link::body::empty;
    let (status, bytes) = reader.raw(Method::GET, &uri, &[("range", "bytes=32769-32773")], empty()).await;
    assert_eq!((status, &bytes[..]), (206, &b"CD001"[..]));
    let (status, bytes) = reader.raw(Method::GET, &uri, &[("range", "bytes=5000-9000000")], empty()).await;
    assert_eq!(status, 206);
    assert!(bytes == image[5_000..image.len().min(9_000_001)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_to_a_disc_whatever_the_rules_say() {
    let owner = Owner::new();
    let image = insert(&owner, "Fixed");
    let before = fs::read(&image).unwrap();
    let reader = Reader::new(&owner);
    for (method, verb) in [
        (Method::POST, "folder?path=new"),
        (Method::POST, "file?path=new"),
        (Method::DELETE, "file?path=Gr%C3%BC%C3%9Fe.txt"),
        (Method::POST, "move?path=photos&to=pictures"),
        (Method::DELETE, "file?path="),
    ] {
        let uri = format!("/v1/drives/{SHARE}/{verb}");
        let (status, _) = reader.raw(method, &uri, &[], lanyard_link::body::empty()).await;
        assert_eq!(status, 403, "{verb}");
    }
    assert!(fs::read(&image).unwrap() == before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_waits_while_the_disc_is_out_and_never_takes_from_another_one() {
    let owner = Owner::new();
    let image = insert(&owner, "First");
    let medium = *owner.rules.medium.lock().unwrap();
    let (whole, reader) = (fs::read(&image).unwrap(), Reader::new(&owner));
    owner.slow(30);
    let copy = reader.get(IMAGE, Conflict::Refuse).await;
    reader.until(copy, "some of it", |copy| copy.bytes_done > 0).await;
    *owner.rules.medium.lock().unwrap() = Medium::Disc(None);
    let waits = reader.until(copy, "it waits", |copy| copy.reason == Some(Reason::Away)).await;
    assert_eq!(waits.state, State::Waiting, "{waits:?}");
    // Another disc is put in, and the one who should have noticed has not.
    let other = insert(&owner, "Second");
    fs::copy(other, &image).unwrap();
    *owner.rules.root.lock().unwrap() = image.clone();
    *owner.rules.medium.lock().unwrap() = medium;
    reader.transfers.peer_is_back(owner.id);
    let (status, _) = reader.raw_get("list", "path=").await;
    assert_eq!(status, 503);
    reader.until(copy, "it still waits", |copy| copy.reason == Some(Reason::Away)).await;
    fs::write(&image, &whole).unwrap();
    owner.slow(0);
    reader.transfers.peer_is_back(owner.id);
    reader.done(copy).await;
    assert!(fs::read(reader.here().join(IMAGE)).unwrap() == whole);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_on_a_drive_is_served_only_from_the_mount_it_is_on() {
    let owner = Owner::new();
    owner.write("letter.txt", b"mine");
    let here = Mount::of(&owner.root()).expect("this system numbers mounts");
    let reader = Reader::new(&owner);
    let uri = format!("/v1/drives/{SHARE}/folder?path=new");
    for (mount, read, made) in [(Some(here), 200, 200), (Some(Mount(here.0 + 1)), 503, 503), (None, 503, 503)]
    {
        *owner.rules.medium.lock().unwrap() = Medium::Drive(mount);
        assert_eq!(reader.raw_get("file", "path=letter.txt").await.0, read, "{mount:?}");
        let answer = reader.raw(Method::POST, &uri, &[], lanyard_link::body::empty()).await;
        assert_eq!(answer.0, made, "{mount:?}");
    }
    assert!(owner.rules.shared.load(Ordering::SeqCst));
    assert_eq!(owner.names(), ["letter.txt", "new"], "nothing was made while it was away");
}
