//! A node that runs in another process, reached over its local socket.

use crate::{DataDir, doors::local};
use bytes::{Bytes, BytesMut};
use http::header;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use lanyard_api::{ApiError, ErrorCode, Event, Request, Response};
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

/// The longest answer: a snapshot of a very large network with a long history.
const MAX_ANSWER: usize = 64 << 20;

/// Longer than the node itself allows a request.
const DEADLINE: Duration = Duration::from_secs(11 * 60);

/// From asking for the events to the header of the answer.
const PROMPT: Duration = Duration::from_secs(10);

/// A connection to the node of this user (or of another data directory). Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Attached {
    data: DataDir,
    /// The connection that proved that somebody answers; the first request goes over it.
    first: Arc<Mutex<Option<(Instant, local::Stream)>>>,
}

impl Attached {
    /// Reaches the node behind `data` (none: this user's), or none when no node runs there.
    pub async fn connect(data: Option<&Path>) -> Option<Self> {
        let data = DataDir::resolve(data).ok()?;
        let first = local::connect(&data).await.ok()?;
        Some(Self { data, first: Arc::new(Mutex::new(Some((Instant::now(), first)))) })
    }

    /// Asks the node.
    ///
    /// # Errors
    /// The node's own, or `stopping` when it went away.
    pub async fn handle(&self, request: Request) -> Result<Response, ApiError> {
        let body = serde_json::to_vec(&request).map_err(|error| garbled(&error))?;
        let asking = async {
            let answer = self.send("POST", "/rpc", body).await?;
            Limited::new(answer, MAX_ANSWER).collect().await.map_err(|_| gone())
        };
        let answer = tokio::time::timeout(DEADLINE, asking).await.map_err(|_| gone())??.to_bytes();
        match serde_json::from_slice(&answer).map_err(|error| garbled(&error))? {
            Answer::Ok(response) => Ok(*response),
            Answer::Error(error) => Err(error),
        }
    }

    /// A snapshot, then every change; ends when the node stops.
    ///
    /// # Errors
    /// `stopping` when the node went away.
    pub async fn subscribe(&self) -> Result<mpsc::Receiver<Event>, ApiError> {
        let asking = self.send("GET", "/events", Vec::new());
        let answer = tokio::time::timeout(PROMPT, asking).await.map_err(|_| gone())??;
        let (sender, receiver) = mpsc::channel(64);
        // Ends with the stream, or when nobody listens any more.
        tokio::spawn(async move {
            tokio::select! {
                () = read_events(answer, &sender) => {}
                () = sender.closed() => {}
            }
        });
        Ok(receiver)
    }

    /// Each request has a connection of its own.
    async fn connection(&self) -> Result<local::Stream, ApiError> {
        /// The node waits longer than this for a first request.
        const USABLE: Duration = Duration::from_secs(1);
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        match first {
            Some((at, stream)) if at.elapsed() < USABLE => Ok(stream),
            _ => local::connect(&self.data).await.map_err(|_| gone()),
        }
    }

    async fn send(&self, method: &str, path: &str, body: Vec<u8>) -> Result<Incoming, ApiError> {
        let stream = self.connection().await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|_| gone())?;
        // Ends when the answer has been read or dropped.
        tokio::spawn(connection);
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "lanyard")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| garbled(&error))?;
        Ok(sender.send_request(request).await.map_err(|_| gone())?.into_body())
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ok(Box<Response>),
    Error(ApiError),
}

async fn read_events(mut answer: Incoming, sender: &mpsc::Sender<Event>) {
    let mut buffer = BytesMut::new();
    while let Some(Ok(frame)) = answer.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        let mut searched = buffer.len();
        buffer.extend_from_slice(&data);
        while let Some(at) = buffer[searched..].iter().position(|byte| *byte == b'\n') {
            let line = buffer.split_to(searched + at + 1);
            searched = 0;
            let Ok(event) = serde_json::from_slice(&line) else {
                tracing::warn!("an event of the node is not understood; the stream ends");
                return;
            };
            if sender.send(event).await.is_err() {
                return;
            }
        }
        if buffer.len() > MAX_ANSWER {
            return;
        }
    }
}

fn gone() -> ApiError {
    ApiError::new(ErrorCode::Stopping, "Lanyard does not answer any more; it may have been stopped.")
}

fn garbled(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::Internal, format!("The node's answer is not understood: {error}."))
}
