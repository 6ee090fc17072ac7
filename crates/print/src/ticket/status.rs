//! What an owner says became of a job.

use super::{keyword, words};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where a job is with the owner of the printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Safe on the owner's disk, not on paper yet.
    Waiting,
    /// Kept back until somebody lets it go, or for a time.
    Held,
    /// Being printed.
    Printing,
    /// A person must do something.
    Stopped,
    /// On paper.
    Done,
    /// Cancelled.
    Cancelled,
    /// Will not be printed.
    Failed,
}

/// What an owner tells the sender of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    /// The sender's UUID.
    pub job: Uuid,
    /// Which attempt this is about.
    pub attempt: u32,
    /// Counts up with every change, so that old news can be told from new.
    pub rev: u64,
    /// Where it is.
    pub state: State,
    /// True when nothing more will happen to it: a cancel is shown at once but may come too late.
    #[serde(default)]
    pub over: bool,
    /// The IPP keyword or error code behind the state.
    #[serde(default)]
    pub reason: Option<String>,
    /// Plain words behind it.
    #[serde(default)]
    pub detail: Option<String>,
    /// Pages that reached paper, when the printer tells.
    #[serde(default)]
    pub pages_done: Option<u32>,
    /// It is over, and certainly nothing of it is on paper: it may be printed elsewhere.
    #[serde(default)]
    pub unprinted: bool,
}

/// Why an owner did not take a document: the body of every refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// A code of `lanyard-api`'s list.
    pub reason: String,
    /// Plain words.
    pub detail: String,
}

impl State {
    /// True when nothing more will happen by itself or by a person at the printer.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Failed)
    }

    /// Its name on the wire and in the store.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Held => "held",
            Self::Printing => "printing",
            Self::Stopped => "stopped",
            Self::Done => "done",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// From its name.
    #[must_use]
    pub fn from_keyword(keyword: &str) -> Option<Self> {
        [Self::Waiting, Self::Held, Self::Printing, Self::Stopped, Self::Done, Self::Cancelled, Self::Failed]
            .into_iter()
            .find(|state| state.keyword() == keyword)
    }
}

impl JobStatus {
    /// The same, fit to be stored and shown.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.over &= self.state.is_final();
        self.unprinted &= self.over && self.state != State::Done;
        self.reason = self.reason.and_then(|reason| keyword(&reason));
        self.detail = self.detail.map(|detail| words(&detail)).filter(|detail| !detail.is_empty());
        self
    }
}
