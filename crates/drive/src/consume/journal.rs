//! Copies in the store: what must be known to go on after a crash.
//!
//! Which pieces of a half-received file are good is not written down: the file is read and verified again instead,
//! which also holds after a power cut, and needs no sync per piece.

use super::transfer::{Conflict, Direction, Fate, Note, Reason, State, Transfer, Tree};
use crate::content::FileId;
use lanyard_store::{
    Migrations, Store, StoreError,
    rusqlite::{self, Row as SqlRow, params},
};
use lanyard_trust::ShareId;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// The tables of this room.
pub const MIGRATIONS: Migrations = Migrations {
    room: "drive",
    steps: &[
        "CREATE TABLE drive_copy (
        id TEXT PRIMARY KEY,
        direction TEXT NOT NULL,
        node TEXT NOT NULL,
        device_name TEXT NOT NULL,
        share TEXT NOT NULL,
        drive TEXT NOT NULL,
        remote_path TEXT NOT NULL,
        local_path TEXT NOT NULL,
        conflict TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT,
        detail TEXT,
        size INTEGER,
        bytes_done INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        ended_at INTEGER,
        wanted TEXT NOT NULL,
        part TEXT,
        file_id BLOB,
        placing INTEGER NOT NULL,
        sent_before INTEGER NOT NULL,
        owns_source INTEGER NOT NULL
    ) STRICT;",
        "ALTER TABLE drive_copy ADD COLUMN speed_limit INTEGER;
     ALTER TABLE drive_copy ADD COLUMN tree INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE drive_copy ADD COLUMN files INTEGER;
     ALTER TABLE drive_copy ADD COLUMN files_done INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE drive_copy ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE drive_copy ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE drive_copy ADD COLUMN renamed INTEGER NOT NULL DEFAULT 0;
     CREATE TABLE drive_tree (
        id TEXT NOT NULL,
        path TEXT NOT NULL,
        copy TEXT NOT NULL,
        size INTEGER NOT NULL,
        modified INTEGER,
        fate TEXT NOT NULL,
        detail TEXT,
        PRIMARY KEY (id, path)
     ) STRICT, WITHOUT ROWID;",
        "ALTER TABLE drive_copy ADD COLUMN turn INTEGER;",
        "ALTER TABLE drive_copy ADD COLUMN seen TEXT; ALTER TABLE drive_tree ADD COLUMN reason TEXT;",
        "ALTER TABLE drive_copy ADD COLUMN looked INTEGER NOT NULL DEFAULT 0;
     CREATE TABLE drive_seen (
        id TEXT NOT NULL,
        path TEXT NOT NULL,
        version TEXT NOT NULL,
        PRIMARY KEY (id, path)
     ) STRICT, WITHOUT ROWID;",
        "ALTER TABLE drive_copy ADD COLUMN misnamed INTEGER NOT NULL DEFAULT 0;",
    ],
};

/// What is written down of one file or folder of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) note: Note,
    /// The size and time of the original when it was copied.
    pub(super) size: u64,
    pub(super) modified: Option<i64>,
}

/// Writes down what became of some of a tree, all of it or nothing.
pub(super) fn save_tree(store: &Store, id: Uuid, told: &[Told]) -> Result<(), StoreError> {
    store.write(|t| {
        let mut statement = t.prepare_cached(
            "INSERT OR REPLACE INTO drive_tree (id, path, copy, size, modified, fate, detail, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        let id = id.to_string();
        for Told { note, size, modified } in told {
            let size = size.cast_signed();
            statement.execute(params![
                id,
                note.path,
                note.copy,
                size,
                modified,
                note.fate.word(),
                note.detail,
                note.reason.map(Reason::word)
            ])?;
        }
        Ok(())
    })
}

/// All that is written down of a tree.
pub(super) fn load_tree(store: &Store, id: Uuid) -> Result<Vec<Told>, StoreError> {
    store.read(|connection| {
        let sql = "SELECT path, copy, size, modified, fate, detail, reason FROM drive_tree WHERE id = ?1";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map([id.to_string()], told)?;
        rows.collect()
    })
}

/// What there is to tell of a tree, failures first, `most` at most.
pub(super) fn notes(store: &Store, id: Uuid, most: u32) -> Result<Vec<Note>, StoreError> {
    store.read(|connection| {
        let sql = "SELECT path, copy, size, modified, fate, detail, reason FROM drive_tree
                   WHERE id = ?1 AND (fate <> 'done' OR copy <> path)
                   ORDER BY CASE fate WHEN 'failed' THEN 0 WHEN 'left_out' THEN 1 ELSE 2 END, path LIMIT ?2";
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map(params![id.to_string(), most], told)?;
        rows.map(|row| row.map(|told| told.note)).collect()
    })
}

/// Writes down the versions of what a tree may replace, in place of what was written down before.
pub(super) fn save_seen(
    store: &Store,
    id: Uuid,
    versions: &HashMap<String, String>,
) -> Result<(), StoreError> {
    store.write(|t| {
        let id = id.to_string();
        t.execute("DELETE FROM drive_seen WHERE id = ?1", [&id])?;
        let mut statement =
            t.prepare_cached("INSERT INTO drive_seen (id, path, version) VALUES (?1, ?2, ?3)")?;
        for (path, version) in versions {
            statement.execute([&id, path, version])?;
        }
        Ok(())
    })
}

/// The same again.
pub(super) fn load_seen(store: &Store, id: Uuid) -> Result<HashMap<String, String>, StoreError> {
    store.read(|connection| {
        let mut statement = connection.prepare("SELECT path, version FROM drive_seen WHERE id = ?1")?;
        let rows = statement.query_map([id.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    })
}

/// The tree is over, and replaces nothing any more.
pub(super) fn forget_seen(store: &Store, id: Uuid) -> Result<(), StoreError> {
    store.write(|t| t.execute("DELETE FROM drive_seen WHERE id = ?1", [id.to_string()])).map(|_| ())
}

/// Keeps only what there is to tell: the tree is done.
pub(super) fn trim_tree(store: &Store, id: Uuid) -> Result<(), StoreError> {
    let sql = "DELETE FROM drive_tree WHERE id = ?1 AND fate = 'done' AND copy = path";
    store.write(|t| t.execute(sql, [id.to_string()])).map(|_| ())
}

fn told(row: &SqlRow<'_>) -> rusqlite::Result<Told> {
    Ok(Told {
        note: Note {
            path: row.get(0)?,
            copy: row.get(1)?,
            fate: Fate::from_word(&row.get::<_, String>(4)?).unwrap_or(Fate::Failed),
            detail: row.get(5)?,
            reason: row.get::<_, Option<String>>(6)?.and_then(|word| Reason::from_word(&word)),
        },
        size: row.get::<_, i64>(2)?.cast_unsigned(),
        modified: row.get(3)?,
    })
}

/// A copy, and what only the engine needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) transfer: Transfer,
    /// The name it was asked to have, here or there; the one it gets may carry a number.
    pub(super) wanted: String,
    /// Download: the hidden file it grows in; of a tree, the one in which its last large file grows, or grew.
    pub(super) part: Option<PathBuf>,
    /// What the whole file is, once known.
    pub(super) file_id: Option<FileId>,
    /// Download: whole; the hidden file is about to get its name. After a crash the file may already have it.
    pub(super) placing: bool,
    /// Upload: an earlier try may have succeeded without our hearing of it.
    pub(super) sent_before: bool,
    /// Upload: the source is a file of ours that goes away with the copy.
    pub(super) owns_source: bool,
    /// When it is its turn among those that wait: lower ones come first.
    pub(super) turn: i64,
    /// The version that may be replaced: what had the name when a person said so. Upload: the entity tag there; none means
    /// that there was nothing, or that nobody has `looked` yet. Download: [`crate::disk::version`] here; none means that
    /// there was nothing.
    pub(super) seen: Option<String>,
    /// An upload or a tree that replaces: the versions of what it may replace are written down.
    pub(super) looked: bool,
}

/// Writes down a new copy, or what has changed of one. Its turn and its limit are written with the new one only: others
/// than its task change them, and write each by itself.
pub(super) fn save(store: &Store, row: &Row) -> Result<(), StoreError> {
    let copy = &row.transfer;
    let tree = copy.tree.unwrap_or_default();
    store.write(|t| {
        t.execute(
            "INSERT INTO drive_copy (id, direction, node, device_name, share, drive, remote_path, local_path,
             conflict, state, reason, detail, size, bytes_done, created_at, ended_at, wanted, part, file_id, placing,
             sent_before, owns_source, speed_limit, tree, files, files_done, failed, left_out, renamed,
             turn, seen, looked, misnamed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
             ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33)
             ON CONFLICT (id) DO UPDATE SET remote_path = ?7, local_path = ?8, conflict = ?9, state = ?10, reason = ?11,
             detail = ?12, size = ?13, bytes_done = ?14, ended_at = ?16, part = ?18, file_id = ?19, placing = ?20,
             sent_before = ?21, files = ?25, files_done = ?26, failed = ?27, left_out = ?28, renamed = ?29, seen = ?31,
             looked = ?32, misnamed = ?33",
            params![
                copy.id.to_string(),
                copy.direction.word(),
                copy.node.to_string(),
                copy.device_name,
                copy.share.0,
                copy.drive,
                copy.remote_path,
                copy.local_path.to_string_lossy(),
                copy.conflict.word(),
                copy.state.word(),
                copy.reason.map(Reason::word),
                copy.detail,
                copy.size.map(u64::cast_signed),
                copy.bytes_done.cast_signed(),
                copy.created_at,
                copy.ended_at,
                row.wanted,
                row.part.as_ref().map(|part| part.to_string_lossy()),
                row.file_id.map(|id| id.0.to_vec()),
                row.placing,
                row.sent_before,
                row.owns_source,
                copy.limit.map(u64::cast_signed),
                copy.tree.is_some(),
                tree.files.map(u64::cast_signed),
                tree.files_done.cast_signed(),
                tree.failed.cast_signed(),
                tree.left_out.cast_signed(),
                tree.renamed.cast_signed(),
                row.turn,
                row.seen,
                row.looked,
                tree.misnamed.cast_signed(),
            ],
        )
    })?;
    Ok(())
}

/// Writes down another turn.
pub(super) fn save_turn(store: &Store, id: Uuid, turn: i64) -> Result<(), StoreError> {
    let sql = "UPDATE drive_copy SET turn = ?2 WHERE id = ?1";
    store.write(|t| t.execute(sql, params![id.to_string(), turn])).map(|_| ())
}

/// Writes down another limit.
pub(super) fn save_limit(store: &Store, id: Uuid, limit: Option<u64>) -> Result<(), StoreError> {
    let sql = "UPDATE drive_copy SET speed_limit = ?2 WHERE id = ?1";
    store.write(|t| t.execute(sql, params![id.to_string(), limit.map(u64::cast_signed)])).map(|_| ())
}

/// Writes down in which hidden file a part of a tree grows. Lost in a power cut, it costs a hidden file.
pub(super) fn save_part(store: &Store, id: Uuid, part: &Path) -> Result<(), StoreError> {
    let sql = "UPDATE drive_copy SET part = ?2 WHERE id = ?1";
    store.write_soon(|t| t.execute(sql, params![id.to_string(), part.to_string_lossy()])).map(|_| ())
}

pub(super) fn remove(store: &Store, ids: &[Uuid]) -> Result<(), StoreError> {
    store.write(|t| {
        for id in ids {
            t.execute("DELETE FROM drive_copy WHERE id = ?1", [id.to_string()])?;
            t.execute("DELETE FROM drive_tree WHERE id = ?1", [id.to_string()])?;
            t.execute("DELETE FROM drive_seen WHERE id = ?1", [id.to_string()])?;
        }
        Ok(())
    })
}

/// All rows. One that this version cannot read is left where it is and not shown.
pub(super) fn load(store: &Store) -> Result<Vec<Row>, StoreError> {
    store.read(|connection| {
        let mut statement = connection.prepare("SELECT * FROM drive_copy")?;
        let rows = statement.query_map([], |row| Ok(read(row)))?;
        let mut readable = Vec::new();
        for row in rows {
            match row? {
                Ok(row) => readable.push(row),
                Err(error) => tracing::warn!(%error, "a copy in the store cannot be read"),
            }
        }
        Ok(readable)
    })
}

fn read(row: &SqlRow<'_>) -> rusqlite::Result<Row> {
    let id: Option<Vec<u8>> = row.get("file_id")?;
    let count = |column: &str| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let tree = Tree {
        files: row.get::<_, Option<i64>>("files")?.map(i64::cast_unsigned),
        files_done: count("files_done")?,
        failed: count("failed")?,
        left_out: count("left_out")?,
        misnamed: count("misnamed")?,
        renamed: count("renamed")?,
    };
    let transfer = Transfer {
        id: parsed(row, "id", |text| Uuid::parse_str(text).ok())?,
        direction: parsed(row, "direction", Direction::from_word)?,
        node: parsed(row, "node", |text| text.parse().ok())?,
        device_name: row.get("device_name")?,
        share: ShareId(row.get("share")?),
        drive: row.get("drive")?,
        remote_path: row.get("remote_path")?,
        local_path: row.get::<_, String>("local_path")?.into(),
        conflict: parsed(row, "conflict", Conflict::from_word)?,
        state: parsed(row, "state", State::from_word)?,
        reason: row.get::<_, Option<String>>("reason")?.and_then(|word| Reason::from_word(&word)),
        detail: row.get("detail")?,
        size: row.get::<_, Option<i64>>("size")?.map(i64::cast_unsigned),
        bytes_done: row.get::<_, i64>("bytes_done")?.cast_unsigned(),
        rate: 0,
        limit: row.get::<_, Option<i64>>("speed_limit")?.map(i64::cast_unsigned),
        sources: 0,
        tree: row.get::<_, bool>("tree")?.then_some(tree),
        created_at: row.get("created_at")?,
        ended_at: row.get("ended_at")?,
    };
    let turn = row.get::<_, Option<i64>>("turn")?.unwrap_or(transfer.created_at);
    Ok(Row {
        transfer,
        turn,
        wanted: row.get("wanted")?,
        part: row.get::<_, Option<String>>("part")?.map(PathBuf::from),
        file_id: id.and_then(|id| id.try_into().ok()).map(FileId),
        placing: row.get("placing")?,
        sent_before: row.get("sent_before")?,
        owns_source: row.get("owns_source")?,
        seen: row.get("seen")?,
        looked: row.get("looked")?,
    })
}

fn parsed<T>(row: &SqlRow<'_>, column: &str, parse: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| rusqlite::Error::InvalidColumnName(format!("{column} = {text}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use lanyard_trust::NodeId;

    fn row() -> Row {
        let transfer = Transfer {
            id: Uuid::from_u128(1),
            direction: Direction::Download,
            node: NodeId::from_bytes([7; 32]),
            device_name: "Ben".to_owned(),
            share: ShareId("docs".to_owned()),
            drive: "Documents".to_owned(),
            remote_path: "a".to_owned(),
            local_path: PathBuf::from("/here/a"),
            conflict: Conflict::KeepBoth,
            state: State::Running,
            reason: None,
            detail: None,
            size: Some(5),
            bytes_done: 0,
            rate: 0,
            limit: None,
            sources: 0,
            tree: None,
            created_at: 3,
            ended_at: None,
        };
        Row {
            transfer,
            wanted: "a".to_owned(),
            part: Some(PathBuf::from("/here/.a.part")),
            file_id: None,
            placing: false,
            sent_before: false,
            owns_source: false,
            turn: 3,
            seen: None,
            looked: false,
        }
    }

    fn kept(store: &Store) -> Row {
        let mut rows = load(store).unwrap();
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }

    #[test]
    fn what_a_person_sets_and_what_the_copy_writes_down_do_not_undo_each_other_in_any_order() {
        let store = Store::in_memory(&[MIGRATIONS]).unwrap();
        let begun = row();
        save(&store, &begun).unwrap();
        assert_eq!(kept(&store), begun);

        let part = Some(PathBuf::from("/here/a (2)"));
        let placing = Row { placing: true, file_id: Some(FileId([9; 32])), part, ..begun.clone() };
        save(&store, &placing).unwrap();
        save_limit(&store, begun.transfer.id, Some(1 << 20)).unwrap();
        save_turn(&store, begun.transfer.id, -5).unwrap();
        let limited = Transfer { limit: Some(1 << 20), ..placing.transfer.clone() };
        let both = Row { transfer: limited, turn: -5, ..placing.clone() };
        assert_eq!(kept(&store), both, "a file that is about to get its name stays one");

        // The copy's own word may have been on its way since before that.
        save(&store, &placing).unwrap();
        assert_eq!(kept(&store), both, "the limit and the turn stay");
        save_limit(&store, begun.transfer.id, None).unwrap();
        assert_eq!(kept(&store).transfer.limit, None);
    }

    #[test]
    fn all_that_changes_of_a_copy_is_written_down_again() {
        let store = Store::in_memory(&[MIGRATIONS]).unwrap();
        let tree = Tree { files: Some(1), files_done: 2, failed: 3, left_out: 4, renamed: 5, misnamed: 6 };
        let mut row = row();
        row.transfer.tree = Some(Tree::default());
        save(&store, &row).unwrap();
        row = Row {
            transfer: Transfer {
                remote_path: "b".to_owned(),
                local_path: PathBuf::from("/here/b"),
                conflict: Conflict::Replace,
                state: State::Failed,
                reason: Some(Reason::Exists),
                detail: Some("why".to_owned()),
                size: Some(6),
                bytes_done: 4,
                tree: Some(tree),
                ended_at: Some(8),
                ..row.transfer
            },
            part: None,
            file_id: Some(FileId([9; 32])),
            placing: true,
            sent_before: true,
            seen: Some("v".to_owned()),
            looked: true,
            ..row
        };
        save(&store, &row).unwrap();
        assert_eq!(kept(&store), row);
    }
}
