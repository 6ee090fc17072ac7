//! What can stop one try of a copy, and whether another try makes sense.

use super::{browse::RemoteError, transfer::Reason};
use crate::{disk, wire::Code};
use std::{io, path::Path};

/// Why a try ended.
#[derive(Debug)]
pub(super) enum Trouble {
    /// A person cancelled it, or the node stops.
    Interrupted,
    /// The original is not the one that was being copied.
    Changed,
    /// Goes away by itself: wait, then try again.
    Passing(Reason, String),
    /// Does not go away by itself.
    Final(Reason, String),
}

impl Trouble {
    /// What the other device's refusal means for a copy. `path` is the remote one.
    pub(super) fn remote(error: &RemoteError, device: &str, path: &str) -> Self {
        let code = match error {
            RemoteError::Link(error) => {
                let detail =
                    format!("{device} is not answering ({error}). The copy goes on when it is back.");
                return Self::Passing(Reason::PeerUnreachable, detail);
            }
            RemoteError::Nonsense(_) => return Self::Final(Reason::Internal, format!("{device}: {error}.")),
            RemoteError::Refused(code) => *code,
        };
        let (reason, detail) = refusal(code, device, path);
        match code {
            Code::Changed => Self::Changed,
            Code::Busy | Code::Away => Self::Passing(reason, detail),
            _ => Self::Final(reason, detail),
        }
    }

    /// The same for what is sent to a person, who may have to be asked first.
    pub(super) fn sent(error: &RemoteError, device: &str, path: &str) -> Self {
        match error {
            RemoteError::Refused(Code::MustAsk) => {
                Self::Passing(Reason::MustAsk, format!("It waits until somebody at {device} accepts it."))
            }
            RemoteError::Refused(Code::NotAllowed) => {
                Self::Final(Reason::NotAllowed, format!("It was not accepted at {device}."))
            }
            error => Self::remote(error, device, path),
        }
    }

    /// A file here could not be read or written.
    pub(super) fn local(error: &io::Error, path: &Path) -> Self {
        let (reason, detail) = local_words(error, path);
        Self::Final(reason, detail)
    }
}

/// Why a question to another device was not answered, in words for people. `path` is the one that was asked for.
#[must_use]
pub fn remote_words(error: &RemoteError, device: &str, path: &str) -> (Reason, String) {
    match error {
        RemoteError::Link(error) => {
            (Reason::PeerUnreachable, format!("{device} is not answering ({error}). It may be asleep."))
        }
        RemoteError::Nonsense(_) => (Reason::Internal, format!("{device}: {error}.")),
        RemoteError::Refused(code) => refusal(*code, device, path),
    }
}

/// A refusal in words for people.
#[must_use]
pub(super) fn refusal(code: Code, device: &str, path: &str) -> (Reason, String) {
    match code {
        Code::NotFound => {
            (Reason::NotFound, format!("There is no “{path}” on {device}, or it is not shared any more."))
        }
        Code::NotAllowed => (Reason::NotAllowed, format!("The owner of {device} has not allowed this.")),
        Code::MustAsk => {
            (Reason::MustAsk, format!("The owner of {device} wants to be asked before this is used."))
        }
        Code::Spent => {
            (Reason::Spent, format!("The owner of {device} allows so much a day, and that is used up."))
        }
        Code::Unreadable => (Reason::Unreadable, format!("{device} has no access to “{path}” itself.")),
        Code::Special => {
            (Reason::Invalid, format!("“{path}” is a link or a special file. Those are not opened."))
        }
        Code::WrongKind => {
            (Reason::Invalid, format!("“{path}” is not a file, or lies in something that is not a folder."))
        }
        Code::Invalid => (Reason::Invalid, format!("“{path}” is not a name that every computer can hold.")),
        Code::Exists => (Reason::Exists, format!("“{path}” is there already on {device}.")),
        Code::NotEmpty => (Reason::Exists, format!("“{path}” on {device} is a folder that is not empty.")),
        Code::Changed => (Reason::Changed, format!("“{path}” changes on {device} while it is copied.")),
        Code::DiskFull => (Reason::DiskFull, format!("There is no room for “{path}” on {device}.")),
        Code::Mismatch => (
            Reason::Mismatch,
            format!("What arrived on {device} does not match the original, so it was not kept."),
        ),
        Code::Busy => (Reason::Busy, format!("{device} has too much to do at the moment.")),
        Code::Away => (
            Reason::Away,
            format!("The disc or drive with “{path}” is not in {device}. It goes on when that is back."),
        ),
        Code::Damaged => (
            Reason::Unreadable,
            format!(
                "{device} cannot read “{path}” everywhere: its disc or disk may be scratched, dirty or broken."
            ),
        ),
        Code::TooLarge | Code::Failed => (Reason::Internal, format!("{device} met a fault of its own.")),
    }
}

/// What has a name there is not what was there when the copy looked: it is for a person to say what becomes of it.
#[must_use]
pub(super) fn changed_there(device: &str, path: &str) -> (Reason, String) {
    (Reason::Exists, format!("“{path}” was changed on {device} meanwhile, so it was kept."))
}

/// The same on this computer.
#[must_use]
pub(super) fn changed_here(path: &Path) -> (Reason, String) {
    (Reason::Exists, format!("{} was changed meanwhile, so it was kept.", path.display()))
}

/// Why a file of this computer could not be read or written, in words for people.
#[must_use]
pub fn local_words(error: &io::Error, path: &Path) -> (Reason, String) {
    let path = path.display();
    if disk::is_full(error) {
        return (Reason::DiskFull, format!("There is no room left on the disk for {path}."));
    }
    match error.kind() {
        io::ErrorKind::AlreadyExists => (Reason::Exists, format!("{path} is there already.")),
        _ => (Reason::Unreadable, format!("{path}: {error}.")),
    }
}
