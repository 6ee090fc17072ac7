//! What can be typed. Wrong usage ends with exit status 2 before anything is done.
//!
//! The list of commands is here; what some of them take is beside it, by what it is about.

mod files;
mod home;
mod print;
mod share;

pub(crate) use files::{Get, Place, Put, Taken, Way};
pub(crate) use home::{At, HomeAction, YesNo};
pub(crate) use print::{Print, PrinterAction};
pub(crate) use share::{AnswerWord, Guest, GuestAction, Limits, Permission, Rule, ShareWhat};

use crate::until;
use clap::{Parser, Subcommand, ValueEnum};
use lanyard_api::Millis;
use std::path::PathBuf;

/// The printers and folders of the computers around you, and yours for them.
#[derive(Debug, Parser)]
#[command(
    name = "lanyard",
    version,
    propagate_version = true,
    after_help = "PRINTER and DRIVE are name@device, an id, or a unique part of the name.\n\
        Exit status: 0 done, 1 failed (the reason is on stderr), 2 wrong usage."
)]
pub(crate) struct Args {
    /// The node's data directory [default: this user's own]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

// What a command takes is put together when it is that command: there are many, and each start would wait for all.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum Command {
    /// Run a node in the foreground, until it is told to stop
    Run {
        /// The name others see, kept for the next time
        #[arg(long)]
        name: Option<String>,
        /// The TCP port for other nodes
        #[arg(long)]
        port: Option<u16>,
        /// Stay on this computer: the loopback interface is the only network
        #[arg(long, hide = true)]
        loopback: bool,
        /// What to log, like RUST_LOG (info, debug, lanyard_print=debug)
        #[arg(long, value_name = "FILTER")]
        log: Option<String>,
        /// Give up all files but my data, my downloads and what I share (Linux)
        #[arg(long)]
        confined: bool,
        /// With --confined: a folder that may be shared or copied to later, too
        #[arg(long, value_name = "DIR", requires = "confined")]
        allow: Vec<PathBuf>,
    },
    /// Who am I, on which networks, what is shared
    Status,
    /// Check what could keep others from seeing this computer
    Doctor,
    /// Print a link that opens the node's page in this computer's browser
    Browser,
    /// Which networks are mine
    Network {
        #[command(subcommand)]
        action: Option<NetworkAction>,
    },
    /// Offer nothing for a while
    Sharing {
        #[command(subcommand)]
        action: SharingAction,
    },
    /// This device's key came here with a disk: say what happened
    Moved { what: MovedWhat },
    /// Devices, printers and drives that can be used now
    Nearby {
        /// Go on and show what changes
        #[arg(long)]
        watch: bool,
    },
    /// Let others use something of mine
    Share {
        #[command(subcommand)]
        what: ShareWhat,
    },
    /// What I share
    Shares,
    /// Change who may use what I share
    Allow {
        /// Its name, id, queue or folder
        share: String,
        #[command(flatten)]
        rule: Permission,
    },
    /// Ask the owner of a printer or drive
    Ask {
        /// PRINTER or DRIVE
        what: String,
        /// Wait for the answer
        #[arg(long)]
        wait: bool,
    },
    /// Questions that wait for me
    Asks {
        /// Go on and show what changes
        #[arg(long)]
        watch: bool,
    },
    /// Answer a question
    Answer {
        /// Its id or the beginning of it
        ask: String,
        /// once: one job, or an hour of a folder; always: from now on, for this device
        answer: AnswerWord,
    },
    /// Take a share back
    Unshare {
        /// Its name, id, queue or folder
        share: String,
    },
    /// Let a guest with nothing but a browser use something of mine, or end that
    Guest(Guest),
    /// Passes of guests
    Guests,
    /// The group of devices that belong together
    Home {
        #[command(subcommand)]
        action: Option<HomeAction>,
    },
    /// Connect with another device without a home: show a code, or type the one it shows
    Pair {
        /// The code or link that the other device shows
        code: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Disconnect a device that was connected without a home
    Unpair { device: String },
    /// Reach a device at its address, where it cannot be found by itself
    Connect {
        /// 192.168.1.7, [fe80::1%eth0]:7717, a name
        address: String,
    },
    /// Wake a sleeping device of the home
    Wake { device: String },
    /// Print documents on somebody's printer
    Print(Print),
    /// Print jobs, mine and others' on my printers
    Jobs {
        /// Everybody's on a printer that I manage
        #[arg(long, value_name = "PRINTER", conflicts_with = "watch")]
        on: Option<String>,
        /// Go on and show what changes
        #[arg(long)]
        watch: bool,
    },
    /// Cancel a print job or a copy
    Cancel {
        /// Its id or the beginning of it
        job: String,
        /// Somebody's, on a printer that I manage
        #[arg(long, value_name = "PRINTER")]
        on: Option<String>,
    },
    /// Try a failed or stopped print job, or a failed copy, again
    Retry {
        /// Its id or the beginning of it
        job: String,
    },
    /// Keep a print job back that is not being printed yet
    Hold {
        /// Its id or the beginning of it
        job: String,
        /// Somebody's, on a printer that I manage
        #[arg(long, value_name = "PRINTER")]
        on: Option<String>,
    },
    /// Let a held print job go; of one that waits for my word that is a yes
    Release {
        /// Its id or the beginning of it
        job: String,
        /// Somebody's, on a printer that I manage
        #[arg(long, value_name = "PRINTER")]
        on: Option<String>,
    },
    /// Print a job of mine on another printer
    Move {
        /// Its id or the beginning of it
        job: String,
        /// The other printer
        #[arg(long, value_name = "PRINTER")]
        to: String,
    },
    /// Print a job of mine again whose document is still here, as a new job
    Reprint {
        /// Its id or the beginning of it
        job: String,
    },
    /// Put a printer into this computer's own print dialog, or take it out; stop one of my print queues
    Printer {
        #[command(subcommand)]
        action: PrinterAction,
    },
    /// A folder's content
    Ls {
        /// DRIVE or DRIVE:PATH
        #[arg(value_name = "DRIVE[:PATH]")]
        place: String,
    },
    /// Look for names on drives of others
    Find {
        /// Words, all of which are in the name; case and accents do not matter
        #[arg(required = true)]
        words: Vec<String>,
        /// Only on this drive, or below a folder of it
        #[arg(long = "in", value_name = "DRIVE[:PATH]")]
        place: Option<String>,
    },
    /// Copy files from a drive to here
    Get(Get),
    /// Copy files of this computer to a drive
    Put(Put),
    /// Remove something from a drive; it can be had back for 30 days
    Rm {
        #[arg(value_name = "DRIVE:PATH", required = true)]
        places: Vec<Place>,
    },
    /// What was removed from a drive
    Bin {
        drive: String,
        /// Remove this from the bin for good
        #[arg(long, value_name = "ID")]
        forget: Option<String>,
    },
    /// Put something back that was removed
    Restore {
        drive: String,
        /// Its id, as `bin` tells it
        id: String,
        /// Another path than it had
        to: Option<String>,
    },
    /// Make a folder on a drive
    Mkdir {
        #[arg(value_name = "DRIVE:PATH", required = true)]
        places: Vec<Place>,
    },
    /// Move or rename on a drive
    Mv {
        #[command(flatten)]
        way: Way,
    },
    /// Copy on a drive, without bringing it here
    Cp {
        #[command(flatten)]
        way: Way,
    },
    /// Show a drive as a folder of this computer; on Windows under a letter
    Mount {
        drive: String,
        /// An empty folder, or one that is made [default: one in the home folder]; on Windows a letter [default: a free one]
        dir: Option<PathBuf>,
        /// Again whenever Lanyard starts
        #[arg(long)]
        at_start: bool,
        /// Instead of a folder, an address for programs of this computer that speak WebDAV
        #[arg(long, conflicts_with_all = ["dir", "at_start"])]
        webdav: bool,
    },
    /// Undo mount; for a drive that has an address for WebDAV, that address or the drive
    Unmount {
        dir: PathBuf,
        /// Take the address of a drive back
        #[arg(long)]
        webdav: bool,
    },
    /// Discs and sticks that are in this computer now
    Discs,
    /// Let go of a disc or stick, so that it can be taken out
    Eject {
        /// Its name, id, folder or device
        disc: String,
        /// Also while others read from it; their copies go on when it is back
        #[arg(long)]
        force: bool,
    },
    /// Mounted drives
    Mounts,
    /// Send files and folders to a device of the home, where somebody accepts them
    Send {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[arg(long, value_name = "DEVICE")]
        to: String,
    },
    /// What others send here, and where it lands
    Inbox {
        /// Take a yes back, also in the middle
        #[arg(long, value_name = "ID")]
        stop: Option<String>,
        /// Ask again before files of this device are accepted
        #[arg(long, value_name = "DEVICE", conflicts_with = "stop")]
        ask_again: Option<String>,
        /// Put what is sent from now on into this folder
        #[arg(long, value_name = "DIR", conflicts_with_all = ["stop", "ask_again"])]
        folder: Option<PathBuf>,
        /// Put it into the folder in the downloads again
        #[arg(long, conflicts_with_all = ["stop", "ask_again", "folder"])]
        usual_folder: bool,
    },
    /// Copies to and from drives
    Transfers {
        /// Go on and show what changes
        #[arg(long)]
        watch: bool,
    },
    /// Hold a copy until it is resumed
    Pause {
        /// Its id or the beginning of it
        id: String,
    },
    /// Put a waiting copy before all others that wait
    Next {
        /// Its id or the beginning of it
        id: String,
    },
    /// How fast copies may go: show it, set it (`500K`, `2M`, bytes a second), or lift it with `none`
    Limit {
        rate: Option<String>,
        /// Only this copy, by its id or the beginning of it
        #[arg(long, value_name = "ID")]
        only: Option<String>,
    },
    /// What there is to tell of the files of a folder that was copied
    Notes {
        /// The copy's id or the beginning of it
        id: String,
    },
    /// Go on with a paused or failed copy where it stopped
    Resume {
        /// Its id or the beginning of it
        id: String,
    },
    /// Write logs and state for a bug report, without secrets or names of files
    SupportBundle { file: PathBuf },
}

#[derive(Debug, Subcommand)]
pub(crate) enum NetworkAction {
    /// Networks, connected ones first
    List,
    /// Mark a network as mine: what I share is offered on it
    Trust {
        /// Its name or id, or `current`
        name: String,
    },
    /// Offer nothing on a network
    Public {
        /// Its name or id, or `current`
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SharingAction {
    /// Nobody can see this computer until it is resumed; what others offer can still be used
    Pause {
        /// When it ends by itself: 2h, 30m, 18:00, 2026-12-24T18:00
        #[arg(long, value_name = "T", alias = "for", value_parser = until::parse)]
        until: Option<Millis>,
    },
    /// Share again
    Resume,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum MovedWhat {
    /// The same device in a new computer: it keeps its key
    Same,
    /// A copy of another device: it becomes a device of its own
    New,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    pub(super) fn parsed(words: &str) -> Args {
        Args::try_parse_from(words.split(' ')).unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn options_of_every_command_may_stand_anywhere() {
        let args = parsed("lanyard status --json --data /tmp/x");
        assert!(args.json && args.data.is_some());
        assert!(parsed("lanyard --json status").json);
    }
}
