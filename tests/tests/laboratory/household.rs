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
    let request = Request::OpenInvite { purpose: Purpose::AddDevice, role: Role::Member, confirm: false };
    match node.ask(&request)? {
        Response::Invite(invite) => Ok(invite),
        other => bail!("no code: {other:?}"),
    }
}

/// Typing a code in order to join.
pub(crate) fn typing(code: &str) -> Request {
    Request::TypeCode { code: code.to_owned(), purpose: Purpose::JoinHome, address: None }
}

/// Types a code.
pub(crate) fn join(node: &Node, code: &str) -> Result<HomeState> {
    home(node.ask(&typing(code))?)
}

/// Lets `new` into the home of `keeper`; the time from the typed code to the home.
pub(crate) fn admit(keeper: &Node, new: &Node) -> Result<Duration> {
    let shown = invite(keeper)?;
    // It is announced; a person needs longer to type it than the other side to hear it.
    let digits = shown.code.get(..2).context("no digits")?.to_owned();
    soon("the code is heard", Duration::from_secs(10), || {
        let windows = state(new)?.windows;
        ensure!(windows.iter().any(|window| window.discriminator == digits), "{windows:?}");
        Ok(())
    })?;
    let begun = Instant::now();
    let joined = join(new, &shown.code)?;
    ensure!(joined.home.is_some(), "{} has no home after it joined", new.name());
    Ok(begun.elapsed())
}

/// What became of the code that a node showed last.
pub(crate) fn fate(node: &Node) -> Result<(InviteState, u8)> {
    let invite = state(node)?.invite.context("no code was shown")?;
    Ok((invite.state, invite.failed))
}
