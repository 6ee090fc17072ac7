//! What can be typed. Wrong usage ends with exit status 2 before anything is done.

use crate::until;
use clap::{Args as Group, CommandFactory, Parser, Subcommand, ValueEnum, error::ErrorKind};
use lanyard_api::{Answer, Millis, Quality, QuietHours, Role, Scaling, Sides};
use std::{path::PathBuf, str::FromStr};

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

#[derive(Debug, Subcommand)]
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
    /// Copy files from a drive to here
    Get(Get),
    /// Copy files of this computer to a drive
    Put(Put),
    /// Remove a file from a drive
    Rm {
        #[arg(value_name = "DRIVE:PATH", required = true)]
        places: Vec<Place>,
    },
    /// Make a folder on a drive
    Mkdir {
        #[arg(value_name = "DRIVE:PATH", required = true)]
        places: Vec<Place>,
    },
    /// Move or rename on a drive
    Mv {
        #[arg(value_name = "DRIVE:PATH")]
        from: Place,
        #[arg(value_name = "DRIVE:PATH")]
        to: Place,
    },
    /// Show a drive as a folder of this computer
    Mount { drive: String, dir: PathBuf },
    /// Undo mount
    Unmount { dir: PathBuf },
    /// Send files to a person's device
    Send {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[arg(long, value_name = "DEVICE")]
        to: String,
    },
    /// Copies to and from drives
    Transfers {
        /// Go on and show what changes
        #[arg(long)]
        watch: bool,
    },
    /// Hold a copy
    Pause { id: String },
    /// Go on with a failed copy where it stopped
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

#[derive(Debug, Subcommand)]
pub(crate) enum ShareWhat {
    /// A print queue of this computer, or save-as-pdf
    Printer {
        queue: String,
        #[command(flatten)]
        rule: Rule,
    },
    /// A folder
    Folder {
        path: PathBuf,
        /// Others may also write
        #[arg(long)]
        write: bool,
        #[command(flatten)]
        rule: Rule,
    },
    /// A CD or DVD, or an image of one
    Disc {
        #[arg(value_name = "DEVICE_OR_ISO")]
        source: PathBuf,
        #[command(flatten)]
        rule: Rule,
    },
}

#[derive(Debug, Group)]
pub(crate) struct Rule {
    /// The name others see
    #[arg(long)]
    pub name: Option<String>,
    /// Who may use it [default: my home; everyone on my networks while this computer is in none]
    #[arg(long, value_name = "home|network|DEVICE", num_args = 1..)]
    pub to: Vec<String>,
    /// Ask me each time
    #[arg(long)]
    pub ask: bool,
    /// When it ends by itself: 2h, 30m, 18:00, 2026-12-24T18:00
    #[arg(long, value_name = "T", value_parser = until::parse)]
    pub until: Option<Millis>,
    #[command(flatten)]
    pub limits: Limits,
}

/// How much each of them may bring a day, and how and when it is printed.
#[derive(Clone, Copy, Debug, Default, Group)]
pub(crate) struct Limits {
    /// Printers: jobs each of them may print a day
    #[arg(long, value_name = "N")]
    pub max_jobs: Option<u32>,
    /// Bytes each of them may bring a day: 500MB, 2GB
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub max_bytes: Option<u64>,
    /// Printers: sides of paper each of them may print a day, copies counted
    #[arg(long, value_name = "N")]
    pub max_pages: Option<u32>,
    /// Printers: they print in grey only
    #[arg(long)]
    pub grey: bool,
    /// Printers: nothing of theirs is printed at these hours; their jobs wait
    #[arg(long, value_name = "HH:MM-HH:MM", value_parser = quiet)]
    pub quiet: Option<QuietHours>,
}

/// A rule in place of those that a share has.
#[derive(Debug, Group)]
pub(crate) struct Permission {
    /// Who may use it from now on
    #[arg(long, value_name = "home|network|DEVICE", num_args = 1.., required = true)]
    pub to: Vec<String>,
    /// Folders: they may also write
    #[arg(long)]
    pub write: bool,
    /// Printers: they may cancel the jobs of others
    #[arg(long)]
    pub manage: bool,
    /// Ask me each time
    #[arg(long)]
    pub ask: bool,
    /// When this ends by itself
    #[arg(long, value_name = "T", value_parser = until::parse)]
    pub until: Option<Millis>,
    #[command(flatten)]
    pub limits: Limits,
}

/// What the owner says.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AnswerWord {
    Once,
    Always,
    No,
}

impl From<AnswerWord> for Answer {
    fn from(word: AnswerWord) -> Self {
        match word {
            AnswerWord::Once => Self::Once,
            AnswerWord::Always => Self::Always,
            AnswerWord::No => Self::No,
        }
    }
}

/// `22:00-07:00`, by this computer's clock.
fn quiet(text: &str) -> Result<QuietHours, String> {
    let odd = || "hours are expected (22:00-07:00)".to_owned();
    let minute = |text: &str| {
        let (hours, minutes) = text.trim().split_once(':')?;
        let digits =
            |text: &str| !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        let number = |text: &str| digits(text).then(|| text.parse::<u16>().ok()).flatten();
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    };
    let (from, to) = text.split_once('-').ok_or_else(odd)?;
    let (from, to) = (minute(from).ok_or_else(odd)?, minute(to).ok_or_else(odd)?);
    if from == to { Err(odd()) } else { Ok(QuietHours { from, to }) }
}

/// `500MB`, `2 GB`, `1000`: in the units that disks are sold in.
fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 5] =
        [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000), ("B", 1)];
    let odd = || "a size is expected (500MB, 2GB)".to_owned();
    let upper = text.trim().to_ascii_uppercase();
    let unit = UNITS.iter().find_map(|(unit, times)| Some((upper.strip_suffix(unit)?, *times)));
    let (number, times) = unit.unwrap_or((&upper, 1));
    let number: u64 = number.trim().parse().map_err(|_| odd())?;
    number.checked_mul(times).ok_or_else(odd)
}

#[derive(Debug, Group)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Guest {
    #[command(subcommand)]
    pub action: Option<GuestAction>,
    /// Its name, id, queue or folder
    #[arg(required = true)]
    pub share: Option<String>,
    /// The guest may print [usual for a printer]
    #[arg(long, group = "may")]
    pub print: bool,
    /// The guest may look and download [usual for a folder]
    #[arg(long, group = "may")]
    pub read: bool,
    /// The guest may put files in, and see nothing
    #[arg(long, group = "may")]
    pub add: bool,
    /// When it ends by itself: 30m, 18:00, 7d; at most 30 days [default: 2h]
    #[arg(long, value_name = "T", value_parser = until::parse)]
    pub until: Option<Millis>,
    /// Whom it is for
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GuestAction {
    /// End a pass, and whatever is under way with it
    End {
        /// Its id or whom it is for
        pass: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum HomeAction {
    /// Start one with this computer in it
    Create { name: String },
    /// Let a device in: show a code, or type the one it shows
    Invite {
        /// The code or link that the other device shows
        code: Option<String>,
        /// The new device may also let devices in and put them out
        #[arg(long)]
        keeper: bool,
        /// Ask me before it comes in
        #[arg(long, conflicts_with = "code")]
        confirm: bool,
        #[command(flatten)]
        at: At,
    },
    /// Join one: type the code that one of its devices shows, or show a code here
    Join {
        /// The code or link that the other device shows
        code: Option<String>,
        #[command(flatten)]
        at: At,
    },
    /// Answer for the device that typed the code
    Answer { answer: YesNo },
    /// Who belongs to it
    Members,
    /// Put a device out: what it has copied it keeps, everything else ends at once
    Remove { device: String },
    /// Change what a device may do in it
    Role { device: String, role: RoleWord },
    /// Give it another name
    Rename { name: String },
    /// Leave it
    Leave,
    /// Manage it again with the code that was shown when it was started
    Recovery {
        /// The 28 letters and digits, in any groups
        #[arg(required = true, num_args = 1..)]
        code: Vec<String>,
        /// Also put a lost device out, whatever it may do
        #[arg(long, value_name = "DEVICE")]
        remove: Option<String>,
    },
}

/// Where the device is that shows a code.
#[derive(Debug, Group)]
pub(crate) struct At {
    /// Its address, when it cannot be found by itself
    #[arg(long = "at", value_name = "ADDRESS", requires = "code")]
    pub address: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum YesNo {
    Yes,
    No,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RoleWord {
    /// Uses what is shared with the home
    Member,
    /// Also lets devices in and puts them out
    Keeper,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Member => Self::Member,
            RoleWord::Keeper => Self::Keeper,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum PrinterAction {
    /// Put it in
    Add { printer: String },
    /// Take it out
    Remove { printer: String },
    /// Stop one of this computer's queues; its jobs wait
    Pause {
        /// The queue's name, or save-as-pdf
        queue: String,
    },
    /// Let it print again
    Resume {
        /// The queue's name, or save-as-pdf
        queue: String,
    },
}

#[derive(Debug, Group)]
pub(crate) struct Print {
    /// PDF, pictures, text, Office documents where LibreOffice is installed
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The printer
    #[arg(long, value_name = "PRINTER")]
    pub on: String,
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=999))]
    pub copies: Option<u32>,
    /// 1-3,5
    #[arg(long)]
    pub pages: Option<String>,
    #[arg(long)]
    pub sides: Option<SidesWord>,
    #[arg(long, conflicts_with = "mono")]
    pub color: bool,
    #[arg(long)]
    pub mono: bool,
    /// A4, Letter, or a PWG media name
    #[arg(long)]
    pub media: Option<String>,
    #[arg(long)]
    pub quality: Option<QualityWord>,
    /// One of the printer's trays, as IPP calls it: tray-1
    #[arg(long)]
    pub tray: Option<String>,
    /// A kind of paper, as IPP calls it: photographic
    #[arg(long, value_name = "KIND")]
    pub paper: Option<String>,
    /// Pages on one side: 1, 2, 4, 6, 9 or 16
    #[arg(long, value_name = "N")]
    pub per_side: Option<u32>,
    #[arg(long)]
    pub scaling: Option<ScalingWord>,
    /// Text and pictures upright
    #[arg(long, conflicts_with = "landscape")]
    pub portrait: bool,
    /// Text and pictures lying
    #[arg(long)]
    pub landscape: bool,
    /// Laid out to be folded
    #[arg(long)]
    pub booklet: bool,
    /// Print nothing: write a side of the paper as a picture (PNG)
    #[arg(long, value_name = "PICTURE", conflicts_with = "wait")]
    pub preview: Option<PathBuf>,
    /// With --preview: which side
    #[arg(long, default_value_t = 1, value_name = "N", requires = "preview", value_parser = clap::value_parser!(u32).range(1..))]
    pub side: u32,
    /// Follow the jobs to the end; Ctrl-C cancels them
    #[arg(long)]
    pub wait: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SidesWord {
    One,
    TwoLong,
    TwoShort,
}

impl From<SidesWord> for Sides {
    fn from(word: SidesWord) -> Self {
        match word {
            SidesWord::One => Self::OneSided,
            SidesWord::TwoLong => Self::TwoSidedLongEdge,
            SidesWord::TwoShort => Self::TwoSidedShortEdge,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum QualityWord {
    Draft,
    Normal,
    High,
}

impl From<QualityWord> for Quality {
    fn from(word: QualityWord) -> Self {
        match word {
            QualityWord::Draft => Self::Draft,
            QualityWord::Normal => Self::Normal,
            QualityWord::High => Self::High,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ScalingWord {
    Auto,
    Fit,
    Fill,
    None,
}

impl From<ScalingWord> for Scaling {
    fn from(word: ScalingWord) -> Self {
        match word {
            ScalingWord::Auto => Self::Auto,
            ScalingWord::Fit => Self::Fit,
            ScalingWord::Fill => Self::Fill,
            ScalingWord::None => Self::None,
        }
    }
}

#[derive(Debug, Group)]
pub(crate) struct Get {
    /// Files on drives, then where they go here [default: the downloads folder]
    #[arg(required = true, value_name = "DRIVE:PATH… [DEST]")]
    places: Vec<String>,
    #[command(flatten)]
    pub taken: Taken,
}

#[derive(Debug, Group)]
pub(crate) struct Put {
    /// Files of this computer, then where they go
    #[arg(required = true, num_args = 2.., value_name = "FILE… DRIVE:PATH")]
    places: Vec<String>,
    #[command(flatten)]
    pub taken: Taken,
}

/// What happens when a name is taken; without one of these the copy is refused.
#[derive(Clone, Copy, Debug, Group)]
pub(crate) struct Taken {
    /// When the name is taken, give the new one a number
    #[arg(long, conflicts_with = "replace")]
    pub keep_both: bool,
    /// When the name is taken, put the new one in its place
    #[arg(long)]
    pub replace: bool,
}

/// `DRIVE:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub drive: String,
    pub path: String,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (drive, path) = text.split_once(':').ok_or("DRIVE:PATH is expected")?;
        // `C:\letter.pdf` and `./a:b` are files of this computer.
        let letter = cfg!(windows) && drive.len() == 1;
        if drive.is_empty() || letter || drive.contains(['/', '\\']) {
            return Err("DRIVE:PATH is expected".to_owned());
        }
        Ok(Self { drive: drive.to_owned(), path: path.trim_start_matches('/').to_owned() })
    }
}

impl Get {
    /// What to copy, and where to when that was said.
    pub(crate) fn split(&self) -> (Vec<Place>, Option<PathBuf>) {
        let (last, rest) = match self.places.split_last() {
            Some((last, rest)) if !rest.is_empty() && last.parse::<Place>().is_err() => (Some(last), rest),
            _ => (None, self.places.as_slice()),
        };
        (rest.iter().map(|text| place_or_exit(text)).collect(), last.map(PathBuf::from))
    }
}

impl Put {
    /// What to copy, and where to.
    pub(crate) fn split(&self) -> (Vec<PathBuf>, Place) {
        let (last, files) = self.places.split_last().map_or(("", [].as_slice()), |(l, f)| (l.as_str(), f));
        (files.iter().map(PathBuf::from).collect(), place_or_exit(last))
    }
}

fn place_or_exit(text: &str) -> Place {
    text.parse().unwrap_or_else(|reason| {
        let message = format!("“{text}”: {reason}");
        Args::command().error(ErrorKind::ValueValidation, message).exit()
    })
}

impl Command {
    /// What this version cannot do yet, for the message that says so.
    pub(crate) fn not_available(&self) -> Option<&'static str> {
        match self {
            Self::Rm { .. } | Self::Mkdir { .. } | Self::Mv { .. } => Some("Changing folders on a drive"),
            Self::Mount { .. } | Self::Unmount { .. } => Some("Mounting a drive"),
            Self::Send { .. } => Some("Sending files to a device"),
            Self::Pause { .. } => Some("Pausing a copy"),
            Self::Share { what: ShareWhat::Disc { .. } } => Some("Sharing a disc"),
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn parsed(words: &str) -> Args {
        Args::try_parse_from(words.split(' ')).unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_last_word_of_get_is_a_place_here_unless_it_names_a_drive() {
        let get = |words: &str| match parsed(words).command {
            Command::Get(get) => get.split(),
            other => panic!("{other:?}"),
        };
        let (from, to) = get("lanyard get Music@anna:a.mp3 Music:b/c.mp3");
        assert_eq!(from.len(), 2);
        assert_eq!((from[1].path.as_str(), to), ("b/c.mp3", None));
        assert_eq!(get("lanyard get Music:/a.mp3 ./b:c").1, Some(PathBuf::from("./b:c")));
        assert_eq!(get("lanyard get Music:/a.mp3 .").0[0].path, "a.mp3");
    }

    #[test]
    fn options_of_every_command_may_stand_anywhere() {
        let args = parsed("lanyard status --json --data /tmp/x");
        assert!(args.json && args.data.is_some());
        assert!(parsed("lanyard --json status").json);
    }

    #[test]
    fn sizes_are_those_that_disks_are_sold_in() {
        for (text, size) in [("0", 0), ("500MB", 500_000_000), ("2 gb", 2_000_000_000), ("7B", 7)] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "MB", "-1", "1.5GB", "99999999999TB", "2 cups"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn quiet_hours_are_two_times_of_the_day() {
        let hours = |from, to| Ok(QuietHours { from, to });
        assert_eq!(quiet("22:00-07:00"), hours(22 * 60, 7 * 60));
        assert_eq!(quiet(" 0:05 - 23:59 "), hours(5, 24 * 60 - 1));
        for text in ["", "22:00", "22-7", "24:00-07:00", "22:60-07:00", "7:00-07:00", "+7:00-8:00", "a:b-c:d"]
        {
            assert!(quiet(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pass_is_made_for_a_share_and_for_one_thing_and_ended_by_its_name() {
        let Command::Guest(made) = parsed("lanyard guest Laser --print --label Aunt").command else {
            panic!()
        };
        assert_eq!((made.share.as_deref(), made.print, made.action.is_none()), (Some("Laser"), true, true));
        let Command::Guest(ended) = parsed("lanyard guest end Aunt").command else { panic!() };
        assert!(matches!(ended.action, Some(GuestAction::End { pass }) if pass == "Aunt"));
        for wrong in ["lanyard guest", "lanyard guest Laser --print --add", "lanyard guest end"] {
            assert!(Args::try_parse_from(wrong.split(' ')).is_err(), "{wrong}");
        }
    }

    #[test]
    fn several_receivers_may_be_named() {
        let args = parsed("lanyard share printer Laser --to anna ben --to carl --name Big");
        let Command::Share { what: ShareWhat::Printer { rule, .. } } = args.command else { panic!() };
        assert_eq!(rule.to, ["anna", "ben", "carl"]);
    }
}
