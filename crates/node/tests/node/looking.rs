//! Files of another node without a copy of them: found, looked at, played.

use crate::{
    asks::{drive, introduce, share_folder, until},
    start, status,
};
use data_encoding::BASE64;
use lanyard_api::{Audience, Drive, ErrorCode, Grant, Look, NoLook, Playable, Request, Response, Search};
use lanyard_node::Node;
use std::{fs, path::Path};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

struct Two {
    owner: Node,
    reader: Node,
    folder: TempDir,
    drive: Drive,
    _data: [TempDir; 2],
}

impl Two {
    /// An owner who shares a folder with these files, and a reader who sees it.
    async fn with(files: &[(&str, &[u8])]) -> Self {
        let temporary = || tempfile::tempdir().unwrap();
        let (data, folder) = ([temporary(), temporary()], temporary());
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let (owner, reader) = (start(data[0].path()).await, start(data[1].path()).await);
        introduce(&owner, &reader).await;
        share_folder(&owner, folder.path(), vec![Grant::to(Audience::Network)]).await;
        let id = status(&owner).await.id;
        let drive = until("the folder to be seen", async || drive(&reader, &id).await).await;
        Self { owner, reader, folder, drive, _data: data }
    }

    async fn look(&self, path: &str, page: u32) -> Result<Look, ErrorCode> {
        let ask = Request::Look {
            drive: self.drive.id.clone(),
            path: path.to_owned(),
            page,
            size: 120,
            name: None,
        };
        match self.reader.handle(ask).await {
            Ok(Response::Look(look)) => Ok(look),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.code),
        }
    }

    async fn play(&self, path: &str) -> Result<Playable, ErrorCode> {
        let ask = Request::Play { drive: self.drive.id.clone(), path: path.to_owned() };
        match self.reader.handle(ask).await {
            Ok(Response::Playable(playable)) => Ok(playable),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.code),
        }
    }

    async fn search(&self, words: &str, drive: Option<&str>, instead_of: Option<String>) -> Search {
        let (words, drive) = (words.to_owned(), drive.map(str::to_owned));
        let ask = Request::Search { words, drive, path: String::new(), instead_of };
        let Response::Search(mut found) = self.reader.handle(ask).await.unwrap() else { panic!() };
        let mut hits = std::mem::take(&mut found.hits);
        while !found.done {
            let ask = Request::SearchMore { search: found.id.clone(), after: found.count };
            let Response::Search(more) = self.reader.handle(ask).await.unwrap() else { panic!() };
            hits.extend(more.hits.clone());
            found = more;
        }
        // The nodes of other tests on this computer are searched, too.
        hits.retain(|hit| hit.drive == self.drive.id);
        Search { hits, ..found }
    }

    async fn stop(self) {
        self.reader.stop().await;
        self.owner.stop().await;
    }
}

/// An uncompressed PNG of one colour.
fn png(width: u32, height: u32) -> Vec<u8> {
    // Built from its parts, because what matters is that another decoder than ours could read it.
    let chunk = |kind: &[u8], data: &[u8]| {
        let body = [kind, data].concat();
        let mut crc = u32::MAX;
        for byte in &body {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
            }
        }
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length[..], &body, &(!crc).to_be_bytes()].concat()
    };
    let row = [&[0][..], &[200, 30, 30].repeat(width as usize)].concat();
    let raw = row.repeat(height as usize);
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in &raw {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let length = u16::try_from(raw.len()).unwrap();
    let zlib = [
        &[0x78, 1, 1][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        &raw,
        &(b << 16 | a).to_be_bytes(),
    ]
    .concat();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let parts = [chunk(b"IHDR", &header), chunk(b"IDAT", &zlib), chunk(b"IEND", b"")].concat();
    [&b"\x89PNG\r\n\x1a\n"[..], &parts].concat()
}

fn left_behind(data: &Path) -> usize {
    fs::read_dir(data.join("spool/looks")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_and_a_text_are_looked_at_and_nothing_else_is_pretended() {
    let long = "Zeile mit Umlauten: äöü\n".repeat(6_000);
    let two = Two::with(&[
        ("wide.png", &png(60, 30)),
        ("not what it says.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"),
        ("torn.png", &png(60, 30)[..60]),
        ("notes.txt", "Grüße".as_bytes()),
        ("long.txt", long.as_bytes()),
        ("program", b"\x7fELF\x02\x01\x01\0\0\0"),
        ("empty", b""),
    ])
    .await;
    let Look::Picture { png, width, height, page, pages } = two.look("wide.png", 1).await.unwrap() else {
        panic!()
    };
    assert_eq!((width, height, page, pages), (120, 60, 1, 1), "the picture itself, without paper");
    assert!(BASE64.decode(png.as_bytes()).unwrap().starts_with(b"\x89PNG"));
    assert_eq!(left_behind(two._data[1].path()), 1, "the file that was fetched, for the next look");

    let text = |text: &str, whole| Look::Text { text: text.to_owned(), whole };
    assert_eq!(two.look("notes.txt", 1).await.unwrap(), text("Grüße", true));
    let Look::Text { text: beginning, whole } = two.look("long.txt", 1).await.unwrap() else { panic!() };
    assert!(!whole && long.starts_with(&beginning) && beginning.len() > 60_000);
    let markup = two.look("not what it says.jpg", 1).await.unwrap();
    assert!(matches!(markup, Look::Text { .. }), "shown as the letters it is: {markup:?}");
    let nothing = |why| Look::Nothing { why };
    assert_eq!(two.look("program", 1).await.unwrap(), nothing(NoLook::Kind));
    assert_eq!(two.look("empty", 1).await.unwrap(), nothing(NoLook::Empty));
    assert_eq!(two.look("torn.png", 1).await.unwrap(), nothing(NoLook::Damaged));
    assert_eq!(two.look("missing", 1).await, Err(ErrorCode::NotFound));
    assert_eq!(two.look("../etc/passwd", 1).await, Err(ErrorCode::Invalid));
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_picture_is_not_fetched_only_to_be_looked_at() {
    let two = Two::with(&[]).await;
    let file = fs::File::create(two.folder.path().join("huge.png")).unwrap();
    std::io::Write::write_all(&mut &file, &png(60, 30)).unwrap();
    file.set_len(4 << 30).unwrap();
    assert_eq!(two.look("huge.png", 1).await.unwrap(), Look::Nothing { why: NoLook::TooLarge });
    assert_eq!(left_behind(two._data[1].path()), 0);
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_of_a_file_is_looked_at_anew() {
    let two = Two::with(&[("picture.png", &png(60, 30))]).await;
    let size = async |two: &Two| match two.look("picture.png", 1).await.unwrap() {
        Look::Picture { width, height, .. } => (width, height),
        other => panic!("{other:?}"),
    };
    assert_eq!(size(&two).await, (120, 60));
    fs::write(two.folder.path().join("picture.png"), png(30, 60)).unwrap();
    assert_eq!(size(&two).await, (60, 120), "what was kept of the old one is not shown");
    two.stop().await;
}

/// The status, the header and the body of an answer of the browser door.
async fn get(link: &str, more: &str) -> (u16, String, Vec<u8>) {
    let rest = link.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head, answer[end + 4..].to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_is_played_in_ranges_by_a_link_for_it_alone() {
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let two =
        Two::with(&[("film.mp4", &content), ("page.html", b"<script>"), ("drawing.svg", b"<svg/>")]).await;
    for other in ["page.html", "drawing.svg", ""] {
        assert_eq!(two.play(other).await.err(), Some(ErrorCode::Invalid), "{other}");
    }
    let film = two.play("film.mp4").await.unwrap();
    assert_eq!((film.media_type.as_str(), film.size), ("video/mp4", 3_000_000));

    let (code, head, body) = get(&film.link, "").await;
    assert_eq!((code, body == content), (200, true), "{head}");
    for header in ["content-type: video/mp4", "x-content-type-options: nosniff", "accept-ranges: bytes"] {
        assert!(head.contains(header), "{header} is missing in {head}");
    }
    let (code, head, body) = get(&film.link, "Range: bytes=1500000-2600000\r\n").await;
    assert_eq!((code, body == content[1_500_000..=2_600_000]), (206, true), "{head}");
    assert!(head.contains("content-range: bytes 1500000-2600000/3000000"), "{head}");
    assert_eq!(get(&film.link, "Range: bytes=-1\r\n").await.2, content[2_999_999..]);
    assert_eq!(get(&film.link, "Range: bytes=3000000-\r\n").await.0, 416);

    let last = film.link.chars().last().unwrap();
    let wrong = format!("{}{}", &film.link[..film.link.len() - 1], if last == '0' { '1' } else { '0' });
    assert_eq!(get(&wrong, "").await.0, 404, "a secret that nobody was told");
    for dest in ["document", "iframe", "script", "image"] {
        let code = get(&film.link, &format!("Sec-Fetch-Dest: {dest}\r\n")).await.0;
        assert_eq!(code, 404, "as {dest} it is nothing");
    }
    assert_eq!(get(&film.link, "Sec-Fetch-Dest: video\r\nRange: bytes=0-0\r\n").await.0, 206);

    // The link is for this version: what took its place is not sent in its name.
    fs::write(two.folder.path().join("film.mp4"), vec![9; 3_000_000]).unwrap();
    let (_, _, body) = get(&film.link, "").await;
    assert!(!body.contains(&9) || body.is_empty(), "bytes of another version came");
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_fetches_a_file_by_a_link_for_it_alone_and_never_as_a_page() {
    let two = Two::with(&[("Über uns.html", b"<script>alert(1)</script>"), ("other", b"x")]).await;
    let link = async |path: &str| {
        let ask = Request::FetchLink { drive: two.drive.id.clone(), path: path.to_owned() };
        match two.reader.handle(ask).await {
            Ok(Response::Link(link)) => link,
            other => panic!("{other:?}"),
        }
    };
    let page = link("Über uns.html").await;
    let (code, head, body) = get(&page, "").await;
    assert_eq!((code, body.as_slice()), (200, &b"<script>alert(1)</script>"[..]), "{head}");
    for header in [
        "content-type: application/octet-stream",
        "content-disposition: attachment",
        "x-content-type-options: nosniff",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(head.contains(header), "{header} is missing in {head}");
    }
    assert!(page.ends_with("/%C3%9Cber%20uns.html"), "file managers take the name from {page}");
    let secret = page.rsplit('/').nth(1).unwrap();
    let other = format!("{}{}", &secret[1..], if secret.starts_with('0') { '1' } else { '0' });
    assert_eq!(get(&page.replace(secret, &other), "").await.0, 404, "a secret that nobody was told");
    assert_eq!(get(&link("gone.txt").await, "").await.0, 404, "what is not there any more");
    let ask = Request::FetchLink { drive: "nobody's".to_owned(), path: "other".to_owned() };
    assert_eq!(two.reader.handle(ask).await.unwrap_err().code, ErrorCode::NotFound);
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_on_all_drives_and_a_newer_one_ends_it() {
    let two = Two::with(&[("Reisen/Zürich.txt", b"x"), ("zurich plan.pdf", b"x"), ("other", b"x")]).await;
    let found = two.search("ZURICH", None, None).await;
    let mut paths: Vec<String> =
        found.hits.iter().map(|hit| format!("{}|{}", hit.folder, hit.entry.name)).collect();
    paths.sort();
    assert_eq!(paths, ["Reisen|Zürich.txt", "|zurich plan.pdf"]);

    let newer = two.search("plan", Some(&two.drive.id), Some(found.id.clone())).await;
    assert_eq!(newer.hits.len(), 1);
    let ask = Request::SearchMore { search: found.id, after: 0 };
    assert_eq!(two.reader.handle(ask).await.unwrap_err().code, ErrorCode::NotFound, "the older one is over");
    let ask = Request::Search { words: "  ".into(), drive: None, path: String::new(), instead_of: None };
    assert_eq!(two.reader.handle(ask).await.unwrap_err().code, ErrorCode::Invalid);
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_meanwhile_is_not_renamed_or_removed() {
    let two = Two::with(&[("letter.txt", b"first")]).await;
    let Response::Shares(shares) = two.owner.handle(Request::Shares).await.unwrap() else { panic!() };
    let change = Request::ChangeShare {
        share: shares[0].id.clone(),
        name: None,
        write: None,
        audience: Some(vec![Grant { write: true, ..Grant::to(Audience::Network) }]),
        until: None,
    };
    two.owner.handle(change).await.unwrap();
    let drive = two.drive.id.clone();
    let list = Request::List { drive: drive.clone(), path: String::new(), after: None };
    let Response::Listing(listing) = two.reader.handle(list).await.unwrap() else { panic!() };
    let if_match = listing.entries[0].etag.clone();
    assert!(if_match.is_some());
    fs::write(two.folder.path().join("letter.txt"), "second, and longer").unwrap();
    let path = "letter.txt".to_owned();
    let rename = Request::MoveEntry {
        drive: drive.clone(),
        path: path.clone(),
        to: "mine.txt".into(),
        conflict: lanyard_api::Conflict::Refuse,
        replaces: None,
        if_match: if_match.clone(),
    };
    assert_eq!(two.reader.handle(rename).await.unwrap_err().code, ErrorCode::Changed);
    let remove = |if_match| Request::RemoveEntry { drive: drive.clone(), path: path.clone(), if_match };
    assert_eq!(two.reader.handle(remove(if_match)).await.unwrap_err().code, ErrorCode::Changed);
    assert!(two.folder.path().join("letter.txt").exists());
    let Response::Removed { bin: Some(id) } = two.reader.handle(remove(None)).await.unwrap() else {
        panic!()
    };
    let restore = Request::Restore { drive: drive.clone(), id, to: None };
    two.reader.handle(restore).await.unwrap();
    let back = fs::read_to_string(two.folder.path().join("letter.txt")).unwrap();
    assert_eq!(back, "second, and longer", "what was removed is back by the id that was told");
    two.stop().await;
}
