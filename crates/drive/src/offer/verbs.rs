//! The requests that change something in a share: who may, what it counts for, and the answer. What is done is in
//! [`change`] and [`edit`].

use super::{
    Folder, Query, Refused, Visit, blocking,
    change::{self, Expected, Taken, Which, bin},
    confine::{self, Facts},
    edit::{self, Place},
    read,
};
use crate::{
    disk,
    path::{self, SharePath},
    wire::{self, Code, Stat},
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use lanyard_link::{Body, Incoming};
use lanyard_trust::Action;
use uuid::Uuid;

/// The longest [`wire::Set`].
const MAX_SET: usize = 4 * 1024;

/// The parameters of these requests.
#[derive(Default)]
pub(super) struct More {
    to: Option<SharePath>,
    id: Option<String>,
    part: Option<Uuid>,
    at: Option<u64>,
    which: Option<String>,
    bin: Option<String>,
    executable: bool,
    /// The entity tag of what makes way; anything else that has the name stays.
    replaces: Option<String>,
    /// What is searched for.
    pub(super) words: Option<String>,
    /// The caller waits until it would survive a power cut.
    settled: bool,
    /// The caller wants entity tags, too.
    versions: bool,
}

impl More {
    pub(super) fn read(&mut self, name: &str, value: &str) -> Result<(), Refused> {
        let bad = || Refused::new(Code::Invalid, "a parameter makes no sense");
        match name {
            "to" => self.to = Some(SharePath::parse_encoded(value)?),
            "id" => self.id = Some(path::decode(value)?),
            "part" => self.part = Some(Uuid::parse_str(value).map_err(|_| bad())?),
            "at" => self.at = Some(value.parse().map_err(|_| bad())?),
            "which" => self.which = Some(path::decode(value)?),
            "bin" => self.bin = Some(path::decode(value)?),
            "replaces" => self.replaces = Some(path::decode(value)?),
            "words" => self.words = Some(path::decode(value)?),
            "executable" => self.executable = value == "yes",
            "settled" => self.settled = value == "yes",
            "versions" => self.versions = value == "yes",
            _ => {}
        }
        Ok(())
    }
}

impl Query {
    /// The open file that is meant.
    pub(super) fn place(&self) -> Result<Place, Refused> {
        match (&self.more.id, self.more.part) {
            (None, None) => Ok(Place::Named(self.path.clone())),
            (None, Some(part)) => Ok(Place::Part(self.path.clone(), part)),
            (Some(id), None) => Ok(Place::Removed(id.clone())),
            (Some(_), Some(_)) => Err(Refused::new(Code::Invalid, "two places at once")),
        }
    }

    fn to(&self) -> Result<SharePath, Refused> {
        self.more.to.clone().ok_or_else(|| Refused::new(Code::Invalid, "it is not said where to"))
    }

    /// The part of a file that is meant.
    pub(super) fn part(&self) -> Result<Uuid, Refused> {
        self.more.part.ok_or_else(|| Refused::new(Code::Invalid, "it is not said which version"))
    }

    /// Whether the entity tags of what is told are wanted.
    pub(super) fn versions(&self) -> bool {
        self.more.versions
    }

    /// The byte at which something begins.
    pub(super) fn at(&self) -> Option<u64> {
        self.more.at
    }

    fn id(&self) -> Result<String, Refused> {
        self.more.id.clone().ok_or_else(|| Refused::new(Code::Invalid, "it is not said what"))
    }
}

pub(super) async fn answer(
    visit: Visit,
    verb: &str,
    query: Query,
    request: Request<Incoming>,
) -> Result<Response<Body>, Refused> {
    let (head, body) = request.into_parts();
    let headers = &head.headers;
    match (&head.method, verb) {
        (&Method::GET, "space") => space(&visit).await,
        (&Method::GET, "bin") => contents(&visit).await,
        (&Method::POST, "folder") => make_folder(visit, query, headers).await,
        (&Method::POST, "file") => make_file(visit, query, headers).await,
        (&Method::POST, "move") => rename(visit, query, headers).await,
        (&Method::POST, "copy") => copy(visit, query, headers).await,
        (&Method::DELETE, "file") => remove(visit, query, headers).await,
        (&Method::POST, "restore") => restore(visit, query, headers).await,
        (&Method::DELETE, "bin") => forget(visit, query, headers).await,
        (&Method::POST, "part") => begin(visit, query).await,
        (&Method::DELETE, "part") => discard(visit, query).await,
        (&Method::PATCH, "file") => write(visit, query, headers, body).await,
        (&Method::POST, "set") => set(visit, query, headers, body).await,
        (&Method::POST, "sync") => sync(visit, query).await,
        (&Method::POST, "commit") => commit(visit, query, headers).await,
        _ => Err(Refused::new(Code::NotFound, "no such door")),
    }
}

async fn space(visit: &Visit) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::List)?;
    let (free, total) = blocking(move || Ok(disk::space(&folder.root))).await?.unwrap_or_default();
    Ok(lanyard_link::body::json(StatusCode::OK, &wire::Space { free, total }))
}

/// Whoever may remove sees what was removed: names that it could have seen where they were.
async fn contents(visit: &Visit) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    let mut things = blocking(move || bin::list(&folder.root)).await?;
    let more = things.len().saturating_sub(wire::PAGE);
    things.truncate(wire::PAGE);
    Ok(lanyard_link::body::json(StatusCode::OK, &wire::Bin { things, more }))
}

async fn make_folder(visit: Visit, query: Query, headers: &HeaderMap) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    let work = move || {
        let facts = change::make_folder(&folder.root, &query.path)?;
        settle(&folder, &query, &[&query.path])?;
        Ok(stat(&facts))
    };
    visit.offer.once.run(visit.subject.id(), headers, work).await
}

async fn make_file(visit: Visit, query: Query, headers: &HeaderMap) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    let work = move || Ok(stat(&change::make_file(&folder.root, &query.path, query.more.executable)?));
    visit.offer.once.run(visit.subject.id(), headers, work).await
}

/// What becomes of what has the name already.
enum Conflict {
    As(Taken),
    Bin,
}

fn conflict(query: &Query) -> Result<Conflict, Refused> {
    match query.conflict.as_deref() {
        None | Some("refuse") => Ok(Conflict::As(Taken::Refuse)),
        Some("replace") => Ok(Conflict::As(Taken::Replace)),
        Some("bin") => Ok(Conflict::Bin),
        Some(_) => Err(Refused::new(Code::Invalid, "no such way to settle a conflict")),
    }
}

/// Frees a name before something else gets it. Returns where in the bin is what had it.
fn clear(
    visit: &Visit,
    folder: &Folder,
    to: &SharePath,
    replaces: Expected<'_>,
) -> Result<Option<String>, Refused> {
    let by = visit.subject.id().to_string();
    match change::remove(&folder.root, to, Which::Any, replaces, Some(&by)) {
        Err(refused) if refused.code == Code::NotFound => Ok(None),
        done => done,
    }
}

/// Nothing makes way for what is not there or is not what was meant, nor when something else has the name by now.
fn check_both(
    folder: &Folder,
    (path, expected): (&SharePath, Expected<'_>),
    (to, replaces): (&SharePath, Expected<'_>),
) -> Result<(), Refused> {
    expected.check(&confine::look(&folder.root, path)?)?;
    match confine::look(&folder.root, to) {
        Ok(there) => replaces.check(&there),
        Err(refused) if refused.code == Code::NotFound => Ok(()),
        Err(refused) => Err(refused),
    }
}

async fn rename(visit: Visit, query: Query, headers: &HeaderMap) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    let (to, conflict, expected) = (query.to()?, conflict(&query)?, expected(headers)?);
    let (offer, caller) = (visit.offer.clone(), visit.subject.id());
    let work = move || {
        let (expected, replaces) = (Expected(expected.as_deref()), Expected(query.more.replaces.as_deref()));
        let (taken, made_way) = match conflict {
            Conflict::As(taken) => (taken, None),
            Conflict::Bin if change::is_one_name(&folder.root, &query.path, &to)? => (Taken::Refuse, None),
            Conflict::Bin => {
                check_both(&folder, (&query.path, expected), (&to, replaces))?;
                (Taken::Refuse, clear(&visit, &folder, &to, replaces)?)
            }
        };
        let moved = change::rename(&folder.root, &query.path, &to, taken, expected);
        if let (Err(_), Some(id)) = (&moved, &made_way) {
            // Nothing came: what made way has its name again, or a number if somebody else was faster.
            if let Err(refused) = bin::restore(&folder.root, id, None) {
                tracing::warn!(why = refused.detail, "what made way for nothing stays in the bin");
            }
        }
        let facts = moved?;
        settle(&folder, &query, &[&query.path, &to])?;
        Ok(wire::Moved { stat: stat(&facts), made_way })
    };
    offer.once.run(caller, headers, work).await
}

async fn copy(visit: Visit, query: Query, headers: &HeaderMap) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    visit.admit(Action::Read)?;
    let (to, conflict, expected) = (query.to()?, conflict(&query)?, expected(headers)?);
    let slot = visit.slot()?;
    let (offer, caller) = (visit.offer.clone(), visit.subject.id());
    let work = move || {
        let _slot = slot;
        let mut claims = Vec::new();
        let mut more = |bytes| {
            if !visit.still(Action::Write, &folder) {
                return Err(Refused::new(Code::NotAllowed, "the owner has taken the permission back"));
            }
            if disk::space(&folder.root).is_some_and(|(free, _)| free < bytes) {
                return Err(Refused::new(Code::DiskFull, "no room for it"));
            }
            claims.push(visit.claim(Action::Write, bytes)?);
            // One claim stands for many steps: a large copy must not collect thousands.
            if claims.len() >= 64 {
                claims.drain(..).for_each(lanyard_trust::Claim::keep);
            }
            Ok(())
        };
        let (expected, replaces) = (Expected(expected.as_deref()), Expected(query.more.replaces.as_deref()));
        let root = &folder.root;
        let copied = match conflict {
            Conflict::As(taken) => change::copy(root, &query.path, &to, taken, expected, &mut more)?,
            Conflict::Bin => {
                check_both(&folder, (&query.path, expected), (&to, replaces))?;
                let mut make_way = || clear(&visit, &folder, &to, replaces).map(drop);
                change::copy_in_place(root, &query.path, &to, expected, &mut more, &mut make_way)?
            }
        };
        claims.into_iter().for_each(lanyard_trust::Claim::keep);
        change::settle(&folder.root, &[&to])?;
        Ok(wire::Copied { stat: stat(&copied.facts), left_out: copied.left_out })
    };
    offer.once.run(caller, headers, work).await
}

async fn remove(visit: Visit, query: Query, headers: &HeaderMap) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    let which = match query.more.which.as_deref() {
        None | Some("any") => Which::Any,
        Some("file") => Which::NoFolder,
        Some("empty_folder") => Which::EmptyFolder,
        Some(_) => return Err(Refused::new(Code::Invalid, "no such kind of thing")),
    };
    let expected = expected(headers)?;
    let by = visit.subject.id().to_string();
    let work = move || {
        let by = (query.more.bin.as_deref() != Some("no")).then_some(by.as_str());
        let id = change::remove(&folder.root, &query.path, which, Expected(expected.as_deref()), by)?;
        settle(&folder, &query, &[&query.path])?;
        Ok(wire::Removed { id })
    };
    visit.offer.once.run(visit.subject.id(), headers, work).await
}

async fn restore(visit: Visit, query: Query, headers: &HeaderMap) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    let id = query.id()?;
    let work = move || {
        let path = bin::restore(&folder.root, &id, query.more.to)?;
        Ok(wire::Restored { path: path.to_string() })
    };
    visit.offer.once.run(visit.subject.id(), headers, work).await
}

async fn forget(visit: Visit, query: Query, headers: &HeaderMap) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    let id = query.id()?;
    let work = move || bin::forget(&folder.root, &id).map(|()| wire::Removed::default());
    visit.offer.once.run(visit.subject.id(), headers, work).await
}

async fn begin(visit: Visit, query: Query) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    let part = query.part()?;
    let facts = blocking(move || edit::begin(&folder.root, &query.path, part)).await?;
    Ok(lanyard_link::body::json(StatusCode::OK, &stat(&facts)))
}

async fn discard(visit: Visit, query: Query) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    let part = query.part()?;
    blocking(move || edit::discard(&folder.root, &query.path, part)).await?;
    Ok(lanyard_link::body::json(StatusCode::OK, &wire::Removed::default()))
}

async fn write(
    visit: Visit,
    query: Query,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    let (place, expected) = (query.place()?, expected(headers)?);
    let at = query.more.at.ok_or_else(|| Refused::new(Code::Invalid, "it is not said where"))?;
    let bytes = collect(body, wire::MAX_WRITE).await?;
    let claim = visit.claim(Action::Write, bytes.len() as u64)?;
    let work = move || {
        let facts = edit::write(&folder.root, &place, at, &bytes, Expected(expected.as_deref()))?;
        claim.keep();
        Ok(stat(&facts))
    };
    visit.offer.written.run(visit.subject.id(), headers, work).await
}

async fn set(
    visit: Visit,
    query: Query,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    let (place, expected) = (query.place()?, expected(headers)?);
    let text = collect(body, MAX_SET).await?;
    let wanted: wire::Set =
        serde_json::from_slice(&text).map_err(|_| Refused::new(Code::Invalid, "not what can be set"))?;
    let work = move || Ok(stat(&edit::set(&folder.root, &place, wanted, Expected(expected.as_deref()))?));
    visit.offer.written.run(visit.subject.id(), headers, work).await
}

async fn sync(visit: Visit, query: Query) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    let place = query.place()?;
    let work = move || {
        let facts = edit::sync(&folder.root, &place)?;
        if let Place::Named(path) = &place {
            settle(&folder, &query, &[path])?;
        }
        Ok(facts)
    };
    Ok(lanyard_link::body::json(StatusCode::OK, &stat(&blocking(work).await?)))
}

async fn commit(visit: Visit, query: Query, headers: &HeaderMap) -> Result<Response<Body>, Refused> {
    let folder = visit.admit(Action::Write)?;
    let (part, expected) = (query.part()?, expected(headers)?);
    let keep_both = match query.conflict.as_deref() {
        None | Some("replace") => false,
        Some("keep_both") => true,
        Some(_) => return Err(Refused::new(Code::Invalid, "no such way to settle a conflict")),
    };
    let modified = headers.get(wire::MODIFIED).and_then(|value| value.to_str().ok()?.parse().ok());
    let work = move || {
        let expected = Expected(expected.as_deref());
        let (path, facts) = edit::commit(&folder.root, &query.path, part, modified, expected, keep_both)?;
        settle(&folder, &query, &[&path])?;
        Ok(wire::Committed { path: path.to_string(), stat: stat(&facts) })
    };
    visit.offer.once.run(visit.subject.id(), headers, work).await
}

/// `If-Match`, as it was sent.
fn expected(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    match headers.get(header::IF_MATCH).map(HeaderValue::to_str) {
        None => Ok(None),
        Some(Ok(etag)) => Ok(Some(etag.to_owned())),
        Some(Err(_)) => Err(Refused::new(Code::Changed, "no such version")),
    }
}

fn stat(facts: &Facts) -> Stat {
    read::described(facts, true)
}

fn settle(folder: &Folder, query: &Query, paths: &[&SharePath]) -> Result<(), Refused> {
    if query.more.settled { change::settle(&folder.root, paths) } else { Ok(()) }
}

/// A whole body, which the link gives up when it stands still.
async fn collect(body: Incoming, most: usize) -> Result<Bytes, Refused> {
    let mut body = Limited::new(body, most);
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refused::new(Code::Mismatch, "too long, or the connection broke"))?;
        all.extend_from_slice(&frame.into_data().unwrap_or_default());
    }
    Ok(all.freeze())
}
