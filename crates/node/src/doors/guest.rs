//! The door for guests: a few pages for a phone's browser, for one share and one thing to do with it.
//!
//! A request passes three doors: the gate in front of all HTTP (`lanyard_trust::gate`), the cookie of a session, and
//! the gate of the shares, which is asked by the same rooms that serve other nodes. Everything works without
//! JavaScript but the link itself, whose secret stands after the `#` and is not sent by itself; there is the PIN.
//! What passes are, and which ones there are, is `guests`' business.

mod action;
mod form;
#[cfg(fuzzing)]
pub(crate) use form::read_form;
mod html;
mod pages;
mod words;

use crate::{
    Core,
    doors::{
        ask_gate::{self, Way},
        front,
    },
    guests::{self, NotIn, Secret},
};
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode, header};
use lanyard_api::PassAction;
use lanyard_link::{Body, Incoming, Visitor, body};
use lanyard_trust::gate::{self, Answer, Own, Surface};
use std::{sync::Arc, time::Duration};
use words::Words;

const COOKIE: &str = "__Host-lanyard";

/// The largest short form, and how long it may take to come.
const SHORT_FORM: (usize, Duration) = (2 * 1024, Duration::from_secs(10));

/// Answers a request over TLS while there is a pass. `name` is what this computer is called in the certificate.
pub async fn serve(
    core: Arc<Core>,
    name: String,
    visitor: Visitor,
    request: Request<Incoming>,
) -> Response<Body> {
    let mut response = match admit(&request, visitor, &name) {
        Ok(()) => answer(core, visitor, request).await,
        Err(refused) => {
            tracing::debug!(from = %visitor.remote, %refused, "a request did not get to the guests' pages");
            let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::FORBIDDEN);
            body::status(status, &format!("{refused}\n"))
        }
    };
    let kind = match response.headers().contains_key(header::CONTENT_DISPOSITION) {
        true => Answer::File,
        false => Answer::Page,
    };
    for (name, value) in gate::response_headers(kind) {
        front::set(&mut response, HeaderName::from_static(name), value);
    }
    response
}

fn admit(request: &Request<Incoming>, visitor: Visitor, name: &str) -> Result<(), gate::Refused> {
    let way = Way::of(&visitor, Surface::Guest);
    let own = Own { addresses: &[visitor.local.ip().to_canonical()], names: &[name] };
    if is_entry(request.uri().path()) {
        return ask_gate::admit_entry(request, way, &own);
    }
    ask_gate::admit(request, way, &own).map(drop)
}

/// The page with the PIN, where links lead: it is the same for everybody.
fn is_entry(path: &str) -> bool {
    path == "/g" || number(path).is_some()
}

/// The app's own colours and measures, then what these pages make of them.
const STYLE: &str =
    concat!(include_str!("../../../../ui/src/look/tokens.css"), include_str!("guest/style.css"));

/// One request that passed the gate.
struct Visited {
    core: Arc<Core>,
    visitor: Visitor,
    words: Words,
    request: Request<Incoming>,
}

async fn answer(core: Arc<Core>, visitor: Visitor, request: Request<Incoming>) -> Response<Body> {
    let words = Words::of(request.headers());
    let session = cookie(request.headers());
    let guest = session.as_ref().and_then(|session| core.guests.guest(session));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let visited = Visited { core, visitor, words, request };
    match (&method, path.as_str()) {
        (&Method::GET, "/g/style.css") => return file("text/css", STYLE),
        (&Method::GET, "/g/script.js") => return file("text/javascript", include_str!("guest/script.js")),
        (&Method::GET, "/g") => return pages::door(&words, StatusCode::OK, None, ""),
        (&Method::POST, "/g/open") => return open(visited).await,
        (&Method::POST, "/g/pin") => return pin(visited).await,
        (&Method::POST, "/g/leave") => {
            if let Some(session) = session {
                visited.core.guests.leave(&session);
            }
            let mut response = see("/g");
            set_cookie(
                &mut response,
                &format!("{COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"),
            );
            return response;
        }
        (&Method::GET, path) if let Some(number) = number(path) => {
            return pages::door(&words, StatusCode::OK, None, number);
        }
        _ => {}
    }
    if !is_known(&method, &path) {
        return pages::nothing(&words);
    }
    // Nobody is told which pages another pass would have.
    let Some(guest) = guest else { return not_in(&method, &words) };
    match (&method, path.as_str(), guest.action) {
        (&Method::GET, "/g/", PassAction::Print) => pages::print(&visited.core, &words, &guest),
        (&Method::GET, "/g/", PassAction::Add) => pages::add(&visited.core, &words, &guest),
        (&Method::GET, "/g/" | "/g/list", PassAction::Read) => action::list(visited, guest).await,
        (&Method::GET, "/g/file", PassAction::Read) => action::file(visited, guest).await,
        (&Method::POST, "/g/print", PassAction::Print) => action::print(visited, guest).await,
        (&Method::GET, path, PassAction::Print) if let Some(job) = path.strip_prefix("/g/job/") => {
            action::job(&visited, &guest, job).await
        }
        (&Method::POST, "/g/upload", PassAction::Add) => action::upload(visited, guest).await,
        _ => pages::nothing(&words),
    }
}

fn is_known(method: &Method, path: &str) -> bool {
    match *method {
        Method::GET => matches!(path, "/g/" | "/g/list" | "/g/file") || path.starts_with("/g/job/"),
        Method::POST => matches!(path, "/g/print" | "/g/upload"),
        _ => false,
    }
}

/// Without a cookie that opens something: the way in for whoever looks, a plain no for whoever brings something.
fn not_in(method: &Method, words: &Words) -> Response<Body> {
    if *method == Method::GET {
        return see("/g");
    }
    pages::door(words, StatusCode::FORBIDDEN, Some("guest.door.ended"), "")
}

/// `POST /g/open {"token":…}`, sent by the page's script.
async fn open(visited: Visited) -> Response<Body> {
    #[derive(serde::Deserialize)]
    struct Link {
        token: String,
    }
    let (most, deadline) = SHORT_FORM;
    let Ok(link) = body::read_json::<Link, _>(visited.request.into_body(), most, deadline).await else {
        return body::status(StatusCode::BAD_REQUEST, "");
    };
    match guests::enter_by_link(&visited.core, &link.token, visited.visitor.remote.ip()).await {
        Ok(session) => {
            let mut response = body::status(StatusCode::NO_CONTENT, "");
            let_in(&mut response, &session);
            response
        }
        Err(not_in) => body::status(status_of(not_in), ""),
    }
}

/// `POST /g/pin`, a plain form.
async fn pin(visited: Visited) -> Response<Body> {
    let Visited { core, visitor, words, request } = visited;
    let Some(fields) = form::short(request, SHORT_FORM).await else {
        return pages::door(&words, StatusCode::BAD_REQUEST, Some("guest.door.wrong"), "");
    };
    let field =
        |name: &str| fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    match guests::enter_by_pin(&core, field("number"), field("pin"), visitor.remote.ip()).await {
        Ok(session) => {
            let mut response = see("/g/");
            let_in(&mut response, &session);
            response
        }
        Err(not_in) => {
            let words_for = match not_in {
                NotIn::Wrong => "guest.door.wrong",
                NotIn::TooMany => "guest.door.too_many",
                NotIn::Failed => "failure.internal",
            };
            let number = field("number");
            let number = if is_number(number) { number } else { "" };
            pages::door(&words, status_of(not_in), Some(words_for), number)
        }
    }
}

fn status_of(not_in: NotIn) -> StatusCode {
    match not_in {
        NotIn::Wrong => StatusCode::FORBIDDEN,
        NotIn::TooMany => StatusCode::TOO_MANY_REQUESTS,
        NotIn::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn let_in(response: &mut Response<Body>, session: &Secret) {
    let lasts = guests::SESSION_LASTS.as_secs();
    let text = session.text();
    set_cookie(
        response,
        &format!("{COOKIE}={text}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={lasts}"),
    );
}

fn set_cookie(response: &mut Response<Body>, cookie: &str) {
    front::set(response, header::SET_COOKIE, cookie);
}

/// The cookie, if there is exactly one of that name (RFC 6265 §5.4).
fn cookie(headers: &HeaderMap) -> Option<Secret> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(name, _)| *name == COOKIE);
    let (_, text) = found.next()?;
    found.next().is_none().then(|| Secret::from_text(text))?
}

/// `/g/42`
fn number(path: &str) -> Option<&str> {
    path.strip_prefix("/g/").filter(|number| is_number(number))
}

fn is_number(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// Off to another page, with GET (RFC 9110 §15.4.4).
fn see(place: &str) -> Response<Body> {
    let mut response = body::status(StatusCode::SEE_OTHER, "");
    front::set(&mut response, header::LOCATION, place);
    response
}

fn file(media_type: &str, text: &'static str) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    front::set(&mut response, header::CONTENT_TYPE, &format!("{media_type}; charset=utf-8"));
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_counts_only_when_there_is_exactly_one() {
        let secret = Secret::random().unwrap();
        let headers = |lines: &[String]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, line.parse().unwrap());
            }
            headers
        };
        let ours = format!("{COOKIE}={}", secret.text());
        assert_eq!(cookie(&headers(&[format!("a=b; {ours}; c=d")])), Some(secret));
        assert_eq!(cookie(&headers(&["a=b".to_owned(), ours.clone()])), Some(secret));
        for wrong in [
            vec![],
            vec![ours.clone(), ours.clone()],
            vec![format!("{ours}; {ours}")],
            vec![format!("X{ours}")],
            vec![format!("{COOKIE}=")],
        ] {
            assert_eq!(cookie(&headers(&wrong)), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_number_of_a_page_is_two_digits() {
        assert_eq!(number("/g/42"), Some("42"));
        for path in ["/g/4", "/g/423", "/g/4a", "/g/٤٢", "/g//42", "/42", "/g/42/"] {
            assert_eq!(number(path), None, "{path}");
        }
    }
}
