//! `lanyard discs` and `eject`.

use crate::{
    Failure,
    ask::{self, Asked},
    show,
};
use lanyard_api::{Request, Response};

pub(crate) async fn list(node: &Asked, json: bool) -> Result<(), Failure> {
    let Response::Media(media) = node.ask(Request::Media).await? else { return Err(ask::odd()) };
    show::show(json, &media, |media| show::media(media))
}

pub(crate) async fn eject(node: &Asked, medium: String, force: bool, json: bool) -> Result<(), Failure> {
    let text = format!("“{}” can be taken out.\n", show::clean(&medium));
    let Response::Done = node.ask(Request::Eject { medium, force }).await? else { return Err(ask::odd()) };
    show::show(json, &serde_json::json!({ "done": true }), |_| text)
}
