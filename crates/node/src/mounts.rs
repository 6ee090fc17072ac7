//! Drives of others as folders of this computer: which, where, and again after a start.
//!
//! How a mount works is `lanyard-drive`'s; on systems other than Linux there is none yet, and a front end is told so.

use crate::{Core, StartError, core::Parts};
use lanyard_api::{ApiError, Mount};
use lanyard_store::Migrations;
use std::sync::Arc;

#[cfg(target_os = "linux")]
mod bookmarks;
#[cfg(target_os = "linux")]
mod kept;
#[cfg(target_os = "linux")]
mod places;

/// This room's tables.
pub const MIGRATIONS: Migrations = Migrations {
    room: "mount",
    steps: &["CREATE TABLE mount (
        dir TEXT PRIMARY KEY,
        node TEXT NOT NULL,
        share TEXT NOT NULL,
        drive TEXT NOT NULL,
        device_name TEXT NOT NULL,
        made_dir INTEGER NOT NULL
    ) STRICT;"],
};

/// What is mounted.
#[derive(Default)]
pub struct Mounts {
    #[cfg(target_os = "linux")]
    table: kept::Table,
}

impl Mounts {
    /// Reads what is to be mounted; nothing is yet.
    ///
    /// # Errors
    /// When the store does not say.
    pub fn open(parts: &Parts) -> Result<Self, StartError> {
        #[cfg(target_os = "linux")]
        return Ok(Self {
            table: kept::Table::load(&parts.store)
                .map_err(|error| StartError::failed("reading what is to be mounted", error))?,
        });
        #[cfg(not(target_os = "linux"))]
        {
            let _ = parts;
            Ok(Self::default())
        }
    }
}

/// Mounts again what is to be mounted at every start.
pub fn start(core: &Arc<Core>) {
    #[cfg(target_os = "linux")]
    kept::start(core);
    #[cfg(not(target_os = "linux"))]
    let _ = core;
}

/// Takes all of it away before the node stops.
pub async fn stop(core: &Arc<Core>) {
    #[cfg(target_os = "linux")]
    kept::stop(core).await;
    #[cfg(not(target_os = "linux"))]
    let _ = core;
}

/// Mounts a drive.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `not_allowed`, `invalid` for a place that cannot be used,
/// `no_fuse` where a part of the system is missing, `not_available` where this system cannot do it.
pub async fn mount(
    core: &Arc<Core>,
    drive: &str,
    dir: Option<String>,
    at_start: bool,
) -> Result<Mount, ApiError> {
    #[cfg(target_os = "linux")]
    return kept::mount(core, drive, dir, at_start).await;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (core, drive, dir, at_start);
        Err(ApiError::not_available("Mounting a drive on this system"))
    }
}

/// Takes a mount away.
///
/// # Errors
/// `not_found` when there is none at that place, `busy` when it was to be done with care and programs use files there.
pub async fn unmount(core: &Arc<Core>, dir: &str, careful: bool) -> Result<(), ApiError> {
    #[cfg(target_os = "linux")]
    return kept::unmount(core, dir, careful).await;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (core, dir, careful);
        Err(ApiError::not_available("Mounting a drive on this system"))
    }
}

/// What is mounted, or is to be, by its place.
#[must_use]
pub fn list(core: &Core) -> Vec<Mount> {
    #[cfg(target_os = "linux")]
    return kept::list(core);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = core;
        Vec::new()
    }
}
