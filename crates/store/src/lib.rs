//! The node's one SQLite file: everything that must survive a crash.
//!
//! Each room brings its own list of migration steps and writes its own SQL; this crate only opens the file,
//! brings it up to date, sets a damaged one aside, and hands out transactions. A write is on the disk when
//! [`Store::write`] returns (WAL with `synchronous = FULL`). It knows nothing of what the tables mean.

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub use rusqlite;

/// The steps that bring one room's tables up to date. Steps are only ever added at the end.
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    /// The room's name; also the prefix of its tables.
    pub room: &'static str,
    /// SQL scripts, run once each, in order.
    pub steps: &'static [&'static str],
}

/// A handle to the one open database; clones share it.
#[derive(Clone)]
pub struct Store {
    open: Arc<Mutex<Open>>,
}

struct Open {
    connection: Connection,
    /// Whether a commit waits for the disk, as SQLite has been told last.
    waits: bool,
}

/// A store that is ready, and what had to be done to get it so.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// Where a damaged file was moved, if there was one. Its jobs and settings are not in the new store.
    pub set_aside: Option<PathBuf>,
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file belongs to a newer Lanyard: it is left untouched.
    #[error(
        "{path} was written by a newer version of Lanyard (room {room} is at step {found}, this version knows {known})"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The room whose tables are newer.
        room: String,
        /// Its step.
        found: usize,
        /// The last step this version knows.
        known: usize,
    },
    /// The disk refused.
    #[error("cannot open {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite refused for a reason other than damage.
    #[error("cannot open {path}: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// Why a read or a write failed. Nothing of a failed write remains.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// Anything else SQLite says.
    #[error(transparent)]
    Sqlite(rusqlite::Error),
    /// The blocking task was cancelled because the node stops.
    #[error("the store is closing")]
    Closing,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            _ => Self::Sqlite(error),
        }
    }
}

impl Store {
    /// Opens `path`, creating it if needed, and runs every step that has not run yet. A file that SQLite calls
    /// damaged is renamed to `<name>.damaged-<unix seconds>` and a new one begun: a node that starts with a clear
    /// message is worth more to its owner than one that does not start.
    ///
    /// # Errors
    /// [`OpenError::Newer`] for a file of a later version, [`OpenError::Io`] and [`OpenError::Sqlite`] when the
    /// disk or SQLite refuses.
    pub fn open(path: &Path, rooms: &[Migrations]) -> Result<Opened, OpenError> {
        match Self::try_open(path, rooms) {
            Ok(store) => Ok(Opened { store, set_aside: None }),
            Err(OpenError::Sqlite { source, .. }) if is_damage(&source) => {
                let aside = set_aside(path)?;
                let store = Self::try_open(path, rooms)?;
                tracing::error!(file = %path.display(), kept = %aside.display(), "the store was damaged and set aside");
                Ok(Opened { store, set_aside: Some(aside) })
            }
            Err(error) => Err(error),
        }
    }

    /// A store that lives in memory only, for tests.
    ///
    /// # Errors
    /// When a migration step is wrong.
    pub fn in_memory(rooms: &[Migrations]) -> Result<Self, OpenError> {
        let path = Path::new(":memory:");
        let mut connection = Connection::open_in_memory().map_err(|source| sqlite(path, source))?;
        migrate(&mut connection, path, rooms)?;
        Ok(Self::of(connection))
    }

    /// Runs a few reads against one consistent state. Blocks for as long as they take: use [`Store::run`] in
    /// async code for anything that is not a single row.
    ///
    /// # Errors
    /// What `work` returns.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        Ok(work(&self.lock().connection)?)
    }

    /// Runs `work` in one transaction, on the disk when this returns. Blocks for an fsync.
    ///
    /// # Errors
    /// What `work` returns; then nothing was written.
    pub fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.commit(true, work)
    }

    /// The same for what may be forgotten in a power cut, because it is found again or told again: written when this
    /// returns, so that it outlives this process, and on the disk at the latest with the next [`Store::write`]. Does not
    /// block for an fsync.
    ///
    /// # Errors
    /// What `work` returns; then nothing was written.
    pub fn write_soon<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.commit(false, work)
    }

    fn commit<T>(
        &self,
        waits: bool,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut open = self.lock();
        if open.waits != waits {
            // With NORMAL the log is written and not fsynced; what follows it with FULL takes it along.
            open.connection.pragma_update(None, "synchronous", if waits { "FULL" } else { "NORMAL" })?;
            open.waits = waits;
        }
        let transaction = open.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    fn of(connection: Connection) -> Self {
        // What the rooms ask again and again.
        connection.set_prepared_statement_cache_capacity(64);
        Self { open: Arc::new(Mutex::new(Open { connection, waits: true })) }
    }

    /// [`Store::read`] or [`Store::write`] off the async threads. Nothing is written any more once the runtime stops:
    /// what else fails then, fails because of that, and is no news of anything.
    ///
    /// # Errors
    /// What `work` returns, or [`StoreError::Closing`] when the runtime stops.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        tokio::task::spawn_blocking(move || work(&store)).await.map_err(|_| StoreError::Closing)?
    }

    /// The same for what only reads: on this thread when nobody uses the store just now. That takes less time than waking
    /// a thread for it and being woken by that.
    ///
    /// # Errors
    /// As [`Store::run`].
    pub async fn glance<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let is_free = self.open.try_lock().is_ok();
        if is_free { read(self) } else { self.run(read).await }
    }

    fn try_open(path: &Path, rooms: &[Migrations]) -> Result<Self, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection =
            Connection::open_with_flags(path, flags).map_err(|source| sqlite(path, source))?;
        prepare(&connection).map_err(|source| sqlite(path, source))?;
        owner_only(path)?;
        migrate(&mut connection, path, rooms)?;
        Ok(Self::of(connection))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // A panic inside `work` rolled its transaction back, so the connection behind a poisoned lock is sound.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
    Err(rusqlite::Error::SqliteFailure(code, Some(verdict)))
}

fn migrate(connection: &mut Connection, path: &Path, rooms: &[Migrations]) -> Result<(), OpenError> {
    connection
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS store_steps (room TEXT PRIMARY KEY, done INTEGER NOT NULL) STRICT;",
        )
        .map_err(|source| sqlite(path, source))?;
    for room in rooms {
        let done = steps_done(connection, room.room).map_err(|source| sqlite(path, source))?;
        if done > room.steps.len() {
            let (room, known) = (room.room.to_owned(), room.steps.len());
            return Err(OpenError::Newer { path: path.to_owned(), room, found: done, known });
        }
        for (index, step) in room.steps.iter().enumerate().skip(done) {
            run_step(connection, room.room, step, index + 1).map_err(|source| sqlite(path, source))?;
        }
    }
    Ok(())
}

fn steps_done(connection: &Connection, room: &str) -> rusqlite::Result<usize> {
    let sql = "SELECT coalesce(max(done), 0) FROM store_steps WHERE room = ?1";
    connection
        .query_row(sql, [room], |row| row.get::<_, i64>(0))
        .map(|done| usize::try_from(done).unwrap_or(0))
}

fn run_step(connection: &mut Connection, room: &str, step: &str, number: usize) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(step)?;
    let sql =
        "INSERT INTO store_steps (room, done) VALUES (?1, ?2) ON CONFLICT (room) DO UPDATE SET done = ?2";
    transaction.execute(sql, (room, number as i64))?;
    transaction.commit()
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// Moves the file and its WAL companions out of the way; they stay together so that an expert can look at them.
fn set_aside(path: &Path) -> Result<PathBuf, OpenError> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    let aside = with_suffix(path, &format!(".damaged-{seconds}"));
    fs::rename(path, &aside).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
    for companion in ["-wal", "-shm"] {
        // They need not exist; one that stays behind would be replayed into the new file, so a failure is fatal.
        match fs::rename(with_suffix(path, companion), with_suffix(&aside, companion)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(OpenError::Io { path: path.to_owned(), source });
            }
            _ => {}
        }
    }
    Ok(aside)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn sqlite(path: &Path, source: rusqlite::Error) -> OpenError {
    OpenError::Sqlite { path: path.to_owned(), source }
}

/// Job titles and file names are nobody else's business on a shared computer.
fn owner_only(path: &Path) -> Result<(), OpenError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            .map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
    }
    #[cfg(not(unix))]
    let _ = path; // the data directory's own ACL protects it
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const V1: Migrations = Migrations { room: "pets", steps: &["CREATE TABLE pets (name TEXT) STRICT;"] };
    const V2: Migrations = Migrations {
        room: "pets",
        steps: &["CREATE TABLE pets (name TEXT) STRICT;", "ALTER TABLE pets ADD COLUMN age INTEGER;"],
    };

    fn count(store: &Store) -> i64 {
        store.read(|c| c.query_row("SELECT count(*) FROM pets", [], |r| r.get(0))).unwrap()
    }

    #[test]
    fn a_later_version_keeps_what_an_earlier_one_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lanyard.db");
        let opened = Store::open(&path, &[V1]).unwrap();
        opened.store.write(|t| t.execute("INSERT INTO pets VALUES ('rex')", [])).unwrap();
        drop(opened);
        let opened = Store::open(&path, &[V2]).unwrap();
        assert!(opened.set_aside.is_none());
        let age: Option<i64> = opened
            .store
            .read(|c| c.query_row("SELECT age FROM pets WHERE name = 'rex'", [], |r| r.get(0)))
            .unwrap();
        assert_eq!(age, None, "the row survived and has the new column");
    }

    #[test]
    fn an_earlier_version_refuses_a_later_file_and_leaves_it_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lanyard.db");
        drop(Store::open(&path, &[V2]).unwrap());
        assert!(matches!(Store::open(&path, &[V1]), Err(OpenError::Newer { found: 2, known: 1, .. })));
        assert!(Store::open(&path, &[V2]).unwrap().set_aside.is_none(), "the file is still good");
    }

    #[test]
    fn a_damaged_file_is_set_aside_whole_and_a_new_one_begun() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lanyard.db");
        let junk = b"this is no database, and it is longer than one header of a hundred bytes would be; really it is."
            .repeat(40);
        fs::write(&path, &junk).unwrap();
        let opened = Store::open(&path, &[V1]).unwrap();
        let aside = opened.set_aside.expect("the damage is reported");
        assert_eq!(fs::read(aside).unwrap(), junk, "the old bytes are kept for an expert");
        assert_eq!(count(&opened.store), 0);
    }

    #[test]
    fn a_file_with_a_torn_page_is_noticed_at_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lanyard.db");
        let store = Store::open(&path, &[V1]).unwrap().store;
        store
            .write(|t| {
                for n in 0..2_000 {
                    t.execute(
                        "INSERT INTO pets VALUES (?1)",
                        [format!("a fairly long name for pet number {n}")],
                    )?;
                }
                Ok(())
            })
            .unwrap();
        store.read(|c| c.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))).unwrap();
        drop(store);
        let mut bytes = fs::read(&path).unwrap();
        for byte in &mut bytes[8_192..24_576] {
            *byte = 0xa5;
        }
        fs::write(&path, &bytes).unwrap();
        assert!(Store::open(&path, &[V1]).unwrap().set_aside.is_some());
    }

    #[test]
    fn every_write_waits_for_the_disk_whatever_was_written_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("lanyard.db"), &[V1]).unwrap().store;
        let waits = |t: &Transaction<'_>| {
            t.execute("INSERT INTO pets VALUES ('rex')", [])?;
            t.query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0))
        };
        const NORMAL: i64 = 1;
        const FULL: i64 = 2;
        assert_eq!(store.write(waits).unwrap(), FULL);
        assert_eq!(store.write_soon(waits).unwrap(), NORMAL);
        assert_eq!(store.write_soon(waits).unwrap(), NORMAL);
        assert_eq!(store.write(waits).unwrap(), FULL);
        let fails = |t: &Transaction<'_>| t.execute("INSERT INTO no_such_table VALUES (1)", []);
        assert!(store.write_soon(fails).is_err());
        assert_eq!(store.write(waits).unwrap(), FULL);
        drop(store);
        let store = Store::open(&dir.path().join("lanyard.db"), &[V1]).unwrap().store;
        assert_eq!(count(&store), 5);
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let store = Store::in_memory(&[V1]).unwrap();
        let result = store.write(|t| {
            t.execute("INSERT INTO pets VALUES ('ghost')", [])?;
            t.execute("INSERT INTO no_such_table VALUES (1)", [])
        });
        assert!(result.is_err());
        assert_eq!(count(&store), 0);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lanyard.db");
        drop(Store::open(&path, &[V1]).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
