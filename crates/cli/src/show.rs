//! What a person reads: short tables and sentences. With `--json` the same values as they are.

mod drives;
mod passes;
pub(crate) mod qr;
mod reasons;
pub(crate) mod table;

pub(crate) use drives::{bin, clean_line, media, mounts};
pub(crate) use passes::{new_pass, passes};

use crate::Failure;
use jiff::{Timestamp, tz::TimeZone};
use lanyard_api::{
    Access, Ask, Audience, Check, CheckKind, DeviceState, Entry, EntryKind, Grant, Inbox, Job, JobDirection,
    JobState, Listing, Millis, Nearby, Network, NetworkProfile, NodeStatus, Os, Outcome, Printer,
    PrinterState, Queue, SendingState, Share, ShareKind, SharingState, Transfer, TransferDirection,
    TransferFate, TransferNote, TransferState,
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

pub(crate) fn nearby(nearby: &Nearby) -> String {
    if nearby.devices.is_empty() && nearby.printers.is_empty() && nearby.drives.is_empty() {
        return "Nothing is nearby yet. Start Lanyard on another computer on this network.\n".to_owned();
    }
    let mut text = String::new();
    if !nearby.devices.is_empty() {
        let mut table = Table::new(&["DEVICE", "STATE", "CHECK WORDS", "ADDRESS"]);
        for device in &nearby.devices {
            let address = device.addresses.first().cloned().unwrap_or_default();
            table.row([
                device.name.clone(),
                device_state(device.state).to_owned(),
                device.check_words.clone(),
                address,
            ]);
        }
        text.push_str(&table.text());
    }
    if !nearby.printers.is_empty() {
        let mut table = Table::new(&["PRINTER", "STATE", "MODEL"]);
        for printer in &nearby.printers {
            table.row([
                at(&printer.name, &printer.device_name),
                printer_state(printer),
                printer.model.clone().unwrap_or_default(),
            ]);
        }
        separate(&mut text, &table);
    }
    if !nearby.drives.is_empty() {
        let mut table = Table::new(&["DRIVE", "STATE", "MAY", "FREE"]);
        for drive in &nearby.drives {
            table.row([
                at(&drive.name, &drive.device_name),
                with_access(if drive.available { "ready" } else { "away" }, drive.access),
                if drive.writable { "read and write" } else { "read" }.to_owned(),
                drive.free_bytes.map(size).unwrap_or_default(),
            ]);
        }
        separate(&mut text, &table);
    }
    text
}

/// One line for each thing that came, went or changed.
pub(crate) fn nearby_changes(before: &Nearby, now: &Nearby) -> String {
    let (old, new) = (nearby_lines(before), nearby_lines(now));
    let mut text = String::new();
    for (id, line) in &new {
        match old.iter().find(|(other, _)| other == id) {
            None => text.push_str(&format!("came     {line}\n")),
            Some((_, other)) if other != line => text.push_str(&format!("changed  {line}\n")),
            Some(_) => {}
        }
    }
    for (id, line) in &old {
        if !new.iter().any(|(other, _)| other == id) {
            text.push_str(&format!("went     {line}\n"));
        }
    }
    text
}

fn nearby_lines(nearby: &Nearby) -> Vec<(String, String)> {
    let devices = nearby.devices.iter().map(|device| {
        (device.id.clone(), format!("device   {}, {}", clean(&device.name), device_state(device.state)))
    });
    let printers = nearby.printers.iter().map(|printer| {
        let name = clean(&at(&printer.name, &printer.device_name));
        (printer.id.clone(), format!("printer  {name}, {}", clean(&printer_state(printer))))
    });
    let drives = nearby.drives.iter().map(|drive| {
        let state = if drive.available { "ready" } else { "away" };
        (drive.id.clone(), format!("drive    {}, {state}", clean(&at(&drive.name, &drive.device_name))))
    });
    devices.chain(printers).chain(drives).collect()
}

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

pub(crate) fn jobs(jobs: &[Job]) -> String {
    if jobs.is_empty() {
        return "There are no print jobs.\n".to_owned();
    }
    let mut table = Table::new(&["JOB", "DOCUMENT", "WHERE", "STATE", "WHEN"]);
    for job in jobs {
        table.row([
            short(&job.id),
            job.title.clone(),
            job_where(job),
            with_reason(job_state(job.state), job.detail.as_deref().or(job.reason.as_deref())),
            when(job.created_at),
        ]);
    }
    table.text()
}

pub(crate) fn queues(queues: &[Queue]) -> String {
    let mut table = Table::new(&["QUEUE", "NAME", "STATE"]);
    for queue in queues {
        let state = match queue.paused {
            true => "stopped by its owner".to_owned(),
            false => with_reason(queue_state(queue.state), queue.reasons.first().map(String::as_str)),
        };
        table.row([queue.id.clone(), queue.name.clone(), state]);
    }
    table.text()
}

pub(crate) fn job_line(job: &Job) -> String {
    format!("{}  {}", short(&job.id), self::job(job))
}

pub(crate) fn job(job: &Job) -> String {
    let reason = job.detail.as_deref().or(job.reason.as_deref());
    let pages = match (job.pages_done, job.pages) {
        (Some(done), Some(pages)) if job.state == JobState::Printing => format!(" (page {done} of {pages})"),
        _ => String::new(),
    };
    let state = clean(&with_reason(job_state(job.state), reason));
    format!("“{}” on {}: {state}{pages}\n", clean(&job.title), clean(&job_where(job)))
}

pub(crate) fn job_reason(job: &Job) -> String {
    let reason = job.detail.clone().or_else(|| Some(reasons::words(job.reason.as_deref()?).to_owned()));
    clean(&reason.unwrap_or_else(|| format!("“{}” was {}.", job.title, job_state(job.state))))
}

pub(crate) fn transfers(transfers: &[Transfer]) -> String {
    if transfers.is_empty() {
        return "There are no copies.\n".to_owned();
    }
    let mut table = Table::new(&["COPY", "FILE", "", "DRIVE", "STATE", "WHEN"]);
    for transfer in transfers {
        let direction = match transfer.direction {
            TransferDirection::Download => "from",
            TransferDirection::Upload => "to",
        };
        table.row([
            short(&transfer.id),
            transfer.name.clone(),
            direction.to_owned(),
            at(&transfer.drive, &transfer.device_name),
            with_reason(&transfer_state(transfer), transfer.detail.as_deref().or(transfer.reason.as_deref())),
            when(transfer.created_at),
        ]);
    }
    table.text()
}

pub(crate) fn transfer_line(transfer: &Transfer) -> String {
    format!("{}  {}", short(&transfer.id), self::transfer(transfer))
}

pub(crate) fn transfer(transfer: &Transfer) -> String {
    let drive = clean(&at(&transfer.drive, &transfer.device_name));
    let name = clean(&transfer.name);
    match (transfer.state, transfer.direction) {
        (TransferState::Done, TransferDirection::Download) => {
            let path = clean(&transfer.local_path);
            format!("{path} ({}), identical to the original\n", amount(transfer))
        }
        (TransferState::Done, TransferDirection::Upload) => {
            let path = clean(&transfer.remote_path);
            format!("{drive}:{path} ({}), identical to the original\n", amount(transfer))
        }
        _ => {
            let reason = transfer.detail.as_deref().or(transfer.reason.as_deref());
            format!("{name}, {drive}: {}\n", clean(&with_reason(&transfer_state(transfer), reason)))
        }
    }
}

/// How much it was: bytes, and for a folder the files and what there is to tell of them.
fn amount(transfer: &Transfer) -> String {
    let mut words = size(transfer.bytes_done);
    if let Some(tree) = transfer.tree {
        words = format!("{} files, {words}", tree.files_done);
        for (count, what) in [(tree.left_out, "left out"), (tree.renamed, "renamed")] {
            if count > 0 {
                words.push_str(&format!(", {count} {what}: see lanyard notes {}", short(&transfer.id)));
            }
        }
    }
    words
}

pub(crate) fn inbox(inbox: &Inbox) -> String {
    let mut text = format!("What others send lands in {}.\n", clean(&inbox.folder));
    for sender in &inbox.always {
        text.push_str(&format!("{}: always accepted\n", clean(&sender.device_name)));
    }
    if inbox.sendings.is_empty() {
        return text;
    }
    let mut table = Table::new(&["ID", "WHAT", "FROM", "STATE", "WHEN"]);
    for one in &inbox.sendings {
        let state = match one.state {
            SendingState::Asking => "asks: see lanyard asks".to_owned(),
            SendingState::Refused => "not accepted".to_owned(),
            SendingState::Withdrawn => "not sent to its end".to_owned(),
            SendingState::Done => size(one.bytes_done),
            SendingState::Accepted => format!("{} of {}", size(one.bytes_done), size(one.bytes)),
        };
        let (title, from) = (one.title.clone(), one.device_name.clone());
        table.row([short(&one.id), title, from, state, when(one.asked_at)]);
    }
    text + &table.text()
}

pub(crate) fn transfer_notes(notes: &[TransferNote]) -> String {
    if notes.is_empty() {
        return "Everything was copied under its own name.\n".to_owned();
    }
    let mut table = Table::new(&["FILE", "", ""]);
    for note in notes {
        let (fate, why) = match note.fate {
            TransferFate::Renamed => ("is called", note.copy.clone()),
            TransferFate::LeftOut => ("left out", note.detail.clone().unwrap_or_default()),
            TransferFate::Failed => ("failed", note.detail.clone().unwrap_or_default()),
        };
        table.row([note.path.clone(), fate.to_owned(), why]);
    }
    table.text()
}

pub(crate) fn transfer_reason(transfer: &Transfer) -> String {
    let reason = transfer.detail.clone().or_else(|| transfer.reason.clone());
    clean(&reason.unwrap_or_else(|| format!("“{}” was {}.", transfer.name, transfer_state(transfer))))
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
    for Entry { name, kind, size: bytes, modified, .. } in &listing.entries {
        let (amount, name) = match kind {
            EntryKind::File => (size(*bytes), name.clone()),
            EntryKind::Folder => (String::new(), format!("{name}/")),
            EntryKind::Other => (String::new(), format!("{name} (not a file)")),
        };
        table.row([amount, modified.map(when).unwrap_or_default(), name]);
    }
    table.text()
}

pub(crate) fn asks(asks: &[Ask]) -> String {
    if asks.is_empty() {
        return "Nobody asks for anything.\n".to_owned();
    }
    let mut table = Table::new(&["QUESTION", "WHO", "FROM", "WANTS", "DOCUMENT", "UNTIL"]);
    for ask in asks {
        let what = ask.title.clone().unwrap_or_default();
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

fn separate(text: &mut String, table: &Table) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&table.text());
}

fn at(name: &str, device: &str) -> String {
    if device.is_empty() { name.to_owned() } else { format!("{name}@{device}") }
}

fn profile(profile: NetworkProfile) -> &'static str {
    match profile {
        NetworkProfile::Public => "public",
        NetworkProfile::Trusted => "mine",
    }
}

fn device_state(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Online => "online",
        DeviceState::Unreachable => "not answering",
    }
}

fn printer_state(printer: &Printer) -> String {
    let told = printer.reasons.iter().map(String::as_str).filter(|reason| *reason != "none");
    let reasons: Vec<&str> = told.map(reasons::words).collect();
    with_access(&with_reason(queue_state(printer.state), Some(reasons.join(", ").as_str())), printer.access)
}

fn queue_state(state: PrinterState) -> &'static str {
    match state {
        PrinterState::Ready => "ready",
        PrinterState::Busy => "busy",
        PrinterState::Stopped => "stopped",
        PrinterState::Unreachable => "not answering",
    }
}

fn with_access(state: &str, access: Access) -> String {
    match access {
        Access::Allowed => state.to_owned(),
        Access::Ask => format!("{state}, ask first"),
        Access::Waiting => format!("{state}, waiting for its owner"),
        Access::Refused => format!("{state}, refused by its owner"),
    }
}

fn job_state(state: JobState) -> &'static str {
    match state {
        JobState::Sending => "sending",
        JobState::Waiting => "waiting",
        JobState::Held => "held",
        JobState::Printing => "printing",
        JobState::Stopped => "stopped",
        JobState::Done => "done",
        JobState::Cancelled => "cancelled",
        JobState::Failed => "failed",
    }
}

fn job_where(job: &Job) -> String {
    match job.direction {
        JobDirection::Outgoing => at(&job.printer, &job.device_name),
        JobDirection::Incoming => format!("{}, for {}", job.printer, job.device_name),
    }
}

fn running(transfer: &Transfer, bytes: u64) -> String {
    let mut words = format!("{} of {}", size(transfer.bytes_done), size(bytes));
    if let Some((tree, files)) = transfer.tree.and_then(|tree| Some((tree, tree.files?))) {
        words = format!("{} of {files} files, {words}", tree.files_done);
    }
    if let Some(left) = bytes.saturating_sub(transfer.bytes_done).checked_div(transfer.rate) {
        words.push_str(&format!(", {}/s, {}:{:02} left", size(transfer.rate), left / 60, left % 60));
    }
    words
}

fn transfer_state(transfer: &Transfer) -> String {
    match transfer.state {
        TransferState::Waiting => "waiting".to_owned(),
        TransferState::Running => match transfer.bytes {
            Some(bytes) => running(transfer, bytes),
            None => "running".to_owned(),
        },
        TransferState::Paused => "paused".to_owned(),
        TransferState::Done => "done".to_owned(),
        TransferState::Cancelled => "cancelled".to_owned(),
        TransferState::Failed => "failed".to_owned(),
    }
}

fn with_reason(state: &str, reason: Option<&str>) -> String {
    match reason.filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("{state} ({})", reasons::words(reason)),
        None => state.to_owned(),
    }
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

    #[test]
    fn what_came_and_went_is_told() {
        let drive = |id: &str, available| lanyard_api::Drive {
            id: id.into(),
            name: id.to_uppercase(),
            device: "x".into(),
            device_name: "pi".into(),
            access: Access::Allowed,
            writable: false,
            disc: false,
            available,
            free_bytes: None,
            total_bytes: None,
        };
        let before = Nearby { drives: vec![drive("a", true), drive("b", true)], ..Nearby::default() };
        let now = Nearby { drives: vec![drive("b", false), drive("c", true)], ..Nearby::default() };
        assert_eq!(
            nearby_changes(&before, &now),
            "changed  drive    B@pi, away\ncame     drive    C@pi, ready\nwent     drive    A@pi, ready\n"
        );
    }
}
