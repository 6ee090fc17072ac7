//! From the drive room's types to those of front ends.

use lanyard_api::{
    ApiError, Conflict, Entry, EntryKind, ErrorCode, Transfer, TransferDirection, TransferFate, TransferNote,
    TransferState, TransferTree,
};
use lanyard_drive::{
    consume::{self, Direction, Fate, Reason, RemoteError, State},
    wire::{Item, Kind, is_send},
};

pub(super) fn entry(item: Item) -> Entry {
    let kind = kind(item.kind);
    let modified = item.modified.map(|nanos| nanos.div_euclid(1_000_000));
    // What another device says of something that can be opened anyway is nothing.
    let misnamed = item
        .misnamed
        .map(self::kind)
        .filter(|behind| kind == EntryKind::Other && *behind != EntryKind::Other);
    Entry { name: item.name, kind, size: item.size, modified, etag: item.etag, misnamed }
}

pub(super) fn kind(kind: Kind) -> EntryKind {
    match kind {
        Kind::File => EntryKind::File,
        Kind::Folder => EntryKind::Folder,
        Kind::Other => EntryKind::Other,
    }
}

pub(super) fn conflict(conflict: Conflict) -> consume::Conflict {
    match conflict {
        Conflict::Refuse => consume::Conflict::Refuse,
        Conflict::KeepBoth => consume::Conflict::KeepBoth,
        Conflict::Replace => consume::Conflict::Replace,
        Conflict::Skip => consume::Conflict::Skip,
    }
}

pub(super) fn api_transfer(copy: &consume::Transfer) -> Transfer {
    let direction = match copy.direction {
        Direction::Download => TransferDirection::Download,
        Direction::Upload => TransferDirection::Upload,
    };
    // A copy that is here has a name of its own, maybe with a number; what goes elsewhere carries the one it has there.
    let here = (copy.direction == Direction::Download && copy.state == State::Done)
        .then(|| copy.local_path.file_name());
    let here = here.flatten().map(|name| name.to_string_lossy());
    let there = copy.remote_path.rsplit('/').next().filter(|name| !name.is_empty());
    Transfer {
        id: copy.id.to_string(),
        direction,
        // All of a drive has no path.
        name: here.as_deref().or(there).unwrap_or(&copy.drive).to_owned(),
        drive: copy.drive.clone(),
        drive_id: match is_send(&copy.share) {
            true => String::new(),
            false => format!("{}@{}", copy.share.0, copy.node),
        },
        device: copy.node.to_string(),
        device_name: copy.device_name.clone(),
        remote_path: copy.remote_path.clone(),
        local_path: copy.local_path.to_string_lossy().into_owned(),
        state: state(copy.state),
        reason: copy.reason.map(|reason| reason.word().to_owned()),
        detail: copy.detail.clone(),
        bytes: copy.size,
        bytes_done: copy.bytes_done,
        rate: copy.rate,
        limit: copy.limit,
        sources: copy.sources,
        inbox: is_send(&copy.share),
        tree: copy.tree.map(tree),
        created_at: copy.created_at,
        ended_at: copy.ended_at,
    }
}

fn tree(tree: consume::Tree) -> TransferTree {
    let consume::Tree { files, files_done, failed, left_out, misnamed, renamed } = tree;
    TransferTree { files, files_done, failed, left_out, misnamed, renamed }
}

pub(super) fn note(note: consume::Note) -> TransferNote {
    let fate = match note.fate {
        Fate::Done => TransferFate::Renamed,
        Fate::LeftOut => TransferFate::LeftOut,
        Fate::Failed => TransferFate::Failed,
    };
    let reason = note.reason.map(|reason| reason.word().to_owned());
    TransferNote { path: note.path, copy: note.copy, fate, reason, detail: note.detail }
}

fn state(state: State) -> TransferState {
    match state {
        State::Waiting => TransferState::Waiting,
        State::Running => TransferState::Running,
        State::Paused => TransferState::Paused,
        State::Done => TransferState::Done,
        State::Cancelled => TransferState::Cancelled,
        State::Failed => TransferState::Failed,
    }
}

/// A refusal of the other device, for a front end.
pub(crate) fn refused(error: &RemoteError, device: &str, path: &str) -> ApiError {
    let (reason, words) = consume::remote_words(error, device, path);
    ApiError::new(api(reason), words)
}

/// The code of a reason; [`Reason::word`] is the same word as the code's in JSON.
pub(super) fn api(reason: Reason) -> ErrorCode {
    match reason {
        Reason::PeerUnreachable => ErrorCode::PeerUnreachable,
        Reason::NotFound => ErrorCode::NotFound,
        Reason::NotAllowed => ErrorCode::NotAllowed,
        Reason::MustAsk => ErrorCode::MustAsk,
        Reason::Spent => ErrorCode::Spent,
        Reason::Unreadable => ErrorCode::Unreadable,
        Reason::DiskFull => ErrorCode::DiskFull,
        Reason::Exists => ErrorCode::Exists,
        Reason::Mismatch => ErrorCode::Mismatch,
        Reason::Changed => ErrorCode::Changed,
        // Told of single files of a folder only, where its own word stands.
        Reason::Invalid | Reason::Misnamed => ErrorCode::Invalid,
        Reason::Busy => ErrorCode::Busy,
        Reason::Away => ErrorCode::Away,
        Reason::Internal => ErrorCode::Internal,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_reason_is_the_word_of_its_code() {
        let words = [
            "peer_unreachable",
            "not_found",
            "not_allowed",
            "must_ask",
            "spent",
            "unreadable",
            "disk_full",
            "exists",
            "mismatch",
            "changed",
            "invalid",
            "busy",
            "away",
            "internal",
        ];
        for word in words {
            let reason = Reason::from_word(word).unwrap();
            assert_eq!(serde_json::to_value(api(reason)).unwrap(), word, "a screen looks it up by this word");
        }
    }

    #[test]
    fn times_before_1970_round_down() {
        let item = Item {
            name: "x".into(),
            kind: Kind::File,
            size: 0,
            modified: Some(-1),
            executable: false,
            etag: None,
            misnamed: None,
        };
        assert_eq!(entry(item).modified, Some(-1));
    }
}
