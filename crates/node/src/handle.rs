//! The one place where a front end's request becomes work: an exhaustive match, nothing else.

use crate::{Core, doors::browser, drives, networks, presence, printing, shares, status};
use lanyard_api::{ApiError, Request, Response};
use std::sync::Arc;

/// Answers one request of this computer's own front ends.
///
/// # Errors
/// An [`ApiError`] whose code a screen can act on.
pub async fn handle(core: &Arc<Core>, request: Request) -> Result<Response, ApiError> {
    match request {
        Request::Status => Ok(Response::Status(status::status(core).await)),
        Request::Snapshot => Ok(Response::Snapshot(Box::new(status::snapshot(core).await))),
        Request::Rename { name } => status::rename(core, &name).await.map(Response::Status),
        Request::FinishFirstRun => status::finish_first_run(core).await.map(|()| Response::Done),
        Request::BrowserLink => browser::link(core).await.map(Response::Link),

        Request::Nearby => Ok(Response::Nearby(presence::nearby(core).await)),
        Request::Networks => Ok(Response::Networks(networks::list(core).await)),
        Request::SetNetwork { network, profile } => {
            networks::set(core, &network, profile).await.map(Response::Networks)
        }

        Request::Queues => Ok(Response::Queues(printing::queues(core).await)),
        Request::Shares => Ok(Response::Shares(shares::list(core).await)),
        Request::SharePrinter { queue, name, audience, until } => {
            shares::share_printer(core, queue, name, audience, until).await.map(Response::Share)
        }
        Request::ShareFolder { path, name, write, audience, until } => {
            shares::share_folder(core, path, name, write, audience, until).await.map(Response::Share)
        }
        Request::ChangeShare { share, name, write } => {
            shares::change(core, &share, name, write).await.map(Response::Share)
        }
        Request::Unshare { share } => shares::unshare(core, &share).await.map(|()| Response::Done),

        Request::Capabilities { printer } => {
            printing::capabilities(core, &printer).await.map(Response::Capabilities)
        }
        Request::Print { printer, document, options } => {
            printing::print(core, &printer, document, options).await.map(Response::Job)
        }
        Request::Jobs => Ok(Response::Jobs(printing::jobs(core).await)),
        Request::CancelJob { job } => printing::cancel(core, &job).await.map(Response::Job),
        Request::RetryJob { job } => printing::retry(core, &job).await.map(Response::Job),

        Request::List { drive, path, after } => {
            drives::list(core, &drive, path, after).await.map(Response::Listing)
        }
        Request::Get { drive, path, dest, conflict } => {
            drives::get(core, &drive, path, dest, conflict).await.map(Response::Transfer)
        }
        Request::Put { document, drive, path, conflict } => {
            drives::put(core, document, &drive, path, conflict).await.map(Response::Transfer)
        }
        Request::Transfers => Ok(Response::Transfers(drives::transfers(core).await)),
        Request::CancelTransfer { transfer } => drives::cancel(core, &transfer).await.map(Response::Transfer),
        Request::RetryTransfer { transfer } => drives::retry(core, &transfer).await.map(Response::Transfer),
    }
}
