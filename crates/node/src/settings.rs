//! What the owner set, kept in the store.

use lanyard_store::{Migrations, Store, StoreError};

/// This room's tables.
pub const MIGRATIONS: Migrations = Migrations {
    room: "setting",
    steps: &["CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"],
};

/// Single values, read often and written seldom.
#[derive(Clone)]
pub struct Settings {
    store: Store,
}

impl Settings {
    /// On this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// A value, if it was ever set.
    ///
    /// # Errors
    /// When the store does.
    pub fn text(&self, key: &str) -> Result<Option<String>, StoreError> {
        use lanyard_store::rusqlite::OptionalExtension;
        let sql = "SELECT value FROM setting WHERE key = ?1";
        self.store.read(|c| c.query_row(sql, [key], |row| row.get(0)).optional())
    }

    /// Sets a value.
    ///
    /// # Errors
    /// When the store does.
    pub fn set(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO setting (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2";
        self.store.write(|t| t.execute(sql, [key, value])).map(|_| ())
    }
}
