//! The door for printing clients that are not Lanyard: phones, other systems' print dialogs, CUPS.
//!
//! `/ipp/print/<share>` is a shared printer: requests are POSTed to it, a browser gets a page about it, and below it
//! are its icons. `/` tells which printers there are. A request passes the gate in front of all HTTP
//! (`lanyard_trust::gate`) first; whether whoever asks may see or use a printer is decided by the gate of the shares,
//! which knows it as somebody on the owner's network who proves nothing.

use crate::{
    Core,
    doors::{
        ask_gate::{self, Way},
        front,
    },
    printing, shares, web,
};
use http::{HeaderName, Method, Request, Response, StatusCode, header};
use lanyard_api::ShareKind;
use lanyard_link::{Body, Incoming, Visitor, body};
use lanyard_print::offer::ipp::{Facts, Place, Printer, Shared};
use lanyard_trust::{
    PlainId, ShareId, Subject, Who,
    gate::{self, Answer, Own, Surface},
};
use std::sync::Arc;

/// Where printers are. `ipp/print/<id>` is a form that IPP Everywhere allows for a server of several.
const PRINTERS: &str = "/ipp/print";

const ICONS: [(&str, &[u8]); 3] = [
    ("/icon-48.png", include_bytes!("../../../../icons/tray.png")),
    ("/icon-128.png", include_bytes!("../../../../icons/128x128.png")),
    ("/icon-512.png", include_bytes!("../../../../icons/icon.png")),
];

/// The path of a shared printer.
#[must_use]
pub fn path_of(share: &ShareId) -> String {
    format!("{PRINTERS}/{share}")
}

/// Answers a request of a printing client.
pub async fn serve(core: Arc<Core>, visitor: Visitor, request: Request<Incoming>) -> Response<Body> {
    let name = format!("{}.local", web::host_label(&core));
    let mut response = match admit(&request, visitor, &name) {
        Ok(authority) => answer(core, visitor, authority, request).await,
        Err(refused) => {
            tracing::debug!(from = %visitor.remote, %refused, "a request did not get to the printers");
            let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::FORBIDDEN);
            body::status(status, &format!("{refused}\n"))
        }
    };
    let kind = match response.headers().get(header::CONTENT_TYPE).map(|kind| kind.as_bytes()) {
        Some(b"text/html; charset=utf-8") => Answer::Page,
        _ => Answer::File,
    };
    for (name, value) in gate::response_headers(kind) {
        front::set(&mut response, HeaderName::from_static(name), value);
    }
    response
}

/// Lets a request in and tells under which host and port it came.
fn admit(request: &Request<Incoming>, visitor: Visitor, name: &str) -> Result<String, gate::Refused> {
    // A browser may look at the page about a printer, and at nothing else.
    let surface = if *request.method() == Method::POST { Surface::Ipp } else { Surface::Guest };
    let own = Own { addresses: &[visitor.local.ip().to_canonical()], names: &[name] };
    let host = ask_gate::admit(request, Way::of(&visitor, surface), &own)?;
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    // The default ports of HTTP and of IPP are not the same: an address without one would mean another.
    Ok(if has_port { host } else { format!("{host}:{}", visitor.local.port()) })
}

async fn answer(
    core: Arc<Core>,
    visitor: Visitor,
    authority: String,
    request: Request<Incoming>,
) -> Response<Body> {
    let subject =
        Subject { who: Who::Plain(PlainId::of(visitor.remote.ip().to_canonical())), on_own_network: true };
    // Both are spoken on the one port wherever this door is open.
    let place = |path: String| Place { secure: visitor.tls, authority: authority.clone(), path, both: true };
    let path = request.uri().path().to_owned();
    let (server, shared) = printing::standard(&core);
    if path == "/" {
        let printers: Vec<(ShareId, Shared)> = shares::list(&core)
            .await
            .into_iter()
            .filter(|share| share.kind == ShareKind::Printer)
            .map(|share| {
                let share = ShareId(share.id);
                let printer = shared.of(subject, share.clone()).announced_as(core.plain.name_of(&share));
                (share, printer)
            })
            .collect();
        let listed: Vec<(&dyn Printer, &str, Place)> = printers
            .iter()
            .map(|(share, printer)| (printer as &dyn Printer, share.0.as_str(), place(path_of(share))))
            .collect();
        return server.serve_list(&listed, &place(String::new()), request).await;
    }
    let Some(rest) = path.strip_prefix(PRINTERS).and_then(|rest| rest.strip_prefix('/')) else {
        return body::status(StatusCode::NOT_FOUND, "not found\n");
    };
    let (share, below) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let share = ShareId(share.to_owned());
    let printer = shared.of(subject, share.clone()).announced_as(core.plain.name_of(&share));
    let place = place(path_of(&share));
    if *request.method() == Method::POST {
        // Boxed: it waits for as long as a document takes, and few of its kind run at once.
        let serving = server.serve(&printer, &share.0, &place, subject.id(), request);
        return Box::pin(serving).await;
    }
    // Whoever may not see the printer is told nothing of it, not even that it has a page.
    match (printer.facts().await, below) {
        (Ok(facts), "" | "/") => page(&facts),
        (Ok(_), below) => match ICONS.iter().find(|(name, _)| *name == below) {
            Some((_, png)) => {
                let mut response = Response::new(body::full(*png));
                front::set(&mut response, header::CONTENT_TYPE, "image/png");
                response
            }
            None => body::status(StatusCode::NOT_FOUND, "not found\n"),
        },
        (Err(_), _) => body::status(StatusCode::NOT_FOUND, "not found\n"),
    }
}

/// What a printer's "more information" shows.
fn page(facts: &Facts) -> Response<Body> {
    let more = [facts.model.as_deref(), facts.location.as_deref(), facts.message.as_deref()];
    let more: String = more.into_iter().flatten().map(|text| format!("<p>{}</p>", escaped(text))).collect();
    let name = escaped(&facts.name);
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{name}</title>\
         <h1>{name}</h1>{more}<p>This printer is shared with this network by Lanyard. Choose it in the print \
         dialog of your computer or phone; nothing needs to be installed.</p></html>\n"
    );
    let mut response = Response::new(body::full(page));
    front::set(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use lanyard_print::offer::ipp;

    #[test]
    fn there_is_an_icon_for_every_size_that_is_told() {
        for side in ipp::ICONS {
            let name = format!("/icon-{side}.png");
            let (_, png) = ICONS.iter().find(|(known, _)| *known == name).unwrap();
            // PNG §11.2.2: width and height.
            assert_eq!(png[16..20], side.to_be_bytes(), "{name}");
            assert_eq!(png[20..24], side.to_be_bytes(), "{name}");
        }
    }
}
