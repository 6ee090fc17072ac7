//! The gate in front of every HTTP route: may this request reach the application at all?
//!
//! Asked before anyone is authenticated and before the body is read. It stops what a web page elsewhere can make a
//! browser on this network do: reach us under a name of its own (DNS rebinding), send us forms and print jobs
//! (cross-site requests), read our answers. Who may do what is decided behind it, by [`crate::policy`].
//!
//! No header that lets another origin in (`Access-Control-Allow-*`) is ever sent, so whatever a browser must ask for
//! first (a preflight) it does not get.

mod answer;
mod host;

pub use answer::{Answer, response_headers};

use host::{is_own, name_of};
use std::net::IpAddr;

/// What is behind the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// Printing (RFC 8010). No browser has any business here.
    Ipp,
    /// Folders (RFC 4918). A browser may look, but not write.
    Dav,
    /// Pages for guests without the app.
    Guest,
    /// The page that rules this node; from this computer only.
    Control,
}

/// A request, as far as the gate looks at it. Of every header all values are given, one each time it occurs; what is
/// not ASCII is given as the empty text.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Where it came in.
    pub surface: Surface,
    /// `GET`, `POST`, …, in capitals as it came.
    pub method: &'a str,
    /// The authority, if the request line has a whole address in it (RFC 9112 §3.2.2).
    pub authority: Option<&'a str>,
    /// `Host`
    pub host: &'a [&'a str],
    /// `Origin`
    pub origin: &'a [&'a str],
    /// `Sec-Fetch-Site`
    pub fetch_site: &'a [&'a str],
    /// `Content-Type`
    pub content_type: &'a [&'a str],
    /// The connection comes from this computer.
    pub from_loopback: bool,
    /// The connection is encrypted.
    pub tls: bool,
}

/// What this node answers to.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// Its addresses on the interface where the request came in.
    pub addresses: &'a [IpAddr],
    /// Its own names, such as `lanyard-7f3a.local`. No patterns: another computer may be called anything.
    pub names: &'a [&'a str],
}

/// Why a request does not get in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A header is missing, repeated or malformed.
    #[error("the request is malformed")]
    BadRequest,
    /// From where or from whom it comes, this is not done.
    #[error("not from here")]
    Forbidden,
    /// The content is of a kind that is not taken here.
    #[error("content of this kind is not taken")]
    Unsupported,
    /// It is for somebody else (RFC 9110 §15.5.20).
    #[error("this is not the server that was asked for")]
    Misdirected,
}

impl Refused {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Forbidden => 403,
            Self::Unsupported => 415,
            Self::Misdirected => 421,
        }
    }
}

/// Lets a request in or says why not.
///
/// # Errors
/// [`Refused`]
pub fn admit(request: &Asked<'_>, own: &Own<'_>) -> Result<(), Refused> {
    let host = single(request.host)?.ok_or(Refused::BadRequest)?;
    let origin = single(request.origin)?;
    let site = single(request.fetch_site)?;
    let content = single(request.content_type)?.map(essence);
    if request.authority.is_some_and(|authority| !authority.eq_ignore_ascii_case(host)) {
        return Err(Refused::BadRequest);
    }
    if !is_own(&name_of(host).ok_or(Refused::BadRequest)?, own, request.from_loopback) {
        return Err(Refused::Misdirected);
    }
    if request.surface == Surface::Control && !request.from_loopback {
        return Err(Refused::Forbidden);
    }
    let same_origin = origin.map(|origin| is_same_origin(origin, host, request.tls));
    if same_origin == Some(false) || !matches!(site, None | Some("same-origin" | "none")) {
        return Err(Refused::Forbidden);
    }
    match request.surface {
        Surface::Ipp => ipp(request.method, origin.or(site), content.as_deref()),
        Surface::Dav => dav(request.method, origin),
        Surface::Guest | Surface::Control => {
            page(request, same_origin == Some(true), site, content.as_deref())
        }
    }
}

/// How a browser comes to a page, by its own words. Of each header all values are given, as in [`Asked`].
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// `Sec-Fetch-Mode`
    pub mode: &'a [&'a str],
    /// `Sec-Fetch-Dest`
    pub dest: &'a [&'a str],
}

/// The same as [`admit`] for the one page that a link on another site may lead to: a person clicks on the link of a pass
/// in a letter on the web. The page must look the same to everybody, whatever cookie comes along, and do nothing; what is
/// done from it comes from our own origin then. Only a whole window may come here that way (Fetch Metadata §2): no
/// frame, no picture, no script, no form.
///
/// # Errors
/// [`Refused`]
pub fn admit_entry(request: &Asked<'_>, arrival: &Arrival<'_>, own: &Own<'_>) -> Result<(), Refused> {
    let arrives = request.surface == Surface::Guest
        && request.method == "GET"
        && matches!(single(request.fetch_site)?, Some("cross-site" | "same-site"))
        && single(arrival.mode)? == Some("navigate")
        && single(arrival.dest)? == Some("document");
    match arrives {
        true => admit(&Asked { fetch_site: &[], ..*request }, own),
        false => admit(request, own),
    }
}

/// Printing clients send neither `Origin` nor `Sec-Fetch-Site`; a browser cannot leave both away and cannot send
/// `application/ipp` elsewhere unasked.
fn ipp(method: &str, browser: Option<&str>, content: Option<&str>) -> Result<(), Refused> {
    match (method, content) {
        _ if browser.is_some() => Err(Refused::Forbidden),
        ("POST", Some("application/ipp")) | ("GET" | "HEAD", _) => Ok(()),
        ("POST", _) => Err(Refused::Unsupported),
        _ => Err(Refused::Forbidden),
    }
}

/// WebDAV needs no POST, the one writing method that a page elsewhere can send without asking. A browser sends `Origin`
/// with everything that writes.
fn dav(method: &str, origin: Option<&str>) -> Result<(), Refused> {
    if method == "POST" || origin.is_some() { Err(Refused::Forbidden) } else { Ok(()) }
}

fn page(
    request: &Asked<'_>,
    same_origin: bool,
    site: Option<&str>,
    content: Option<&str>,
) -> Result<(), Refused> {
    if matches!(request.method, "GET" | "HEAD" | "OPTIONS") {
        return Ok(());
    }
    match content {
        // A page elsewhere cannot send these without asking first, and is not answered when it asks.
        Some("application/json" | "application/octet-stream") if same_origin => Ok(()),
        // A guest's browser may have no JavaScript; then there are forms, which any page can send here. Only ours says
        // so in `Origin`.
        Some("multipart/form-data" | "application/x-www-form-urlencoded")
            if request.surface == Surface::Guest && request.method == "POST" =>
        {
            let ours = same_origin && matches!(site, None | Some("same-origin"));
            if ours { Ok(()) } else { Err(Refused::Forbidden) }
        }
        Some("application/json" | "application/octet-stream") => Err(Refused::Forbidden),
        _ => Err(Refused::Unsupported),
    }
}

/// The value of a header that may come once.
fn single<'a>(values: &[&'a str]) -> Result<Option<&'a str>, Refused> {
    match values {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        _ => Err(Refused::BadRequest),
    }
}

/// A media type without its parameters.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Browsers write both headers from one address, so the text must be the same. `null` and lists are never ours.
fn is_same_origin(origin: &str, host: &str, tls: bool) -> bool {
    let scheme = if tls { "https" } else { "http" };
    origin
        .split_once("://")
        .is_some_and(|(before, after)| before == scheme && after.eq_ignore_ascii_case(host))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
