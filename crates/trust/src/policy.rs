//! Who may do what: one pure decision, asked by every door.

mod claim;
mod limits;
mod subject;
mod until;

pub use claim::{Claim, Gate, Refusal};
pub use limits::{QuietHours, Terms, Used};
pub use subject::{ParsePassIdError, PassId, PlainId, Standing, Subject, Who};
pub use until::{Now, Until};

use crate::NodeId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The short, stable id of something this computer offers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShareId(pub String);

impl fmt::Display for ShareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What they want to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Print on it, follow and cancel one's own jobs.
    Print,
    /// Pause a printer, cancel and move the jobs of others.
    Manage,
    /// See names in a folder.
    List,
    /// Read content.
    Read,
    /// Put a new file into a folder, without seeing what is there and without replacing anything.
    Add,
    /// Add or replace content.
    Write,
}

/// A class of subjects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// One device, wherever it connects from.
    Device(NodeId),
    /// Whoever holds this pass, on a network the owner marked as own.
    Guest(PassId),
    /// The devices of this device's home, wherever they connect from.
    Home,
    /// Everyone on a network the owner marked as own.
    Network,
}

/// What a class of subjects may do with one share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Whom it is for.
    pub who: Audience,
    /// Folders: they may also write.
    #[serde(default)]
    pub write: bool,
    /// Folders: they may put new files in and do nothing else, not even look.
    #[serde(default)]
    pub add_only: bool,
    /// Printers: they may pause it and see to the jobs of others.
    #[serde(default)]
    pub manage: bool,
    /// The owner is asked first.
    #[serde(default)]
    pub ask: bool,
    /// It ends by itself.
    #[serde(default)]
    pub until: Option<Until>,
    /// Jobs each of them may print a day.
    #[serde(default)]
    pub max_jobs: Option<u32>,
    /// Bytes each of them may bring a day: documents to print, files to keep.
    #[serde(default)]
    pub max_bytes: Option<u64>,
    /// Sides of paper each of them may print a day, copies counted.
    #[serde(default)]
    pub max_pages: Option<u32>,
    /// Printers: they print in grey only.
    #[serde(default)]
    pub no_color: bool,
    /// Printers: nothing of theirs is printed then; their jobs wait until it is over.
    #[serde(default)]
    pub quiet: Option<QuietHours>,
}

/// The owner's rule for one share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The first of these that is for the subject and allows the action decides; nobody may do anything when empty.
    /// Kept in the order of [`Policy::sorted`]: whom it names more closely comes first.
    pub grants: Vec<Grant>,
    /// Folders: everyone whom a grant lets read may also write.
    pub write: bool,
    /// After that nobody may do anything.
    pub until: Option<Until>,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Allow,
    /// The owner must say yes first; until then, no.
    Ask,
    /// They have had what they may have today.
    Spent,
    /// No. Also the answer when nothing was said.
    Deny,
}

impl Grant {
    /// For a class of subjects, with nothing but what everyone gets: print, or look and read.
    #[must_use]
    pub fn to(who: Audience) -> Self {
        Self {
            who,
            write: false,
            add_only: false,
            manage: false,
            ask: false,
            until: None,
            max_jobs: None,
            max_bytes: None,
            max_pages: None,
            no_color: false,
            quiet: None,
        }
    }

    /// On which terms they print.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms { grey: self.no_color, quiet: self.quiet, counted: self.max_pages.is_some() }
    }

    fn is_for(&self, subject: &Subject, standing: &Standing) -> bool {
        match (self.who, subject.who) {
            (Audience::Network, Who::Device(_) | Who::Plain(_)) => subject.on_own_network,
            (Audience::Home, Who::Device(_)) => standing.member,
            (Audience::Device(named), Who::Device(node)) => named == node && !standing.expelled,
            (Audience::Guest(named), Who::Guest(pass)) => named == pass && subject.on_own_network,
            // A pass opens what it was made for and nothing that anybody else may do.
            (Audience::Network | Audience::Home | Audience::Device(_), Who::Guest(_))
            | (Audience::Guest(_), Who::Device(_))
            // Whoever proves nothing is one of the network and nobody in particular.
            | (Audience::Home | Audience::Device(_) | Audience::Guest(_), Who::Plain(_)) => false,
        }
    }

    fn allows(&self, subject: &Subject, action: Action, everyone_writes: bool) -> bool {
        // What everyone may is not what a pass was made for.
        let everyone_writes = everyone_writes && !matches!(subject.who, Who::Guest(_));
        match action {
            // Seeing to the jobs of others takes somebody who can be held to it.
            Action::Manage => self.manage && !self.add_only && !matches!(subject.who, Who::Plain(_)),
            Action::Print | Action::List | Action::Read => !self.add_only,
            Action::Write => (self.write || everyone_writes) && !self.add_only,
            Action::Add => self.add_only || self.write || everyone_writes,
        }
    }

    fn is_spent(&self, used: &Used) -> bool {
        self.max_jobs.is_some_and(|most| used.jobs >= most)
            || self.max_bytes.is_some_and(|most| used.bytes >= most)
            || self.max_pages.is_some_and(|most| used.pages >= most)
    }

    /// True when there is a limit to what one may bring a day.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.max_jobs.is_some() || self.max_bytes.is_some() || self.max_pages.is_some()
    }

    /// Whether `more` still fits into the day of one who has brought `used`.
    #[must_use]
    pub fn has_room(&self, used: &Used, more: &Used) -> bool {
        let all = *used + *more;
        self.max_jobs.is_none_or(|most| all.jobs <= most)
            && self.max_bytes.is_none_or(|most| all.bytes <= most)
            && self.max_pages.is_none_or(|most| all.pages <= most)
    }
}

impl Policy {
    /// The grants in the order in which they are looked at: a device or a pass by name, then the home, then the
    /// network. So a rule for one device is not hidden behind one for everybody.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.grants.sort_by_key(|grant| match grant.who {
            Audience::Device(_) => 0,
            Audience::Guest(_) => 1,
            Audience::Home => 2,
            Audience::Network => 3,
        });
        self
    }
}

/// Decides whether `subject` may do `action` under `policy`. Default deny. Every door asks this and nothing else.
///
/// `used` is what the subject has brought to the share today. Only what brings something ([`Action::Print`],
/// [`Action::Add`], [`Action::Write`]) can be spent.
#[must_use]
pub fn decide(
    policy: &Policy,
    subject: &Subject,
    standing: &Standing,
    action: Action,
    used: &Used,
    now: &Now,
) -> Decision {
    let Some(grant) = grant_for(policy, subject, standing, action, now) else { return Decision::Deny };
    let brings = matches!(action, Action::Print | Action::Add | Action::Write);
    if brings && grant.is_spent(used) {
        Decision::Spent
    } else if grant.ask {
        Decision::Ask
    } else {
        Decision::Allow
    }
}

/// The grant by which [`decide`] decides, if any is for the subject and allows the action.
#[must_use]
pub fn grant_for<'a>(
    policy: &'a Policy,
    subject: &Subject,
    standing: &Standing,
    action: Action,
    now: &Now,
) -> Option<&'a Grant> {
    if policy.until.is_some_and(|until| until.is_over(now)) {
        return None;
    }
    policy.grants.iter().find(|grant| {
        grant.is_for(subject, standing)
            && grant.allows(subject, action, policy.write)
            && !grant.until.is_some_and(|until| until.is_over(now))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
