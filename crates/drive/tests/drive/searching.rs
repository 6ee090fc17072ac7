use crate::world::{Owner, Reader};
use lanyard_drive::{
    consume::{RemoteError, search::Told},
    path::SharePath,
    wire::{Code, Kind, SEARCH_FINDS},
};
use std::{fs, os::unix::fs::symlink, sync::atomic::Ordering};

async fn all(reader: &Reader, path: &str, words: &str) -> Result<Vec<Told>, RemoteError> {
    let mut search = reader.remote().search(&SharePath::parse(path).unwrap(), words).await?;
    let mut told = Vec::new();
    while let Some(next) = search.next().await? {
        if !matches!(next, Told::Looking(_)) {
            told.push(next);
        }
    }
    Ok(told)
}

fn found(told: &[Told]) -> Vec<String> {
    let mut paths: Vec<String> = told
        .iter()
        .filter_map(|told| match told {
            Told::Found(entry) => Some(entry.path.to_string()),
            _ => None,
        })
        .collect();
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_found_in_all_folders_below_whatever_their_case_and_accents() {
    let owner = Owner::new();
    fs::create_dir_all(owner.root().join("Reisen/Zürich 2024")).unwrap();
    owner.write("zurich.txt", b"12345");
    owner.write("Reisen/Zürich 2024/plan.pdf", b"");
    owner.write("Reisen/Zu\u{308}rich alt.jpg", b"");
    owner.write("Reisen/Bern.jpg", b"");
    owner.write(".zurich.1a2b3c4d.lanyard-part", b"half");
    let reader = Reader::new(&owner);
    let told = all(&reader, "", "ZURICH").await.unwrap();
    assert_eq!(found(&told), ["Reisen/Zu\u{308}rich alt.jpg", "Reisen/Zürich 2024", "zurich.txt"]);
    let of_file = told.iter().find_map(|told| match told {
        Told::Found(entry) if entry.path.to_string() == "zurich.txt" => Some((entry.kind, entry.size)),
        _ => None,
    });
    assert_eq!(of_file, Some((Kind::File, 5)));
    assert_eq!(found(&all(&reader, "Reisen", "zurich jpg").await.unwrap()), ["Reisen/Zu\u{308}rich alt.jpg"]);
    assert_eq!(found(&all(&reader, "", "nothing-like-it").await.unwrap()), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_found_and_never_followed() {
    let owner = Owner::new();
    let outside = owner.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret plan.txt"), "x").unwrap();
    symlink(&outside, owner.root().join("plan link")).unwrap();
    fs::create_dir(owner.root().join("loop")).unwrap();
    symlink("..", owner.root().join("loop/up")).unwrap();
    let reader = Reader::new(&owner);
    let told = all(&reader, "", "plan").await.unwrap();
    assert_eq!(found(&told), ["plan link"], "nothing behind a link is looked at, and no loop is walked");
    let refused = reader.remote().search(&SharePath::parse("plan link").unwrap(), "secret").await;
    assert!(matches!(refused, Err(RemoteError::Refused(Code::Special))), "nor when it is named");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_ends_at_its_limit_and_says_so() {
    let owner = Owner::new();
    for number in 0..=SEARCH_FINDS {
        owner.write(&format!("note {number}"), b"");
    }
    let reader = Reader::new(&owner);
    let told = all(&reader, "", "note").await.unwrap();
    assert_eq!(found(&told).len(), SEARCH_FINDS);
    assert_eq!(told.last(), Some(&Told::Limited));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_searches_a_share_that_is_not_theirs() {
    let owner = Owner::new();
    owner.write("plan", b"");
    let reader = Reader::new(&owner);
    for query in ["path=", "path=&words=", "path=&words=%20", "path=missing&words=plan"] {
        let status = reader.raw_get("search", query).await.0;
        assert!((400..=404).contains(&status), "{query}: {status}");
    }
    owner.rules.shared.store(false, Ordering::SeqCst);
    let refused = reader.remote().search(&SharePath::top(), "plan").await;
    assert!(matches!(refused, Err(RemoteError::Refused(Code::NotFound))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_taken_back_ends_a_search_under_way() {
    let owner = Owner::new();
    // Far more than fits into what is on its way, so that the walk has to wait for its reader.
    for folder in 0..100 {
        fs::create_dir(owner.root().join(format!("folder {folder}"))).unwrap();
        for number in 0..9 {
            owner.write(&format!("folder {folder}/{}{number}", "n".repeat(240)), b"");
        }
    }
    let reader = Reader::new(&owner);
    let mut search = reader.remote().search(&SharePath::top(), "n").await.unwrap();
    assert!(search.next().await.unwrap().is_some());
    owner.rules.shared.store(false, Ordering::SeqCst);
    let end = loop {
        match search.next().await {
            Ok(Some(_)) => {}
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(end.is_err(), "what was not sent before is not told: {end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_read_costs_only_itself() {
    use std::os::unix::{fs::PermissionsExt, process::CommandExt};
    if rustix::process::geteuid().is_root() {
        // Root may read everything, so the test runs once more as nobody, from a place where nobody may start it.
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let program = dir.path().join("tests");
        fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        let output = std::process::Command::new(&program)
            .args(["--exact", "searching::a_folder_that_cannot_be_read_costs_only_itself"])
            .current_dir("/")
            .env("TMPDIR", "/tmp")
            .uid(65_534)
            .gid(65_534)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let owner = Owner::new();
    let private = owner.root().join("private");
    fs::create_dir(&private).unwrap();
    fs::create_dir(owner.root().join("open")).unwrap();
    owner.write("private/plan", b"");
    owner.write("open/plan", b"");
    fs::set_permissions(&private, fs::Permissions::from_mode(0o000)).unwrap();
    let reader = Reader::new(&owner);
    let told = all(&reader, "", "plan").await.unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(found(&told), ["open/plan"]);
    assert!(told.contains(&Told::Unseen(SharePath::parse("private").unwrap(), Code::Unreadable)), "{told:?}");
}
