//! Printing: a document with its wishes, and the printers of this computer.

use clap::{Args as Group, Subcommand, ValueEnum};
use lanyard_api::{Quality, Scaling, Sides};
use std::path::PathBuf;

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
