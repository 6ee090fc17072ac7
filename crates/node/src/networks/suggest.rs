//! Networks that may be the owner's: devices of the home answer on them, and nobody has said whose they are.
//!
//! A hint and no proof, for two laptops of one family meet in a café, too; so it marks nothing by itself.

use crate::{Core, presence, status};
use lanyard_api::Change;
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::broadcast::error::RecvError;

/// The ids of networks that are not marked as own and on which devices answer that belong to this one.
pub(super) fn suggested(core: &Core) -> BTreeSet<String> {
    let friends = presence::friends(core);
    let near = friends.into_iter().filter_map(|address| core.networks.near(address));
    near.filter(|place| !place.own).map(|place| place.network).collect()
}

/// Tells front ends when that changes.
pub(super) fn start(core: &Arc<Core>) {
    let core = Arc::clone(core);
    let mut events = core.events.listen();
    core.tasks.clone().spawn(async move {
        let mut told = BTreeSet::new();
        loop {
            let heard = tokio::select! {
                () = core.cancel.cancelled() => return,
                heard = events.recv() => heard,
            };
            match heard {
                Ok(event) if !matches!(event.change, Change::Nearby(_) | Change::Home(_)) => continue,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            }
            let now = suggested(&core);
            if now != told {
                told = now;
                core.events.emit(Change::Status(status::status(&core).await));
            }
        }
    });
}
