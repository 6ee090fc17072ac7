//! How two copies of a log come to know the same: what one asks and the other answers.
//!
//! One side begins ([`Sync`]) and asks until it is done; the other answers each question from its copy ([`answer`])
//! and remembers nothing in between. Both ways are served: what the other lacks is told at the end. How messages
//! travel, and that they come from a member, is the caller's business, and so is storing what is new.
//!
//! ```text
//! Digest  -> Same | OtherHome | Ids         the names of all that is known there, 16 bytes each, and the checkpoint
//! Base    -> Checkpoint                     if the other stands on another one; then from the beginning
//! Checkpoint -> Taken                       if the other stands on an older one; then from the beginning
//! Want    -> Ops                            parents first, as many as fit; asked again until nothing is wanted
//! Ops     -> Taken
//! ```

use super::{Checkpoint, HomeId, Inserted, Log, Op, OpId};
use crate::NodeId;
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
        /// What they stand on. A version of Lanyard that knows no checkpoints does not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<Base>,
    },
    /// Asks for the checkpoint.
    Base {
        /// Which home is spoken of.
        home: HomeId,
    },
    /// A checkpoint: an answer, or what the other lacks.
    Checkpoint {
        /// Which home is spoken of.
        home: HomeId,
        /// Its encoding; empty when there is none.
        checkpoint: Bytes,
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

/// What a copy of a log stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// How many checkpoints there were.
    pub number: u32,
    /// The last one; if there was none, the genesis.
    pub id: OpId,
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
    /// The other told of a checkpoint by which this device is not in the home any more.
    pub put_out: bool,
}

/// One side of an exchange, which asks.
#[derive(Debug)]
pub struct Sync {
    home: HomeId,
    /// Whose copy it is.
    me: NodeId,
    phase: Phase,
    /// Checkpoints were exchanged; if that was in vain, the two are apart.
    compared: bool,
    theirs: HashSet<Short>,
    /// Asked for and not come yet.
    wanted: HashSet<Short>,
    /// Came, and could not be let in so far. See [`Log::insert_all`].
    set_aside: Vec<Op>,
    steps: usize,
}

/// What an answer is waited for to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Digest,
    Base,
    TellBase,
    Want,
    Tell,
}

/// What comes next.
#[derive(Clone, Debug)]
pub struct Next {
    /// What to send and give the answer to [`Sync::take`]; nothing when the exchange is over.
    pub ask: Option<Message>,
    /// What is in the log now and was not, parents first.
    pub new: Vec<OpId>,
    /// The other told of a checkpoint by which this device is not in the home any more.
    pub put_out: bool,
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
    /// The two stand on different checkpoints, and neither fits what the other knows.
    #[error(
        "the other device agreed with others on a history of the home that does not fit the one known here"
    )]
    Apart,
    /// It goes on and on.
    #[error("the exchange of the home's log does not come to an end")]
    Endless,
}

/// Answers a question from the copy of the log of `me`, or lets in what it is told.
pub fn answer(log: &mut Log, me: NodeId, message: Message) -> Answer {
    let home = log.home();
    let asked = match &message {
        Message::Digest { home, .. }
        | Message::Base { home }
        | Message::Checkpoint { home, .. }
        | Message::Want { home, .. }
        | Message::Ops { home, .. } => *home,
        _ => return Message::Unexpected.into(),
    };
    if asked != home {
        return Message::OtherHome.into();
    }
    match message {
        Message::Digest { digest, .. } if digest.0 == log.digest() => Message::Same.into(),
        Message::Digest { .. } => {
            let ids = log.ids().iter().take(MAX_IDS).flat_map(short).collect();
            Message::Ids { ids: Bytes(ids), base: Some(base(log)) }.into()
        }
        Message::Base { .. } => checkpoint(log).into(),
        Message::Checkpoint { checkpoint, .. } => match Checkpoint::from_bytes(&checkpoint.0) {
            Ok(checkpoint) => {
                let taken = log.condense(&checkpoint, me);
                let put_out = taken.is_err() && log.is_put_out_by(&checkpoint, me);
                Answer { put_out, ..Message::Taken.into() }
            }
            Err(_) => Message::Unexpected.into(),
        },
        Message::Want { ids, .. } => match shorts(&ids) {
            Some(ids) => {
                let ids: HashSet<Short> = ids.collect();
                ops(home, log.ops().filter(|op| ids.contains(&short(&op.id())))).into()
            }
            None => Message::Unexpected.into(),
        },
        Message::Ops { ops, .. } => match read(&ops) {
            Some(ops) => Answer { new: log.insert_all(ops).new, ..Message::Taken.into() },
            None => Message::Unexpected.into(),
        },
        _ => Message::Unexpected.into(),
    }
}

/// A log's checkpoint, if it has one, to be told to somebody else.
#[must_use]
pub fn checkpoint(log: &Log) -> Message {
    let bytes = log.base().map(|base| base.to_bytes()).unwrap_or_default();
    Message::Checkpoint { home: log.home(), checkpoint: Bytes(bytes) }
}

impl Sync {
    /// The first question. `me` is the device whose copy it is.
    #[must_use]
    pub fn begin(log: &Log, me: NodeId) -> (Self, Message) {
        let mut sync = Self {
            home: log.home(),
            me,
            phase: Phase::Digest,
            compared: false,
            theirs: HashSet::new(),
            wanted: HashSet::new(),
            set_aside: Vec::new(),
            steps: 0,
        };
        let digest = sync.digest(log);
        (sync, digest)
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
        match (self.phase, answer) {
            (Phase::Digest, Message::Same) => Ok(Next::default()),
            (_, Message::OtherHome) => Err(SyncError::OtherHome),
            (Phase::Digest, Message::Ids { ids, base: theirs }) => {
                self.theirs = shorts(&ids).ok_or(SyncError::Unexpected)?.collect();
                let own = base(log);
                match theirs {
                    Some(theirs) if theirs.id != own.id && self.compared => Err(SyncError::Apart),
                    Some(theirs) if theirs.id != own.id && theirs.number < own.number => {
                        Ok(self.tell_base(log).into())
                    }
                    Some(theirs) if theirs.id != own.id => {
                        self.phase = Phase::Base;
                        Ok(Message::Base { home: self.home }.into())
                    }
                    _ => {
                        let ours: HashSet<Short> = log.ops().map(|op| short(&op.id())).collect();
                        self.wanted = self.theirs.difference(&ours).copied().collect();
                        Ok(self.ask(log))
                    }
                }
            }
            (Phase::Base, Message::Checkpoint { home, checkpoint }) if home == self.home => {
                let checkpoint = Checkpoint::from_bytes(&checkpoint.0).map_err(|_| SyncError::Unexpected)?;
                match log.condense(&checkpoint, self.me) {
                    Ok(Inserted::New) => Ok(self.digest(log).into()),
                    Ok(Inserted::Known) => Err(SyncError::Unexpected),
                    Err(_) if log.is_put_out_by(&checkpoint, self.me) => {
                        Ok(Next { put_out: true, ..Next::default() })
                    }
                    Err(_) if checkpoint.number() == log.number() => Ok(self.tell_base(log).into()),
                    Err(_) => Err(SyncError::Apart),
                }
            }
            (Phase::TellBase, Message::Taken) => {
                self.compared = true;
                Ok(self.digest(log).into())
            }
            (Phase::Want, Message::Ops { home, ops }) if home == self.home => {
                let ops = read(&ops).ok_or(SyncError::Unexpected)?;
                let before = self.wanted.len();
                // What was not asked for is not looked at.
                self.set_aside.extend(ops.into_iter().filter(|op| self.wanted.remove(&short(&op.id()))));
                if self.wanted.len() == before {
                    return Err(SyncError::Unexpected);
                }
                let batch = log.insert_all(std::mem::take(&mut self.set_aside));
                self.set_aside = batch.refused.into_iter().map(|(op, _)| op).collect();
                Ok(Next { new: batch.new, ..self.ask(log) })
            }
            (Phase::Tell, Message::Taken) => Ok(self.ask(log)),
            _ => Err(SyncError::Unexpected),
        }
    }

    /// Begins, or begins again after checkpoints were exchanged.
    fn digest(&mut self, log: &Log) -> Message {
        self.phase = Phase::Digest;
        Message::Digest { home: self.home, digest: Bytes(log.digest().to_vec()) }
    }

    fn tell_base(&mut self, log: &Log) -> Message {
        self.phase = Phase::TellBase;
        checkpoint(log)
    }

    /// Asks for what is still wanted; then tells what the other lacks.
    fn ask(&mut self, log: &Log) -> Next {
        if !self.wanted.is_empty() {
            self.phase = Phase::Want;
            let ids = Bytes(self.wanted.iter().flatten().copied().collect());
            return Message::Want { home: self.home, ids }.into();
        }
        let lacking = ops(self.home, log.ops().filter(|op| !self.theirs.contains(&short(&op.id()))));
        let Message::Ops { ops: told, .. } = &lacking else { return Next::default() };
        let Some(told) = read(told).filter(|told| !told.is_empty()) else { return Next::default() };
        self.phase = Phase::Tell;
        self.theirs.extend(told.iter().map(|op| short(&op.id())));
        lacking.into()
    }
}

impl Default for Next {
    /// The end.
    fn default() -> Self {
        Self { ask: None, new: Vec::new(), put_out: false }
    }
}

impl From<Message> for Next {
    fn from(message: Message) -> Self {
        Self { ask: Some(message), ..Self::default() }
    }
}

impl From<Message> for Answer {
    fn from(message: Message) -> Self {
        Self { message, new: Vec::new(), put_out: false }
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

fn base(log: &Log) -> Base {
    let id = log.base().map_or(OpId(log.home().0), |base| base.id());
    Base { number: log.number(), id }
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
