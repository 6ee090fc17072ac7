use super::Server;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, UNIX_EPOCH},
};

fn modified(server: &Server, name: &str) -> Duration {
    let time = server.root().join(name).metadata().unwrap().modified().unwrap();
    time.duration_since(UNIX_EPOCH).unwrap()
}

/// What waits in the bin.
fn binned(server: &Server) -> usize {
    fs::read_dir(server.root().join(".lanyard-bin")).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_put_whole_and_as_the_client_wants_it() {
    let server = Server::new();
    let put = server.ask("PUT", "/a", &[("X-OC-Mtime", "1445412480")], "one").await;
    assert_eq!((put.status, put.header("X-OC-Mtime")), (201, Some("accepted")));
    assert_eq!(modified(&server, "a").as_secs(), 1_445_412_480);
    let etag = server.ask("HEAD", "/a", &[], "").await.header("ETag").unwrap().to_owned();
    assert_eq!(put.header("ETag"), Some(etag.as_str()), "the tag is that of what is there now");
    server.ask("PUT", "/a", &[("X-OC-Mtime", "1445412480.25")], "one").await;
    assert_eq!(modified(&server, "a").subsec_nanos(), 250_000_000);

    let put =
        async |headers: &[(&str, &str)], body: &str| server.ask("PUT", "/a", headers, body).await.status;
    assert_eq!(put(&[("If-Match", &etag)], "lost").await, 412, "it has changed since");
    assert_eq!(put(&[("If-None-Match", "*")], "lost").await, 412);
    assert_eq!(put(&[("Content-Range", "bytes 0-3/10")], "lost").await, 400);
    assert_eq!(put(&[("X-OC-Mtime", "yesterday")], "lost").await, 400);
    assert_eq!(server.read("a"), "one");
    let etag = server.ask("HEAD", "/a", &[], "").await.header("ETag").unwrap().to_owned();
    assert_eq!(put(&[("If-Match", &etag)], "two").await, 204);
    let chunks = "3\r\nthr\r\n2\r\nee\r\n0\r\n\r\n";
    let chunked = ("Transfer-Encoding", "chunked");
    assert_eq!(put(&[chunked], chunks).await, 204);
    assert_eq!(server.read("a"), "three");
    assert_eq!(put(&[chunked, ("X-Expected-Entity-Length", "5")], chunks).await, 204);
    assert_eq!(put(&[chunked, ("X-Expected-Entity-Length", "9")], chunks).await, 400, "less than was said");
    assert_eq!(put(&[chunked, ("X-Expected-Entity-Length", "2")], chunks).await, 400, "more than was said");
    assert_eq!(server.read("a"), "three");

    fs::set_permissions(server.root().join("a"), fs::Permissions::from_mode(0o755)).unwrap();
    put(&[], "#!/bin/sh").await;
    let mode = server.root().join("a").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o100, 0o100, "a program stays one");
    for (path, status) in
        [("/no/such", 409), ("/a/b", 409), ("/", 405), ("/dir/", 405), ("/con.txt", 400), ("/x:y", 400)]
    {
        assert_eq!(server.put(path, "x").await, status, "{path}");
    }
    for noise in ["/.DS_Store", "/._a", "/Thumbs.db"] {
        assert_eq!(server.put(noise, "x").await, 403, "{noise}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_that_breaks_off_leaves_the_old_file_and_nothing_else() {
    let server = Server::new();
    server.write("a", "old");
    let head =
        format!("PUT /dav/x/a HTTP/1.1\r\nHost: {}\r\nContent-Length: 10000000\r\n\r\n", server.address);
    use tokio::io::AsyncWriteExt;
    let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![0; 3_000_000]).await.unwrap();
    let part = || crate::world::names(&server.root()).into_iter().any(|name| name.ends_with(".lanyard-part"));
    while !part() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.find("/", "1", "").await.text().matches("<D:response>").count(), 2, "it is not seen");
    drop(stream);
    while part() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(
        (server.read("a").as_str(), crate::world::names(&server.root())),
        ("old", vec!["a".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_made_moved_copied_and_removed_into_the_bin() {
    let server = Server::new();
    let ask = async |method, path, to: &str, headers: &[(&str, &str)]| {
        let to = format!("{}{to}", server.url());
        let headers = [&[("Destination", to.as_str())], headers].concat();
        server.ask(method, path, &headers, "").await.status
    };
    assert_eq!(ask("MKCOL", "/d/", "", &[]).await, 201);
    assert_eq!(ask("MKCOL", "/d", "", &[]).await, 405);
    assert_eq!(ask("MKCOL", "/no/d", "", &[]).await, 409);
    assert_eq!(ask("MKCOL", "/", "", &[]).await, 405);
    assert_eq!(server.ask("MKCOL", "/e", &[], "<body/>").await.status, 415);
    server.put("/d/a", "one").await;
    assert_eq!(ask("COPY", "/d/", "e/", &[]).await, 201);
    assert_eq!(ask("COPY", "/d", "f", &[("Depth", "0")]).await, 201);
    assert_eq!((server.read("e/a").as_str(), server.has("f/a")), ("one", false));
    assert_eq!(ask("MOVE", "/e/a", "g", &[]).await, 201);
    assert_eq!((server.read("g").as_str(), server.has("e/a")), ("one", false));
    server.put("/h", "two").await;
    assert_eq!(ask("MOVE", "/g", "h", &[("Overwrite", "F")]).await, 412);
    assert_eq!(server.read("h"), "two");
    assert_eq!(ask("MOVE", "/g", "h", &[]).await, 204);
    assert_eq!((server.read("h").as_str(), server.has("g")), ("one", false));
    assert_eq!(ask("COPY", "/h", "d", &[]).await, 204, "a folder makes way for a file");
    assert_eq!((server.read("d").as_str(), binned(&server)), ("one", 1), "and can be had back");
    for (path, to, status) in [
        ("/h", "h", 403),
        ("/e", "e/f", 403),
        ("/", "x", 403),
        ("/h", "", 403),
        ("/h", "no/x", 409),
        ("/nothing", "x", 404),
        ("/h", ".DS_Store", 403),
        ("/h", "../x", 400),
    ] {
        for method in ["COPY", "MOVE"] {
            assert_eq!(ask(method, path, to, &[]).await, status, "{method} {path} to {to}");
        }
    }
    for elsewhere in ["http://elsewhere.example/dav/x/y", "/dav/other/y", "/etc/passwd"] {
        let answer = server.ask("MOVE", "/h", &[("Destination", elsewhere)], "").await;
        assert_eq!(answer.status, 502, "{elsewhere}");
    }
    assert_eq!(server.ask("DELETE", "/h", &[("If-Match", "\"other\"")], "").await.status, 412);
    assert_eq!(server.ask("DELETE", "/h", &[], "").await.status, 204);
    assert_eq!((server.has("h"), binned(&server)), (false, 2));
    assert_eq!(server.ask("DELETE", "/h", &[], "").await.status, 404);
    assert_eq!(server.ask("DELETE", "/", &[], "").await.status, 403);
    assert_eq!(server.ask("DELETE", "/f", &[("Depth", "0")], "").await.status, 400);
    assert_eq!(server.find("/.lanyard-bin", "1", "").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_are_kept_and_the_times_of_explorer_are_set() {
    let server = Server::new();
    server.write("a", "x");
    let patch = async |inside: &str| {
        let body = format!(
            "<D:propertyupdate xmlns:D='DAV:' xmlns:Z='urn:schemas-microsoft-com:' xmlns:A='http://apache.org/dav/props/'>{inside}</D:propertyupdate>"
        );
        server.ask("PROPPATCH", "/a", &[], body).await
    };
    let set = patch("<D:set><D:prop><t xmlns='urn:t'>5 &lt; <b/></t></D:prop></D:set>").await;
    assert!(
        set.status == 207 && set.has("<t xmlns=\"urn:t\"/></D:prop><D:status>HTTP/1.1 200 OK"),
        "{}",
        set.text()
    );
    let all = server.find("/a", "0", "").await;
    assert!(all.has("<t xmlns=\"urn:t\">5 &lt; <b xmlns=\"urn:t\"/></t>"), "{}", all.text());
    let to = format!("{}b", server.url());
    server.ask("MOVE", "/a", &[("Destination", &to)], "").await;
    assert!(server.find("/", "1", "").await.has("5 &lt; "), "it went along");
    let back = format!("{}a", server.url());
    server.ask("MOVE", "/b", &[("Destination", &back)], "").await;

    let times = patch(
        "<D:set><D:prop><Z:Win32LastModifiedTime>Wed, 21 Oct 2015 07:28:00 GMT</Z:Win32LastModifiedTime>\
         <Z:Win32FileAttributes>00000020</Z:Win32FileAttributes><A:executable>T</A:executable></D:prop></D:set>",
    )
    .await;
    assert!(!times.has("403") && !times.has("424"), "{}", times.text());
    assert_eq!(modified(&server, "a").as_secs(), 1_445_412_480);
    assert_eq!(server.root().join("a").metadata().unwrap().permissions().mode() & 0o100, 0o100);

    let none = patch("<D:set><D:prop><x xmlns='u'/><D:getetag>1</D:getetag></D:prop></D:set>").await;
    assert!(
        none.has("424 Failed Dependency") && none.has("cannot-modify-protected-property"),
        "{}",
        none.text()
    );
    assert!(!server.find("/a", "0", "").await.has("<x xmlns=\"u\"/>"), "all or none");
    server.ask("DELETE", "/a", &[], "").await;
    server.put("/a", "new").await;
    assert!(!server.find("/a", "0", "").await.has("urn:t"), "what was on the old one is not on the new one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_fails_leaves_what_it_was_to_replace() {
    let server = Server::new();
    // Deeper than any system reaches by a path: it cannot be copied to its end.
    let deep = (0..300).fold(server.root().join("deep"), |path, _| path.join("x"));
    fs::create_dir_all(&deep).unwrap();
    fs::create_dir(server.root().join("target")).unwrap();
    fs::write(server.root().join("target/mine"), "mine").unwrap();
    let to = format!("{}target", server.url());
    let copied = server.ask("COPY", "/deep", &[("Destination", &to)], "").await;
    assert_eq!(copied.status / 100, 4, "{}", copied.status);
    assert_eq!((server.read("target/mine").as_str(), binned(&server)), ("mine", 0));
    fs::remove_dir_all(server.root().join("deep")).unwrap();
    fs::create_dir(server.root().join("deep")).unwrap();
    let copied = server.ask("COPY", "/deep", &[("Destination", &to)], "").await;
    assert_eq!((copied.status, binned(&server)), (204, 1));
    assert!(!server.root().join("target/mine").exists());
    let moved = server.ask("MOVE", "/deep", &[("Destination", &to)], "").await;
    assert_eq!((moved.status, server.root().join("deep").exists()), (204, false));
}
