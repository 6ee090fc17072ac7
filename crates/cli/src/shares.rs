//! `lanyard share`, `shares` and `unshare`.

use crate::{
    Failure,
    args::{Rule, ShareWhat},
    ask::{self, Asked, absolute},
    show,
};
use lanyard_api::{ApiError, Request, Response};

pub(crate) async fn share(node: &Asked, what: ShareWhat, json: bool) -> Result<(), Failure> {
    let request = match what {
        ShareWhat::Printer { queue, rule } => {
            let Rule { name, to, until, ask } = rule;
            Request::SharePrinter { queue, name, audience: node.audience(&to, ask).await?, until }
        }
        ShareWhat::Folder { path, write, rule } => {
            let Rule { name, to, until, ask } = rule;
            let path = absolute(&path)?;
            Request::ShareFolder { path, name, write, audience: node.audience(&to, ask).await?, until }
        }
        ShareWhat::Disc { .. } => return Err(ApiError::not_available("Sharing a disc").into()),
    };
    let Response::Share(share) = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &share, show::shared)
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
