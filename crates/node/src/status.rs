//! Who this node is, and the snapshot of everything.

use crate::{
    Core, asks, discs, drives, guests, home, inbox, mounts, moved, networks, pause, presence, printing,
    settings::Settings, shares,
};
use lanyard_api::{ApiError, Change, CheckSign, ErrorCode, Millis, NodeStatus, Os, Snapshot};
use lanyard_store::StoreError;
use lanyard_trust::{NodeId, check::Emoji, names::clean};
use std::{sync::Arc, time::UNIX_EPOCH};

/// The setting that holds this computer's name, as others see it. Set at every start, so it is always there.
pub const NAME: &str = "name";

/// The setting that says that strangers do not see the name.
const NAME_HIDDEN: &str = "name_hidden";

/// The setting that says when the first-run screens are through.
const FIRST_RUN_DONE: &str = "first_run_done";

/// Who this node is.
pub async fn status(core: &Core) -> NodeStatus {
    let node_id = core.identity.node_id();
    let mut notices = core.notices.clone();
    notices.extend(core.moved.notice());
    notices.extend(networks::notices(core));
    notices.extend(home::notices(core));
    notices.extend(printing::notices(core));
    let started_at = core.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    NodeStatus {
        id: node_id.to_string(),
        check_words: node_id.check_words(),
        check_signs: check_signs(&node_id),
        name: name(&core.settings),
        name_shown: name_shown(&core.settings),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        os: os(),
        data_dir: core.data.root().display().to_string(),
        downloads_dir: core.downloads.display().to_string(),
        port: networks::port(core),
        pid: std::process::id(),
        started_at: Millis::try_from(started_at.as_millis()).unwrap_or(Millis::MAX),
        first_run: matches!(core.settings.text(FIRST_RUN_DONE), Ok(None)),
        sharing: networks::sharing_state(core),
        paused_until: pause::until(core).filter(|until| *until < Millis::MAX),
        moved: moved::is_open(core),
        networks: networks::list(core).await.into_iter().filter(|network| network.connected).collect(),
        notices,
    }
}

/// Everything a front end shows.
pub async fn snapshot(core: &Core) -> Snapshot {
    // Read first: an event that is told while the rest is gathered is then told again, which does no harm; the
    // other way round it would be lost.
    let seq = core.events.last();
    Snapshot {
        seq,
        status: status(core).await,
        nearby: presence::nearby(core).await,
        shares: shares::list(core).await,
        home: home::state(core).await,
        asks: asks::list(core).await,
        passes: guests::list(core).await,
        queues: printing::queues(core).await,
        jobs: printing::jobs(core).await,
        transfers: drives::transfers(core).await,
        media: discs::list(core).await,
        inbox: inbox::shown(core).await,
        mounts: mounts::list(core),
    }
}

/// Changes this computer's name.
///
/// # Errors
/// `invalid` when nothing is left of it after cleaning.
pub async fn rename(core: &Arc<Core>, name: &str) -> Result<NodeStatus, ApiError> {
    let name = clean(name)
        .ok_or_else(|| ApiError::new(ErrorCode::Invalid, "The name has no characters that can be shown."))?;
    set(core, NAME, name).await?;
    let status = status(core).await;
    core.events.emit(Change::Status(status.clone()));
    core.presence.offers_changed();
    home::renamed(core).await;
    Ok(status)
}

/// Whether devices that are not in the home see this computer's name.
///
/// # Errors
/// When the store does not take it.
pub async fn show_name(core: &Arc<Core>, show: bool) -> Result<NodeStatus, ApiError> {
    set(core, NAME_HIDDEN, if show { "no" } else { "yes" }.to_owned()).await?;
    let status = status(core).await;
    core.events.emit(Change::Status(status.clone()));
    core.presence.offers_changed();
    Ok(status)
}

/// Whether devices that are not in the home see this computer's name.
pub fn name_shown(settings: &Settings) -> bool {
    !matches!(settings.text(NAME_HIDDEN), Ok(Some(hidden)) if hidden == "yes")
}

/// What this device calls itself where anybody can hear it, while it shows a code: its name, if a person gave it that
/// and strangers may see it. The name that the computer brought along is nobody's business.
pub(crate) fn label(core: &Core) -> String {
    let name = name(&core.settings);
    if name_shown(&core.settings) && name != default_name() {
        name
    } else {
        core.identity.node_id().check_words()
    }
}

/// A key as pictures, by which two people compare it.
#[must_use]
pub fn check_signs(node: &NodeId) -> Vec<CheckSign> {
    let sign = |sign: &Emoji| CheckSign { sign: sign.emoji.to_owned(), word: sign.key.to_owned() };
    node.check_emoji().into_iter().map(sign).collect()
}

/// The first-run screens are through.
///
/// # Errors
/// When the store does not take it.
pub async fn finish_first_run(core: &Core) -> Result<(), ApiError> {
    set(core, FIRST_RUN_DONE, "yes".to_owned()).await?;
    core.events.emit(Change::Status(status(core).await));
    Ok(())
}

/// This computer's name, as others see it.
pub fn name(settings: &Settings) -> String {
    settings.text(NAME).ok().flatten().unwrap_or_else(default_name)
}

/// Settles the name at start: the one that was asked for, else the stored one, else the computer's.
pub(crate) fn settle_name(settings: &Settings, wanted: Option<&str>) -> Result<(), StoreError> {
    let stored = settings.text(NAME)?;
    let name = match wanted.and_then(clean) {
        Some(name) => name,
        None if stored.is_some() => return Ok(()),
        None => default_name(),
    };
    if stored.as_ref() != Some(&name) { settings.set(NAME, &name) } else { Ok(()) }
}

/// The operating system of this computer.
pub const fn os() -> Os {
    if cfg!(target_os = "linux") {
        Os::Linux
    } else if cfg!(target_os = "macos") {
        Os::Macos
    } else if cfg!(windows) {
        Os::Windows
    } else {
        Os::Other
    }
}

/// The computer's own name without its domain.
fn default_name() -> String {
    let host = host_name();
    let first = host.split('.').next().unwrap_or_default();
    clean(first)
        .filter(|name| !name.eq_ignore_ascii_case("localhost"))
        .unwrap_or_else(|| "Computer".to_owned())
}

#[cfg(unix)]
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

async fn set(core: &Core, key: &'static str, value: String) -> Result<(), ApiError> {
    let settings = core.settings.clone();
    core.store
        .run(move |_| settings.set(key, &value))
        .await
        .map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))
}
