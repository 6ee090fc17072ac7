//! What a person reads: short tables and sentences. With `--json` the same values as they are.

mod copies;
mod drives;
mod jobs;
mod near;
mod passes;
pub(crate) mod qr;
mod reasons;
mod sharing;
pub(crate) mod table;

pub(crate) use copies::{
    inbox, transfer, transfer_gap, transfer_line, transfer_notes, transfer_reason, transfers,
};
pub(crate) use drives::{bin, clean_line, media, mounts};
pub(crate) use jobs::{job, job_line, job_reason, jobs, queues};
pub(crate) use near::{nearby, nearby_changes};
pub(crate) use passes::{new_pass, passes};
pub(crate) use sharing::{asks, shared, shares};

use crate::Failure;
use jiff::{Timestamp, tz::TimeZone};
use lanyard_api::{
    Check, CheckKind, Entry, EntryKind, Listing, Millis, Network, NetworkProfile, NodeStatus, Os, Outcome,
    SharingState,
};
use serde::Serialize;
use std::io::{self, Write};
use table::Table;

/// Prints `value` as JSON, or as `text` makes it.
pub(crate) fn show<T: Serialize + ?Sized>(
    json: bool,
    value: &T,
    text: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    let output = if json {
        let mut line = serde_json::to_string(value)
            .map_err(|error| Failure::said(format!("The answer cannot be written as JSON: {error}.")))?;
        line.push('\n');
        line
    } else {
        text(value)
    };
    print(&output)
}

pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// What strangers named, without what could move a terminal's cursor or turn its text around.
pub(crate) fn clean(text: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if odd(c) { '\u{fffd}' } else { c }).collect()
}

pub(crate) fn status(status: &NodeStatus) -> String {
    let os = match status.os {
        Os::Linux => "Linux",
        Os::Macos => "macOS",
        Os::Windows => "Windows",
        Os::Other => "another system",
    };
    let sharing = match status.sharing {
        SharingState::Visible => format!("others can see this computer, port {}", status.port),
        SharingState::Hidden => "nobody can see this computer: no network is marked as yours".to_owned(),
        SharingState::Offline => "this computer is on no network".to_owned(),
        SharingState::Failed => "nobody can see this computer, see below".to_owned(),
        SharingState::Paused if status.moved => {
            "nobody can see this computer: its key came here from another one. Say what happened: lanyard moved \
             same (the same device) or lanyard moved new (a copy)"
                .to_owned()
        }
        SharingState::Paused => match status.paused_until {
            Some(until) => format!("nobody can see this computer: sharing is paused until {}", when(until)),
            None => "nobody can see this computer: sharing is paused (lanyard sharing resume)".to_owned(),
        },
    };
    let mut table = Table::new(&[]);
    table.row(["name".into(), status.name.clone()]);
    table.row(["runs".into(), format!("Lanyard {} on {os}, process {}", status.version, status.pid)]);
    table.row(["check words".into(), status.check_words.clone()]);
    table.row(["sharing".into(), sharing]);
    for (n, network) in status.networks.iter().enumerate() {
        let label = if n == 0 { "networks" } else { "" };
        table.row([label.into(), format!("{} ({})", network.name, profile(network.profile))]);
    }
    table.row(["downloads".into(), status.downloads_dir.clone()]);
    table.row(["data".into(), status.data_dir.clone()]);
    for notice in &status.notices {
        table.row(["notice".into(), notice.clone()]);
    }
    table.text()
}

pub(crate) fn checks(checks: &[Check]) -> String {
    let mut text = String::new();
    for check in checks {
        let sign = match check.outcome {
            Outcome::Good => "✓",
            Outcome::Warning => "!",
            Outcome::Failed => "✗",
            Outcome::Unknown => "?",
        };
        text.push_str(&format!("{sign} {}: {}\n", check_name(check.what), clean(&check.detail)));
        for line in check.fix.iter().flat_map(|fix| fix.lines()) {
            text.push_str(&format!("    {}\n", clean(line)));
        }
    }
    text
}

fn check_name(what: CheckKind) -> &'static str {
    match what {
        CheckKind::Network => "network",
        CheckKind::Listening => "listening",
        CheckKind::Inbound => "others reach this device",
        CheckKind::Outbound => "this device reaches others",
        CheckKind::Multicast => "multicast DNS",
        CheckKind::SameNetwork => "same network",
        CheckKind::Clock => "clock",
        CheckKind::Version => "version",
        CheckKind::Home => "home",
        CheckKind::Data => "key and data",
        CheckKind::Sandbox => "confined",
    }
}

pub(crate) fn networks(networks: &[Network]) -> String {
    if networks.is_empty() {
        return "This computer has not been on any network yet.\n".to_owned();
    }
    let mut table = Table::new(&["NETWORK", "MARKED AS", "NOW", "INTERFACE", "ADDRESSES"]);
    for network in networks {
        table.row([
            network.name.clone(),
            profile(network.profile).to_owned(),
            if network.connected { "connected" } else { "away" }.to_owned(),
            network.interface.clone().unwrap_or_default(),
            network.addresses.join(" "),
        ]);
    }
    table.text()
}

fn at(name: &str, device: &str) -> String {
    if device.is_empty() { name.to_owned() } else { format!("{name}@{device}") }
}

pub(crate) fn listing(listing: &Listing) -> String {
    if listing.entries.is_empty() {
        return "The folder is empty.\n".to_owned();
    }
    entries(listing, [0; 2])
}

/// The same for a part of many, all of which have columns of the same width.
pub(crate) fn part_of_listing(listing: &Listing) -> String {
    entries(listing, ["999.9 kB".len(), "2000-01-01 00:00".len()])
}

fn entries(listing: &Listing, widths: [usize; 2]) -> String {
    let mut table = Table::new(&[]);
    table.right(0);
    table.at_least(&widths);
    for Entry { name, kind, size: bytes, modified, misnamed, .. } in &listing.entries {
        let (amount, name) = match kind {
            EntryKind::File => (size(*bytes), name.clone()),
            EntryKind::Folder => (String::new(), format!("{name}/")),
            EntryKind::Other if misnamed.is_some() => {
                (size(*bytes), format!("{name} (its name cannot be read here)"))
            }
            EntryKind::Other => (String::new(), format!("{name} (not a file)")),
        };
        table.row([amount, modified.map(when).unwrap_or_default(), name]);
    }
    table.text()
}

fn profile(profile: NetworkProfile) -> &'static str {
    match profile {
        NetworkProfile::Public => "public",
        NetworkProfile::Trusted => "mine",
    }
}

fn with_reason(state: &str, reason: Option<&str>) -> String {
    match reason.filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("{state} ({})", reasons::words(reason)),
        None => state.to_owned(),
    }
}

fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

pub(crate) fn when(millis: Millis) -> String {
    let Ok(stamp) = Timestamp::from_millisecond(millis) else { return String::new() };
    stamp.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// Bytes in the units that disks are sold in.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        for (bytes, text) in [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB")] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(size(u64::MAX), "18.4 EB");
    }

    #[test]
    fn a_strangers_name_cannot_move_the_cursor() {
        assert_eq!(clean("a\x1b[2Jb\u{202e}c\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}");
    }
}
