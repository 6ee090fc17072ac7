//! Systems on which it is not told what is put in and taken out.

use lanyard_api::Medium;
use std::path::Path;

/// Nothing is noticed: this never comes.
pub(super) struct Changes;

impl Changes {
    pub(super) fn begin() -> Self {
        Self
    }

    pub(super) async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}

pub(super) fn media() -> Vec<Medium> {
    Vec::new()
}

pub(super) fn medium_of(_: &Path) -> Option<String> {
    None
}

pub(super) fn eject(_: &Medium) -> Result<(), String> {
    Err("Lanyard cannot eject on this system yet; use the system's own way.".to_owned())
}
