//! Which networks the owner called own, remembered in the store. A network nobody said anything about is Public
//! and leaves no row: this is no diary of the places where a computer has been.

use lanyard_store::{
    Migrations, Store, StoreError,
    rusqlite::{self, OptionalExtension},
};

/// This room's tables.
pub const MIGRATIONS: Migrations = Migrations {
    room: "network",
    steps: &["CREATE TABLE network (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            own INTEGER NOT NULL,
            last_seen INTEGER NOT NULL
        ) STRICT;"],
};

/// The most networks that are remembered; the one not seen for the longest time goes first.
const MAX_REMEMBERED: i64 = 200;

/// What may happen on a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Not the owner's: nothing announced, no listener. Also what a new network is.
    Public,
    /// The owner's own.
    Own,
}

/// A network the owner decided about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Its id.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// What may happen there.
    pub profile: Profile,
    /// When this computer was last on it, Unix milliseconds.
    pub last_seen: i64,
}

/// The table of remembered networks.
#[derive(Clone)]
pub struct Profiles {
    store: Store,
}

impl Profiles {
    /// In this store, which must have run [`MIGRATIONS`].
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// What the owner said about a network, if anything.
    ///
    /// # Errors
    /// When the store does.
    pub fn of(&self, id: &str) -> Result<Option<Profile>, StoreError> {
        let sql = "SELECT own FROM network WHERE id = ?1";
        let own: Option<bool> =
            self.store.read(|connection| connection.query_row(sql, [id], |row| row.get(0)).optional())?;
        Ok(own.map(|own| if own { Profile::Own } else { Profile::Public }))
    }

    /// Everything remembered, last seen first.
    ///
    /// # Errors
    /// When the store does.
    pub fn all(&self) -> Result<Vec<Remembered>, StoreError> {
        self.store.read(|connection| {
            let sql = "SELECT id, name, own, last_seen FROM network ORDER BY last_seen DESC, id";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([], remembered)?;
            rows.collect()
        })
    }

    /// Remembers what the owner said. On the disk when this returns.
    ///
    /// # Errors
    /// When the store does.
    pub fn set(&self, id: &str, name: &str, profile: Profile, now: i64) -> Result<(), StoreError> {
        let sql = "INSERT INTO network (id, name, own, last_seen) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (id) DO UPDATE SET name = ?2, own = ?3, last_seen = ?4";
        let forget = "DELETE FROM network WHERE id NOT IN
            (SELECT id FROM network ORDER BY last_seen DESC LIMIT ?1)";
        self.store.write(|transaction| {
            transaction.execute(sql, (id, name, profile == Profile::Own, now))?;
            transaction.execute(forget, [MAX_REMEMBERED]).map(|_| ())
        })
    }

    /// Notes that this computer is on a network; nothing happens for one that is not remembered.
    ///
    /// # Errors
    /// When the store does.
    pub fn seen(&self, id: &str, name: &str, now: i64) -> Result<(), StoreError> {
        let sql = "UPDATE network SET name = ?2, last_seen = ?3 WHERE id = ?1";
        self.store.write(|transaction| transaction.execute(sql, (id, name, now))).map(|_| ())
    }
}

fn remembered(row: &rusqlite::Row<'_>) -> rusqlite::Result<Remembered> {
    let own: bool = row.get(2)?;
    Ok(Remembered {
        id: row.get(0)?,
        name: row.get(1)?,
        profile: if own { Profile::Own } else { Profile::Public },
        last_seen: row.get(3)?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn profiles() -> Profiles {
        Profiles::new(Store::in_memory(&[MIGRATIONS]).unwrap())
    }

    #[test]
    fn a_network_nobody_spoke_of_is_public_and_leaves_no_trace() {
        let profiles = profiles();
        profiles.seen("cafe", "Wi-Fi", 5).unwrap();
        assert_eq!(profiles.of("cafe").unwrap(), None);
        assert!(profiles.all().unwrap().is_empty());
    }

    #[test]
    fn what_the_owner_said_is_remembered_and_can_be_taken_back() {
        let profiles = profiles();
        profiles.set("home", "Network (eth0)", Profile::Own, 1).unwrap();
        assert_eq!(profiles.of("home").unwrap(), Some(Profile::Own));
        profiles.seen("home", "Network (eth1)", 9).unwrap();
        let all = profiles.all().unwrap();
        assert_eq!((all[0].name.as_str(), all[0].last_seen), ("Network (eth1)", 9));
        profiles.set("home", "Network (eth0)", Profile::Public, 10).unwrap();
        assert_eq!(profiles.of("home").unwrap(), Some(Profile::Public));
    }

    #[test]
    fn the_list_does_not_grow_for_ever() {
        let profiles = profiles();
        for number in 0..MAX_REMEMBERED + 20 {
            profiles.set(&format!("n{number}"), "x", Profile::Own, number).unwrap();
        }
        let all = profiles.all().unwrap();
        assert_eq!(all.len() as i64, MAX_REMEMBERED);
        assert_eq!(all[0].id, format!("n{}", MAX_REMEMBERED + 19), "the newest stayed");
    }
}
