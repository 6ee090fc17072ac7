//! Forms: short ones as a whole, ones with files in them as they come.
//!
//! `multer` finds the parts. It takes whatever its stream has ready into memory, and looks for the end of a part's
//! header however long that is; [`Paced`] gives it one piece at a time and no more than [`AHEAD`] without a part or a
//! piece of one coming out.

use crate::doors::front;
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::{HeaderMap, Request, header};
use hyper::body::Body as _;
use lanyard_link::{BodyError, Incoming, body};
use multer::{Constraints, Multipart, SizeLimit};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

/// What may go in before something comes out.
const AHEAD: usize = 1 << 20;

/// Parts of one form.
const PARTS: usize = 128;

/// The most bytes of a part that is no file.
const SHORT: usize = 1024;

/// The fields of a short form (`application/x-www-form-urlencoded`).
pub(super) async fn short(
    request: Request<Incoming>,
    (most, deadline): (usize, Duration),
) -> Option<Vec<(String, String)>> {
    let bytes = body::read(request.into_body(), most, deadline).await.ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        Some((front::percent_decoded(key)?, front::percent_decoded(value)?))
    };
    text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
}

/// A form with files in it (`multipart/form-data`, RFC 7578).
pub(super) struct Form {
    parts: Multipart<'static>,
    ahead: Arc<AtomicUsize>,
    seen: usize,
}

/// One part of it.
pub(super) enum Part {
    /// A field with a short value.
    Field(String, String),
    /// A file.
    File(Box<File>),
}

/// A file of a form, to be read before the next part.
pub(super) struct File {
    /// What the browser calls it; empty when none was chosen.
    pub(super) name: String,
    field: multer::Field<'static>,
    ahead: Arc<AtomicUsize>,
}

/// The form is broken, or more than anybody sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the form did not arrive whole")]
pub(super) struct Broken;

impl Form {
    /// Of at most `most` bytes in all.
    pub(super) fn of(request: Request<Incoming>, most: u64) -> Result<Self, Broken> {
        let boundary = boundary(request.headers()).ok_or(Broken)?;
        let ahead = Arc::<AtomicUsize>::default();
        let stream = Paced { body: request.into_body(), ahead: Arc::clone(&ahead), breathe: false };
        let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(most));
        Ok(Self { parts: Multipart::with_constraints(stream, boundary, limits), ahead, seen: 0 })
    }

    /// The next part.
    pub(super) async fn next(&mut self) -> Result<Option<Part>, Broken> {
        if self.seen >= PARTS {
            return Err(Broken);
        }
        self.seen += 1;
        let Some(mut field) = self.parts.next_field().await.map_err(|_| Broken)? else { return Ok(None) };
        self.ahead.store(0, Ordering::Relaxed);
        if let Some(name) = field.file_name() {
            let name = name.to_owned();
            return Ok(Some(Part::File(Box::new(File { name, field, ahead: Arc::clone(&self.ahead) }))));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let mut value = Vec::new();
        while let Some(piece) = field.chunk().await.map_err(|_| Broken)? {
            if value.len() + piece.len() > SHORT {
                return Err(Broken);
            }
            value.extend_from_slice(&piece);
            self.ahead.store(0, Ordering::Relaxed);
        }
        Ok(Some(Part::Field(name, String::from_utf8(value).map_err(|_| Broken)?)))
    }
}

impl File {
    /// Its content as it comes. An error at its end means that it is not whole.
    pub(super) fn pieces(self) -> Pin<Box<dyn Stream<Item = Result<Bytes, Broken>> + Send>> {
        Box::pin(stream::unfold(Some(self), |file| async move {
            let mut file = file?;
            match file.field.chunk().await {
                Ok(Some(piece)) => {
                    file.ahead.store(0, Ordering::Relaxed);
                    Some((Ok(piece), Some(file)))
                }
                Ok(None) => None,
                Err(_) => Some((Err(Broken), None)),
            }
        }))
    }
}

/// The boundary: 1 to 70 characters of those that RFC 2046 §5.1.1 allows.
fn boundary(headers: &HeaderMap) -> Option<String> {
    let boundary = multer::parse_boundary(headers.get(header::CONTENT_TYPE)?.to_str().ok()?).ok()?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&b);
    ((1..=70).contains(&boundary.len()) && boundary.bytes().all(allowed)).then_some(boundary)
}

/// A body, one piece for each time it is asked.
struct Paced {
    body: Incoming,
    ahead: Arc<AtomicUsize>,
    breathe: bool,
}

impl Stream for Paced {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.breathe) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            let frame = match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(frame)) => frame,
            };
            // Trailers are of no interest.
            let Ok(bytes) = frame.into_data() else { continue };
            if this.ahead.fetch_add(bytes.len(), Ordering::Relaxed) > AHEAD {
                return Poll::Ready(Some(Err("the form goes on without an end of its part's header".into())));
            }
            this.breathe = true;
            return Poll::Ready(Some(Ok(bytes)));
        }
    }
}

/// For the fuzz targets: a form that comes in these pieces, read to its end.
#[cfg(fuzzing)]
pub(crate) async fn read_form(pieces: Vec<Bytes>) {
    use futures_util::StreamExt as _;
    let frames = pieces.into_iter().map(|piece| Ok(hyper::body::Frame::data(piece)));
    let kind = "multipart/form-data; boundary=XX";
    let request = Request::builder().header("content-type", kind);
    let Ok(request) = request.body(Incoming::from(body::stream(stream::iter(frames)))) else { return };
    let Ok(mut form) = Form::of(request, 1 << 20) else { return };
    while let Ok(Some(part)) = form.next().await {
        match part {
            Part::Field(_, value) => assert!(value.len() <= SHORT),
            Part::File(file) => {
                let mut pieces = file.pieces();
                while pieces.next().await.is_some_and(|piece| piece.is_ok()) {}
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use hyper::body::Frame;

    fn form(pieces: Vec<Bytes>) -> Result<Form, Broken> {
        let frames = pieces.into_iter().map(|piece| Ok(Frame::data(piece)));
        let body = body::stream(stream::iter(frames));
        let kind = "multipart/form-data; boundary=XX";
        let request = Request::builder().header("content-type", kind).body(Incoming::from(body)).unwrap();
        Form::of(request, 64 << 20)
    }

    async fn read(form: &mut Form) -> Result<Vec<(String, usize)>, Broken> {
        let mut found = Vec::new();
        while let Some(part) = form.next().await? {
            match part {
                Part::Field(name, value) => found.push((format!("{name}={value}"), 0)),
                Part::File(file) => {
                    let name = file.name.clone();
                    let mut pieces = file.pieces();
                    let mut size = 0;
                    while let Some(piece) = pieces.next().await {
                        size += piece?.len();
                    }
                    found.push((name, size));
                }
            }
        }
        Ok(found)
    }

    fn file_head(name: &str) -> String {
        format!("--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n")
    }

    #[tokio::test]
    async fn fields_and_files_come_out_as_they_went_in_however_they_are_cut() {
        let mut text = b"--XX\r\nContent-Disposition: form-data; name=\"copies\"\r\n\r\n2\r\n".to_vec();
        text.extend(file_head("a b.pdf").into_bytes());
        text.extend(b"\r\n--X not the end\r\n--XX"[..18].to_vec());
        text.extend(b"\r\n--XX--\r\n");
        for cut in [1, 3, 7, text.len()] {
            let pieces = text.chunks(cut).map(Bytes::copy_from_slice).collect();
            let found = read(&mut form(pieces).unwrap()).await.unwrap();
            assert_eq!(found, [("copies=2".to_owned(), 0), ("a b.pdf".to_owned(), 18)], "pieces of {cut}");
        }
    }

    #[tokio::test]
    async fn a_form_that_is_broken_off_anywhere_is_broken() {
        let text = format!("{}content\r\n--XX--\r\n", file_head("a"));
        for end in 0..text.len() - 4 {
            let pieces = vec![Bytes::copy_from_slice(&text.as_bytes()[..end])];
            assert_eq!(read(&mut form(pieces).unwrap()).await, Err(Broken), "after {end} bytes");
        }
    }

    #[tokio::test]
    async fn a_header_without_an_end_is_not_waited_for() {
        let mut pieces = vec![Bytes::from_static(b"--XX\r\nContent-Disposition: ")];
        pieces.extend((0..64).map(|_| Bytes::from(vec![b'a'; 256 * 1024])));
        let mut form = form(pieces).unwrap();
        assert_eq!(read(&mut form).await, Err(Broken));
        assert!(form.ahead.load(Ordering::Relaxed) <= 2 * AHEAD, "it was not read to its end");
    }

    #[tokio::test]
    async fn more_parts_and_longer_fields_than_anybody_sends_are_refused() {
        let part = "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n".repeat(PARTS + 1);
        assert_eq!(read(&mut form(vec![Bytes::from(part + "--XX--\r\n")]).unwrap()).await, Err(Broken));
        let long = "b".repeat(SHORT + 1);
        let part = format!("--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{long}\r\n--XX--\r\n");
        assert_eq!(read(&mut form(vec![Bytes::from(part)]).unwrap()).await, Err(Broken));
    }

    #[test]
    fn an_odd_boundary_is_refused() {
        let with = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, text.parse().unwrap());
            boundary(&headers)
        };
        assert_eq!(with("multipart/form-data; boundary=----WebKitFormBoundaryAb1").unwrap().len(), 25);
        for odd in [
            "text/plain",
            "multipart/form-data",
            "multipart/form-data; boundary=\"\"",
            "multipart/form-data; boundary=\"a\tb\"",
        ] {
            assert_eq!(with(odd), None, "{odd}");
        }
        assert_eq!(with(&format!("multipart/form-data; boundary={}", "a".repeat(71))), None);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn no_form_of_a_stranger_panics(bytes: Vec<u8>, cut in 1_usize..64) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut text = file_head("x").into_bytes();
            text.extend(bytes);
            let pieces = text.chunks(cut).map(Bytes::copy_from_slice).collect();
            let _ = runtime.block_on(async { read(&mut form(pieces).unwrap()).await });
        }
    }
}
