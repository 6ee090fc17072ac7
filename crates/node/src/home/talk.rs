//! Frames of a join over a connection, and what two devices that are sure of each other tell each other.

use lanyard_api::{ApiError, ErrorCode};
use lanyard_link::Meeting;
use lanyard_trust::{
    NodeId,
    join::{Channel, Ends, Frame, FrameError, JoinError},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    io,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout_at,
};

/// How long a frame may take to leave.
const SEND: Duration = Duration::from_secs(10);
/// How long what is sealed may take to come.
pub(super) const SEALED: Duration = Duration::from_secs(15);

/// A connection on which frames go back and forth.
pub(super) struct Talk {
    meeting: Meeting,
    /// What has come of a frame so far: waiting for one can be given up and taken up again.
    head: Vec<u8>,
}

/// What came.
#[derive(Debug)]
pub(super) enum Came {
    /// A frame, or something that is none.
    Frame(Result<Frame, FrameError>),
    /// The other side has hung up.
    End,
    /// Nothing, until the deadline.
    Late,
}

impl Talk {
    pub(super) fn new(meeting: Meeting) -> Self {
        Self { meeting, head: Vec::new() }
    }

    /// Who is at the two ends of it.
    pub(super) fn ends(&self, own: NodeId) -> Ends {
        Ends { own, peer: self.meeting.caller.node, exporter: self.meeting.exporter }
    }

    pub(super) fn caller(&self) -> lanyard_link::Caller {
        self.meeting.caller
    }

    pub(super) async fn send(&mut self, frame: &Frame) -> io::Result<()> {
        let sending = async {
            self.meeting.stream.write_all(&frame.encode()).await?;
            self.meeting.stream.flush().await
        };
        tokio::time::timeout(SEND, sending).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    /// Waits for the next frame. Can be dropped and called again without losing a byte.
    pub(super) async fn next(&mut self, deadline: Instant, sealed: bool) -> Came {
        match timeout_at(deadline.into(), self.read(sealed)).await {
            Err(_) => Came::Late,
            Ok(Err(_)) => Came::End,
            Ok(Ok(frame)) => Came::Frame(frame),
        }
    }

    async fn read(&mut self, sealed: bool) -> io::Result<Result<Frame, FrameError>> {
        let length = loop {
            if let Some(head) = self.head.first_chunk::<4>() {
                match Frame::length(*head, sealed) {
                    Ok(length) => break length,
                    Err(error) => return Ok(Err(error)),
                }
            }
            self.fill(4).await?;
        };
        while self.head.len() < 4 + length {
            self.fill(4 + length).await?;
        }
        let frame = Frame::decode(&self.head[4..]);
        self.head.clear();
        Ok(frame)
    }

    /// Reads on, up to `whole` bytes in all.
    async fn fill(&mut self, whole: usize) -> io::Result<()> {
        let missing = (whole - self.head.len()) as u64;
        let read = (&mut self.meeting.stream).take(missing).read_buf(&mut self.head).await?;
        if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Sends something under the new key.
    pub(super) async fn tell<T: Serialize>(
        &mut self,
        channel: &mut Channel,
        value: &T,
    ) -> Result<(), ApiError> {
        let bytes = serde_json::to_vec(value).map_err(|error| broken(error.to_string()))?;
        let frame = channel.seal(&bytes).map_err(|error| broken(error.to_string()))?;
        self.send(&frame).await.map_err(|error| broken(error.to_string()))
    }

    /// Waits for something under the new key.
    pub(super) async fn hear<T: DeserializeOwned>(&mut self, channel: &mut Channel) -> Result<T, ApiError> {
        let sealed = match self.next(Instant::now() + SEALED, true).await {
            Came::Frame(Ok(Frame::Sealed(sealed))) => sealed,
            Came::Frame(Ok(Frame::Fail { reason })) => return Err(failed(reason)),
            Came::Frame(_) => return Err(broken("what came makes no sense")),
            Came::End => return Err(broken("the other device has hung up")),
            Came::Late => return Err(broken("the other device did not answer in time")),
        };
        let bytes = channel.open(sealed).map_err(|error| broken(error.to_string()))?;
        serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))
    }
}

/// The words and the code for a join that failed.
pub(super) fn failed(reason: JoinError) -> ApiError {
    let code = match reason {
        JoinError::WrongCode | JoinError::NoInvite => ErrorCode::WrongCode,
        JoinError::Burned | JoinError::Expired => ErrorCode::CodeEnded,
        JoinError::Busy => ErrorCode::Busy,
        JoinError::Version => ErrorCode::OtherVersion,
        JoinError::Refused | JoinError::Tampered => ErrorCode::NotAllowed,
        JoinError::SameSide => ErrorCode::Invalid,
        JoinError::Timeout | JoinError::Other => ErrorCode::PeerUnreachable,
    };
    let text = reason.to_string();
    let mut letters = text.chars();
    let sentence: String =
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default();
    ApiError::new(code, format!("{sentence}."))
}

/// It broke off after the two were sure of each other.
pub(super) fn broken(why: impl std::fmt::Display) -> ApiError {
    ApiError::new(
        ErrorCode::PeerUnreachable,
        format!("The code was right, but the connection broke off: {why}. Try again with a new code."),
    )
}
