//! What a capability asks before it serves, and how what somebody brings is counted while it is on its way.

use super::{Action, QuietHours, ShareId, Subject, Terms, Used};
use crate::NodeId;
use std::sync::Arc;

/// Why a door does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such share, or this caller may not know of it.
    #[error("there is no such share")]
    Unknown,
    /// The share is there for this caller, but not for this.
    #[error("the owner has not allowed this")]
    NotAllowed,
    /// The owner must be asked first.
    #[error("the owner must be asked first")]
    MustAsk,
    /// The caller has brought as much as it may today.
    #[error("that is all for today")]
    Spent,
}

/// What a capability asks before it serves: is there such a share, may this caller do that, and what is behind
/// it? `Target` is what the capability needs to go on (a queue, a folder). Asked again for every request, so that
/// taking a share back works at once.
pub trait Gate<Target>: Send + Sync + 'static {
    /// # Errors
    /// [`Refusal`] when the caller must not go on.
    fn admit(&self, share: &ShareId, subject: &Subject, action: Action) -> Result<Target, Refusal>;

    /// The same for one who only looks at what may be done: one who must ask first, or has had all for today, gets in.
    ///
    /// # Errors
    /// [`Refusal`] when the caller may not even look.
    fn look(&self, share: &ShareId, subject: &Subject, action: Action) -> Result<Target, Refusal> {
        self.admit(share, subject, action)
    }

    /// The caller is about to bring this; from now on it counts against what it may bring a day, and against what
    /// the owner said yes to. [`Claim`] sees to the end of it.
    ///
    /// # Errors
    /// [`Refusal`] when the caller may not, or not that much.
    fn claim(
        &self,
        share: &ShareId,
        subject: &Subject,
        action: Action,
        _bringing: Used,
    ) -> Result<(), Refusal> {
        self.admit(share, subject, action).map(|_| ())
    }

    /// It turns out to be that much more than was claimed: counted on top, if there is room for it.
    ///
    /// # Errors
    /// [`Refusal::Spent`], or another when the caller may not any more.
    fn claim_more(
        &self,
        _share: &ShareId,
        _subject: &Subject,
        _action: Action,
        _more: Used,
    ) -> Result<(), Refusal> {
        Ok(())
    }

    /// What was claimed did not come, or was not kept.
    fn give_back(&self, _share: &ShareId, _subject: &Subject, _claimed: Used) {}

    /// So many bytes of what was claimed have come in, and more may follow. Never blocks.
    fn moved(&self, _share: &ShareId, _subject: &Subject, _bytes: u64) {}

    /// Something that was brought has its name now: its path inside the share. Never blocks.
    fn landed(&self, _share: &ShareId, _subject: &Subject, _path: &str) {}

    /// From whom what is brought comes, as a URI, when its files are to be marked with it.
    fn origin(&self, _share: &ShareId, _subject: &Subject) -> Option<String> {
        None
    }

    /// What was claimed has been accepted. May block for the disk.
    fn brought(&self, _share: &ShareId, _subject: &Subject, _brought: Used) {}

    /// What was brought by `who` (as [`Subject::id`] tells it) at a time in Unix milliseconds has not been used after
    /// all: it does not count any more. May block for the disk.
    fn unused(&self, _share: &ShareId, _who: NodeId, _at: i64, _unused: Used) {}

    /// On which terms the caller prints.
    fn terms(&self, _share: &ShareId, _subject: &Subject) -> Terms {
        Terms::default()
    }

    /// Whether these hours are now.
    fn is_quiet(&self, _hours: QuietHours) -> bool {
        false
    }
}

/// What a caller is about to bring: counted while it is on its way, given back when this is dropped before
/// [`Claim::keep`]. So many at once cannot bring more than one after the other.
pub struct Claim<Target: 'static> {
    gate: Arc<dyn Gate<Target>>,
    share: ShareId,
    subject: Subject,
    bringing: Used,
    kept: bool,
}

impl<Target: 'static> Claim<Target> {
    /// Claims the right to bring something.
    ///
    /// # Errors
    /// [`Refusal`] when the caller may not, or not that much.
    pub fn take(
        gate: Arc<dyn Gate<Target>>,
        share: ShareId,
        subject: Subject,
        action: Action,
        bringing: Used,
    ) -> Result<Self, Refusal> {
        gate.claim(&share, &subject, action, bringing)?;
        Ok(Self { gate, share, subject, bringing, kept: false })
    }

    /// It is that much more.
    ///
    /// # Errors
    /// [`Refusal`] when that is too much; what was claimed before stays so.
    pub fn add(&mut self, action: Action, more: Used) -> Result<(), Refusal> {
        self.gate.claim_more(&self.share, &self.subject, action, more)?;
        self.bringing = self.bringing + more;
        Ok(())
    }

    /// It was accepted. May block for the disk.
    pub fn keep(mut self) {
        self.kept = true;
        self.gate.brought(&self.share, &self.subject, self.bringing);
    }
}

impl<Target: 'static> Drop for Claim<Target> {
    fn drop(&mut self) {
        if !self.kept {
            self.gate.give_back(&self.share, &self.subject, self.bringing);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::{super::Who, *};

    const SOMEBODY: Subject = Subject { who: Who::Device(NodeId::from_bytes([1; 32])), on_own_network: true };

    #[test]
    fn what_is_claimed_is_kept_or_given_back_once() {
        #[derive(Default)]
        struct Book(std::sync::Mutex<Vec<(&'static str, u64)>>);
        impl Gate<()> for Book {
            fn admit(&self, _: &ShareId, _: &Subject, action: Action) -> Result<(), Refusal> {
                if action == Action::Write { Ok(()) } else { Err(Refusal::Spent) }
            }
            fn claim_more(&self, _: &ShareId, _: &Subject, _: Action, more: Used) -> Result<(), Refusal> {
                if more.bytes < 10 { Ok(()) } else { Err(Refusal::Spent) }
            }
            fn give_back(&self, _: &ShareId, _: &Subject, claimed: Used) {
                self.0.lock().unwrap().push(("back", claimed.bytes));
            }
            fn brought(&self, _: &ShareId, _: &Subject, brought: Used) {
                self.0.lock().unwrap().push(("kept", brought.bytes));
            }
        }
        let book = Arc::new(Book::default());
        let claim = |action, bytes| {
            let gate: Arc<dyn Gate<()>> = book.clone();
            Claim::take(gate, ShareId("x".to_owned()), SOMEBODY, action, Used { bytes, ..Used::default() })
        };
        claim(Action::Write, 1).unwrap().keep();
        drop(claim(Action::Write, 2).unwrap());
        let mut grown = claim(Action::Write, 4).unwrap();
        let more = |bytes| Used { bytes, ..Used::default() };
        grown.add(Action::Write, more(1)).unwrap();
        assert_eq!(grown.add(Action::Write, more(10)), Err(Refusal::Spent));
        drop(grown);
        assert!(claim(Action::Print, 3).is_err());
        assert_eq!(*book.0.lock().unwrap(), [("kept", 1), ("back", 2), ("back", 5)]);
    }
}
