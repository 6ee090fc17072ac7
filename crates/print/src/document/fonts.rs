//! Fonts of this computer, for text that the fourteen standard fonts cannot show.
//!
//! They are opened before a child gives up the right to open anything, the likeliest first, and read only when a
//! document needs them: a desktop has hundreds. Found by the names of their files in the places where systems keep
//! them; fonts in a person's own folders are not looked for, because a child knows nothing of persons.

use std::{
    cmp::Reverse,
    fs::{self, File},
    io::{Read, Seek},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Fonts that are kept open.
const MOST: usize = 48;

/// Entries of directories that are looked at.
const ENTRIES: usize = 20_000;

/// Bytes of fonts that are read for one document.
const BYTES: u64 = 160 * 1024 * 1024;

/// For text, the likeliest first: fixed pitch, then what knows many alphabets, then single scripts, then East Asia,
/// whose fonts are large. Beginnings of names of files, in lower case.
const TEXT: [&str; 60] = [
    "dejavusansmono.",
    "liberationmono-regular",
    "notosansmono-regular",
    "consola.",
    "menlo.",
    "freemono.",
    "cour.",
    "dejavusans.",
    "notosans-regular",
    "liberationsans-regular",
    "segoeui.",
    "arial.",
    "arial unicode.",
    "lucidagrande.",
    "freesans.",
    "freeserif.",
    "notosansarabic-regular",
    "notonaskharabic-regular",
    "notosanshebrew-regular",
    "notosansthai-regular",
    "notosansdevanagari-regular",
    "notosansbengali-regular",
    "notosanstamil-regular",
    "notosanstelugu-regular",
    "notosansgeorgian-regular",
    "notosansarmenian-regular",
    "notosansethiopic-regular",
    "notosanskhmer-regular",
    "notosansmyanmar-regular",
    "notosanslao-regular",
    "lohit-",
    "nirmala.",
    "tahoma.",
    "leelawui.",
    "ebrima.",
    "mangal.",
    "notosanssymbols-regular",
    "notosanssymbols2-regular",
    "seguisym.",
    "apple symbols.",
    "symbola.",
    "notosanscjk-regular",
    "notosanscjkjp-regular",
    "notosanscjksc-regular",
    "notosansmonocjk",
    "sourcehansans-regular",
    "wqy-microhei.",
    "wqy-zenhei.",
    "droidsansfallback",
    "ipagothic.",
    "ipag.",
    "takaogothic.",
    "nanumgothic.",
    "baekmuk",
    "msgothic.",
    "msyh.",
    "simsun.",
    "malgun.",
    "hiragino sans gb.",
    "applesdgothicneo.",
];

/// For drawings: the families that are asked for by name, upright and bold.
const DRAWINGS: [&str; 26] = [
    "dejavusans.",
    "dejavusans-bold.",
    "dejavusans-oblique.",
    "dejavuserif.",
    "dejavuserif-bold.",
    "dejavusansmono.",
    "liberationsans-",
    "liberationserif-",
    "liberationmono-",
    "arial.",
    "arialbd.",
    "ariali.",
    "helvetica.",
    "helveticaneue.",
    "times.",
    "times new roman.",
    "timesbd.",
    "courier.",
    "cour.",
    "segoeui.",
    "segoeuib.",
    "verdana.",
    "georgia.",
    "calibri.",
    "notosans-regular",
    "notosans-bold",
];

/// Fonts that were opened.
#[derive(Default)]
pub struct Fonts {
    files: Vec<File>,
}

impl Fonts {
    /// For plain text.
    #[must_use]
    pub fn for_text() -> Self {
        Self::open(&TEXT)
    }

    /// For drawings.
    #[must_use]
    pub fn for_drawings() -> Self {
        Self::open(&DRAWINGS)
    }

    /// Those names, as far as they are there, in that order.
    fn open(names: &[&str]) -> Self {
        let mut found: Vec<(usize, Reverse<u64>, PathBuf)> = Vec::new();
        let mut left = ENTRIES;
        for place in places() {
            walk(&place, 6, &mut left, &mut |path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
                let known = [".ttf", ".otf", ".ttc"].iter().any(|ending| name.ends_with(ending));
                if known
                    && let Some(rank) = names.iter().position(|begin| name.starts_with(begin))
                    && let Ok(about) = fs::metadata(path)
                    && about.is_file()
                {
                    found.push((rank, Reverse(about.len()), path.to_owned()));
                }
            });
        }
        found.sort();
        let files = found.into_iter().filter_map(|(_, _, path)| File::open(path).ok());
        Self { files: files.take(MOST).collect() }
    }

    /// The open files: all that a child may still read besides its document.
    #[must_use]
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// What is in each of them, read one after the other, as long as it is not too much.
    pub fn contents(&self) -> impl Iterator<Item = Arc<Vec<u8>>> + '_ {
        let mut left = BYTES;
        self.files.iter().filter_map(move |mut file| {
            let size = file.seek(io_end()).ok()?;
            left = left.checked_sub(size)?;
            file.rewind().ok()?;
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(usize::try_from(size).ok()?).ok()?;
            file.take(size).read_to_end(&mut bytes).ok()?;
            Some(Arc::new(bytes))
        })
    }

    /// All of them for drawings.
    #[must_use]
    pub fn database(&self) -> usvg::fontdb::Database {
        let mut database = usvg::fontdb::Database::new();
        for bytes in self.contents() {
            database.load_font_data(bytes.to_vec());
        }
        // Names that drawings use for no font in particular.
        let families: Vec<String> =
            database.faces().filter_map(|face| face.families.first()).map(|(name, _)| name.clone()).collect();
        let like = |words: &[&str]| {
            let fits = |name: &&String| words.iter().any(|word| name.to_ascii_lowercase().contains(word));
            families.iter().find(fits).or(families.first()).cloned()
        };
        if let Some(name) = like(&["dejavu sans", "liberation sans", "arial", "helvetica"]) {
            database.set_sans_serif_family(name);
        }
        if let Some(name) = like(&["serif", "times", "georgia"]) {
            database.set_serif_family(name);
        }
        if let Some(name) = like(&["mono", "courier"]) {
            database.set_monospace_family(name);
        }
        database
    }
}

fn io_end() -> std::io::SeekFrom {
    std::io::SeekFrom::End(0)
}

fn places() -> Vec<PathBuf> {
    if cfg!(windows) {
        let root = std::env::var_os("SystemRoot").map_or_else(|| PathBuf::from(r"C:\Windows"), PathBuf::from);
        return vec![root.join("Fonts")];
    }
    let places: &[&str] = if cfg!(target_os = "macos") {
        &["/System/Library/Fonts", "/Library/Fonts"]
    } else {
        &["/usr/share/fonts", "/usr/local/share/fonts", "/run/host/fonts"]
    };
    places.iter().map(PathBuf::from).collect()
}

/// Every file below a directory. Asks the system about links only: there may be thousands of fonts.
fn walk(dir: &Path, deep: u32, left: &mut usize, found: &mut impl FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.filter_map(Result::ok) {
        let Some(less) = left.checked_sub(1) else { return };
        *left = less;
        let path = entry.path();
        // Links are followed: that is how some systems lay out their fonts.
        let is_dir = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => path.is_dir(),
            Ok(kind) => kind.is_dir(),
            Err(_) => continue,
        };
        if !is_dir {
            found(&path);
        } else if deep > 0 {
            walk(&path, deep - 1, left, found);
        }
    }
}
