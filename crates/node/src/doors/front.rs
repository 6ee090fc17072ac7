//! What a front end can ask over HTTP, whichever door it came in by: `/rpc`, `/events`, `/upload`, `/download`.
//!
//! Who may come in is settled by the door before a request gets here.

use crate::{Core, drives, node};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use lanyard_api::{ApiError, ErrorCode};
use lanyard_link::{Body, BodyError, body};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite};

/// Connections at once on one door.
pub(crate) const MAX_CONNECTIONS: usize = 64;

/// The longest request of a front end: a long list of options, never a document.
const MAX_REQUEST: usize = 1 << 20;

/// From the first byte of a request to the end of its header.
const HEADER_DEADLINE: Duration = Duration::from_secs(10);

/// From its header to the end of a request's body.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// The longest a request may take; copying a large document into the spool is the slowest.
const WORK_DEADLINE: Duration = Duration::from_secs(10 * 60);

/// Without a byte of an upload.
const STALL: Duration = Duration::from_secs(30);

/// Serves one connection until it ends or the node stops.
pub(crate) async fn connection<I, S, F>(core: Arc<Core>, io: I, answer: S)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Fn(Arc<Core>, Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let cancel = core.cancel.clone();
    let service = hyper::service::service_fn(move |request| {
        let answered = answer(Arc::clone(&core), request);
        async move { Ok::<_, std::convert::Infallible>(answered.await) }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(io), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = cancel.cancelled() => {
            serving.as_mut().graceful_shutdown();
            // Time for a last answer; whoever does not read it does not hold the node up.
            tokio::time::timeout(Duration::from_millis(500), serving).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a front end's connection ended early");
    }
}

/// Answers one request of a front end that the door let in.
pub(super) async fn route(core: Arc<Core>, request: Request<Incoming>) -> Response<Body> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/rpc") => rpc(core, request).await,
        (&Method::GET, "/events") => events(&core),
        (&Method::POST, "/upload") => upload(core, request).await,
        (&Method::GET, "/download") => download(core, &request).await,
        (_, "/rpc" | "/events" | "/upload" | "/download") => {
            refuse(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Invalid, "This is not asked that way.")
        }
        _ => refuse(StatusCode::NOT_FOUND, ErrorCode::NotFound, "There is nothing here."),
    }
}

/// A refusal in the shape that every front end reads.
pub(super) fn refuse(status: StatusCode, code: ErrorCode, detail: &str) -> Response<Body> {
    failure(status, &ApiError::new(code, detail))
}

async fn rpc(core: Arc<Core>, request: Request<Incoming>) -> Response<Body> {
    // A form on a foreign page can send anything but this type.
    if !is_json(&request) {
        let detail = "A request is sent as application/json.";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, ErrorCode::Invalid, detail);
    }
    let collecting = Limited::new(request.into_body(), MAX_REQUEST).collect();
    let bytes = match tokio::time::timeout(BODY_DEADLINE, collecting).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::Invalid, "The request is too long.");
        }
        _ => return refuse(StatusCode::BAD_REQUEST, ErrorCode::Invalid, "The request did not arrive whole."),
    };
    let request = match serde_json::from_slice(&bytes) {
        Ok(request) => request,
        Err(error) => {
            let detail = format!("The request is not understood: {error}.");
            return refuse(StatusCode::BAD_REQUEST, ErrorCode::Invalid, &detail);
        }
    };
    // In a task of its own: a front end that goes away must not cut what it asked for in the middle.
    let work = core.tasks.spawn(node::answer(Arc::clone(&core), request));
    let answered = match tokio::time::timeout(WORK_DEADLINE, work).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(_)) => {
            Err(ApiError::new(ErrorCode::Internal, "The request failed inside Lanyard; see the log."))
        }
        Err(_) => Err(ApiError::new(ErrorCode::Busy, "The request takes too long.")),
    };
    match answered {
        // Written as it is: there may be very much in it, and a tree of JSON values is many times larger.
        Ok(response) => body::json(StatusCode::OK, &Answered { ok: &response }),
        // It reached the node and was answered: to HTTP that is a success.
        Err(error) => failure(StatusCode::OK, &error),
    }
}

/// What a front end gets that was not refused.
#[derive(serde::Serialize)]
struct Answered<'a> {
    ok: &'a lanyard_api::Response,
}

/// A snapshot, then every change, one JSON object a line.
fn events(core: &Arc<Core>) -> Response<Body> {
    let mut receiver = node::subscribe(core);
    let lines = stream::poll_fn(move |context| {
        receiver.poll_recv(context).map(|event| {
            let mut line = serde_json::to_vec(&event?).ok()?;
            line.push(b'\n');
            Some(Ok::<_, BodyError>(Frame::data(Bytes::from(line))))
        })
    });
    let mut response = Response::new(body::stream(lines));
    set(&mut response, header::CONTENT_TYPE, "application/x-ndjson");
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

/// `POST /upload?name=` → `{"ok":{"id":…,"name":…,"bytes":…}}`.
async fn upload(core: Arc<Core>, request: Request<Incoming>) -> Response<Body> {
    let Some(name) = query(&request, "name").as_deref().and_then(file_name) else {
        return refuse(StatusCode::BAD_REQUEST, ErrorCode::Invalid, "An upload needs a name.");
    };
    let announced = hyper::body::Body::size_hint(request.body()).exact();
    let pieces = stream::unfold(request.into_body(), |mut incoming| async move {
        let piece = next_piece(&mut incoming).await.transpose()?;
        Some((piece, incoming))
    });
    core.uploads.clean_unused();
    let received = core.uploads.receive(announced, Box::pin(pieces)).await;
    match received {
        Ok(received) => body::json(
            StatusCode::OK,
            &serde_json::json!({ "ok": { "id": received.id, "name": name, "bytes": received.bytes } }),
        ),
        Err(error) => failure(
            match error.code {
                ErrorCode::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
                ErrorCode::Invalid => StatusCode::BAD_REQUEST,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
            &error,
        ),
    }
}

async fn next_piece(incoming: &mut Incoming) -> Result<Option<Bytes>, ApiError> {
    let broken = |detail| ApiError::new(ErrorCode::Invalid, detail);
    loop {
        let frame = tokio::time::timeout(STALL, incoming.frame())
            .await
            .map_err(|_| broken("The upload stopped for too long."))?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(broken("The upload broke off.")),
            // Trailers are of no interest.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// `GET /download?drive=&path=`: a file of somebody else's, passed through without touching this disk.
async fn download(core: Arc<Core>, request: &Request<Incoming>) -> Response<Body> {
    let (Some(drive), Some(path)) = (query(request, "drive"), query(request, "path")) else {
        return refuse(StatusCode::BAD_REQUEST, ErrorCode::Invalid, "A download needs a drive and a path.");
    };
    saved(&core, &drive, &path).await
}

/// A file of somebody else's, to be kept under its name and never to be shown as a page.
pub(super) async fn saved(core: &Arc<Core>, drive: &str, path: &str) -> Response<Body> {
    let (name, bytes, content) = match drives::open_download(core, drive, path).await {
        Ok(opened) => opened,
        Err(error) => {
            let status = match error.code {
                ErrorCode::NotFound => StatusCode::NOT_FOUND,
                // 401 and 403 are the door's own refusals.
                ErrorCode::PeerUnreachable => StatusCode::BAD_GATEWAY,
                _ => StatusCode::BAD_REQUEST,
            };
            return failure(status, &error);
        }
    };
    let mut response = Response::new(content);
    set(&mut response, header::CONTENT_TYPE, "application/octet-stream");
    set(&mut response, header::CONTENT_DISPOSITION, &attachment(&name));
    set(&mut response, header::CONTENT_LENGTH, &bytes.to_string());
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

fn failure(status: StatusCode, error: &ApiError) -> Response<Body> {
    body::json(status, &serde_json::json!({ "error": error }))
}

pub(crate) fn set(response: &mut Response<Body>, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn is_json(request: &Request<Incoming>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.map(|text| text.split(';').next().unwrap_or_default().trim());
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"))
}

/// A parameter of the query, decoded (WHATWG URL, `application/x-www-form-urlencoded`).
pub(super) fn query<B>(request: &Request<B>, name: &str) -> Option<String> {
    let pairs = request.uri().query()?.split('&');
    let value = pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?.1;
    percent_decoded(value)
}

pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The last part of what a browser calls the file's name, without what cannot be shown.
pub(super) fn file_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown: String = last.chars().filter(|c| !c.is_control()).take(255).collect();
    (!shown.trim().is_empty()).then_some(shown)
}

/// RFC 6266 with the extended notation of RFC 8187, so that any name survives and none breaks the header.
pub(super) fn attachment(name: &str) -> String {
    let mut value = String::from("attachment; filename*=UTF-8''");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            value.push(char::from(byte));
        } else {
            value.push_str(&format!("%{byte:02X}"));
        }
    }
    value
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_and_junk_is_refused() {
        let request = |uri: &str| Request::builder().uri(uri.to_owned()).body(()).unwrap();
        let found = query(&request("/download?drive=a%40b&path=x+y%2F%C3%A4"), "path");
        assert_eq!(found.as_deref(), Some("x y/ä"));
        assert_eq!(query(&request("/download?path=%zz"), "path"), None);
        assert_eq!(query(&request("/download?path=%4"), "path"), None);
        assert_eq!(query(&request("/download?path=%ff"), "path"), None, "not UTF-8");
        assert_eq!(query(&request("/download"), "path"), None);
    }

    #[test]
    fn no_file_name_can_break_out_of_the_header() {
        assert_eq!(attachment("a\"b\r\nc ä.pdf"), "attachment; filename*=UTF-8''a%22b%0D%0Ac%20%C3%A4.pdf");
    }

    #[test]
    fn an_upload_is_called_by_the_last_part_of_its_name() {
        assert_eq!(file_name("C:\\fakepath\\letter.pdf").as_deref(), Some("letter.pdf"));
        assert_eq!(file_name("../../etc/passwd").as_deref(), Some("passwd"));
        assert_eq!(file_name("dir/"), None);
    }
}
