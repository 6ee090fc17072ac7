//! A browser on the owner's computer shows a page that means harm. It is a real one (Chromium), with the protection
//! switched off that new browsers have and old ones lack.

use anyhow::{Context, Result, bail, ensure};
use lanyard_api::{Job, NewPass, PassAction, Request, Response};
use lanyard_tests::{Host, Lab, Node, Process, Setup, runner::remark, scenarios, soon};
use std::{
    fs,
    time::{Duration, SystemTime},
};

scenarios![
    a_foreign_page_changes_nothing_and_reads_nothing,
    a_page_whose_name_moves_to_this_computer_is_not_answered,
    a_name_with_markup_is_text_in_the_page,
];

/// Where a browser on Debian is; elsewhere it may have another name.
const BROWSER: &str = "chromium";

/// How long a page may try everything.
const TRIES_WITHIN: Duration = Duration::from_secs(100);

/// A web server of the attacker's that serves `page`.
fn attacker(host: &Host, address: &str, page: Option<(&str, &str)>) -> Result<Process> {
    let dir = host.dir().join(format!("web-{}", address.replace([':', '.', '[', ']'], "-")));
    fs::create_dir_all(&dir)?;
    if let Some((name, content)) = page {
        fs::write(dir.join(name), content)?;
        fs::write(dir.join("kittens.txt"), "kittens")?;
    }
    let server = host.spawn_inside(&["web", address, &dir.to_string_lossy()])?;
    soon("the attacker's server listens", Duration::from_secs(5), || {
        ensure!(server.written().contains("listening"), "{}", server.errors());
        Ok(())
    })?;
    Ok(server)
}

/// A pass for a guest who may print on this printer.
fn pass_for(node: &Node, share: &str) -> Result<NewPass> {
    let hour = Duration::from_secs(3600);
    let until = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)? + hour;
    let request = Request::CreatePass {
        share: share.into(),
        action: PassAction::Print,
        until: i64::try_from(until.as_millis())?,
        label: String::new(),
    };
    match node.ask(&request)? {
        Response::NewPass(pass) => Ok(pass),
        other => bail!("no pass: {other:?}"),
    }
}

/// Opens a page.
fn browse(host: &Host, url: &str) -> Result<Process> {
    let profile = host.dir().join("profile");
    host.spawn(&[
        BROWSER,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--ignore-certificate-errors",
        // Questions before a page may reach private addresses (Chrome 142): a help that not everybody has.
        "--disable-features=LocalNetworkAccessChecks,PrivateNetworkAccessSendPreflights,\
         BlockInsecurePrivateNetworkRequests",
        "--remote-debugging-port=0",
        &format!("--user-data-dir={}", profile.display()),
        url,
    ])
}

/// Waits until the page has reported what it saw.
fn reported(at: &Process, browser: &mut Process) -> Result<String> {
    soon("the page has tried everything", TRIES_WITHIN, || {
        ensure!(browser.runs(), "the browser is gone: {}", browser.errors());
        let written = at.written();
        let line = written.lines().find(|line| line.starts_with("POST /report "));
        Ok(line.with_context(|| format!("no report yet: {written}"))?.to_owned())
    })
}

fn a_foreign_page_changes_nothing_and_reads_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let (host, mallory) = (lab.host("ada")?, lab.host("mallory")?);
    let ada = Node::at_home(&host)?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    ben.run(&["share", "printer", "save-as-pdf", "--name", "Archive"])?;
    ada.finds_printer("Archive")?;
    // A guest may print there, so ben's port answers browsers, too.
    let pass = pass_for(&ben, "Archive")?;
    let number = pass.page.rsplit('/').next().context("no number in the page's address")?;
    let link = ada.run(&["browser"])?;
    let (page, _) = link.trim().split_once("/#token=").context("no token in the link")?;
    let door = page.strip_prefix("http://").context("not over HTTP")?;
    let own = format!("{}:{}", host.ipv4()?, ada.status()?.port);
    let bens = format!("{}:{}", ben.host().ipv4()?, ben.status()?.port);
    // What the page can do to a server that does not defend itself.
    let canary = attacker(&host, "127.0.0.1:9000", None)?;
    let page = ("attack.html", include_str!("attack.html"));
    let server = attacker(&mallory, &format!("{}:8080", mallory.ipv4()?), Some(page))?;
    let targets = format!("127.0.0.1:9000,{door},{own},{bens}");
    let base = format!("http://{}:8080", mallory.ipv4()?);
    let mut browser = browse(&host, &format!("{base}/attack.html?t={targets}&n={number}&r={base}/report"))?;
    let report = reported(&server, &mut browser)?;

    let sung = canary.written();
    // Sending, a form, a picture, a socket, asking to send JSON.
    for needed in [
        "POST /rpc {\"do\"",
        "POST /rpc ------",
        "GET /icon.svg",
        "GET /events",
        "OPTIONS /rpc",
        "POST /v1/hello",
    ] {
        ensure!(sung.contains(needed), "the page cannot even do {needed:?} to anybody: {sung}");
    }
    let attempts: Vec<&str> = report.split(" | ").collect();
    let (control, real): (Vec<&str>, Vec<&str>) =
        attempts.iter().partition(|attempt| attempt.contains("127.0.0.1:9000"));
    ensure!(control.len() >= 40 && real.len() == 3 * control.len(), "{} of {}", control.len(), real.len());
    remark(format!("{} attempts on {} doors", real.len(), 3));
    for attempt in &real {
        for success in ["READ", "LOADED", "OPEN"] {
            ensure!(!attempt.contains(success), "the page got in: {attempt}");
        }
    }
    drop(browser);
    for (node, name) in [(&ada, "ada"), (&ben, "ben")] {
        ensure!(node.status()?.name == name, "it is called {:?} now", node.status()?.name);
        ensure!(node.json::<Vec<Job>>(&["jobs"])?.is_empty(), "a page printed");
        ensure!(!node.words().contains("panicked"), "{}", node.words());
    }
    ensure!(real.iter().filter(|attempt| attempt.contains(&format!("guess https://{bens}"))).count() == 6);
    // The guesses of the page did not count, or the guest would stand in front of a shut door now.
    let opened = host.run(&[
        "curl",
        "-sk",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-H",
        &format!("Origin: https://{bens}"),
        "-d",
        &format!("number={number}&pin={}", pass.pin),
        &format!("https://{bens}/g/pin"),
    ])?;
    ensure!(opened == "303", "the guest's own PIN was answered with {opened}");
    ensure!(ada.sees()? == ["ben"] && ben.sees()? == ["ada"], "{:?} {:?}", ada.sees()?, ben.sees()?);
    ensure!(ada.json::<Vec<serde_json::Value>>(&["shares"])?.is_empty(), "a page shared something");
    let downloads = ben.data().join("downloads");
    ensure!(!downloads.exists() || fs::read_dir(&downloads)?.next().is_none(), "a page left a file");
    Ok(())
}

fn a_page_whose_name_moves_to_this_computer_is_not_answered() -> Result<()> {
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    let setup = Setup { arguments: vec!["--log".into(), "debug".into()], ..Setup::default() };
    let ada = Node::at_home_with(&host, setup)?;
    let link = ada.run(&["browser"])?;
    let (page, _) = link.trim().split_once("/#token=").context("no token in the link")?;
    let port = page.rsplit(':').next().context("no port in the link")?.to_owned();
    // One name for two addresses. While somebody answers at the first one, no browser asks the second one. (Of each
    // family, as Chromium reads no more than one of each from this file.)
    let hosts = host.dir().join("hosts");
    let before = fs::read_to_string(&hosts)?;
    fs::write(&hosts, format!("{before}::1 kittens.example\n127.0.0.1 kittens.example\n"))?;
    let page = ("rebound.html", include_str!("rebound.html"));
    let mut server = attacker(&host, &format!("[::1]:{port}"), Some(page))?;
    let reports = attacker(&host, "127.0.0.2:8081", None)?;
    let url = format!("http://kittens.example:{port}/rebound.html?r=http://127.0.0.2:8081/report");
    let mut browser = browse(&host, &url)?;
    soon("the page is there", Duration::from_secs(30), || {
        ensure!(server.written().contains("GET /kittens.txt"), "{} {}", server.written(), browser.errors());
        Ok(())
    })?;
    server.kill()?;
    let report = reported(&reports, &mut browser)?;
    let answers: Vec<&str> = report.trim_start_matches("POST /report ").split(" | ").collect();
    remark(answers.join(" | "));
    ensure!(answers.len() == 6, "{answers:?}");
    // Each reached the node: the refusal was read by the page itself.
    for answer in &answers {
        ensure!(answer.contains(" 421 "), "{answer}");
    }
    ensure!(ada.words().contains("the browser door stays shut"), "the node saw none of it");
    ensure!(ada.status()?.name == "ada", "it was renamed");
    Ok(())
}

fn a_name_with_markup_is_text_in_the_page() -> Result<()> {
    const NAME: &str = "<img src=//127.0.0.1:9000/owned onerror=alert(1)>";
    const PAPER: &str = "<img src=//127.0.0.1:9000/paper onerror=alert(2)>";
    let lab = Lab::new()?;
    let host = lab.host("ada")?;
    let ada = Node::at_home(&host)?;
    let setup = Setup { name: Some(NAME.into()), ..Setup::default() };
    let ben = Node::at_home_with(&lab.host("ben")?, setup)?;
    let folder = ben.host().dir().join("shared");
    fs::create_dir(&folder)?;
    ben.run(&["share", "folder", &folder.to_string_lossy(), "--name", NAME])?;
    ben.run(&["share", "printer", "save-as-pdf", "--name", PAPER])?;
    ada.finds_printer(PAPER)?;
    ada.finds_drive(NAME)?;
    let canary = attacker(&host, "127.0.0.1:9000", None)?;
    let link = ada.run(&["browser"])?;
    // The page greets newcomers first, and shows nothing else until that is over.
    let (door, token) = link.trim().split_once("/#token=").context("no token in the link")?;
    let header = format!("X-Lanyard-Token: {token}");
    host.run(&[
        "curl",
        "-sf",
        "-H",
        &header,
        "-H",
        "Content-Type: application/json",
        "-d",
        r#"{"do":"finish_first_run"}"#,
        &format!("{door}/rpc"),
    ])?;
    let profile = format!("--user-data-dir={}", host.dir().join("profile").display());
    let page = host.run(&[
        BROWSER,
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        &profile,
        "--virtual-time-budget=6000",
        "--dump-dom",
        link.trim(),
    ])?;
    let escaped = |name: &str| name.replace('<', "&lt;").replace('>', "&gt;");
    let shown = [NAME, PAPER].map(|name| page.matches(&escaped(name)).count());
    let as_markup = page.contains("<img src=\"//127");
    remark(format!("shown {shown:?} times"));
    ensure!(shown.iter().all(|times| *times > 0), "the names are not in the page: {page}");
    ensure!(!as_markup && !page.contains("onerror=\""), "a name became markup: {page}");
    ensure!(
        canary.written().lines().count() == 1,
        "the page asked for what a name says: {}",
        canary.written()
    );
    Ok(())
}
