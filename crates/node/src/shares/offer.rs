//! The list of offers that one neighbour gets.

use super::Entry;
use crate::{
    Core, printing,
    wire::{OfferedDrive, OfferedPrinter, Offers},
};
use lanyard_api::ShareKind;
use lanyard_print::{
    QueueId,
    system::{QueueInfo, QueueState},
};
use lanyard_trust::{Action, Decision, ShareId, Subject};

/// What `subject` may see and use.
pub async fn offers_for(core: &Core, subject: &Subject) -> Offers {
    let visible: Vec<(ShareId, Entry)> = {
        let table = core.shares.read();
        table
            .iter()
            .filter(|(_, e)| core.shares.is_known_to(e, subject))
            .map(|(id, e)| (id.clone(), e.clone()))
            .collect()
    };
    let mut offers = Offers::default();
    for (id, entry) in visible {
        match entry.kind {
            ShareKind::Printer => {
                let ask = core.shares.decide(&id, &entry, subject, Action::Print) == Decision::Ask;
                let queue = printing::queue_state(core, &QueueId(entry.target)).await;
                offers.printers.push(OfferedPrinter { ask, ..printer(id, entry.name, queue) });
            }
            ShareKind::Folder | ShareKind::Disc => offers.drives.push(OfferedDrive {
                disc: entry.behind.kind() == ShareKind::Disc,
                writable: entry.behind.kind() != ShareKind::Disc
                    && core.shares.decide(&id, &entry, subject, Action::Write) != Decision::Deny,
                ask: core.shares.decide(&id, &entry, subject, Action::List) == Decision::Ask,
                share: id.0,
                name: entry.name,
                available: entry.available,
                free: entry.disk.map(|(free, _)| free),
                total: entry.disk.map(|(_, total)| total),
            }),
        }
    }
    offers
}

/// A queue that its system no longer lists is offered as stopped: jobs may wait for it to come back.
fn printer(id: ShareId, name: String, queue: Option<QueueInfo>) -> OfferedPrinter {
    let Some(queue) = queue else {
        return OfferedPrinter {
            share: id.0,
            name,
            model: None,
            location: None,
            state: "stopped".to_owned(),
            reasons: vec!["offline".to_owned()],
            waiting: 0,
            supplies: Vec::new(),
            ask: false,
            identity: None,
        };
    };
    let state = match queue.state {
        QueueState::Idle => "idle",
        QueueState::Processing => "processing",
        QueueState::Stopped => "stopped",
    };
    OfferedPrinter {
        share: id.0,
        name,
        model: queue.model,
        location: queue.location,
        state: state.to_owned(),
        reasons: queue.reasons,
        waiting: queue.waiting,
        supplies: queue.supplies,
        ask: false,
        identity: queue.device.identity,
    }
}
