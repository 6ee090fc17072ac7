//! Previews: what a side of paper will look like, asked for as a front end does.

use crate::start;
use bytes::Bytes;
use data_encoding::BASE64;
use futures_util::stream;
use lanyard_api::{ColorMode, Document, ErrorCode, Preview, PrintOptions, Request, Response};
use lanyard_node::Node;
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

fn wish(document: Document, options: PrintOptions, side: u32) -> Request {
    Request::Preview { printer: None, document, options, side, size: 300 }
}

fn file(path: &Path) -> Document {
    Document::Path { path: path.display().to_string() }
}

async fn preview(node: &Node, document: Document, options: PrintOptions, side: u32) -> Preview {
    match node.handle(wish(document, options, side)).await.unwrap() {
        Response::Preview(preview) => preview,
        other => panic!("{other:?}"),
    }
}

/// Width, height and whether it is grey, as a PNG says.
fn look(png: &str) -> (u32, u32, bool) {
    let bytes = BASE64.decode(png.as_bytes()).unwrap();
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n"));
    let at = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (at(16), at(20), bytes[25] == 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_is_shown_as_it_will_be_printed_and_nothing_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(dir.path()).await;
    let path = dir.path().join("letter.txt");
    fs::write(&path, "One\u{c}Two\u{c}Three\n").unwrap();
    let first = preview(&node, file(&path), PrintOptions::default(), 1).await;
    assert_eq!((first.sides, first.pages, first.side), (3, 3, 1));
    assert_eq!((first.width, first.height), (212, 300));
    assert_eq!(look(&first.png), (212, 300, false));
    let options = PrintOptions {
        number_up: Some(2),
        color: Some(ColorMode::Monochrome),
        media: Some("A4".into()),
        ..PrintOptions::default()
    };
    let second = preview(&node, file(&path), options, 9).await;
    assert_eq!((second.sides, second.pages, second.side), (2, 3, 2), "the last one");
    assert_eq!(look(&second.png), (300, 212, true), "two pages on a lying sheet, in grey");
    assert_eq!(fs::read_dir(dir.path().join("spool/preview")).unwrap().count(), 0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_not_used_up_by_looking_at_it() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(dir.path()).await;
    let piece = stream::iter([Ok(Bytes::from_static(b"Hello\n"))]);
    let received = node.core().uploads.receive(None, piece).await.unwrap();
    let upload = || Document::Upload { id: received.id.clone(), name: "hello.txt".into() };
    for _ in 0..2 {
        assert_eq!(preview(&node, upload(), PrintOptions::default(), 1).await.sides, 1);
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_wish_for_the_same_document_ends_the_older_one() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(dir.path()).await;
    let path = dir.path().join("long.txt");
    // Long enough that laying it out takes a while.
    fs::write(&path, "a line of a long text that is wrapped and paged\n".repeat(100_000)).unwrap();
    let older = {
        let (node, wish) = (node.clone(), wish(file(&path), PrintOptions::default(), 1));
        tokio::spawn(async move { node.handle(wish).await })
    };
    tokio::time::sleep(Duration::from_millis(60)).await;
    let start = Instant::now();
    let newer = preview(&node, file(&path), PrintOptions::default(), 2).await;
    assert_eq!(newer.side, 2);
    println!("the newer one: {:?}", start.elapsed());
    let older = older.await.unwrap().unwrap_err();
    assert_eq!(older.code, ErrorCode::Busy, "{older:?}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shown_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let node = start(dir.path()).await;
    let put = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let text = put("text.txt", b"text\n");
    let ranges = PrintOptions { pages: Some("7".into()), ..PrintOptions::default() };
    let many = PrintOptions { number_up: Some(5), ..PrintOptions::default() };
    let cases = [
        (
            wish(file(&put("broken.pdf", b"%PDF-1.7\n%%EOF\n")), PrintOptions::default(), 1),
            ErrorCode::UnsupportedDocument,
        ),
        (wish(file(&put("data", &[0, 1, 2])), PrintOptions::default(), 1), ErrorCode::UnsupportedDocument),
        (wish(file(&put("empty", b"")), PrintOptions::default(), 1), ErrorCode::Invalid),
        (wish(file(&dir.path().join("none")), PrintOptions::default(), 1), ErrorCode::NotFound),
        (wish(file(&text), ranges, 1), ErrorCode::Invalid),
        (wish(file(&text), many, 1), ErrorCode::Invalid),
        (
            Request::Preview {
                printer: None,
                document: file(&text),
                options: PrintOptions::default(),
                side: 1,
                size: 9,
            },
            ErrorCode::Invalid,
        ),
        (
            Request::Preview {
                printer: Some("nowhere".into()),
                document: file(&text),
                options: PrintOptions::default(),
                side: 1,
                size: 300,
            },
            ErrorCode::NotFound,
        ),
    ];
    for (wish, code) in cases {
        let error = node.handle(wish.clone()).await.unwrap_err();
        assert_eq!(error.code, code, "{wish:?}: {error:?}");
    }
    node.stop().await;
}
