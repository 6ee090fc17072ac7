//! Systems on which a drive does not become a folder.

use crate::{Core, presence::RemoteShare};
use lanyard_api::{ApiError, ErrorCode};
use lanyard_drive::wire::Stat;
use std::{convert::Infallible, path::Path, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

pub(super) const NEEDS_THE_DEVICE: bool = false;
pub(super) const GONE: &str = "";

/// There is none.
pub(super) struct Mounted(Infallible);

impl Mounted {
    pub(super) fn ended(&self) -> CancellationToken {
        match self.0 {}
    }

    pub(super) async fn unmount(&self, _: Duration) {
        match self.0 {}
    }
}

pub(super) async fn appear(
    _: &Arc<Core>,
    _: &RemoteShare,
    _: &Path,
    _: Option<Stat>,
) -> Result<Mounted, ApiError> {
    let words = "On this system a drive does not become a folder by itself. `lanyard mount DRIVE --webdav` tells an \
        address for programs that speak WebDAV.";
    Err(ApiError::new(ErrorCode::NotAvailable, words))
}

pub(super) fn advice(mounted: &Mounted) -> Option<String> {
    match mounted.0 {}
}

pub(super) async fn leave(mounted: &Mounted, _: &Path, _: bool) -> Result<(), ApiError> {
    match mounted.0 {}
}

pub(super) fn clean_up(_: &Path) {}

pub(super) fn clean_up_all() {}
