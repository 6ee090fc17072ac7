//! The gate: what each door asks before it serves, and what it tells when something was brought.

use super::{
    Entry, Shares,
    tally::{self, Key, Tally},
};
use lanyard_api::ShareKind;
use lanyard_drive::offer::{Folder, Medium};
use lanyard_print::QueueId;
use lanyard_store::{Store, StoreError, rusqlite};
use lanyard_trust::{
    Action, Decision, Gate, Grant, NodeId, Now, PlainId, QuietHours, Refusal, ShareId, Subject, Terms, Used,
    Who, decide, grant_for,
};
use std::{net::Ipv4Addr, path::PathBuf};

/// A printer that everyone on the owner's network may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenPrinter {
    pub(crate) share: ShareId,
    /// What its owner calls it.
    pub(crate) name: String,
    pub(crate) queue: QueueId,
    /// False while the queue is away.
    pub(crate) available: bool,
}

/// What was brought today, as written down.
pub(super) fn load(store: &Store, wall: i64) -> Result<Tally, StoreError> {
    let sql = "SELECT share, who, day, jobs, bytes, pages FROM share_use WHERE day = ?1";
    let rows: Vec<(String, String, i64, Used)> = store.read(|c| {
        let read = |row: &rusqlite::Row<'_>| {
            let bytes = row.get::<_, i64>(4)?.unsigned_abs();
            let used = Used { jobs: row.get(3)?, bytes, pages: row.get(5)? };
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, used))
        };
        c.prepare(sql)?.query_map([tally::day(wall)], read)?.collect()
    })?;
    let counted = |(share, who, day, used): (String, String, i64, Used)| {
        let who: NodeId = who.parse().ok()?;
        Some(((ShareId(share), who), day, used))
    };
    Ok(Tally::load(rows.into_iter().filter_map(counted).collect()))
}

impl Shares {
    /// The share, if it is of that kind and the subject may do that.
    fn admitted(
        &self,
        kind: ShareKind,
        share: &ShareId,
        subject: &Subject,
        action: Action,
    ) -> Result<Entry, Refusal> {
        let entry = self.known(kind, share, subject, action)?;
        match self.decide(share, &entry, subject, action) {
            Decision::Allow => Ok(entry),
            Decision::Ask => Err(Refusal::MustAsk),
            Decision::Spent => Err(Refusal::Spent),
            Decision::Deny => Err(Refusal::NotAllowed),
        }
    }

    /// The share, if there is anything for the subject to do with it, now or after a question or tomorrow.
    fn seen(
        &self,
        kind: ShareKind,
        share: &ShareId,
        subject: &Subject,
        action: Action,
    ) -> Result<Entry, Refusal> {
        let entry = self.known(kind, share, subject, action)?;
        match self.decide(share, &entry, subject, action) {
            Decision::Allow | Decision::Ask | Decision::Spent => Ok(entry),
            Decision::Deny => Err(Refusal::NotAllowed),
        }
    }

    fn known(
        &self,
        kind: ShareKind,
        share: &ShareId,
        subject: &Subject,
        action: Action,
    ) -> Result<Entry, Refusal> {
        let table = self.read();
        let entry = table.get(share).filter(|entry| entry.kind == kind).ok_or(Refusal::Unknown)?;
        // Whoever may not even look learns nothing of the share's existence.
        if !self.is_known_to(entry, subject) {
            return Err(Refusal::Unknown);
        }
        if !fits(kind, action) {
            return Err(Refusal::NotAllowed);
        }
        Ok(entry.clone())
    }

    /// Whether the subject may do anything at all with it, be it after a question.
    pub(super) fn is_known_to(&self, entry: &Entry, subject: &Subject) -> bool {
        let standing = self.circle.standing(subject);
        let now = self.clock.now();
        let may = |action| {
            decide(&entry.policy, subject, &standing, action, &Used::default(), &now) != Decision::Deny
        };
        may(look(entry.kind)) || (entry.kind == ShareKind::Folder && may(Action::Add))
    }

    /// The printers that everyone on the owner's network may use, be it after a question; the oldest first.
    pub(crate) fn printers_for_everyone(&self) -> Vec<OpenPrinter> {
        let table = self.read();
        let open = table.iter().filter(|(_, entry)| self.is_for_everyone(entry));
        let mut printers: Vec<(i64, OpenPrinter)> = open
            .map(|(share, entry)| {
                let queue = QueueId(entry.target.clone());
                let (share, name, available) = (share.clone(), entry.name.clone(), entry.available);
                (entry.created_at, OpenPrinter { share, name, queue, available })
            })
            .collect();
        printers.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.share.cmp(&b.1.share)));
        printers.into_iter().map(|(_, printer)| printer).collect()
    }

    /// Whether there is one of them.
    pub(crate) fn has_printer_for_everyone(&self) -> bool {
        self.read().values().any(|entry| self.is_for_everyone(entry))
    }

    fn is_for_everyone(&self, entry: &Entry) -> bool {
        entry.kind == ShareKind::Printer && self.is_known_to(entry, &anybody())
    }

    /// The folders that somebody may look into, and what their owner calls them; the oldest first.
    pub(crate) fn folders_for(&self, subject: &Subject) -> Vec<(ShareId, String)> {
        let table = self.read();
        let mut folders: Vec<(i64, ShareId, String)> = table
            .iter()
            .filter(|(share, entry)| self.may_look(share, entry, subject))
            .map(|(share, entry)| (entry.created_at, share.clone(), entry.name.clone()))
            .collect();
        folders.sort();
        folders.into_iter().map(|(_, share, name)| (share, name)).collect()
    }

    /// Those that everyone on the owner's network may look into without a question, as long as they are there.
    pub(crate) fn folders_for_everyone(&self) -> Vec<(ShareId, String)> {
        let anybody = anybody();
        let mut folders = self.folders_for(&anybody);
        let table = self.read();
        folders.retain(|(share, _)| {
            table.get(share).is_some_and(|entry| {
                entry.available && self.decide(share, entry, &anybody, Action::List) == Decision::Allow
            })
        });
        folders
    }

    /// Whether there is one of them.
    pub(crate) fn has_folder_for_everyone(&self) -> bool {
        let anybody = anybody();
        self.read().iter().any(|(share, entry)| self.may_look(share, entry, &anybody))
    }

    /// Whoever must ask first has no way to do so at the doors for clients that are not Lanyard, but sees what it is
    /// that there is to ask about.
    fn may_look(&self, share: &ShareId, entry: &Entry, subject: &Subject) -> bool {
        entry.kind == ShareKind::Folder && self.decide(share, entry, subject, Action::List) != Decision::Deny
    }

    /// The rule's answer, with what was brought today and what the owner has said yes to.
    pub(super) fn decide(
        &self,
        share: &ShareId,
        entry: &Entry,
        subject: &Subject,
        action: Action,
    ) -> Decision {
        let now = self.clock.now();
        self.decided(&self.tally(), &key(share, subject), entry, subject, action, &now).0
    }

    /// The same, and the grant by which it was decided.
    fn decided(
        &self,
        tally: &Tally,
        key: &Key,
        entry: &Entry,
        subject: &Subject,
        action: Action,
        now: &Now,
    ) -> (Decision, Option<Grant>) {
        let standing = self.circle.standing(subject);
        let used = tally.used(key, tally::day(now.wall));
        let decision = decide(&entry.policy, subject, &standing, action, &used, now);
        let grant = grant_for(&entry.policy, subject, &standing, action, now);
        match (decision, grant) {
            (Decision::Ask, Some(grant)) if tally.allows(key, grant, now.ran) => {
                (Decision::Allow, Some(grant.clone()))
            }
            (decision, grant) => (decision, grant.cloned()),
        }
    }

    /// Counts what is about to come, decided and counted under one lock.
    fn claimed(
        &self,
        kind: ShareKind,
        share: &ShareId,
        subject: &Subject,
        action: Action,
        bringing: Used,
    ) -> Result<(), Refusal> {
        let entry = self.known(kind, share, subject, action)?;
        let (key, now) = (key(share, subject), self.clock.now());
        let day = tally::day(now.wall);
        let mut tally = self.tally();
        let (decision, grant) = self.decided(&tally, &key, &entry, subject, action, &now);
        match decision {
            Decision::Allow => {}
            Decision::Ask => return Err(Refusal::MustAsk),
            Decision::Spent => return Err(Refusal::Spent),
            Decision::Deny => return Err(Refusal::NotAllowed),
        }
        let Some(grant) = grant else { return Err(Refusal::NotAllowed) };
        if !grant.has_room(&tally.used(&key, day), &bringing) {
            return Err(Refusal::Spent);
        }
        // Nobody is counted who has no limit: that would be a write to the disk for nothing.
        if grant.is_limited() && !tally.begin(&key, day, bringing) {
            return Err(Refusal::Spent);
        }
        if grant.ask && bringing.jobs > 0 {
            tally.take_allowed(&key);
        }
        Ok(())
    }

    /// Counts what turns out to be more than was claimed. The owner's yes was asked for with the claim.
    fn claimed_more(
        &self,
        kind: ShareKind,
        share: &ShareId,
        subject: &Subject,
        action: Action,
        more: Used,
    ) -> Result<(), Refusal> {
        let entry = self.known(kind, share, subject, action)?;
        let (key, now) = (key(share, subject), self.clock.now());
        let day = tally::day(now.wall);
        let standing = self.circle.standing(subject);
        let mut tally = self.tally();
        let grant = grant_for(&entry.policy, subject, &standing, action, &now).ok_or(Refusal::NotAllowed)?;
        if !grant.has_room(&tally.used(&key, day), &more) {
            return Err(Refusal::Spent);
        }
        if grant.is_limited() && !tally.begin(&key, day, more) {
            return Err(Refusal::Spent);
        }
        Ok(())
    }

    /// What was accepted and not used does not count, as long as its day lasts.
    fn not_used(&self, share: &ShareId, who: NodeId, at: i64, unused: Used) {
        let (key, day) = ((share.clone(), who), tally::day(self.clock.now().wall));
        if tally::day(at) != day {
            return;
        }
        let mut tally = self.tally();
        if let Some(used) = tally.take_back(&key, day, unused)
            && let Err(error) = self.write_down(&key, day, used)
        {
            tracing::error!(%error, "what was not used today is not written down; a restart counts it");
        }
        drop(tally);
        self.retell.notify_one();
    }

    fn given_back(&self, share: &ShareId, subject: &Subject, claimed: Used) {
        self.tally().give_back(&key(share, subject), claimed);
    }

    fn accepted(&self, share: &ShareId, subject: &Subject, brought: Used) {
        let (key, day) = (key(share, subject), tally::day(self.clock.now().wall));
        // The lock is held until it is written down, so that a smaller count never comes last.
        let mut tally = self.tally();
        if let Some(used) = tally.keep(&key, day, brought)
            && let Err(error) = self.write_down(&key, day, used)
        {
            tracing::error!(%error, "what was brought today is not written down; a restart forgets it");
        }
        drop(tally);
        // A permission may be used up, or the day.
        self.retell.notify_one();
    }

    fn write_down(&self, (share, who): &Key, day: i64, used: Used) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO share_use (share, who, day, jobs, bytes, pages) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
            ON CONFLICT (share, who) DO UPDATE SET day = ?3, jobs = ?4, bytes = ?5, pages = ?6";
        let bytes = i64::try_from(used.bytes).unwrap_or(i64::MAX);
        self.store.write(|t| {
            t.execute("DELETE FROM share_use WHERE day <> ?1", [day])?;
            t.execute(sql, (&share.0, who.to_string(), day, used.jobs, bytes, used.pages)).map(|_| ())
        })
    }
}

impl Gate<QueueId> for Shares {
    fn admit(&self, share: &ShareId, subject: &Subject, action: Action) -> Result<QueueId, Refusal> {
        self.admitted(ShareKind::Printer, share, subject, action).map(|entry| QueueId(entry.target))
    }

    fn look(&self, share: &ShareId, subject: &Subject, action: Action) -> Result<QueueId, Refusal> {
        self.seen(ShareKind::Printer, share, subject, action).map(|entry| QueueId(entry.target))
    }

    fn claim(&self, share: &ShareId, subject: &Subject, action: Action, more: Used) -> Result<(), Refusal> {
        self.claimed(ShareKind::Printer, share, subject, action, more)
    }

    fn claim_more(
        &self,
        share: &ShareId,
        subject: &Subject,
        action: Action,
        more: Used,
    ) -> Result<(), Refusal> {
        self.claimed_more(ShareKind::Printer, share, subject, action, more)
    }

    fn unused(&self, share: &ShareId, who: NodeId, at: i64, unused: Used) {
        self.not_used(share, who, at, unused);
    }

    fn terms(&self, share: &ShareId, subject: &Subject) -> Terms {
        let table = self.read();
        let (standing, now) = (self.circle.standing(subject), self.clock.now());
        let grant = table
            .get(share)
            .and_then(|entry| grant_for(&entry.policy, subject, &standing, Action::Print, &now));
        grant.map(Grant::terms).unwrap_or_default()
    }

    fn is_quiet(&self, hours: QuietHours) -> bool {
        hours.cover(self.clock.minute_of_day())
    }

    fn give_back(&self, share: &ShareId, subject: &Subject, claimed: Used) {
        self.given_back(share, subject, claimed);
    }

    fn brought(&self, share: &ShareId, subject: &Subject, brought: Used) {
        self.accepted(share, subject, brought);
    }
}

impl Gate<Folder> for Shares {
    fn admit(&self, share: &ShareId, subject: &Subject, action: Action) -> Result<Folder, Refusal> {
        let entry = self.admitted(ShareKind::Folder, share, subject, action)?;
        Ok(self.folder(share, entry, subject))
    }

    fn look(&self, share: &ShareId, subject: &Subject, action: Action) -> Result<Folder, Refusal> {
        let entry = self.seen(ShareKind::Folder, share, subject, action)?;
        Ok(self.folder(share, entry, subject))
    }

    fn claim(&self, share: &ShareId, subject: &Subject, action: Action, more: Used) -> Result<(), Refusal> {
        self.claimed(ShareKind::Folder, share, subject, action, more)
    }

    fn give_back(&self, share: &ShareId, subject: &Subject, claimed: Used) {
        self.given_back(share, subject, claimed);
    }

    fn brought(&self, share: &ShareId, subject: &Subject, brought: Used) {
        self.accepted(share, subject, brought);
    }
}

impl Shares {
    fn folder(&self, share: &ShareId, entry: Entry, subject: &Subject) -> Folder {
        // One who must ask, or has had all for today, is told so when it writes, not that it never may.
        let writable = self.decide(share, &entry, subject, Action::Write) != Decision::Deny;
        let writable = writable && !matches!(entry.medium, Medium::Disc(_));
        Folder { root: PathBuf::from(entry.target), writable, medium: entry.medium }
    }
}

/// Any client that proves nothing has the same rights.
fn anybody() -> Subject {
    Subject { who: Who::Plain(PlainId::of(Ipv4Addr::UNSPECIFIED.into())), on_own_network: true }
}

pub(super) fn key(share: &ShareId, subject: &Subject) -> Key {
    (share.clone(), subject.id())
}

/// The least that a subject must be allowed to know that a share is there.
pub(super) fn look(kind: ShareKind) -> Action {
    match kind {
        ShareKind::Printer => Action::Print,
        ShareKind::Folder | ShareKind::Disc => Action::List,
    }
}

fn fits(kind: ShareKind, action: Action) -> bool {
    (kind == ShareKind::Printer) == matches!(action, Action::Print | Action::Manage)
}
