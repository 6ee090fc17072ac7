//! Properties that clients attach to files and folders and nobody here understands ("dead" ones, RFC 4918 §4).
//!
//! They stand in the store under the path and follow what is moved, copied and removed by this door. Whoever changes
//! names by another way leaves them behind.

use super::xml::Name;
use lanyard_store::{
    Migrations, Store, StoreError,
    rusqlite::{Transaction, params},
};
use std::collections::HashMap;

/// The tables of this door.
pub const MIGRATIONS: Migrations = Migrations {
    room: "dav",
    steps: &["CREATE TABLE dav_property (
        share TEXT NOT NULL,
        folder TEXT NOT NULL,
        name TEXT NOT NULL,
        space TEXT NOT NULL,
        local TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (share, folder, name, space, local)
    ) STRICT, WITHOUT ROWID;"],
};

/// Properties of one file or folder, and of all in a share.
const MOST: (u32, u32) = (128, 20_000);
/// Bytes of one, as XML.
const LARGEST: usize = 16 << 10;

/// A property and its value as XML that stands for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dead {
    pub(super) name: Name,
    pub(super) value: String,
}

/// One change.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Set(Dead),
    Remove(Name),
}

/// A change that was not made, and none of the others either.
#[derive(Debug)]
pub(super) enum NotKept {
    /// There is no room for the property with this number in the list.
    NoRoom(usize),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for NotKept {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The properties of all shares. Blocks on the disk.
#[derive(Clone)]
pub(super) struct Properties {
    store: Store,
}

/// A path as the table has it: the folder that something is in, and its name there.
fn place(names: &[String]) -> (String, String) {
    match names.split_last() {
        Some((name, folder)) => (folder.join("/"), name.clone()),
        None => (String::new(), String::new()),
    }
}

impl Properties {
    pub(super) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Those of one file or folder.
    pub(super) fn of(&self, share: &str, names: &[String]) -> Result<Vec<Dead>, StoreError> {
        let (folder, name) = place(names);
        let sql = "SELECT space, local, value FROM dav_property
            WHERE share = ?1 AND folder = ?2 AND name = ?3 ORDER BY space, local";
        self.store.read(|c| {
            let mut statement = c.prepare_cached(sql)?;
            let rows = statement.query_map(params![share, folder, name], |row| {
                let name = Name { space: row.get(0)?, local: row.get(1)? };
                Ok(Dead { name, value: row.get(2)? })
            })?;
            rows.collect()
        })
    }

    /// Those of everything in a folder, by name. As many as there are is bounded by what a share may have.
    pub(super) fn in_folder(
        &self,
        share: &str,
        names: &[String],
    ) -> Result<HashMap<String, Vec<Dead>>, StoreError> {
        let sql = "SELECT name, space, local, value FROM dav_property
            WHERE share = ?1 AND folder = ?2 AND name <> '' ORDER BY space, local";
        let rows: Vec<(String, Dead)> = self.store.read(|c| {
            let mut statement = c.prepare_cached(sql)?;
            let rows = statement.query_map(params![share, names.join("/")], |row| {
                let name = Name { space: row.get(1)?, local: row.get(2)? };
                Ok((row.get(0)?, Dead { name, value: row.get(3)? }))
            })?;
            rows.collect()
        })?;
        let mut found: HashMap<String, Vec<Dead>> = HashMap::new();
        for (name, dead) in rows {
            found.entry(name).or_default().push(dead);
        }
        Ok(found)
    }

    /// Makes all the changes in their order, or none.
    pub(super) fn change(&self, share: &str, names: &[String], changes: &[Change]) -> Result<(), NotKept> {
        let too_large = |change: &Change| matches!(change, Change::Set(dead) if dead.value.len() > LARGEST);
        if let Some(at) = changes.iter().position(too_large) {
            return Err(NotKept::NoRoom(at));
        }
        let (folder, name) = place(names);
        let mut full = None;
        let done = self.store.write(|t| {
            for (at, change) in changes.iter().enumerate() {
                match change {
                    Change::Set(dead) => set(t, share, &folder, &name, dead)?,
                    Change::Remove(gone) => {
                        let sql = "DELETE FROM dav_property
                            WHERE share = ?1 AND folder = ?2 AND name = ?3 AND space = ?4 AND local = ?5";
                        t.execute(sql, params![share, folder, name, gone.space, gone.local])?;
                    }
                }
                if matches!(change, Change::Set(_)) && is_full(t, share, &folder, &name)? {
                    full = Some(at);
                    return Err(lanyard_store::rusqlite::Error::QueryReturnedNoRows);
                }
            }
            Ok(())
        });
        match (done, full) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(at)) => Err(NotKept::NoRoom(at)),
            (Err(error), None) => Err(error.into()),
        }
    }

    /// What was at `from` with all below is at `to` now, and nothing that was there.
    pub(super) fn moved(&self, share: &str, from: &[String], to: &[String]) -> Result<(), StoreError> {
        self.store.write(|t| {
            remove(t, share, to)?;
            carry(t, share, from, to)?;
            remove(t, share, from)
        })
    }

    /// What is at `from`, with `deep` also all below, is at `to` as well now, and nothing that was there.
    pub(super) fn copied(
        &self,
        share: &str,
        from: &[String],
        to: &[String],
        deep: bool,
    ) -> Result<(), StoreError> {
        self.store.write(|t| {
            remove(t, share, to)?;
            if deep { carry(t, share, from, to) } else { carry_one(t, share, from, to) }
        })
    }

    /// It is gone, with all below.
    pub(super) fn gone(&self, share: &str, names: &[String]) -> Result<(), StoreError> {
        self.store.write(|t| remove(t, share, names))
    }

    /// Whether a share has any: most have none, and then there is nothing to look up or to carry.
    pub(super) fn any_in(&self, share: &str) -> Result<bool, StoreError> {
        self.store.read(|c| {
            let mut statement = c.prepare_cached("SELECT 1 FROM dav_property WHERE share = ?1 LIMIT 1")?;
            statement.exists([share])
        })
    }
}

type Done = lanyard_store::rusqlite::Result<()>;

fn set(t: &Transaction<'_>, share: &str, folder: &str, name: &str, dead: &Dead) -> Done {
    let sql = "INSERT INTO dav_property (share, folder, name, space, local, value)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (share, folder, name, space, local) DO UPDATE SET value = ?6";
    t.execute(sql, params![share, folder, name, dead.name.space, dead.name.local, dead.value]).map(|_| ())
}

fn is_full(
    t: &Transaction<'_>,
    share: &str,
    folder: &str,
    name: &str,
) -> lanyard_store::rusqlite::Result<bool> {
    let of_one = "SELECT count(*) FROM dav_property WHERE share = ?1 AND folder = ?2 AND name = ?3";
    let one: u32 = t.query_row(of_one, params![share, folder, name], |row| row.get(0))?;
    let of_all = "SELECT count(*) FROM dav_property WHERE share = ?1";
    let all: u32 = t.query_row(of_all, [share], |row| row.get(0))?;
    Ok(one > MOST.0 || all > MOST.1)
}

/// Everything whose folder is `path` or lies below it: `0` is the character after `/`.
const BELOW: &str = "(folder = ?2 OR (folder > ?2 || '/' AND folder < ?2 || '0') OR ?2 = '')";

fn remove(t: &Transaction<'_>, share: &str, names: &[String]) -> Done {
    let (folder, name) = place(names);
    let one = "DELETE FROM dav_property WHERE share = ?1 AND folder = ?2 AND name = ?3";
    t.execute(one, params![share, folder, name])?;
    let below = format!("DELETE FROM dav_property WHERE share = ?1 AND {BELOW}");
    t.execute(&below, params![share, names.join("/")]).map(|_| ())
}

fn carry(t: &Transaction<'_>, share: &str, from: &[String], to: &[String]) -> Done {
    carry_one(t, share, from, to)?;
    let sql = format!(
        "INSERT OR REPLACE INTO dav_property (share, folder, name, space, local, value)
        SELECT share, ?3 || substr(folder, length(?2) + 1), name, space, local, value
        FROM dav_property WHERE share = ?1 AND {BELOW}"
    );
    t.execute(&sql, params![share, from.join("/"), to.join("/")]).map(|_| ())
}

fn carry_one(t: &Transaction<'_>, share: &str, from: &[String], to: &[String]) -> Done {
    let ((from_folder, from_name), (to_folder, to_name)) = (place(from), place(to));
    let sql = "INSERT OR REPLACE INTO dav_property (share, folder, name, space, local, value)
        SELECT share, ?4, ?5, space, local, value
        FROM dav_property WHERE share = ?1 AND folder = ?2 AND name = ?3";
    t.execute(sql, params![share, from_folder, from_name, to_folder, to_name]).map(|_| ())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn names(path: &str) -> Vec<String> {
        path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    fn dead(local: &str, value: &str) -> Dead {
        Dead { name: Name::new("urn:x", local), value: value.to_owned() }
    }

    fn with(paths: &[&str]) -> Properties {
        let properties = Properties::new(Store::in_memory(&[MIGRATIONS]).unwrap());
        for path in paths {
            properties.change("s", &names(path), &[Change::Set(dead("at", path))]).unwrap();
        }
        properties
    }

    fn at(properties: &Properties, path: &str) -> Option<String> {
        let found = properties.of("s", &names(path)).unwrap();
        found.first().map(|dead| dead.value.clone())
    }

    #[test]
    fn properties_follow_what_they_are_on() {
        let properties = with(&["", "a", "a/b", "a/b/c", "a0", "ab", "z"]);
        properties.moved("s", &names("a"), &names("z")).unwrap();
        for (path, value) in [
            ("", Some("")),
            ("a", None),
            ("a/b", None),
            ("z", Some("a")),
            ("z/b", Some("a/b")),
            ("z/b/c", Some("a/b/c")),
            ("a0", Some("a0")),
            ("ab", Some("ab")),
        ] {
            assert_eq!(at(&properties, path).as_deref(), value, "{path}");
        }
        properties.copied("s", &names("z"), &names("n/m"), true).unwrap();
        assert_eq!(at(&properties, "n/m/b/c").as_deref(), Some("a/b/c"));
        assert_eq!(at(&properties, "z/b/c").as_deref(), Some("a/b/c"));
        properties.copied("s", &names("z"), &names("flat"), false).unwrap();
        assert_eq!((at(&properties, "flat").as_deref(), at(&properties, "flat/b")), (Some("a"), None));
        properties.gone("s", &names("z/b")).unwrap();
        assert_eq!((at(&properties, "z").as_deref(), at(&properties, "z/b/c")), (Some("a"), None));
        let there = properties.in_folder("s", &[]).unwrap();
        let mut there: Vec<&str> = there.keys().map(String::as_str).collect();
        there.sort_unstable();
        assert_eq!(there, ["a0", "ab", "flat", "z"]);
        properties.gone("s", &[]).unwrap();
        assert!(!properties.any_in("s").unwrap());
    }

    #[test]
    fn either_all_changes_are_made_or_none() {
        let properties = with(&["a"]);
        let a = names("a");
        let large = dead("large", &"x".repeat(LARGEST + 1));
        let refused = properties.change("s", &a, &[Change::Set(dead("fine", "1")), Change::Set(large)]);
        assert!(matches!(refused, Err(NotKept::NoRoom(1))), "{refused:?}");
        let many: Vec<Change> = (0..=MOST.0).map(|n| Change::Set(dead(&format!("p{n}"), "1"))).collect();
        let refused = properties.change("s", &a, &many);
        assert!(matches!(refused, Err(NotKept::NoRoom(127))), "{refused:?}");
        assert_eq!(properties.of("s", &a).unwrap(), [dead("at", "a")]);
        properties
            .change("s", &a, &[Change::Set(dead("b", "1")), Change::Remove(dead("at", "").name)])
            .unwrap();
        assert_eq!(properties.of("s", &a).unwrap(), [dead("b", "1")]);
        assert_eq!(properties.of("other", &a).unwrap(), []);
    }
}
