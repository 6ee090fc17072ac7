//! What must survive about shares.

use super::{Entry, behind::Behind};
use crate::clock::Clock;
use lanyard_api::{Millis, ShareKind};
use lanyard_store::{Migrations, Store, StoreError, rusqlite};
use lanyard_trust::{Audience, Policy, ShareId, Until};
use std::path::{Path, PathBuf};

/// This room's tables.
pub const MIGRATIONS: Migrations = Migrations {
    room: "share",
    steps: &[
        "CREATE TABLE share (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('printer', 'folder')),
        name TEXT NOT NULL,
        target TEXT NOT NULL,
        audience TEXT NOT NULL,
        writable INTEGER NOT NULL,
        until INTEGER,
        created_at INTEGER NOT NULL
    ) STRICT;",
        // `audience` was a list of classes and `until` a time of day; both now stand in `policy` with all that a
        // rule can say.
        "ALTER TABLE share ADD COLUMN policy TEXT;",
        // What limited callers have brought today, `who` as `Subject::id` tells it.
        "CREATE TABLE share_use (
        share TEXT NOT NULL,
        who TEXT NOT NULL,
        day INTEGER NOT NULL,
        jobs INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (share, who)
    ) STRICT, WITHOUT ROWID;",
        "ALTER TABLE share_use ADD COLUMN pages INTEGER NOT NULL DEFAULT 0;",
        // What a folder is on, when that comes and goes. A disc is a folder whose target is an image or a drive.
        "ALTER TABLE share ADD COLUMN behind TEXT;",
    ],
};

/// The shared folders of a node that does not run, for whoever must know them before it starts.
pub(crate) fn folders_in(store: &Path) -> Vec<PathBuf> {
    let read = || -> rusqlite::Result<Vec<String>> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = rusqlite::Connection::open_with_flags(store, flags)?;
        let mut statement = connection.prepare("SELECT target FROM share WHERE kind = 'folder'")?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    // A store that is not there yet, or damaged, shares nothing.
    read().unwrap_or_default().into_iter().map(PathBuf::from).collect()
}

/// All shares; none in the place of a row that makes no sense.
pub(super) fn load(store: &Store, clock: &Clock) -> Result<Vec<(ShareId, Option<Entry>)>, StoreError> {
    let sql =
        "SELECT id, kind, name, target, audience, writable, until, created_at, policy, behind FROM share";
    store.read(|c| c.prepare(sql)?.query_map([], |found| row(found, clock))?.collect())
}

/// Writes a share, new or changed, with its rule and what it is on as JSON.
pub(super) fn save(
    store: &Store,
    id: &ShareId,
    entry: &Entry,
    [policy, behind]: [&str; 2],
) -> Result<(), StoreError> {
    let sql = "INSERT INTO share (id, kind, name, target, audience, writable, created_at, policy, behind)
        VALUES (?1, ?2, ?3, ?4, '[]', ?5, ?6, ?7, ?8)
        ON CONFLICT (id) DO UPDATE SET name = ?3, writable = ?5, policy = ?7";
    store.write(|t| {
        let kind = kind_word(entry.kind);
        let (write, created_at) = (entry.policy.write, entry.created_at);
        t.execute(sql, (&id.0, kind, &entry.name, &entry.target, write, created_at, policy, behind))?;
        Ok(())
    })
}

/// Removes shares, and what was counted for them.
pub(super) fn remove(store: &Store, ids: &[ShareId]) -> Result<(), StoreError> {
    store.write(|t| {
        for id in ids {
            t.execute("DELETE FROM share WHERE id = ?1", [&id.0])?;
            t.execute("DELETE FROM share_use WHERE share = ?1", [&id.0])?;
        }
        Ok(())
    })
}

fn row(row: &rusqlite::Row<'_>, clock: &Clock) -> rusqlite::Result<(ShareId, Option<Entry>)> {
    let kind = match row.get::<_, String>(1)?.as_str() {
        "printer" => Some(ShareKind::Printer),
        "folder" => Some(ShareKind::Folder),
        _ => None,
    };
    let policy = match row.get::<_, Option<String>>(8)? {
        Some(policy) => serde_json::from_str(&policy).ok(),
        None => old_policy(&row.get::<_, String>(4)?, row.get(5)?, row.get(6)?, clock),
    };
    let (name, target, created_at) = (row.get(2)?, row.get(3)?, row.get(7)?);
    // A share of which it is not known what it is on is not served from whatever is there.
    let behind =
        row.get::<_, Option<String>>(9)?.map_or(Some(Behind::Fixed), |text| serde_json::from_str(&text).ok());
    let entry = kind.zip(policy).zip(behind).map(|((kind, policy), behind)| Entry {
        kind,
        name,
        target,
        policy,
        created_at,
        available: true,
        disk: None,
        medium: behind.unseen(),
        behind,
        stamp: None,
        left: None,
    });
    Ok((ShareId(row.get(0)?), entry))
}

/// A rule from before there were homes: classes of subjects, one right to write, one time of day.
fn old_policy(audience: &str, write: bool, until: Option<Millis>, clock: &Clock) -> Option<Policy> {
    let audience: Vec<Audience> = serde_json::from_str(audience).ok()?;
    let grants = audience.into_iter().map(lanyard_trust::Grant::to).collect();
    Some(Policy { grants, write, until: until.map(|at| Until::at(at, &clock.now())) }.sorted())
}

fn kind_word(kind: ShareKind) -> &'static str {
    match kind {
        ShareKind::Printer => "printer",
        ShareKind::Folder | ShareKind::Disc => "folder",
    }
}
