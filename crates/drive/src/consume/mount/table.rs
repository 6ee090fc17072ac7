//! What the kernel knows by number: the files and folders that it has looked up, where they are, and what was last heard
//! of them. Pure: no requests are made here.
//!
//! A number stays with its file when that is renamed. Numbers are made from paths, so that a program which remembers
//! them (git does) finds the same ones again after the kernel had forgotten them.

use crate::{
    consume::remote::Place,
    path::SharePath,
    wire::{self, Stat},
};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// The number of the top.
pub(super) const ROOT: u64 = 1;
/// What was made and removed through one mount within this time was never meant to stay: it does not go to the bin.
const PASSING: Duration = Duration::from_secs(600);

/// One file or folder.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) parent: u64,
    pub(super) name: String,
    pub(super) stat: Stat,
    heard: Instant,
    /// When it was last changed from here, by [`Table::moment`].
    changed: u64,
    /// How often the kernel was told of it.
    lookups: u64,
    /// How many handles are open.
    pub(super) opens: u32,
    /// It has no name any more: where it is instead, if that is known.
    pub(super) removed: Option<Option<String>>,
    /// When it was made through this mount, if it was, and is nothing but what programs here made of it: what it took the
    /// place of was meant to stay, and so is what somebody else wrote.
    pub(super) made: Option<Instant>,
    /// The version whose pages the kernel may hold.
    pub(super) cached: Option<String>,
}

impl Node {
    /// What is known of it, if that was heard lately enough.
    pub(super) fn fresh(&self, age: Duration) -> Option<&Stat> {
        (self.heard.elapsed() < age).then_some(&self.stat)
    }

    /// Whether it may go for good when it is removed.
    pub(super) fn is_passing(&self) -> bool {
        self.made.is_some_and(|made| made.elapsed() < PASSING)
    }
}

#[derive(Debug)]
pub(super) struct Table {
    nodes: HashMap<u64, Node>,
    names: HashMap<(u64, String), u64>,
    /// Counts the changes from here.
    moment: u64,
}

impl Table {
    /// Files that programs have open.
    pub(super) fn open_files(&self) -> usize {
        self.nodes.values().filter(|node| node.opens > 0).count()
    }

    pub(super) fn new(top: Stat) -> Self {
        let top = Node {
            parent: ROOT,
            name: String::new(),
            stat: top,
            heard: Instant::now(),
            changed: 0,
            lookups: 1,
            opens: 0,
            removed: None,
            made: None,
            cached: None,
        };
        Self { nodes: HashMap::from([(ROOT, top)]), names: HashMap::new(), moment: 0 }
    }

    /// To be asked before a question is: what the answer says of something that was changed from here since is out of date.
    pub(super) fn moment(&self) -> u64 {
        self.moment
    }

    pub(super) fn get(&self, ino: u64) -> Option<&Node> {
        self.nodes.get(&ino)
    }

    pub(super) fn get_mut(&mut self, ino: u64) -> Option<&mut Node> {
        self.nodes.get_mut(&ino)
    }

    pub(super) fn find(&self, parent: u64, name: &str) -> Option<u64> {
        self.names.get(&(parent, name.to_owned())).copied()
    }

    /// The path of a folder or file that has a name.
    pub(super) fn path(&self, ino: u64) -> Option<SharePath> {
        let mut names = Vec::new();
        let mut at = ino;
        while at != ROOT {
            let node = self.nodes.get(&at)?;
            if node.removed.is_some() {
                return None;
            }
            names.push(node.name.as_str());
            at = node.parent;
        }
        names.reverse();
        SharePath::parse(&names.join("/")).ok()
    }

    /// The path of something, or the one it had before it lost its name.
    pub(super) fn any_path(&self, ino: u64) -> Option<SharePath> {
        let node = self.nodes.get(&ino)?;
        match node.removed {
            None => self.path(ino),
            Some(_) => self.path(node.parent)?.join(&node.name).ok(),
        }
    }

    /// Where the content of a file is; none when nobody knows any more.
    pub(super) fn place(&self, ino: u64) -> Option<Place> {
        match &self.nodes.get(&ino)?.removed {
            None => self.path(ino).map(Place::Named),
            Some(id) => id.clone().map(Place::Removed),
        }
    }

    /// What was heard of a name, to a question from that moment; `told` when the kernel is told of it, which it gives back
    /// later.
    pub(super) fn hear(&mut self, parent: u64, name: &str, stat: Stat, told: bool, asked: u64) -> u64 {
        let known = self.find(parent, name).filter(|ino| {
            // What has another kind is another thing.
            self.nodes.get(ino).is_some_and(|node| node.stat.kind == stat.kind)
        });
        let ino = known.unwrap_or_else(|| self.add(parent, name, stat.clone()));
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.lookups += u64::from(told);
        }
        self.hear_of(ino, stat, asked);
        ino
    }

    /// The kernel is told once more of what it had heard of before.
    pub(super) fn hear_again(&mut self, parent: u64, name: &str) -> u64 {
        let ino = self.find(parent, name).unwrap_or(ROOT);
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.lookups += 1;
        }
        ino
    }

    /// What was heard of something that is known, to a question from that moment.
    pub(super) fn hear_of(&mut self, ino: u64, stat: Stat, asked: u64) {
        if let Some(node) = self.nodes.get_mut(&ino)
            && node.changed <= asked
        {
            if node.stat.etag != stat.etag {
                node.made = None;
            }
            node.stat = stat;
            node.heard = Instant::now();
        }
    }

    /// What a change from here has made of something.
    pub(super) fn change(&mut self, ino: u64, stat: Stat) {
        self.moment += 1;
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.stat = stat;
            node.heard = Instant::now();
            node.changed = self.moment;
        }
    }

    /// What is known of it may not be so any more.
    pub(super) fn expire(&mut self, ino: u64) {
        if let Some(node) = self.nodes.get_mut(&ino)
            && let Some(long_ago) = Instant::now().checked_sub(Duration::from_secs(3_600))
        {
            node.heard = long_ago;
        }
    }

    fn add(&mut self, parent: u64, name: &str, stat: Stat) -> u64 {
        self.lose_name(parent, name, None);
        let mut ino = number(parent, name);
        while ino <= ROOT || self.nodes.contains_key(&ino) {
            ino = ino.wrapping_add(1);
        }
        let node = Node {
            parent,
            name: name.to_owned(),
            stat,
            heard: Instant::now(),
            changed: 0,
            lookups: 0,
            opens: 0,
            removed: None,
            made: None,
            cached: None,
        };
        self.nodes.insert(ino, node);
        self.names.insert((parent, name.to_owned()), ino);
        ino
    }

    /// A name does not lead to what it led to any more; whoever has it open finds it in the bin, if it is there.
    pub(super) fn lose_name(&mut self, parent: u64, name: &str, id: Option<String>) -> Option<u64> {
        let ino = self.names.remove(&(parent, name.to_owned()))?;
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.removed = Some(id);
            self.drop_unused(ino);
        }
        Some(ino)
    }

    /// Something was renamed. What had the new name has lost it, and is in the bin if an id there is known.
    pub(super) fn rename(
        &mut self,
        (parent, name): (u64, &str),
        (new_parent, new_name): (u64, &str),
        id: Option<String>,
    ) {
        if (parent, name) == (new_parent, new_name) {
            return;
        }
        let replaced = self.lose_name(new_parent, new_name, id).is_some();
        let Some(ino) = self.names.remove(&(parent, name.to_owned())) else { return };
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.parent = new_parent;
            new_name.clone_into(&mut node.name);
            // As programs save a document: by a new file in the place of the old one.
            node.made = node.made.filter(|_| !replaced);
            self.names.insert((new_parent, new_name.to_owned()), ino);
        }
    }

    /// A file has another name in its folder from now on; nothing is known of what has the one that it had. Returns the
    /// folder and that name.
    pub(super) fn stands_beside(&mut self, ino: u64, name: &str) -> Option<(u64, String)> {
        let node = self.nodes.get(&ino).filter(|node| node.removed.is_none())?;
        let (parent, lost) = (node.parent, node.name.clone());
        self.rename((parent, &lost), (parent, name), None);
        self.expire(parent);
        Some((parent, lost))
    }

    /// Where in the bin something is that was never meant to stay, once nobody has it open.
    pub(super) fn to_forget(&self, ino: u64) -> Option<String> {
        let node = self.nodes.get(&ino).filter(|node| node.opens == 0 && node.is_passing())?;
        node.removed.clone().flatten()
    }

    /// Files that are open as far as is known, or closed and still to be forgotten.
    pub(super) fn unfinished(&self) -> Vec<u64> {
        let is_open = |ino: &u64| self.nodes.get(ino).is_some_and(|node| node.opens > 0);
        self.nodes.keys().copied().filter(|ino| is_open(ino) || self.to_forget(*ino).is_some()).collect()
    }

    /// The kernel gives back what it was told.
    pub(super) fn forget(&mut self, ino: u64, lookups: u64) {
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.lookups = node.lookups.saturating_sub(lookups);
            self.drop_unused(ino);
        }
    }

    pub(super) fn drop_unused(&mut self, ino: u64) {
        let unused = |node: &Node| node.lookups == 0 && node.opens == 0;
        if ino == ROOT || !self.nodes.get(&ino).is_some_and(unused) {
            return;
        }
        if let Some(node) = self.nodes.remove(&ino)
            && node.removed.is_none()
        {
            self.names.remove(&(node.parent, node.name));
        }
    }

    /// Whether no more is to be remembered than the kernel does.
    pub(super) fn is_full(&self) -> bool {
        self.nodes.len() > wire::TREE
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.nodes.len()
    }
}

fn number(parent: u64, name: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&parent.to_le_bytes()).update(name.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    // Some programs take it for a signed number.
    u64::from_le_bytes(bytes) >> 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::wire::Kind;

    fn stat(kind: Kind) -> Stat {
        Stat { kind, size: 0, modified: None, etag: None, writable: true, executable: false, object: None }
    }

    fn table() -> Table {
        Table::new(stat(Kind::Folder))
    }

    fn text(table: &Table, ino: u64) -> Option<String> {
        table.path(ino).map(|path| path.to_string())
    }

    #[test]
    fn what_is_in_a_folder_moves_with_it() {
        let mut table = table();
        let folder = table.hear(ROOT, "a", stat(Kind::Folder), true, 0);
        let file = table.hear(folder, "f", stat(Kind::File), true, 0);
        assert_eq!(text(&table, file).as_deref(), Some("a/f"));
        table.rename((ROOT, "a"), (ROOT, "b"), None);
        assert_eq!(text(&table, file).as_deref(), Some("b/f"));
        assert_eq!(table.find(ROOT, "a"), None);
    }

    #[test]
    fn a_file_that_lost_its_name_stays_for_whoever_has_it_open() {
        let mut table = table();
        let old = table.hear(ROOT, "f", stat(Kind::File), true, 0);
        table.get_mut(old).unwrap().opens = 1;
        table.lose_name(ROOT, "f", Some("id".to_owned()));
        let new = table.hear(ROOT, "f", stat(Kind::File), true, 0);
        assert_ne!(old, new);
        assert_eq!(table.place(old), Some(Place::Removed("id".to_owned())));
        assert_eq!(text(&table, new).as_deref(), Some("f"));
        table.forget(old, 1);
        assert!(table.get(old).is_some(), "it is open");
        table.get_mut(old).unwrap().opens = 0;
        table.drop_unused(old);
        assert!(table.get(old).is_none());
        assert_eq!(table.find(ROOT, "f"), Some(new), "the name belongs to the other one");
    }

    #[test]
    fn a_file_that_stands_beside_another_one_leaves_it_the_name() {
        let mut table = table();
        let ours = table.hear(ROOT, "f", stat(Kind::File), true, 0);
        assert_eq!(table.stands_beside(ours, "f (2)"), Some((ROOT, "f".to_owned())));
        assert_eq!(text(&table, ours).as_deref(), Some("f (2)"));
        let theirs = table.hear(ROOT, "f", stat(Kind::File), true, 0);
        assert_ne!(ours, theirs);
        assert_eq!(text(&table, theirs).as_deref(), Some("f"));
    }

    #[test]
    fn an_answer_that_was_overtaken_by_a_change_is_not_believed() {
        let mut table = table();
        let sized = |size| Stat { size, ..stat(Kind::File) };
        let file = table.hear(ROOT, "f", sized(1), true, table.moment());
        let asked = table.moment();
        table.change(file, sized(2));
        table.hear_of(file, sized(1), asked);
        assert_eq!(table.hear(ROOT, "f", sized(1), false, asked), file);
        assert_eq!(table.get(file).unwrap().stat.size, 2);
        table.hear_of(file, sized(3), table.moment());
        assert_eq!(table.get(file).unwrap().stat.size, 3, "what was asked afterwards is");
    }

    #[test]
    fn only_what_was_made_and_removed_a_moment_ago_is_forgotten() {
        let removed = |made: Option<Instant>| {
            let mut table = table();
            let file = table.hear(ROOT, "f", stat(Kind::File), true, 0);
            table.get_mut(file).unwrap().made = made;
            table.lose_name(ROOT, "f", Some("id".to_owned()));
            table.to_forget(file)
        };
        assert_eq!(removed(None), None);
        assert_eq!(removed(Some(Instant::now())).as_deref(), Some("id"));
        assert_eq!(removed(Instant::now().checked_sub(PASSING)), None, "it was used for a while");
    }

    #[test]
    fn what_takes_the_place_of_something_or_is_changed_by_others_is_meant_to_stay() {
        let mut table = table();
        let made = |table: &mut Table, name: &str| {
            let file = table.hear(ROOT, name, stat(Kind::File), true, 0);
            table.get_mut(file).unwrap().made = Some(Instant::now());
            file
        };
        let moved = made(&mut table, "a");
        table.rename((ROOT, "a"), (ROOT, "b"), None);
        assert!(table.get(moved).unwrap().is_passing(), "it is as new as before");
        let saved = made(&mut table, "temporary");
        table.rename((ROOT, "temporary"), (ROOT, "b"), None);
        assert!(!table.get(saved).unwrap().is_passing());
        let theirs = made(&mut table, "c");
        table.hear_of(theirs, Stat { etag: Some("another".to_owned()), ..stat(Kind::File) }, table.moment());
        assert!(!table.get(theirs).unwrap().is_passing());
    }

    #[test]
    fn nothing_stays_of_what_the_kernel_has_forgotten() {
        let mut table = table();
        for number in 0..100 {
            let ino = table.hear(ROOT, &format!("f{number}"), stat(Kind::File), true, 0);
            table.hear(ROOT, &format!("f{number}"), stat(Kind::File), true, 0);
            table.forget(ino, 2);
        }
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_file_has_the_same_number_after_it_was_forgotten() {
        let mut table = table();
        let first = table.hear(ROOT, "f", stat(Kind::File), true, 0);
        table.forget(first, 1);
        assert_eq!(table.hear(ROOT, "f", stat(Kind::File), true, 0), first);
        let folder = table.hear(ROOT, "f", stat(Kind::Folder), true, 0);
        assert_ne!(folder, first, "what became a folder is another thing");
    }
}
