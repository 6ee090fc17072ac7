//! What was announced, by whom, and what was said to it. Pure: the time is an argument.

use crate::wire::SendOver;
use lanyard_trust::NodeId;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// No answer for so long is a no, in milliseconds.
pub(super) const PATIENCE: i64 = 5 * 60 * 1000;
/// How long a yes is good: a large folder over a slow network, with nights in between.
const GOOD: i64 = 7 * 24 * 60 * 60 * 1000;
/// Sendings that are remembered.
const MOST: usize = 64;
/// Unanswered ones of one device at a time.
const WAITING_EACH: usize = 4;
/// What may come again because an answer was lost on its way.
const SPARE: u64 = 64 << 20;
/// Names of what has come that are told.
const NAMES: usize = 20;

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    Nothing,
    Yes,
    No,
}

/// Files and folders that a device wants to send here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sending {
    pub(super) id: String,
    pub(super) from: NodeId,
    pub(super) title: String,
    pub(super) bytes: u64,
    /// Bytes that were counted against it, with what is on its way.
    pub(super) claimed: u64,
    /// Bytes that are here.
    pub(super) brought: u64,
    /// Bytes of files that are not whole yet.
    #[serde(skip)]
    pub(super) moving: u64,
    /// Files and folders, when the sender counted them.
    #[serde(default)]
    pub(super) files: Option<u32>,
    /// The names of the first of them, when the sender told any.
    #[serde(default)]
    pub(super) announced: Vec<String>,
    /// Where it goes, whatever is chosen for others meanwhile. None in what an older version wrote.
    #[serde(default)]
    pub(super) folder: Option<PathBuf>,
    /// What there is of it at the top of the folder.
    #[serde(default)]
    pub(super) names: Vec<String>,
    /// Nothing more comes.
    #[serde(default)]
    pub(super) over: Option<SendOver>,
    pub(super) said: Said,
    /// When it was announced, for people: Unix milliseconds.
    pub(super) asked_at: i64,
    /// The same by the clock that never goes back.
    pub(super) ran: i64,
}

/// All of them, oldest first, and whose files are always accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Desk {
    pub(super) sendings: Vec<Sending>,
    pub(super) always: Vec<NodeId>,
}

/// What a device announces.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    pub(super) title: String,
    pub(super) bytes: u64,
    pub(super) files: Option<u32>,
    pub(super) names: Vec<String>,
    pub(super) folder: PathBuf,
}

/// What came of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// It is new.
    New(Said),
    /// It is known.
    Known(Said),
    /// Too many of this device wait already.
    TooMany,
}

impl Desk {
    /// A device announces what it wants to send. Announced again, it is the same, and never more than it was.
    pub(super) fn announce(&mut self, id: &str, from: NodeId, wish: Wish, now: (i64, i64)) -> Heard {
        let (asked_at, ran) = now;
        let Wish { title, bytes, files, names, folder } = wish;
        self.expire(ran);
        if let Some(known) = self.sendings.iter().find(|sending| sending.id == id) {
            // An id belongs to whoever was first.
            return if known.from == from { Heard::Known(known.said) } else { Heard::Known(Said::No) };
        }
        let waiting = |sending: &&Sending| sending.from == from && sending.said == Said::Nothing;
        if self.sendings.iter().filter(waiting).count() >= WAITING_EACH {
            return Heard::TooMany;
        }
        let said = if self.always.contains(&from) { Said::Yes } else { Said::Nothing };
        let id = id.to_owned();
        self.sendings.push(Sending {
            id,
            from,
            title,
            bytes,
            claimed: 0,
            brought: 0,
            moving: 0,
            files,
            announced: names,
            folder: Some(folder),
            names: Vec::new(),
            over: None,
            said,
            asked_at,
            ran,
        });
        while self.sendings.len() > MOST {
            self.sendings.remove(0);
        }
        Heard::New(said)
    }

    /// The owner answers; false when there is no such question.
    pub(super) fn answer(&mut self, id: &str, yes: bool, always: bool) -> bool {
        let Some(sending) = self.sendings.iter_mut().find(|one| one.id == id && one.said == Said::Nothing)
        else {
            return false;
        };
        sending.said = if yes { Said::Yes } else { Said::No };
        if yes && always && !self.always.contains(&sending.from) {
            self.always.push(sending.from);
        }
        true
    }

    /// The sender says that nothing more comes; false when that is no news. A question about it is answered by that.
    pub(super) fn end(&mut self, id: &str, from: &NodeId, over: SendOver) -> bool {
        let of_it = |one: &&mut Sending| one.id == id && one.from == *from && one.over.is_none();
        let Some(sending) = self.sendings.iter_mut().find(of_it) else { return false };
        sending.over = Some(over);
        sending.moving = 0;
        if sending.said == Said::Nothing {
            sending.said = Said::No;
        }
        true
    }

    /// Bytes of a file that is not whole yet.
    pub(super) fn moved(&mut self, id: &str, bytes: u64) {
        if let Some(sending) = self.sendings.iter_mut().find(|one| one.id == id) {
            sending.moving = sending.moving.saturating_add(bytes);
        }
    }

    /// Something is there under a path.
    pub(super) fn landed(&mut self, id: &str, path: &str) {
        let Some(sending) = self.sendings.iter_mut().find(|one| one.id == id) else { return };
        let top = path.split('/').next().unwrap_or_default();
        if !top.is_empty() && sending.names.len() < NAMES && !sending.names.iter().any(|name| name == top) {
            sending.names.push(top.to_owned());
        }
    }

    /// It may not come any more; false when there is no such sending.
    pub(super) fn stop(&mut self, id: &str) -> bool {
        match self.sendings.iter_mut().find(|one| one.id == id) {
            Some(sending) => {
                sending.said = Said::No;
                true
            }
            None => false,
        }
    }

    /// What was said to a sending of this device; nothing for one that is not known.
    pub(super) fn said(&self, id: &str, from: &NodeId, now: i64) -> Said {
        match self.sendings.iter().find(|one| one.id == id) {
            Some(one) if one.from != *from => Said::No,
            Some(one) if one.said == Said::Yes && (one.over.is_some() || now - one.ran > GOOD) => Said::No,
            Some(one) => one.said,
            None => Said::Nothing,
        }
    }

    /// Counts what is about to come; false when that is more than was announced.
    pub(super) fn claim(&mut self, id: &str, bytes: u64) -> bool {
        let Some(sending) = self.sendings.iter_mut().find(|one| one.id == id) else { return false };
        let most = sending.bytes.saturating_mul(2).saturating_add(SPARE);
        let claimed = sending.claimed.saturating_add(bytes);
        if claimed > most {
            return false;
        }
        sending.claimed = claimed;
        true
    }

    /// What was claimed came, or did not.
    pub(super) fn settle(&mut self, id: &str, bytes: u64, came: bool) {
        if let Some(sending) = self.sendings.iter_mut().find(|one| one.id == id) {
            sending.moving = sending.moving.saturating_sub(bytes);
            if came {
                sending.brought = sending.brought.saturating_add(bytes);
            } else {
                sending.claimed = sending.claimed.saturating_sub(bytes);
            }
        }
    }

    /// Questions that were not answered in time are answered by that; true when there were any.
    pub(super) fn expire(&mut self, now: i64) -> bool {
        let mut any = false;
        for sending in &mut self.sendings {
            if sending.said == Said::Nothing && now - sending.ran > PATIENCE {
                sending.said = Said::No;
                any = true;
            }
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(n: u8) -> NodeId {
        NodeId::from_bytes([n; 32])
    }

    fn wish(title: String, bytes: u64) -> Wish {
        Wish { title, bytes, ..Wish::default() }
    }

    #[test]
    fn what_its_sender_gave_up_is_no_question_any_more_and_nothing_of_it_comes() {
        let mut desk = Desk::default();
        desk.announce("a", device(1), wish("photos".into(), 10), (0, 0));
        assert!(!desk.end("a", &device(2), SendOver::Stopped), "not its sending");
        assert!(desk.end("a", &device(1), SendOver::Stopped));
        assert!(!desk.answer("a", true, false), "there is nothing to answer any more");
        desk.announce("b", device(1), wish("photos".into(), 10), (0, 0));
        assert!(desk.answer("b", true, false) && desk.end("b", &device(1), SendOver::Whole));
        assert_eq!(desk.said("b", &device(1), 1), Said::No, "what is over is shut");
        assert!(!desk.end("b", &device(1), SendOver::Stopped), "said once");
    }

    #[test]
    fn what_moves_is_told_until_it_is_whole_or_does_not_come() {
        let mut desk = Desk::default();
        desk.announce("a", device(1), wish("film".into(), 100), (0, 0));
        desk.moved("a", 40);
        assert_eq!((desk.sendings[0].brought, desk.sendings[0].moving), (0, 40));
        desk.settle("a", 100, true);
        assert_eq!((desk.sendings[0].brought, desk.sendings[0].moving), (100, 0));
        for path in ["photos/a.jpg", "photos/b.jpg", "letter.pdf"] {
            desk.landed("a", path);
        }
        assert_eq!(desk.sendings[0].names, ["photos", "letter.pdf"], "what a person sees at the top");
    }

    #[test]
    fn nothing_may_come_before_the_yes_and_only_from_whoever_announced_it() {
        let mut desk = Desk::default();
        assert_eq!(
            desk.announce("a", device(1), wish("photos".into(), 10), (0, 0)),
            Heard::New(Said::Nothing)
        );
        assert_eq!(desk.said("a", &device(1), 1), Said::Nothing);
        assert_eq!(
            desk.announce("a", device(2), wish("x".into(), 10), (0, 1)),
            Heard::Known(Said::No),
            "not its id"
        );
        assert!(desk.answer("a", true, false) && !desk.answer("a", false, false), "answered once");
        assert_eq!(desk.said("a", &device(1), 1), Said::Yes);
        assert_eq!(desk.said("a", &device(2), 1), Said::No);
        assert_eq!(
            desk.announce("b", device(1), wish("more".into(), 10), (0, 2)),
            Heard::New(Said::Nothing),
            "asked again"
        );
        assert!(desk.stop("a"));
        assert_eq!(desk.said("a", &device(1), 3), Said::No, "stopped in the middle");
    }

    #[test]
    fn an_always_is_for_one_device_and_no_answer_is_a_no() {
        let mut desk = Desk::default();
        desk.announce("a", device(1), wish("photos".into(), 10), (0, 0));
        desk.answer("a", true, true);
        assert_eq!(desk.announce("b", device(1), wish("more".into(), 10), (0, 1)), Heard::New(Said::Yes));
        assert_eq!(desk.announce("c", device(2), wish("x".into(), 10), (0, 1)), Heard::New(Said::Nothing));
        assert!(!desk.expire(PATIENCE + 1) && desk.expire(PATIENCE + 2));
        assert_eq!(desk.said("c", &device(2), PATIENCE + 2), Said::No);
    }

    #[test]
    fn no_more_comes_than_was_announced_with_room_for_a_second_try() {
        let mut desk = Desk::default();
        desk.announce("a", device(1), wish("film".into(), 1 << 30), (0, 0));
        assert!(desk.claim("a", 1 << 30) && desk.claim("a", 1 << 30), "an answer was lost");
        assert!(!desk.claim("a", 1 << 30), "three times is too much");
        desk.settle("a", 1 << 30, false);
        assert!(desk.claim("a", 1 << 30), "what did not come does not count");
        assert!(!desk.claim("b", 0), "nobody announced it");
    }

    #[test]
    fn one_device_does_not_fill_the_desk() {
        let mut desk = Desk::default();
        for n in 0..4 {
            assert_eq!(
                desk.announce(&n.to_string(), device(1), wish(String::new(), 0), (0, 0)),
                Heard::New(Said::Nothing)
            );
        }
        assert_eq!(desk.announce("5", device(1), wish(String::new(), 0), (0, 0)), Heard::TooMany);
        assert_eq!(desk.announce("6", device(2), wish(String::new(), 0), (0, 0)), Heard::New(Said::Nothing));
    }
}
