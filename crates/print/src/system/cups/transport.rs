//! HTTP to CUPS: one request over one connection, over a Unix socket or TCP.

use super::super::{
    SendError, SpoolError,
    ipp_codec::{Answer, MAX_ANSWER, decode},
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_util::{io::ReaderStream, task::AbortOnDropHandle};

/// Where a CUPS listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A Unix socket.
    Socket(PathBuf),
    /// A host name or address, and a port.
    Host(String, u16),
}

impl Address {
    /// Reads what `CUPS_SERVER` holds: a socket's path, `host`, `host:port`, `[v6]:port`; options after a `/` that
    /// follows a host are for libcups and left out.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const IPP: u16 = 631;
        if text.starts_with('/') {
            return Some(Self::Socket(text.into()));
        }
        let text = text.split('/').next().filter(|text| !text.is_empty())?;
        if let Some(rest) = text.strip_prefix('[') {
            let (host, port) = rest.split_once(']')?;
            let port = port.strip_prefix(':').map_or(Some(IPP), |port| port.parse().ok())?;
            return Some(Self::Host(host.to_owned(), port));
        }
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() => Some(Self::Host(host.to_owned(), port.parse().ok()?)),
            _ => Some(Self::Host(text.to_owned(), IPP)),
        }
    }

    /// The system's own socket, or its port where there is none.
    #[must_use]
    pub fn of_the_system() -> Self {
        let socket = super::system_sockets().into_iter().find(|path| path.exists());
        socket.map_or_else(|| Self::Host("localhost".to_owned(), 631), |path| Self::Socket(path.to_owned()))
    }
}

/// Sends one IPP message, with a document behind it if there is one, and returns the answer.
pub(super) async fn call(
    address: &Address,
    user: &str,
    path: &str,
    head: Vec<u8>,
    document: Option<&Path>,
) -> Result<Answer, SendError> {
    const PATIENCE: Duration = Duration::from_secs(30);
    let whole = Arc::new(AtomicBool::new(false));
    let failed = |error| SendError { error, whole: whole.load(Ordering::Acquire) };
    let connected = tokio::time::timeout(Duration::from_secs(5), connect(address)).await;
    let stream = connected.unwrap_or(Err(io::ErrorKind::TimedOut.into())).map_err(away).map_err(failed)?;
    let (frames, length) = body(head, document, whole.clone()).await.map_err(failed)?;
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/ipp")
        .header(header::CONTENT_LENGTH, length);
    if matches!(address, Address::Socket(_)) {
        // CUPS checks it against the credentials of the socket's other end.
        request = request.header(header::AUTHORIZATION, format!("PeerCred {user}"));
    }
    let request = request.body(StreamBody::new(frames)).map_err(away).map_err(failed)?;
    // A document needs its time; a mebibyte a second is slower than any local socket.
    let patience =
        PATIENCE + Duration::from_secs(if document.is_some() { 60 + length / (1024 * 1024) } else { 0 });
    let answered = tokio::time::timeout(patience, exchange(stream, request)).await;
    answered
        .unwrap_or_else(|_| Err(SpoolError::Away("it takes too long to answer".to_owned())))
        .map_err(failed)
}

async fn exchange<B>(stream: Box<dyn Stream>, request: Request<B>) -> Result<Answer, SpoolError>
where
    B: hyper::body::Body<Data = Bytes, Error = io::Error> + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(away)?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let response = sender.send_request(request).await.map_err(away)?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            return Err(SpoolError::Refused("this user may not do that with the print service".to_owned()));
        }
        StatusCode::PAYLOAD_TOO_LARGE => return Err(SpoolError::Full),
        status => return Err(SpoolError::Away(format!("it answered {status}"))),
    }
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    let body = body.map_err(|error| SpoolError::Away(error.to_string()))?;
    decode(body.to_bytes().to_vec())
}

/// The message, then the document; `whole` becomes true when the last byte is handed to the connection.
async fn body(
    head: Vec<u8>,
    document: Option<&Path>,
    whole: Arc<AtomicBool>,
) -> Result<(impl futures_util::Stream<Item = io::Result<Frame<Bytes>>> + Send + use<>, u64), SpoolError> {
    const PIECE: usize = 256 * 1024;
    let mut length = head.len() as u64;
    let head = stream::iter([Ok(Bytes::from(head))]);
    let tail = match document {
        None => stream::empty().boxed(),
        Some(path) => {
            let unreadable = |error: io::Error| SpoolError::Refused(format!("the kept document: {error}"));
            let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
            length += file.metadata().await.map_err(unreadable)?.len();
            ReaderStream::with_capacity(file, PIECE).boxed()
        }
    };
    let mut left = length;
    let watched = head.chain(tail).map_ok(move |piece: Bytes| {
        left = left.saturating_sub(piece.len() as u64);
        // Set before the last piece leaves: false means for certain that not all of it did.
        whole.fetch_or(left == 0, Ordering::AcqRel);
        Frame::data(piece)
    });
    Ok((watched, length))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(address: &Address) -> io::Result<Box<dyn Stream>> {
    Ok(match address {
        Address::Socket(path) => Box::new(UnixStream::connect(path).await?),
        Address::Host(host, port) => Box::new(TcpStream::connect((host.as_str(), *port)).await?),
    })
}

fn away(error: impl std::fmt::Display) -> SpoolError {
    SpoolError::Away(error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn cups_server_is_read_as_libcups_reads_it() {
        let host = |name: &str, port| Some(Address::Host(name.to_owned(), port));
        assert_eq!(Address::parse("/run/x.sock"), Some(Address::Socket("/run/x.sock".into())));
        assert_eq!(Address::parse("localhost"), host("localhost", 631));
        assert_eq!(Address::parse("10.0.0.1:8631"), host("10.0.0.1", 8631));
        assert_eq!(Address::parse("[::1]:8631"), host("::1", 8631));
        assert_eq!(Address::parse("print.lan:631/version=1.1"), host("print.lan", 631));
        assert_eq!(Address::parse(""), None);
        assert_eq!(Address::parse("x:y"), None);
    }
}
