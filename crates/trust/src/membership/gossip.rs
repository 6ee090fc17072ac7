//! How two copies of a log come to know the same: what one asks and the other answers.
//!
//! One side begins ([`Sync`]) and asks until it is done; the other answers each question from its copy ([`answer`])
//! and remembers nothing in between. Both ways are served: what the other lacks is told at the end. How messages
//! travel, and that they come from a member, is the caller's business, and so is storing what is new.
//!
//! ```text
//! Digest  -> Same | OtherHome | Ids         the names of all that is known there, 16 bytes each
//! Want    -> Ops                            parents first, as many as fit; asked again until nothing is wanted
//! Ops     -> Taken
//! ```

use super::{HomeId, Log, Op, OpId};
use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashSet;

/// The longest message as JSON, in bytes. A door refuses longer ones unread.
pub const MAX_MESSAGE: usize = 256 * 1024;
/// How many bytes of operations a message carries, before base64.
const MAX_CARGO: usize = 128 * 1024;
/// How many names a message carries: more than a copy stores.
const MAX_IDS: usize = super::MAX_STORED;
/// How often one side asks. A full log takes less than 20.
const MAX_STEPS: usize = 64;

/// The beginning of the name of an operation: 128 bits are enough to ask for it.
type Short = [u8; 16];

/// What goes back and forth, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    /// Asks whether the other knows the same.
    Digest {
        /// Which home is spoken of.
        home: HomeId,
        /// [`Log::digest`].
        digest: Bytes,
    },
    /// It does.
    Same,
    /// It is in another home, or in none.
    OtherHome,
    /// It does not; this is what it knows.
    Ids {
        /// The first 16 bytes of the name of each operation.
        ids: Bytes,
    },
    /// Asks for operations.
    Want {
        /// Which home is spoken of.
        home: HomeId,
        /// The first 16 bytes of the name of each.
        ids: Bytes,
    },
    /// Operations, parents first: an answer, or what the other lacks.
    Ops {
        /// Which home is spoken of.
        home: HomeId,
        /// Their encodings.
        ops: Vec<Bytes>,
    },
    /// What was told is in the log now, or refused for good.
    Taken,
    /// The question makes no sense.
    Unexpected,
}

/// Bytes, in JSON as base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What to send back.
    pub message: Message,
    /// What is in the log now and was not, parents first.
    pub new: Vec<OpId>,
}

/// One side of an exchange, which asks.
#[derive(Debug)]
pub struct Sync {
    home: HomeId,
    theirs: HashSet<Short>,
    /// Asked for and not come yet.
    wanted: HashSet<Short>,
    /// Came, and could not be let in so far. See [`Log::insert_all`].
    set_aside: Vec<Op>,
    /// The other was told something and has not said that it took it.
    telling: bool,
    steps: usize,
}

/// What comes next.
#[derive(Clone, Debug)]
pub struct Next {
    /// What to send and give the answer to [`Sync::take`]; nothing when the exchange is over.
    pub ask: Option<Message>,
    /// What is in the log now and was not, parents first.
    pub new: Vec<OpId>,
}

/// Why an exchange ended early. The log is sound, and holds what was let in before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyncError {
    /// The other is not in this home.
    #[error("the other device is not in this home")]
    OtherHome,
    /// The answer does not fit the question.
    #[error("the other device does not answer what it was asked about the home's log")]
    Unexpected,
    /// It goes on and on.
    #[error("the exchange of the home's log does not come to an end")]
    Endless,
}

/// Answers a question from a copy of the log, or lets in what it is told.
pub fn answer(log: &mut Log, message: Message) -> Answer {
    let home = log.home();
    let asked = match &message {
        Message::Digest { home, .. } | Message::Want { home, .. } | Message::Ops { home, .. } => *home,
        _ => return Message::Unexpected.into(),
    };
    if asked != home {
        return Message::OtherHome.into();
    }
    match message {
        Message::Digest { digest, .. } if digest.0 == log.digest() => Message::Same.into(),
        Message::Digest { .. } => {
            let ids = log.ids().iter().take(MAX_IDS).flat_map(short).collect();
            Message::Ids { ids: Bytes(ids) }.into()
        }
        Message::Want { ids, .. } => match shorts(&ids) {
            Some(ids) => {
                let ids: HashSet<Short> = ids.collect();
                ops(home, log.ops().filter(|op| ids.contains(&short(&op.id())))).into()
            }
            None => Message::Unexpected.into(),
        },
        Message::Ops { ops, .. } => match read(&ops) {
            Some(ops) => Answer { message: Message::Taken, new: log.insert_all(ops).new },
            None => Message::Unexpected.into(),
        },
        _ => Message::Unexpected.into(),
    }
}

impl Sync {
    /// The first question.
    #[must_use]
    pub fn begin(log: &Log) -> (Self, Message) {
        let home = log.home();
        let sync = Self {
            home,
            theirs: HashSet::new(),
            wanted: HashSet::new(),
            set_aside: Vec::new(),
            telling: false,
            steps: 0,
        };
        (sync, Message::Digest { home, digest: Bytes(log.digest().to_vec()) })
    }

    /// Takes the answer to the last question.
    ///
    /// # Errors
    /// [`SyncError`] when the exchange has to end.
    pub fn take(&mut self, log: &mut Log, answer: Message) -> Result<Next, SyncError> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(SyncError::Endless);
        }
        match answer {
            Message::Same if self.steps == 1 => Ok(Next { ask: None, new: Vec::new() }),
            Message::OtherHome => Err(SyncError::OtherHome),
            Message::Ids { ids } if self.steps == 1 => {
                self.theirs = shorts(&ids).ok_or(SyncError::Unexpected)?.collect();
                let ours: HashSet<Short> = log.ops().map(|op| short(&op.id())).collect();
                self.wanted = self.theirs.difference(&ours).copied().collect();
                Ok(Next { ask: self.ask(log), new: Vec::new() })
            }
            Message::Ops { home, ops } if home == self.home && !self.wanted.is_empty() => {
                let ops = read(&ops).ok_or(SyncError::Unexpected)?;
                let before = self.wanted.len();
                // What was not asked for is not looked at.
                self.set_aside.extend(ops.into_iter().filter(|op| self.wanted.remove(&short(&op.id()))));
                if self.wanted.len() == before {
                    return Err(SyncError::Unexpected);
                }
                let batch = log.insert_all(std::mem::take(&mut self.set_aside));
                self.set_aside = batch.refused.into_iter().map(|(op, _)| op).collect();
                Ok(Next { ask: self.ask(log), new: batch.new })
            }
            Message::Taken if std::mem::take(&mut self.telling) => {
                Ok(Next { ask: self.ask(log), new: Vec::new() })
            }
            _ => Err(SyncError::Unexpected),
        }
    }

    /// Asks for what is still wanted; then tells what the other lacks.
    fn ask(&mut self, log: &Log) -> Option<Message> {
        if !self.wanted.is_empty() {
            let ids = Bytes(self.wanted.iter().flatten().copied().collect());
            return Some(Message::Want { home: self.home, ids });
        }
        let lacking = ops(self.home, log.ops().filter(|op| !self.theirs.contains(&short(&op.id()))));
        let Message::Ops { ops: told, .. } = &lacking else { return None };
        if told.is_empty() {
            return None;
        }
        self.telling = true;
        self.theirs.extend(read(told)?.iter().map(|op| short(&op.id())));
        Some(lacking)
    }
}

impl From<Message> for Answer {
    fn from(message: Message) -> Self {
        Self { message, new: Vec::new() }
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

/// As many of `ops` as fit.
fn ops<'a>(home: HomeId, ops: impl Iterator<Item = &'a Op>) -> Message {
    let mut cargo = 0;
    let fitting = ops.map(Op::to_bytes).take_while(|bytes| {
        cargo += bytes.len() + 4;
        cargo <= MAX_CARGO
    });
    Message::Ops { home, ops: fitting.map(Bytes).collect() }
}

/// All of them, or none if one is no operation.
fn read(ops: &[Bytes]) -> Option<Vec<Op>> {
    let cargo: usize = ops.iter().map(|bytes| bytes.0.len()).sum();
    if cargo > MAX_CARGO {
        return None;
    }
    ops.iter().map(|bytes| Op::from_bytes(&bytes.0).ok()).collect()
}

fn short(id: &OpId) -> Short {
    let mut short = [0; 16];
    short.copy_from_slice(&id.0[..16]);
    short
}

fn shorts(ids: &Bytes) -> Option<impl Iterator<Item = Short>> {
    let (ids, rest) = ids.0.as_chunks::<16>();
    (rest.is_empty() && ids.len() <= MAX_IDS).then(|| ids.iter().copied())
}
