//! Files from somebody who may put some in and do nothing else: a guest with a browser.
//!
//! As carefully as from a node (hidden until whole, then named in one step), but nothing is announced: there is no
//! size and no hash to compare with. A name that is taken gets a number, and no answer tells that it was.

use super::{
    Folder, Offer, Refused, Visit, blocking,
    receive::{Announced, Growing, Hand},
};
use crate::{
    disk,
    path::{self, SharePath},
    wire::{Code, Problem, Stored},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use lanyard_trust::{Action, ShareId, Subject};
use std::sync::Arc;

/// Room that is left on the disk: no guest fills it.
const SPARE: u64 = 1 << 30;

/// After how many bytes the room is looked at again.
const LOOK: u64 = 64 << 20;

impl Offer {
    /// Puts a file of at most `most` bytes into the top of a shared folder. `name` is what the sender calls it; what
    /// not every system can hold in it is replaced. When the pieces end in an error, nothing is kept.
    ///
    /// # Errors
    /// [`Problem`] with the code that a node would get.
    pub async fn add<S, E>(
        self: &Arc<Self>,
        subject: Subject,
        share: &ShareId,
        name: &str,
        most: u64,
        pieces: S,
    ) -> Result<Stored, Problem>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
        E: Send,
    {
        let visit = Visit { offer: Arc::clone(self), subject, share: share.clone() };
        let stored = store(&visit, name, most, pieces).await;
        stored.map_err(|refused| Problem { code: refused.code, detail: refused.detail })
    }
}

async fn store<S, E>(visit: &Visit, name: &str, most: u64, mut pieces: S) -> Result<Stored, Refused>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
    E: Send,
{
    let folder = visit.admit(Action::Add)?;
    let path = SharePath::top().join(&visible(name))?;
    path.check_new_name()?;
    let slot = visit.slot()?;
    let growing = {
        let (visit, folder) = (visit.clone(), folder.clone());
        blocking(move || Growing::open(&visit, &folder, &path, Announced::default(), slot)).await?
    };
    let mut hand = Hand::new(growing, 0);
    let arrived = match take(visit, &folder, most, &mut pieces, &mut hand).await {
        Ok(arrived) => arrived,
        Err(refused) => {
            hand.throw_away().await;
            return Err(refused);
        }
    };
    let growing = hand.back().await?;
    still(visit, &folder)?;
    // Its size is known only now; what is more than the day allows is thrown away.
    let claim = visit.claim(Action::Add, arrived)?;
    let finish = move || {
        let stored = growing.finish_beside()?;
        claim.keep();
        Ok(stored)
    };
    blocking(finish).await
}

/// Takes the whole file and tells how large it is.
async fn take<S, E>(
    visit: &Visit,
    folder: &Folder,
    most: u64,
    pieces: &mut S,
    hand: &mut Hand,
) -> Result<u64, Refused>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin + Send,
{
    let (mut arrived, mut looked) = (0_u64, None);
    while let Some(piece) = pieces.next().await {
        let mut piece = piece.map_err(|_| Refused::new(Code::Mismatch, "the file did not arrive whole"))?;
        arrived += piece.len() as u64;
        if arrived > most {
            return Err(Refused::new(Code::Invalid, "the file is too large"));
        }
        if looked.is_none_or(|at| arrived - at >= LOOK) {
            room(folder).await?;
            looked = Some(arrived);
        }
        while !piece.is_empty() {
            if hand.bring(&mut piece).await? {
                still(visit, folder)?;
            }
        }
    }
    hand.bring_rest().await?;
    Ok(arrived)
}

fn still(visit: &Visit, folder: &Folder) -> Result<(), Refused> {
    let taken_back = || Refused::new(Code::NotAllowed, "the owner has taken the permission back");
    visit.still(Action::Add, folder).then_some(()).ok_or_else(taken_back)
}

async fn room(folder: &Folder) -> Result<(), Refused> {
    let root = folder.root.clone();
    let free = blocking(move || Ok(disk::space(&root))).await?;
    if free.is_some_and(|(free, _)| free < SPARE) {
        return Err(Refused::new(Code::DiskFull, "no room for it"));
    }
    Ok(())
}

/// The last part of what a browser calls a file, as a name that everybody sees and every system can hold.
fn visible(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    // Characters that turn the direction of writing make `exe.pdf` out of `fdp.exe`.
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}');
    let shown: String = last.chars().filter(|c| !c.is_control() && !turns(*c)).collect();
    path::portable_name(shown.trim().trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_a_browser_is_one_that_everybody_sees_and_can_copy_away_again() {
        for (given, kept) in [
            ("letter.pdf", "letter.pdf"),
            ("C:\\fakepath\\letter.pdf", "letter.pdf"),
            ("../../.ssh/authorized_keys", "authorized_keys"),
            (".bashrc", "bashrc"),
            ("...", "_"),
            ("", "_"),
            ("a:b\u{202e}.txt", "a%3Ab.txt"),
            ("CON.txt", "%43ON.txt"),
            ("name. ", "name%2E"),
            ("\u{7}bell", "bell"),
        ] {
            let name = visible(given);
            assert_eq!(name, kept, "{given:?}");
            assert!(SharePath::top().join(&name).is_ok_and(|path| path.check_new_name().is_ok()), "{name}");
        }
    }
}
