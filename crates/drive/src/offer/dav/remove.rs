//! MKCOL and DELETE: a folder more, something less.

use super::{
    super::{
        Folder, Refused, blocking,
        change::{self, Expected, Which},
    },
    call::{Call, Depth, look, need_parent, small_body},
    empty,
    failure::Failure,
};
use crate::path::SharePath;
use http::{Response, StatusCode};
use lanyard_link::{Body, Incoming};
use lanyard_trust::Action;

/// RFC 4918 §9.3.
pub(super) async fn make_folder(call: Call, body: Incoming) -> Result<Response<Body>, Failure> {
    let folder = call.visit.admit(Action::Write)?;
    if !small_body(body).await?.is_empty() {
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a folder is made without a body"));
    }
    blocking(move || Ok(make(&call, &folder))).await??;
    Ok(empty(StatusCode::CREATED))
}

fn make(call: &Call, folder: &Folder) -> Result<(), Failure> {
    let path = &call.target.path;
    let taken = || Failure::new(StatusCode::METHOD_NOT_ALLOWED, "the name is taken");
    if path.is_top() {
        return Err(taken());
    }
    need_parent(&folder.root, path)?;
    if call.there(folder)?.facts.is_some() {
        return Err(taken());
    }
    call.may_change(path, false)?;
    call.may_change_parent(path)?;
    change::make_folder(&folder.root, path)?;
    change::settle(&folder.root, &[path])?;
    Ok(())
}

/// RFC 4918 §9.6. What is removed is in the share's bin for a while.
pub(super) async fn remove(call: Call) -> Result<Response<Body>, Failure> {
    let folder = call.visit.admit(Action::Write)?;
    blocking(move || Ok(take_away(&call, &folder))).await??;
    Ok(empty(StatusCode::NO_CONTENT))
}

fn take_away(call: &Call, folder: &Folder) -> Result<(), Failure> {
    let path = &call.target.path;
    if path.is_top() {
        return Err(Failure::new(StatusCode::FORBIDDEN, "the share itself is not removed"));
    }
    if matches!(call.depth()?, Some(Depth::Zero | Depth::One)) {
        return Err(Failure::bad("a folder is removed with all that is in it"));
    }
    let there = call.there(folder)?;
    if there.facts.is_none() {
        return Err(Failure::not_found());
    }
    call.may_change(path, true)?;
    call.may_change_parent(path)?;
    let by = call.who().to_string();
    change::remove(&folder.root, path, Which::Any, Expected(there.etag.as_deref()), Some(&by))?;
    change::settle(&folder.root, &[path])?;
    call.is_gone(path)
}

impl Call {
    /// What was on something that is no longer there goes with it.
    pub(super) fn is_gone(&self, path: &SharePath) -> Result<(), Failure> {
        self.dav.locks().gone(&self.spot(path));
        let (share, properties) = (&self.mounted.share.0, &self.dav.properties);
        if properties.any_in(share)? {
            properties.gone(share, path.names())?;
        }
        Ok(())
    }

    /// Frees a name for something else, with all that was on it.
    pub(super) fn clear(&self, folder: &Folder, path: &SharePath) -> Result<(), Failure> {
        if look(&folder.root, path)?.is_some() {
            self.put_away(folder, path)?;
            self.is_gone(path)?;
        }
        Ok(())
    }

    /// What has a name goes to the bin, whatever it is. Returns its id there.
    pub(super) fn put_away(&self, folder: &Folder, path: &SharePath) -> Result<Option<String>, Refused> {
        let by = self.who().to_string();
        change::remove(&folder.root, path, Which::Any, Expected::default(), Some(&by))
    }
}
