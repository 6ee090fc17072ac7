//! `lanyard ask`, `asks` and `answer`.

use crate::{
    Failure,
    args::AnswerWord,
    ask::{self, Asked},
    show,
};
use lanyard_api::{Access, ApiError, Change, ErrorCode, Nearby, Request, Response};
use lanyard_node::names::{self, Named};

/// Asks the owner, and waits for the answer when that is wanted: yes is exit status 0, no is 1.
pub(crate) async fn ask_owner(node: &Asked, what: String, wait: bool, json: bool) -> Result<(), Failure> {
    // Listening before asking, so that no change is missed.
    let mut events = node.events().await?;
    events.recv().await;
    let Response::Done = node.ask(Request::AskOwner { what: what.clone() }).await? else {
        return Err(ask::odd());
    };
    let Response::Nearby(mut nearby) = node.ask(Request::Nearby).await? else { return Err(ask::odd()) };
    loop {
        match (find(&nearby, &what)?, wait) {
            (Access::Allowed, _) => {
                return show::show(json, &serde_json::json!({ "access": Access::Allowed }), |_| {
                    "The owner allows it.\n".to_owned()
                });
            }
            (access, false) => {
                return show::show(json, &serde_json::json!({ "access": access }), |_| {
                    "The owner is asked. No answer within five minutes is a no.\n".to_owned()
                });
            }
            (Access::Refused, true) => {
                return Err(ApiError::new(ErrorCode::NotAllowed, "The owner has not allowed it.").into());
            }
            (Access::Ask | Access::Waiting, true) => {}
        }
        nearby = loop {
            match events.recv().await.map(|event| event.change) {
                Some(Change::Nearby(nearby)) => break nearby,
                Some(Change::Snapshot(snapshot)) => break snapshot.nearby,
                Some(_) => {}
                None => return Err(Failure::said("Lanyard has stopped.")),
            }
        };
    }
}

pub(crate) async fn list(node: &Asked, json: bool) -> Result<(), Failure> {
    let Response::Asks(asks) = node.ask(Request::Asks).await? else { return Err(ask::odd()) };
    show::show(json, &asks, |asks| show::asks(asks))
}

pub(crate) async fn answer(node: &Asked, ask: String, answer: AnswerWord, json: bool) -> Result<(), Failure> {
    let request = Request::AnswerAsk { ask, answer: answer.into() };
    let Response::Asks(asks) = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &asks, |asks| show::asks(asks))
}

/// How things stand with the printer or drive that is meant; the node has found it by the same words.
fn find(nearby: &Nearby, what: &str) -> Result<Access, Failure> {
    let printers = nearby.printers.iter().filter(|printer| printer.device.is_some());
    let printers = printers.map(|p| (&p.id, &p.name, &p.device_name, p.access));
    let drives = nearby.drives.iter().map(|d| (&d.id, &d.name, &d.device_name, d.access));
    let things: Vec<Named<Access>> = printers
        .chain(drives)
        .map(|(id, name, device, access)| Named {
            id: id.clone(),
            name: name.clone(),
            device: device.clone(),
            value: access,
        })
        .collect();
    Ok(names::find("printer or drive", what, &things)?)
}
