//! Copies, and what others send.

use super::{at, clean, short, size, table::Table, when, with_reason};
use lanyard_api::{
    Inbox, SendingState, Transfer, TransferDirection, TransferFate, TransferNote, TransferState,
};

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
            format!("{path} ({}), {}\n", amount(transfer), identical(transfer))
        }
        (TransferState::Done, TransferDirection::Upload) => {
            let path = clean(&transfer.remote_path);
            format!("{drive}:{path} ({}), {}\n", amount(transfer), identical(transfer))
        }
        _ => {
            let reason = transfer.detail.as_deref().or(transfer.reason.as_deref());
            format!("{name}, {drive}: {}\n", clean(&with_reason(&transfer_state(transfer), reason)))
        }
    }
}

/// What did not come of a copy that is done: ordinary files, which a person expects to be there.
pub(crate) fn transfer_gap(transfer: &Transfer) -> Option<String> {
    let misnamed = transfer.tree.map_or(0, |tree| tree.misnamed);
    (transfer.state == TransferState::Done && misnamed > 0).then(|| {
        let (name, id) = (clean(&transfer.name), short(&transfer.id));
        format!(
            "{misnamed} in “{name}” could not be copied: no other computer can read the name. Rename it where it is. \
             See lanyard notes {id}"
        )
    })
}

fn identical(transfer: &Transfer) -> &'static str {
    match transfer_gap(transfer) {
        None => "identical to the original",
        Some(_) => "what was copied is identical to the original",
    }
}

pub(crate) fn transfer_reason(transfer: &Transfer) -> String {
    let reason = transfer.detail.clone().or_else(|| transfer.reason.clone());
    clean(&reason.unwrap_or_else(|| format!("“{}” was {}.", transfer.name, transfer_state(transfer))))
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
