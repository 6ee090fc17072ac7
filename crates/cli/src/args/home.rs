//! Who belongs together: the home, its members, and the codes that let a device in.

use clap::{Args as Group, Subcommand, ValueEnum};
use lanyard_api::Role;

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

// Where the device is that shows a code.
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
