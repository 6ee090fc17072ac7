//! The real binary: exit status, what it says without a node, and the life of `lanyard run`.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg_attr(not(unix), allow(dead_code, unused_imports))]

use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

fn lanyard(data: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lanyard"))
        .args(words)
        .arg("--data")
        .arg(data)
        .env("LANYARD_LOOPBACK", "1")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A node in a process of its own; killed when the test fails, so that nothing stays.
struct Running {
    child: Child,
    ready: Value,
}

impl Running {
    fn start(data: &Path, words: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lanyard"))
            .args(["run", "--json", "--data"])
            .arg(data)
            .args(words)
            .env("LANYARD_LOOPBACK", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
        Self { child, ready }
    }

    /// Sends a signal and tells the exit status.
    #[cfg(unix)]
    fn stop(mut self, signal: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the node does not stop");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn wrong_usage_ends_with_2_and_does_nothing() {
    let data = tempfile::tempdir().unwrap();
    for words in [
        &["no-such-command"][..],
        &[],
        &["print", "a.pdf"],
        &["print", "--on", "laser"],
        &["print", "a.pdf", "--on", "laser", "--copies", "0"],
        &["print", "a.pdf", "--on", "laser", "--color", "--mono"],
        &["print", "a.pdf", "--on", "laser", "--sides", "three"],
        &["share", "folder", ".", "--until", "yesterday"],
        &["network", "trust"],
        &["rm", "no-colon"],
        &["home", "create"],
        &["send", "a.pdf"],
        &["cancel"],
        &["share", "folder", ".", "--max-bytes", "much"],
        &["allow", "music"],
        &["answer", "abc", "perhaps"],
        &["ask"],
    ] {
        let output = lanyard(data.path(), words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{words:?}");
    }
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn without_a_node_every_command_says_how_to_start_one() {
    let data = tempfile::tempdir().unwrap();
    for words in [
        &["status"][..],
        &["doctor"],
        &["rm", "music:a"],
        &["mkdir", "music:a"],
        &["send", "a.pdf", "--to", "pi"],
        &["pause", "x"],
        &["mv", "music:a", "music:b"],
        &["cp", "music:a", "music:b"],
        &["bin", "music"],
        &["restore", "music", "0"],
        &["mount", "music", "/mnt"],
        &["unmount", "/mnt"],
        &["mounts"],
        &["home"],
        &["home", "create", "Anna"],
        &["home", "invite"],
        &["home", "join", "42-493-117"],
        &["home", "members"],
        &["home", "remove", "pi"],
        &["home", "leave"],
        &["pair"],
        &["connect", "192.168.1.7"],
        &["wake", "pi"],
        &["guests"],
        &["sharing", "pause"],
        &["moved", "same"],
        &["support-bundle", "bundle.txt"],
        &["network"],
        &["nearby"],
        &["shares"],
        &["asks"],
        &["ask", "laser"],
        &["answer", "abc", "no"],
        &["allow", "music", "--to", "network"],
        &["jobs"],
        &["transfers"],
        &["browser"],
        &["print", "a.pdf", "--on", "laser"],
        &["ls", "music"],
        &["get", "music:a"],
        &["share", "folder", "."],
    ] {
        let output = lanyard(data.path(), words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(text(&output.stderr).contains("Start it with: lanyard run"), "{}", text(&output.stderr));
    }
}

#[cfg(unix)]
#[test]
fn a_node_runs_tells_its_status_and_ends_with_0_when_told_to() {
    for signal in ["-TERM", "-INT"] {
        let data = tempfile::tempdir().unwrap();
        let node = Running::start(data.path(), &["--name", "Test node"]);
        assert_eq!(node.ready["ready"], true);
        assert_eq!(node.ready["name"], "Test node");
        assert_eq!(node.ready["pid"], node.child.id());

        let output = lanyard(data.path(), &["status", "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(status["id"], node.ready["id"]);
        assert_eq!(status["port"], node.ready["port"]);
        assert!(text(&lanyard(data.path(), &["status"]).stdout).contains("Test node"));

        let second = lanyard(data.path(), &["run"]);
        assert_eq!(second.status.code(), Some(1), "a second node is refused");
        assert!(text(&second.stderr).contains("running already"), "{}", text(&second.stderr));

        assert!(data.path().join("node.sock").exists());
        assert_eq!(node.stop(signal), Some(0));
        assert!(!data.path().join("node.sock").exists(), "the socket goes with the node");
        let log = std::fs::read_to_string(data.path().join("logs/lanyard.log")).unwrap();
        assert!(!log.is_empty());
        for line in log.lines() {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}

#[cfg(unix)]
#[test]
fn folders_are_shared_listed_and_taken_back() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let node = Running::start(data.path(), &[]);
    let path = folder.path().canonicalize().unwrap();
    let output = lanyard(
        data.path(),
        &["share", "folder", path.to_str().unwrap(), "--name", "Music", "--write", "--until", "2h", "--json"],
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let share: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(share["name"], "Music");
    assert_eq!(share["policy"]["audience"][0]["who"], "network");
    assert_eq!(share["policy"]["write"], true);
    let shares: Value = serde_json::from_slice(&lanyard(data.path(), &["shares", "--json"]).stdout).unwrap();
    assert_eq!(shares, Value::Array(vec![share]));

    let allow =
        &["allow", "music", "--to", "home", "network", "--ask", "--max-bytes", "2GB", "--until", "1h"];
    let output = lanyard(data.path(), &[&allow[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let share: Value = serde_json::from_slice(&output.stdout).unwrap();
    let grants = share["policy"]["audience"].as_array().unwrap();
    assert_eq!((&grants[0]["who"], &grants[1]["who"]), (&"home".into(), &"network".into()));
    for grant in grants {
        assert_eq!((&grant["ask"], &grant["max_bytes"]), (&true.into(), &2_000_000_000_u64.into()));
        assert!(grant["until"].is_i64());
    }
    let shown = text(&lanyard(data.path(), &["shares"]).stdout);
    assert!(shown.contains("my home (asks first, until") && shown.contains("2.0 GB a day"), "{shown}");
    assert_eq!(text(&lanyard(data.path(), &["asks", "--json"]).stdout).trim(), "[]");
    assert_eq!(lanyard(data.path(), &["answer", "abc", "once"]).status.code(), Some(1));
    assert_eq!(lanyard(data.path(), &["ask", "music"]).status.code(), Some(1), "one's own is not asked for");

    let output = lanyard(data.path(), &["share", "folder", "/no/such/folder"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("There is no folder"), "{}", text(&output.stderr));
    let output = lanyard(data.path(), &["share", "folder", ".", "--name", "x", "--to", "nobody-near"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no device called"), "{}", text(&output.stderr));

    assert_eq!(lanyard(data.path(), &["unshare", "music"]).status.code(), Some(0));
    assert_eq!(lanyard(data.path(), &["unshare", "music"]).status.code(), Some(1));
    assert_eq!(lanyard(data.path(), &["print", "/no/such", "--on", "laser"]).status.code(), Some(1));
    assert_eq!(lanyard(data.path(), &["cancel", "1234"]).status.code(), Some(1));
    assert_eq!(node.stop("-TERM"), Some(0));
}
