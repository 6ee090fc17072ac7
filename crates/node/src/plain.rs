//! Printers and folders for clients without Lanyard: which of the shared ones are announced to them, and by which names.
//!
//! Printers that everyone on the owner's network may use, be it after a question, and that clients do not find without
//! us: a printer that is on the network by itself is not announced a second time; and folders that everyone may look
//! into. Announcing is done in `networks`, answering in `doors::ipp` and `doors::dav`, and whoever asks there is decided about by the gate like everybody else.

mod names;

use crate::{Core, networks, printing, shares::OpenPrinter, web};
use lanyard_api::Change;
use lanyard_discovery::{FolderRecord, Kind, PaperMax, PrinterRecord, Service};
use lanyard_print::{
    offer::ipp::{self, Facts, Printer},
    system::device::Reach,
    ticket::Sides,
};
use lanyard_trust::{PlainId, ShareId, Subject, Who};
use names::Names;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::broadcast::error::RecvError, time::MissedTickBehavior};

/// How often it is looked whether something is to be announced otherwise when nothing gives reason to: what a printer
/// can do may change, and a rule may end.
const EVERY: Duration = Duration::from_secs(30);

/// Between two looks: changes come in bursts.
const GATHER: Duration = Duration::from_millis(200);

/// What is announced.
#[derive(Default)]
pub struct Plain {
    told: Mutex<Vec<(ShareId, PrinterRecord)>>,
    folders: Mutex<Vec<FolderRecord>>,
}

impl Plain {
    /// What is to be announced on the owner's networks.
    pub(crate) fn records(&self) -> Vec<PrinterRecord> {
        self.told().iter().map(|(_, record)| record.clone()).collect()
    }

    /// The same of folders.
    pub(crate) fn folders(&self) -> Vec<FolderRecord> {
        self.told_folders().clone()
    }

    fn told_folders(&self) -> MutexGuard<'_, Vec<FolderRecord>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name under which a printer is announced, if it is.
    pub(crate) fn name_of(&self, share: &ShareId) -> Option<String> {
        let told = self.told();
        told.iter().find(|(known, _)| known == share).map(|(_, record)| record.instance.clone())
    }

    fn told(&self) -> MutexGuard<'_, Vec<(ShareId, PrinterRecord)>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the doors and the announcements equal to what is shared, until the node stops.
pub fn start(core: &Arc<Core>) {
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        let cancel = core.cancel.clone();
        let _ = cancel.run_until_cancelled(watch(&core)).await;
    });
}

async fn watch(core: &Arc<Core>) {
    let mut names = Names::load(&core.settings);
    let mut events = core.events.listen();
    let mut heard = core.presence.changes();
    let mut round = tokio::time::interval(EVERY);
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        refresh(core, &mut names).await;
        tokio::time::sleep(GATHER).await;
        loop {
            let is_of_interest = tokio::select! {
                _ = round.tick() => true,
                Ok(()) = heard.changed() => {
                    core.shares.has_printer_for_everyone() || core.shares.has_folder_for_everyone()
                }
                event = events.recv() => match event {
                    Ok(event) => matches!(event.change, Change::Shares(_) | Change::Queues(_)),
                    Err(RecvError::Lagged(_)) => true,
                    Err(RecvError::Closed) => return,
                },
            };
            if is_of_interest {
                break;
            }
        }
    }
}

async fn refresh(core: &Arc<Core>, names: &mut Names) {
    if let Err(error) = web::settle(core).await {
        tracing::error!(%error, "whoever has no key cannot come in");
    }
    let heard = core.presence.heard();
    let mut told = Vec::new();
    for printer in core.shares.printers_for_everyone().into_iter().filter(|printer| printer.available) {
        if !needs_us(core, &printer, &heard).await {
            continue;
        }
        if let Some(facts) = facts(core, &printer.share).await {
            let kinds = [Kind::Ipp, Kind::Ipps];
            let instance = names.settle(core, &printer.share, &printer.name, &kinds, &heard);
            let record = record(facts, instance, &printer);
            told.push((printer.share, record));
        }
    }
    let folders = folders(core);
    names.forget_gone(core);
    let folders_changed = {
        let mut known = core.plain.told_folders();
        let changed = *known != folders;
        *known = folders;
        changed
    };
    let changed = {
        let mut known = core.plain.told();
        let changed = *known != told;
        *known = told;
        changed
    };
    if changed || folders_changed {
        networks::follow(core).await;
    }
}

/// All folders under one name, which is the computer's in the same announcement and says nothing of anybody: what folders
/// are called is told over TLS, to whoever may look into them.
fn folders(core: &Core) -> Vec<FolderRecord> {
    if core.shares.folders_for_everyone().is_empty() {
        return Vec::new();
    }
    vec![FolderRecord { instance: web::host_label(core), path: crate::doors::dav::TOP.to_owned() }]
}

/// What the printer is, to a client that proves nothing.
async fn facts(core: &Core, share: &ShareId) -> Option<Facts> {
    let anybody = Who::Plain(PlainId::of(Ipv4Addr::UNSPECIFIED.into()));
    let (_, shared) = printing::standard(core);
    let printer = shared.of(Subject { who: anybody, on_own_network: true }, share.clone());
    match printer.facts().await {
        Ok(facts) => Some(facts),
        Err(error) => {
            tracing::debug!(%share, %error, "a printer is not announced");
            None
        }
    }
}

fn record(facts: Facts, instance: String, printer: &OpenPrinter) -> PrinterRecord {
    let model = facts.model.clone().filter(|model| !model.is_empty());
    PrinterRecord {
        instance,
        resource: crate::doors::ipp::path_of(&printer.share).trim_start_matches('/').to_owned(),
        model: model.unwrap_or_else(|| "Lanyard".to_owned()),
        formats: facts.can.formats.iter().map(|format| format.mime().to_owned()).collect(),
        uuid: facts.uuid.to_string(),
        color: facts.can.color,
        duplex: facts.can.sides.iter().any(|sides| *sides != Sides::OneSided),
        urf: ipp::urf(&facts),
        paper_max: PaperMax::of(facts.can.media.iter().map(String::as_str)),
        tls: true,
    }
}

/// Whether clients do not find the printer behind a queue by themselves. While the system does not say what is behind
/// it, nothing changes.
async fn needs_us(core: &Core, printer: &OpenPrinter, heard: &[Service]) -> bool {
    match printing::queue_state(core, &printer.queue).await {
        Some(queue) => !is_on_the_network(&queue.device.reach, heard),
        None => core.plain.name_of(&printer.share).is_some(),
    }
}

/// An old protocol alone does not make a printer known to anybody: only where the same host announces IPP as well it
/// needs no help.
fn is_on_the_network(reach: &Reach, heard: &[Service]) -> bool {
    match reach {
        Reach::Here => false,
        Reach::Ipp => true,
        Reach::Network { host } => {
            let address: Option<IpAddr> = host.parse().ok();
            let name = host.strip_suffix(".local").unwrap_or(host);
            heard.iter().filter(|service| matches!(service.kind, Kind::Ipp | Kind::Ipps)).any(|service| {
                service.host.eq_ignore_ascii_case(name)
                    || address.is_some_and(|ip| service.addresses.iter().any(|one| one.ip() == ip))
            })
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn service(kind: Kind, host: &str, address: &str) -> Service {
        Service {
            kind,
            fullname: format!("x.{}", kind.service_type()),
            name: "x".to_owned(),
            host: host.to_owned(),
            addresses: vec![address.parse().unwrap()],
            model: None,
            location: None,
            uuid: None,
            resource: None,
            token: None,
            opening: None,
        }
    }

    #[test]
    fn a_printer_that_is_on_the_network_by_itself_is_not_told_of_again() {
        let heard =
            [service(Kind::Ipp, "OldLaser", "10.0.0.5:631"), service(Kind::WebDav, "disk", "10.0.0.6:80")];
        let network = |host: &str| Reach::Network { host: host.to_owned() };
        assert!(is_on_the_network(&Reach::Ipp, &[]));
        assert!(!is_on_the_network(&Reach::Here, &heard));
        for known in ["10.0.0.5", "oldlaser.local", "oldlaser"] {
            assert!(is_on_the_network(&network(known), &heard), "{known}");
        }
        for unknown in ["10.0.0.6", "10.0.0.7", "disk.local", "other.local"] {
            assert!(!is_on_the_network(&network(unknown), &heard), "{unknown} needs our help");
        }
    }
}
