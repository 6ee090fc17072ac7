//! Names of a mounted drive: made, moved and removed.

use super::{Edit, Tree, once, peer::Failed};
use crate::{
    consume::remote::{Taken, Terms, Which},
    path::SharePath,
    wire::{Code, Moved, Stat},
};
use rustix::io::Errno;
use std::time::Instant;
use tokio::sync::OwnedMutexGuard;

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
        let found = self.table().find(parent, name);
        // Nothing is sent meanwhile that would make another version of it.
        let edit = self.edit_of(found).await;
        let id = self.take_away(&path, self.use_of(found, edit.as_deref())).await.map_err(unlinking)?;
        let mut table = self.table();
        table.lose_name(parent, name, id);
        table.expire(parent);
        Ok(())
    }

    /// Removes a file and returns where it is in the bin. Somebody else's version goes there in any case, and whoever has
    /// another one open here does not go on in it.
    async fn take_away(&self, path: &SharePath, of: Use) -> Result<Option<String>, Failed> {
        if of.open || of.passing {
            let terms = Terms { if_match: of.etag.as_deref(), ..once() };
            match self.peer.ask(|| self.peer.remote.remove(path, Which::File, of.open, terms)).await {
                Err(Failed { code: Some(Code::Changed), .. }) => {}
                removed => return Ok(removed?.id),
            }
        }
        let once = once();
        self.peer.ask(|| self.peer.remote.remove(path, Which::File, true, once)).await?;
        Ok(None)
    }

    async fn edit_of(&self, ino: Option<u64>) -> Option<OwnedMutexGuard<Edit>> {
        self.edit(ino?).await
    }

    fn use_of(&self, ino: Option<u64>, edit: Option<&Edit>) -> Use {
        let table = self.table();
        let Some(node) = ino.and_then(|ino| table.get(ino)) else { return Use::default() };
        let etag = edit.map_or_else(|| node.stat.etag.clone(), Edit::etag);
        Use { open: node.opens > 0, passing: node.is_passing(), etag }
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
        let (moved, target) = {
            let table = self.table();
            (table.find(parent, name), table.find(new_parent, new_name).filter(|_| from != to))
        };
        let mut edit = self.edit_of(moved).await;
        if let Some(edit) = &mut edit {
            // New content grows beside the name it is for.
            edit.settle();
            edit.flush(self, false).await?;
            // What was written stands beside somebody else's version by now, which is not what is to be moved.
            if moved.and_then(|ino| self.path(ino)).is_some_and(|path| path != from) {
                return Err(Errno::BUSY);
            }
        }
        let replaced = self.edit_of(target).await;
        let of = self.use_of(target, replaced.as_deref());
        let taken = match (replace, of.open) {
            (false, _) => Taken::Refuse,
            (true, false) => Taken::Replace,
            // A program here reads on in it, in the bin.
            (true, true) => Taken::Bin,
        };
        let known = edit.as_ref().and_then(|edit| edit.etag());
        let replaces = of.etag.filter(|_| taken == Taken::Bin);
        let terms = Terms { if_match: known.as_deref(), replaces: replaces.as_deref(), ..once() };
        let (Moved { stat, made_way }, is_known) = self.carry(&from, &to, taken, terms).await?;
        if let Some(edit) = edit.as_mut().filter(|_| is_known) {
            edit.renamed(&stat);
        }
        let mut table = self.table();
        table.rename((parent, name), (new_parent, new_name), made_way);
        if let Some(ino) = moved {
            table.change(ino, stat);
        }
        table.expire(parent);
        table.expire(new_parent);
        Ok(())
    }

    /// Moves something, and tells whether both files were the ones that programs here know. Names are moved in any case;
    /// but whoever has another version open here does not go on in somebody else's.
    async fn carry(
        &self,
        from: &SharePath,
        to: &SharePath,
        taken: Taken,
        known: Terms<'_>,
    ) -> Result<(Moved, bool), Failed> {
        match self.peer.ask(|| self.peer.remote.rename(from, to, taken, known)).await {
            Err(Failed { code: Some(Code::Changed), .. }) => {}
            moved => return Ok((moved?, true)),
        }
        let once = once();
        let moved = self.peer.ask(|| self.peer.remote.rename(from, to, taken, once)).await?;
        Ok((Moved { made_way: None, ..moved }, false))
    }
}

/// How programs here use a file.
#[derive(Default)]
struct Use {
    open: bool,
    /// It was made here only a moment ago.
    passing: bool,
    /// The version that they know.
    etag: Option<String>,
}

fn unlinking(failed: Failed) -> Errno {
    match failed.code {
        Some(Code::WrongKind) => Errno::ISDIR,
        _ => failed.errno(),
    }
}
