//! Drives of others as folders of this computer: which, where, and again after a start.
//!
//! On Linux by FUSE (`fuse`), which is `lanyard-drive`'s. On macOS and Windows the system's own client of WebDAV shows what
//! the gateway on loopback passes on (`finder`, `explorer`). On any other system there is no way, and a front end is told so.

#[cfg(target_os = "linux")]
mod bookmarks;
#[cfg(any(windows, test))]
#[cfg_attr(not(windows), allow(dead_code, reason = "built elsewhere for the tests of its pure functions"))]
mod explorer;
#[cfg(any(target_os = "macos", test))]
#[cfg_attr(
    not(target_os = "macos"),
    allow(dead_code, reason = "built elsewhere for the tests of its pure functions")
)]
mod finder;
#[cfg(target_os = "linux")]
mod fuse;
mod kept;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod nowhere;
#[cfg(unix)]
mod places;

use crate::{StartError, core::Parts};
use lanyard_store::Migrations;

pub(crate) use kept::is_at_a_mount;
pub use kept::{list, mount, start, stop, unmount};

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
pub struct Mounts {
    table: kept::Table,
}

impl Mounts {
    /// Reads what is to be mounted; nothing is yet.
    ///
    /// # Errors
    /// When the store does not say.
    pub fn open(parts: &Parts) -> Result<Self, StartError> {
        let table = kept::Table::load(&parts.store)
            .map_err(|error| StartError::failed("reading what is to be mounted", error))?;
        Ok(Self { table })
    }
}

/// What is said when a drive was to be taken away with care and a program uses it.
#[cfg(any(windows, target_os = "macos", test))]
fn in_use(dir: &std::path::Path) -> lanyard_api::ApiError {
    let words = format!("{} is in use. Close what is open there first.", dir.display());
    lanyard_api::ApiError::new(lanyard_api::ErrorCode::Busy, words)
}

/// Finder and Explorer show by themselves what is mounted.
#[cfg(not(target_os = "linux"))]
mod bookmarks {
    use crate::settings::Settings;
    use std::path::{Path, PathBuf};

    pub(super) fn add(_: &Settings, _: &Path, _: &str) {}

    pub(super) fn remove(_: &Settings, _: &Path) {}

    pub(super) fn keep_only(_: &Settings, _: &[PathBuf]) {}
}
