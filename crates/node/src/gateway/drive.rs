//! Drives of others under an address on loopback, for this computer's own programs that speak WebDAV: Explorer, Finder, and
//! whatever else opens `http://127.0.0.1:…`.
//!
//! The owner's node speaks the protocol; requests and answers are passed on over the link. So there are one WebDAV and one
//! set of locks and rules, and a certificate or a password never troubles anybody. The address of a drive holds 128
//! random bits. The owner's node does not learn them: what it is told instead is another text of the same length, and
//! each is put in the other's place on the way, in the few headers and answers that hold addresses.
//!
//! What headers pass in either direction is a list; everything else stays behind.

mod renamed;

use super::{Gateway, is_same, login, random_secret, store_error};
use crate::{
    Core, doors::ask_gate, doors::ask_gate::Way, doors::front, names, presence, presence::RemoteShare,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use lanyard_api::{ApiError, DriveAddress, ErrorCode};
use lanyard_drive::{
    offer::dav::{self, BASE, HOST, MACOS},
    path,
};
use lanyard_link::{Body, BodyError, body};
use lanyard_trust::{
    NodeId, ShareId,
    gate::{self, Answer, Own, Surface},
};
use renamed::{Renamed, rename};
use std::{net::Ipv4Addr, sync::Arc, time::Duration};

/// Where drives are.
const DRIVES: &str = "/dav/";

/// The most drives that have an address.
const MOST: usize = 64;

/// Until an answer begins, from when the request has been sent: programs wait no longer than a person does.
const SOON: Duration = Duration::from_secs(10);
/// The same for what may be long at work: copying a folder, or bringing a large file to a slow disk.
const LONG: Duration = Duration::from_secs(600);

/// What the owner's node hears instead of a drive's secret. It has the same length, so that nothing else changes.
const STAND_IN: &str = "0-your-drive-on-another-computer";

/// Headers of requests that are passed on.
const ASKED: [&str; 19] = [
    "content-length",
    "content-range",
    "content-type",
    "depth",
    "destination",
    "if",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "lock-token",
    "overwrite",
    "range",
    "timeout",
    "transfer-encoding",
    "x-expected-entity-length",
    "x-oc-mtime",
    "x-litmus",
];

/// Headers of answers that are passed on.
const ANSWERED: [&str; 15] = [
    "accept-ranges",
    "allow",
    "content-disposition",
    "content-length",
    "content-range",
    "content-type",
    "dav",
    "etag",
    "last-modified",
    "location",
    "lock-token",
    "ms-author-via",
    "retry-after",
    "x-oc-etag",
    "x-oc-mtime",
];

/// A drive that has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offered {
    /// 32 hexadecimal digits; whoever knows them may use the drive as this user may.
    pub(super) secret: String,
    pub(super) node: NodeId,
    pub(super) share: ShareId,
    pub(super) name: String,
    pub(super) device_name: String,
}

impl Offered {
    /// The drive, as front ends call it.
    fn id(&self) -> String {
        format!("{}@{}", self.share, self.node)
    }

    fn address(&self, port: u16) -> String {
        format!("http://127.0.0.1:{port}{DRIVES}{}/{}/", self.secret, path::encode(&self.name))
    }
}

impl Gateway {
    /// The drive behind a secret. All are compared, so that the time taken says nothing.
    fn drive_by_secret(&self, secret: &str) -> Option<Offered> {
        let same = |offered: &&Offered| is_same(offered.secret.as_bytes(), secret.as_bytes());
        self.drives().iter().filter(same).fold(None, |_, found| Some(found.clone()))
    }
}

/// Gives a drive an address, always the same one.
///
/// # Errors
/// `not_found`, `ambiguous`, `busy`, `internal`.
pub(crate) async fn open(core: &Arc<Core>, drive: &str) -> Result<String, ApiError> {
    Ok(open_share(core, presence::find_drive(core, drive)?).await?.whole())
}

/// The address of a drive, and what a program needs besides on systems where an address is no secret.
pub(crate) struct Opened {
    pub(crate) address: String,
    /// A name and a password.
    pub(crate) login: Option<(String, String)>,
}

impl Opened {
    fn new(core: &Core, offered: &Offered, port: u16) -> Self {
        let login = core.gateway.logins.as_ref().map(|logins| logins.for_drive(&offered.secret));
        Self { address: offered.address(port), login }
    }

    /// All that a program needs, in one text: it takes a name and a password from it (RFC 3986 §3.2.1).
    fn whole(self) -> String {
        match self.login {
            Some((user, password)) => self.address.replacen("//", &format!("//{user}:{password}@"), 1),
            None => self.address,
        }
    }
}

/// The same as [`open`] for a drive that was found, also while its device is away.
///
/// # Errors
/// `busy`, `internal`.
pub(crate) async fn open_share(core: &Arc<Core>, share: RemoteShare) -> Result<Opened, ApiError> {
    let port = super::open_door(core).await.map_err(|error| closed(&error))?;
    let is_it = |known: &Offered| known.node == share.node && known.share == share.share;
    let known = core.gateway.drives().iter().find(|known| is_it(known)).cloned();
    if let Some(known) = known {
        return Ok(Opened::new(core, &known, port));
    }
    if core.gateway.drives().len() >= MOST {
        return Err(ApiError::new(ErrorCode::Busy, format!("{MOST} drives have an address already.")));
    }
    let offered = Offered {
        secret: random_secret()?,
        node: share.node,
        share: share.share,
        name: share.name,
        device_name: share.device_name,
    };
    let row = offered.clone();
    core.gateway.rows.run(move |rows| rows.put_drive(&row)).await.map_err(|error| store_error(&error))?;
    let opened = Opened::new(core, &offered, port);
    core.gateway.drives().push(offered);
    Ok(opened)
}

/// Drives that have an address.
///
/// # Errors
/// `internal` when the door for programs cannot be opened.
pub(crate) async fn list(core: &Arc<Core>) -> Result<Vec<DriveAddress>, ApiError> {
    let known = core.gateway.drives().clone();
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let port = super::open_door(core).await.map_err(|error| closed(&error))?;
    let told = |offered: &Offered| DriveAddress {
        drive_id: offered.id(),
        drive: offered.name.clone(),
        device_name: offered.device_name.clone(),
        url: Opened::new(core, offered, port).whole(),
    };
    Ok(known.iter().map(told).collect())
}

/// Takes a drive's address back; what is under way through it is finished.
///
/// # Errors
/// `not_found`, `ambiguous`, `internal`.
pub(crate) async fn shut(core: &Arc<Core>, drive: &str) -> Result<(), ApiError> {
    let named: Vec<names::Named<Offered>> = core
        .gateway
        .drives()
        .iter()
        .map(|offered| names::Named {
            id: offered.id(),
            name: offered.name.clone(),
            device: offered.device_name.clone(),
            value: offered.clone(),
        })
        .collect();
    let by_address = |named: &&names::Named<Offered>| drive.contains(&named.value.secret);
    let offered = match named.iter().find(by_address) {
        Some(named) => named.value.clone(),
        None => names::find("drive with an address", drive, &named)?,
    };
    let secret = offered.secret.clone();
    core.gateway
        .rows
        .run(move |rows| rows.remove_drive(&secret))
        .await
        .map_err(|error| store_error(&error))?;
    core.gateway.drives().retain(|known| known.secret != offered.secret);
    Ok(())
}

fn closed(error: &impl std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::Internal, format!("The gateway for other programs cannot be opened: {error}."))
}

/// Whether a path is for here.
pub(super) fn is_for(path: &str) -> bool {
    path.starts_with(DRIVES)
}

/// Answers a request that came over loopback from a program of this user's.
pub(super) async fn serve(core: Arc<Core>, request: Request<Incoming>, port: u16) -> Response<Body> {
    let mut response = match admit(&request) {
        Ok(host) => Box::pin(answer(&core, &host, port, request)).await,
        Err(refused) => {
            tracing::debug!(%refused, "a request did not get to the drives on loopback");
            let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::FORBIDDEN);
            body::status(status, &format!("{refused}\n"))
        }
    };
    for (name, value) in gate::response_headers(Answer::File) {
        front::set(&mut response, HeaderName::from_static(name), value);
    }
    response
}

/// Lets a request in and tells under which host and port it came.
fn admit<B>(request: &Request<B>) -> Result<String, gate::Refused> {
    let way = Way { surface: Surface::Dav, from_loopback: true, tls: false };
    let own = Own { addresses: &[Ipv4Addr::LOCALHOST.into()], names: &["localhost"] };
    ask_gate::admit(request, way, &own)
}

async fn answer(core: &Arc<Core>, host: &str, port: u16, request: Request<Incoming>) -> Response<Body> {
    let nothing = || body::status(StatusCode::NOT_FOUND, "there is nothing here\n");
    let rest = request.uri().path().strip_prefix(DRIVES).unwrap_or_default();
    let (secret, below) = rest.split_once('/').unwrap_or((rest, ""));
    let Some(offered) = core.gateway.drive_by_secret(secret) else { return nothing() };
    if !may_enter(core, &offered, request.headers()) {
        return login::challenge();
    }
    let (segment, inside) = match below.find('/') {
        Some(at) => below.split_at(at),
        None => (below, ""),
    };
    if segment.is_empty() {
        // Explorer asks above a folder before it goes on to it.
        return if request.method() == Method::OPTIONS { dav::options_above() } else { nothing() };
    }
    if !path::decode(segment).is_ok_and(|name| name == offered.name) {
        return nothing();
    }
    let base = format!("{DRIVES}{STAND_IN}/{segment}");
    let target = format!("/v1/drives/{}/dav{inside}", path::encode(&offered.share.0));
    let renaming = [offered.secret.as_bytes(), STAND_IN.as_bytes()];
    let Some(asked) = outgoing(request, &target, &base, host, renaming) else {
        return body::status(StatusCode::BAD_REQUEST, "the request cannot be passed on\n");
    };
    let method = asked.method().clone();
    let long = matches!(method.as_str(), "PUT" | "COPY" | "MOVE" | "DELETE");
    match core.peers.request(offered.node, asked, if long { LONG } else { SOON }).await {
        Ok(answered) => incoming(&method, answered, renaming),
        Err(error) => {
            tracing::debug!(%error, port, "a drive on loopback is away");
            let mut response =
                body::status(StatusCode::GATEWAY_TIMEOUT, "the other computer does not answer\n");
            front::set(&mut response, header::RETRY_AFTER, "5");
            response
        }
    }
}

/// Whether a program brings what it needs besides the address.
fn may_enter(core: &Core, offered: &Offered, headers: &HeaderMap) -> bool {
    match &core.gateway.logins {
        Some(logins) => logins.admits(&offered.secret, headers),
        None => !login::NEEDED,
    }
}

/// The request as the owner's node gets it.
fn outgoing(
    request: Request<Incoming>,
    target: &str,
    base: &str,
    host: &str,
    [secret, stand_in]: [&[u8]; 2],
) -> Option<Request<Body>> {
    let (head, body) = request.into_parts();
    let mut asked = Request::builder().method(head.method).uri(target).body(pass(body)).ok()?;
    for name in ASKED {
        for value in head.headers.get_all(name) {
            let value = rename(value.as_bytes(), secret, stand_in);
            asked.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_bytes(&value).ok()?);
        }
    }
    // Nobody else's program is named to the owner's node.
    let agent = head.headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    if agent.starts_with(MACOS.as_bytes()) {
        asked.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(MACOS));
    }
    asked.headers_mut().insert(BASE, HeaderValue::from_str(base).ok()?);
    asked.headers_mut().insert(HOST, HeaderValue::from_str(host).ok()?);
    Some(asked)
}

/// The answer as the program gets it.
fn incoming(
    method: &Method,
    answered: Response<lanyard_link::Incoming>,
    [secret, stand_in]: [&[u8]; 2],
) -> Response<Body> {
    let (head, body) = answered.into_parts();
    let mut headers = HeaderMap::new();
    for name in ANSWERED {
        for value in head.headers.get_all(name) {
            if let Ok(value) = HeaderValue::from_bytes(&rename(value.as_bytes(), stand_in, secret)) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
    }
    // A file is passed on as it is; what holds addresses are answers of WebDAV itself.
    let is_file = matches!(*method, Method::GET | Method::HEAD);
    let body = if is_file { pass(body) } else { Renamed::new(body, stand_in, secret).boxed() };
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = headers;
    response
}

fn pass<B>(body: B) -> Body
where
    B: hyper::body::Body<Data = Bytes> + Send + Sync + 'static,
    B::Error: Into<BodyError>,
{
    body.map_err(Into::into).boxed()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_and_what_stands_for_it_have_the_same_length() {
        assert_eq!(random_secret().unwrap().len(), STAND_IN.len());
        assert_eq!(path::encode(STAND_IN), STAND_IN, "it is written in addresses as it is");
    }

    #[test]
    fn no_page_of_the_web_gets_in_and_no_other_name_leads_here() {
        let asked = |method: &str, headers: &[(&str, &str)]| {
            let mut request = Request::builder().method(method).uri("/dav/x/y");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            admit(&request.body(()).unwrap()).map_err(gate::Refused::status)
        };
        let host = ("host", "127.0.0.1:40123");
        assert_eq!(asked("PROPFIND", &[host]).as_deref(), Ok("127.0.0.1:40123"));
        assert_eq!(asked("PUT", &[("host", "localhost:40123")]).as_deref(), Ok("localhost:40123"));
        assert_eq!(asked("GET", &[("host", "evil.example:40123")]), Err(421), "DNS rebinding");
        assert_eq!(asked("PUT", &[host, ("origin", "http://evil.example")]), Err(403));
        assert_eq!(asked("GET", &[host, ("sec-fetch-site", "cross-site")]), Err(403));
        assert_eq!(asked("POST", &[host]), Err(403), "a form");
        assert_eq!(asked("GET", &[]), Err(400), "no host");
    }
}
