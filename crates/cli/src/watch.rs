//! `--watch`: the state now, then each change as it comes.

use crate::{Failure, ask::Asked, show};
use lanyard_api::{Change, Nearby};
use serde::Serialize;

pub(crate) async fn nearby(node: &Asked, json: bool) -> Result<(), Failure> {
    let mut before: Option<Nearby> = None;
    changes(node, |change| {
        let now = match change {
            Change::Snapshot(snapshot) => snapshot.nearby,
            Change::Nearby(nearby) => nearby,
            _ => return Ok(()),
        };
        match before.as_ref().filter(|_| !json) {
            None => show::show(json, &now, show::nearby)?,
            Some(before) => show::print(&show::nearby_changes(before, &now))?,
        }
        before = Some(now);
        Ok(())
    })
    .await
}

pub(crate) async fn jobs(node: &Asked, json: bool) -> Result<(), Failure> {
    changes(node, |change| match change {
        // Oldest first, as the changes that follow.
        Change::Snapshot(snapshot) => each(json, snapshot.jobs.iter().rev(), show::job_line),
        Change::Job(job) => show::show(json, &job, show::job_line),
        _ => Ok(()),
    })
    .await
}

pub(crate) async fn transfers(node: &Asked, json: bool) -> Result<(), Failure> {
    changes(node, |change| match change {
        Change::Snapshot(snapshot) => each(json, snapshot.transfers.iter().rev(), show::transfer_line),
        Change::Transfer(transfer) => show::show(json, &transfer, show::transfer_line),
        _ => Ok(()),
    })
    .await
}

pub(crate) async fn asks(node: &Asked, json: bool) -> Result<(), Failure> {
    changes(node, |change| match change {
        Change::Snapshot(snapshot) => show::show(json, &snapshot.asks, |asks| show::asks(asks)),
        Change::Asks(asks) => show::show(json, &asks, |asks| show::asks(asks)),
        _ => Ok(()),
    })
    .await
}

fn each<'a, T: Serialize + 'a>(
    json: bool,
    things: impl Iterator<Item = &'a T>,
    text: impl Fn(&T) -> String,
) -> Result<(), Failure> {
    for thing in things {
        show::show(json, thing, &text)?;
    }
    Ok(())
}

async fn changes(
    node: &Asked,
    mut on_change: impl FnMut(Change) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut events = node.events().await?;
    while let Some(event) = events.recv().await {
        on_change(event.change)?;
    }
    Err(Failure::said("Lanyard has stopped."))
}
