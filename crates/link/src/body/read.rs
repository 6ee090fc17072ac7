//! Reading a body within a limit and a deadline.

use super::{BodyError, Incoming};
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::timeout;

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is longer than allowed. Nothing beyond the limit was kept.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// It did not end in time.
    #[error("the body did not come in time")]
    Timeout,
    /// The connection broke or the other side stopped sending.
    #[error("the body broke off: {0}")]
    Broken(String),
    /// It is not the JSON that was expected.
    #[error("not the JSON that was expected: {0}")]
    NotJson(String),
}

/// The whole body, at most `limit` bytes, within `deadline`.
///
/// # Errors
/// [`ReadError::TooLarge`], [`ReadError::Timeout`], [`ReadError::Broken`].
pub async fn read<B>(body: B, limit: usize, deadline: Duration) -> Result<Bytes, ReadError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    timeout(deadline, collect(body, limit)).await.map_err(|_| ReadError::Timeout)?
}

/// The whole body as JSON, at most `limit` bytes, within `deadline`.
///
/// # Errors
/// Those of [`read`], and [`ReadError::NotJson`].
pub async fn read_json<T, B>(body: B, limit: usize, deadline: Duration) -> Result<T, ReadError>
where
    T: DeserializeOwned,
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    let bytes = read(body, limit, deadline).await?;
    serde_json::from_slice(&bytes).map_err(|error| ReadError::NotJson(error.to_string()))
}

async fn collect<B>(mut body: B, limit: usize) -> Result<Bytes, ReadError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(ReadError::TooLarge { limit });
    }
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(bytes) = next_bytes(&mut body).await? {
        if first.len() + all.len() + bytes.len() > limit {
            return Err(ReadError::TooLarge { limit });
        }
        // Most bodies come in one piece: it is passed on without a copy.
        if first.is_empty() && all.is_empty() {
            first = bytes;
        } else {
            if all.is_empty() {
                all.extend_from_slice(&std::mem::take(&mut first));
            }
            all.extend_from_slice(&bytes);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

async fn next_bytes<B>(body: &mut B) -> Result<Option<Bytes>, ReadError>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BodyError>,
{
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| ReadError::Broken(error.into().to_string()))?;
        // Trailers carry nothing for us.
        if let Ok(bytes) = frame.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// The lines of a body (NDJSON), one at a time, each at most `limit` bytes. Cancelling [`Lines::next`] loses nothing.
#[derive(Debug)]
pub struct Lines {
    body: Incoming,
    kept: BytesMut,
    /// How much of `kept` was already searched for an end of line.
    searched: usize,
    limit: usize,
    ended: bool,
}

impl Lines {
    /// Reads lines of at most `limit` bytes from `body`.
    #[must_use]
    pub fn new(body: Incoming, limit: usize) -> Self {
        Self { body, kept: BytesMut::new(), searched: 0, limit, ended: false }
    }

    /// The next line without its end, or None after the last. Waits as long as the other side is allowed to be
    /// silent: put a timeout around it.
    ///
    /// # Errors
    /// [`ReadError::TooLarge`] for a line over the limit, [`ReadError::Broken`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        loop {
            if let Some(at) = self.kept[self.searched..].iter().position(|byte| *byte == b'\n') {
                let line = self.kept.split_to(self.searched + at).freeze();
                self.kept.advance(1);
                self.searched = 0;
                return if line.len() > self.limit {
                    Err(ReadError::TooLarge { limit: self.limit })
                } else {
                    Ok(Some(line))
                };
            }
            self.searched = self.kept.len();
            if self.searched > self.limit {
                return Err(ReadError::TooLarge { limit: self.limit });
            }
            if self.ended {
                self.searched = 0;
                let last = std::mem::take(&mut self.kept).freeze();
                return Ok(Some(last).filter(|line| !line.is_empty()));
            }
            match next_bytes(&mut self.body).await? {
                Some(bytes) => self.kept.extend_from_slice(&bytes),
                None => self.ended = true,
            }
        }
    }

    /// The next line as JSON, or None after the last.
    ///
    /// # Errors
    /// Those of [`Lines::next`], and [`ReadError::NotJson`]: the lines after it can still be read.
    pub async fn next_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, ReadError> {
        match self.next().await? {
            None => Ok(None),
            Some(line) => {
                serde_json::from_slice(&line).map(Some).map_err(|error| ReadError::NotJson(error.to_string()))
            }
        }
    }
}
