//! One request: what it is about, and what must hold before anything is changed for it.

use super::{
    super::{
        Folder, Refused, Visit,
        confine::{self, Facts},
    },
    BODY_DEADLINE, Dav, Mounted,
    conditions::{Conditions, Truth},
    failure::Failure,
    live,
    locks::Spot,
    xml::{self, XmlError},
};
use crate::{
    path::{self, PathError, SharePath},
    wire::{Code, Kind},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode, header, request::Parts};
use lanyard_link::{Incoming, body::ReadError};
use lanyard_trust::NodeId;
use std::{path::Path, sync::Arc, time::Instant};

/// One request of somebody who may at least look.
pub(super) struct Call {
    pub(super) dav: Arc<Dav>,
    pub(super) visit: Visit,
    pub(super) mounted: Mounted,
    pub(super) target: Target,
    pub(super) head: Parts,
    conditions: Option<Conditions>,
}

/// What an address is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) path: SharePath,
    /// The address ends with a slash: a folder is meant.
    pub(super) folder_meant: bool,
}

/// What is there, and what whoever changes it may rely on.
pub(super) struct There {
    pub(super) facts: Option<Facts>,
    /// The entity tag that the client's conditions were about: nothing else may be changed or replaced.
    pub(super) etag: Option<String>,
}

impl Target {
    /// From the path of an address below `base`. None when it is not below it.
    pub(super) fn parse(raw: &str, base: &str) -> Result<Option<Self>, Failure> {
        let Some(rest) = raw.strip_prefix(base) else { return Ok(None) };
        if rest.is_empty() {
            return Ok(Some(Self { path: SharePath::top(), folder_meant: true }));
        }
        let Some(rest) = rest.strip_prefix('/') else { return Ok(None) };
        let (rest, folder_meant) = match rest.strip_suffix('/') {
            Some("") => return Err(PathError::Empty.into()),
            Some(rest) => (rest, true),
            None => (rest, rest.is_empty()),
        };
        Ok(Some(Self { path: SharePath::parse_encoded(rest)?, folder_meant }))
    }

    /// Files in which desktops note things for themselves, and ask for in every folder.
    pub(super) fn is_noise(&self) -> bool {
        self.path.names().iter().any(|name| is_noise(name))
    }
}

/// See [`Target::is_noise`].
pub(super) fn is_noise(name: &str) -> bool {
    name.starts_with("._")
        || [".DS_Store", "desktop.ini", "Thumbs.db"].iter().any(|noise| name.eq_ignore_ascii_case(noise))
}

impl Call {
    pub(super) fn new(dav: Arc<Dav>, visit: Visit, mounted: Mounted, head: Parts) -> Result<Self, Failure> {
        let target = Target::parse(head.uri.path(), &mounted.base)?.ok_or_else(Failure::not_found)?;
        let conditions = match header(&head.headers, &HeaderName::from_static("if"))? {
            Some(text) => Some(Conditions::parse(text).map_err(|error| Failure::bad(error.to_string()))?),
            None => None,
        };
        Ok(Self { dav, visit, mounted, target, head, conditions })
    }

    /// A header that may come once.
    pub(super) fn header(&self, name: HeaderName) -> Result<Option<&str>, Failure> {
        header(&self.head.headers, &name)
    }

    /// `Depth` (RFC 4918 §10.2); None when it is not said.
    pub(super) fn depth(&self) -> Result<Option<Depth>, Failure> {
        match self.header(HeaderName::from_static("depth"))?.map(str::trim) {
            None => Ok(None),
            Some("0") => Ok(Some(Depth::Zero)),
            Some("1") => Ok(Some(Depth::One)),
            Some(text) if text.eq_ignore_ascii_case("infinity") => Ok(Some(Depth::Infinity)),
            Some(_) => Err(Failure::bad("no such depth")),
        }
    }

    /// `Destination` (RFC 4918 §10.3): somewhere in the same share.
    pub(super) fn destination(&self) -> Result<Target, Failure> {
        let text = self.header(HeaderName::from_static("destination"))?;
        let text = text.ok_or_else(|| Failure::bad("it is not said where to"))?;
        let elsewhere = || Failure::new(StatusCode::BAD_GATEWAY, "not within this share");
        self.address(text)?.ok_or_else(elsewhere)
    }

    /// An address in a header: whole, or a path alone. None when it is not in this share.
    fn address(&self, text: &str) -> Result<Option<Target>, Failure> {
        let text = text.trim();
        let path = match path_of(text, &self.mounted.authority) {
            Some(path) => path,
            None => return Ok(None),
        };
        Target::parse(path, &self.mounted.base)
    }

    /// The tokens of locks that the client says it has.
    pub(super) fn tokens(&self) -> Vec<&str> {
        self.conditions.iter().flat_map(Conditions::tokens).collect()
    }

    pub(super) fn who(&self) -> NodeId {
        self.visit.subject.id()
    }

    pub(super) fn spot(&self, path: &SharePath) -> Spot {
        Spot { share: self.mounted.share.0.clone(), names: path.names().to_vec() }
    }

    /// How a path is told to clients.
    pub(super) fn href(&self, path: &SharePath, folder: bool) -> String {
        let slash = if folder && !path.is_top() { "/" } else { "" };
        format!("{}/{}{slash}", self.mounted.base, path.encoded())
    }

    /// Looks what is there and whether the client's conditions hold. Blocks on the disk.
    pub(super) fn there(&self, folder: &Folder) -> Result<There, Failure> {
        let facts = look(&folder.root, &self.target.path)?;
        let of_file = facts.as_ref().filter(|facts| facts.kind == Kind::File).map(Facts::etag);
        if let Some(conditions) = &self.conditions {
            let truth = |about: Option<&str>| self.truth(&folder.root, about);
            if !conditions.hold(truth)? {
                return Err(Failure::precondition());
            }
        }
        let is_bound = self.check_http(facts.as_ref(), of_file.as_deref())? || self.conditions.is_some();
        Ok(There { facts, etag: of_file.filter(|_| is_bound) })
    }

    /// What is true of an address in the `If` header. Of what is elsewhere nothing is.
    fn truth(&self, root: &Path, about: Option<&str>) -> Result<Truth, Failure> {
        let target = match about.map(|address| self.address(address)) {
            None => self.target.clone(),
            Some(Ok(Some(target))) => target,
            Some(_) => return Ok(Truth::default()),
        };
        let facts = look(root, &target.path)?;
        let on = self.dav.locks().on(&self.spot(&target.path), Instant::now());
        Ok(Truth {
            etag: facts.filter(|facts| facts.kind == Kind::File).map(|facts| facts.etag()),
            tokens: on.into_iter().map(|lock| lock.token).collect(),
        })
    }

    /// `If-Match`, `If-None-Match` and `If-Unmodified-Since` for what changes something (RFC 9110 §13.2.2). Whether any
    /// of them was about what is there.
    fn check_http(&self, facts: Option<&Facts>, etag: Option<&str>) -> Result<bool, Failure> {
        let headers = &self.head.headers;
        let mut is_bound = false;
        if headers.contains_key(header::IF_MATCH) {
            let is_so = facts.is_some() && tags(headers, &header::IF_MATCH).any(|tag| is_strong(tag, etag));
            if !is_so {
                return Err(Failure::precondition());
            }
            is_bound = true;
        } else if let Some(date) = self.header(header::IF_UNMODIFIED_SINCE)?.and_then(live::from_http_date) {
            if facts
                .and_then(|facts| facts.modified)
                .is_some_and(|modified| seconds(modified) > seconds(date))
            {
                return Err(Failure::precondition());
            }
            is_bound = true;
        }
        let is_named = |tag: &str| match tag {
            "*" => facts.is_some(),
            tag => etag.is_some_and(|etag| tag.trim_start_matches("W/") == etag),
        };
        if tags(headers, &header::IF_NONE_MATCH).any(is_named) {
            return Err(Failure::precondition());
        }
        Ok(is_bound)
    }

    /// Whether nobody's lock is in the way of changing this; with `deep` with all that is below.
    pub(super) fn may_change(&self, path: &SharePath, deep: bool) -> Result<(), Failure> {
        let (spot, tokens, who) = (self.spot(path), self.tokens(), self.who());
        let may = self.dav.locks().may_change(&spot, deep, &tokens, &who, Instant::now());
        may.map_err(|spot| self.locked("lock-token-submitted", &spot))
    }

    /// The same for adding to or taking from the folder that something is in (RFC 4918 §7.4).
    pub(super) fn may_change_parent(&self, path: &SharePath) -> Result<(), Failure> {
        match parent(path) {
            Some(parent) => self.may_change(&parent, false),
            None => Ok(()),
        }
    }

    /// A lock is in the way.
    pub(super) fn locked(&self, condition: &str, spot: &Spot) -> Failure {
        let mut href = format!("<D:href>{}/", self.mounted.base);
        xml::escape(&mut href, &path::encode(&spot.names.join("/")));
        href.push_str("</D:href>");
        Failure::because(StatusCode::LOCKED, condition, &href)
    }
}

/// How far down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Zero,
    One,
    Infinity,
}

/// The folder that something is in; None for the top.
pub(super) fn parent(path: &SharePath) -> Option<SharePath> {
    let (folder, _) = path.split_last()?;
    SharePath::parse(&folder.join("/")).ok()
}

/// What is there; None when nothing is. The folders above must be there.
pub(super) fn look(root: &Path, path: &SharePath) -> Result<Option<Facts>, Failure> {
    found(confine::look(root, path))
}

/// The same of what was looked for already.
pub(super) fn found(looked: Result<Facts, Refused>) -> Result<Option<Facts>, Failure> {
    match looked {
        Ok(facts) => Ok(Some(facts)),
        Err(refused) if is_absent(&refused) => Ok(None),
        Err(refused) => Err(refused.into()),
    }
}

fn is_absent(refused: &Refused) -> bool {
    matches!(refused.code, Code::NotFound | Code::WrongKind)
}

/// That the folder is there in which something is to be made; 409 if not (RFC 4918 §9.3.1, §9.7.1, §9.8.5).
pub(super) fn need_parent(root: &Path, path: &SharePath) -> Result<(), Failure> {
    let Some((folder, _)) = path.split_last() else { return Ok(()) };
    match confine::open_dir(root, folder) {
        Ok(_) => Ok(()),
        Err(refused) if is_absent(&refused) => {
            Err(Failure::new(StatusCode::CONFLICT, "the folder it is to be in is not there"))
        }
        Err(refused) => Err(refused.into()),
    }
}

/// A body that says what is wanted. Never more than a small document.
pub(super) async fn small_body(body: Incoming) -> Result<Bytes, Failure> {
    lanyard_link::body::read(body, xml::MOST_BYTES, BODY_DEADLINE).await.map_err(|error| match error {
        ReadError::TooLarge { .. } => Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long"),
        ReadError::Timeout => Failure::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
        error => Failure::bad(error.to_string()),
    })
}

impl From<XmlError> for Failure {
    fn from(error: XmlError) -> Self {
        match error {
            XmlError::Malformed => Self::bad(error.to_string()),
            XmlError::Entities => Self::because(StatusCode::BAD_REQUEST, "no-external-entities", ""),
            XmlError::TooMuch => Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Failure> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Failure::bad("a header comes twice"));
    }
    value.to_str().map(Some).map_err(|_| Failure::bad("a header is not text"))
}

/// The path in an address of ours, with or without scheme and host (RFC 4918 §8.3).
pub(super) fn path_of<'a>(text: &'a str, authority: &str) -> Option<&'a str> {
    if text.starts_with('/') {
        return (!text.starts_with("//")).then_some(text);
    }
    let (scheme, rest) = text.split_once("://")?;
    let is_http = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    (is_http && host.eq_ignore_ascii_case(authority)).then_some(if path.is_empty() { "/" } else { path })
}

/// The entity tags of a header.
pub(super) fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let texts = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    // Ours hold no comma, so one that does is not ours.
    texts.flat_map(|text| text.split(',')).map(str::trim)
}

/// Whether a tag of `If-Match` names it.
pub(super) fn is_strong(tag: &str, etag: Option<&str>) -> bool {
    tag == "*" || etag == Some(tag)
}

/// A time as HTTP has it, which knows no parts of a second.
pub(super) fn seconds(nanos: i64) -> i64 {
    nanos.div_euclid(1_000_000_000)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_into_the_share_or_nowhere() {
        let parse = |raw| Target::parse(raw, "/dav/x");
        let target = |path: &str, folder_meant| {
            Ok(Some(Target { path: SharePath::parse(path).unwrap(), folder_meant }))
        };
        for (raw, expected) in [
            ("/dav/x", target("", true)),
            ("/dav/x/", target("", true)),
            ("/dav/x/a%20b", target("a b", false)),
            ("/dav/x/a/b/", target("a/b", true)),
            ("/dav/xy", Ok(None)),
            ("/dav/y/a", Ok(None)),
            ("/DAV/x/a", Ok(None)),
            ("", Ok(None)),
        ] {
            assert_eq!(parse(raw), expected, "{raw}");
        }
        for raw in [
            "/dav/x//",
            "/dav/x//a",
            "/dav/x/a//b",
            "/dav/x/../y",
            "/dav/x/%2e%2e/y",
            "/dav/x/a/..%2f..%2fy",
            "/dav/x/.%2e",
            "/dav/x/%00",
            "/dav/x/%ff",
            "/dav/x/%",
        ] {
            assert_eq!(parse(raw).unwrap_err().status, StatusCode::BAD_REQUEST, "{raw}");
        }
        assert_eq!(parse("/dav/x/.a.1.lanyard-part").unwrap_err().status, StatusCode::FORBIDDEN);
    }

    #[test]
    fn an_address_with_a_host_is_ours_or_nobodys() {
        let path = |text| path_of(text, "10.0.0.1:8443");
        assert_eq!(path("https://10.0.0.1:8443/dav/x"), Some("/dav/x"));
        assert_eq!(path("HTTPS://10.0.0.1:8443"), Some("/"));
        assert_eq!(path("/dav/x"), Some("/dav/x"));
        for elsewhere in [
            "https://10.0.0.2:8443/dav/x",
            "https://10.0.0.1/dav/x",
            "https://user@10.0.0.1:8443/dav/x",
            "ftp://10.0.0.1:8443/dav/x",
            "//10.0.0.1:8443/dav/x",
            "dav/x",
            "",
        ] {
            assert_eq!(path(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn the_notes_of_desktops_are_known() {
        for name in ["._letter.txt", ".DS_Store", ".ds_store", "Desktop.ini", "THUMBS.DB"] {
            assert!(is_noise(name), "{name}");
        }
        for name in [".profile", "DS_Store", "desktop.ini.txt", "_x", "."] {
            assert!(!is_noise(name), "{name}");
        }
    }
}
