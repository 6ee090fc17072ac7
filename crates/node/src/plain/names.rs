//! The names under which printers are announced: settled once, and kept, because phones remember printers
//! by them.

use crate::{Core, settings::Settings, web};
use lanyard_discovery::{Kind, Service, settle_name};
use lanyard_trust::ShareId;
use std::collections::BTreeMap;

const KEPT: &str = "printer_names";

/// The names that are not the usual ones, by share, each with what the owner called it then.
pub(super) struct Names {
    settled: BTreeMap<String, (String, String)>,
}

impl Names {
    pub(super) fn load(settings: &Settings) -> Self {
        let kept = settings.text(KEPT).ok().flatten();
        // What cannot be read is settled anew.
        Self { settled: kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default() }
    }

    /// The name for what its owner calls `wanted`, given what is heard of these kinds.
    pub(super) fn settle(
        &mut self,
        core: &Core,
        share: &ShareId,
        wanted: &str,
        kinds: &[Kind],
        heard: &[Service],
    ) -> String {
        if let Some((called, name)) = self.settled.get(&share.0)
            && *called == wanted
        {
            return name.clone();
        }
        let own = web::host_label(core);
        let name = |others: &[Service]| {
            let like_it = others.iter().filter(|service| kinds.contains(&service.kind));
            settle_name(wanted, &own, like_it.map(|one| (one.name.as_str(), one.host.as_str())))
        };
        let (usual, settled) = (name(&[]), name(heard));
        if settled != usual {
            tracing::info!(settled, "another computer announces something of the same name");
            self.settled.insert(share.0.clone(), (wanted.to_owned(), settled.clone()));
            self.keep(core);
        }
        settled
    }

    /// Forgets the names of what is not shared any more.
    pub(super) fn forget_gone(&mut self, core: &Core) {
        let before = self.settled.len();
        self.settled.retain(|share, _| core.shares.name_of(&ShareId(share.clone())).is_some());
        if self.settled.len() != before {
            self.keep(core);
        }
    }

    fn keep(&self, core: &Core) {
        let kept = serde_json::to_string(&self.settled).unwrap_or_default();
        if let Err(error) = core.settings.set(KEPT, &kept) {
            tracing::warn!(%error, "the name of a printer is not kept; it may be another after the next start");
        }
    }
}
