//! A request as it arrives: the message, within limits and a deadline, then the document behind it as a stream.
//!
//! The document may be compressed (RFC 8011 §5.4.32). It is inflated while it streams; a stream that ends early is an
//! error, and one that inflates to far more than came is cut off.

use super::printer::Document;
use flate2::{Decompress, FlushDecompress, Status as Flate, write::GzDecoder};
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Bytes, Frame};
use lanyard_ipp::{DecodeError, Header, Limits, Message, Scanner};
use lanyard_link::body::BodyError;
use std::{io::Write, time::Duration};
use tokio_util::sync::CancellationToken;

/// From the first byte of a message to its last; a document is no part of it.
const MESSAGE_DEADLINE: Duration = Duration::from_secs(20);

/// A document may inflate by so much without question, and beyond that to so many times what came. White paper at 600
/// dpi is 100 MiB of nothing.
const FREE_INFLATION: u64 = 128 << 20;
const MOST_INFLATION: u64 = 250;

/// Compressed bytes that are inflated at once; so at most some 4 MiB come out at once.
const PIECE: usize = 4 << 10;

/// Why there is no message.
#[derive(Debug)]
pub(super) enum NoMessage {
    /// Not even the beginning of one.
    Nothing,
    /// Its beginning can be answered.
    Bad(Header, DecodeError),
}

/// Reads the message at the beginning of a body. Returns it, and the first bytes behind it.
pub(super) async fn message<B>(body: &mut B) -> Result<(Message, Bytes), NoMessage>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut bytes: Vec<u8> = Vec::new();
    let mut scanner = Scanner::new(Limits::REQUEST);
    let reading = async {
        loop {
            let frame = body.frame().await.and_then(Result::ok).ok_or(DecodeError::Cut)?;
            let Ok(data) = frame.into_data() else { continue };
            bytes.extend_from_slice(&data);
            if let Some(length) = scanner.advance(&bytes)? {
                return Ok(length);
            }
        }
    };
    let read = tokio::time::timeout(MESSAGE_DEADLINE, reading).await.unwrap_or(Err(DecodeError::Cut));
    let whole = read.and_then(|length| {
        let (message, _) = Message::decode(&bytes, Limits::REQUEST)?;
        Ok((message, Bytes::copy_from_slice(&bytes[length..])))
    });
    whole.map_err(|error| match Header::of(&bytes) {
        Some(header) => NoMessage::Bad(header, error),
        None => NoMessage::Nothing,
    })
}

/// How a document is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    /// Raw DEFLATE (RFC 1951), not in a zlib wrapping: that is what CUPS means and sends.
    Deflate,
}

impl Compression {
    pub(super) fn from_keyword(keyword: &str) -> Option<Self> {
        match keyword {
            "none" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            _ => None,
        }
    }
}

/// What came so far of a body, and the rest of it. It breaks off when `stop` is cancelled.
pub(super) fn document<B>(
    begun: Bytes,
    rest: B,
    compression: Compression,
    stop: CancellationToken,
) -> Document
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BodyError>,
{
    let begun = stream::iter((!begun.is_empty()).then_some(Ok(begun)));
    let rest = stream::unfold((rest, stop), |(mut rest, stop)| async move {
        loop {
            let frame = match stop.run_until_cancelled(rest.frame()).await {
                Some(frame) => frame?,
                None => return Some((Err("the job was cancelled".into()), (rest, stop))),
            };
            match frame {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some((Ok(data), (rest, stop)));
                    }
                }
                Err(error) => return Some((Err(error.into()), (rest, stop))),
            }
        }
    });
    // Pinned, so that it can be passed on.
    let came = begun.chain(rest).boxed();
    let pieces = match Inflater::of(compression) {
        None => came,
        Some(inflater) => inflated(came, inflater).boxed(),
    };
    StreamBody::new(pieces.map(|piece| piece.map(Frame::data))).boxed_unsync()
}

type Piece = Result<Bytes, BodyError>;

fn inflated(
    came: impl stream::Stream<Item = Piece> + Send + Unpin,
    inflater: Inflater,
) -> impl stream::Stream<Item = Piece> + Send {
    struct State<S> {
        came: S,
        /// What came and is not inflated yet.
        left: Bytes,
        /// None after the end.
        inflater: Option<Inflater>,
    }
    let state = State { came, left: Bytes::new(), inflater: Some(inflater) };
    stream::unfold(state, |mut state| async move {
        loop {
            let inflater = state.inflater.as_mut()?;
            if state.left.is_empty() {
                match state.came.next().await {
                    Some(Ok(bytes)) => state.left = bytes,
                    Some(Err(error)) => {
                        state.inflater = None;
                        return Some((Err(error), state));
                    }
                    None => {
                        let last = state.inflater.take()?.finish();
                        return match last {
                            Ok(bytes) if bytes.is_empty() => None,
                            last => Some((last, state)),
                        };
                    }
                }
                continue;
            }
            let piece = state.left.split_to(state.left.len().min(PIECE));
            match inflater.push(&piece) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Some((Ok(bytes), state)),
                Err(error) => {
                    state.inflater = None;
                    return Some((Err(error), state));
                }
            }
        }
    })
}

/// Inflates a stream piece by piece.
struct Inflater {
    kind: Inflating,
    came: u64,
    inflated: u64,
}

enum Inflating {
    Gzip(Box<GzDecoder<Vec<u8>>>),
    Deflate { state: Box<Decompress>, ended: bool },
}

impl Inflater {
    fn of(compression: Compression) -> Option<Self> {
        let kind = match compression {
            Compression::None => return None,
            Compression::Gzip => Inflating::Gzip(Box::new(GzDecoder::new(Vec::new()))),
            Compression::Deflate => {
                Inflating::Deflate { state: Box::new(Decompress::new(false)), ended: false }
            }
        };
        Some(Self { kind, came: 0, inflated: 0 })
    }

    fn push(&mut self, piece: &[u8]) -> Piece {
        let out = match &mut self.kind {
            Inflating::Gzip(decoder) => {
                decoder.write_all(piece)?;
                std::mem::take(decoder.get_mut())
            }
            Inflating::Deflate { state, ended } => {
                let mut out = Vec::with_capacity(8 * PIECE);
                let begun = state.total_in();
                while !*ended {
                    let used = usize::try_from(state.total_in() - begun).unwrap_or(usize::MAX);
                    let rest = piece.get(used..).unwrap_or_default();
                    out.reserve(8 * PIECE);
                    let before = (state.total_in(), state.total_out());
                    match state.decompress_vec(rest, &mut out, FlushDecompress::None)? {
                        Flate::StreamEnd => *ended = true,
                        _ if rest.is_empty() && (state.total_in(), state.total_out()) == before => break,
                        _ => {}
                    }
                }
                out
            }
        };
        self.came += piece.len() as u64;
        self.inflated += out.len() as u64;
        if self.inflated > FREE_INFLATION.saturating_add(self.came.saturating_mul(MOST_INFLATION)) {
            return Err("the document inflates to far more than came".into());
        }
        Ok(out.into())
    }

    /// The last bytes, when the stream was whole.
    fn finish(self) -> Piece {
        match self.kind {
            // Checks length and sum.
            Inflating::Gzip(decoder) => Ok(decoder.finish()?.into()),
            Inflating::Deflate { ended: true, .. } => Ok(Bytes::new()),
            Inflating::Deflate { .. } => Err("the compressed document ends early".into()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
#[path = "incoming_tests.rs"]
mod tests;
