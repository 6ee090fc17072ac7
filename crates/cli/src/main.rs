//! The command line.
//!
//! `lanyard run` is a node without a screen; every other command asks the node that runs, over its local socket.
//! The commands, their exit status and their JSON are a contract (docs/cli.md). Nothing here knows how printing
//! or copying works.

mod args;
mod ask;
mod asks;
mod changes;
mod discs;
mod doctor;
mod find;
mod follow;
mod guests;
mod home;
mod mounts;
mod networks;
mod outcome;
mod preview;
mod print;
mod run;
mod shares;
mod show;
mod transfers;
mod until;
mod watch;

use args::{Args, Command};
use clap::Parser;
use lanyard_api::{ApiError, ErrorCode, JobAction, Request, Response};
use std::{io, process::ExitCode};

/// Threads that may wait for a disk, or for somebody who reads slowly. More than all doors let connections in
/// (`lanyard_link::Limits`): with fewer, readers who take hours would leave none to the rest of the node.
const WAITING: usize = 512;

/// Why a command failed; what a person reads on stderr. Exit status 1.
#[derive(Debug)]
enum Failure {
    /// A step of ours says why.
    Said(String),
    /// The node says why.
    Api(ApiError),
    /// Whoever read our output has gone (`lanyard ls … | head`): nothing is left to say.
    NobodyReads,
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::NobodyReads,
            _ => Self::Said(format!("The output cannot be written: {error}.")),
        }
    }
}

impl Failure {
    fn said(text: impl Into<String>) -> Self {
        Self::Said(text.into())
    }
}

fn main() -> ExitCode {
    // This program reads documents as its own limited child; nothing else may be there by then.
    if let Some(status) = lanyard_node::answer_if_child() {
        return status;
    }
    let args = Args::parse();
    // Before there is a second thread: each confines only itself and those it starts.
    if let Command::Run { confined: true, allow, .. } = &args.command
        && let Err(error) = run::confine(args.data.clone(), allow)
    {
        return fail(&error.to_string());
    }
    // What only asks a node needs no threads, which cost as much to start as the question.
    let mut runtime = match args.command {
        Command::Run { .. } => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = runtime.worker_threads(2).max_blocking_threads(WAITING).enable_all().build();
    let done = match runtime {
        Ok(runtime) => {
            let done = runtime.block_on(async { Box::pin(dispatch(args)).await });
            // A thread that is still stuck in a slow disk must not keep the process.
            runtime.shutdown_background();
            done
        }
        Err(error) => Err(Failure::said(format!("The system gives no threads: {error}."))),
    };
    match done {
        Ok(()) | Err(Failure::NobodyReads) => ExitCode::SUCCESS,
        Err(Failure::Said(reason)) => fail(&reason),
        Err(Failure::Api(error)) if error.code == ErrorCode::MustAsk => {
            fail(&format!("{} Ask with: lanyard ask DRIVE", show::clean(&error.to_string())))
        }
        Err(Failure::Api(error)) => fail(&show::clean(&error.to_string())),
    }
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("lanyard: {reason}");
    ExitCode::FAILURE
}

async fn dispatch(args: Args) -> Result<(), Failure> {
    let Args { data, json, command } = args;
    if let Command::Run { name, port, loopback, log, .. } = command {
        return run::run(data, name, port, loopback, log.as_deref(), json).await;
    }
    let node = ask::Asked::connect(data.as_deref()).await?;
    match command {
        Command::Status => {
            let Response::Status(status) = node.ask(Request::Status).await? else { return Err(ask::odd()) };
            show::show(json, &status, show::status)
        }
        Command::Browser => {
            let Response::Link(link) = node.ask(Request::BrowserLink).await? else { return Err(ask::odd()) };
            show::show(json, &link, |link| link.clone() + "\n")
        }
        Command::Doctor => doctor::check(&node, json).await,
        Command::SupportBundle { file } => doctor::bundle(&node, &file, json).await,
        Command::Sharing { action } => doctor::sharing(&node, action, json).await,
        Command::Moved { what } => doctor::moved(&node, what, json).await,
        Command::Network { action } => networks::network(&node, action, json).await,
        Command::Nearby { watch: false } => {
            let Response::Nearby(nearby) = node.ask(Request::Nearby).await? else { return Err(ask::odd()) };
            show::show(json, &nearby, show::nearby)
        }
        Command::Nearby { watch: true } => watch::nearby(&node, json).await,
        Command::Share { what } => shares::share(&node, what, json).await,
        Command::Allow { share, rule } => shares::allow(&node, share, rule, json).await,
        Command::Ask { what, wait } => asks::ask_owner(&node, what, wait, json).await,
        Command::Asks { watch: false } => asks::list(&node, json).await,
        Command::Asks { watch: true } => watch::asks(&node, json).await,
        Command::Answer { ask, answer } => asks::answer(&node, ask, answer, json).await,
        Command::Shares => shares::list(&node, json).await,
        Command::Unshare { share } => shares::unshare(&node, share, json).await,
        Command::Guest(wanted) => guests::guest(&node, wanted, json).await,
        Command::Guests => guests::list(&node, json).await,
        Command::Print(wanted) => print::print(&node, wanted, json).await,
        Command::Jobs { watch: false, on } => {
            let asked = on.map_or(Request::Jobs, |printer| Request::PrinterJobs { printer });
            let Response::Jobs(jobs) = node.ask(asked).await? else { return Err(ask::odd()) };
            show::show(json, &jobs, |jobs| show::jobs(jobs))
        }
        Command::Jobs { watch: true, .. } => watch::jobs(&node, json).await,
        Command::Cancel { job, on: Some(printer) } => {
            print::manage(&node, printer, job, JobAction::Cancel, json).await
        }
        Command::Cancel { job, on: None } => print::cancel(&node, job, json).await,
        Command::Retry { job } => print::retry(&node, job, json).await,
        Command::Hold { job, on: Some(printer) } => {
            print::manage(&node, printer, job, JobAction::Hold, json).await
        }
        Command::Hold { job, on: None } => print::job(&node, Request::HoldJob { job }, json).await,
        Command::Release { job, on: Some(printer) } => {
            print::manage(&node, printer, job, JobAction::Release, json).await
        }
        Command::Release { job, on: None } => print::job(&node, Request::ReleaseJob { job }, json).await,
        Command::Move { job, to } => print::job(&node, Request::MoveJob { job, printer: to }, json).await,
        Command::Reprint { job } => print::job(&node, Request::Reprint { job }, json).await,
        Command::Printer { action } => print::printer(&node, action, json).await,
        Command::Ls { place } => transfers::ls(&node, &place, json).await,
        Command::Find { words, place } => find::find(&node, words, place, json).await,
        Command::Get(wanted) => transfers::get(&node, wanted, json).await,
        Command::Put(wanted) => transfers::put(&node, wanted, json).await,
        Command::Mkdir { places } => changes::mkdir(&node, places, json).await,
        Command::Mv { way } => changes::mv(&node, way, json).await,
        Command::Cp { way } => changes::cp(&node, way, json).await,
        Command::Rm { places } => changes::rm(&node, places, json).await,
        Command::Bin { drive, forget } => changes::bin(&node, drive, forget, json).await,
        Command::Restore { drive, id, to } => changes::restore(&node, drive, id, to, json).await,
        Command::Mount { drive, webdav: true, .. } => mounts::open(&node, drive, json).await,
        Command::Unmount { dir, webdav: true } => mounts::shut(&node, &dir, json).await,
        Command::Mount { drive, dir, at_start, .. } => mounts::mount(&node, drive, dir, at_start, json).await,
        Command::Unmount { dir, .. } => mounts::unmount(&node, &dir, json).await,
        Command::Mounts => mounts::list(&node, json).await,
        Command::Discs => discs::list(&node, json).await,
        Command::Eject { disc, force } => discs::eject(&node, disc, force, json).await,
        Command::Transfers { watch: false } => {
            let Response::Transfers(transfers) = node.ask(Request::Transfers).await? else {
                return Err(ask::odd());
            };
            show::show(json, &transfers, |transfers| show::transfers(transfers))
        }
        Command::Transfers { watch: true } => watch::transfers(&node, json).await,
        Command::Send { files, to } => transfers::send(&node, files, to, json).await,
        Command::Inbox { stop, ask_again, folder, usual_folder } => {
            transfers::inbox(&node, stop, ask_again, folder, usual_folder, json).await
        }
        Command::Pause { id } => transfers::pause(&node, id, json).await,
        Command::Next { id } => transfers::next(&node, id, json).await,
        Command::Limit { rate, only } => transfers::limit(&node, rate, only, json).await,
        Command::Notes { id } => transfers::notes(&node, id, json).await,
        Command::Resume { id } => transfers::resume(&node, id, json).await,
        Command::Home { action } => Box::pin(home::home(&node, action, json)).await,
        Command::Pair { code, at } => Box::pin(home::pair(&node, code, at, json)).await,
        Command::Unpair { device } => home::change(&node, Request::ForgetPaired { device }, json).await,
        Command::Connect { address } => home::connect(&node, address, json).await,
        Command::Wake { device } => home::wake(&node, device, json).await,
        // Answered above.
        Command::Run { .. } => Err(ask::odd()),
    }
}
