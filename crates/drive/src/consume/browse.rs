//! Single questions to a drive of another device.

use crate::{
    content::{self, FileId, Manifest, PieceValue},
    frames::{Frame, Reader},
    path::{self, SharePath},
    wire::{self, Code, Have, Held, ID_LEN, Page, Problem, Stat, Want},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use lanyard_link::Incoming;
use lanyard_link::{Body, LinkError, Peers};
use lanyard_trust::{NodeId, ShareId};
use serde::de::DeserializeOwned;
use std::{ops::Range, time::Duration};
use uuid::Uuid;

/// Until the header of an answer is there.
pub(super) const ANSWER: Duration = Duration::from_secs(20);
/// Without a byte of an answer for so long, the connection is given up.
const STALL: Duration = Duration::from_secs(20);
/// The same for content, which another connection can fetch instead: a device that moved to another address is
/// found there sooner.
const CONTENT_STALL: Duration = Duration::from_secs(8);
/// How long the other side may take to get a whole file onto its disk.
pub(super) const SETTLE: Duration = Duration::from_secs(180);
/// The largest JSON answer: a page of a thousand names with every byte escaped fits.
const MAX_JSON: usize = 8 << 20;

/// One drive of one device.
#[derive(Clone)]
pub struct Remote {
    peers: Peers,
    node: NodeId,
    share: ShareId,
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The device does not answer.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// It refused.
    #[error("the other device refused ({0:?})")]
    Refused(Code),
    /// It answered something that makes no sense.
    #[error("the other device gave an answer that makes no sense: {0}")]
    Nonsense(&'static str),
}

/// What a manifest begins with.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) modified: Option<i64>,
    pub(super) executable: bool,
}

/// What is said of a file before it is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) size: u64,
    pub(super) modified: Option<i64>,
    pub(super) executable: bool,
}

impl Remote {
    /// This share of that device.
    #[must_use]
    pub fn new(peers: Peers, node: NodeId, share: ShareId) -> Self {
        Self { peers, node, share }
    }

    /// Another share, of this or another device.
    pub(super) fn elsewhere(&self, node: NodeId, share: ShareId) -> Self {
        Self { peers: self.peers.clone(), node, share }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.node, &self.share) == (other.node, &other.share)
    }

    /// The device and its share.
    pub(super) fn place(&self) -> (NodeId, &ShareId) {
        (self.node, &self.share)
    }

    /// Whether that content is there, too. Takes as long as the other device needs to read the file once.
    pub(super) async fn have(&self, question: &Have) -> Result<Held, RemoteError> {
        let mut request = self.request(Method::POST, "have", "")?;
        let text = serde_json::to_vec(question)
            .map_err(|_| RemoteError::Nonsense("a question that cannot be written"))?;
        *request.body_mut() = lanyard_link::body::full(text);
        json(self.ask(request, ANSWER).await?).await
    }

    /// A page of a folder's content. Names that could not be asked for again (with a separator, `..`) are left out:
    /// no honest device sends them.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn list(&self, path: &SharePath, after: Option<&str>) -> Result<Page, RemoteError> {
        let after = after.map(|after| format!("&after={}", path::encode(after))).unwrap_or_default();
        let mut page: Page = self.json("list", &format!("path={}{after}", path.encoded())).await?;
        page.entries.truncate(wire::PAGE);
        page.entries
            .retain(|item| !item.name.is_empty() && !item.name.contains(['/', '\0']) && item.name != "..");
        Ok(page)
    }

    /// What is under a path.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn stat(&self, path: &SharePath) -> Result<Stat, RemoteError> {
        self.json("stat", &format!("path={}", path.encoded())).await
    }

    /// The whole manifest of a file, proven. Takes as long as the other device needs to read the file once.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn manifest(&self, path: &SharePath) -> Result<Manifest, RemoteError> {
        let (head, body) = self.open_manifest(path, false).await?;
        read_manifest(head.size, body).await
    }

    /// A manifest that is still being sent. `anew` asks the other device to read the file again, whatever it remembers.
    pub(super) async fn open_manifest(
        &self,
        path: &SharePath,
        anew: bool,
    ) -> Result<(Head, Incoming), RemoteError> {
        let anew = if anew { "&anew=yes" } else { "" };
        let request = self.request(Method::GET, "manifest", &format!("path={}{anew}", path.encoded()))?;
        let answer = self.ask(request, ANSWER).await?;
        let number =
            |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()?.parse().ok());
        let size = number(wire::SIZE)
            .and_then(|size: i64| u64::try_from(size).ok())
            .filter(|size| *size <= content::MAX_SIZE)
            .ok_or(RemoteError::Nonsense("a file without a size"))?;
        let etag = answer.headers().get(header::ETAG).and_then(|value| value.to_str().ok());
        let etag = etag.ok_or(RemoteError::Nonsense("a file without an etag"))?.to_owned();
        let executable = answer.headers().contains_key(wire::EXECUTABLE);
        let head = Head { size, etag, modified: number(wire::MODIFIED), executable };
        Ok((head, answer.into_body()))
    }

    /// Some bytes of the file whose etag this is.
    pub(super) async fn range(
        &self,
        path: &SharePath,
        etag: &str,
        range: &Range<u64>,
    ) -> Result<Incoming, RemoteError> {
        let mut request = self.request(Method::GET, "file", &format!("path={}", path.encoded()))?;
        let text = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        insert(request.headers_mut(), header::RANGE, &text)?;
        insert(request.headers_mut(), header::IF_MATCH, etag)?;
        let answer = self.ask(request, ANSWER).await?;
        let expected = format!("bytes {}-{}/", range.start, range.end.saturating_sub(1));
        let told = answer.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let fits = told.is_some_and(|told| told.starts_with(&expected));
        if answer.status() != StatusCode::PARTIAL_CONTENT || !fits {
            return Err(RemoteError::Nonsense("other bytes than were asked for"));
        }
        Ok(answer.into_body())
    }

    /// Sends a file; `body` is its content, from byte `at` on when that is a part that is there already, and then its
    /// FileId. With an entity tag it takes the place of that version and of no other.
    pub(super) async fn put(
        &self,
        path: &SharePath,
        about: &About,
        (conflict, replaces): (&str, Option<&str>),
        part: Option<(Uuid, u64)>,
        body: Body,
    ) -> Result<wire::Stored, RemoteError> {
        let &About { size, modified, executable } = about;
        let mut query = format!("path={}&conflict={conflict}", path.encoded());
        let mut at = 0;
        if let Some((part, begins)) = part {
            at = begins;
            query.push_str(&format!("&part={part}&at={at}"));
        }
        let mut request = self.request(Method::PUT, "file", &query)?;
        let headers = request.headers_mut();
        insert(headers, HeaderName::from_static(wire::SIZE), &size.to_string())?;
        insert(headers, header::CONTENT_LENGTH, &(size.saturating_sub(at) + ID_LEN).to_string())?;
        if let Some(modified) = modified {
            insert(headers, HeaderName::from_static(wire::MODIFIED), &modified.to_string())?;
        }
        if executable {
            insert(headers, HeaderName::from_static(wire::EXECUTABLE), "1")?;
        }
        if let Some(etag) = replaces {
            insert(headers, header::IF_MATCH, etag)?;
        }
        *request.body_mut() = body;
        // Counted from the last byte of the body.
        let answer = self.ask(request, SETTLE).await?;
        json(answer).await
    }

    /// What the pieces are worth that came of a file before its sending was interrupted.
    pub(super) async fn arrived(
        &self,
        path: &SharePath,
        conflict: &str,
        part: Uuid,
    ) -> Result<Incoming, RemoteError> {
        let query = format!("path={}&conflict={conflict}&part={part}", path.encoded());
        Ok(self.ask(self.request(Method::GET, "upload", &query)?, ANSWER).await?.into_body())
    }

    /// Nobody will come back for the rest of it.
    pub(super) async fn forget_arrived(
        &self,
        path: &SharePath,
        conflict: &str,
        part: Uuid,
    ) -> Result<(), RemoteError> {
        let query = format!("path={}&conflict={conflict}&part={part}", path.encoded());
        self.ask(self.request(Method::DELETE, "upload", &query)?, ANSWER).await.map(drop)
    }

    /// Everything below a folder, frame by frame; if `versions` are wanted, with the files' entity tags.
    pub(super) async fn tree(&self, path: &SharePath, versions: bool) -> Result<Frames, RemoteError> {
        let versions = if versions { "&versions=yes" } else { "" };
        self.frames("tree", &format!("path={}{versions}", path.encoded())).await
    }

    /// The answer to a question that is told in frames.
    pub(super) async fn frames(&self, verb: &str, query: &str) -> Result<Frames, RemoteError> {
        let request = self.request(Method::GET, verb, query)?;
        Ok(Frames::new(self.ask(request, ANSWER).await?.into_body()))
    }

    /// Small files, frame by frame in the order in which they are wanted.
    pub(super) async fn batch(&self, wanted: &[Want]) -> Result<Frames, RemoteError> {
        let mut request = self.request(Method::POST, "batch", "")?;
        let list =
            serde_json::to_vec(wanted).map_err(|_| RemoteError::Nonsense("a list that cannot be written"))?;
        *request.body_mut() = lanyard_link::body::full(list);
        Ok(Frames::new(self.ask(request, ANSWER).await?.into_body()))
    }

    /// Brings folders and small files; `bytes` of content are in them. One folder may be a `copy`'s own.
    pub(super) async fn put_batch(
        &self,
        conflict: &str,
        copy: Option<Uuid>,
        bytes: u64,
        body: Body,
    ) -> Result<Frames, RemoteError> {
        let mut request = self.request(Method::PUT, "batch", &format!("conflict={conflict}"))?;
        insert(request.headers_mut(), HeaderName::from_static(wire::SIZE), &bytes.to_string())?;
        if let Some(copy) = copy {
            insert(request.headers_mut(), HeaderName::from_static(wire::ONCE), &copy.to_string())?;
        }
        *request.body_mut() = body;
        Ok(Frames::new(self.ask(request, SETTLE).await?.into_body()))
    }

    pub(super) fn request(
        &self,
        method: Method,
        verb: &str,
        query: &str,
    ) -> Result<Request<Body>, RemoteError> {
        let share = path::encode(&self.share.0).replace('/', "%2F");
        let mut request = Request::new(lanyard_link::body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = format!("/v1/drives/{share}/{verb}?{query}")
            .parse()
            .map_err(|_| RemoteError::Nonsense("an address that cannot be written"))?;
        Ok(request)
    }

    pub(super) async fn json<T: DeserializeOwned>(&self, verb: &str, query: &str) -> Result<T, RemoteError> {
        let request = self.request(Method::GET, verb, query)?;
        json(self.ask(request, ANSWER).await?).await
    }

    pub(super) async fn ask(
        &self,
        request: Request<Body>,
        deadline: Duration,
    ) -> Result<Response<Incoming>, RemoteError> {
        let answer = self.peers.request(self.node, request, deadline).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let problem: Result<Problem, RemoteError> = json(answer).await;
        let code = problem.map_or_else(|_| Code::from_status(status), |problem| problem.code);
        Err(RemoteError::Refused(code))
    }
}

/// Frames as they arrive.
pub(super) struct Frames {
    body: Incoming,
    reader: Reader,
    /// Bytes that came since somebody asked.
    pub(super) arrived: u64,
}

impl Frames {
    fn new(body: Incoming) -> Self {
        Self { body, reader: Reader::remote(), arrived: 0 }
    }

    /// The next frame; none after the last one. One that ends early is an error.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, RemoteError> {
        loop {
            match self.reader.next_frame() {
                Ok(Some(Frame::End(_))) => {}
                Ok(Some(frame)) => return Ok(Some(frame)),
                Ok(None) => match next_data(&mut self.body, STALL).await? {
                    Some(data) => {
                        self.arrived += data.len() as u64;
                        self.reader.take(&data);
                    }
                    None if self.reader.is_whole() => return Ok(None),
                    None => return Err(broken("the frames ended early")),
                },
                Err(_) => return Err(RemoteError::Nonsense("frames that contradict themselves")),
            }
        }
    }
}

pub(super) async fn json<T: DeserializeOwned>(answer: Response<Incoming>) -> Result<T, RemoteError> {
    let body = tokio::time::timeout(STALL, Limited::new(answer.into_body(), MAX_JSON).collect())
        .await
        .map_err(|_| LinkError::Timeout)?
        .map_err(|error| LinkError::Broken(error.to_string()))?;
    // In one piece: reading on from a reader costs several times as much.
    serde_json::from_slice(&body.to_bytes()).map_err(|_| RemoteError::Nonsense("not the expected JSON"))
}

pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), RemoteError> {
    let value =
        HeaderValue::from_str(value).map_err(|_| RemoteError::Nonsense("a header that cannot be written"))?;
    headers.insert(name, value);
    Ok(())
}

/// Reads the values as they come and proves them.
pub(super) async fn read_manifest(size: u64, mut body: Incoming) -> Result<Manifest, RemoteError> {
    let pieces = content::pieces(size);
    // Memory follows what really arrives, not what the header claims.
    let (mut values, mut left): (Vec<PieceValue>, Vec<u8>) = (Vec::new(), Vec::new());
    let mut id = None;
    while id.is_none() {
        let data =
            next_data(&mut body, STALL).await?.ok_or_else(|| broken("the list of pieces ended early"))?;
        left.extend_from_slice(&data);
        let whole = left.len() / 32 * 32;
        for value in left[..whole].chunks_exact(32) {
            let mut array = [0; 32];
            array.copy_from_slice(value);
            if values.len() < pieces { values.push(array) } else { id = Some(FileId(array)) }
        }
        left.drain(..whole);
    }
    let id = id.unwrap_or(FileId([0; 32]));
    Manifest::prove(size, id, values)
        .map_err(|_| RemoteError::Nonsense("a list of pieces that contradicts itself"))
}

/// The next bytes of content.
pub(super) async fn next_content(
    body: &mut Incoming,
    patience: Option<Duration>,
) -> Result<Bytes, RemoteError> {
    next_data(body, patience.unwrap_or(CONTENT_STALL)).await?.ok_or_else(|| broken("the answer ended early"))
}

/// The next bytes of a body; none at its end.
pub(super) async fn next_data(body: &mut Incoming, stall: Duration) -> Result<Option<Bytes>, RemoteError> {
    loop {
        match tokio::time::timeout(stall, body.frame()).await {
            Err(_) => return Err(LinkError::Timeout.into()),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => return Err(broken(error)),
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                {
                    return Ok(Some(data));
                }
            }
        }
    }
}

pub(super) fn broken(why: impl ToString) -> RemoteError {
    LinkError::Broken(why.to_string()).into()
}
