//! Sound and films of others, played where they are: a link for each file, answered with ranges.
//!
//! A player cannot send the page's token, so its link holds a secret of its own, which opens this one version of this
//! one file and nothing else. The same link serves the browser page and the desktop window, which may belong to another
//! process than the node. A kind is told by the name alone and from a short list: what is sent is never a page, a script
//! or a drawing, whatever is in the file.

use super::{refused, remote, remote_path, shown, what_is};
use crate::{Core, doors::browser, presence, secret::Secret};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use lanyard_api::{ApiError, ErrorCode, Playable};
use lanyard_drive::{
    consume::{Remote, RemoteError, play, remote::Place},
    path::SharePath,
    range::{Asked, requested},
    wire::{Code, Kind},
};
use lanyard_link::{Body, body};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// Links that work at the same time; the oldest goes first.
const MOST: usize = 64;

/// Endings, and what is said of such a file. Only what browsers play, and nothing that they would show as a page.
const KINDS: [(&str, &str); 17] = [
    ("mp3", "audio/mpeg"),
    ("m4a", "audio/mp4"),
    ("aac", "audio/aac"),
    ("flac", "audio/flac"),
    ("wav", "audio/wav"),
    ("ogg", "audio/ogg"),
    ("oga", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("weba", "audio/webm"),
    ("mp4", "video/mp4"),
    ("m4v", "video/mp4"),
    ("mov", "video/quicktime"),
    ("webm", "video/webm"),
    ("ogv", "video/ogg"),
    ("mkv", "video/x-matroska"),
    ("mpg", "video/mpeg"),
    ("mpeg", "video/mpeg"),
];

/// Files that are open for players.
#[derive(Default)]
pub(super) struct Media {
    open: Mutex<VecDeque<Opened>>,
}

#[derive(Clone)]
struct Opened {
    secret: Secret,
    remote: Remote,
    path: SharePath,
    etag: String,
    size: u64,
    media_type: &'static str,
}

/// Opens a file for a player.
///
/// # Errors
/// `not_found`, `ambiguous`, `peer_unreachable`, `not_allowed`; `invalid` for a folder, or a kind that no player reads.
pub async fn open(core: &Arc<Core>, drive: &str, path: &str) -> Result<Playable, ApiError> {
    let share = presence::find_drive(core, drive)?;
    let path = remote_path(path)?;
    let Some(media_type) = path.name().and_then(kind_of) else {
        return Err(ApiError::new(ErrorCode::Invalid, "Only sound and films are played."));
    };
    let there = what_is(core, &share, &path).await?;
    let (Kind::File, Some(etag)) = (there.kind, there.etag) else {
        let error = RemoteError::Refused(Code::WrongKind);
        return Err(refused(&error, &share.device_name, &shown(&path, &share)));
    };
    let secret = Secret::random()?;
    let remote = remote(core, &share);
    let opened = Opened { secret, remote, path, etag, size: there.size, media_type };
    {
        let mut open = core.drives.media.open.lock().unwrap_or_else(PoisonError::into_inner);
        while open.len() >= MOST {
            open.pop_front();
        }
        open.push_back(opened);
    }
    let link = browser::media_link(core, secret).await?;
    Ok(Playable { link, media_type: media_type.to_owned(), size: there.size })
}

/// What such a name is played as.
fn kind_of(name: &str) -> Option<&'static str> {
    let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
    KINDS.iter().find(|(known, _)| *known == ending).map(|(_, media_type)| *media_type)
}

/// Answers a player that knows a secret.
pub(crate) fn serve(core: &Core, method: &Method, secret: &str, headers: &HeaderMap) -> Response<Body> {
    let not_there = || body::status(StatusCode::NOT_FOUND, "There is nothing to play here.");
    // What else a page may make of a link that leaked (a frame, a script, a picture) gets nothing.
    let dest = headers.get("sec-fetch-dest").map(HeaderValue::as_bytes);
    if dest.is_some_and(|dest| ![&b"audio"[..], b"video", b"empty"].contains(&dest)) {
        return not_there();
    }
    let Some(opened) = core.drives.media.find(secret) else { return not_there() };
    let mut response = Response::new(body::empty());
    let fields = response.headers_mut();
    set(fields, header::CONTENT_TYPE, opened.media_type);
    set(fields, header::ACCEPT_RANGES, "bytes");
    set(fields, header::ETAG, &opened.etag);
    set(fields, header::CACHE_CONTROL, "no-store");
    let (status, range) = match requested(headers, opened.size) {
        Asked::All => (StatusCode::OK, 0..opened.size),
        Asked::Part(range) => {
            let text = format!("bytes {}-{}/{}", range.start, range.end - 1, opened.size);
            set(fields, header::CONTENT_RANGE, &text);
            (StatusCode::PARTIAL_CONTENT, range)
        }
        Asked::Beyond => {
            set(fields, header::CONTENT_RANGE, &format!("bytes */{}", opened.size));
            (StatusCode::RANGE_NOT_SATISFIABLE, 0..0)
        }
    };
    set(fields, header::CONTENT_LENGTH, &(range.end - range.start).to_string());
    *response.status_mut() = status;
    if method == Method::GET && range.start < range.end {
        *response.body_mut() = play::open(opened.remote, Place::Named(opened.path), opened.etag, range);
    }
    response
}

fn set(fields: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        fields.insert(name, value);
    }
}

impl Media {
    fn find(&self, secret: &str) -> Option<Opened> {
        let secret = Secret::from_text(secret)?;
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        secret.find(open.iter().map(|one| (one.secret, one))).cloned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn only_sound_and_films_are_played() {
        assert_eq!(kind_of("a.b.MP4"), Some("video/mp4"));
        assert_eq!(kind_of("Tänze.flac"), Some("audio/flac"));
        for other in
            ["page.html", "drawing.svg", "page.xhtml", "script.js", "mp4", "photo.jpg", "a.mp4/b", "x."]
        {
            assert_eq!(kind_of(other), None, "{other}");
        }
        for (_, media_type) in KINDS {
            assert!(media_type.starts_with("audio/") || media_type.starts_with("video/"), "{media_type}");
        }
    }
}
