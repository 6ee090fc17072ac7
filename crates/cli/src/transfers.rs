//! `lanyard ls`, `get`, `put`, `send`, `inbox`, `pause`, `resume`, `next`, `limit` and `notes`.

use crate::{
    Failure,
    args::{Get, Place, Put, Taken},
    ask::{self, Asked, absolute},
    follow,
    outcome::Outcome,
    show,
};
use lanyard_api::{Conflict, Document, ErrorCode, Listing, Request, Response, Transfer, TransferState};
use std::path::PathBuf;

/// All of a folder, however many answers that takes. A person sees the first of many names while the others are fetched;
/// JSON is one document.
pub(crate) async fn ls(node: &Asked, place: &str, json: bool) -> Result<(), Failure> {
    let place = place.parse().unwrap_or_else(|_| Place { drive: place.to_owned(), path: String::new() });
    let mut whole: Option<Listing> = None;
    let mut among_many = false;
    loop {
        let after = whole.as_mut().and_then(|listing| listing.next.take());
        let request = Request::List { drive: place.drive.clone(), path: place.path.clone(), after };
        let Response::Listing(part) = node.ask(request).await? else { return Err(ask::odd()) };
        match whole.as_mut() {
            None => whole = Some(part),
            Some(listing) if json => {
                listing.entries.extend(part.entries);
                listing.next = part.next;
            }
            Some(listing) => *listing = part,
        }
        if let Some(listing) =
            whole.as_ref().filter(|listing| !json && (among_many || listing.next.is_some()))
        {
            among_many = true;
            show::print(&show::part_of_listing(listing))?;
            if listing.next.is_none() {
                return Ok(());
            }
        } else if let Some(listing) = whole.as_ref().filter(|listing| listing.next.is_none()) {
            return show::show(json, listing, show::listing);
        }
    }
}

pub(crate) async fn get(node: &Asked, wanted: Get, json: bool) -> Result<(), Failure> {
    if let Some((drive, image)) = wanted.image() {
        let (dest, conflict) = (Some(absolute(image)?), wanted.taken.into());
        let name = drive.clone();
        let request = Request::SaveImage { drive, dest, conflict };
        return every(node, vec![(name, request)], wanted.taken.skip, json).await;
    }
    let (places, dest) = wanted.split();
    let dest = match dest {
        Some(dest) if places.len() > 1 && !dest.is_dir() => {
            return Err(Failure::said(format!("“{}” is not a folder.", dest.display())));
        }
        Some(dest) => Some(absolute(&dest)?),
        None => None,
    };
    let conflict = wanted.taken.into();
    let requests = places.into_iter().map(|Place { drive, path }| {
        let name = if path.is_empty() { drive.clone() } else { path.clone() };
        (name, Request::Get { drive, path, dest: dest.clone(), conflict })
    });
    every(node, requests.collect(), wanted.taken.skip, json).await
}

pub(crate) async fn put(node: &Asked, wanted: Put, json: bool) -> Result<(), Failure> {
    let (files, Place { drive, mut path }) = wanted.split();
    if files.len() > 1 && !path.is_empty() && !path.ends_with('/') {
        // Several files can only go into a folder.
        path.push('/');
    }
    let mut requests = Vec::new();
    for file in files {
        let request = Request::Put {
            document: Document::Path { path: absolute(&file)? },
            drive: drive.clone(),
            path: path.clone(),
            conflict: wanted.taken.into(),
            replaces: None,
        };
        requests.push((file.to_string_lossy().into_owned(), request));
    }
    every(node, requests, wanted.taken.skip, json).await
}

pub(crate) async fn resume(node: &Asked, id: String, json: bool) -> Result<(), Failure> {
    every(node, vec![(id.clone(), Request::RetryTransfer { transfer: id })], false, json).await
}

/// All at once, and then each to its end: one that is not accepted says so for all.
pub(crate) async fn send(node: &Asked, files: Vec<PathBuf>, to: String, json: bool) -> Result<(), Failure> {
    let document = |file: &PathBuf| Ok(Document::Path { path: absolute(file)? });
    let files: Result<Vec<Document>, Failure> = files.iter().map(document).collect();
    let request = Request::Send { files: files?, device: to };
    let Response::Transfers(begun) = node.ask(request).await? else { return Err(ask::odd()) };
    let mut failed = None;
    for transfer in begun {
        // What has ended meanwhile is in the beginning of the stream.
        let events = node.events().await?;
        let stop = Request::CancelTransfer { transfer: transfer.id.clone() };
        let transfer = follow::follow(node, events, transfer, stop, follow::Line::new(json)).await?;
        show::show(json, &transfer, show::transfer)?;
        if transfer.state != TransferState::Done {
            failed.get_or_insert(show::transfer_reason(&transfer));
        } else if let Some(gap) = show::transfer_gap(&transfer) {
            failed.get_or_insert(gap);
        }
    }
    failed.map_or(Ok(()), |reason| Err(Failure::said(reason)))
}

pub(crate) async fn inbox(
    node: &Asked,
    stop: Option<String>,
    ask_again: Option<String>,
    folder: Option<PathBuf>,
    usual_folder: bool,
    json: bool,
) -> Result<(), Failure> {
    let request = match (stop, ask_again) {
        _ if folder.is_some() || usual_folder => {
            Request::SetInboxFolder { folder: folder.as_deref().map(absolute).transpose()? }
        }
        (Some(sending), _) => Request::StopSending { sending },
        (_, Some(device)) => Request::ForgetSender { device },
        _ => Request::Inbox,
    };
    let Response::Inbox(inbox) = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &inbox, show::inbox)
}

pub(crate) async fn pause(node: &Asked, id: String, json: bool) -> Result<(), Failure> {
    let request = Request::PauseTransfer { transfer: id };
    let Response::Transfer(transfer) = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &transfer, show::transfer)
}

pub(crate) async fn next(node: &Asked, id: String, json: bool) -> Result<(), Failure> {
    let request = Request::NextTransfer { transfer: id };
    let Response::Transfer(transfer) = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &transfer, show::transfer)
}

pub(crate) async fn limit(
    node: &Asked,
    rate: Option<String>,
    only: Option<String>,
    json: bool,
) -> Result<(), Failure> {
    let request = match rate {
        None => Request::TransferLimit,
        Some(text) => Request::LimitTransfers { transfer: only, rate: self::rate(&text)? },
    };
    let Response::TransferLimit(limit) = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &limit, |limit| match limit {
        Some(limit) => format!("All copies together: {limit} bytes a second\n"),
        None => "All copies together: no limit\n".to_owned(),
    })
}

/// `none`, or bytes a second with `K`, `M` or `G` for 1,024, its square and its cube.
fn rate(text: &str) -> Result<Option<u64>, Failure> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
        Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
        Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
        _ => (text, 1_u64),
    };
    let rate = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    let bad = || Failure::said(format!("“{text}” is no rate. Say 500K, 2M or none."));
    rate.filter(|rate| *rate > 0).map(Some).ok_or_else(bad)
}

pub(crate) async fn notes(node: &Asked, id: String, json: bool) -> Result<(), Failure> {
    let request = Request::TransferNotes { transfer: id };
    let Response::TransferNotes(notes) = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &notes, |notes| show::transfer_notes(notes))
}

/// One after the other, each to its end, by the names that a person gave them; one that fails keeps none of the others.
/// With `skips`, one whose name is taken is left out. One of which a file is missing because of its name is told as well.
async fn every(
    node: &Asked,
    requests: Vec<(String, Request)>,
    skips: bool,
    json: bool,
) -> Result<(), Failure> {
    let mut outcome = Outcome::of(requests.len());
    for (name, request) in requests {
        let name = show::clean(&name);
        match to_the_end(node, request, json).await {
            Ok(transfer) => {
                show::show(json, &transfer, show::transfer)?;
                if transfer.state != TransferState::Done {
                    outcome.failed(&name, Failure::said(show::transfer_reason(&transfer)))?;
                } else if let Some(gap) = show::transfer_gap(&transfer) {
                    outcome.failed(&name, Failure::said(gap))?;
                }
            }
            Err(Failure::Api(error)) if skips && error.code == ErrorCode::Exists => {
                if !json {
                    show::print(&format!("{name} is there already, and was kept.\n"))?;
                }
            }
            Err(failure) => outcome.failed(&name, failure)?,
        }
    }
    outcome.end()
}

async fn to_the_end(node: &Asked, request: Request, json: bool) -> Result<Transfer, Failure> {
    // Listening before asking, so that no change is missed. The stream begins with everything as it was before: there
    // a copy that is tried again has still failed.
    let mut events = node.events().await?;
    events.recv().await;
    let Response::Transfer(transfer) = node.ask(request).await? else { return Err(ask::odd()) };
    let stop = Request::CancelTransfer { transfer: transfer.id.clone() };
    follow::follow(node, events, transfer, stop, follow::Line::new(json)).await
}

impl From<Taken> for Conflict {
    fn from(taken: Taken) -> Self {
        match (taken.keep_both, taken.replace, taken.skip) {
            (true, ..) => Self::KeepBoth,
            (_, true, _) => Self::Replace,
            (.., true) => Self::Skip,
            _ => Self::Refuse,
        }
    }
}
