//! The folder above the shares, which exists in no file system: what of them somebody may look into.

use super::{
    body::{self, Find},
    call::small_body,
    failure::Failure,
    live, not_done, options_above,
    xml::{self, Name},
    xml_response,
};
use http::{HeaderName, Request, Response, StatusCode};
use lanyard_link::{Body, Incoming, body as bodies};
use std::fmt::Write as _;

/// Answers a request for the folder of shares at `path`. `shares` are their addresses and names.
pub async fn top(path: &str, shares: &[(String, String)], request: Request<Incoming>) -> Response<Body> {
    match answer(path, shares, request).await {
        Ok(response) => response,
        Err(failure) => failure.into_response(),
    }
}

async fn answer(
    path: &str,
    shares: &[(String, String)],
    request: Request<Incoming>,
) -> Result<Response<Body>, Failure> {
    match request.method().as_str() {
        "OPTIONS" => return Ok(options_above()),
        "PROPFIND" => {}
        _ => return Ok(not_done(false)),
    }
    let depth =
        request.headers().get(HeaderName::from_static("depth")).map(|depth| depth.as_bytes().to_vec());
    let wanted = body::find(&small_body(request.into_body()).await?)?;
    let shares = match depth.as_deref() {
        Some(b"0") => &[][..],
        Some(b"1") => shares,
        _ => return Err(Failure::because(StatusCode::FORBIDDEN, "propfind-finite-depth", "")),
    };
    let mut out = String::from(live::BEGIN);
    respond(&mut out, path, "Lanyard", &wanted);
    for (href, name) in shares {
        respond(&mut out, href, name, &wanted);
    }
    out.push_str(live::END);
    Ok(xml_response(StatusCode::MULTI_STATUS, bodies::full(out)))
}

fn respond(out: &mut String, href: &str, name: &str, wanted: &Find) {
    const KNOWN: [&str; 2] = ["resourcetype", "displayname"];
    out.push_str("<D:response><D:href>");
    xml::escape(out, href);
    out.push_str("</D:href><D:propstat><D:prop>");
    let mut missing: Vec<&Name> = Vec::new();
    let one = |out: &mut String, known: &str| match known {
        "resourcetype" => out.push_str("<D:resourcetype><D:collection/></D:resourcetype>"),
        _ => {
            out.push_str("<D:displayname>");
            xml::escape(out, name);
            out.push_str("</D:displayname>");
        }
    };
    match wanted {
        Find::All(_) => KNOWN.iter().for_each(|known| one(out, known)),
        Find::Names => KNOWN.iter().for_each(|known| {
            let _ = write!(out, "<D:{known}/>"); // writing to a string does not fail
        }),
        Find::These(names) => {
            for name in names {
                match KNOWN.iter().find(|known| name.is_dav(known)) {
                    Some(known) => one(out, known),
                    None => missing.push(name),
                }
            }
        }
    }
    out.push_str("</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>");
    if !missing.is_empty() {
        out.push_str("<D:propstat><D:prop>");
        missing.iter().for_each(|name| xml::write_empty(out, name));
        out.push_str("</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>");
    }
    out.push_str("</D:response>\n");
}
