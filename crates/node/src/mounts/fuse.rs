//! Drives as folders by FUSE, on Linux. How such a mount works is `lanyard-drive`'s.

use super::kept;
use crate::{Core, drives::remote, presence::RemoteShare};
use lanyard_api::{ApiError, ErrorCode, MountNote};
use lanyard_drive::{
    consume::mount::{self as fuse, MountError, Notice, Wanted},
    wire::Stat,
};
use std::{path::Path, sync::Arc, time::Duration};

pub(super) use fuse::{Mounted, clean_up, clean_up_all};

/// It appears also while the other device is away.
pub(super) const NEEDS_THE_DEVICE: bool = false;
/// What is said of one that went by itself.
pub(super) const GONE: &str = "It was unmounted by another program.";

/// What was written last has so long to go over when a person unmounts.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes it appear.
pub(super) async fn appear(
    core: &Arc<Core>,
    share: &RemoteShare,
    dir: &Path,
    top: Option<Stat>,
) -> Result<Mounted, ApiError> {
    let (teller, place) = (Arc::downgrade(core), dir.to_owned());
    let wanted = Wanted {
        remote: remote(core, share),
        dir: dir.to_owned(),
        name: format!("{}@{}", share.name, share.device_name),
        tell: Arc::new(move |notice| {
            if let Some(core) = teller.upgrade() {
                let (note, words) = told(notice);
                kept::note(&core, &place, note, words);
            }
        }),
    };
    fuse::mount(wanted, top, core.tasks.clone(), core.cancel.clone()).await.map_err(explain)
}

/// There is nothing to know of it besides.
pub(super) fn advice(_: &Mounted) -> Option<String> {
    None
}

/// Takes it away; with care, only when no program uses a file there.
pub(super) async fn leave(mounted: &Mounted, dir: &Path, careful: bool) -> Result<(), ApiError> {
    let open = if careful { mounted.open_files() } else { 0 };
    if open > 0 {
        let words = format!("Programs have {open} files of {} open. Close them first.", dir.display());
        return Err(ApiError::new(ErrorCode::Busy, words));
    }
    mounted.unmount(PATIENCE).await;
    Ok(())
}

fn told(notice: Notice) -> (MountNote, String) {
    match notice {
        Notice::KeptBoth { path, kept_as } => {
            let words = format!(
                "“{path}” was changed by somebody else as well. What was written here is kept as “{kept_as}”."
            );
            (MountNote::KeptBoth { path, kept_as }, words)
        }
        Notice::Lost { path } => {
            let words = format!("What was written to “{path}” last did not arrive.");
            (MountNote::Lost { path }, words)
        }
    }
}

fn explain(error: MountError) -> ApiError {
    let code = match &error {
        MountError::Place(_) => ErrorCode::Invalid,
        MountError::NoFusermount | MountError::NoFuse(_) => ErrorCode::NoFuse,
        _ => ErrorCode::NotAvailable,
    };
    let what_to_do = match &error {
        MountError::NoFusermount => " Install it, for example with: sudo apt install fuse3",
        MountError::NoFuse(_) => " Load it with: sudo modprobe fuse",
        _ => "",
    };
    ApiError::new(code, format!("{error}.{what_to_do}"))
}
