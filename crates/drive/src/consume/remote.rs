//! Single changes to a drive of another device, and files of it that are open.
//!
//! Where doing it twice would not be the same as once, [`Terms::once`] makes it safe to ask again after a connection
//! broke. Whether to ask again, and how long to wait, is decided by the caller.

use super::browse::{self, ANSWER, Remote, RemoteError, SETTLE};
use crate::{
    content::FileId,
    path::{self, SharePath},
    wire::{self, Bin, Committed, Copied, Moved, Removed, Restored, Set, Space, Stat},
};
use bytes::Bytes;
use http::{HeaderName, Method, Request, header};
use lanyard_link::{Body, Incoming};
use serde::de::DeserializeOwned;
use std::{ops::Range, time::Duration};
use uuid::Uuid;

/// Until a small request about an open file is answered, counted from when it was sent: it is asked again then.
const SOON: Duration = Duration::from_secs(5);
/// How long the other side may take to copy a large file or a folder with much in it.
const LONG: Duration = Duration::from_secs(3_600);

/// What becomes of something that has the name already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Taken {
    /// Nothing is done.
    #[default]
    Refuse,
    /// A file takes the place of a file, an empty folder's of a folder.
    Replace,
    /// It goes into the share's bin first.
    Bin,
}

impl Taken {
    fn word(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Replace => "replace",
            Self::Bin => "bin",
        }
    }
}

/// What may be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Whatever has the name, a folder with all that is in it.
    Any,
    /// No folder.
    File,
    /// A folder in which nothing is.
    EmptyFolder,
}

/// An open file, wherever it is by now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Under its name.
    Named(SharePath),
    /// A new version that grows beside the file with this path.
    Part(SharePath, Uuid),
    /// In the bin.
    Removed(String),
}

impl Place {
    fn query(&self) -> String {
        match self {
            Self::Named(path) => format!("path={}", path.encoded()),
            Self::Part(path, part) => format!("path={}&part={part}", path.encoded()),
            Self::Removed(id) => format!("id={}", path::encode(id)),
        }
    }
}

/// How a change is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms<'a> {
    /// The entity tag that the thing must still have.
    pub if_match: Option<&'a str>,
    /// The entity tag of what may be replaced; anything else that has the name stays.
    pub replaces: Option<&'a str>,
    /// The same for every try of one request.
    pub once: Option<Uuid>,
    /// Answered only when it would survive a power cut.
    pub settled: bool,
}

impl Terms<'_> {
    /// For a person, who is told of it when it is safe.
    #[must_use]
    pub fn settled() -> Self {
        Self { once: Some(Uuid::new_v4()), settled: true, ..Self::default() }
    }
}

impl Remote {
    /// Makes a folder.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn make_folder(&self, path: &SharePath, terms: Terms<'_>) -> Result<Stat, RemoteError> {
        self.change(Method::POST, "folder", &format!("path={}", path.encoded()), terms, ANSWER).await
    }

    /// Makes an empty file; a name that is taken is refused.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn make_file(
        &self,
        path: &SharePath,
        executable: bool,
        terms: Terms<'_>,
    ) -> Result<Stat, RemoteError> {
        let executable = if executable { "&executable=yes" } else { "" };
        let query = format!("path={}{executable}", path.encoded());
        self.change(Method::POST, "file", &query, terms, ANSWER).await
    }

    /// Moves or renames.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn rename(
        &self,
        path: &SharePath,
        to: &SharePath,
        taken: Taken,
        terms: Terms<'_>,
    ) -> Result<Moved, RemoteError> {
        let query = format!("path={}&to={}&conflict={}", path.encoded(), to.encoded(), taken.word());
        self.change(Method::POST, "move", &query, terms, ANSWER).await
    }

    /// Copies on the side of the owner.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn copy(
        &self,
        path: &SharePath,
        to: &SharePath,
        taken: Taken,
        terms: Terms<'_>,
    ) -> Result<Copied, RemoteError> {
        let query = format!("path={}&to={}&conflict={}", path.encoded(), to.encoded(), taken.word());
        self.change(Method::POST, "copy", &query, terms, LONG).await
    }

    /// Removes, into the bin of the share or for good.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn remove(
        &self,
        path: &SharePath,
        which: Which,
        into_bin: bool,
        terms: Terms<'_>,
    ) -> Result<Removed, RemoteError> {
        let which = match which {
            Which::Any => "any",
            Which::File => "file",
            Which::EmptyFolder => "empty_folder",
        };
        let bin = if into_bin { "yes" } else { "no" };
        let query = format!("path={}&which={which}&bin={bin}", path.encoded());
        self.change(Method::DELETE, "file", &query, terms, ANSWER).await
    }

    /// What was removed, newest first.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn bin(&self) -> Result<Bin, RemoteError> {
        let mut bin: Bin = self.json("bin", "").await?;
        bin.things.truncate(wire::PAGE);
        Ok(bin)
    }

    /// Puts something back, where it was or elsewhere.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn restore(
        &self,
        id: &str,
        to: Option<&SharePath>,
        terms: Terms<'_>,
    ) -> Result<Restored, RemoteError> {
        let to = to.map(|to| format!("&to={}", to.encoded())).unwrap_or_default();
        self.change(Method::POST, "restore", &format!("id={}{to}", path::encode(id)), terms, ANSWER).await
    }

    /// Removes something from the bin for good.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn forget(&self, id: &str, terms: Terms<'_>) -> Result<Removed, RemoteError> {
        self.change(Method::DELETE, "bin", &format!("id={}", path::encode(id)), terms, ANSWER).await
    }

    /// The disk behind the share.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn space(&self) -> Result<Space, RemoteError> {
        self.json("space", "").await
    }

    /// Begins a new version of a file.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn begin_part(&self, path: &SharePath, part: Uuid) -> Result<Stat, RemoteError> {
        let query = Place::Part(path.clone(), part).query();
        self.change(Method::POST, "part", &query, Terms::default(), ANSWER).await
    }

    /// Drops a new version.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn drop_part(&self, path: &SharePath, part: Uuid) -> Result<Removed, RemoteError> {
        let query = Place::Part(path.clone(), part).query();
        self.change(Method::DELETE, "part", &query, Terms::default(), ANSWER).await
    }

    /// Gives a new version the file's name. A file that is not the one that `terms` name stays, and the new version
    /// gets a number.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn commit(
        &self,
        path: &SharePath,
        part: Uuid,
        modified: Option<i64>,
        terms: Terms<'_>,
    ) -> Result<Committed, RemoteError> {
        let query = format!("{}&conflict=keep_both", Place::Part(path.clone(), part).query());
        let mut request = self.changing(Method::POST, "commit", &query, terms)?;
        if let Some(modified) = modified {
            let name = HeaderName::from_static(wire::MODIFIED);
            browse::insert(request.headers_mut(), name, &modified.to_string())?;
        }
        browse::json(self.ask(request, SETTLE).await?).await
    }

    /// Writes bytes, [`wire::MAX_WRITE`] at most. Who may ask again gives [`Terms::once`]: a try that was given up may be
    /// waiting for the other side's disk, and must not come after what is written next.
    ///
    /// # Errors
    /// [`RemoteError`]; then any number of the bytes may be written.
    pub async fn write(
        &self,
        place: &Place,
        at: u64,
        bytes: Bytes,
        terms: Terms<'_>,
    ) -> Result<Stat, RemoteError> {
        let mut request =
            self.changing(Method::PATCH, "file", &format!("{}&at={at}", place.query()), terms)?;
        browse::insert(request.headers_mut(), header::CONTENT_LENGTH, &bytes.len().to_string())?;
        *request.body_mut() = lanyard_link::body::full(bytes);
        browse::json(self.ask(request, SOON).await?).await
    }

    /// Sets size, time and the like; asked again as [`Self::write`] is.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn set(&self, place: &Place, set: Set, terms: Terms<'_>) -> Result<Stat, RemoteError> {
        let mut request = self.changing(Method::POST, "set", &place.query(), terms)?;
        let text = serde_json::to_vec(&set).map_err(|_| RemoteError::Nonsense("nothing to set"))?;
        *request.body_mut() = lanyard_link::body::full(text);
        browse::json(self.ask(request, ANSWER).await?).await
    }

    /// Gets all of a file, or the names in a folder, onto the other side's disk; its own name as well if that is to be
    /// settled.
    ///
    /// # Errors
    /// [`RemoteError`]; [`wire::Code::WrongKind`] for a folder from a device that does not know this of folders.
    pub async fn sync(&self, place: &Place, terms: Terms<'_>) -> Result<Stat, RemoteError> {
        self.change(Method::POST, "sync", &place.query(), terms, SETTLE).await
    }

    /// Stores a small file whole, in place of the one with this entity tag.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn put_whole(
        &self,
        path: &SharePath,
        bytes: &Bytes,
        modified: Option<i64>,
        if_match: Option<&str>,
    ) -> Result<wire::Stored, RemoteError> {
        let terms = Terms { if_match, ..Terms::default() };
        let query = format!("path={}&conflict=replace", path.encoded());
        let mut request = self.changing(Method::PUT, "file", &query, terms)?;
        let headers = request.headers_mut();
        browse::insert(headers, HeaderName::from_static(wire::SIZE), &bytes.len().to_string())?;
        if let Some(modified) = modified {
            browse::insert(headers, HeaderName::from_static(wire::MODIFIED), &modified.to_string())?;
        }
        let mut body = Vec::with_capacity(bytes.len() + 32);
        body.extend_from_slice(bytes);
        body.extend_from_slice(&FileId::of(bytes).0);
        *request.body_mut() = lanyard_link::body::full(body);
        browse::json(self.ask(request, SETTLE).await?).await
    }

    /// Some bytes of an open file: exactly these, or an error.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn read(
        &self,
        place: &Place,
        range: Range<u64>,
        if_match: Option<&str>,
    ) -> Result<Bytes, RemoteError> {
        let terms = Terms { if_match, ..Terms::default() };
        let mut request = self.changing(Method::GET, "file", &place.query(), terms)?;
        let wanted = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        browse::insert(request.headers_mut(), header::RANGE, &wanted)?;
        let answer = self.ask(request, SOON).await?;
        let told = answer.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let expected = format!("bytes {}-{}/", range.start, range.end.saturating_sub(1));
        if !told.is_some_and(|told| told.starts_with(&expected)) {
            return Err(RemoteError::Nonsense("other bytes than were asked for"));
        }
        collect(answer.into_body(), range.end - range.start).await
    }

    fn changing(
        &self,
        method: Method,
        verb: &str,
        query: &str,
        terms: Terms<'_>,
    ) -> Result<Request<Body>, RemoteError> {
        let settled = if terms.settled { "&settled=yes" } else { "" };
        let replaces =
            terms.replaces.map(|etag| format!("&replaces={}", path::encode(etag))).unwrap_or_default();
        let mut request = self.request(method, verb, &format!("{query}{settled}{replaces}"))?;
        if let Some(etag) = terms.if_match {
            browse::insert(request.headers_mut(), header::IF_MATCH, etag)?;
        }
        if let Some(once) = terms.once {
            browse::insert(request.headers_mut(), HeaderName::from_static(wire::ONCE), &once.to_string())?;
        }
        Ok(request)
    }

    async fn change<T: DeserializeOwned>(
        &self,
        method: Method,
        verb: &str,
        query: &str,
        terms: Terms<'_>,
        deadline: Duration,
    ) -> Result<T, RemoteError> {
        let request = self.changing(method, verb, query, terms)?;
        browse::json(self.ask(request, deadline).await?).await
    }
}

async fn collect(mut body: Incoming, wanted: u64) -> Result<Bytes, RemoteError> {
    let length = usize::try_from(wanted).map_err(|_| RemoteError::Nonsense("more than fits"))?;
    let mut all = Vec::with_capacity(length);
    while all.len() < length {
        let data = browse::next_content(&mut body, None).await?;
        if all.len() + data.len() > length {
            return Err(RemoteError::Nonsense("more bytes than were asked for"));
        }
        if all.is_empty() && data.len() == length {
            return Ok(data);
        }
        all.extend_from_slice(&data);
    }
    Ok(all.into())
}
