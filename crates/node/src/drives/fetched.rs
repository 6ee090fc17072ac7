//! Files that a browser fetches by itself, without the page's token: those that are dragged out of the page, which the
//! browser asks for once they are let go of somewhere.
//!
//! A link holds a secret of its own. It opens one file for a while, always as something to be kept and never as
//! something to be shown, and what the file is by then comes, or a refusal.

use super::remote_path;
use crate::{Core, doors::browser, presence, secret::Secret};
use lanyard_api::ApiError;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Links that work at the same time; the oldest goes first.
const MOST: usize = 64;
/// Dragging takes seconds; a browser that asks later than this does not ask for what was dragged.
const WORKS: Duration = Duration::from_secs(600);

/// Files that may be fetched.
#[derive(Default)]
pub(super) struct Fetched {
    links: Mutex<VecDeque<Link>>,
}

struct Link {
    secret: Secret,
    drive: String,
    path: String,
    until: Instant,
}

/// Makes a link for a file.
///
/// # Errors
/// `not_found`, `ambiguous`, `invalid`; `internal` when the system gives no port. Whether the file is there shows when it
/// is fetched.
pub async fn link(core: &Arc<Core>, drive: &str, path: &str) -> Result<String, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let path = remote_path(path)?;
    let secret = Secret::random()?;
    let name = path.name().unwrap_or(&share.name).to_owned();
    let link = Link { secret, drive: share.id(), path: path.to_string(), until: Instant::now() + WORKS };
    core.drives.fetched.keep(link);
    browser::fetch_link(core, secret, &name).await
}

/// The drive and the path that a secret opens now.
pub(crate) fn opened(core: &Core, secret: &str) -> Option<(String, String)> {
    core.drives.fetched.find(secret, Instant::now())
}

impl Fetched {
    fn keep(&self, link: Link) {
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        while links.len() >= MOST {
            links.pop_front();
        }
        links.push_back(link);
    }

    fn find(&self, secret: &str, now: Instant) -> Option<(String, String)> {
        let secret = Secret::from_text(secret)?;
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let working = links.iter().filter(|link| link.until > now).map(|link| (link.secret, link));
        secret.find(working).map(|link| (link.drive.clone(), link.path.clone()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_link_opens_its_own_file_for_a_while_and_gives_way_to_newer_ones() {
        let (fetched, now) = (Fetched::default(), Instant::now());
        let link = |number: usize| {
            let (secret, drive) = (Secret::random().unwrap(), "drive".to_owned());
            fetched.keep(Link { secret, drive, path: format!("file {number}"), until: now + WORKS });
            secret.text()
        };
        let path = |secret: &str, now| fetched.find(secret, now).map(|(_, path)| path);
        let first = link(1);
        assert_eq!(path(&first, now).as_deref(), Some("file 1"));
        assert_eq!(path(&Secret::random().unwrap().text(), now), None, "a secret that leads nowhere");
        assert_eq!(path(&first, now + WORKS), None, "its time is over");
        (2..=MOST).for_each(|number| drop(link(number)));
        assert_eq!(path(&first, now).as_deref(), Some("file 1"));
        let last = link(MOST + 1);
        assert_eq!(path(&first, now), None, "the oldest gives way");
        assert_eq!(path(&last, now), Some(format!("file {}", MOST + 1)));
    }
}
