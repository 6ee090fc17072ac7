use crate::world::{Owner, Reader};
use lanyard_drive::{path::SharePath, wire::Kind};
use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, os::unix::fs::symlink, process::Command, time::Duration};

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_listed_with_folders_first_and_nothing_special_opened() {
    let owner = Owner::new();
    let root = owner.root();
    owner.write("beta.txt", b"12345");
    owner.write("Alpha.txt", b"");
    owner.write(".lanyard-put-0123.lanyard-part", b"half");
    owner.write(".big.iso.1a2b3c4d.lanyard-part", b"half");
    fs::create_dir(root.join("zoo")).unwrap();
    symlink("/etc", root.join("link")).unwrap();
    assert!(Command::new("mkfifo").arg(root.join("pipe")).status().unwrap().success());
    fs::write(root.join(OsStr::from_bytes(b"bad\xff.txt")), b"x").unwrap();

    let reader = Reader::new(&owner);
    let page = reader.remote().list(&SharePath::top(), None).await.unwrap();
    let found: Vec<_> = page.entries.iter().map(|item| (item.name.as_str(), item.kind, item.size)).collect();
    let expected = [
        ("zoo", Kind::Folder, 0),
        ("Alpha.txt", Kind::File, 0),
        ("bad\u{fffd}.txt", Kind::Other, 1),
        ("beta.txt", Kind::File, 5),
        ("link", Kind::Other, 0),
        ("pipe", Kind::Other, 0),
    ];
    assert_eq!(found, expected, "unfinished files are not listed, links and pipes are what they are");
    assert_eq!(page.next, None);
    let misnamed: Vec<_> =
        page.entries.iter().filter_map(|item| Some((&*item.name, item.misnamed?))).collect();
    assert_eq!(misnamed, [("bad\u{fffd}.txt", Kind::File)], "a file is told to be one, whatever its name is");
    assert!(page.entries.iter().find(|item| item.name == "beta.txt").unwrap().modified.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_twenty_thousand_files_comes_in_pages() {
    let owner = Owner::new();
    for number in 0..20_000 {
        owner.write(&format!("file {number}"), b"");
    }
    fs::create_dir(owner.root().join("folder")).unwrap();
    let reader = Reader::new(&owner);
    let (mut names, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = reader.remote().list(&SharePath::top(), after.as_deref()).await.unwrap();
        assert!(page.entries.len() <= 1_000, "no page is larger than promised");
        names.extend(page.entries.into_iter().map(|item| item.name));
        pages += 1;
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(pages, 21);
    assert_eq!(names.first().map(String::as_str), Some("folder"));
    assert_eq!(names.len(), 20_001, "nothing is missing");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 20_001, "nothing comes twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_come_and_go_between_two_pages_move_no_others() {
    let owner = Owner::new();
    for number in 0..3_000 {
        owner.write(&format!("file {number:04}"), b"");
    }
    let reader = Reader::new(&owner);
    let mut after = None;
    let mut pages = Vec::new();
    for page in 0..4 {
        let told = reader.remote().list(&SharePath::top(), after.as_deref()).await.unwrap();
        pages.push(told.entries.into_iter().map(|item| item.name).collect::<Vec<_>>());
        after = told.next;
        if page == 1 {
            // One goes that was not told yet and one that was; one comes at each end.
            for gone in ["file 2500", "file 0100"] {
                fs::remove_file(owner.root().join(gone)).unwrap();
            }
            owner.write("aaa", b"");
            owner.write("zzz", b"");
        }
        if after.is_none() {
            break;
        }
    }
    // A name that comes meanwhile may be missed or seen.
    let all: Vec<String> = pages.concat().into_iter().filter(|name| name.starts_with("file")).collect();
    let old = |number: usize| format!("file {number:04}");
    let expected: Vec<String> = (0..3_000).filter(|number| *number != 2_500).map(old).collect();
    assert_eq!(all, expected, "what was told stays told, and the rest is as it is now");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_fetched_ahead_are_those_that_follow() {
    let owner = Owner::new();
    for number in 0..3_500 {
        owner.write(&format!("file {number:04}"), b"x");
    }
    let reader = Reader::new(&owner);
    let (remote, ahead) = (reader.remote(), lanyard_drive::consume::ahead::Ahead::default());
    let (mut names, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = ahead.list(&remote, &SharePath::top(), after.as_deref()).await.unwrap();
        names.extend(page.entries.into_iter().map(|item| item.name));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (0..3_500).map(|number| format!("file {number:04}")).collect();
    assert_eq!((names, pages), (expected, 4));
    // Whoever begins anew gets what is there now.
    fs::remove_file(owner.root().join("file 0000")).unwrap();
    let page = ahead.list(&remote, &SharePath::top(), None).await.unwrap();
    assert_eq!(page.entries.first().unwrap().name, "file 0001");
    fs::rename(owner.root(), owner.dir.path().join("away")).unwrap();
    let later = ahead.list(&remote, &SharePath::top(), Some("ff")).await;
    assert!(later.is_err(), "another page than the one that was fetched is asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_hangs_nothing() {
    let owner = Owner::new();
    assert!(Command::new("mkfifo").arg(owner.root().join("pipe")).status().unwrap().success());
    let reader = Reader::new(&owner);
    for verb in ["file", "manifest"] {
        let answer = tokio::time::timeout(Duration::from_secs(5), reader.raw_get(verb, "path=pipe")).await;
        assert_eq!(answer.expect("it does not hang").0, 403, "{verb}");
    }
    assert_eq!(reader.raw_get("list", "path=pipe").await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_named_and_never_opened() {
    let owner = Owner::new();
    *owner.rules.root.lock().unwrap() = "/dev".into();
    let reader = Reader::new(&owner);
    for name in ["zero", "null", "tty"] {
        let path = SharePath::parse(name).unwrap();
        assert_eq!(reader.remote().stat(&path).await.unwrap().kind, Kind::Other, "{name}");
        for verb in ["file", "manifest"] {
            let query = format!("path={name}");
            let answer = tokio::time::timeout(Duration::from_secs(5), reader.raw_get(verb, &query)).await;
            assert_eq!(answer.expect("it ends").0, 403, "{verb} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_refused_clearly() {
    let owner = Owner::new();
    owner.write("file", b"x");
    let reader = Reader::new(&owner);
    for (verb, query, status) in [
        ("list", "path=missing", 404),
        ("list", "path=file", 400),
        ("list", "path=&after=nonsense", 400),
        ("stat", "path=missing", 404),
        ("file", "path=", 400),
        ("manifest", "path=", 400),
        ("dance", "path=file", 404),
    ] {
        assert_eq!(reader.raw_get(verb, query).await.0, status, "{verb} {query}");
    }
    fs::rename(owner.root(), owner.dir.path().join("away")).unwrap();
    assert_eq!(reader.raw_get("list", "path=").await.0, 404, "the folder itself is away");
}

async fn unreadable_as_another_user() {
    use std::os::unix::fs::PermissionsExt;
    let owner = Owner::new();
    let private = owner.root().join("private");
    fs::create_dir(&private).unwrap();
    owner.write("locked", b"x");
    for path in [private, owner.root().join("locked")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    }
    let reader = Reader::new(&owner);
    for (verb, query) in [("list", "path=private"), ("stat", "path=private/x"), ("file", "path=locked")] {
        let (status, body) = reader.raw_get(verb, query).await;
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(status == 403 && text.contains("unreadable"), "{verb} {query}: {status} {text}");
    }
    let page = reader.remote().list(&SharePath::top(), None).await.unwrap();
    assert_eq!(page.entries.len(), 2, "the rest can be listed all the same");
    fs::set_permissions(owner.root().join("private"), fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_folder_is_refused_clearly() {
    use std::os::unix::{fs::PermissionsExt, process::CommandExt};
    if !rustix::process::geteuid().is_root() {
        return unreadable_as_another_user().await;
    }
    // Root may read everything, so the test runs once more as nobody, from a place where nobody may start it.
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = dir.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let output = Command::new(&program)
        .args(["--exact", "listing::an_unreadable_folder_is_refused_clearly"])
        .current_dir("/")
        .env("TMPDIR", "/tmp")
        .uid(65_534)
        .gid(65_534)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
