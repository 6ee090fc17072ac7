//! The door for a browser on this computer: HTTP on loopback, opened only when somebody asks for its link.
//!
//! Any web page may send requests to a loopback port and any local user may connect to it, so everything but
//! the UI's own files needs a 128-bit token. It travels in the link's fragment, which no browser sends to a
//! server, and comes back in a header of its own, which no foreign page can add without being asked first (and
//! nothing here answers such a question). It is no cookie, because all ports of a host share cookies. On top of
//! that: a list of `Host` values (DNS rebinding), `Origin` and `Sec-Fetch-Site` (foreign pages), JSON only, and a
//! content security policy.

use super::{front, ui};
use crate::{
    Core,
    drives::{fetched, media},
    secret::Secret,
};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use lanyard_api::{ApiError, ErrorCode};
use lanyard_drive::path::encode;
use lanyard_link::{Body, body};
use std::{
    collections::VecDeque,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    net::TcpListener,
    sync::{OnceCell, Semaphore},
};

/// Carries the token of the link that the page was opened with.
const TOKEN: HeaderName = HeaderName::from_static("x-lanyard-token");

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Links that work at the same time; the oldest goes first.
const MAX_LINKS: usize = 32;

const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; \
    style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// The door's state. Its links are worth nothing after the node has stopped.
#[derive(Default)]
pub struct Browser {
    port: OnceCell<u16>,
    tokens: Mutex<VecDeque<Secret>>,
}

/// The beginning of the paths that players read; a secret follows.
const MEDIA: &str = "/media/";

/// The beginning of the paths by which a browser fetches what was dragged out of its page; a secret follows.
const FETCH: &str = "/fetch/";

/// Opens the door unless it is open, and tells where a player reads what this secret opens.
///
/// # Errors
/// `internal` when the system gives no port.
pub(crate) async fn media_link(core: &Arc<Core>, secret: Secret) -> Result<String, ApiError> {
    let port = *core.browser.port.get_or_try_init(|| open(core)).await?;
    Ok(format!("http://127.0.0.1:{port}{MEDIA}{}", secret.text()))
}

/// Opens the door unless it is open, and tells where a browser fetches what this secret opens. The name at the end is for
/// file managers, which know no other.
///
/// # Errors
/// `internal` when the system gives no port.
pub(crate) async fn fetch_link(core: &Arc<Core>, secret: Secret, name: &str) -> Result<String, ApiError> {
    let port = *core.browser.port.get_or_try_init(|| open(core)).await?;
    Ok(format!("http://127.0.0.1:{port}{FETCH}{}/{}", secret.text(), encode(name)))
}

/// Opens the door unless it is open, and makes a link.
///
/// # Errors
/// `internal` when the system gives no port.
pub async fn link(core: &Arc<Core>) -> Result<String, ApiError> {
    let port = *core.browser.port.get_or_try_init(|| open(core)).await?;
    let token = Secret::random()?;
    let link = format!("http://127.0.0.1:{port}/#token={}", token.text());
    core.browser.remember(token);
    Ok(link)
}

async fn open(core: &Arc<Core>) -> Result<u16, ApiError> {
    let failed =
        |error| ApiError::new(ErrorCode::Internal, format!("The browser page cannot be served: {error}."));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    tracing::info!(port, "the browser door is open on loopback");
    let core = Arc::clone(core);
    core.tasks.clone().spawn(async move {
        let cancel = core.cancel.clone();
        tokio::select! {
            () = cancel.cancelled() => {}
            () = accept(core, listener, port) => {}
        }
    });
    Ok(port)
}

async fn accept(core: Arc<Core>, listener: TcpListener, port: u16) {
    let places = Arc::new(Semaphore::new(front::MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let guarded = move |core, request| guarded(core, request, port);
                let connection = front::connection(Arc::clone(&core), stream, guarded);
                core.tasks.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => super::pause_after(&error).await,
        }
    }
}

async fn guarded(core: Arc<Core>, request: Request<Incoming>, port: u16) -> Response<Body> {
    let is_media = request.uri().path().starts_with(MEDIA);
    let mut response = match admit(&core.browser, &request, port) {
        Ok(Way::In) => front::route(core, request).await,
        Ok(Way::Page) => page(request.uri().path()),
        Ok(Way::Media) => {
            let secret = request.uri().path().strip_prefix(MEDIA).unwrap_or_default();
            media::serve(&core, request.method(), secret, request.headers())
        }
        Ok(Way::Fetch) => {
            let asked = request.uri().path().strip_prefix(FETCH).unwrap_or_default();
            let secret = asked.split('/').next().unwrap_or_default();
            match fetched::opened(&core, secret) {
                Some((drive, path)) => fetchable(front::saved(&core, &drive, &path).await),
                None => nothing_to_fetch(),
            }
        }
        Err(refusal) => {
            tracing::debug!(status = refusal.status().as_u16(), "the browser door stays shut");
            *refusal
        }
    };
    front::set(&mut response, header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    front::set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    front::set(&mut response, header::REFERRER_POLICY, "no-referrer");
    // The desktop window's page is of another origin; what it plays is guarded by its secret.
    let readers = if is_media { "cross-origin" } else { "same-origin" };
    front::set(&mut response, HeaderName::from_static("cross-origin-resource-policy"), readers);
    front::set(&mut response, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    response
}

/// A file for a file manager. Some of them save what comes with a server's error as if it were the file, or ask for it
/// without end; that it is not there they all understand.
fn fetchable(answer: Response<Body>) -> Response<Body> {
    if answer.status().is_server_error() { nothing_to_fetch() } else { answer }
}

fn nothing_to_fetch() -> Response<Body> {
    body::status(StatusCode::NOT_FOUND, "There is nothing to fetch here.")
}

enum Way {
    /// To what front ends ask.
    In,
    /// To the UI's own files, which hold no secret.
    Page,
    /// To what one secret opens, whoever knows it.
    Media,
    /// The same, to be kept and not to be shown.
    Fetch,
}

/// Decides on a request from its header alone.
fn admit<B>(browser: &Browser, request: &Request<B>, port: u16) -> Result<Way, Box<Response<Body>>> {
    let refuse = |status, detail| Err(Box::new(front::refuse(status, ErrorCode::NotAllowed, detail)));
    let headers = request.headers();
    let Some(host) = single(headers, header::HOST).filter(|host| is_ours(host, port)) else {
        // A foreign name that points to this computer (DNS rebinding) must not even see the UI.
        return refuse(StatusCode::MISDIRECTED_REQUEST, "This page is not served under that name.");
    };
    let path = request.uri().path();
    let is_asked = matches!(path, "/rpc" | "/events" | "/upload" | "/download");
    if !is_asked {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        return if reads {
            Ok(match path {
                path if path.starts_with(MEDIA) => Way::Media,
                path if path.starts_with(FETCH) => Way::Fetch,
                _ => Way::Page,
            })
        } else {
            refuse(StatusCode::METHOD_NOT_ALLOWED, "Nothing takes that.")
        };
    }
    if headers.contains_key(header::ORIGIN)
        && single(headers, header::ORIGIN) != Some(&format!("http://{host}"))
    {
        return refuse(StatusCode::FORBIDDEN, "Another page may not ask that.");
    }
    if headers.get(SEC_FETCH_SITE).is_some_and(|site| site != "same-origin") {
        return refuse(StatusCode::FORBIDDEN, "Another page may not ask that.");
    }
    if !single(headers, TOKEN).and_then(Secret::from_text).is_some_and(|token| browser.knows(token)) {
        return refuse(StatusCode::UNAUTHORIZED, "Open this page by a fresh link: lanyard browser");
    }
    Ok(Way::In)
}

impl Browser {
    fn remember(&self, token: Secret) {
        let mut tokens = self.tokens();
        if tokens.len() >= MAX_LINKS {
            tokens.pop_front();
        }
        tokens.push_back(token);
    }

    fn knows(&self, token: Secret) -> bool {
        token.find(self.tokens().iter().map(|one| (*one, one))).is_some()
    }

    fn tokens(&self) -> MutexGuard<'_, VecDeque<Secret>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn page(path: &str) -> Response<Body> {
    let Some((media_type, bytes)) = ui::file(path) else {
        if !ui::is_there() {
            let text = "This Lanyard was built without its browser page (ui/dist was missing).\n";
            return body::status(StatusCode::SERVICE_UNAVAILABLE, text);
        }
        return body::status(StatusCode::NOT_FOUND, "There is nothing here.");
    };
    let mut response = Response::new(body::full(bytes));
    front::set(&mut response, header::CONTENT_TYPE, media_type);
    front::set(&mut response, header::CACHE_CONTROL, "no-cache");
    response
}

fn is_ours(host: &str, port: u16) -> bool {
    host == format!("127.0.0.1:{port}") || host == format!("localhost:{port}")
}

/// The value of a header that is there exactly once.
fn single(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const PORT: u16 = 4321;

    fn browser() -> (Browser, String) {
        let (browser, token) = (Browser::default(), Secret::random().unwrap());
        browser.remember(token);
        (browser, token.text())
    }

    fn verdict(browser: &Browser, path: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method("POST").uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match admit(browser, &request.body(()).unwrap(), PORT) {
            Ok(_) => 200,
            Err(refusal) => refusal.status().as_u16(),
        }
    }

    #[test]
    fn only_this_page_with_its_token_gets_in() {
        let (browser, token) = browser();
        let host = ("host", "127.0.0.1:4321");
        let ok = ("x-lanyard-token", token.as_str());
        assert_eq!(verdict(&browser, "/rpc", &[host, ok]), 200);
        assert_eq!(verdict(&browser, "/rpc", &[("host", "localhost:4321"), ok]), 200);
        assert_eq!(verdict(&browser, "/rpc", &[host, ok, ("origin", "http://127.0.0.1:4321")]), 200);
        assert_eq!(verdict(&browser, "/rpc", &[host, ok, ("sec-fetch-site", "same-origin")]), 200);
        for path in ["/rpc", "/events", "/upload", "/download"] {
            assert_eq!(verdict(&browser, path, &[host]), 401, "{path} without a token");
        }
        for wrong in ["", "00", "00000000000000000000000000000000", &token[1..], &token.to_uppercase()] {
            assert_eq!(verdict(&browser, "/rpc", &[host, ("x-lanyard-token", wrong)]), 401, "{wrong}");
        }
        for origin in ["http://evil.example", "null", "https://127.0.0.1:4321", "http://localhost:4321"] {
            assert_eq!(verdict(&browser, "/rpc", &[host, ok, ("origin", origin)]), 403, "{origin}");
        }
        for site in ["cross-site", "same-site", "none"] {
            assert_eq!(verdict(&browser, "/rpc", &[host, ok, ("sec-fetch-site", site)]), 403, "{site}");
        }
        for foreign in ["evil.example", "evil.example:4321", "127.0.0.1", "127.0.0.1:80", "[::1]:4321"] {
            assert_eq!(verdict(&browser, "/rpc", &[("host", foreign), ok]), 421, "{foreign}");
        }
        assert_eq!(verdict(&browser, "/rpc", &[ok]), 421, "no host");
        assert_eq!(verdict(&browser, "/rpc", &[host, host, ok]), 421, "two hosts");
    }

    #[test]
    fn old_links_give_way_to_new_ones() {
        let (browser, token) = browser();
        for _ in 0..MAX_LINKS {
            browser.remember(Secret::random().unwrap());
        }
        assert!(!browser.knows(Secret::from_text(&token).unwrap()));
        assert_eq!(browser.tokens().len(), MAX_LINKS);
    }

    #[test]
    fn what_a_file_manager_fetches_is_there_or_not_and_never_a_servers_error() {
        for status in [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE] {
            let answer = fetchable(body::status(status, "The other device does not answer."));
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{status}");
        }
        for status in [StatusCode::OK, StatusCode::NOT_FOUND] {
            assert_eq!(fetchable(body::status(status, "content")).status(), status);
        }
    }
}
