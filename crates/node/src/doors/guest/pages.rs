//! What guests see. Whole pages, made here, without anything from elsewhere.

use super::{html::Html, words::Words};
use crate::{Core, doors::front, guests::Guest, status};
use http::{Response, StatusCode, header};
use lanyard_drive::{
    path::SharePath,
    wire::{Item, Kind, Page},
};
use lanyard_link::{Body, body};
use lanyard_print::{
    offer::IncomingJob,
    ticket::{MAYBE_PRINTED, State},
};

/// How often a page that waits for a printer looks again, in seconds.
const AGAIN: &str = "2";

/// The way in: a PIN to type, or a moment's patience while the script takes the secret out of the link.
pub(super) fn door(words: &Words, code: StatusCode, trouble: Option<&str>, number: &str) -> Response<Body> {
    let asks_number = if number.is_empty() {
        Html::fill(
            r#"<label>{label}<input name="number" inputmode="numeric" autocomplete="off" pattern="[0-9][0-9]" maxlength="2" required></label>"#,
            &[("label", words.html("guest.door.number", &[]))],
        )
    } else {
        Html::fill(
            r#"<input type="hidden" name="number" value="{number}">"#,
            &[("number", Html::text(number))],
        )
    };
    let main = Html::fill(
        r#"<h1>{title}</h1>
{trouble}
<p class="wait" data-wait hidden role="status">{opening}</p>
<p class="trouble" data-wrong hidden role="alert">{ended}</p>
<form class="card" method="post" action="/g/pin" data-door>
<p>{explain}</p>
{number}
<label>{pin}<input name="pin" inputmode="numeric" autocomplete="off" maxlength="11" required></label>
<button>{enter}</button>
</form>"#,
        &[
            ("title", words.html("guest.door.title", &[])),
            ("trouble", trouble.map_or_else(Html::default, |key| alert(words.html(key, &[])))),
            ("opening", words.html("guest.door.opening", &[])),
            ("ended", words.html("guest.door.ended", &[])),
            ("explain", words.html("guest.door.explain", &[])),
            ("number", asks_number),
            ("pin", words.html("guest.door.pin", &[])),
            ("enter", words.html("guest.door.enter", &[])),
        ],
    );
    whole(words, code, None, &words.text("guest.door.title", &[]), main)
}

/// One file, a few choices, a button.
pub(super) fn print(core: &Core, words: &Words, guest: &Guest) -> Response<Body> {
    print_again(core, words, guest, StatusCode::OK, None)
}

/// The same with what went wrong the last time.
pub(super) fn print_again(
    core: &Core,
    words: &Words,
    guest: &Guest,
    code: StatusCode,
    trouble: Option<String>,
) -> Response<Body> {
    // The number comes before the file: what stands behind a file is not waited for.
    let form = Html::fill(
        r#"{trouble}
<form class="card" method="post" action="/g/print" enctype="multipart/form-data" data-sending="{sending}" data-failed="{failed}">
<label>{copies}<input name="copies" type="number" min="1" max="20" value="1" inputmode="numeric"></label>
<label>{file}<input name="file" type="file" required accept="application/pdf,image/jpeg,image/png,image/tiff,image/webp,image/svg+xml,text/plain,.pdf,.jpg,.jpeg,.png,.tif,.tiff,.webp,.svg,.txt"></label>
<p class="hint">{kinds}</p>
<button>{print}</button>
<p class="wait" data-progress hidden role="status"></p>
</form>"#,
        &[
            ("trouble", trouble.map_or_else(Html::default, |words| alert(Html::text(&words)))),
            ("sending", words.html("guest.sending", &[])),
            ("failed", words.html("guest.broken", &[])),
            ("copies", words.html("guest.print.copies", &[])),
            ("file", words.html("guest.print.file", &[])),
            ("kinds", words.html("guest.print.kinds", &[])),
            ("print", words.html("guest.print.do", &[])),
        ],
    );
    inside(core, words, guest, code, None, form)
}

/// Where a job is. Looks again by itself until nothing more happens to it.
pub(super) fn job(core: &Core, words: &Words, guest: &Guest, job: &IncomingJob) -> Response<Body> {
    let status = job.status();
    let reason = status.reason.as_deref().unwrap_or_default();
    let because = |prefix: &str, words: &Words| {
        words.either(&format!("{prefix}.{reason}"), &format!("{prefix}.other"), &[])
    };
    let (class, line) = match status.state {
        State::Waiting => ("busy", words.text("job.waiting", &[])),
        State::Held => ("busy", words.text("job.held", &[("reason", &because("held", words))])),
        State::Printing => ("busy", words.text("job.printing", &[])),
        State::Stopped if reason == MAYBE_PRINTED => ("stopped", words.text("guest.job.maybe_printed", &[])),
        State::Stopped => ("stopped", words.text("job.stopped", &[("reason", &because("reason", words))])),
        State::Done => ("done", words.text("job.done", &[])),
        State::Cancelled => ("failed", words.text("job.cancelled", &[])),
        State::Failed => ("failed", words.text("job.failed", &[("reason", &because("failure", words))])),
    };
    let over = status.state.is_final();
    let follows = if over { Html::default() } else { words.html("guest.job.follows", &[]) };
    let main = Html::fill(
        r#"<div class="card">
<p class="name">{title}</p>
<p class="state {class}" role="status">{line}</p>
<p class="hint">{follows}</p>
</div>
<p><a class="button" href="/g/">{again}</a></p>"#,
        &[
            ("title", Html::text(&job.title)),
            ("class", Html::text(class)),
            ("line", Html::text(&line)),
            ("follows", follows),
            ("again", words.html("guest.print.again", &[])),
        ],
    );
    inside(core, words, guest, StatusCode::OK, (!over).then_some(AGAIN), main)
}

/// A part of a folder.
pub(super) fn list(
    core: &Core,
    words: &Words,
    guest: &Guest,
    path: &SharePath,
    page: &Page,
) -> Response<Body> {
    let up = path.split_last().map(|(folder, _)| {
        let above = SharePath::parse(&folder.join("/")).unwrap_or_default();
        Html::fill(
            r#"<li><a class="entry folder" href="/g/list?path={path}"><span>{up}</span></a></li>"#,
            &[("path", Html::text(&above.encoded())), ("up", words.html("guest.list.up", &[]))],
        )
    });
    let entries = page.entries.iter().filter_map(|item| entry(words, path, item));
    let rows = Html::all(up.into_iter().chain(entries));
    let empty = if page.entries.is_empty() { words.html("guest.list.empty", &[]) } else { Html::default() };
    let more = page.next.as_deref().map_or_else(Html::default, |after| {
        Html::fill(
            r#"<p><a class="button" href="/g/list?path={path}&amp;after={after}">{more}</a></p>"#,
            &[
                ("path", Html::text(&path.encoded())),
                ("after", Html::text(&lanyard_drive::path::encode(after))),
                ("more", words.html("guest.list.more", &[])),
            ],
        )
    });
    let main = Html::fill(
        r#"<p class="path">{path}</p>
<ul class="card list">{rows}</ul>
<p class="hint">{empty}</p>
{more}"#,
        &[("path", Html::text(&path.to_string())), ("rows", rows), ("empty", empty), ("more", more)],
    );
    inside(core, words, guest, StatusCode::OK, None, main)
}

/// None for what cannot be opened: a guest has no use for its name.
fn entry(words: &Words, folder: &SharePath, item: &Item) -> Option<Html> {
    let path = folder.join(&item.name).ok()?.encoded();
    let (template, size) = match item.kind {
        Kind::Folder => (
            r#"<li><a class="entry folder" href="/g/list?path={path}"><span dir="auto">{name}</span></a></li>"#,
            String::new(),
        ),
        Kind::File => (
            r#"<li><a class="entry" href="/g/file?path={path}" download><span dir="auto">{name}</span><small>{size}</small></a></li>"#,
            words.size(item.size),
        ),
        Kind::Other => return None,
    };
    let name = legible(&item.name);
    let values = [("path", Html::text(&path)), ("name", Html::text(&name)), ("size", Html::text(&size))];
    Some(Html::fill(template, &values))
}

/// A mark stands for each character that turns the parts of a name round and shows nothing itself.
fn legible(name: &str) -> String {
    let turns = |c| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    name.replace(turns, "\u{fffd}")
}

/// Files to choose, a button, and nothing of what is there.
pub(super) fn add(core: &Core, words: &Words, guest: &Guest) -> Response<Body> {
    added(core, words, guest, StatusCode::OK, &[])
}

/// The same with what became of the files of the last time. Their own names are shown, not the ones they got: those
/// would tell which names were taken.
pub(super) fn added(
    core: &Core,
    words: &Words,
    guest: &Guest,
    code: StatusCode,
    files: &[(String, Result<u64, String>)],
) -> Response<Body> {
    let rows = files.iter().map(|(name, stored)| {
        let (class, line) = match stored {
            Ok(size) => ("done", words.text("guest.add.arrived", &[("size", &words.size(*size))])),
            Err(reason) => ("failed", words.text("guest.add.not_kept", &[("reason", reason)])),
        };
        Html::fill(
            r#"<li class="entry"><span>{name}</span><small class="state {class}">{line}</small></li>"#,
            &[("name", Html::text(name)), ("class", Html::text(class)), ("line", Html::text(&line))],
        )
    });
    let result = if files.is_empty() {
        Html::default()
    } else {
        Html::fill(
            r#"<div role="status"><ul class="card list">{rows}</ul></div>"#,
            &[("rows", Html::all(rows))],
        )
    };
    let main = Html::fill(
        r#"{result}
<form class="card" method="post" action="/g/upload" enctype="multipart/form-data" data-sending="{sending}" data-failed="{failed}">
<label>{files}<input name="file" type="file" multiple required></label>
<p class="hint">{explain}</p>
<button>{send}</button>
<p class="wait" data-progress hidden role="status"></p>
</form>"#,
        &[
            ("result", result),
            ("sending", words.html("guest.sending", &[])),
            ("failed", words.html("guest.broken", &[])),
            ("files", words.html("guest.add.files", &[])),
            ("explain", words.html("guest.add.explain", &[])),
            ("send", words.html("guest.add.do", &[])),
        ],
    );
    inside(core, words, guest, code, None, main)
}

/// Something went wrong while looking at a folder or a file.
pub(super) fn trouble(
    core: &Core,
    words: &Words,
    guest: &Guest,
    code: StatusCode,
    reason: &str,
) -> Response<Body> {
    let main = Html::fill(
        r#"{alert}<p><a class="button" href="/g/">{back}</a></p>"#,
        &[
            ("alert", alert(words.html("guest.trouble", &[("reason", reason)]))),
            ("back", words.html("guest.back", &[])),
        ],
    );
    inside(core, words, guest, code, None, main)
}

/// There is no such page; nothing else is said.
pub(super) fn nothing(words: &Words) -> Response<Body> {
    let title = words.text("guest.nothing", &[]);
    let main = Html::fill("<h1>{title}</h1>", &[("title", Html::text(&title))]);
    whole(words, StatusCode::NOT_FOUND, None, &title, main)
}

/// A page for somebody who is in: what it is about, until when, and the way out.
fn inside(
    core: &Core,
    words: &Words,
    guest: &Guest,
    code: StatusCode,
    refresh: Option<&'static str>,
    content: Html,
) -> Response<Body> {
    let share = core.shares.name_of(&guest.share).unwrap_or_default();
    let device = status::name(&core.settings);
    let main = Html::fill(
        r#"<header><h1>{share}</h1><p class="hint">{on}</p></header>
{content}
<form method="post" action="/g/leave"><button class="quiet">{leave}</button></form>"#,
        &[
            ("share", Html::text(&share)),
            (
                "on",
                Html::text(&format!("{} · {}", device, ends(words, guest.ends_at - core.clock.now().wall))),
            ),
            ("content", content),
            ("leave", words.html("guest.leave", &[])),
        ],
    );
    whole(words, code, refresh, &share, main)
}

/// In which time it ends; how late it is where the guest is, nobody here knows.
fn ends(words: &Words, left: i64) -> String {
    const MINUTE: i64 = 60_000;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let rounded = |unit| (left + unit / 2) / unit;
    match left {
        left if left >= 36 * HOUR => words.count("guest.ends.days", rounded(DAY)),
        left if left >= 90 * MINUTE => words.count("guest.ends.hours", rounded(HOUR)),
        _ => words.count("guest.ends.minutes", rounded(MINUTE).max(1)),
    }
}

fn alert(words: Html) -> Html {
    Html::fill(r#"<p class="trouble" role="alert">{words}</p>"#, &[("words", words)])
}

fn whole(
    words: &Words,
    code: StatusCode,
    refresh: Option<&'static str>,
    title: &str,
    main: Html,
) -> Response<Body> {
    let refresh = refresh.map_or_else(Html::default, |seconds| {
        Html::fill(r#"<meta http-equiv="refresh" content="{seconds}">"#, &[("seconds", Html::text(seconds))])
    });
    let page = Html::fill(
        r#"<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
{refresh}
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/g/style.css">
<script src="/g/script.js" defer></script>
</head>
<body>
<main>
{main}
</main>
</body>
</html>
"#,
        &[
            ("lang", Html::text(words.tag())),
            ("refresh", refresh),
            ("title", Html::text(title)),
            ("main", main),
        ],
    );
    let mut response = Response::new(body::full(page.into_string()));
    *response.status_mut() = code;
    front::set(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_pass_is_told_in_the_unit_that_fits() {
        const HOUR: i64 = 3_600_000;
        for (left, expected) in [
            (0, "Ends in 1 minute"),
            (80_000, "Ends in 1 minute"),
            (89 * 60_000, "Ends in 89 minutes"),
            (2 * HOUR - 1000, "Ends in 2 hours"),
            (35 * HOUR, "Ends in 35 hours"),
            (49 * HOUR, "Ends in 2 days"),
        ] {
            assert_eq!(ends(&Words::English, left), expected);
        }
    }

    #[test]
    fn an_entry_links_to_its_own_name_and_what_cannot_be_opened_is_left_out() {
        let folder = SharePath::parse("a b").unwrap_or_default();
        let item = |name: &str, kind| Item {
            name: name.to_owned(),
            kind,
            size: 5,
            modified: None,
            executable: false,
            etag: None,
            misnamed: None,
        };
        let html = |item: &Item| entry(&Words::English, &folder, item).map(Html::into_string);
        let file = html(&item("<b>&.txt", Kind::File)).unwrap_or_default();
        assert!(
            file.contains(r#"href="/g/file?path=a%20b/%3Cb%3E%26.txt""#)
                && file.contains("&lt;b&gt;&amp;.txt"),
            "{file}"
        );
        assert!(!file.contains("<b>"));
        assert!(html(&item("sub", Kind::Folder)).is_some_and(|html| html.contains("/g/list?path=a%20b/sub")));
        assert_eq!(html(&item("pipe", Kind::Other)), None);
        let disguised = html(&item("evil\u{202e}gnp.exe", Kind::File)).unwrap_or_default();
        assert!(disguised.contains(">evil\u{fffd}gnp.exe<"), "it is seen that something turns: {disguised}");
    }
}
