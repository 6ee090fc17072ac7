//! A home, as scenarios make one.

use anyhow::{Context, Result, bail, ensure};
use lanyard_api::{HomeState, Invite, InviteState, Purpose, Request, Response, Role};
use lanyard_tests::{Node, soon};
use std::time::{Duration, Instant};

/// Begins a home.
pub(crate) fn create(node: &Node, name: &str) -> Result<()> {
    node.ask(&Request::CreateHome { name: name.to_owned() }).map(drop)
}

/// How it looks from a node.
pub(crate) fn state(node: &Node) -> Result<HomeState> {
    home(node.ask(&Request::Home)?)
}

fn home(response: Response) -> Result<HomeState> {
    match response {
        Response::Home(state) => Ok(state),
        other => bail!("no home: {other:?}"),
    }
}

/// Shows a code for a new device.
pub(crate) fn invite(node: &Node) -> Result<Invite> {
    show(node, Purpose::AddDevice)
}

fn show(node: &Node, purpose: Purpose) -> Result<Invite> {
    match node.ask(&Request::OpenInvite { purpose, role: Role::Member, confirm: false })? {
        Response::Invite(invite) => Ok(invite),
        other => bail!("no code: {other:?}"),
    }
}

/// Waits until a node has heard of a code: a person needs longer to type it.
fn hears_of(node: &Node, shown: &Invite) -> Result<()> {
    let digits = shown.code.get(..2).context("no digits")?;
    soon("the code is heard", Duration::from_secs(10), || {
        let windows = state(node)?.windows;
        ensure!(windows.iter().any(|window| window.discriminator == digits), "{windows:?}");
        Ok(())
    })
}

/// Typing a code in order to join.
pub(crate) fn typing(code: &str) -> Request {
    Request::TypeCode { code: code.to_owned(), purpose: Purpose::JoinHome, address: None }
}

/// Types a code.
pub(crate) fn join(node: &Node, code: &str) -> Result<HomeState> {
    home(node.ask(&typing(code))?)
}

/// Lets `new` into the home of `keeper`, which shows the code; the time from the typed code to the home.
pub(crate) fn admit(keeper: &Node, new: &Node) -> Result<Duration> {
    let shown = invite(keeper)?;
    hears_of(new, &shown)?;
    let begun = Instant::now();
    let joined = join(new, &shown.code)?;
    ensure!(joined.home.is_some(), "{} has no home after it joined", new.name());
    Ok(begun.elapsed())
}

/// The same with the code on the new device: one device shows no more than ten an hour.
pub(crate) fn take_in(keeper: &Node, new: &Node) -> Result<Duration> {
    let shown = show(new, Purpose::JoinHome)?;
    hears_of(keeper, &shown)?;
    let begun = Instant::now();
    keeper.ask(&Request::TypeCode { code: shown.code, purpose: Purpose::AddDevice, address: None })?;
    let took = begun.elapsed();
    soon("the new device knows it", Duration::from_secs(5), || {
        ensure!(state(new)?.home.is_some(), "{} has no home", new.name());
        Ok(())
    })?;
    Ok(took)
}

/// What became of the code that a node showed last.
pub(crate) fn fate(node: &Node) -> Result<(InviteState, u8)> {
    let invite = state(node)?.invite.context("no code was shown")?;
    Ok((invite.state, invite.failed))
}
