//! `lanyard guest` and `guests`: passes for people with nothing but a browser.

use crate::{
    Failure,
    args::{Guest, GuestAction},
    ask::{self, Asked},
    show, until,
};
use lanyard_api::{PassAction, Request, Response, ShareKind};
use lanyard_node::names::{self, Named};

/// How long a pass lasts when nothing else is said.
const USUAL: &str = "2h";

pub(crate) async fn guest(node: &Asked, wanted: Guest, json: bool) -> Result<(), Failure> {
    let Guest { action, share, print, read, add, until, label } = wanted;
    if let Some(GuestAction::End { pass }) = action {
        let Response::Passes(passes) = node.ask(Request::EndPass { pass }).await? else {
            return Err(ask::odd());
        };
        return show::show(json, &passes, |passes| show::passes(passes));
    }
    let share = share.unwrap_or_default();
    let action = match (print, read, add) {
        (true, ..) => PassAction::Print,
        (_, true, _) => PassAction::Read,
        (.., true) => PassAction::Add,
        _ => usual(node, &share).await?,
    };
    let until = match until {
        Some(until) => until,
        None => until::parse(USUAL).map_err(Failure::said)?,
    };
    let label = label.unwrap_or_default();
    let request = Request::CreatePass { share, action, until, label };
    let Response::NewPass(pass) = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &pass, show::new_pass)
}

pub(crate) async fn list(node: &Asked, json: bool) -> Result<(), Failure> {
    let Response::Passes(passes) = node.ask(Request::Passes).await? else { return Err(ask::odd()) };
    show::show(json, &passes, |passes| show::passes(passes))
}

/// What one does with a share of its kind.
async fn usual(node: &Asked, share: &str) -> Result<PassAction, Failure> {
    let Response::Shares(shares) = node.ask(Request::Shares).await? else { return Err(ask::odd()) };
    if let Some(found) = shares.iter().find(|known| known.target == share) {
        return Ok(of(found.kind));
    }
    let things: Vec<Named<ShareKind>> = shares
        .into_iter()
        .map(|share| Named { id: share.id, name: share.name, device: String::new(), value: share.kind })
        .collect();
    Ok(of(names::find("share", share, &things)?))
}

fn of(kind: ShareKind) -> PassAction {
    match kind {
        ShareKind::Printer => PassAction::Print,
        ShareKind::Folder | ShareKind::Disc => PassAction::Read,
    }
}
