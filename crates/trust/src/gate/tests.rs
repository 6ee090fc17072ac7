//! Real clients get in; what a page elsewhere can make a browser send does not.

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
        ("an origin of its own", Asked { origin: &["https://evil.example"], ..link }, window, Err(Forbidden)),
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
        ("a form that prints", Asked { origin: evil, content_type: &["text/plain"], ..printing }, Forbidden),
        ("printing as text", Asked { content_type: &["text/plain"], ..printing }, Unsupported),
        ("printing without a type", printing, Unsupported),
        (
            "our own page prints",
            Asked { origin: &[HTTPS], content_type: &["application/ipp"], ..printing },
            Forbidden,
        ),
        ("a browser reads a printer", Asked { method: "GET", fetch_site: &["none"], ..printing }, Forbidden),
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
        ("a word that is new", Asked { method: "GET", fetch_site: &["same-origin "], ..writing }, Forbidden),
        ("an origin that is hidden", Asked { origin: &["null"], content_type: &[JSON], ..asking }, Forbidden),
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
    for content_type in [JSON, "Application/JSON; charset=utf-8", "application/octet-stream", FORM, UPLOAD] {
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
