//! COPY and MOVE (RFC 4918 §9.8 and §9.9), within a share.

use super::{
    super::{
        Folder, Refused, blocking,
        change::{self, Expected, Taken},
    },
    call::{Call, Depth, look, need_parent},
    empty,
    failure::Failure,
};
use crate::{
    disk,
    path::SharePath,
    wire::{Code, Kind},
};
use http::{HeaderName, Response, StatusCode};
use lanyard_link::Body;
use lanyard_trust::{Action, Used};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Copy,
    Move,
}

pub(super) async fn carry(call: Call, way: Way) -> Result<Response<Body>, Failure> {
    let folder = call.visit.admit(Action::Write)?;
    if way == Way::Copy {
        call.visit.admit(Action::Read)?;
    }
    let slot = call.visit.slot()?;
    let replaced = blocking(move || {
        let _slot = slot;
        Ok(work(&call, &folder, way))
    })
    .await??;
    Ok(empty(if replaced { StatusCode::NO_CONTENT } else { StatusCode::CREATED }))
}

/// Returns whether something else had the name before.
fn work(call: &Call, folder: &Folder, way: Way) -> Result<bool, Failure> {
    let to = call.destination()?;
    if to.is_noise() {
        return Err(Failure::new(StatusCode::FORBIDDEN, "a desktop's notes to itself are not kept here"));
    }
    let (from, to) = (&call.target.path, &to.path);
    let deep = match (call.depth()?.unwrap_or(Depth::Infinity), way) {
        (Depth::Infinity, _) => true,
        (Depth::Zero, Way::Copy) => false,
        _ => return Err(Failure::bad("not to this depth")),
    };
    let overwrite = match call.header(HeaderName::from_static("overwrite"))?.map(str::trim) {
        None | Some("T" | "t") => true,
        Some("F" | "f") => false,
        Some(_) => return Err(Failure::bad("overwrite is T or F")),
    };
    let there = call.there(folder)?;
    let facts = there.facts.ok_or_else(Failure::not_found)?;
    if facts.kind == Kind::Other {
        return Err(Failure::new(StatusCode::FORBIDDEN, "links and special files are not carried"));
    }
    check_ways(from, to)?;
    need_parent(&folder.root, to)?;
    let taken = look(&folder.root, to)?;
    if taken.is_some() && !overwrite {
        return Err(Failure::precondition());
    }
    if way == Way::Move {
        call.may_change(from, true)?;
        call.may_change_parent(from)?;
    }
    call.may_change(to, true)?;
    if taken.is_none() {
        call.may_change_parent(to)?;
    }
    let one_name = change::is_one_name(&folder.root, from, to)?;
    if one_name && way == Way::Copy {
        return Err(Failure::new(StatusCode::FORBIDDEN, "it is there already"));
    }
    // A file takes the place of a file in one step. Anything else makes way, into the bin.
    let files = facts.kind == Kind::File && taken.is_some_and(|taken| taken.kind == Kind::File);
    let how = if files { Taken::Replace } else { Taken::Refuse };
    let makes_way = !files && !one_name && taken.is_some();
    let expected = Expected(there.etag.as_deref());
    match way {
        Way::Move => rename(call, folder, to, how, expected, makes_way)?,
        Way::Copy if facts.kind == Kind::Folder && !deep => {
            call.clear(folder, to)?;
            change::make_folder(&folder.root, to)?;
        }
        Way::Copy => copy(call, folder, to, how, expected, makes_way)?,
    }
    change::settle(&folder.root, &[from, to])?;
    settle_rest(call, from, to, way, deep)?;
    Ok(taken.is_some() && !one_name)
}

fn check_ways(from: &SharePath, to: &SharePath) -> Result<(), Failure> {
    let forbidden = |why: &str| Err(Failure::new(StatusCode::FORBIDDEN, why));
    if from.is_top() || to.is_top() {
        return forbidden("the share itself stays where it is");
    }
    if from == to {
        return forbidden("it is there already");
    }
    // Also the other way round: what makes way would take along what is to come.
    if to.names().starts_with(from.names()) || from.names().starts_with(to.names()) {
        return forbidden("one is inside the other");
    }
    Ok(())
}

/// What made way is put back when nothing comes in its place.
fn rename(
    call: &Call,
    folder: &Folder,
    to: &SharePath,
    how: Taken,
    expected: Expected<'_>,
    makes_way: bool,
) -> Result<(), Failure> {
    let from = &call.target.path;
    if !makes_way {
        change::rename(&folder.root, from, to, how, expected)?;
        return Ok(());
    }
    let binned = call.put_away(folder, to)?;
    let renamed = change::rename(&folder.root, from, to, how, expected);
    if let (Err(_), Some(id)) = (&renamed, &binned)
        && let Err(refused) = change::bin::restore(&folder.root, id, None)
    {
        tracing::warn!(why = refused.detail, "what made way for nothing stays in the bin");
    }
    renamed?;
    call.is_gone(to)
}

/// The name becomes free when the copy is whole.
fn copy(
    call: &Call,
    folder: &Folder,
    to: &SharePath,
    how: Taken,
    expected: Expected<'_>,
    makes_way: bool,
) -> Result<(), Failure> {
    let mut claim = call.visit.claim(Action::Write, 0)?;
    let mut more = |bytes: u64| {
        if !call.visit.still(Action::Write, folder) {
            return Err(Refused::new(Code::NotAllowed, "the owner has taken the permission back"));
        }
        if disk::space(&folder.root).is_some_and(|(free, _)| free < bytes) {
            return Err(Refused::new(Code::DiskFull, "no room for it"));
        }
        claim.add(Action::Write, Used { bytes, ..Used::default() })?;
        Ok(())
    };
    let (root, from) = (&folder.root, &call.target.path);
    let copied = if makes_way {
        let mut make_way = || call.put_away(folder, to).map(drop);
        change::copy_in_place(root, from, to, expected, &mut more, &mut make_way)?
    } else {
        change::copy(root, from, to, how, expected, &mut more)?
    };
    claim.keep();
    if makes_way {
        call.is_gone(to)?;
    }
    if copied.left_out > 0 {
        tracing::debug!(left_out = copied.left_out, "links and special files were not copied");
    }
    Ok(())
}

/// Properties go along; locks do not (RFC 4918 §7.5).
fn settle_rest(call: &Call, from: &SharePath, to: &SharePath, way: Way, deep: bool) -> Result<(), Failure> {
    if way == Way::Move {
        call.dav.locks().gone(&call.spot(from));
    }
    let (share, properties) = (&call.mounted.share.0, &call.dav.properties);
    if !properties.any_in(share)? {
        return Ok(());
    }
    match way {
        Way::Move => properties.moved(share, from.names(), to.names())?,
        Way::Copy => properties.copied(share, from.names(), to.names(), deep)?,
    }
    Ok(())
}
