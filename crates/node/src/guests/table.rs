//! Passes in the store: hashes, never what opens.

use super::Secret;
use blake3::Hash;
use lanyard_api::{Millis, PassAction};
use lanyard_store::{Migrations, Store, StoreError, rusqlite};
use lanyard_trust::{NodeId, PassId, ShareId, Subject, Until, Who};
use std::collections::BTreeMap;

/// This room's tables.
pub const MIGRATIONS: Migrations = Migrations {
    room: "guest",
    steps: &["CREATE TABLE guest_pass (
        id TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        share TEXT NOT NULL,
        action TEXT NOT NULL CHECK (action IN ('print', 'read', 'add')),
        label TEXT NOT NULL,
        token BLOB NOT NULL,
        pin BLOB,
        salt BLOB NOT NULL,
        wrong INTEGER NOT NULL,
        ends_at INTEGER NOT NULL,
        ends_ran INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        last_used INTEGER
    ) STRICT;
    CREATE TABLE guest_name (
        sender TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        created_at INTEGER NOT NULL
    ) STRICT;"],
};

/// Guests whose name is remembered for the list of jobs.
const NAMES: i64 = 500;

/// One pass.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: PassId,
    /// The page on which its PIN is typed.
    pub(super) number: u8,
    pub(super) share: ShareId,
    pub(super) action: PassAction,
    pub(super) label: String,
    pub(super) token: Hash,
    /// None when it was tried wrongly too often.
    pub(super) pin: Option<Hash>,
    pub(super) salt: Secret,
    /// Wrong PINs so far.
    pub(super) wrong: u8,
    pub(super) until: Until,
    pub(super) created_at: Millis,
    pub(super) last_used: Option<Millis>,
}

/// All passes, and what guests were called. A row that makes no sense opens nothing and is left out.
pub(super) fn load(store: &Store) -> Result<(Vec<Row>, BTreeMap<NodeId, String>), StoreError> {
    let sql = "SELECT id, number, share, action, label, token, pin, salt, wrong, ends_at, ends_ran, created_at, last_used FROM guest_pass";
    let rows: Vec<Option<Row>> =
        store.read(|c| c.prepare(sql)?.query_map([], |found| Ok(row(found).ok()))?.collect())?;
    let names: Vec<(String, String)> = store.read(|c| {
        c.prepare("SELECT sender, name FROM guest_name")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    })?;
    if rows.iter().any(Option::is_none) {
        tracing::error!("a guest's pass that makes no sense opens nothing");
    }
    let names = names.into_iter().filter_map(|(sender, name)| Some((sender.parse().ok()?, name))).collect();
    Ok((rows.into_iter().flatten().collect(), names))
}

pub(super) fn insert(store: &Store, row: &Row) -> Result<(), StoreError> {
    let sql = "INSERT INTO guest_pass
        (id, number, share, action, label, token, pin, salt, wrong, ends_at, ends_ran, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let sender = Subject { who: Who::Guest(row.id), on_own_network: true }.id().to_string();
    let name = if row.label.is_empty() { "Guest" } else { &row.label };
    store.write(|t| {
        t.execute(
            sql,
            rusqlite::params![
                row.id.to_string(),
                row.number,
                row.share.0,
                word(row.action),
                row.label,
                row.token.as_bytes(),
                row.pin.as_ref().map(Hash::as_bytes),
                row.salt.bytes(),
                row.wrong,
                row.until.at,
                row.until.ran,
                row.created_at
            ],
        )?;
        t.execute(
            "INSERT OR REPLACE INTO guest_name (sender, name, created_at) VALUES (?1, ?2, ?3)",
            (&sender, name, row.created_at),
        )?;
        let prune = "DELETE FROM guest_name WHERE sender NOT IN
            (SELECT sender FROM guest_name ORDER BY created_at DESC LIMIT ?1)";
        t.execute(prune, [NAMES]).map(|_| ())
    })
}

/// Writes down wrong PINs and the last use.
pub(super) fn note(store: &Store, row: &Row) -> Result<(), StoreError> {
    let sql = "UPDATE guest_pass SET pin = ?2, wrong = max(wrong, ?3), last_used = ?4 WHERE id = ?1";
    let pin = row.pin.as_ref().map(Hash::as_bytes);
    store
        .write(|t| t.execute(sql, rusqlite::params![row.id.to_string(), pin, row.wrong, row.last_used]))
        .map(|_| ())
}

pub(super) fn remove(store: &Store, passes: &[PassId]) -> Result<(), StoreError> {
    store.write(|t| {
        passes.iter().try_for_each(|id| {
            t.execute("DELETE FROM guest_pass WHERE id = ?1", [id.to_string()]).map(|_| ())
        })
    })
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let odd = || rusqlite::Error::InvalidQuery;
    let hash = |bytes: [u8; 32]| Hash::from_bytes(bytes);
    Ok(Row {
        id: row.get::<_, String>(0)?.parse().map_err(|_| odd())?,
        number: row.get(1)?,
        share: ShareId(row.get(2)?),
        action: match row.get::<_, String>(3)?.as_str() {
            "print" => PassAction::Print,
            "read" => PassAction::Read,
            "add" => PassAction::Add,
            _ => return Err(odd()),
        },
        label: row.get(4)?,
        token: hash(row.get(5)?),
        pin: row.get::<_, Option<[u8; 32]>>(6)?.map(hash),
        salt: Secret::from_bytes(row.get(7)?),
        wrong: row.get(8)?,
        until: Until { at: row.get(9)?, ran: row.get(10)? },
        created_at: row.get(11)?,
        last_used: row.get(12)?,
    })
}

fn word(action: PassAction) -> &'static str {
    match action {
        PassAction::Print => "print",
        PassAction::Read => "read",
        PassAction::Add => "add",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_survives_the_store_and_its_wrong_tries_never_count_down() {
        let store = Store::in_memory(&[MIGRATIONS]).unwrap();
        let mut pass = Row {
            id: PassId::from_bytes([7; 8]),
            number: 42,
            share: ShareId("abc".to_owned()),
            action: PassAction::Add,
            label: "Aunt".to_owned(),
            token: Secret::random().unwrap().hash(),
            pin: Some(Hash::from_bytes([3; 32])),
            salt: Secret::random().unwrap(),
            wrong: 0,
            until: Until { at: 9, ran: 8 },
            created_at: 1,
            last_used: None,
        };
        insert(&store, &pass).unwrap();
        pass.wrong = 3;
        pass.last_used = Some(5);
        note(&store, &pass).unwrap();
        note(&store, &Row { wrong: 1, ..pass.clone() }).unwrap();
        let (rows, names) = load(&store).unwrap();
        assert_eq!(format!("{:?}", rows[0]), format!("{pass:?}"));
        assert_eq!(names.values().collect::<Vec<_>>(), ["Aunt"]);
        note(&store, &Row { pin: None, ..pass.clone() }).unwrap();
        assert_eq!(load(&store).unwrap().0[0].pin, None);
        remove(&store, &[pass.id]).unwrap();
        assert!(load(&store).unwrap().0.is_empty(), "nothing that opens is left");
    }
}
