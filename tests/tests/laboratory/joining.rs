//! Somebody wants to come into a home without being asked: from the middle, with a false code, with another program.

use crate::household;
use anyhow::{Context, Result, ensure};
use lanyard_api::InviteState;
use lanyard_tests::{
    Host, Lab, Node, mdns,
    middle::{Middle, forget_ipv6},
    runner::remark,
    scenarios, soon,
};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::Duration,
};

scenarios![
    a_join_through_a_computer_in_the_middle_fails_and_says_so,
    of_fifty_false_devices_with_the_same_digits_three_get_one_guess,
    a_program_in_another_language_joins_a_real_node,
];

/// The six digits of a code that are nobody's business.
fn secret(code: &str) -> String {
    code.chars().filter(char::is_ascii_digit).skip(2).collect()
}

fn a_join_through_a_computer_in_the_middle_fails_and_says_so() -> Result<()> {
    let lab = Lab::new()?;
    let (one, other, mallory) = (lab.host("ada")?, lab.host("ben")?, lab.host("mallory")?);
    for host in [&one, &other, &mallory] {
        forget_ipv6(host)?;
    }
    let (ada, ben) = (Node::at_home(&one)?, Node::at_home(&other)?);
    ada.finds_device("ben", Duration::from_secs(10))?;
    ben.finds_device("ada", Duration::from_secs(10))?;
    household::create(&ada, "Home")?;
    let ports = (ada.status()?.port, ben.status()?.port);
    let middle = Middle::between(&mallory, (&one, ports.0), (&other, ports.1))?;

    let shown = household::invite(&ada)?;
    let code = &shown.code;
    let reason = soon("a try goes through the middle", Duration::from_secs(20), || {
        let reason = ben.refuses_to(&household::typing(code))?;
        ensure!(household::fate(&ada)?.1 > 0, "{reason}: {}", middle.steps());
        Ok(reason)
    })?;
    remark(format!("by code: {reason:?}"));
    ensure!(middle.steps().contains("by lanyard-join/1"), "{}", middle.steps());
    let (_, failed) = household::fate(&ada)?;
    ensure!(failed == 1, "{failed} tries were counted");
    // The link names the key, so the handshake is as far as it gets, and no try is spent.
    let reason = ben.refuses_to(&household::typing(&shown.link))?;
    remark(format!("by link: {reason:?}"));
    ensure!(household::fate(&ada)?.1 == 1, "a try was spent on a handshake");
    for (node, members) in [(&ada, Some(1)), (&ben, None)] {
        let home = household::state(node)?.home;
        ensure!(home.as_ref().map(|home| home.members.len()) == members, "{}: {home:?}", node.name());
        ensure!(household::state(node)?.paired.is_empty(), "{} is connected with somebody", node.name());
    }
    let heard = middle.transcript()?;
    ensure!(
        contains(&heard, "\"hello\"") && contains(&heard, "\"pa\""),
        "the middle heard nothing of the join"
    );
    remark(format!("{} bytes read in the middle", heard.len()));
    let (digits, link) = (secret(code), shown.link.clone());
    let link_secret =
        link.split("&s=").nth(1).and_then(|rest| rest.split('&').next()).context("no secret")?;
    for word in [digits.as_str(), code.as_str(), link_secret, "Home"] {
        ensure!(!contains(&heard, word), "the middle read {word:?}");
    }

    middle.leave()?;
    // Whoever was at that place had its guess at this code; a new one finds the device itself.
    let again = ben.refuses_to(&household::typing(code))?;
    ensure!(again.contains("Make a new one"), "{again}");
    let shown = household::invite(&ada)?;
    let joins = || household::join(&ben, &shown.code);
    soon("a new code works once it has left", Duration::from_secs(20), joins)?;
    let members = household::state(&ada)?.home.context("no home")?.members;
    ensure!(members.len() == 2, "{members:?}");
    Ok(())
}

fn of_fifty_false_devices_with_the_same_digits_three_get_one_guess() -> Result<()> {
    let lab = Lab::new()?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    let mallory = lab.host("mallory")?;
    let dir = mallory.dir().join("twins").to_string_lossy().into_owned();
    let twins = mallory.spawn_inside(&["twins", &dir, "42", "8000", "50"])?;
    soon("the false devices are there", Duration::from_secs(10), || {
        ensure!(twins.written().contains("showing"), "{}", twins.errors());
        Ok(())
    })?;
    let mut command = vec!["announce".to_owned()];
    for number in 0..50_u16 {
        let name = format!("{number:08}");
        let txt: &[&[u8]] = &[b"v=1", b"j=1", b"d=42", b"l=Kitchen"];
        command.push(mdns::to_hex(&mdns::announcement(
            mdns::LANYARD,
            name.as_bytes(),
            name.as_bytes(),
            8000 + number,
            txt,
            &[mallory.ipv4()?],
        )));
    }
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    mallory.run_inside(&command)?;
    soon("the false devices are seen", Duration::from_secs(10), || {
        // All of them say the same, so they look like one.
        let windows = household::state(&ben)?.windows;
        ensure!(windows.iter().any(|window| window.discriminator == "42"), "{windows:?}");
        Ok(())
    })?;
    std::thread::sleep(Duration::from_secs(2));
    let tries = || twins.written().lines().filter(|line| line.ends_with(": a try")).count();
    for click in 1..=6 {
        let before = tries();
        ben.refuses_to(&household::typing("42-493-117"))?;
        std::thread::sleep(Duration::from_millis(300));
        ensure!(tries() <= before + 1, "click {click} started {} guesses", tries() - before);
    }
    let written = twins.written();
    let mut devices: Vec<&str> = written.lines().filter_map(|line| line.strip_suffix(": a try")).collect();
    devices.sort_unstable();
    devices.dedup();
    remark(format!("{} guesses for six clicks, by {} devices", tries(), devices.len()));
    ensure!((1..=3).contains(&tries()) && devices.len() == tries(), "{written}");
    ensure!(!twins.written().contains("GUESSED"), "one in a million");
    ensure!(household::state(&ben)?.home.is_none(), "it came into a false home");
    Ok(())
}

fn a_program_in_another_language_joins_a_real_node() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, guest) = (Node::at_home(&lab.host("ada")?)?, lab.host("python")?);
    household::create(&ada, "Home")?;
    let address = format!("{}:{}", ada.host().ipv4()?, ada.status()?.port);
    let python = python()?.to_string_lossy().into_owned();
    let join = |host: &Host, key: &str, address: &str, code: &str| -> Result<String> {
        let dir = host.dir().join(key).to_string_lossy().into_owned();
        host.run_inside(&["python-joins", address, &dir, &python, &script(), code])
    };
    let members = || Ok::<_, anyhow::Error>(household::state(&ada)?.home.context("no home")?.members);

    let shown = household::invite(&ada)?;
    let code = shown.code.clone();
    // One of the six digits is another one.
    let wrong: String = {
        let last = code.chars().last().context("no digits")?;
        let other = if last == '7' { '3' } else { '7' };
        format!("{}{other}", &code[..code.len() - 1])
    };
    let refused = join(&guest, "wrong", &address, &wrong)?;
    remark(format!("wrong code: {:?}", last_line(&refused)));
    ensure!(refused.contains("failed wrong_code"), "{refused}");

    // Through a computer in the middle: two connections, two exporters.
    let mallory = lab.host("mallory")?;
    let dir = mallory.dir().join("middle").to_string_lossy().into_owned();
    let relay = mallory.spawn_inside(&["middle", &dir, &format!("7001={address}")])?;
    soon("the relay listens", Duration::from_secs(5), || {
        ensure!(relay.written().contains("in the middle as"), "{}", relay.errors());
        Ok(())
    })?;
    let refused = join(&guest, "relayed", &format!("{}:7001", mallory.ipv4()?), &code)?;
    remark(format!("relayed: {:?}", last_line(&refused)));
    ensure!(refused.contains("failed wrong_code") && relay.written().contains("in between"), "{refused}");
    ensure!(members()?.len() == 1, "{:?}", members()?);

    let joined = join(&guest, "right", &address, &code)?;
    let (words, log) = joined.trim().rsplit_once(' ').context("no answer")?;
    ensure!(words.contains("joined ada"), "{joined}");
    ensure!(log.len() > 200, "no log of the home came");
    let key = joined.lines().find_map(|line| line.strip_prefix("as ")).context("no key")?.to_owned();
    soon("it is a member", Duration::from_secs(5), || {
        ensure!(
            members()?.iter().any(|member| member.id == key && member.name == "Python"),
            "{:?}",
            members()?
        );
        Ok(())
    })?;
    ensure!(household::fate(&ada)?.0 == InviteState::Used, "{:?}", household::fate(&ada)?);

    // With a new code open, what was said in the join before is worth nothing.
    household::invite(&ada)?;
    let dir = guest.dir().join("right").to_string_lossy().into_owned();
    let answers = guest.run_inside(&["replay", &address, &dir])?;
    remark(format!("replayed: {:?}", answers.lines().skip(1).collect::<Vec<_>>()));
    ensure!(!answers.contains("confirmed") && !answers.contains("sealed"), "{answers}");
    ensure!(members()?.len() == 2, "{:?}", members()?);
    Ok(())
}

fn last_line(text: &str) -> &str {
    text.trim().lines().last().unwrap_or_default()
}

/// The Python program, and what it needs, are those of `lanyard-trust`'s tests.
fn script() -> String {
    source("joiner.py").to_string_lossy().into_owned()
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/trust/tests/python").join(name)
}

/// A Python with the packages of `requirements.txt`: the one that `LANYARD_PYTHON` names, or one that is made below
/// the target directory the first time.
fn python() -> Result<PathBuf> {
    static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    PYTHON
        .get_or_init(|| match std::env::var_os("LANYARD_PYTHON") {
            Some(python) => Ok(PathBuf::from(python)),
            None => make_python().map_err(|error| format!("{error:#}")),
        })
        .clone()
        .map_err(anyhow::Error::msg)
}

fn make_python() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-of-the-laboratory");
    let (program, made) = (folder.join("bin/python"), folder.join("made"));
    let requirements = source("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)?;
    // Written last, so that a half-made one is made again.
    if std::fs::read_to_string(&made).is_ok_and(|made| made == wanted) {
        return Ok(program);
    }
    let run = |command: &mut Command| -> Result<()> {
        let ran = command.output().with_context(|| format!("start {command:?}"))?;
        ensure!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
        Ok(())
    };
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    run(Command::new(&program)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"])
        .arg("--requirement")
        .arg(&requirements))?;
    std::fs::write(&made, wanted)?;
    Ok(program)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
