//! Several devices that hold the same content serve one copy.

use crate::world::{MIB, Owner, Reader, SHARE, noise};
use lanyard_drive::consume::{Conflict, Source};
use lanyard_trust::ShareId;
use std::{fs, sync::atomic::Ordering};

/// The first owner, two more that hold the same file elsewhere in their folders, and a reader that may ask all of them.
fn three(content: &[u8]) -> (Owner, [Owner; 2], Reader) {
    let first = Owner::new();
    let others = [Owner::new(), Owner::new()];
    first.write("film.bin", content);
    for other in &others {
        fs::create_dir_all(other.root().join("films/old")).unwrap();
        other.write("films/old/film.bin", content);
    }
    let reader = Reader::new(&first);
    let sources: Vec<Source> = others
        .iter()
        .map(|other| {
            reader.peers.learn(other.id, vec![other.address()]);
            let device_name = other.id.to_string();
            Source { node: other.id, device_name, share: ShareId(SHARE.to_owned()) }
        })
        .collect();
    reader.transfers.ask_also(Box::new(move || sources.clone()));
    (first, others, reader)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_devices_share_the_work() {
    let content = noise(60 * MIB, 1);
    let (first, others, reader) = three(&content);
    // So slow that the others are heard of before it is done.
    first.slow(400);
    let id = reader.get("film.bin", Conflict::Refuse).await;
    let begun = |owner: &Owner| owner.content_sent() >= 2 * MIB as u64;
    reader.until(id, "the others", |_| others.iter().all(begun)).await;
    first.slow(0);
    reader.done(id).await;
    assert!(fs::read(reader.here().join("film.bin")).unwrap() == content, "the copy is different");
    for (who, owner) in [("first", &first), ("second", &others[0]), ("third", &others[1])] {
        let sent = owner.content_sent();
        assert!(sent >= 2 * MIB as u64, "the {who} one sent {sent} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_sends_wrong_pieces_is_named_and_the_copy_is_right() {
    let content = noise(60 * MIB, 2);
    let (first, others, reader) = three(&content);
    // So slow that the one who lies is heard of, and often enough, before it is done.
    first.slow(400);
    others[1].slow(400);
    let lies = &others[0].way.lies;
    lies.store(u32::MAX, Ordering::SeqCst);
    let id = reader.get("film.bin", Conflict::Refuse).await;
    reader.until(id, "three lies", |_| lies.load(Ordering::SeqCst) <= u32::MAX - 3).await;
    first.slow(0);
    others[1].slow(0);
    let copy = reader.done(id).await;
    assert!(fs::read(reader.here().join("film.bin")).unwrap() == content, "the copy is different");
    let told = copy.detail.unwrap_or_default();
    assert!(told.contains(&others[0].id.to_string()), "nobody is named: {told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_others_finish_what_the_first_one_began() {
    let content = noise(40 * MIB, 3);
    let (mut first, others, reader) = three(&content);
    first.slow(400);
    others[0].slow(8);
    others[1].slow(400);
    let id = reader.get("film.bin", Conflict::Refuse).await;
    reader.until(id, "the others", |_| others[0].content_sent() > 2 * MIB as u64).await;
    first.stop().await;
    others[1].slow(0);
    reader.done(id).await;
    assert!(fs::read(reader.here().join("film.bin")).unwrap() == content, "the copy is different");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_learns_of_a_content_that_is_not_for_them() {
    let content = noise(20 * MIB, 4);
    let (_first, others, reader) = three(&content);
    let question = |id: blake3::Hash, size: usize, name: &str| {
        serde_json::json!({ "id": id.to_hex().as_str(), "size": size, "name": name }).to_string()
    };
    let ask = |body: String| {
        let uri = format!("/v1/drives/{SHARE}/have");
        let request = http::Request::post(uri).body(lanyard_link::body::full(body)).unwrap();
        let peers = reader.peers.clone();
        let node = others[0].id;
        async move { peers.request(node, request, std::time::Duration::from_secs(20)).await.unwrap().status() }
    };
    let right = blake3::hash(&content);
    assert_eq!(ask(question(right, content.len(), "film.bin")).await, 200);
    assert_eq!(ask(question(blake3::hash(b"x"), content.len(), "film.bin")).await, 404, "another content");
    assert_eq!(ask(question(right, 5, "film.bin")).await, 404, "another size");
    assert_eq!(ask(question(right, content.len(), "other.bin")).await, 404, "another name");
    assert_eq!(ask("{}".to_owned()).await, 400);
    others[0].rules.shared.store(false, Ordering::SeqCst);
    assert_eq!(ask(question(right, content.len(), "film.bin")).await, 404, "nothing is shared any more");
}
