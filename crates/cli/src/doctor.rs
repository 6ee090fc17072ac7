//! `lanyard doctor`, `support-bundle`, `sharing` and `moved`: looking after the node itself.

use crate::{
    Failure,
    args::{MovedWhat, SharingAction},
    ask,
    ask::Asked,
    show,
};
use lanyard_api::{Outcome, Request, Response};
use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
};

/// Exit status 1 when anything failed, so that a script can act on it.
pub(crate) async fn check(node: &Asked, json: bool) -> Result<(), Failure> {
    let Response::Checks(checks) = node.ask(Request::Doctor).await? else { return Err(ask::odd()) };
    show::show(json, &checks, |checks| show::checks(checks))?;
    let failed = checks.iter().filter(|check| check.outcome == Outcome::Failed).count();
    match failed {
        0 => Ok(()),
        1 => Err(Failure::said("one check failed")),
        n => Err(Failure::said(format!("{n} checks failed"))),
    }
}

pub(crate) async fn bundle(node: &Asked, file: &Path, json: bool) -> Result<(), Failure> {
    // First: a name that is taken must not cost the wait.
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::said(format!("{} is there already.", file.display())),
        _ => Failure::said(format!("{} cannot be written: {error}.", file.display())),
    };
    let mut written = options.open(file).map_err(cannot)?;
    let gathered = async {
        let Response::Bundle(text) = node.ask(Request::SupportBundle).await? else { return Err(ask::odd()) };
        written.write_all(text.as_bytes()).and_then(|()| written.sync_all()).map_err(cannot)
    };
    if let Err(failure) = gathered.await {
        let _ = std::fs::remove_file(file); // half a bundle helps nobody
        return Err(failure);
    }
    let path = ask::absolute(file)?;
    show::show(json, &serde_json::json!({ "file": path }), |_| {
        format!("{path} is written. Names and paths were taken out; look through it before you send it.\n")
    })
}

pub(crate) async fn sharing(node: &Asked, action: SharingAction, json: bool) -> Result<(), Failure> {
    let request = match action {
        SharingAction::Pause { until } => Request::Pause { until },
        SharingAction::Resume => Request::Unpause,
    };
    let Response::Status(status) = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &status, show::status)
}

pub(crate) async fn moved(node: &Asked, what: MovedWhat, json: bool) -> Result<(), Failure> {
    let request = Request::SettleMove { new_device: matches!(what, MovedWhat::New) };
    let Response::Status(status) = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &status, show::status)
}
