//! What can be asked, and what is answered.

use crate::{
    Answer, Ask, Binned, Check, Conflict, Device, Document, DriveAddress, Entry, FolderAddress, Founded,
    Grant, HomeState, Inbox, Invite, Job, JobAction, Listing, Look, Medium, Millis, Mount, Nearby, Network,
    NetworkProfile, NewPass, NodeStatus, Pass, PassAction, Playable, Preview, PrintOptions, Printed,
    PrinterCapabilities, Purpose, Queue, Role, Search, Share, Snapshot, Transfer, TransferNote,
};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One request of a front end. Names of printers, drives, devices and shares are ids, `name@device`, or a
/// unique part of the name; an ambiguous one is refused with the candidates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Who am I, on which networks → `Status`.
    Status,
    /// Everything a front end shows, with the number of the last event in it → `Snapshot`.
    Snapshot,
    /// Open the browser door on loopback and tell its link, token included → `Link`.
    BrowserLink,
    /// What can be used now → `Nearby`.
    Nearby,
    /// Change this computer's name, as others see it → `Status`.
    Rename {
        /// 1 to 64 bytes of UTF-8 after cleaning.
        name: String,
    },
    /// The first-run screens are through → `Done`.
    FinishFirstRun,
    /// Whether devices that are not in the home see this computer's name → `Status`.
    ShowName {
        /// On own networks; on others nobody ever does.
        show: bool,
    },
    /// Offer nothing for a while → `Status`.
    Pause {
        /// Until then; none means until `Unpause`.
        #[ts(type = "number | null")]
        until: Option<Millis>,
    },
    /// Share again → `Status`.
    Unpause,
    /// This device's key came here with a disk: say what happened → `Status`.
    SettleMove {
        /// True: this is another device now and gets a key of its own. False: the same device in new surroundings.
        new_device: bool,
    },
    /// What could keep devices from each other, tried from both sides → `Checks`.
    Doctor,
    /// What helps to find a fault: logs and state without secrets and without names of files → `Bundle`.
    SupportBundle,
    /// Reach a device at an address that a person typed (`192.168.1.7`, `[fe80::1%eth0]:7717`) → `Device`.
    Connect {
        /// The address, with or without a port.
        address: String,
    },
    /// Wake a sleeping device of the home, through any that is awake → `Done` once it was tried.
    Wake {
        /// The device.
        device: String,
    },

    /// Who belongs together with this device → `Home`.
    Home,
    /// Begin a home → `Founded`.
    CreateHome {
        /// Its name.
        name: String,
    },
    /// Show a code → `Invite`. There is one at a time; another takes its place.
    OpenInvite {
        /// What it is for.
        purpose: Purpose,
        /// `add_device`: what the new device may do.
        role: Role,
        /// A person here must say yes when the code was typed.
        #[serde(default)]
        confirm: bool,
    },
    /// Show the code no longer, or wait no longer for the device whose code was typed → `Done`.
    CloseInvite,
    /// Say yes or no to the device that typed the code → `Done`.
    AnswerInvite {
        /// Yes.
        accept: bool,
    },
    /// Type a code, or paste a link, that another device shows → `Home`.
    TypeCode {
        /// `42-493-117` or `lanyard:j?…`.
        code: String,
        /// What it is for, as seen from here: `join_home` to come into the other's home, `add_device` to let the
        /// other into this one's, `pair` to connect the two.
        purpose: Purpose,
        /// Where the other device is, when it cannot be found by itself.
        #[serde(default)]
        address: Option<String>,
    },
    /// Put a device out of the home → `Home`.
    RemoveMember {
        /// The device.
        device: String,
    },
    /// Change what a device may do in the home → `Home`.
    SetRole {
        /// The device.
        device: String,
        /// What it may do.
        role: Role,
    },
    /// Rename the home → `Home`.
    RenameHome {
        /// Its new name.
        name: String,
    },
    /// Leave the home → `Home`.
    LeaveHome,
    /// Use the recovery code on a device of the home: it may manage the home again → `Home`.
    Recover {
        /// The code.
        code: String,
        /// A lost device to put out with the code's authority, whatever its own.
        #[serde(default)]
        remove: Option<String>,
    },
    /// Disconnect a device that was connected without a home → `Home`.
    ForgetPaired {
        /// The device.
        device: String,
    },

    /// Ask the owner of a printer or drive → `Done`. The answer comes as a change of `Nearby`.
    AskOwner {
        /// The printer or drive.
        what: String,
    },
    /// Questions that wait here → `Asks`.
    Asks,
    /// Answer a question → `Asks`.
    AnswerAsk {
        /// Its id.
        ask: String,
        /// The answer.
        answer: Answer,
    },
    /// Guests' passes → `Passes`.
    Passes,
    /// Make a pass for a guest → `NewPass`.
    CreatePass {
        /// The share it opens.
        share: String,
        /// What it is good for.
        action: PassAction,
        /// When it ends by itself; at most 30 days ahead.
        #[ts(type = "number")]
        until: Millis,
        /// Whom it is for.
        #[serde(default)]
        label: String,
    },
    /// End a pass, and whatever is under way with it → `Passes`.
    EndPass {
        /// Its id.
        pass: String,
    },

    /// Networks known and connected → `Networks`.
    Networks,
    /// Mark a network as own or public → `Networks`.
    SetNetwork {
        /// A network's id or name, or `current` for every connected one.
        network: String,
        /// The new profile.
        profile: NetworkProfile,
    },
    /// This computer's own print queues → `Queues`.
    Queues,
    /// What this computer offers → `Shares`.
    Shares,
    /// Offer a print queue → `Share`.
    SharePrinter {
        /// The queue's system name, or `save-as-pdf`.
        queue: String,
        /// The name others see; none means the queue's own.
        name: Option<String>,
        /// Who may print; empty means the home, or everyone on the owner's
        /// networks while this device is in no home.
        audience: Vec<Grant>,
        /// The share ends by itself then.
        #[ts(type = "number | null")]
        until: Option<Millis>,
    },
    /// Offer a folder → `Share`.
    ShareFolder {
        /// Absolute path of an existing folder.
        path: String,
        /// The name others see; none means the folder's own.
        name: Option<String>,
        /// Whether they may write.
        write: bool,
        /// Who may use it; empty means the home, or everyone on the owner's
        /// networks while this device is in no home.
        audience: Vec<Grant>,
        /// The share ends by itself then.
        #[ts(type = "number | null")]
        until: Option<Millis>,
    },
    /// Offer what is on a disc → `Share`. Nobody ever writes to it.
    ShareDisc {
        /// Absolute path of an image, or of an optical drive.
        source: String,
        /// The name others see; none means the disc's own.
        #[serde(default)]
        name: Option<String>,
        /// Who may use it; empty means as in `ShareFolder`.
        audience: Vec<Grant>,
        /// The share ends by itself then.
        #[serde(default)]
        #[ts(type = "number | null")]
        until: Option<Millis>,
    },
    /// Discs and drives that are in this computer now and can be taken out → `Media`.
    Media,
    /// Let go of one, so that it can be taken out → `Done`. `busy` while others read from it.
    Eject {
        /// Its id, name, path or device.
        medium: String,
        /// Also while others read from it: their copies go on when it is back.
        #[serde(default)]
        force: bool,
    },
    /// Change who may use a share, or its name → `Share`.
    ChangeShare {
        /// The share.
        share: String,
        /// A new name.
        name: Option<String>,
        /// Folders: whether others may write.
        write: Option<bool>,
        /// Who may use it from now on, in place of who may now; passes of guests stay.
        #[serde(default)]
        audience: Option<Vec<Grant>>,
        /// The share ends by itself then; 0 means never.
        #[serde(default)]
        #[ts(type = "number | null")]
        until: Option<Millis>,
    },
    /// Where programs that speak WebDAV find a folder of this computer → `FolderAddress`.
    FolderAddress {
        /// The share.
        share: String,
    },
    /// Stop offering something → `Done`.
    Unshare {
        /// The share.
        share: String,
    },
    /// What a printer can do → `Capabilities`.
    Capabilities {
        /// The printer.
        printer: String,
    },
    /// Print a document → `Job`, once it is safe on this computer's disk.
    Print {
        /// The printer.
        printer: String,
        /// The document.
        document: Document,
        /// The choices.
        options: PrintOptions,
    },
    /// Print documents in this order → `Printed`, once what can be printed is safe on this computer's disk.
    PrintAll {
        /// The printer.
        printer: String,
        /// The documents, at most [`MOST_AT_ONCE`](crate::MOST_AT_ONCE).
        documents: Vec<Document>,
        /// The choices, for each of them.
        options: PrintOptions,
    },
    /// See a side of paper before it is printed → `Preview`. An upload is not used up by it.
    Preview {
        /// The printer it is meant for; none means one that can do everything.
        printer: Option<String>,
        /// The document.
        document: Document,
        /// The choices.
        options: PrintOptions,
        /// Which side, from 1.
        side: u32,
        /// The picture's longer edge in pixels, 16 to 2,400.
        size: u32,
    },
    /// Put a printer into this computer's own print dialog → `Nearby`.
    AddPrinter {
        /// The printer.
        printer: String,
    },
    /// Take it out again → `Nearby`. Its jobs that are not printed yet are cancelled.
    RemovePrinter {
        /// The printer, or the name of its queue.
        printer: String,
    },
    /// Stop one of this computer's queues; jobs wait → `Queues`.
    PauseQueue {
        /// The queue's system name, or `save-as-pdf`.
        queue: String,
    },
    /// Let it print again → `Queues`.
    ResumeQueue {
        /// The queue's system name, or `save-as-pdf`.
        queue: String,
    },
    /// Print jobs, newest first → `Jobs`.
    Jobs,
    /// Keep a job back that is not being printed yet: ours anywhere, theirs on our printers → `Job`.
    HoldJob {
        /// The job's id or a unique beginning of it.
        job: String,
    },
    /// Let a held job go → `Job`.
    ReleaseJob {
        /// The job's id or a unique beginning of it.
        job: String,
    },
    /// Print a job of ours that is not on paper yet on another printer → `Job`, the same one or the one in its place.
    MoveJob {
        /// The job's id or a unique beginning of it.
        job: String,
        /// The other printer.
        printer: String,
    },
    /// Print a job of ours again, while its document is still here → `Job`, a new one.
    Reprint {
        /// The job's id or a unique beginning of it.
        job: String,
    },
    /// Cancel a job: ours anywhere, theirs on our printers → `Job`.
    CancelJob {
        /// The job's id or a unique beginning of it.
        job: String,
    },
    /// The jobs of all on a printer of another device that we may manage, newest first → `Jobs`.
    PrinterJobs {
        /// The printer.
        printer: String,
    },
    /// Cancel, hold or release one of them → `Job`.
    ManageJob {
        /// The printer.
        printer: String,
        /// The job's id or a unique beginning of it.
        job: String,
        /// What to do with it: `cancel`, `hold` or `release`.
        action: JobAction,
    },
    /// Try a failed or stopped job of ours again → `Job`.
    RetryJob {
        /// The job's id or a unique beginning of it.
        job: String,
    },
    /// A folder's content → `Listing`.
    List {
        /// The drive.
        drive: String,
        /// The path inside it, `/`-separated; empty for the top.
        path: String,
        /// From an earlier `Listing`.
        after: Option<String>,
    },
    /// One file or folder of a drive → `Entry`.
    Entry {
        /// The drive.
        drive: String,
        /// The path inside it.
        path: String,
    },
    /// Copy a file or folder from a drive to here → `Transfer`, at once; its progress comes as events.
    Get {
        /// The drive.
        drive: String,
        /// The path inside it; empty for all of the drive.
        path: String,
        /// An absolute folder or file path; none means the downloads folder.
        dest: Option<String>,
        /// When the name is taken here.
        #[serde(default)]
        conflict: Conflict,
    },
    /// What has the name on this computer that a download would get, for the question what becomes of it → `Entry`;
    /// `not_found` when the name is free.
    EntryHere {
        /// The drive.
        drive: String,
        /// The path inside it; empty for all of the drive.
        path: String,
    },
    /// Copy a disc as it is, into an image → `Transfer`, at once.
    SaveImage {
        /// The disc.
        drive: String,
        /// An absolute folder or file path; none means the downloads folder.
        #[serde(default)]
        dest: Option<String>,
        /// When the name is taken here.
        #[serde(default)]
        conflict: Conflict,
    },
    /// Copy a file or folder of this computer to a drive → `Transfer`, at once.
    Put {
        /// The file: a path, or a browser's upload.
        document: Document,
        /// The drive.
        drive: String,
        /// The folder inside it, or the new file's path when it does not end with `/` and is no folder.
        path: String,
        /// When the name is taken there.
        #[serde(default)]
        conflict: Conflict,
        /// Replace only what has this entity tag; otherwise the copy fails with `exists` and keeps what is there.
        #[serde(default)]
        replaces: Option<String>,
    },
    /// Send files and folders of this computer to a device of the home → `Transfers`, one for each, at once. They wait
    /// until somebody there accepts them, or a rule does.
    Send {
        /// The files: paths, or a browser's uploads.
        files: Vec<Document>,
        /// The device.
        device: String,
    },
    /// Where files land that others send here, and what was sent → `Inbox`. Questions about it are among the `Asks`.
    Inbox,
    /// Choose where received files go → `Inbox`. What was announced before still goes where it was told to go.
    SetInboxFolder {
        /// The absolute path of a folder that is there; none means the one in the downloads again.
        folder: Option<String>,
    },
    /// Take a yes back, also in the middle: what is whole stays → `Inbox`.
    StopSending {
        /// The sending's id or the beginning of it.
        sending: String,
    },
    /// Ask again before files of this device are accepted → `Inbox`.
    ForgetSender {
        /// The device.
        device: String,
    },
    /// Copies, newest first → `Transfers`.
    Transfers,
    /// Stop a copy → `Transfer`.
    CancelTransfer {
        /// The transfer's id or a unique beginning of it.
        transfer: String,
    },
    /// Hold a copy until `RetryTransfer`; what it has stays → `Transfer`.
    PauseTransfer {
        /// The transfer's id or a unique beginning of it.
        transfer: String,
    },
    /// Put a copy before all others that wait for their turn with the same device → `Transfer`.
    NextTransfer {
        /// The transfer's id or a unique beginning of it.
        transfer: String,
    },
    /// How fast copies may go, in bytes a second → `TransferLimit`, the one for all together. At least 65,536.
    LimitTransfers {
        /// Only this one, by its id or a unique beginning of it; none means all together.
        #[serde(default)]
        transfer: Option<String>,
        /// The limit; none lifts it.
        #[ts(type = "number | null")]
        rate: Option<u64>,
    },
    /// How fast all copies together may go → `TransferLimit`.
    TransferLimit,
    /// What there is to tell of the files of a folder that was copied → `TransferNotes`, failures first, 1,000 at most.
    TransferNotes {
        /// The transfer's id or a unique beginning of it.
        transfer: String,
    },
    /// Go on with a copy that failed with `exists`, now that it is decided what becomes of what has the name → `Transfer`.
    SettleTransfer {
        /// The transfer's id or a unique beginning of it.
        transfer: String,
        /// What becomes of it.
        conflict: Conflict,
        /// Uploads: replace only what has this entity tag.
        #[serde(default)]
        replaces: Option<String>,
    },
    /// Go on with a paused or failed copy where it stopped → `Transfer`.
    RetryTransfer {
        /// The transfer's id or a unique beginning of it.
        transfer: String,
    },

    /// Make a folder on a drive → `Done`.
    MakeFolder {
        /// The drive.
        drive: String,
        /// The new folder's path inside it.
        path: String,
    },
    /// Move or rename something on a drive → `Placed`.
    MoveEntry {
        /// The drive.
        drive: String,
        /// Its path.
        path: String,
        /// The folder it goes into, or its new path when that is no folder.
        to: String,
        /// When the name is taken; what is replaced goes into the drive's bin.
        #[serde(default)]
        conflict: Conflict,
        /// Replace only what has this entity tag; otherwise `changed`.
        #[serde(default)]
        replaces: Option<String>,
        /// Only if this is still its entity tag; otherwise `changed`.
        #[serde(default)]
        if_match: Option<String>,
    },
    /// Copy something within a drive, by the device that offers it → `Placed`.
    CopyEntry {
        /// The drive.
        drive: String,
        /// Its path.
        path: String,
        /// The folder it goes into, or the copy's path when that is no folder.
        to: String,
        /// When the name is taken; what is replaced goes into the drive's bin.
        #[serde(default)]
        conflict: Conflict,
        /// Replace only what has this entity tag; otherwise `changed`.
        #[serde(default)]
        replaces: Option<String>,
    },
    /// Remove something from a drive, a folder with all that is in it → `Removed`. It can be had back for 30 days.
    RemoveEntry {
        /// The drive.
        drive: String,
        /// Its path.
        path: String,
        /// Only if this is still its entity tag; otherwise `changed`.
        #[serde(default)]
        if_match: Option<String>,
    },
    /// Look for names on drives of others → `Search`, as soon as there is something to tell.
    Search {
        /// Words, all of which are in the name; case and accents do not matter.
        words: String,
        /// Only on this drive; none means on all that can be read.
        drive: Option<String>,
        /// Only below this folder of it; empty for all of it.
        #[serde(default)]
        path: String,
        /// A search that is not wanted any more: it ends.
        #[serde(default)]
        instead_of: Option<String>,
    },
    /// Go on with a search → `Search`, as soon as there is more to tell. One that nobody asks for ends by itself.
    SearchMore {
        /// Its id.
        search: String,
        /// The `count` that was told last.
        after: u32,
    },
    /// End a search → `Done`.
    EndSearch {
        /// Its id.
        search: String,
    },
    /// See a file of a drive without copying it → `Look`.
    Look {
        /// The drive.
        drive: String,
        /// Its path.
        path: String,
        /// Which page of a document, from 1; one beyond the last is the last.
        page: u32,
        /// A picture's longer edge in pixels, 16 to 2,400.
        size: u32,
        /// A name, by which `EndLook` knows it; 64 bytes at most.
        #[serde(default)]
        name: Option<String>,
    },
    /// Nobody wants to see that any more: a `Look` that is under way ends with `busy`, as does the work for it → `Done`.
    EndLook {
        /// The name that it was given.
        name: String,
    },
    /// Open a file of a drive for a player → `Playable`.
    Play {
        /// The drive.
        drive: String,
        /// Its path.
        path: String,
    },
    /// A link by which a browser fetches a file of a drive without the page's token → `Link`. It works for ten minutes:
    /// made when a file may be dragged out of the page.
    FetchLink {
        /// The drive.
        drive: String,
        /// Its path.
        path: String,
    },
    /// What was removed from a drive, newest first → `Bin`.
    Bin {
        /// The drive.
        drive: String,
    },
    /// Put something back that was removed → `Placed`. When the name is taken, it gets a number.
    Restore {
        /// The drive.
        drive: String,
        /// Its id in the bin.
        id: String,
        /// Another path than it had.
        #[serde(default)]
        to: Option<String>,
    },
    /// Remove something from the bin for good → `Done`.
    ForgetBinned {
        /// The drive.
        drive: String,
        /// Its id in the bin.
        id: String,
    },
    /// Show a drive as a folder of this computer → `Mount`.
    Mount {
        /// The drive.
        drive: String,
        /// An absolute path: an empty folder, or one that is made; none means one in the home folder.
        #[serde(default)]
        dir: Option<String>,
        /// Again whenever Lanyard starts.
        #[serde(default)]
        at_start: bool,
    },
    /// Show it no longer → `Done`. What programs have written goes over first.
    Unmount {
        /// Where it is, as `Mount` says.
        dir: String,
        /// Not while a program has a file open there → `busy`.
        #[serde(default)]
        careful: bool,
    },
    /// Drives that are mounted, or are to be → `Mounts`.
    Mounts,
    /// Give a drive an address for this computer's own programs, by WebDAV → `Link`. It stays the same and holds a secret.
    OpenDrive {
        /// The drive.
        drive: String,
    },
    /// Take that address back → `Done`.
    ShutDrive {
        /// The drive, or its address.
        drive: String,
    },
    /// Drives that have such an address → `DriveAddresses`.
    DriveAddresses,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "is", content = "value", rename_all = "snake_case")]
pub enum Response {
    /// Nothing to tell.
    Done,
    /// Who this node is.
    Status(NodeStatus),
    /// A link to open, with a secret in it.
    Link(String),
    /// Everything.
    Snapshot(Box<Snapshot>),
    /// What can be used now.
    Nearby(Nearby),
    /// One device.
    Device(Device),
    /// Who belongs together with this device.
    Home(HomeState),
    /// A home that was just begun.
    Founded(Founded),
    /// A code.
    Invite(Invite),
    /// Questions to the owner.
    Asks(Vec<Ask>),
    /// Guests' passes.
    Passes(Vec<Pass>),
    /// A pass that was just made.
    NewPass(NewPass),
    /// The self-check.
    Checks(Vec<Check>),
    /// A support bundle's text.
    Bundle(String),
    /// Networks.
    Networks(Vec<Network>),
    /// Own queues.
    Queues(Vec<Queue>),
    /// Shares.
    Shares(Vec<Share>),
    /// One share.
    Share(Share),
    /// Where a folder is found without Lanyard.
    FolderAddress(FolderAddress),
    /// A printer's abilities.
    Capabilities(PrinterCapabilities),
    /// What will be on paper.
    Preview(Preview),
    /// One job.
    Job(Job),
    /// Jobs.
    Jobs(Vec<Job>),
    /// What became of each document, in their order.
    Printed(Vec<Printed>),
    /// A folder's content.
    Listing(Listing),
    /// One file or folder.
    Entry(Entry),
    /// One copy.
    Transfer(Transfer),
    /// Copies.
    Transfers(Vec<Transfer>),
    /// Where files land that others send here.
    Inbox(Inbox),
    /// Bytes a second that all copies together may move; none without a limit.
    TransferLimit(#[ts(type = "number | null")] Option<u64>),
    /// What there is to tell of a tree.
    TransferNotes(Vec<TransferNote>),
    /// Where something is now.
    Placed {
        /// Its path inside the drive.
        path: String,
        /// How many links and special files in it were not copied.
        #[ts(type = "number")]
        left_out: u64,
    },
    /// Something was removed.
    Removed {
        /// Its id in the drive's bin; none when it is gone for good.
        bin: Option<String>,
    },
    /// Names that were found.
    Search(Search),
    /// What a file looks like.
    Look(Look),
    /// A file to play.
    Playable(Playable),
    /// What was removed from a drive.
    Bin(Vec<Binned>),
    /// A drive that was mounted.
    Mount(Mount),
    /// Mounted drives.
    Mounts(Vec<Mount>),
    /// Drives with an address for programs.
    DriveAddresses(Vec<DriveAddress>),
    /// Discs and drives that are in.
    Media(Vec<Medium>),
}
