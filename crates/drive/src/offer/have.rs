//! Whether a share holds a certain content, so that a copy of it from elsewhere can come from here as well.
//!
//! Asked per share and behind its gate: whoever may not read a path does not learn that its content is there. What was
//! hashed before is known; a file of the same name and size is hashed now, within limits.

use super::{Folder, Refused, Visit, blocking, confine::Facts, shown::Shown};
use crate::{
    content::FileId,
    path::SharePath,
    wire::{Code, Have, Held, Kind},
};
use http::{Request, Response, StatusCode};
use lanyard_link::{Body, Incoming};
use lanyard_trust::Action;
use std::time::{Duration, Instant};

/// The longest question.
const MAX_QUESTION: usize = 16 * 1024;
/// How long a question may take to arrive.
const READ_DEADLINE: Duration = Duration::from_secs(5);
/// How long names are compared and a file is hashed for one question.
const BUDGET: Duration = Duration::from_secs(12);
/// Names that are compared for one question.
const MOST_NAMES: usize = 20_000;
/// Bytes that are read at once.
const BLOCK: usize = 1 << 20;

pub(super) async fn have(visit: Visit, request: Request<Incoming>) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Read)?;
    let slot = visit.slot()?;
    let asked: Have = lanyard_link::body::read_json(request.into_body(), MAX_QUESTION, READ_DEADLINE)
        .await
        .map_err(|_| Refused::new(Code::Invalid, "a question is expected"))?;
    let held = blocking(move || {
        let _slot = slot;
        let shown = visit.shown(&folder)?;
        Ok(known(&visit, &shown, &asked).or_else(|| found(&visit, &folder, &shown, &asked)))
    })
    .await?;
    let held = held.ok_or_else(|| Refused::new(Code::NotFound, "it is not here"))?;
    Ok(lanyard_link::body::json(StatusCode::OK, &held))
}

/// A file that was hashed before and has not changed since.
fn known(visit: &Visit, shown: &Shown, asked: &Have) -> Option<Held> {
    let (path, then) = visit.offer.manifests.with_id(&visit.share, asked.id)?;
    let (_, now) = shown.open_file(&path).ok()?;
    (now == then).then(|| held(&path, &now))
}

/// A file of that name and size, when its content is the one that is asked for.
fn found(visit: &Visit, folder: &Folder, shown: &Shown, asked: &Have) -> Option<Held> {
    let begun = Instant::now();
    let (mut folders, mut names) = (vec![SharePath::top()], 0);
    while let Some(path) = folders.pop() {
        let Ok(dir) = shown.open_dir(path.names()) else { continue };
        for name in dir.names().into_iter().flatten().flatten() {
            names += 1;
            if names > MOST_NAMES || begun.elapsed() > BUDGET {
                return None;
            }
            let Some(below) = name.name.to_str().and_then(|name| path.join(name).ok()) else { continue };
            if name.is_folder {
                folders.push(below);
                continue;
            }
            if below.name() != Some(&asked.name) {
                continue;
            }
            let facts = dir.facts(&name).ok().flatten();
            if facts.is_some_and(|facts| facts.kind == Kind::File && facts.size == asked.size)
                && let Some(held) = hashed(visit, (folder, shown), &below, asked.id, begun)
            {
                return Some(held);
            }
        }
    }
    None
}

fn hashed(
    visit: &Visit,
    (folder, shown): (&Folder, &Shown),
    path: &SharePath,
    id: FileId,
    begun: Instant,
) -> Option<Held> {
    let (file, before) = shown.open_file(path).ok()?;
    let (mut hasher, mut block, mut at) = (blake3::Hasher::new(), Vec::new(), 0);
    loop {
        if begun.elapsed() > BUDGET || !visit.still(Action::Read, folder) {
            return None;
        }
        file.read_at(&mut block, at, BLOCK).ok()?;
        if block.is_empty() {
            break;
        }
        hasher.update(&block);
        at += block.len() as u64;
    }
    let same = FileId(*hasher.finalize().as_bytes()) == id && file.facts().ok()? == before;
    same.then(|| held(path, &before))
}

fn held(path: &SharePath, facts: &Facts) -> Held {
    Held { path: path.to_string(), etag: facts.etag() }
}
