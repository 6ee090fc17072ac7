//! A home, as scenarios make one: by the commands that a person types.

use anyhow::{Context, Result, ensure};
use lanyard_api::{Founded, HomeState, Invite, InviteState};
use lanyard_tests::{Node, Process, soon};
use std::time::{Duration, Instant};

/// A code on a device's screen.
pub(crate) struct Shown {
    pub(crate) invite: Invite,
    process: Process,
}

/// Begins a home.
pub(crate) fn create(node: &Node, name: &str) -> Result<Founded> {
    node.json(&["home", "create", name])
}

/// How it looks from a node.
pub(crate) fn state(node: &Node) -> Result<HomeState> {
    node.json(&["home"])
}

/// Shows a code for a new device.
pub(crate) fn invite(node: &Node) -> Result<Shown> {
    let process = node.spawn(&["home", "invite", "--json"])?;
    let invite = soon("a code is shown", Duration::from_secs(10), || {
        let written = process.written();
        let line = written.split_inclusive('\n').find(|line| line.ends_with('\n')).with_context(|| process.errors())?;
        serde_json::from_str(line).with_context(|| format!("{line:?}"))
    })?;
    Ok(Shown { invite, process })
}

/// Types a code.
pub(crate) fn join(node: &Node, code: &str) -> Result<HomeState> {
    node.run(&["home", "join", code])?;
    state(node)
}

/// Lets `new` into the home of `keeper`; the time from the typed code to the home.
pub(crate) fn admit(keeper: &Node, new: &Node) -> Result<Duration> {
    let mut shown = invite(keeper)?;
    // It is announced; the other side has to have heard it.
    let begun = Instant::now();
    let joined = join(new, &shown.invite.code)?;
    let took = begun.elapsed();
    ensure!(joined.home.is_some(), "{} has no home after it joined", new.name());
    shown.process.wait(Duration::from_secs(10))?;
    Ok(took)
}

/// What became of the code that a node showed last.
pub(crate) fn fate(node: &Node) -> Result<(InviteState, u8)> {
    let invite = state(node)?.invite.context("no code was shown")?;
    Ok((invite.state, invite.failed))
}
