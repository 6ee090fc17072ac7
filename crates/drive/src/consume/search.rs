//! A search on another device, find by find. Dropping it ends the walk there.

use super::browse::{Frames, Remote, RemoteError};
use crate::{
    frames::{Entry, Frame},
    path::{self, SharePath},
    wire::{Code, SEARCH_FINDS},
};

/// A search that goes on.
pub struct Search {
    frames: Frames,
    finds: usize,
}

/// What a search tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A name that fits.
    Found(Entry),
    /// This folder could not be looked through.
    Unseen(SharePath, Code),
    /// There may be more: a limit ended the search.
    Limited,
    /// It is looking there now.
    Looking(SharePath),
}

impl Remote {
    /// Begins a search by name for everything below a folder.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn search(&self, path: &SharePath, words: &str) -> Result<Search, RemoteError> {
        let query = format!("path={}&words={}", path.encoded(), path::encode(words));
        Ok(Search { frames: self.frames("search", &query).await?, finds: 0 })
    }
}

impl Search {
    /// What it tells next; none at its end.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub async fn next(&mut self) -> Result<Option<Told>, RemoteError> {
        while let Some(frame) = self.frames.next().await? {
            if let Some(told) = self.told(frame)? {
                return Ok(Some(told));
            }
        }
        Ok(None)
    }

    /// None for what a later version may tell besides.
    fn told(&mut self, frame: Frame) -> Result<Option<Told>, RemoteError> {
        Ok(Some(match frame {
            Frame::Entry(_) if self.finds >= SEARCH_FINDS => {
                return Err(RemoteError::Nonsense("more finds than were promised"));
            }
            Frame::Entry(entry) => {
                self.finds += 1;
                Told::Found(entry)
            }
            Frame::Problem(_, Code::TooLarge) => Told::Limited,
            Frame::Problem(path, code) => Told::Unseen(path, code),
            Frame::Folder { path, .. } => Told::Looking(path),
            _ => return Ok(None),
        }))
    }
}
