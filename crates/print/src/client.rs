//! The IPP client: one request over one connection, with a document behind it or without.
//!
//! Used for this computer's own spooler and for standard printers on the network. What comes back is a stranger's:
//! it is bounded before it is decoded. What an answer means is left to [`attributes`] and to those who asked; how
//! a connection is made is left to them, too, except that [`tls`] knows what a printer's certificate is worth.

pub(crate) mod attributes;
pub(crate) mod tls;

use crate::{fault, spool::Growing};
use bytes::Bytes;
use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::{body::Frame, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use lanyard_ipp::{Attribute, GroupTag, Limits, Message, Value};
use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
};
use tokio_util::{io::ReaderStream, task::AbortOnDropHandle};

/// The longest answer: some 500 finished jobs with a dozen attributes each, or a printer with many media.
const MAX_ANSWER: usize = Limits::ANSWER.bytes;

/// A connection to whoever speaks IPP.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What is asked.
pub(crate) struct Call<'a> {
    /// The path of the request line.
    pub(crate) path: &'a str,
    /// The `Host` header.
    pub(crate) host: &'a str,
    /// The `Authorization` header.
    pub(crate) authorization: Option<String>,
    /// The message.
    pub(crate) message: &'a Message,
    /// What follows it.
    pub(crate) document: Option<Document<'a>>,
    /// How long nothing may move, in either direction, before it counts as broken.
    pub(crate) patience: Duration,
    /// Counts up while the other side shows by other means that it is alive.
    pub(crate) alive: Option<&'a AtomicU64>,
}

/// A document that is sent.
#[derive(Debug)]
pub(crate) enum Document<'a> {
    /// It is there.
    Whole(&'a Path),
    /// It is still written.
    Growing(Following),
}

/// A document that is sent while it is still written, except for its last piece: that may only leave when somebody says
/// so. If nobody will, the request breaks off.
#[derive(Debug)]
pub struct Following {
    document: Growing,
    last: oneshot::Receiver<()>,
}

/// No answer.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct CallError {
    /// Why.
    pub(crate) reason: Reason,
    /// True once a byte of the document had left.
    pub(crate) begun: bool,
    /// True when its last byte had left: then it may have been taken although the answer is missing.
    pub(crate) whole: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Reason {
    /// Nobody there, or the connection broke, or it takes too long.
    #[error("{0}")]
    Away(String),
    /// HTTP says that we may not.
    #[error("the other side wants somebody to sign in")]
    Forbidden,
    /// HTTP says that nothing is there.
    #[error("nothing answers under this path")]
    NotFound,
    /// HTTP says that it is too much.
    #[error("the other side has no room for it")]
    TooLarge,
    /// HTTP says that this must be encrypted (RFC 9110 §15.5.22).
    #[error("the other side talks only over an encrypted connection")]
    UpgradeRequired,
    /// Our own copy of the document.
    #[error("the kept document: {0}")]
    Unreadable(io::Error),
}

impl Reason {
    fn away(error: impl std::fmt::Display) -> Self {
        Self::Away(error.to_string())
    }
}

/// How far a request has come, for whoever waits and for whoever asks afterwards.
#[derive(Default)]
struct Progress {
    begun: AtomicBool,
    whole: AtomicBool,
    bytes: AtomicU64,
}

/// A connection over which one question after the other can be asked.
pub(crate) struct Connection {
    sender: SendRequest<Outgoing>,
    /// An answer came before all that it answers was sent: nothing can follow.
    spent: bool,
    _carrying: AbortOnDropHandle<hyper::Result<()>>,
}

type Outgoing = StreamBody<BoxStream<'static, io::Result<Frame<Bytes>>>>;

impl Connection {
    /// Over a stream that is connected.
    pub(crate) async fn over(stream: impl Stream + 'static) -> Result<Self, Reason> {
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(Reason::away)?;
        Ok(Self { sender, spent: false, _carrying: AbortOnDropHandle::new(tokio::spawn(connection)) })
    }

    /// Whether the other side, as far as can be seen from here, still listens.
    pub(crate) async fn is_open(&mut self) -> bool {
        !self.spent && self.sender.ready().await.is_ok()
    }

    /// Sends one message and returns the answer.
    ///
    /// # Errors
    /// [`CallError`]; then this connection is no good any more.
    pub(crate) async fn ask(&mut self, call: Call<'_>) -> Result<Message, CallError> {
        let progress = Arc::new(Progress::default());
        let failed = |reason| CallError {
            reason,
            begun: progress.begun.load(Ordering::Acquire),
            whole: progress.whole.load(Ordering::Acquire),
        };
        let has_document = call.document.is_some();
        let (frames, length) =
            body(call.message.encode(), call.document, Arc::clone(&progress)).await.map_err(failed)?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(call.path)
            .header(header::HOST, call.host)
            .header(header::CONTENT_TYPE, "application/ipp")
            .header(header::CONTENT_LENGTH, length);
        if let Some(authorization) = call.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.body(StreamBody::new(frames)).map_err(Reason::away).map_err(failed)?;
        let exchanging = exchange(&mut self.sender, request);
        tokio::pin!(exchanging);
        let alive = || call.alive.map_or(0, |alive| alive.load(Ordering::Acquire));
        let sent = || if has_document { progress.bytes.load(Ordering::Acquire) } else { 0 };
        let mut moved = alive();
        loop {
            // A printer takes a document as fast as it prints: what counts is that something moves.
            match tokio::time::timeout(call.patience, exchanging.as_mut()).await {
                Ok(answered) => {
                    self.spent = !progress.whole.load(Ordering::Acquire);
                    return answered.map_err(failed);
                }
                Err(_) => {
                    let now = sent() + alive();
                    if now == moved {
                        return Err(failed(Reason::Away("it takes too long to answer".to_owned())));
                    }
                    moved = now;
                }
            }
        }
    }
}

async fn exchange(sender: &mut SendRequest<Outgoing>, request: Request<Outgoing>) -> Result<Message, Reason> {
    sender.ready().await.map_err(Reason::away)?;
    let response = sender.send_request(request).await.map_err(Reason::away)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(Reason::Forbidden),
        StatusCode::NOT_FOUND => return Err(Reason::NotFound),
        StatusCode::PAYLOAD_TOO_LARGE => return Err(Reason::TooLarge),
        StatusCode::UPGRADE_REQUIRED => return Err(Reason::UpgradeRequired),
        status => return Err(Reason::Away(format!("it answered {status}"))),
    }
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    let body = body.map_err(Reason::away)?.to_bytes();
    let (answer, _) = Message::decode(&body, Limits::ANSWER)
        .map_err(|error| Reason::Away(format!("it answered with something that is no IPP: {error}")))?;
    Ok(answer)
}

/// The message, then the document.
async fn body(
    head: Vec<u8>,
    document: Option<Document<'_>>,
    progress: Arc<Progress>,
) -> Result<(BoxStream<'static, io::Result<Frame<Bytes>>>, u64), Reason> {
    const PIECE: usize = 256 * 1024;
    let head_length = head.len() as u64;
    let mut length = head_length;
    let head = stream::iter([Ok(Bytes::from(head))]);
    let tail = match document {
        None => stream::empty().boxed(),
        Some(Document::Whole(path)) => {
            let file = tokio::fs::File::open(path).await.map_err(Reason::Unreadable)?;
            length += file.metadata().await.map_err(Reason::Unreadable)?.len();
            ReaderStream::with_capacity(file, PIECE).boxed()
        }
        Some(Document::Growing(following)) => {
            length += following.document.bytes();
            following.pieces()
        }
    };
    let mut sent = 0;
    let watched = head.chain(tail).map_ok(move |piece: Bytes| {
        sent += piece.len() as u64;
        // Set before a piece leaves: false means for certain that it did not.
        progress.begun.fetch_or(sent > head_length, Ordering::AcqRel);
        progress.whole.fetch_or(sent >= length, Ordering::AcqRel);
        progress.bytes.store(sent, Ordering::Release);
        Frame::data(piece)
    });
    Ok((watched.boxed(), length))
}

impl Following {
    /// Follows a document. Its last piece leaves when that is said to what is returned.
    pub(crate) fn of(document: Growing) -> (oneshot::Sender<()>, Self) {
        let (let_go, last) = oneshot::channel();
        (let_go, Self { document, last })
    }

    fn pieces(self) -> BoxStream<'static, io::Result<Bytes>> {
        let pieces = stream::try_unfold(self, |mut following| async move {
            let Some(piece) = following.document.next().await? else { return Ok(None) };
            if following.document.is_read() {
                fault::point("ahead: all has gone into the queue but the last piece");
                (&mut following.last).await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            }
            Ok(Some((Bytes::from(piece), following)))
        });
        pieces.boxed()
    }
}

/// What is added to a request in a chain.
pub(crate) trait Adding: Sized {
    /// An operation attribute.
    fn operation(self, name: &str, value: Value) -> Self;
    /// Says which attributes are wanted.
    fn requesting(self, names: &[&str]) -> Self;
    /// Job attributes.
    fn job(self, attributes: impl IntoIterator<Item = Attribute>) -> Self;
}

impl Adding for Message {
    fn operation(self, name: &str, value: Value) -> Self {
        self.with(GroupTag::Operation, name, value)
    }

    fn requesting(mut self, names: &[&str]) -> Self {
        self.add(GroupTag::Operation, Attribute::keywords("requested-attributes", names.iter().copied()));
        self
    }

    fn job(mut self, attributes: impl IntoIterator<Item = Attribute>) -> Self {
        for attribute in attributes {
            self.add(GroupTag::Job, attribute);
        }
        self
    }
}

/// What an answer says about itself, fit to be shown; empty when it says nothing.
pub(crate) fn status_message(answer: &Message) -> String {
    let told = answer.find(GroupTag::Operation, "status-message").and_then(|told| told.first().as_str());
    told.map(crate::ticket::words).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use lanyard_ipp::{Operation, Status, Version};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// Over a connection of its own.
    async fn call(stream: impl Stream + 'static, call: Call<'_>) -> Result<Message, CallError> {
        let connected = Connection::over(stream).await;
        let nothing_sent = |reason| CallError { reason, begun: false, whole: false };
        connected.map_err(nothing_sent)?.ask(call).await
    }

    fn ask<'a>(message: &'a Message, document: Option<&'a Path>) -> Call<'a> {
        let document = document.map(Document::Whole);
        Call {
            path: "/ipp/print",
            host: "printer",
            authorization: None,
            message,
            document,
            patience: Duration::from_millis(300),
            alive: None,
        }
    }

    async fn answered(with: Vec<u8>) -> Result<Message, CallError> {
        let (ours, mut theirs) = duplex(64 * 1024);
        tokio::spawn(async move {
            let mut read = vec![0; 64 * 1024];
            let _ = theirs.read(&mut read).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", with.len());
            let _ = theirs.write_all(head.as_bytes()).await;
            let _ = theirs.write_all(&with).await;
            // Until the other side has read it.
            let _ = theirs.read(&mut read).await;
        });
        let message = Message::request(Operation::GetJobs, 1);
        call(ours, ask(&message, None)).await
    }

    #[tokio::test]
    async fn nested_collections_are_refused_before_they_are_decoded() {
        let mut bytes = vec![2, 0, 0, 0, 0, 0, 0, 1, 0x04];
        for _ in 0..50_000 {
            bytes.extend_from_slice(&[0x34, 0, 1, b'a', 0, 0]);
        }
        assert!(matches!(answered(bytes).await.unwrap_err().reason, Reason::Away(_)));
    }

    #[tokio::test]
    async fn a_text_with_language_that_is_too_short_is_refused() {
        let mut bytes = vec![2, 0, 0, 0, 0, 0, 0, 1, 0x04];
        bytes.extend_from_slice(&[0x35, 0, 1, b'a', 0, 1, 9, 0x03]);
        // Whether it is refused or taken as something unknown: it does no harm, and it is no text.
        let told = answered(bytes).await.ok();
        let text = told.and_then(|told| told.group(GroupTag::Printer)?.text("a").map(str::to_owned));
        assert_eq!(text, None);
    }

    #[tokio::test]
    async fn an_answer_is_read_whole() {
        let answer = Message::answer(Version::V2_0, Status::Ok, 1);
        assert_eq!(answered(answer.encode()).await.unwrap(), answer);
    }

    #[tokio::test]
    async fn whoever_reads_and_never_answers_is_given_up_and_the_document_counts_as_sent() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7; 1000]).unwrap();
        let (ours, theirs) = duplex(64 * 1024);
        let message = Message::request(Operation::SendDocument, 1);
        let error = call(ours, ask(&message, Some(file.path()))).await.unwrap_err();
        assert!(error.begun && error.whole, "{error:?}");
        drop(theirs);
    }

    #[tokio::test]
    async fn a_document_that_was_cut_short_is_known_not_to_be_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7; 4 << 20]).unwrap();
        let (ours, theirs) = duplex(1024);
        let message = Message::request(Operation::SendDocument, 1);
        let document = file.path().to_owned();
        let calling = tokio::spawn(async move { call(ours, ask(&message, Some(&document))).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(theirs);
        let error = calling.await.unwrap().unwrap_err();
        assert!(!error.whole, "{error:?}");
    }

    #[tokio::test]
    async fn nothing_has_begun_when_nobody_is_there() {
        let (ours, theirs) = duplex(1024);
        drop(theirs);
        let message = Message::request(Operation::SendDocument, 1);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "x").unwrap();
        let error = call(ours, ask(&message, Some(file.path()))).await.unwrap_err();
        assert!(matches!(error.reason, Reason::Away(_)));
    }
}
