//! The support bundle: what helps to find a fault, fit to be handed to a stranger.
//!
//! Debug lines may name documents and are left out. What is left is taken apart: numbers and a few known fields stay
//! as they are; every name and path that this node knows, every path, and every long word that could be a key or an
//! identity becomes a token that stays the same throughout one bundle, so that lines can still be put together.

mod redact;

use super::check;
use crate::{Core, DataDir, networks, presence, status};
use lanyard_api::{ApiError, ErrorCode, Network, Outcome};
use redact::Redactor;
use std::{
    collections::VecDeque,
    fmt::Write,
    fs::File,
    io::{BufRead, BufReader},
    sync::Arc,
};

/// How many lines of the log are told.
const LINES: usize = 2000;
/// The longest line that is looked at.
const MAX_LINE: usize = 16 * 1024;

/// Logs and state without secrets and without names of files.
///
/// # Errors
/// `internal` when the logs cannot be read.
pub async fn bundle(core: &Arc<Core>) -> Result<String, ApiError> {
    let checks = check(core).await?;
    let status = status::status(core).await;
    let known = networks::list(core).await;
    let mut redactor = Redactor::default();
    learn(core, &mut redactor).await;
    known.iter().for_each(|network| redactor.learn("network", &network.name));

    let mut text = String::from("Lanyard support bundle\n\n== node\n");
    let mut line = |part: std::fmt::Arguments<'_>| {
        let _ = text.write_fmt(part); // a String takes everything
        text.push('\n');
    };
    line(format_args!("version {} on {} {}", status.version, std::env::consts::OS, std::env::consts::ARCH));
    line(format_args!("system {}", system()));
    line(format_args!(
        "sharing {:?}, port {}, paused {}",
        status.sharing,
        status.port,
        status.paused_until.is_some()
    ));
    line(format_args!("moved {}, first run {}", status.moved, status.first_run));
    for notice in &status.notices {
        line(format_args!("notice {}", redactor.text(notice)));
    }
    line(format_args!("\n== networks"));
    for network in &known {
        line(format_args!("{}", network_line(network, &mut redactor)));
    }
    line(format_args!("\n== self-check"));
    for check in &checks {
        let sign = match check.outcome {
            Outcome::Good => "ok",
            Outcome::Warning => "warning",
            Outcome::Failed => "FAILED",
            Outcome::Unknown => "unknown",
        };
        line(format_args!("{:?} {sign}: {}", check.what, redactor.text(&check.detail)));
    }
    line(format_args!("\n== log"));
    let data = core.data.clone();
    let lines = tokio::task::spawn_blocking(move || last_lines(&data))
        .await
        .map_err(|error| ApiError::new(ErrorCode::Internal, format!("The logs cannot be read: {error}.")))?;
    for logged in lines {
        if let Some(told) = redactor.log_line(&logged) {
            line(format_args!("{told}"));
        }
    }
    Ok(text)
}

/// Everything that this node knows by name.
async fn learn(core: &Arc<Core>, redactor: &mut Redactor) {
    let snapshot = status::snapshot(core).await;
    redactor.learn("device", &snapshot.status.name);
    for device in &snapshot.nearby.devices {
        redactor.learn("device", &device.name);
    }
    for neighbour in presence::neighbours(core).await {
        redactor.learn("device", &neighbour.name);
    }
    for printer in &snapshot.nearby.printers {
        redactor.learn("printer", &printer.name);
        printer.location.iter().for_each(|place| redactor.learn("place", place));
    }
    snapshot.nearby.drives.iter().for_each(|drive| redactor.learn("drive", &drive.name));
    for share in &snapshot.shares {
        redactor.learn("share", &share.name);
        redactor.learn("path", &share.target);
    }
    snapshot.queues.iter().for_each(|queue| redactor.learn("queue", &queue.name));
    snapshot.jobs.iter().for_each(|job| redactor.learn("document", &job.title));
    for transfer in &snapshot.transfers {
        redactor.learn("file", &transfer.name);
    }
    if let Some(home) = &snapshot.home.home {
        redactor.learn("home", &home.name);
        home.members.iter().for_each(|member| redactor.learn("device", &member.name));
    }
    snapshot.passes.iter().for_each(|pass| redactor.learn("guest", &pass.label));
    for variable in ["USER", "LOGNAME", "HOSTNAME", "COMPUTERNAME", "USERNAME"] {
        if let Ok(name) = std::env::var(variable) {
            redactor.learn("user", &name);
        }
    }
    #[cfg(unix)]
    redactor.learn("computer", &rustix::system::uname().nodename().to_string_lossy());
}

fn network_line(network: &Network, redactor: &mut Redactor) -> String {
    let addresses: Vec<String> = network.addresses.iter().map(|address| redactor.address(address)).collect();
    format!(
        "{} {:?}{} {} {}",
        redactor.token("network", &network.id),
        network.profile,
        if network.connected { " connected" } else { "" },
        network.interface.as_deref().unwrap_or(""),
        addresses.join(" ")
    )
}

fn system() -> String {
    #[cfg(unix)]
    {
        let name = rustix::system::uname();
        format!("{} {}", name.sysname().to_string_lossy(), name.release().to_string_lossy())
    }
    #[cfg(not(unix))]
    {
        std::env::consts::OS.to_owned()
    }
}

/// The last lines of the log, over the last two files.
fn last_lines(data: &DataDir) -> VecDeque<String> {
    let mut last = VecDeque::new();
    for name in ["lanyard.1.log", "lanyard.log"] {
        // Not every number is there yet.
        let Ok(file) = File::open(data.logs().join(name)) else { continue };
        for line in BufReader::new(file).split(b'\n').map_while(Result::ok) {
            // A debug line is not told, so it takes no room either.
            let Some(line) =
                String::from_utf8(line).ok().filter(|l| l.len() <= MAX_LINE && redact::is_told(l))
            else {
                continue;
            };
            last.push_back(line);
            if last.len() > LINES {
                last.pop_front();
            }
        }
    }
    last
}
