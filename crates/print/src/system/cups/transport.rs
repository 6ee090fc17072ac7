//! Where a CUPS is, and how to get there: a Unix socket or TCP.

use super::super::{SendError, SpoolError};
use crate::client::{Call, CallError, Connection, Document, Reason, Stream};
use lanyard_ipp::Message;
use std::{
    io,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::net::{TcpStream, UnixStream};

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

/// How long CUPS may take for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A CUPS and the connection that a question was asked over a moment ago: a job is three or four questions, one right
/// after the other.
pub(super) struct Line {
    address: Address,
    kept: Mutex<Option<(Connection, Instant)>>,
}

impl Line {
    pub(super) fn to(address: Address) -> Self {
        Self { address, kept: Mutex::default() }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Sends one IPP message, with a document behind it if there is one, and returns the answer.
    pub(super) async fn call(
        &self,
        user: &str,
        path: &str,
        message: &Message,
        document: Option<Document<'_>>,
    ) -> Result<Message, SendError> {
        // CUPS checks a whole document before it answers.
        const WITH_DOCUMENT: Duration = Duration::from_secs(90);
        let mut connection = match self.take().await {
            Some(connection) => connection,
            None => open(&self.address).await.map_err(|error| SendError { error, whole: false })?,
        };
        let patience = if document.is_some() { WITH_DOCUMENT } else { PATIENCE };
        let question = Question { path, message, document, patience };
        let answer = ask(&mut connection, &self.address, user, question).await?;
        *self.kept() = Some((connection, Instant::now()));
        Ok(answer)
    }

    /// Connects, for a question that comes in a moment.
    pub(super) async fn warm(&self) {
        let connection = match self.take().await {
            Some(connection) => Some(connection),
            // The question itself will say what is wrong.
            None => open(&self.address).await.ok(),
        };
        if let Some(connection) = connection {
            *self.kept() = Some((connection, Instant::now()));
        }
    }

    /// The connection, while CUPS certainly still listens: nothing may be sent to one that hangs up.
    async fn take(&self) -> Option<Connection> {
        /// CUPS waits for half a minute, if nobody told it otherwise.
        const FRESH: Duration = Duration::from_secs(2);
        let (mut connection, at) = self.kept().take()?;
        (at.elapsed() < FRESH && connection.is_open().await).then_some(connection)
    }

    fn kept(&self) -> MutexGuard<'_, Option<(Connection, Instant)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is asked of CUPS.
pub(super) struct Question<'a> {
    pub(super) path: &'a str,
    pub(super) message: &'a Message,
    pub(super) document: Option<Document<'a>>,
    pub(super) patience: Duration,
}

/// Connects.
pub(super) async fn open(address: &Address) -> Result<Connection, SpoolError> {
    let connected = tokio::time::timeout(Duration::from_secs(5), connect(address)).await;
    let stream = connected.unwrap_or(Err(io::ErrorKind::TimedOut.into()));
    let stream = stream.map_err(|error| SpoolError::Away(error.to_string()))?;
    Connection::over(stream).await.map_err(|reason| SpoolError::Away(reason.to_string()))
}

/// Asks over a connection that is there.
pub(super) async fn ask(
    connection: &mut Connection,
    address: &Address,
    user: &str,
    question: Question<'_>,
) -> Result<Message, SendError> {
    let Question { path, message, document, patience } = question;
    // CUPS checks it against the credentials of the socket's other end.
    let authorization = matches!(address, Address::Socket(_)).then(|| format!("PeerCred {user}"));
    let call = Call { path, host: "localhost", authorization, message, document, patience, alive: None };
    connection.ask(call).await.map_err(send_error)
}

fn send_error(error: CallError) -> SendError {
    let whole = error.whole;
    let error = match error.reason {
        Reason::Forbidden => {
            SpoolError::Refused("this user may not do that with the print service".to_owned())
        }
        Reason::TooLarge => SpoolError::Full,
        reason @ Reason::Unreadable(_) => SpoolError::Refused(reason.to_string()),
        reason => SpoolError::Away(reason.to_string()),
    };
    SendError { error, whole }
}

async fn connect(address: &Address) -> io::Result<Box<dyn Stream>> {
    Ok(match address {
        Address::Socket(path) => Box::new(UnixStream::connect(path).await?),
        Address::Host(host, port) => Box::new(TcpStream::connect((host.as_str(), *port)).await?),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use lanyard_ipp::{Operation, Status, Version};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_connection_over_which_a_document_is_still_sent_is_not_used_for_the_next_question() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        let listener = tokio::net::UnixListener::bind(&socket).unwrap();
        // Answers whatever comes before it has read more than its beginning, and does not hang up.
        tokio::spawn(async move {
            let mut callers = Vec::new();
            while let Ok((mut caller, _)) = listener.accept().await {
                let mut beginning = [0; 1024];
                let _ = caller.read(&mut beginning).await;
                let answer = Message::answer(Version::V2_0, Status::Ok, 1).encode();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
                let _ = caller.write_all(&[head.as_bytes(), &answer].concat()).await;
                callers.push(caller);
            }
        });
        let document = dir.path().join("document");
        std::fs::write(&document, vec![7; 32 << 20]).unwrap();
        let line = Line::to(Address::Socket(socket));
        let message = Message::request(Operation::SendDocument, 1);
        for document in [Some(document.as_path()), None] {
            let calling = line.call("ada", "/", &message, document.map(Document::Whole));
            let answered = tokio::time::timeout(Duration::from_secs(10), calling).await;
            assert!(matches!(answered, Ok(Ok(_))), "{document:?}: {answered:?}");
        }
    }

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
