use super::{Answer, Server};

const EXCLUSIVE: &str = "<lockinfo xmlns='DAV:'><lockscope><exclusive/></lockscope><locktype><write/></locktype>\
    <owner><href xmlns='urn:x'>me &amp; you</href></owner></lockinfo>";

async fn lock(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    server.ask("LOCK", path, headers, EXCLUSIVE).await
}

fn token(answer: &Answer) -> String {
    answer.header("Lock-Token").unwrap().trim_matches(['<', '>']).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_file_is_changed_only_with_the_token_of_its_lock() {
    let server = Server::new();
    server.write("a", "one");
    let answer = lock(&server, "/a", &[("Timeout", "Second-60"), ("Depth", "0")]).await;
    assert_eq!(answer.status, 200);
    assert!(answer.has("<D:timeout>Second-60<") || answer.has("<D:timeout>Second-59<"), "{}", answer.text());
    assert!(answer.has("<href xmlns=\"urn:x\">me &amp; you</href>"));
    let token = token(&answer);
    let with = format!("(<{token}>)");
    assert_eq!(server.put("/a", "two").await, 423);
    let to = format!("{}b", server.url());
    for method in ["DELETE", "MOVE", "PROPPATCH"] {
        let body = if method == "PROPPATCH" {
            "<propertyupdate xmlns='DAV:'><set><prop><x xmlns='u'/></prop></set></propertyupdate>"
        } else {
            ""
        };
        assert_eq!(server.ask(method, "/a", &[("Destination", &to)], body).await.status, 423, "{method}");
    }
    assert_eq!(lock(&server, "/a", &[]).await.status, 423, "a second one");
    assert_eq!(lock(&server, "/", &[]).await.status, 423, "one on all that is above");
    let somebody_else = ("X-Somebody-Else", "1");
    assert_eq!(
        server.ask("PUT", "/a", &[("If", &with), somebody_else], "two").await.status,
        423,
        "a token is for whoever took it"
    );
    assert_eq!(server.ask("PUT", "/a", &[("If", "(<urn:uuid:other>)")], "two").await.status, 412);
    assert_eq!(server.ask("PUT", "/a", &[("If", &with)], "two").await.status, 204);
    assert_eq!(server.ask("COPY", "/a", &[("Destination", &to)], "").await.status, 201, "reading is free");
    assert_eq!(server.ask("LOCK", "/a", &[("If", &with)], "").await.status, 200, "made to last longer");
    assert_eq!(server.ask("LOCK", "/a", &[], "").await.status, 400);
    let given = format!("<{token}>");
    assert_eq!(server.ask("UNLOCK", "/a", &[("Lock-Token", &given), somebody_else], "").await.status, 409);
    assert_eq!(server.ask("UNLOCK", "/b", &[("Lock-Token", &given)], "").await.status, 409);
    assert_eq!(server.ask("UNLOCK", "/a", &[("Lock-Token", &given)], "").await.status, 204);
    assert_eq!(server.put("/a", "three").await, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_on_nothing_makes_an_empty_file() {
    let server = Server::new();
    let answer = lock(&server, "/new", &[]).await;
    assert_eq!((answer.status, server.read("new").as_str()), (201, ""));
    let with = format!("(<{}>)", token(&answer));
    assert_eq!(server.ask("PUT", "/new", &[("If", &with)], "text").await.status, 204);
    assert_eq!(lock(&server, "/no/such/folder", &[]).await.status, 409);
    assert_eq!(lock(&server, "/dir/", &[]).await.status, 409);
    assert_eq!(lock(&server, "/.DS_Store", &[]).await.status, 403);
    assert!(!server.has("dir") && !server.has(".DS_Store"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_folder_keeps_what_is_in_it() {
    let server = Server::new();
    server.ask("MKCOL", "/d", &[], "").await;
    server.put("/d/a", "one").await;
    let deep = lock(&server, "/d/", &[("Depth", "infinity")]).await;
    assert_eq!(deep.status, 200);
    let found = server.find("/d/a", "0", "").await;
    assert!(found.has("<D:depth>infinity</D:depth>") && found.has("<D:lockroot><D:href>/dav/x/d/</D:href>"));
    for (method, path) in
        [("PUT", "/d/a"), ("PUT", "/d/b"), ("MKCOL", "/d/e"), ("DELETE", "/d/a"), ("DELETE", "/d")]
    {
        let answer = server.ask(method, path, &[], "").await;
        assert_eq!(answer.status, 423, "{method} {path}");
        assert!(answer.has("<D:lock-token-submitted><D:href>/dav/x/d"), "{}", answer.text());
    }
    let with = format!("<{}d/> (<{}>)", server.url(), token(&deep));
    assert_eq!(server.ask("PUT", "/d/b", &[("If", &with)], "x").await.status, 201);
    assert_eq!(server.ask("DELETE", "/d", &[("If", &with)], "").await.status, 204);
    assert_eq!(server.ask("MKCOL", "/d", &[], "").await.status, 201, "with the folder its lock is gone");
    let flat = lock(&server, "/d", &[("Depth", "0")]).await;
    assert_eq!(flat.status, 200);
    assert_eq!(server.put("/d/new", "x").await, 423, "what is in it is part of it");
}
