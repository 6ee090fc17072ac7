//! The door for file managers and other programs that are not Lanyard: WebDAV, over TLS alone.
//!
//! `/dav/<share>/` is a shared folder, under its id or its name; `/dav/` lists those that whoever asks may look into. A
//! request passes the gate in front of all HTTP (`lanyard_trust::gate`) first. Then it comes either with the secret of
//! a pass, as the password of Basic authentication (RFC 7617): that is a guest; or with nothing: that is somebody on
//! the owner's network who proves nothing. What either may do is decided by the gate of the shares. Without encryption
//! nothing is answered here, because a password would be asked for.

use crate::{
    Core,
    doors::{
        ask_gate::{self, Way},
        front,
    },
    drives,
    guests::{self, NotIn},
    web,
};
use data_encoding::BASE64;
use http::{HeaderName, Request, Response, StatusCode, header};
use lanyard_drive::{
    offer::dav::{self, Mounted},
    path,
};
use lanyard_link::{Body, Incoming, Visitor, body};
use lanyard_trust::{
    PlainId, ShareId, Subject, Who,
    gate::{self, Answer, Own, Surface},
};
use std::sync::Arc;

/// Where folders are.
const FOLDERS: &str = "/dav";

/// The path that is announced: the folder of all shared folders.
pub(crate) const TOP: &str = "/dav/";

/// Whether this is the door for a path.
#[must_use]
pub fn is_for(path: &str) -> bool {
    path.strip_prefix(FOLDERS).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers a request over TLS.
pub async fn serve(core: Arc<Core>, visitor: Visitor, request: Request<Incoming>) -> Response<Body> {
    let name = format!("{}.local", web::host_label(&core));
    let mut response = match admit(&request, visitor, &name) {
        Ok(authority) => Box::pin(answer(core, visitor, authority, request)).await,
        Err(refused) => {
            tracing::debug!(from = %visitor.remote, %refused, "a request did not get to the folders");
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
fn admit(request: &Request<Incoming>, visitor: Visitor, name: &str) -> Result<String, gate::Refused> {
    let own = Own { addresses: &[visitor.local.ip().to_canonical()], names: &[name] };
    ask_gate::admit(request, Way::of(&visitor, Surface::Dav), &own)
}

async fn answer(
    core: Arc<Core>,
    visitor: Visitor,
    authority: String,
    request: Request<Incoming>,
) -> Response<Body> {
    let (subject, only) = match caller(&core, visitor, &request).await {
        Ok(caller) => caller,
        Err(NotIn::Wrong) => return who_are_you(),
        Err(NotIn::TooMany) => {
            let mut response = body::status(StatusCode::TOO_MANY_REQUESTS, "too many wrong passwords\n");
            front::set(&mut response, header::RETRY_AFTER, "60");
            return response;
        }
        Err(NotIn::Failed) => return body::status(StatusCode::INTERNAL_SERVER_ERROR, "failed\n"),
    };
    let mine = |share: &ShareId| only.as_ref().is_none_or(|only| only == share);
    // Whoever came with nothing may have something to come with.
    let may_have_more = only.is_none() && core.guests.has_reader();
    let seen: Vec<(ShareId, String)> =
        core.shares.folders_for(&subject).into_iter().filter(|(share, _)| mine(share)).collect();
    let path = request.uri().path();
    let rest = path.strip_prefix(FOLDERS).unwrap_or_default();
    let Some(segment) = rest.strip_prefix('/').filter(|rest| !rest.is_empty()) else {
        if seen.is_empty() && may_have_more {
            return who_are_you();
        }
        let listed: Vec<(String, String)> = seen.into_iter().map(listed).collect();
        return dav::top(&format!("{FOLDERS}/"), &listed, request).await;
    };
    let raw = segment.split('/').next().unwrap_or_default();
    let Some((share, name)) = named(raw, seen) else {
        if may_have_more {
            return who_are_you();
        }
        return body::status(StatusCode::NOT_FOUND, "there is nothing here\n");
    };
    let mounted = Mounted { share, name, base: format!("{FOLDERS}/{raw}"), authority };
    drives::serve_dav(&core, subject, mounted, request).await
}

/// Who asks, and the one share that a guest's pass is for.
async fn caller(
    core: &Arc<Core>,
    visitor: Visitor,
    request: &Request<Incoming>,
) -> Result<(Subject, Option<ShareId>), NotIn> {
    let from = visitor.remote.ip().to_canonical();
    let mut given = request.headers().get_all(header::AUTHORIZATION).iter();
    match (given.next(), given.next()) {
        (None, _) => {
            let plain = Subject { who: Who::Plain(PlainId::of(from)), on_own_network: true };
            Ok((plain, None))
        }
        (Some(value), None) => {
            let (user, password) = value.to_str().ok().and_then(basic).ok_or(NotIn::Wrong)?;
            let guest = guests::enter_by_password(core, &user, &password, from).await?;
            Ok((guest.subject(), Some(guest.share)))
        }
        (Some(_), Some(_)) => Err(NotIn::Wrong),
    }
}

/// RFC 7617 §2.
fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, credentials) = value.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || credentials.len() > 1_024 {
        return None;
    }
    let text = String::from_utf8(BASE64.decode(credentials.trim().as_bytes()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn who_are_you() -> Response<Body> {
    let text = "Give the number of the guest page as the name and its PIN as the password.\n";
    let mut response = body::status(StatusCode::UNAUTHORIZED, text);
    front::set(&mut response, header::WWW_AUTHENTICATE, "Basic realm=\"Lanyard\", charset=\"UTF-8\"");
    response
}

/// How a share is listed: people see the last part of its address.
fn listed((share, name): (ShareId, String)) -> (String, String) {
    // A share's name may hold what no part of a path can.
    let shown = if name.contains('/') || matches!(name.as_str(), "." | "..") { &share.0 } else { &name };
    (format!("{FOLDERS}/{}/", path::encode(shown)), name)
}

/// The path under which a share is found.
pub(crate) fn path_of(share: &ShareId, name: &str) -> String {
    listed((share.clone(), name.to_owned())).0
}

/// The share that a part of an address means: by its id, or by its name.
fn named(raw: &str, shares: Vec<(ShareId, String)>) -> Option<(ShareId, String)> {
    let wanted = path::decode(raw).ok()?;
    let by_id = shares.iter().position(|(share, _)| share.0 == wanted);
    let at = by_id.or_else(|| shares.iter().position(|(_, name)| *name == wanted))?;
    shares.into_iter().nth(at)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn the_door_is_for_its_paths_alone() {
        for path in ["/dav", "/dav/", "/dav/x", "/dav/x/y"] {
            assert!(is_for(path), "{path}");
        }
        for path in ["", "/", "/davx", "/DAV/", "/g/dav", "dav/"] {
            assert!(!is_for(path), "{path}");
        }
    }

    #[test]
    fn a_name_and_a_password_are_read_or_there_is_none() {
        let given = |text: &str| format!("Basic {}", BASE64.encode(text.as_bytes()));
        assert_eq!(basic(&given("42:01234567")), Some(("42".to_owned(), "01234567".to_owned())));
        assert_eq!(basic(&given(":a:b")), Some((String::new(), "a:b".to_owned())));
        for wrong in ["", "Basic", "Basic !!!", "Bearer YTpi", &given("no colon"), &given(&"x:".repeat(600))]
        {
            assert_eq!(basic(wrong), None, "{wrong}");
        }
        assert_eq!(basic("Basic /////w=="), None, "not UTF-8");
    }

    #[test]
    fn a_share_is_found_by_id_before_name() {
        let shares = || {
            vec![(ShareId("a1".to_owned()), "b2".to_owned()), (ShareId("b2".to_owned()), "A & Ö".to_owned())]
        };
        assert_eq!(named("b2", shares()).unwrap().0.0, "b2");
        assert_eq!(named("A%20%26%20%C3%96", shares()).unwrap().0.0, "b2");
        for unknown in ["", "A1", "%ff", "a %26 ö"] {
            assert!(named(unknown, shares()).is_none(), "{unknown}");
        }
        let (href, name) = listed((ShareId("c3".to_owned()), "in/out".to_owned()));
        assert_eq!((href.as_str(), name.as_str()), ("/dav/c3/", "in/out"));
    }
}
