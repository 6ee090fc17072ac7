//! The one place where a front end's request becomes work: an exhaustive match, nothing else.

use crate::{
    Core, asks, discs, doctor,
    doors::browser,
    drives::{self, change::Only},
    gateway, guests, home, inbox, mounts, moved, networks, pause, presence, printing, sends, shares, status,
};
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

        Request::ShowName { show } => status::show_name(core, show).await.map(Response::Status),
        Request::Pause { until } => pause::begin(core, until).await.map(Response::Status),
        Request::Unpause => pause::end(core).await.map(Response::Status),
        Request::SettleMove { new_device } => moved::settle(core, new_device).await.map(Response::Status),
        Request::Doctor => doctor::check(core).await.map(Response::Checks),
        Request::SupportBundle => doctor::bundle(core).await.map(Response::Bundle),
        Request::Connect { address } => home::connect(core, &address).await.map(Response::Device),
        Request::Wake { device } => home::wake(core, &device).await.map(|()| Response::Done),

        Request::Home => Ok(Response::Home(home::state(core).await)),
        Request::CreateHome { name } => home::create(core, &name).await.map(Response::Founded),
        Request::OpenInvite { purpose, role, confirm } => {
            home::open_invite(core, purpose, role, confirm).await.map(Response::Invite)
        }
        Request::CloseInvite => home::close_invite(core).await.map(|()| Response::Done),
        Request::AnswerInvite { accept } => home::answer_invite(core, accept).await.map(|()| Response::Done),
        Request::TypeCode { code, purpose, address } => {
            home::type_code(core, &code, purpose, address).await.map(Response::Home)
        }
        Request::RemoveMember { device } => home::remove(core, &device).await.map(Response::Home),
        Request::SetRole { device, role } => home::set_role(core, &device, role).await.map(Response::Home),
        Request::RenameHome { name } => home::rename(core, &name).await.map(Response::Home),
        Request::LeaveHome => home::leave(core).await.map(Response::Home),
        Request::Recover { code, remove } => home::recover(core, &code, remove).await.map(Response::Home),
        Request::ForgetPaired { device } => home::forget_paired(core, &device).await.map(Response::Home),

        Request::AskOwner { what } => asks::ask_owner(core, &what).await.map(|()| Response::Done),
        Request::Asks => Ok(Response::Asks(asks::list(core).await)),
        Request::AnswerAsk { ask, answer } => asks::answer(core, &ask, answer).await.map(Response::Asks),
        Request::Passes => Ok(Response::Passes(guests::list(core).await)),
        Request::CreatePass { share, action, until, label } => {
            guests::create(core, &share, action, until, &label).await.map(Response::NewPass)
        }
        Request::EndPass { pass } => guests::end(core, &pass).await.map(Response::Passes),

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
        Request::ShareDisc { source, name, audience, until } => {
            shares::share_disc(core, source, name, audience, until).await.map(Response::Share)
        }
        Request::Media => Ok(Response::Media(discs::list(core).await)),
        Request::Eject { medium, force } => discs::eject(core, &medium, force).await.map(|()| Response::Done),
        Request::ChangeShare { share, name, write, audience, until } => {
            let change = shares::Wanted { name, write, audience, until };
            shares::change(core, &share, change).await.map(Response::Share)
        }
        Request::FolderAddress { share } => {
            guests::folder_address(core, &share).await.map(Response::FolderAddress)
        }
        Request::Unshare { share } => shares::unshare(core, &share).await.map(|()| Response::Done),

        Request::Capabilities { printer } => {
            printing::capabilities(core, &printer).await.map(Response::Capabilities)
        }
        Request::Print { printer, document, options } => {
            printing::print(core, &printer, document, options).await.map(Response::Job)
        }
        Request::PrintAll { printer, documents, options } => {
            printing::print_all(core, &printer, documents, options).await.map(Response::Printed)
        }
        Request::Preview { printer, document, options, side, size } => {
            printing::preview(core, printer, document, options, side, size).await.map(Response::Preview)
        }
        Request::AddPrinter { printer } => printing::add_printer(core, &printer).await.map(Response::Nearby),
        Request::RemovePrinter { printer } => {
            printing::remove_printer(core, &printer).await.map(Response::Nearby)
        }
        Request::PauseQueue { queue } => printing::pause_queue(core, &queue).await.map(Response::Queues),
        Request::ResumeQueue { queue } => printing::resume_queue(core, &queue).await.map(Response::Queues),
        Request::HoldJob { job } => printing::hold(core, &job).await.map(Response::Job),
        Request::ReleaseJob { job } => printing::release(core, &job).await.map(Response::Job),
        Request::MoveJob { job, printer } => {
            printing::move_job(core, &job, &printer).await.map(Response::Job)
        }
        Request::Reprint { job } => printing::reprint(core, &job).await.map(Response::Job),
        Request::Jobs => Ok(Response::Jobs(printing::jobs(core).await)),
        Request::CancelJob { job } => printing::cancel(core, &job).await.map(Response::Job),
        Request::PrinterJobs { printer } => printing::printer_jobs(core, &printer).await.map(Response::Jobs),
        Request::ManageJob { printer, job, action } => {
            printing::manage(core, &printer, &job, action).await.map(Response::Job)
        }
        Request::RetryJob { job } => printing::retry(core, &job).await.map(Response::Job),

        Request::List { drive, path, after } => {
            drives::list(core, &drive, path, after).await.map(Response::Listing)
        }
        Request::Entry { drive, path } => drives::entry(core, &drive, &path).await.map(Response::Entry),
        Request::Get { drive, path, dest, conflict } => {
            drives::get(core, &drive, path, dest, conflict).await.map(Response::Transfer)
        }
        Request::EntryHere { drive, path } => {
            drives::entry_here(core, &drive, &path).await.map(Response::Entry)
        }
        Request::SaveImage { drive, dest, conflict } => {
            drives::save_image(core, &drive, dest, conflict).await.map(Response::Transfer)
        }
        Request::Put { document, drive, path, conflict, replaces } => {
            drives::put(core, document, &drive, path, conflict, replaces).await.map(Response::Transfer)
        }
        Request::Transfers => Ok(Response::Transfers(drives::transfers(core).await)),
        Request::CancelTransfer { transfer } => drives::cancel(core, &transfer).await.map(Response::Transfer),
        Request::Send { files, device } => sends::send(core, files, &device).await.map(Response::Transfers),
        Request::Inbox => Ok(Response::Inbox(inbox::shown(core).await)),
        Request::SetInboxFolder { folder } => inbox::set_folder(core, folder).await.map(Response::Inbox),
        Request::StopSending { sending } => inbox::stop(core, &sending).await.map(Response::Inbox),
        Request::ForgetSender { device } => inbox::forget_sender(core, &device).await.map(Response::Inbox),
        Request::PauseTransfer { transfer } => drives::pause(core, &transfer).await.map(Response::Transfer),
        Request::NextTransfer { transfer } => drives::next(core, &transfer).await.map(Response::Transfer),
        Request::LimitTransfers { transfer, rate } => {
            drives::limit(core, transfer, rate).await.map(Response::TransferLimit)
        }
        Request::TransferLimit => Ok(Response::TransferLimit(drives::limit_of_all(core))),
        Request::TransferNotes { transfer } => {
            drives::notes(core, &transfer).await.map(Response::TransferNotes)
        }
        Request::SettleTransfer { transfer, conflict, replaces } => {
            drives::settle(core, &transfer, conflict, replaces).await.map(Response::Transfer)
        }
        Request::RetryTransfer { transfer } => drives::retry(core, &transfer).await.map(Response::Transfer),
        Request::MakeFolder { drive, path } => {
            drives::change::make_folder(core, &drive, &path).await.map(|()| Response::Done)
        }
        Request::MoveEntry { drive, path, to, conflict, replaces, if_match } => {
            let only = Only { moved: if_match.as_deref(), replaced: replaces.as_deref() };
            drives::change::rename(core, &drive, &path, &to, conflict, only).await
        }
        Request::CopyEntry { drive, path, to, conflict, replaces } => {
            drives::change::copy(core, &drive, &path, &to, conflict, replaces.as_deref()).await
        }
        Request::RemoveEntry { drive, path, if_match } => {
            drives::change::remove(core, &drive, &path, if_match.as_deref()).await
        }
        Request::Search { words, drive, path, instead_of } => {
            drives::search::begin(core, &words, drive, &path, instead_of).await.map(Response::Search)
        }
        Request::SearchMore { search, after } => {
            drives::search::more(core, &search, after).await.map(Response::Search)
        }
        Request::EndSearch { search } => {
            drives::search::end(core, &search);
            Ok(Response::Done)
        }
        Request::Look { drive, path, page, size, name } => {
            drives::look::look(core, &drive, &path, page, size, name).await.map(Response::Look)
        }
        Request::EndLook { name } => {
            drives::look::end(core, &name);
            Ok(Response::Done)
        }
        Request::Play { drive, path } => {
            drives::media::open(core, &drive, &path).await.map(Response::Playable)
        }
        Request::FetchLink { drive, path } => {
            drives::fetched::link(core, &drive, &path).await.map(Response::Link)
        }
        Request::Bin { drive } => drives::change::bin(core, &drive).await.map(Response::Bin),
        Request::Restore { drive, id, to } => drives::change::restore(core, &drive, &id, to).await,
        Request::ForgetBinned { drive, id } => {
            drives::change::forget(core, &drive, &id).await.map(|()| Response::Done)
        }
        Request::Mount { drive, dir, at_start } => {
            mounts::mount(core, &drive, dir, at_start).await.map(Response::Mount)
        }
        Request::Unmount { dir, careful } => {
            mounts::unmount(core, &dir, careful).await.map(|()| Response::Done)
        }
        Request::OpenDrive { drive } => gateway::drive::open(core, &drive).await.map(Response::Link),
        Request::ShutDrive { drive } => gateway::drive::shut(core, &drive).await.map(|()| Response::Done),
        Request::DriveAddresses => gateway::drive::list(core).await.map(Response::DriveAddresses),
        Request::Mounts => Ok(Response::Mounts(mounts::list(core))),
    }
}
