//! PROPPATCH (RFC 4918 §9.2): all changes or none.

use super::{
    super::{Folder, blocking, confine},
    body::{self, Patch},
    call::{Call, small_body},
    failure::Failure,
    live::{self, APACHE, Live, WIN32},
    properties::{Change, Dead, NotKept},
    xml::{self, Element, Name},
    xml_response,
};
use crate::{disk, wire::Kind};
use http::{Response, StatusCode};
use lanyard_link::{Body, Incoming, body as bodies};
use lanyard_trust::Action;

/// What Explorer sets on everything that it copies. There is no place for them; a refusal would end the copy.
const NOT_KEPT: [&str; 3] = ["Win32CreationTime", "Win32LastAccessTime", "Win32FileAttributes"];

pub(super) async fn patch(call: Call, incoming: Incoming) -> Result<Response<Body>, Failure> {
    let folder = call.visit.admit(Action::Write)?;
    let patches = body::patch(&small_body(incoming).await?)?;
    let text = blocking(move || Ok(work(&call, &folder, &patches))).await??;
    Ok(xml_response(StatusCode::MULTI_STATUS, bodies::full(text)))
}

/// One change, understood.
enum Step {
    Dead(Change),
    /// The time of the last change, in nanoseconds since the Unix epoch.
    Modified(i64),
    Executable(bool),
    Nothing,
}

/// What is wrong with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// It is not for clients to say.
    Protected,
    /// Such a value it cannot have.
    Value,
    NoRoom,
}

fn work(call: &Call, folder: &Folder, patches: &[Patch]) -> Result<String, Failure> {
    let path = &call.target.path;
    let there = call.there(folder)?;
    let facts = there.facts.filter(|facts| facts.kind != Kind::Other).ok_or_else(Failure::not_found)?;
    call.may_change(path, false)?;
    let steps: Vec<Result<Step, Wrong>> =
        patches.iter().map(|patch| step(patch, facts.kind == Kind::File)).collect();
    if steps.iter().any(Result::is_err) {
        let wrong = |at: usize| steps.get(at).and_then(|step| step.as_ref().err().copied());
        return Ok(answer(call, &facts, patches, &wrong));
    }
    let steps: Vec<Step> = steps.into_iter().flatten().collect();
    let (mut numbers, mut changes) = (Vec::new(), Vec::new());
    for (number, step) in steps.iter().enumerate() {
        if let Step::Dead(change) = step {
            numbers.push(number);
            changes.push(change.clone());
        }
    }
    if !changes.is_empty() {
        match call.dav.properties.change(&call.mounted.share.0, path.names(), &changes) {
            Ok(()) => {}
            Err(NotKept::NoRoom(at)) => {
                let full = numbers.get(at).copied();
                let wrong = |at: usize| (full == Some(at)).then_some(Wrong::NoRoom);
                return Ok(answer(call, &facts, patches, &wrong));
            }
            Err(NotKept::Store(error)) => return Err(error.into()),
        }
    }
    set_facts(call, folder, &steps)?;
    Ok(answer(call, &facts, patches, &|_| None))
}

fn step(patch: &Patch, is_file: bool) -> Result<Step, Wrong> {
    let name = patch.name();
    match (Live::of(name), patch) {
        (Some(Live::WindowsModified), Patch::Set(value)) => {
            live::from_http_date(&value.text()).map(Step::Modified).ok_or(Wrong::Value)
        }
        (Some(Live::Executable), Patch::Set(value)) if is_file => match value.text().trim() {
            "T" => Ok(Step::Executable(true)),
            "F" => Ok(Step::Executable(false)),
            _ => Err(Wrong::Value),
        },
        (Some(Live::Executable), Patch::Remove(_)) if is_file => Ok(Step::Executable(false)),
        (Some(_), _) => Err(Wrong::Protected),
        (None, _) if name.space == WIN32 && NOT_KEPT.contains(&name.local.as_str()) => Ok(Step::Nothing),
        // What WebDAV may yet come to mean something by is not for anybody to keep there.
        (None, Patch::Set(_)) if name.space == APACHE => Err(Wrong::Protected),
        (None, Patch::Set(value)) => Ok(Step::Dead(Change::Set(dead(value)))),
        (None, Patch::Remove(name)) => Ok(Step::Dead(Change::Remove(name.clone()))),
    }
}

fn dead(element: &Element) -> Dead {
    let mut value = String::new();
    element.write(&mut value);
    Dead { name: element.name.clone(), value }
}

fn set_facts(call: &Call, folder: &Folder, steps: &[Step]) -> Result<(), Failure> {
    let modified = steps.iter().rev().find_map(|step| match step {
        Step::Modified(time) => Some(*time),
        _ => None,
    });
    let executable = steps.iter().rev().find_map(|step| match step {
        Step::Executable(yes) => Some(*yes),
        _ => None,
    });
    if modified.is_none() && executable.is_none() {
        return Ok(());
    }
    let path = &call.target.path;
    let Some((parents, name)) = path.split_last() else {
        // The share's own folder keeps its time.
        return Ok(());
    };
    let dir = confine::open_dir(&folder.root, parents)?;
    if confine::look_in(&dir, name)?.is_some_and(|facts| facts.kind == Kind::Folder) {
        if let Some(modified) = modified {
            disk::set_folder_modified(&confine::open_dir(&folder.root, path.names())?, modified);
        }
        return Ok(());
    }
    let (file, _) = confine::open_file_to_change(&dir, name)?;
    if let Some(executable) = executable {
        disk::set_executable(&file, executable)?;
    }
    if let Some(modified) = modified {
        disk::set_modified(&file, modified);
    }
    Ok(())
}

/// Says what became of each: all went well, or one was wrong and the others were not made for that.
fn answer(
    call: &Call,
    facts: &confine::Facts,
    patches: &[Patch],
    wrong: &dyn Fn(usize) -> Option<Wrong>,
) -> String {
    let failed = (0..patches.len()).any(|at| wrong(at).is_some());
    let mut out = String::from(live::BEGIN);
    out.push_str("<D:response><D:href>");
    xml::escape(&mut out, &call.href(&call.target.path, facts.kind == Kind::Folder));
    out.push_str("</D:href>");
    for (at, patch) in patches.iter().enumerate() {
        let (status, more) = match wrong(at) {
            None if !failed => ("200 OK", ""),
            None => ("424 Failed Dependency", ""),
            Some(Wrong::Protected) => {
                let error = "<D:error><D:cannot-modify-protected-property/></D:error>";
                ("403 Forbidden", error)
            }
            Some(Wrong::Value) => ("409 Conflict", ""),
            Some(Wrong::NoRoom) => ("507 Insufficient Storage", ""),
        };
        propstat(&mut out, patch.name(), status, more);
    }
    out.push_str("</D:response>\n");
    out.push_str(live::END);
    out
}

fn propstat(out: &mut String, name: &Name, status: &str, more: &str) {
    out.push_str("<D:propstat><D:prop>");
    xml::write_empty(out, name);
    out.push_str("</D:prop><D:status>HTTP/1.1 ");
    out.push_str(status);
    out.push_str("</D:status>");
    out.push_str(more);
    out.push_str("</D:propstat>");
}
