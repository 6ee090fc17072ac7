//! `lanyard share`, `allow`, `shares` and `unshare`.

use crate::{
    Failure,
    args::{Limits, Permission, Rule, ShareWhat},
    ask::{self, Asked, absolute},
    show,
};
use lanyard_api::{Audience, Grant, Request, Response};

pub(crate) async fn share(node: &Asked, what: ShareWhat, json: bool) -> Result<(), Failure> {
    let request = match what {
        ShareWhat::Printer { queue, rule } => {
            let Rule { name, to, until, ask, limits } = rule;
            let audience = node.audience(&to, &conditions(ask, limits)).await?;
            Request::SharePrinter { queue, name, audience, until }
        }
        ShareWhat::Folder { path, write, rule } => {
            let Rule { name, to, until, ask, limits } = rule;
            let path = absolute(&path)?;
            let audience = node.audience(&to, &conditions(ask, limits)).await?;
            Request::ShareFolder { path, name, write, audience, until }
        }
        ShareWhat::Disc { source, rule } => {
            let Rule { name, to, until, ask, limits } = rule;
            let source = absolute(&source)?;
            let audience = node.audience(&to, &conditions(ask, limits)).await?;
            Request::ShareDisc { source, name, audience, until }
        }
    };
    let Response::Share(share) = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &share, show::shared)
}

/// Puts one rule in place of those that a share has.
pub(crate) async fn allow(node: &Asked, share: String, rule: Permission, json: bool) -> Result<(), Failure> {
    let Permission { to, write, manage, ask, until, limits } = rule;
    let grant = Grant { write, manage, until, ..conditions(ask, limits) };
    let audience = Some(node.audience(&to, &grant).await?);
    let request = Request::ChangeShare { share, name: None, write: None, audience, until: None };
    let Response::Share(share) = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &share, show::shared)
}

/// A rule for nobody in particular yet.
fn conditions(ask: bool, limits: Limits) -> Grant {
    let Limits { max_jobs, max_bytes, max_pages, grey, quiet } = limits;
    Grant { ask, max_jobs, max_bytes, max_pages, no_color: grey, quiet, ..Grant::to(Audience::Network) }
}

pub(crate) async fn list(node: &Asked, json: bool) -> Result<(), Failure> {
    let Response::Shares(shares) = node.ask(Request::Shares).await? else { return Err(ask::odd()) };
    show::show(json, &shares, |shares| show::shares(shares))
}

pub(crate) async fn unshare(node: &Asked, share: String, json: bool) -> Result<(), Failure> {
    let text = format!("“{}” is not shared any more.\n", show::clean(&share));
    let Response::Done = node.ask(Request::Unshare { share }).await? else { return Err(ask::odd()) };
    show::show(json, &serde_json::json!({ "done": true }), |_| text)
}
