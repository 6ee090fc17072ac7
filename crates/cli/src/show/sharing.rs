//! What is shared with whom, and who asks for it.

use super::{clean, short, size, table::Table, when};
use lanyard_api::{Ask, Audience, Grant, Share, ShareKind};

pub(crate) fn shared(share: &Share) -> String {
    format!("“{}” is shared with {}.\n", clean(&share.name), clean(&audience(share)))
}

pub(crate) fn shares(shares: &[Share]) -> String {
    if shares.is_empty() {
        return "Nothing is shared. Share something with: lanyard share folder PATH\n".to_owned();
    }
    let mut table = Table::new(&["SHARE", "ID", "WHAT", "WHO", "STATE"]);
    for share in shares {
        let what = match share.kind {
            ShareKind::Printer => format!("printer {}", share.target),
            ShareKind::Folder if share.policy.write => format!("folder {} (may write)", share.target),
            ShareKind::Folder => format!("folder {}", share.target),
            ShareKind::Disc => format!("disc {}", share.target),
        };
        let state = if share.available { "ready" } else { "away" };
        table.row([share.name.clone(), share.id.clone(), what, audience(share), state.to_owned()]);
    }
    table.text()
}

pub(crate) fn asks(asks: &[Ask]) -> String {
    if asks.is_empty() {
        return "Nobody asks for anything.\n".to_owned();
    }
    let mut table = Table::new(&["QUESTION", "WHO", "FROM", "WANTS", "DOCUMENT", "UNTIL"]);
    for ask in asks {
        let mut what = ask.title.clone().unwrap_or_default();
        if ask.names.len() > 1 {
            what = ask.names.join(", ");
            let more = ask.files.map_or(0, |files| files as usize).saturating_sub(ask.names.len());
            if more > 0 {
                what.push_str(&format!(" and {more} more"));
            }
        }
        let pages = ask.pages.map(|pages| format!("{pages} pages"));
        let details: Vec<String> = pages.into_iter().chain(ask.bytes.map(size)).collect();
        table.row([
            ask.id.clone(),
            if ask.known { ask.device_name.clone() } else { format!("{} (not known)", ask.device_name) },
            ask.address.clone(),
            ask.share_name.clone(),
            if details.is_empty() { what } else { format!("{what} ({})", details.join(", ")) },
            when(ask.ends_at),
        ]);
    }
    table.text()
}

fn audience(share: &Share) -> String {
    let who: Vec<String> = share
        .policy
        .audience
        .iter()
        .map(|grant| {
            let who = match &grant.who {
                Audience::Network => "everyone on my networks".to_owned(),
                Audience::Home => "my home".to_owned(),
                Audience::Guest { id } => format!("guest {}", short(id)),
                Audience::Device { id } => format!("device {}", short(id)),
            };
            let conditions = conditions(grant);
            if conditions.is_empty() { who } else { format!("{who} ({})", conditions.join(", ")) }
        })
        .collect();
    let until = share.policy.until.map(|until| format!(", until {}", when(until))).unwrap_or_default();
    let who = if who.is_empty() { "nobody".to_owned() } else { who.join(", ") };
    format!("{who}{until}")
}

fn conditions(grant: &Grant) -> Vec<String> {
    let word = |said: bool, word: &str| said.then(|| word.to_owned());
    [
        word(grant.ask, "asks first"),
        word(grant.write, "writes"),
        word(grant.add_only, "only adds"),
        word(grant.manage, "manages"),
        grant.until.map(|until| format!("until {}", when(until))),
        grant.max_jobs.map(|jobs| format!("{jobs} jobs a day")),
        grant.max_bytes.map(|bytes| format!("{} a day", size(bytes))),
        grant.max_pages.map(|pages| format!("{pages} sides a day")),
        word(grant.no_color, "grey only"),
        grant.quiet.map(|hours| {
            let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
            format!("not {}–{}", time(hours.from), time(hours.to))
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}
