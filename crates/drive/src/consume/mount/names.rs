//! Names of a mounted drive: made, moved and removed.

use super::{PASSING, Tree, once, table};
use crate::{
    consume::remote::{Taken, Which},
    wire::{Code, Stat},
};
use rustix::io::Errno;
use std::time::Instant;

impl Tree {
    pub(super) async fn make_folder(&self, parent: u64, name: &str) -> Result<(u64, Stat), Errno> {
        let path = self.child(parent, name)?;
        let once = once();
        let stat = self.peer.ask(|| self.peer.remote.make_folder(&path, once)).await?;
        Ok((self.made(parent, name, stat.clone()), stat))
    }

    pub(super) async fn make_file(
        &self,
        parent: u64,
        name: &str,
        executable: bool,
    ) -> Result<(u64, Stat), Errno> {
        let path = self.child(parent, name)?;
        let once = once();
        let stat = self.peer.ask(|| self.peer.remote.make_file(&path, executable, once)).await?;
        Ok((self.made(parent, name, stat.clone()), stat))
    }

    fn made(&self, parent: u64, name: &str, stat: Stat) -> u64 {
        let mut table = self.table();
        let asked = table.moment();
        let ino = table.hear(parent, name, stat.clone(), true, asked);
        table.change(ino, stat);
        if let Some(node) = table.get_mut(ino) {
            node.made = Some(Instant::now());
        }
        table.expire(parent);
        ino
    }

    pub(super) async fn remove_file(&self, parent: u64, name: &str) -> Result<(), Errno> {
        let path = self.child(parent, name)?;
        let (open, passing) = self.use_of(parent, name);
        let once = once();
        let into_bin = open || !passing;
        let removed = self.peer.ask(|| self.peer.remote.remove(&path, Which::File, into_bin, once)).await;
        let removed = removed.map_err(|failed| match failed.code {
            Some(Code::WrongKind) => Errno::ISDIR,
            _ => failed.errno(),
        })?;
        let mut table = self.table();
        table.lose_name(parent, name, removed.id);
        table.expire(parent);
        Ok(())
    }

    /// Whether a file is open here, and whether it was made here only a moment ago.
    fn use_of(&self, parent: u64, name: &str) -> (bool, bool) {
        let table = self.table();
        let node = table.find(parent, name).and_then(|ino| table.get(ino));
        let passing = |node: &table::Node| node.made.is_some_and(|made| made.elapsed() < PASSING);
        (node.is_some_and(|node| node.opens > 0), node.is_some_and(passing))
    }

    pub(super) async fn remove_folder(&self, parent: u64, name: &str) -> Result<(), Errno> {
        let path = self.child(parent, name)?;
        let once = once();
        self.peer.ask(|| self.peer.remote.remove(&path, Which::EmptyFolder, true, once)).await?;
        let mut table = self.table();
        table.lose_name(parent, name, None);
        table.expire(parent);
        Ok(())
    }

    pub(super) async fn rename(
        &self,
        (parent, name): (u64, &str),
        (new_parent, new_name): (u64, &str),
        replace: bool,
    ) -> Result<(), Errno> {
        let (from, to) = (self.child(parent, name)?, self.child(new_parent, new_name)?);
        let moved = self.table().find(parent, name);
        let mut edit = match moved {
            Some(ino) => self.edit(ino).await,
            None => None,
        };
        if let Some(edit) = &mut edit {
            // New content grows beside the name it is for.
            edit.settle();
            edit.flush(self, false).await?;
            // What was written stands beside somebody else's version by now, which is not what is to be moved.
            if moved.and_then(|ino| self.path(ino)).is_some_and(|path| path != from) {
                return Err(Errno::BUSY);
            }
        }
        if replace && from != to && self.use_of(new_parent, new_name).0 {
            // A program here has it open and reads on.
            match self.remove_file(new_parent, new_name).await {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error),
            }
        }
        let (taken, once) = (if replace { Taken::Replace } else { Taken::Refuse }, once());
        let stat = self.peer.ask(|| self.peer.remote.rename(&from, &to, taken, once)).await?;
        if let Some(edit) = &mut edit {
            edit.heard(&stat);
        }
        let mut table = self.table();
        table.rename(parent, name, new_parent, new_name);
        if let Some(ino) = moved {
            table.change(ino, stat);
        }
        table.expire(parent);
        table.expire(new_parent);
        Ok(())
    }
}
