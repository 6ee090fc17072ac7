//! `lanyard mkdir`, `mv`, `cp`, `rm`, `bin` and `restore`.

use crate::{
    Failure,
    args::{Place, Way},
    ask::{self, Asked},
    outcome::Outcome,
    show,
};
use lanyard_api::{Request, Response};
use serde_json::json;

pub(crate) async fn mkdir(node: &Asked, places: Vec<Place>, json: bool) -> Result<(), Failure> {
    let mut outcome = Outcome::of(places.len());
    for Place { drive, path } in places {
        let (name, text) = (show::clean(&path), format!("Made {path}.\n"));
        if let Err(failure) = done(node, Request::MakeFolder { drive, path }, text, json).await {
            outcome.failed(&name, failure)?;
        }
    }
    outcome.end()
}

pub(crate) async fn rm(node: &Asked, places: Vec<Place>, json: bool) -> Result<(), Failure> {
    let mut outcome = Outcome::of(places.len());
    for Place { drive, path } in places {
        let name = show::clean(&path);
        let text = format!("Removed {path}. To have it back: lanyard bin {drive}\n");
        match node.ask(Request::RemoveEntry { drive, path, if_match: None }).await {
            Ok(Response::Removed { .. }) => {
                show::show(json, &json!({ "done": true }), |_| show::clean_line(&text))?;
            }
            Ok(_) => return Err(ask::odd()),
            Err(error) => outcome.failed(&name, error)?,
        }
    }
    outcome.end()
}

pub(crate) async fn mv(node: &Asked, way: Way, json: bool) -> Result<(), Failure> {
    let Way { from, to, taken } = way;
    let (drive, path, to) = within_one(from, to)?;
    placed(
        node,
        Request::MoveEntry { drive, path, to, conflict: taken.into(), replaces: None, if_match: None },
        json,
    )
    .await
}

pub(crate) async fn cp(node: &Asked, way: Way, json: bool) -> Result<(), Failure> {
    let Way { from, to, taken } = way;
    let (drive, path, to) = within_one(from, to)?;
    placed(node, Request::CopyEntry { drive, path, to, conflict: taken.into(), replaces: None }, json).await
}

pub(crate) async fn bin(
    node: &Asked,
    drive: String,
    forget: Option<String>,
    json: bool,
) -> Result<(), Failure> {
    if let Some(id) = forget {
        return done(node, Request::ForgetBinned { drive, id }, "Gone for good.\n".to_owned(), json).await;
    }
    let Response::Bin(things) = node.ask(Request::Bin { drive }).await? else { return Err(ask::odd()) };
    show::show(json, &things, |things| show::bin(things))
}

pub(crate) async fn restore(
    node: &Asked,
    drive: String,
    id: String,
    to: Option<String>,
    json: bool,
) -> Result<(), Failure> {
    placed(node, Request::Restore { drive, id, to }, json).await
}

/// Between two drives it is a copy and a removal, which this command does not pretend to be one step.
fn within_one(from: Place, to: Place) -> Result<(String, String, String), Failure> {
    if from.drive != to.drive {
        return Err(Failure::said("Both places must be on the same drive; use get and put between two."));
    }
    Ok((from.drive, from.path, to.path))
}

async fn done(node: &Asked, request: Request, text: String, json: bool) -> Result<(), Failure> {
    let Response::Done = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &json!({ "done": true }), |_| show::clean_line(&text))
}

async fn placed(node: &Asked, request: Request, json: bool) -> Result<(), Failure> {
    let Response::Placed { path, left_out } = node.ask(request).await? else { return Err(ask::odd()) };
    let text = |_: &_| {
        let left = match left_out {
            0 => String::new(),
            1 => " One link or special file in it was not copied.".to_owned(),
            more => format!(" {more} links and special files in it were not copied."),
        };
        show::clean_line(&format!("Now at {path}.{left}\n"))
    };
    show::show(json, &json!({ "path": path, "left_out": left_out }), text)
}
