//! What must survive about printers that were added to this computer.

use super::drive::Offered;
use lanyard_print::ticket::Capabilities;
use lanyard_store::{
    Migrations, Store, StoreError,
    rusqlite::{self, Row, params},
};
use lanyard_trust::{NodeId, ShareId};
use uuid::Uuid;

/// This room's tables.
pub const MIGRATIONS: Migrations = Migrations {
    room: "gateway",
    steps: &[
        "CREATE TABLE gateway_printer (
        uuid TEXT PRIMARY KEY,
        secret TEXT NOT NULL,
        queue TEXT NOT NULL,
        node TEXT NOT NULL,
        share TEXT NOT NULL,
        name TEXT NOT NULL,
        device_name TEXT NOT NULL,
        able TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE gateway_job (
        job TEXT PRIMARY KEY,
        printer TEXT NOT NULL REFERENCES gateway_printer (uuid) ON DELETE CASCADE,
        number INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX gateway_job_of ON gateway_job (printer, number);",
        "ALTER TABLE gateway_printer ADD COLUMN identity TEXT;",
        "CREATE TABLE gateway_drive (
        secret TEXT PRIMARY KEY,
        node TEXT NOT NULL,
        share TEXT NOT NULL,
        name TEXT NOT NULL,
        device_name TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;",
    ],
};

/// Jobs of one printer that are remembered as having come from here.
const JOBS: i64 = 1_000;

/// A printer that was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Added {
    /// Its own for ever.
    pub(super) uuid: Uuid,
    /// 32 hexadecimal digits; whoever knows it may print.
    pub(super) secret: String,
    /// The system's queue.
    pub(super) queue: String,
    /// Whose printer.
    pub(super) node: NodeId,
    /// Which.
    pub(super) share: ShareId,
    /// Its name when it was added.
    pub(super) name: String,
    /// Its device's name then.
    pub(super) device_name: String,
    /// What it could do when it last told.
    pub(super) able: Option<Capabilities>,
    /// The piece of hardware, as its device told it then.
    pub(super) identity: Option<String>,
}

impl Added {
    /// What programs show of it.
    pub(super) fn shown_name(&self) -> String {
        format!("{} ({})", self.name, self.device_name)
    }
}

/// The rows.
#[derive(Clone)]
pub(super) struct Rows {
    store: Store,
}

impl Rows {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Runs one of the others off the async threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let rows = self.clone();
        self.store.run(move |_| work(&rows)).await
    }

    pub(super) fn added(&self) -> Result<Vec<Added>, StoreError> {
        let sql =
            "SELECT uuid, secret, queue, node, share, name, device_name, able, identity FROM gateway_printer";
        self.store.read(|c| c.prepare(sql)?.query_map([], read)?.collect())
    }

    pub(super) fn put(&self, added: &Added) -> Result<(), StoreError> {
        let sql = "INSERT INTO gateway_printer (uuid, secret, queue, node, share, name, device_name, able, \
                   identity) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        let able = added.able.as_ref().and_then(|able| serde_json::to_string(able).ok());
        self.store.write(|t| {
            let values = params![
                added.uuid.to_string(),
                added.secret,
                added.queue,
                added.node.to_string(),
                added.share.0,
                added.name,
                added.device_name,
                able,
                added.identity
            ];
            t.execute(sql, values).map(|_| ())
        })
    }

    /// Drives that have an address. A row that makes no sense is left out.
    pub(super) fn drives(&self) -> Result<Vec<Offered>, StoreError> {
        let sql = "SELECT secret, node, share, name, device_name FROM gateway_drive";
        let read = |row: &Row<'_>| {
            let node: String = row.get(1)?;
            let (secret, share, name, device_name) = (row.get(0)?, row.get(2)?, row.get(3)?, row.get(4)?);
            let node = node.parse().ok();
            Ok(node.map(|node| Offered { secret, node, share: ShareId(share), name, device_name }))
        };
        let rows: Vec<Option<Offered>> =
            self.store.read(|c| c.prepare(sql)?.query_map([], read)?.collect())?;
        Ok(rows.into_iter().flatten().collect())
    }

    pub(super) fn put_drive(&self, offered: &Offered) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO gateway_drive (secret, node, share, name, device_name) VALUES (?1, ?2, ?3, ?4, ?5)";
        let Offered { secret, node, share, name, device_name } = offered;
        let values = params![secret, node.to_string(), share.0, name, device_name];
        self.store.write(|t| t.execute(sql, values).map(|_| ()))
    }

    pub(super) fn remove_drive(&self, secret: &str) -> Result<(), StoreError> {
        self.store.write(|t| t.execute("DELETE FROM gateway_drive WHERE secret = ?1", [secret]).map(|_| ()))
    }

    pub(super) fn remove(&self, uuid: Uuid) -> Result<(), StoreError> {
        self.store.write(|t| {
            let uuid = uuid.to_string();
            t.execute("DELETE FROM gateway_job WHERE printer = ?1", [&uuid])?;
            t.execute("DELETE FROM gateway_printer WHERE uuid = ?1", [&uuid]).map(|_| ())
        })
    }

    /// What a printer can do now.
    pub(super) fn told(&self, uuid: Uuid, able: &Capabilities) -> Result<(), StoreError> {
        let able = serde_json::to_string(able).unwrap_or_default();
        let sql = "UPDATE gateway_printer SET able = ?2 WHERE uuid = ?1";
        self.store.write(|t| t.execute(sql, params![uuid.to_string(), able]).map(|_| ()))
    }

    /// A job comes from here.
    pub(super) fn enter(&self, uuid: Uuid, job: Uuid) -> Result<(), StoreError> {
        let new = "INSERT INTO gateway_job (job, printer, number) \
                   SELECT ?1, ?2, coalesce(max(number), 0) + 1 FROM gateway_job WHERE printer = ?2";
        let old = "DELETE FROM gateway_job WHERE printer = ?1 AND number <= \
                   (SELECT max(number) FROM gateway_job WHERE printer = ?1) - ?2";
        self.store.write(|t| {
            t.execute(new, params![job.to_string(), uuid.to_string()])?;
            t.execute(old, params![uuid.to_string(), JOBS]).map(|_| ())
        })
    }

    /// Jobs that came from here, the newest first.
    pub(super) fn jobs(&self, uuid: Uuid) -> Result<Vec<Uuid>, StoreError> {
        let sql = "SELECT job FROM gateway_job WHERE printer = ?1 ORDER BY number DESC";
        self.store.read(|c| {
            let mut found = c.prepare(sql)?;
            let jobs = found.query_map([uuid.to_string()], |row| parsed(row, 0))?;
            jobs.collect()
        })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Added> {
    let able: Option<String> = row.get("able")?;
    Ok(Added {
        uuid: parsed(row, "uuid")?,
        secret: row.get("secret")?,
        queue: row.get("queue")?,
        node: parsed(row, "node")?,
        share: ShareId(row.get("share")?),
        name: row.get("name")?,
        device_name: row.get("device_name")?,
        // Of another version: it is asked again.
        able: able.and_then(|able| serde_json::from_str(&able).ok()),
        identity: row.get("identity")?,
    })
}

fn parsed<T: std::str::FromStr, I: rusqlite::RowIndex + Copy>(
    row: &Row<'_>,
    column: I,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    let odd = || rusqlite::Error::InvalidColumnType(0, text.clone(), rusqlite::types::Type::Text);
    text.parse().map_err(|_| odd())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_was_written_and_its_jobs_go_with_it() {
        let rows = Rows::new(Store::in_memory(&[MIGRATIONS]).unwrap());
        let added = Added {
            uuid: Uuid::new_v4(),
            secret: "0".repeat(32),
            queue: "Laser_at_PC".to_owned(),
            node: NodeId::from_bytes([7; 32]),
            share: ShareId("laser".to_owned()),
            name: "Laser".to_owned(),
            device_name: "PC".to_owned(),
            able: None,
            identity: Some("uuid:1".to_owned()),
        };
        rows.put(&added).unwrap();
        assert_eq!(rows.added().unwrap(), std::slice::from_ref(&added));
        let able = Capabilities {
            formats: Vec::new(),
            color: true,
            sides: Vec::new(),
            media: Vec::new(),
            media_default: None,
            max_copies: 9,
            quality: Vec::new(),
            sources: Vec::new(),
            media_types: Vec::new(),
        };
        rows.told(added.uuid, &able).unwrap();
        assert_eq!(rows.added().unwrap()[0].able, Some(able));
        let jobs = [Uuid::new_v4(), Uuid::new_v4()];
        for job in jobs {
            rows.enter(added.uuid, job).unwrap();
        }
        assert_eq!(rows.jobs(added.uuid).unwrap(), [jobs[1], jobs[0]]);
        rows.remove(added.uuid).unwrap();
        assert!(rows.added().unwrap().is_empty() && rows.jobs(added.uuid).unwrap().is_empty());
    }
}
