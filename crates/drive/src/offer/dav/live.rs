//! The properties that the server itself answers for (RFC 4918 §15, RFC 4331), and answers with several of them.

use super::{
    super::confine::Facts,
    body::Find,
    locks::Lock,
    properties::Dead,
    xml::{self, DAV, Name},
};
use crate::wire::Kind;
use jiff::{Timestamp, fmt::rfc2822};
use std::{fmt::Write as _, time::Instant};

/// What Explorer calls the time of the last change.
pub(super) const WIN32: &str = "urn:schemas-microsoft-com:";
/// What others call the execute bit.
pub(super) const APACHE: &str = "http://apache.org/dav/props/";

/// A property we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Live {
    DisplayName,
    Length,
    Etag,
    Modified,
    Kind,
    Locks,
    CanLock,
    Free,
    Used,
    Executable,
    WindowsModified,
}

const ALL: [(&str, &str, Live); 11] = [
    (DAV, "displayname", Live::DisplayName),
    (DAV, "getcontentlength", Live::Length),
    (DAV, "getetag", Live::Etag),
    (DAV, "getlastmodified", Live::Modified),
    (DAV, "resourcetype", Live::Kind),
    (DAV, "lockdiscovery", Live::Locks),
    (DAV, "supportedlock", Live::CanLock),
    (DAV, "quota-available-bytes", Live::Free),
    (DAV, "quota-used-bytes", Live::Used),
    (APACHE, "executable", Live::Executable),
    (WIN32, "Win32LastModifiedTime", Live::WindowsModified),
];

impl Live {
    pub(super) fn of(name: &Name) -> Option<Self> {
        let found = ALL.iter().find(|(space, local, _)| name.space == *space && name.local == *local);
        found.map(|(_, _, live)| *live)
    }

    /// Whether it comes when all are asked for (RFC 4331 §2: quotas do not).
    fn is_usual(self) -> bool {
        !matches!(self, Self::Free | Self::Used | Self::WindowsModified)
    }
}

/// One file or folder, as far as it is told of.
pub(super) struct Resource<'a> {
    pub(super) href: &'a str,
    pub(super) name: &'a str,
    pub(super) facts: &'a Facts,
    pub(super) writable: bool,
    pub(super) locks: &'a [Lock],
    pub(super) dead: &'a [Dead],
    /// Free and total bytes of the disk; of folders only.
    pub(super) space: Option<(u64, u64)>,
    pub(super) now: Instant,
}

/// What was asked for, with the names looked up once.
pub(super) enum Wanted {
    All(Vec<(Name, Option<Live>)>),
    Names,
    These(Vec<(Name, Option<Live>)>),
}

impl Wanted {
    pub(super) fn new(find: Find) -> Self {
        let known = |names: Vec<Name>| -> Vec<(Name, Option<Live>)> {
            let with_live = |name| {
                let live = Live::of(&name);
                (name, live)
            };
            names.into_iter().map(with_live).collect()
        };
        match find {
            Find::All(more) => Self::All(known(more)),
            Find::Names => Self::Names,
            Find::These(names) => Self::These(known(names)),
        }
    }

    /// Whether the disk must be asked for its room.
    pub(super) fn wants_space(&self) -> bool {
        let is_space = |(_, live): &(Name, Option<Live>)| matches!(live, Some(Live::Free | Live::Used));
        match self {
            Self::All(more) => more.iter().any(is_space),
            Self::Names => true,
            Self::These(names) => names.iter().any(is_space),
        }
    }

    /// Whether it must be looked up who has locks.
    pub(super) fn wants_locks(&self) -> bool {
        match self {
            Self::All(_) => true,
            Self::Names => false,
            Self::These(names) => names.iter().any(|(_, live)| *live == Some(Live::Locks)),
        }
    }
}

/// How a body with several answers begins.
pub(super) const BEGIN: &str =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\">\n";
/// How it ends.
pub(super) const END: &str = "</D:multistatus>\n";

/// Writes what is told of one file or folder.
pub(super) fn respond(out: &mut String, wanted: &Wanted, resource: &Resource<'_>) {
    out.push_str("<D:response><D:href>");
    xml::escape(out, resource.href);
    out.push_str("</D:href><D:propstat><D:prop>");
    let mut missing: Vec<&Name> = Vec::new();
    match wanted {
        Wanted::All(more) => {
            for (_, _, live) in ALL.iter().filter(|(_, _, live)| live.is_usual()) {
                live.write(out, resource);
            }
            for dead in resource.dead {
                out.push_str(&dead.value);
            }
            for (_, live) in more {
                if let Some(live) = live.filter(|live| !live.is_usual()) {
                    live.write(out, resource);
                }
            }
        }
        Wanted::Names => {
            for (space, local, live) in ALL {
                if live.write(&mut String::new(), resource) {
                    xml::write_empty(out, &Name::new(space, local));
                }
            }
            for dead in resource.dead {
                xml::write_empty(out, &dead.name);
            }
        }
        Wanted::These(names) => {
            for (name, live) in names {
                let found = match live {
                    Some(live) => live.write(out, resource),
                    None => match resource.dead.iter().find(|dead| dead.name == *name) {
                        Some(dead) => {
                            out.push_str(&dead.value);
                            true
                        }
                        None => false,
                    },
                };
                if !found {
                    missing.push(name);
                }
            }
        }
    }
    out.push_str("</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>");
    if !missing.is_empty() {
        out.push_str("<D:propstat><D:prop>");
        for name in missing {
            xml::write_empty(out, name);
        }
        out.push_str("</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>");
    }
    out.push_str("</D:response>\n");
}

impl Live {
    /// False when the resource does not have it.
    fn write(self, out: &mut String, of: &Resource<'_>) -> bool {
        let is_file = of.facts.kind == Kind::File;
        let written = match self {
            Self::DisplayName => {
                out.push_str("<D:displayname>");
                xml::escape(out, of.name);
                out.push_str("</D:displayname>");
                Ok(())
            }
            Self::Length if is_file => {
                write!(out, "<D:getcontentlength>{}</D:getcontentlength>", of.facts.size)
            }
            Self::Etag if is_file => {
                let etag = of.facts.etag();
                write!(out, "<D:getetag>&quot;{}&quot;</D:getetag>", etag.trim_matches('"'))
            }
            Self::Modified => match of.facts.modified.and_then(http_date) {
                Some(date) => write!(out, "<D:getlastmodified>{date}</D:getlastmodified>"),
                None => return false,
            },
            Self::WindowsModified => match of.facts.modified.and_then(http_date) {
                Some(date) => {
                    let name = "Win32LastModifiedTime";
                    write!(out, "<{name} xmlns=\"{WIN32}\">{date}</{name}>")
                }
                None => return false,
            },
            Self::Kind if is_file => {
                out.push_str("<D:resourcetype/>");
                Ok(())
            }
            Self::Kind => {
                out.push_str("<D:resourcetype><D:collection/></D:resourcetype>");
                Ok(())
            }
            Self::Locks => {
                locks(out, of.locks, of.now);
                Ok(())
            }
            Self::CanLock if of.writable => {
                out.push_str(CAN_LOCK);
                Ok(())
            }
            Self::CanLock => {
                out.push_str("<D:supportedlock/>");
                Ok(())
            }
            Self::Free => match of.space.filter(|_| !is_file) {
                Some((free, _)) => {
                    write!(out, "<D:quota-available-bytes>{free}</D:quota-available-bytes>")
                }
                None => return false,
            },
            Self::Used => match of.space.filter(|_| !is_file) {
                Some((free, total)) => {
                    let used = total.saturating_sub(free);
                    write!(out, "<D:quota-used-bytes>{used}</D:quota-used-bytes>")
                }
                None => return false,
            },
            Self::Executable if is_file => {
                let flag = if of.facts.executable { 'T' } else { 'F' };
                write!(out, "<executable xmlns=\"{APACHE}\">{flag}</executable>")
            }
            Self::Length | Self::Etag | Self::Executable => return false,
        };
        written.is_ok()
    }
}

const CAN_LOCK: &str = "<D:supportedlock>\
    <D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>\
    <D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>\
    </D:supportedlock>";

/// `lockdiscovery` (RFC 4918 §15.8).
pub(super) fn locks(out: &mut String, locks: &[Lock], now: Instant) {
    out.push_str("<D:lockdiscovery>");
    for lock in locks {
        let scope = if lock.exclusive { "exclusive" } else { "shared" };
        let depth = if lock.deep { "infinity" } else { "0" };
        let left = lock.left(now).as_secs();
        let token = &lock.token;
        let _ = write!(
            out,
            "<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:{scope}/></D:lockscope>\
             <D:depth>{depth}</D:depth>"
        ); // writing to a string does not fail
        if let Some(owner) = &lock.owner {
            out.push_str(owner);
        }
        let _ = write!(
            out,
            "<D:timeout>Second-{left}</D:timeout><D:locktoken><D:href>{token}</D:href></D:locktoken>\
             <D:lockroot><D:href>"
        ); // writing to a string does not fail
        xml::escape(out, &lock.root);
        out.push_str("</D:href></D:lockroot></D:activelock>");
    }
    out.push_str("</D:lockdiscovery>");
}

/// RFC 9110 §5.6.7, from nanoseconds since the Unix epoch.
pub(super) fn http_date(nanos: i64) -> Option<String> {
    let time = Timestamp::from_nanosecond(i128::from(nanos)).ok()?;
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()
}

/// Nanoseconds since the Unix epoch.
pub(super) fn from_http_date(text: &str) -> Option<i64> {
    let time = rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text.trim()).ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_as_http_has_them() {
        let nanos = 1_445_412_480_123_456_789;
        assert_eq!(http_date(nanos).unwrap(), "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(from_http_date("Wed, 21 Oct 2015 07:28:00 GMT"), Some(1_445_412_480_000_000_000));
        assert_eq!(http_date(-1).unwrap(), "Wed, 31 Dec 1969 23:59:59 GMT");
        for wrong in ["", "yesterday", "Wed, 99 Oct 2015 07:28:00 GMT"] {
            assert_eq!(from_http_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_name_we_know_is_known_once() {
        for (space, local, live) in ALL {
            assert_eq!(Live::of(&Name::new(space, local)), Some(live));
        }
        assert_eq!(Live::of(&Name::new("", "getetag")), None);
    }
}
