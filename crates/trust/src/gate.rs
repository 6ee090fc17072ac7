//! The gate in front of every HTTP route: may this request reach the application at all?
//!
//! Asked before anyone is authenticated and before the body is read. It stops what a web page elsewhere can make a
//! browser on this network do: reach us under a name of its own (DNS rebinding), send us forms and print jobs
//! (cross-site requests), read our answers. Who may do what is decided behind it, by [`crate::policy`].
//!
//! No header that lets another origin in (`Access-Control-Allow-*`) is ever sent, so whatever a browser must ask for
//! first (a preflight) it does not get.

use std::net::{IpAddr, Ipv6Addr};

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

fn is_own(name: &str, own: &Own<'_>, from_loopback: bool) -> bool {
    if let Ok(address) = name.parse::<IpAddr>() {
        return own.addresses.contains(&address) || (from_loopback && address.is_loopback());
    }
    (from_loopback && name == "localhost") || own.names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// The name or address in a `Host` header, in lower case, without port and last dot. None when it is malformed (RFC
/// 9110 §7.2): user names, spaces, empty labels, zones of addresses and anything but ASCII are.
fn name_of(host: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    if host.is_empty() || host.len() > 255 || !host.bytes().all(allowed) {
        return None;
    }
    let (name, port) = if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        (address, port)
    } else {
        host.split_at(host.find(':').unwrap_or(host.len()))
    };
    if !port.is_empty() {
        let digits = port.strip_prefix(':')?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u16>())?.ok()?;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let whole =
        !name.is_empty() && !name.contains(['[', ']']) && name.split('.').all(|label| !label.is_empty());
    whole.then(|| name.to_ascii_lowercase())
}

/// What an answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One of our own pages, or what such a page asks for.
    Page,
    /// A file that somebody shares; it may hold anything. The door adds `Content-Disposition: attachment`.
    File,
}

/// Headers that every answer of this kind gets.
///
/// A page says `same-origin` and not `no-referrer`, because a browser then writes `Origin: null` into the forms of
/// the page (Fetch, "append a request `Origin` header"), and [`admit`] would turn our own guests away.
#[must_use]
pub const fn response_headers(answer: Answer) -> &'static [(&'static str, &'static str)] {
    match answer {
        Answer::Page => &[
            ("x-content-type-options", "nosniff"),
            (
                "content-security-policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                 connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            ),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
        ],
        Answer::File => &[
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "sandbox; default-src 'none'"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ],
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use Refused::{BadRequest, Forbidden, Misdirected, Unsupported};
    use Surface::{Control, Dav, Guest, Ipp};
    use proptest::prelude::*;

    const EVERY_SURFACE: [Surface; 4] = [Ipp, Dav, Guest, Control];
    const ADDRESS: &str = "192.168.1.7:8443";
    const HTTPS: &str = "https://192.168.1.7:8443";
    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";
    const UPLOAD: &str = "multipart/form-data; boundary=x";

    fn ask(asked: Asked<'_>) -> Result<(), Refused> {
        let addresses = ["192.168.1.7".parse().unwrap(), "fe80::7".parse().unwrap()];
        admit(&asked, &Own { addresses: &addresses, names: &["lanyard-7f3a.local"] })
    }

    /// A request from the network over TLS.
    fn request<'a>(surface: Surface, method: &'a str, host: &'a [&'a str]) -> Asked<'a> {
        Asked {
            surface,
            method,
            authority: None,
            host,
            origin: &[],
            fetch_site: &[],
            content_type: &[],
            from_loopback: false,
            tls: true,
        }
    }

    #[test]
    fn real_clients_get_in() {
        let ipp = request(Ipp, "POST", &[]);
        let ipp = Asked { content_type: &["application/ipp"], ..ipp };
        let dav = request(Dav, "PROPFIND", &[]);
        for (client, asked) in [
            ("CUPS by name", Asked { host: &["lanyard-7f3a.local:631"], ..ipp }),
            ("a name with capitals and its dot", Asked { host: &["Lanyard-7F3A.local.:631"], ..ipp }),
            ("without encryption", Asked { host: &["192.168.1.7:631"], tls: false, ..ipp }),
            ("Explorer by address", Asked { host: &[ADDRESS], content_type: &["text/xml"], ..dav }),
            ("Finder by IPv6", Asked { host: &["[fe80::7]:8443"], ..dav }),
            ("a client that writes", Asked { method: "PUT", host: &[ADDRESS], ..dav }),
            (
                "the whole address in the request line",
                Asked { authority: Some(ADDRESS), host: &[ADDRESS], ..dav },
            ),
            ("a browser that looks", Asked { method: "GET", host: &[ADDRESS], fetch_site: &["none"], ..dav }),
        ] {
            assert_eq!(ask(asked), Ok(()), "{client}");
        }
    }

    #[test]
    fn a_link_elsewhere_leads_to_the_entry_and_nothing_else_does() {
        let addresses = ["192.168.1.7".parse().unwrap()];
        let own = Own { addresses: &addresses, names: &[] };
        let host = [ADDRESS];
        let link = Asked { fetch_site: &["cross-site"], ..request(Guest, "GET", &host) };
        let window = Arrival { mode: &["navigate"], dest: &["document"] };
        let same = Asked { fetch_site: &["same-site"], ..link };
        let plain = Asked { fetch_site: &[], ..link };
        let post = Asked { method: "POST", content_type: &[FORM], ..link };
        for (what, asked, arrival, expected) in [
            ("a click elsewhere", link, window, Ok(())),
            ("a click on a neighbour", same, window, Ok(())),
            ("a browser without these headers", plain, Arrival { mode: &[], dest: &[] }, Ok(())),
            ("a frame", link, Arrival { dest: &["iframe"], ..window }, Err(Forbidden)),
            ("an embedded page", link, Arrival { dest: &["embed"], ..window }, Err(Forbidden)),
            ("a picture", link, Arrival { mode: &["no-cors"], dest: &["image"] }, Err(Forbidden)),
            ("a script's question", link, Arrival { mode: &["cors"], dest: &["empty"] }, Err(Forbidden)),
            ("no word of the mode", link, Arrival { mode: &[], ..window }, Err(Forbidden)),
            ("no word of where to", link, Arrival { dest: &[], ..window }, Err(Forbidden)),
            ("two modes", link, Arrival { mode: &["navigate", "navigate"], ..window }, Err(BadRequest)),
            ("a form", post, window, Err(Forbidden)),
            ("a head", Asked { method: "HEAD", ..link }, window, Err(Forbidden)),
            (
                "an origin of its own",
                Asked { origin: &["https://evil.example"], ..link },
                window,
                Err(Forbidden),
            ),
            ("another name", Asked { host: &["rebind.evil.example"], ..link }, window, Err(Misdirected)),
            ("the page that rules", Asked { surface: Control, ..link }, window, Err(Forbidden)),
            ("printing", Asked { surface: Ipp, ..link }, window, Err(Forbidden)),
            ("folders", Asked { surface: Dav, ..link }, window, Err(Forbidden)),
        ] {
            assert_eq!(admit_entry(&asked, &arrival, &own), expected, "{what}");
        }
        assert_eq!(admit(&link, &own), Err(Forbidden), "every other page");
    }

    #[test]
    fn a_name_or_address_that_is_not_ours_is_misdirected() {
        for host in [
            "rebind.evil.example:8443",
            "lanyard-7f3a.local.evil.example",
            "evil-lanyard-7f3a.local",
            "other.local",
            "192.168.1.8",
            "[::ffff:192.168.1.7]",
            "0.0.0.0",
            "3232235783",
            "localhost",
            "127.0.0.1",
            "[::1]",
        ] {
            for surface in EVERY_SURFACE {
                let host = [host];
                let asked = Asked { fetch_site: &["same-origin"], ..request(surface, "GET", &host) };
                assert_eq!(ask(asked), Err(Misdirected), "{host:?}");
            }
        }
        let local = |host| ask(Asked { from_loopback: true, ..request(Control, "GET", host) });
        for host in [&["localhost:7717"], &["127.0.0.1"], &["[::1]:7717"], &["192.168.1.7"]] {
            assert_eq!(local(host), Ok(()), "{host:?} from this computer");
        }
        assert_eq!(local(&["rebind.evil.example:7717"]), Err(Misdirected));
    }

    #[test]
    fn a_malformed_or_repeated_header_is_refused() {
        for host in [
            "",
            " ",
            "a b",
            "user@192.168.1.7",
            "192.168.1.7:",
            "192.168.1.7:99999",
            "192.168.1.7:+80",
            "192.168.1.7:80:80",
            "[fe80::7",
            "[fe80::7]x",
            "[fe80::7%25eth0]",
            "fe80::7",
            "[]",
            "..",
            ".",
            "a..b",
            ".a",
            "a[b",
            "é.local",
            "192.168.1.7\0",
        ] {
            assert_eq!(ask(request(Dav, "GET", &[host])), Err(BadRequest), "{host:?}");
        }
        let good = request(Guest, "GET", &[ADDRESS]);
        for asked in [
            Asked { host: &[], ..good },
            Asked { host: &[ADDRESS, ADDRESS], ..good },
            Asked { origin: &[HTTPS, HTTPS], ..good },
            Asked { fetch_site: &["none", "none"], ..good },
            Asked { content_type: &[JSON, JSON], ..good },
            Asked { authority: Some("192.168.1.7"), ..good },
            Asked { authority: Some("evil.example"), ..good },
        ] {
            assert_eq!(ask(asked), Err(BadRequest), "{asked:?}");
        }
    }

    #[test]
    fn a_page_elsewhere_cannot_print_write_or_read() {
        let printing = request(Ipp, "POST", &[ADDRESS]);
        let writing = request(Dav, "PUT", &[ADDRESS]);
        let asking = request(Guest, "POST", &[ADDRESS]);
        let evil = &["https://evil.example"];
        for (attack, asked, refused) in [
            (
                "a form that prints",
                Asked { origin: evil, content_type: &["text/plain"], ..printing },
                Forbidden,
            ),
            ("printing as text", Asked { content_type: &["text/plain"], ..printing }, Unsupported),
            ("printing without a type", printing, Unsupported),
            (
                "our own page prints",
                Asked { origin: &[HTTPS], content_type: &["application/ipp"], ..printing },
                Forbidden,
            ),
            (
                "a browser reads a printer",
                Asked { method: "GET", fetch_site: &["none"], ..printing },
                Forbidden,
            ),
            ("something else to a printer", Asked { method: "PUT", ..printing }, Forbidden),
            ("a form to a folder", Asked { method: "POST", ..writing }, Forbidden),
            ("our own page writes to a folder", Asked { origin: &[HTTPS], ..writing }, Forbidden),
            (
                "an image from a folder",
                Asked { method: "GET", fetch_site: &["cross-site"], ..writing },
                Forbidden,
            ),
            (
                "from a neighbour's page",
                Asked { method: "GET", fetch_site: &["same-site"], ..writing },
                Forbidden,
            ),
            (
                "a word that is new",
                Asked { method: "GET", fetch_site: &["same-origin "], ..writing },
                Forbidden,
            ),
            (
                "an origin that is hidden",
                Asked { origin: &["null"], content_type: &[JSON], ..asking },
                Forbidden,
            ),
            (
                "an origin without encryption",
                Asked { origin: &["http://192.168.1.7:8443"], content_type: &[JSON], ..asking },
                Forbidden,
            ),
            (
                "an origin with another port",
                Asked { origin: &["https://192.168.1.7"], content_type: &[JSON], ..asking },
                Forbidden,
            ),
            ("no origin", Asked { content_type: &[JSON], ..asking }, Forbidden),
            ("text", Asked { origin: &[HTTPS], content_type: &["text/plain"], ..asking }, Unsupported),
            ("no type", Asked { origin: &[HTTPS], ..asking }, Unsupported),
            ("an odd method", Asked { method: "PURGE", ..asking }, Unsupported),
        ] {
            assert_eq!(ask(asked), Err(refused), "{attack}");
        }
    }

    #[test]
    fn our_own_guest_page_works_with_and_without_javascript() {
        let guest = Asked { origin: &[HTTPS], ..request(Guest, "POST", &[ADDRESS]) };
        for content_type in
            [JSON, "Application/JSON; charset=utf-8", "application/octet-stream", FORM, UPLOAD]
        {
            let content_type = [content_type];
            for fetch_site in [&[][..], &["same-origin"]] {
                let asked = Asked { content_type: &content_type, fetch_site, ..guest };
                assert_eq!(ask(asked), Ok(()), "{asked:?}");
            }
        }
    }

    #[test]
    fn a_form_gets_in_only_from_our_own_guest_page() {
        let guest = request(Guest, "POST", &[ADDRESS]);
        for content_type in [FORM, UPLOAD] {
            let content_type = [content_type];
            let ours = Asked { origin: &[HTTPS], content_type: &content_type, ..guest };
            for (attack, asked, refused) in [
                ("no origin", Asked { origin: &[], ..ours }, Forbidden),
                ("a hidden origin", Asked { origin: &["null"], ..ours }, Forbidden),
                ("from elsewhere", Asked { origin: &["https://evil.example"], ..ours }, Forbidden),
                ("with a user name", Asked { origin: &["https://a@192.168.1.7:8443"], ..ours }, Forbidden),
                ("not from a page", Asked { fetch_site: &["none"], ..ours }, Forbidden),
                ("from elsewhere, it says", Asked { fetch_site: &["cross-site"], ..ours }, Forbidden),
                ("another method", Asked { method: "PUT", ..ours }, Unsupported),
                (
                    "to the page that rules the node",
                    Asked { surface: Control, from_loopback: true, ..ours },
                    Unsupported,
                ),
            ] {
                assert_eq!(ask(asked), Err(refused), "{attack}");
            }
        }
    }

    #[test]
    fn the_page_that_rules_the_node_is_for_this_computer() {
        assert_eq!(ask(request(Control, "GET", &[ADDRESS])), Err(Forbidden));
        let here = request(Control, "POST", &["localhost:7717"]);
        let here = Asked { from_loopback: true, tls: false, content_type: &[JSON], ..here };
        let ours = Asked { origin: &["http://localhost:7717"], fetch_site: &["same-origin"], ..here };
        assert_eq!(ask(ours), Ok(()));
        assert_eq!(ask(Asked { origin: &["http://localhost:5173"], ..ours }), Err(Forbidden));
        assert_eq!(ask(Asked { origin: &["http://127.0.0.1:7717"], ..ours }), Err(Forbidden));
        assert_eq!(ask(Asked { fetch_site: &["same-site"], ..ours }), Err(Forbidden));
    }

    #[test]
    fn every_refusal_has_its_status() {
        let status = [BadRequest, Forbidden, Unsupported, Misdirected].map(Refused::status);
        assert_eq!(status, [400, 403, 415, 421]);
    }

    #[test]
    fn no_answer_lets_another_origin_in_and_our_own_forms_keep_their_origin() {
        for answer in [Answer::Page, Answer::File] {
            let headers = response_headers(answer);
            assert!(headers.iter().all(|(name, _)| !name.starts_with("access-control-")));
            let value = |wanted| headers.iter().find(|(name, _)| *name == wanted).unwrap().1;
            assert_eq!(value("x-content-type-options"), "nosniff");
            assert_eq!(value("cache-control"), "no-store");
            assert_eq!(value("cross-origin-resource-policy"), "same-origin");
            assert!(value("content-security-policy").contains("default-src 'none'"));
            assert_eq!(value("referrer-policy") == "no-referrer", answer == Answer::File);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_nothing_from_another_origin_or_for_another_host_gets_in(
            host in ".{0,40}|[0-9a-f.:\\[\\]]{0,24}",
            origin in "[a-z]{1,8}://[a-z0-9.:]{1,20}|null",
            method in "[A-Z]{3,8}",
            content_type in "[a-z/;-]{0,30}|application/json|application/ipp|multipart/form-data",
            from_loopback: bool,
        ) {
            for surface in EVERY_SURFACE {
                for host in [host.as_str(), ADDRESS] {
                    let (host, origin, content_type) = ([host], [origin.as_str()], [content_type.as_str()]);
                    let asked = Asked {
                        origin: &origin,
                        content_type: &content_type,
                        from_loopback,
                        ..request(surface, &method, &host)
                    };
                    if origin[0] != format!("https://{}", host[0]) {
                        prop_assert!(ask(asked).is_err());
                    }
                    let named = Asked { origin: &[], ..asked };
                    if ask(named).is_ok() {
                        let name = name_of(host[0]).unwrap();
                        prop_assert!(
                            ["192.168.1.7", "fe80::7", "lanyard-7f3a.local"].contains(&name.as_str())
                                || from_loopback
                        );
                    }
                }
            }
        }
    }
}
