//! Somebody else has an account on the same computer.

use anyhow::{Context, Result, ensure};
use lanyard_tests::{Host, Lab, Node, node, runner::remark, scenarios};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Output,
};

scenarios![
    another_user_reads_and_reaches_nothing_of_the_node,
    another_user_cannot_lie_in_wait_for_the_socket,
    another_user_gets_nothing_from_the_browser_door,
    another_user_is_a_stranger_on_the_network,
];

/// The other account: it is on every Linux system, and owns nothing.
const OTHER: &str = "daemon";

/// Runs a command as the other user, with its home in a place of its own.
fn as_other(host: &Host, command: &[&str]) -> Result<Output> {
    let mut whole = vec!["setpriv", "--reuid", OTHER, "--regid", OTHER, "--clear-groups", "--"];
    whole.extend(command);
    host.output(&whole)
}

fn refused(host: &Host, command: &[&str]) -> Result<String> {
    let output = as_other(host, command)?;
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    ensure!(!output.status.success(), "{command:?} succeeded: {}", String::from_utf8_lossy(&output.stdout));
    Ok(words)
}

/// The programs, where the other user can start them: the folder they were built in may be closed to it.
struct Programs {
    lanyard: String,
    inside: String,
}

impl Programs {
    fn on(host: &Host) -> Result<Self> {
        let copy = |from: &Path, name: &str| -> Result<String> {
            let to = host.dir().join(name);
            fs::copy(from, &to)?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
            Ok(to.to_string_lossy().into_owned())
        };
        let lanyard = copy(Path::new(&node::binary()?), "lanyard")?;
        let inside = copy(&std::env::current_exe()?, "inside")?;
        // What follows would prove nothing if the other user could not start them at all.
        let output = as_other(host, &[&lanyard, "--version"])?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let who = as_other(host, &["id", "-un"])?;
        ensure!(String::from_utf8_lossy(&who.stdout).trim() == OTHER, "{who:?}");
        Ok(Self { lanyard, inside })
    }
}

fn another_user_reads_and_reaches_nothing_of_the_node() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    let ada = Node::at_home(&host)?;
    let programs = Programs::on(&host)?;
    let data = ada.data().to_string_lossy().into_owned();
    let socket = ada.data().join("node.sock");
    ensure!(socket.exists(), "the socket is not where it is looked for");

    let mut files = 0;
    for path in below(ada.data())? {
        let found = fs::symlink_metadata(&path)?;
        let text = path.to_string_lossy().into_owned();
        refused(&host, &["ls", "-l", &text])?;
        refused(&host, &["cat", &text])?;
        refused(&host, &["touch", &text])?;
        if path.extension().is_some_and(|extension| extension == "key") || found.file_type().is_file() {
            // The closed folder is one wall; what holds a secret is closed itself, too.
            ensure!(found.uid() == 0, "{text} belongs to {}", found.uid());
        }
        files += 1;
    }
    ensure!(files >= 3, "only {files} files were tried");
    for secret in ["node.key", "node.sock"] {
        let mode = fs::metadata(ada.data().join(secret))?.mode() & 0o777;
        ensure!(mode == 0o600, "{secret} has mode {mode:o}");
    }
    remark(format!("{files} files, none readable"));
    refused(&host, &["ls", &data])?;

    let words = refused(
        &host,
        &[&programs.inside, lanyard_tests::inside::MARK, "open-socket", &socket.to_string_lossy()],
    )?;
    ensure!(words.contains("ermission denied"), "{words}");
    for command in [
        &["status"][..],
        &["nearby"],
        &["share", "folder", "/"],
        &["browser"],
        &["network", "trust", "current"],
    ] {
        let mut whole = vec![programs.lanyard.as_str(), "--data", &data];
        whole.extend(command);
        refused(&host, &whole).with_context(|| command.join(" "))?;
    }
    // Its own node, in its own folder, knows nothing of this one's either.
    ensure!(ada.json::<Vec<serde_json::Value>>(&["shares"])?.is_empty(), "something was shared");
    Ok(())
}

/// A data directory whose path is too long for a socket has it in a short one that anybody could have made before.
fn another_user_cannot_lie_in_wait_for_the_socket() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    let programs = Programs::on(&host)?;
    let data = host.dir().join("a".repeat(60)).join("b".repeat(60));
    fs::create_dir_all(&data)?;
    let data = data.to_string_lossy().into_owned();
    let command = ["timeout", "5", programs.lanyard.as_str(), "run", "--json", "--data", &data];
    // Where it will be can be computed from the path; here it is looked up.
    let node = host.spawn(&command[2..])?;
    let record = Path::new(&data).join("node.sock.path");
    lanyard_tests::soon("it says where its socket is", std::time::Duration::from_secs(10), || {
        ensure!(record.exists() && node.written().contains("\"id\""), "{}", node.errors());
        Ok(())
    })?;
    let socket = PathBuf::from(fs::read_to_string(&record)?);
    let dir = socket.parent().context("a socket without a folder")?.to_owned();
    ensure!(fs::metadata(&dir)?.mode() & 0o777 == 0o700, "{} is open to others", dir.display());
    drop(node);
    // The process is gone without tidying up; the other user takes the place.
    fs::remove_dir_all(&dir).context("make room")?;
    let path = dir.to_string_lossy().into_owned();
    let squatting = as_other(&host, &["sh", "-c", &format!("mkdir -m 777 '{path}' && echo mine")])?;
    ensure!(squatting.status.success(), "{}", String::from_utf8_lossy(&squatting.stderr));
    let output = host.output(&command)?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    fs::remove_dir_all(&dir)?;
    ensure!(output.status.code() == Some(1), "{}: {words}", output.status);
    ensure!(words.contains("belongs to somebody else"), "{words}");
    Ok(())
}

fn another_user_gets_nothing_from_the_browser_door() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    let ada = Node::at_home(&host)?;
    let link = ada.run(&["browser"])?;
    let (page, token) = link.trim().split_once("/#token=").context("no token in the link")?;
    let ask = |headers: &[&str], path: &str, body: &str| -> Result<String> {
        let mut command = vec!["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5"];
        for header in headers {
            command.extend(["-H", header]);
        }
        let url = format!("{page}{path}");
        if !body.is_empty() {
            command.extend(["--data-binary", body]);
        }
        command.push(&url);
        let output = as_other(&host, &command)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let json = "Content-Type: application/json";
    let status = r#"{"do":"status"}"#;
    let wrong = format!("X-Lanyard-Token: {}", "0".repeat(token.len()));
    let short = format!("X-Lanyard-Token: {}", &token[..token.len() - 1]);
    for (headers, path) in [
        (&[json][..], "/rpc"),
        (&[json, &wrong], "/rpc"),
        (&[json, &short], "/rpc"),
        (&[json, "X-Lanyard-Token:"], "/rpc"),
        (&[json], "/events"),
        (&[json], "/upload?name=a"),
        (&[json], "/download?drive=a&path=b"),
    ] {
        let answered = ask(headers, path, status)?;
        ensure!(answered == "401", "{path} with {headers:?}: {answered}");
    }
    // The same with the token is let in, so it is the token that they lacked.
    let right = format!("X-Lanyard-Token: {token}");
    let answered = ask(&[json, &right], "/rpc", status)?;
    ensure!(answered == "200", "with the token: {answered}");
    // Arguments of a process can be read by everybody on the computer.
    let seen = as_other(&host, &["sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '"])?;
    let seen = String::from_utf8_lossy(&seen.stdout).into_owned();
    ensure!(!seen.contains(token), "the token is in somebody's arguments");
    Ok(())
}

fn another_user_is_a_stranger_on_the_network() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    let ada = Node::at_home(&host)?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    ada.finds_device("ben", std::time::Duration::from_secs(10))?;
    let programs = Programs::on(&host)?;
    let folder = host.dir().join("private");
    fs::create_dir(&folder)?;
    fs::write(folder.join("diary.txt"), "for ben")?;
    let ben_id = ben.ready().id.clone();
    ada.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Private", "--to", &ben_id])?;
    let drive = ben.finds_drive("Private")?;
    let (share, _) = drive.id.split_once('@').context("a drive's id is share@device")?;
    let address = format!("{}:{}", host.ipv4()?, ada.status()?.port);
    let own = host.dir().join("other");
    fs::create_dir(&own)?;
    host.run(&["chown", OTHER, &own.to_string_lossy()])?;
    let key = own.join("key").to_string_lossy().into_owned();
    let ask = |request: &str| -> Result<String> {
        let output = as_other(
            &host,
            &[&programs.inside, lanyard_tests::inside::MARK, "ask", &address, &key, request],
        )?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    // It is heard, as any stranger on the owner's network is.
    let hello = r#"{"v":1,"name":"other","os":"linux","port":0}"#;
    let greeted = ask(&format!("POST /v1/hello\n{hello}"))?;
    ensure!(greeted.starts_with("HTTP/1.1 200"), "{greeted}");
    for request in [
        format!("GET /v1/drives/{share}/list?path="),
        format!("GET /v1/drives/{share}/manifest?path="),
        format!("GET /v1/drives/{share}/stat?path=diary.txt"),
        format!("GET /v1/drives/{share}/file?path=diary.txt"),
        "POST /rpc\n{\"do\":\"status\"}".to_owned(),
        "GET /events".to_owned(),
    ] {
        let answer = ask(&request)?;
        let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
        remark(format!("{}: {status}", request.lines().next().unwrap_or_default()));
        ensure!(status.starts_with('4'), "{request}: {answer}");
        ensure!(!answer.contains("diary") && !answer.contains("for ben"), "{answer}");
    }
    Ok(())
}

/// Everything below a folder that this process can see.
fn below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(below(&path)?);
        }
        all.push(path);
    }
    Ok(all)
}
