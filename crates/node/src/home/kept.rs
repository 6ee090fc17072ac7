//! What this device keeps of its home: the signed log, the secrets its members share, where they were last, and the
//! devices that are connected without a home.
//!
//! A row of the log that does not verify is set aside, and what it said comes back from the other members.

use super::{acks, places::Place};
use lanyard_api::Millis;
use lanyard_discovery::text::Key;
use lanyard_store::{
    Migrations, Store, StoreError,
    rusqlite::{OptionalExtension, Row, Transaction},
};
use lanyard_trust::{
    Log, NodeId, Op, OpId, State,
    membership::{Ack, Checkpoint, EPOCHS},
};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// This room's tables.
pub const MIGRATIONS: Migrations = Migrations {
    room: "home",
    steps: &[
        "CREATE TABLE home (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            id TEXT NOT NULL,
            ended TEXT
        ) STRICT;
        CREATE TABLE home_op (id TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE home_op_aside (id TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE home_key (epoch TEXT PRIMARY KEY, key BLOB NOT NULL) STRICT;
        CREATE TABLE home_place (node TEXT PRIMARY KEY, place TEXT NOT NULL) STRICT;
        CREATE TABLE home_pair (
            node TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            since INTEGER NOT NULL,
            key BLOB NOT NULL
        ) STRICT;",
        "CREATE TABLE home_base (one INTEGER PRIMARY KEY CHECK (one = 1), bytes BLOB NOT NULL) STRICT;
        CREATE TABLE home_ack (node TEXT PRIMARY KEY, ack TEXT NOT NULL) STRICT;",
    ],
};

/// The most devices that are connected without a home.
pub(super) const MAX_PAIRED: usize = 64;

/// Everything that is kept. What is changed is a copy, which takes the place of the old one once it is on the disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    /// The log of the home; it stays when this device's part in it has ended.
    pub(super) log: Option<Log>,
    /// This device does not belong to the home any more.
    pub(super) ended: Option<Ended>,
    /// The secret of each of the last [`EPOCHS`] of the home: the one in use, and those that members use who have not
    /// heard of the last removals yet.
    pub(super) keys: BTreeMap<OpId, Key>,
    /// What members acknowledged of the log, on the way to its next checkpoint.
    pub(super) acks: BTreeMap<NodeId, Ack>,
    /// Where the members are, each in its own words.
    pub(super) places: BTreeMap<NodeId, Place>,
    /// Devices that are connected without a home.
    pub(super) paired: BTreeMap<NodeId, Pair>,
}

/// Why this device does not belong to its home any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It left.
    Left,
    /// It was put out.
    PutOut,
}

/// A device that is connected without a home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(super) name: String,
    pub(super) since: Millis,
    pub(super) key: Key,
}

impl Kept {
    /// Reads everything. The words tell the owner what could not be used.
    pub(super) fn load(store: &Store) -> Result<(Self, Vec<String>), StoreError> {
        let mut notices = Vec::new();
        let keys = rows(store, "SELECT epoch, key FROM home_key", |row| Ok((row.get(0)?, row.get(1)?)))?;
        let keys = keys
            .into_iter()
            .filter_map(|(epoch, key): (String, Vec<u8>)| Some((epoch.parse().ok()?, key.try_into().ok()?)));
        let pairs = rows(store, "SELECT node, name, since, key FROM home_pair", |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        let paired = pairs.into_iter().filter_map(|(node, name, since, key)| {
            let (node, key): (String, Vec<u8>) = (node, key);
            Some((node.parse().ok()?, Pair { name, since, key: key.try_into().ok()? }))
        });
        let mut kept = Self { keys: keys.collect(), paired: paired.collect(), ..Self::default() };
        let home: Option<(String, Option<String>)> = store.read(|connection| {
            let sql = "SELECT id, ended FROM home";
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })?;
        let Some((id, ended)) = home else { return Ok((kept, notices)) };
        let (log, damaged) = read_log(store, &id)?;
        if !damaged.is_empty() {
            set_aside(store, &damaged)?;
            notices.push(format!(
                "{} entries of the home's log were damaged and set aside. The other devices of the home have them.",
                damaged.len()
            ));
        }
        let Some(log) = log else {
            notices.push("The home's log is damaged. Join the home again with a new code.".to_owned());
            return Ok((kept, notices));
        };
        kept.ended = match ended.as_deref() {
            None => None,
            Some("left") => Some(Ended::Left),
            Some(_) => Some(Ended::PutOut),
        };
        let places = rows(store, "SELECT place FROM home_place", |row| row.get(0))?;
        let home = log.home();
        kept.places = places
            .into_iter()
            .filter_map(|place: String| Place::read(&serde_json::from_str(&place).ok()?, home))
            .map(|place| (place.node(), place))
            .collect();
        let told: Vec<String> = rows(store, "SELECT ack FROM home_ack", |row| row.get(0))?;
        let told = told.iter().filter_map(|ack| serde_json::from_str::<acks::Told>(ack).ok()?.read());
        log.merge_acks(&mut kept.acks, told);
        kept.log = Some(log);
        Ok((kept, notices))
    }

    /// The log of the home this device belongs to.
    pub(super) fn home(&self) -> Option<&Log> {
        self.log.as_ref().filter(|_| self.ended.is_none())
    }

    /// The state of the home this device belongs to.
    pub(super) fn state(&self) -> Option<&State> {
        self.home().map(Log::state)
    }

    /// The secret that the home uses now.
    pub(super) fn key(&self) -> Option<&Key> {
        self.keys.get(&self.home()?.current_removal())
    }

    /// Who makes the secret of an epoch that has none yet: whoever began it, or the most senior member when that one has
    /// gone or was the recovery code. One, because what many make at once has to be told many times.
    pub(super) fn key_maker(&self) -> Option<NodeId> {
        let log = self.home()?;
        let (epoch, state) = (log.current_removal(), log.state());
        if self.keys.contains_key(&epoch) {
            return None;
        }
        // Whoever began an epoch before the last checkpoint is not known any more.
        if let Some(author) = log.op(epoch).map(Op::author).filter(|author| state.is_member(*author)) {
            return Some(author);
        }
        state.members.iter().min_by_key(|(_, member)| member.senior).map(|(node, _)| *node)
    }

    /// Makes the secret of this epoch, if there is none. Should another member do the same, the lower one stays.
    pub(super) fn make_key(&mut self) {
        let Some(epoch) = self.home().map(Log::current_removal) else { return };
        let mut key = [0; 32];
        match getrandom::fill(&mut key) {
            Ok(()) => {
                self.keys.entry(epoch).or_insert(key);
            }
            Err(error) => tracing::warn!(%error, "the home gets no new secret"),
        }
    }

    /// One number for all that members tell each other: equal when they know the same.
    pub(super) fn digest(&self) -> Option<[u8; 32]> {
        let mut hasher = blake3::Hasher::new_derive_key("lanyard 2026 all that members of a home share 1");
        hasher.update(&self.home()?.digest());
        for (epoch, key) in &self.keys {
            hasher.update(epoch.as_bytes()).update(key);
        }
        for place in self.places.values() {
            hasher.update(&place.digest());
        }
        // The answers to a keeper's question are for that keeper.
        for (node, ack) in self.acks.iter().filter(|(node, ack)| ack.to == **node) {
            hasher.update(node.as_bytes()).update(&ack.signature);
        }
        Some(*hasher.finalize().as_bytes())
    }

    /// Whether there is nothing to write down.
    pub(super) fn is_same_as(&self, before: &Self) -> bool {
        let log = |kept: &Self| kept.log.as_ref().map(|log| (log.home(), log.digest()));
        self.ended == before.ended
            && self.keys == before.keys
            && self.places == before.places
            && self.acks == before.acks
            && self.paired == before.paired
            && log(self) == log(before)
    }

    /// Drops secrets of epochs that are long over or never counted, and places of devices that are no members.
    pub(super) fn tidy(&mut self) {
        let Some(log) = self.log.as_ref().filter(|_| self.ended.is_none()) else {
            self.keys.clear();
            self.places.clear();
            self.acks.clear();
            return;
        };
        let epochs: BTreeSet<OpId> = log.epochs().iter().rev().take(EPOCHS).copied().collect();
        let state = log.state();
        self.keys.retain(|epoch, _| epochs.contains(epoch));
        self.places.retain(|node, _| state.is_member(*node));
    }

    /// Writes what is other than in `before`.
    pub(super) fn write(&self, store: &Store, before: &Self) -> Result<(), StoreError> {
        let known: HashSet<OpId> = before
            .log
            .iter()
            .filter(|log| self.log.as_ref().is_some_and(|own| own.home() == log.home()))
            .flat_map(Log::ids)
            .collect();
        let same_home = before.log.iter().filter(|log| self.log.as_ref().map(Log::home) == Some(log.home()));
        let stood_on = same_home.filter_map(|log| log.base()).map(|base| base.id()).next();
        let other_home = before.log.as_ref().map(Log::home) != self.log.as_ref().map(Log::home);
        store.write(|transaction| {
            if other_home {
                transaction.execute_batch("DELETE FROM home; DELETE FROM home_op; DELETE FROM home_base;")?;
            }
            if let Some(log) = &self.log {
                let ended = self.ended.map(|ended| if ended == Ended::Left { "left" } else { "put_out" });
                transaction.execute(
                    "INSERT INTO home (one, id, ended) VALUES (1, ?1, ?2)
                        ON CONFLICT (one) DO UPDATE SET id = ?1, ended = ?2",
                    (log.home().to_string(), ended),
                )?;
                for op in log.ops().filter(|op| !known.contains(&op.id())) {
                    let sql = "INSERT OR IGNORE INTO home_op (id, bytes) VALUES (?1, ?2)";
                    transaction.execute(sql, (op.id().to_string(), op.to_bytes()))?;
                }
                // What a checkpoint stands for goes with the same stroke that brings the checkpoint.
                for id in known.iter().filter(|id| log.op(**id).is_none()) {
                    transaction.execute("DELETE FROM home_op WHERE id = ?1", [id.to_string()])?;
                }
                if let Some(base) = log.base().filter(|base| stood_on != Some(base.id())) {
                    let sql = "INSERT INTO home_base (one, bytes) VALUES (1, ?1)
                        ON CONFLICT (one) DO UPDATE SET bytes = ?1";
                    transaction.execute(sql, [base.to_bytes()])?;
                }
            }
            if self.acks != before.acks {
                self.write_acks(transaction)?;
            }
            if self.keys != before.keys {
                self.write_keys(transaction)?;
            }
            if self.places != before.places {
                self.write_places(transaction)?;
            }
            if self.paired != before.paired {
                self.write_paired(transaction)?;
            }
            Ok(())
        })
    }

    fn write_keys(&self, transaction: &Transaction<'_>) -> lanyard_store::rusqlite::Result<()> {
        transaction.execute("DELETE FROM home_key", [])?;
        for (epoch, key) in &self.keys {
            let sql = "INSERT INTO home_key (epoch, key) VALUES (?1, ?2)";
            transaction.execute(sql, (epoch.to_string(), key.as_slice()))?;
        }
        Ok(())
    }

    fn write_acks(&self, transaction: &Transaction<'_>) -> lanyard_store::rusqlite::Result<()> {
        transaction.execute("DELETE FROM home_ack", [])?;
        for (node, ack) in &self.acks {
            let Ok(text) = serde_json::to_string(&acks::Told::of(ack)) else { continue };
            let sql = "INSERT INTO home_ack (node, ack) VALUES (?1, ?2)";
            transaction.execute(sql, (node.to_string(), text))?;
        }
        Ok(())
    }

    fn write_places(&self, transaction: &Transaction<'_>) -> lanyard_store::rusqlite::Result<()> {
        transaction.execute("DELETE FROM home_place", [])?;
        for (node, place) in &self.places {
            let Ok(text) = serde_json::to_string(place.signed()) else { continue };
            let sql = "INSERT INTO home_place (node, place) VALUES (?1, ?2)";
            transaction.execute(sql, (node.to_string(), text))?;
        }
        Ok(())
    }

    fn write_paired(&self, transaction: &Transaction<'_>) -> lanyard_store::rusqlite::Result<()> {
        transaction.execute("DELETE FROM home_pair", [])?;
        for (node, pair) in &self.paired {
            let sql = "INSERT INTO home_pair (node, name, since, key) VALUES (?1, ?2, ?3, ?4)";
            transaction.execute(sql, (node.to_string(), &pair.name, pair.since, pair.key.as_slice()))?;
        }
        Ok(())
    }
}

type Stored = (String, Vec<u8>);

/// The log, and the rows that are no part of it.
fn read_log(store: &Store, home: &str) -> Result<(Option<Log>, Vec<Stored>), StoreError> {
    let stored: Vec<Stored> =
        rows(store, "SELECT id, bytes FROM home_op", |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut genesis = None;
    let mut ops = Vec::new();
    for (id, bytes) in &stored {
        match Op::from_bytes(bytes) {
            Ok(op) if op.id().to_string() == *id && *id == home => genesis = Some(op),
            Ok(op) if op.id().to_string() == *id => ops.push(op),
            _ => {}
        }
    }
    let base: Vec<Vec<u8>> = rows(store, "SELECT bytes FROM home_base", |row| row.get(0))?;
    // Without its checkpoint the rest of the log means nothing.
    let mut log = genesis.and_then(|genesis| match base.first() {
        Some(base) => Log::open_at(genesis, Checkpoint::from_bytes(base).ok()?).ok(),
        None => Log::open(genesis).ok(),
    });
    if let Some(log) = &mut log {
        log.insert_all(ops);
    }
    let sound: HashSet<String> = log.iter().flat_map(Log::ids).map(|id| id.to_string()).collect();
    let damaged = stored.into_iter().filter(|(id, _)| !sound.contains(id)).collect();
    Ok((log, damaged))
}

fn set_aside(store: &Store, damaged: &[Stored]) -> Result<(), StoreError> {
    store.write(|transaction| {
        for (id, bytes) in damaged {
            let sql = "INSERT OR REPLACE INTO home_op_aside (id, bytes) VALUES (?1, ?2)";
            transaction.execute(sql, (id, bytes))?;
            transaction.execute("DELETE FROM home_op WHERE id = ?1", [id])?;
        }
        Ok(())
    })
}

fn rows<T>(
    store: &Store,
    sql: &str,
    read: impl Fn(&Row<'_>) -> lanyard_store::rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    store.read(|connection| connection.prepare(sql)?.query_map([], read)?.collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use lanyard_trust::{Identity, RecoveryCode, Role, membership::Body};

    fn founded() -> (Identity, Kept, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let anna = Identity::load_or_create(dir.path()).unwrap();
        let recovery = RecoveryCode::random().unwrap().key();
        let mut log = Log::found(&anna, "Home", recovery.public(), [7; 16]).unwrap();
        let device = NodeId::from_bytes([9; 32]);
        log.author(&anna, Body::Add { device, role: Role::Member, name: "Ben".to_owned() }).unwrap();
        let keys = [(log.current_removal(), [3; 32])].into();
        let pair = Pair { name: "Carl".to_owned(), since: 5, key: [4; 32] };
        let paired = [(NodeId::from_bytes([8; 32]), pair)].into();
        let kept = Kept { log: Some(log), keys, paired, ..Kept::default() };
        (anna, kept, dir)
    }

    #[test]
    fn what_is_kept_is_the_same_after_a_restart() {
        let (_, kept, _dir) = founded();
        let store = Store::in_memory(&[MIGRATIONS]).unwrap();
        kept.write(&store, &Kept::default()).unwrap();
        let (read, notices) = Kept::load(&store).unwrap();
        assert!(notices.is_empty(), "{notices:?}");
        assert_eq!(read.digest().unwrap(), kept.digest().unwrap());
        assert_eq!((&read.keys, &read.paired), (&kept.keys, &kept.paired));
        assert_eq!(read.state().unwrap().members.len(), 2);
    }

    /// Anna is alone in her home and agrees with herself.
    fn condensed() -> (Identity, Kept, Kept, tempfile::TempDir) {
        let (anna, mut long, dir) = founded();
        let log = long.log.as_mut().unwrap();
        log.author(&anna, Body::Remove { device: NodeId::from_bytes([9; 32]) }).unwrap();
        let mut short = long.clone();
        let log = short.log.as_mut().unwrap();
        let checkpoint = log.agree(&anna, &mut BTreeMap::new(), true).unwrap();
        log.condense(&checkpoint, anna.node_id()).unwrap();
        log.author(&anna, Body::RenameHome { name: "Later".to_owned() }).unwrap();
        (anna, long, short, dir)
    }

    #[test]
    fn what_a_checkpoint_stands_for_leaves_the_disk_and_the_home_is_the_same_after_a_restart() {
        let (anna, long, short, _dir) = condensed();
        let store = Store::in_memory(&[MIGRATIONS]).unwrap();
        long.write(&store, &Kept::default()).unwrap();
        short.write(&store, &long).unwrap();
        let count = |sql| rows(&store, sql, |row| row.get::<_, i64>(0)).unwrap()[0];
        assert_eq!(
            count("SELECT count(*) FROM home_op"),
            2,
            "the genesis, and what came after the checkpoint"
        );
        let (mut read, notices) = Kept::load(&store).unwrap();
        assert!(notices.is_empty(), "{notices:?}");
        assert_eq!(read.digest().unwrap(), short.digest().unwrap());
        assert_eq!(read.state(), short.state());
        assert_eq!(read.key_maker(), Some(anna.node_id()), "also when nobody knows who began the epoch");
        read.make_key();
        assert!(read.key().is_some());
    }

    #[test]
    fn acknowledgements_outlast_a_restart_and_other_homes_do_not() {
        let (anna, mut kept, _dir) = founded();
        let log = kept.log.as_ref().unwrap();
        assert!(log.agree(&anna, &mut kept.acks, true).is_none(), "Ben has not answered");
        let store = Store::in_memory(&[MIGRATIONS]).unwrap();
        kept.write(&store, &Kept::default()).unwrap();
        let (read, _) = Kept::load(&store).unwrap();
        assert_eq!((read.acks.len(), &read.acks), (1, &kept.acks));
        assert_eq!(read.digest().unwrap(), kept.digest().unwrap());
        let (_, _, short, _dir) = condensed();
        short.write(&store, &kept).unwrap();
        let (read, notices) = Kept::load(&store).unwrap();
        assert!(notices.is_empty() && read.acks.is_empty(), "{notices:?}");
        assert_eq!(read.digest().unwrap(), short.digest().unwrap());
    }

    #[test]
    fn a_damaged_checkpoint_is_told_and_no_panic() {
        let (_, _, short, _dir) = condensed();
        let store = Store::in_memory(&[MIGRATIONS]).unwrap();
        short.write(&store, &Kept::default()).unwrap();
        store.write(|t| t.execute("UPDATE home_base SET bytes = zeroblob(500)", [])).unwrap();
        let (read, notices) = Kept::load(&store).unwrap();
        assert!(read.home().is_none() && !notices.is_empty(), "{notices:?}");
    }

    #[test]
    fn one_device_makes_the_secret_of_an_epoch() {
        let (anna, mut kept, _dir) = founded();
        assert_eq!(kept.key_maker(), None, "there is one");
        let device = NodeId::from_bytes([9; 32]);
        kept.log.as_mut().unwrap().author(&anna, Body::Remove { device }).unwrap();
        assert_eq!(kept.key_maker(), Some(anna.node_id()), "whoever put the other out");
        assert_eq!(kept.key(), None);
        kept.make_key();
        assert!(kept.key().is_some_and(|key| *key != [3; 32]) && kept.keys.len() == 2);
        assert_eq!(kept.key_maker(), None);
    }

    #[test]
    fn a_damaged_row_is_set_aside_with_a_word_and_the_rest_stays() {
        let (_, kept, _dir) = founded();
        let store = Store::in_memory(&[MIGRATIONS]).unwrap();
        kept.write(&store, &Kept::default()).unwrap();
        let home = kept.home().unwrap().home().to_string();
        store
            .write(|t| t.execute("UPDATE home_op SET bytes = zeroblob(80) WHERE id != ?1", [&home]))
            .unwrap();
        let (read, notices) = Kept::load(&store).unwrap();
        assert_eq!(notices.len(), 1, "{notices:?}");
        assert_eq!(read.state().unwrap().members.len(), 1, "the founder is still in its home");
        let (_, notices) = Kept::load(&store).unwrap();
        assert!(notices.is_empty(), "it is said once: {notices:?}");
    }

    #[test]
    fn without_its_beginning_there_is_no_home_and_no_panic() {
        let (_, kept, _dir) = founded();
        let store = Store::in_memory(&[MIGRATIONS]).unwrap();
        kept.write(&store, &Kept::default()).unwrap();
        let home = kept.home().unwrap().home().to_string();
        store.write(|t| t.execute("DELETE FROM home_op WHERE id = ?1", [&home])).unwrap();
        let (read, notices) = Kept::load(&store).unwrap();
        assert!(read.home().is_none() && notices.len() == 2, "{notices:?}");
    }
}
