//! Discs and drives that come and go: what is in now, told when that changes, and let go of when asked to.
//!
//! Nothing is shared from here: what was put in is offered to the owner, who decides. How a system tells what is in and
//! ejects it is in `linux`, `macos` and `windows`; on other systems nothing is told, and folders and images are shared by
//! their paths.

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(target_os = "macos", test))]
#[cfg_attr(
    not(target_os = "macos"),
    allow(dead_code, reason = "built elsewhere for the tests of its pure functions")
)]
mod macos;
#[cfg(target_os = "linux")]
mod probe;
#[cfg(any(windows, test))]
#[cfg_attr(not(windows), allow(dead_code, reason = "built elsewhere for the tests of its pure functions"))]
mod windows;

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
use elsewhere as system;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "macos")]
use macos as system;
#[cfg(windows)]
use windows as system;

use crate::{
    Core, drives,
    names::{self, Named},
    shares,
};
use lanyard_api::{ApiError, Change, ErrorCode, Medium, MediumKind};
use lanyard_trust::ShareId;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long those who read are given to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// Mounts come in bursts, of which one look is enough.
const BURST: Duration = Duration::from_millis(100);
/// How often an open disc is let go of when nobody reads from it.
const IDLE: Duration = Duration::from_secs(10);

/// What was last told.
#[derive(Default)]
pub struct Discs {
    told: Mutex<Vec<Medium>>,
}

/// Starts to watch what is put in and taken out.
pub fn start(core: &Arc<Core>) {
    let watched = Arc::clone(core);
    core.tasks.spawn(async move {
        let cancel = watched.cancel.clone();
        tokio::select! {
            () = cancel.cancelled() => {}
            () = watch(&watched) => {}
        }
    });
    let idle = Arc::clone(core);
    core.tasks.spawn(async move {
        let mut round = tokio::time::interval(IDLE);
        loop {
            tokio::select! {
                () = idle.cancel.cancelled() => return,
                _ = round.tick() => drives::offer(&idle).close_idle_discs(),
            }
        }
    });
}

async fn watch(core: &Arc<Core>) {
    let mut changes = system::Changes::begin();
    loop {
        let now = list(core).await;
        let is_new = {
            let mut told = core.discs.told.lock().unwrap_or_else(PoisonError::into_inner);
            let is_new = *told != now;
            told.clone_from(&now);
            is_new
        };
        if is_new {
            core.events.emit(Change::Media(now));
        }
        changes.next().await;
        tokio::time::sleep(BURST).await;
        // Whether what is shared is still the same is looked at at once, not at the next round.
        core.shares.look_soon();
    }
}

/// What is in now, with the shares that offer it.
pub async fn list(core: &Core) -> Vec<Medium> {
    let mut media = tokio::task::spawn_blocking(system::media).await.unwrap_or_default();
    let shared = shares::targets(core);
    for medium in &mut media {
        medium.share =
            shared.iter().find(|(_, target)| *target == Path::new(&medium.path)).map(|(id, _)| id.0.clone());
        let readers = drives::offer(core).readers(&on(medium, &shared));
        medium.readers = u32::try_from(readers).unwrap_or(u32::MAX);
    }
    media
}

/// The shares of what is on a medium.
fn on(medium: &Medium, shared: &[(ShareId, PathBuf)]) -> Vec<ShareId> {
    let touches = |target: &Path| match medium.kind {
        MediumKind::Disc => target == Path::new(&medium.path),
        MediumKind::Drive => target.starts_with(&medium.path),
    };
    shared.iter().filter(|(_, target)| touches(target)).map(|(id, _)| id.clone()).collect()
}

/// Which medium a folder is on, when it is one that comes and goes and can be told apart from others. Blocks.
pub(crate) fn medium_of(path: &Path) -> Option<String> {
    system::medium_of(path)
}

/// What changes when another disc is in an optical drive or another file has the path of an image. Blocks.
pub(crate) fn stamp(path: &Path) -> Option<String> {
    #[cfg(target_os = "linux")]
    return system::stamp(path);
    // A file with an image is told apart by its length and time.
    #[cfg(not(target_os = "linux"))]
    {
        let metadata = std::fs::metadata(path).ok()?;
        Some(format!("{} {:?}", metadata.len(), metadata.modified().ok()))
    }
}

/// Lets go of a disc or drive and ejects it.
///
/// # Errors
/// `not_found`, `ambiguous`, `busy` with how many read from it, `not_available` where the system cannot do it.
pub async fn eject(core: &Arc<Core>, medium: &str, force: bool) -> Result<(), ApiError> {
    let media = list(core).await;
    let exact = media.iter().find(|one| one.path == medium || one.device == medium).cloned();
    let found = match exact {
        Some(found) => found,
        None => {
            let named = |one: Medium| Named {
                id: one.id.clone(),
                name: one.name.clone(),
                device: String::new(),
                value: one,
            };
            names::find("disc or drive", medium, &media.into_iter().map(named).collect::<Vec<_>>())?
        }
    };
    let shared = shares::targets(core);
    let ids = on(&found, &shared);
    let readers = drives::offer(core).readers(&ids);
    if readers > 0 && !force {
        let words = match readers {
            1 => "A device is reading from it.".to_owned(),
            many => format!("{many} devices are reading from it."),
        };
        return Err(ApiError::new(ErrorCode::Busy, words));
    }
    shares::let_go(core, &ids, true);
    for (_, target) in shared.iter().filter(|(id, _)| ids.contains(id)) {
        drives::offer(core).close_disc(target);
    }
    let begun = Instant::now();
    while drives::offer(core).is_open(&ids) && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let name = found.name.clone();
    let ejected = tokio::task::spawn_blocking(move || system::eject(&found)).await;
    let ejected = ejected.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))?;
    if let Err(why) = ejected {
        shares::let_go(core, &ids, false);
        core.shares.look_soon();
        let words = format!("“{name}” cannot be taken out: {why}");
        return Err(ApiError::new(ErrorCode::Unreadable, words));
    }
    tracing::info!(readers, "a disc or drive was let go of");
    Ok(())
}
