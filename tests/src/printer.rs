//! A real print queue whose paper we can read: CUPS with its own configuration, and behind its queue
//! `ippeveprinter`, the IPP Everywhere printer of the CUPS project, which keeps every document it gets.
//!
//! CUPS renders the page range itself and leaves copies to the printer, so what lies on the tray is the document's
//! pages times the `copies` of the IPP job. Both are read from what the printer received, not from what was asked.

use crate::host::{Host, Process};
use anyhow::{Context, Result, ensure};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

/// The queue's name in CUPS.
pub const QUEUE: &str = "Lab_Printer";

/// What the printer runs for each document. It waits while paper or patience is missing, then puts the document on
/// the tray; the rename makes a sheet appear whole or not at all.
const PAPER_PATH: &str = r#"#!/bin/sh
dir='@DIR@'
if [ -e "$dir/paper-out" ]; then
    echo 'STATE: +media-empty-error' >&2
    while [ -e "$dir/paper-out" ]; do sleep 0.1; done
    echo 'STATE: -media-empty-error' >&2
fi
while [ -e "$dir/busy" ]; do sleep 0.1; done
mkdir "$dir/tray/.$IPP_JOB_ID"
cp "$1" "$dir/tray/.$IPP_JOB_ID/document"
env | grep -E '^(IPP_|CONTENT_TYPE)' > "$dir/tray/.$IPP_JOB_ID/ticket"
mv "$dir/tray/.$IPP_JOB_ID" "$dir/tray/$IPP_JOB_ID"
"#;

/// A device of CUPS that puts a document where its URI says, whole or not at all.
const PAPER_BACKEND: &str = r#"#!/bin/sh
[ $# -gt 0 ] || exit 0
paper="${DEVICE_URI#paper:}"
cat -- ${6:+"$6"} > "$paper.new" && mv "$paper.new" "$paper"
"#;

/// Asks CUPS for the states of the jobs that have ended (RFC 8011 §4.2.6).
const COMPLETED_JOBS: &str = "{
    OPERATION Get-Jobs
    GROUP operation-attributes-tag
    ATTR charset attributes-charset utf-8
    ATTR naturalLanguage attributes-natural-language en
    ATTR uri printer-uri ipp://localhost/
    ATTR keyword which-jobs completed
    ATTR keyword requested-attributes job-id,job-state
    DISPLAY job-id
    DISPLAY job-state
}
";

/// The printer and the CUPS in front of it, on one host.
#[derive(Debug)]
pub struct PaperPrinter {
    host: Host,
    dir: PathBuf,
    cups: Option<Process>,
    _printer: Process,
}

/// One document on the tray.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// The text of each page.
    pub pages: Vec<String>,
    /// How often the printer printed the document.
    pub copies: usize,
    /// The IPP `sides` of the job.
    pub sides: String,
    /// Where the document is.
    pub document: PathBuf,
}

impl Printed {
    /// Sides of paper with something on them.
    #[must_use]
    pub fn sheets(&self) -> usize {
        self.pages.len() * self.copies
    }
}

impl PaperPrinter {
    /// Starts D-Bus, Avahi (`ippeveprinter` insists on it), the printer, CUPS, and makes the queue [`QUEUE`].
    ///
    /// # Errors
    /// When one of them is not installed or does not start.
    pub fn install(host: &Host) -> Result<Self> {
        Self::install_with(host, "", &[])
    }

    /// The same with a CUPS that others on the network can print on, too.
    ///
    /// # Errors
    /// As [`PaperPrinter::install`].
    pub fn install_open(host: &Host) -> Result<Self> {
        Self::install_with(host, &format!("Listen {}:631\nServerAlias *\n", host.ipv4()?), &[])
    }

    /// The same with a CUPS that lets only its administrators change queues, as CUPS does where nobody told it
    /// otherwise.
    ///
    /// # Errors
    /// As [`PaperPrinter::install`].
    pub fn install_guarded(host: &Host) -> Result<Self> {
        let policy = "DefaultAuthType Basic\nDefaultPolicy guarded\n<Policy guarded>\n\
             <Limit CUPS-Add-Modify-Printer CUPS-Delete-Printer>\n\
             AuthType Default\nRequire user @SYSTEM\nOrder deny,allow\n</Limit>\n\
             <Limit All>\nAllow all\n</Limit>\n</Policy>\n";
        Self::install_with(host, policy, &[])
    }

    /// The same with a printer that prints colour.
    ///
    /// # Errors
    /// As [`PaperPrinter::install`].
    pub fn install_colour(host: &Host) -> Result<Self> {
        // Pages a minute, grey and in colour.
        Self::install_with(host, "", &["-s", "20,20"])
    }

    fn install_with(host: &Host, cups: &str, device: &[&str]) -> Result<Self> {
        let dir = host.dir().join("printer");
        for sub in ["tray", "spool", "cups/root/ppd", "cups/requests/tmp", "cups/cache", "cups/state"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        for sub in ["cups/requests", "cups/requests/tmp", "cups/cache", "cups/state"] {
            open_to_filters(&dir.join(sub))?;
        }
        let text = dir.to_string_lossy().into_owned();
        write_paper_path(&dir)?;
        programs_of_cups(&dir.join("cups/bin"))?;
        fs::write(dir.join("cups/cupsd.conf"), cupsd_conf(&text) + cups)?;
        fs::write(dir.join("cups/cups-files.conf"), cups_files_conf(&text))?;

        host.sh("mkdir -p /run/dbus /run/avahi-daemon /run/cups
             dbus-daemon --system --fork --nopidfile
             avahi-daemon -D --no-drop-root --no-chroot --no-rlimits")?;
        let (spool, command) = (format!("{text}/spool"), format!("{text}/paper-path"));
        let mut printer = vec![
            "ippeveprinter",
            "-2",
            "-k",
            "-d",
            &spool,
            "-c",
            &command,
            "-f",
            "application/pdf",
            "-n",
            "localhost",
            "-p",
            "8631",
            "-r",
            "off",
        ];
        printer.extend(device);
        printer.push("Lab Printer");
        let printer = host.spawn(&printer)?;
        let mut new = Self { host: host.clone(), dir, cups: None, _printer: printer };
        new.wait_for_port(8631)?;
        new.start_cups()?;
        new.admin(&[
            "lpadmin",
            "-p",
            QUEUE,
            "-E",
            "-v",
            "ipp://localhost:8631/ipp/print",
            "-m",
            "everywhere",
            "-o",
            "printer-error-policy=retry-job",
        ])?;
        Ok(new)
    }

    /// Makes a raw queue whose paper is a file: each document takes the place of the one before.
    ///
    /// # Errors
    /// When CUPS refuses.
    pub fn add_file_queue(&self, queue: &str, paper: &Path) -> Result<()> {
        let device = format!("paper:{}", paper.display());
        self.admin(&["lpadmin", "-p", queue, "-E", "-v", &device, "-m", "raw"]).map(drop)
    }

    /// The environment with which a program talks to this CUPS.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        vec![("CUPS_SERVER".into(), self.socket())]
    }

    /// What lies on the tray, in the order of printing.
    ///
    /// # Errors
    /// When a document on it cannot be read.
    pub fn tray(&self) -> Result<Vec<Printed>> {
        tray(&self.host, &self.dir)
    }

    /// Waits until `count` documents lie on the tray.
    ///
    /// # Errors
    /// When there are fewer or more after `limit`.
    pub fn tray_with(&self, count: usize, limit: Duration) -> Result<Vec<Printed>> {
        crate::soon("the documents lie on the tray", limit, || {
            let tray = self.tray()?;
            ensure!(tray.len() == count, "{} documents on the tray instead of {count}", tray.len());
            Ok(tray)
        })
    }

    /// Takes the paper out, or puts new paper in.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn set_paper(&self, there: bool) -> Result<()> {
        set_file(&self.dir.join("paper-out"), !there)
    }

    /// Makes the printer take its time with every document until it is told otherwise.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn set_busy(&self, busy: bool) -> Result<()> {
        set_file(&self.dir.join("busy"), busy)
    }

    /// Jobs CUPS has not finished.
    ///
    /// # Errors
    /// When CUPS does not answer.
    pub fn waiting_in_cups(&self) -> Result<usize> {
        Ok(self.admin(&["lpstat", "-W", "not-completed", "-o"])?.lines().count())
    }

    /// Jobs that CUPS has sent to the printer to their end. One that was cancelled before does not count.
    ///
    /// # Errors
    /// When CUPS does not answer.
    pub fn completed_in_cups(&self) -> Result<usize> {
        let question = self.dir.join("completed.test");
        fs::write(&question, COMPLETED_JOBS)?;
        // lpstat does not tell a printed job from a cancelled one; the job's own state does.
        let jobs = self.host.run(&["ipptool", "-c", "ipp://localhost/", &question.to_string_lossy()])?;
        Ok(jobs.lines().filter(|line| line.ends_with(",completed")).count())
    }

    /// The same by CUPS's own log, which costs it nothing.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn completions(&self) -> Result<usize> {
        let log = fs::read(self.dir.join("cups/error_log"))?;
        Ok(String::from_utf8_lossy(&log).lines().filter(|line| line.ends_with("Job completed.")).count())
    }

    /// Jobs CUPS has ever had.
    ///
    /// # Errors
    /// When CUPS does not answer.
    pub fn ever_in_cups(&self) -> Result<usize> {
        Ok(self.admin(&["lpstat", "-W", "all", "-o"])?.lines().count())
    }

    /// A command of CUPS with this CUPS.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub fn admin(&self, command: &[&str]) -> Result<String> {
        let output = self.host.output_with(command, &self.environment())?;
        ensure!(
            output.status.success(),
            "{}: {}",
            command.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Kills CUPS as a power cut would.
    ///
    /// # Errors
    /// When it survives.
    pub fn kill_cups(&mut self) -> Result<()> {
        self.cups.take().map_or(Ok(()), |mut cups| cups.kill())
    }

    /// Starts CUPS.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start_cups(&mut self) -> Result<()> {
        let dir = self.dir.to_string_lossy().into_owned();
        self.cups = Some(self.host.spawn(&[
            "cupsd",
            "-f",
            "-c",
            &format!("{dir}/cups/cupsd.conf"),
            "-s",
            &format!("{dir}/cups/cups-files.conf"),
        ])?);
        crate::soon("CUPS answers", Duration::from_secs(10), || {
            // Its exit status is 0 either way.
            let words = self.admin(&["lpstat", "-r"])?;
            ensure!(words.contains("is running"), "{}", words.trim());
            Ok(())
        })
    }

    /// The end of CUPS's own log.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read(self.dir.join("cups/error_log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    /// The part of page one that is dark, from 0 to 1.
    ///
    /// # Errors
    /// When the page cannot be rendered.
    pub fn dark_part(&self, printed: &Printed) -> Result<f64> {
        let document = printed.document.to_string_lossy();
        let root = format!("{document}.page");
        self.host.run(&[
            "pdftoppm",
            "-gray",
            "-r",
            "20",
            "-f",
            "1",
            "-l",
            "1",
            "-singlefile",
            &document,
            &root,
        ])?;
        let image = fs::read(format!("{root}.pgm"))?;
        // "P5 width height 255", each followed by one white byte, then a byte a pixel.
        let mut rest = image.as_slice();
        for _ in 0..4 {
            let end = rest.iter().position(u8::is_ascii_whitespace).context("not a PGM")?;
            rest = &rest[end + 1..];
        }
        ensure!(!rest.is_empty(), "an empty page");
        let dark = rest.iter().filter(|pixel| **pixel < 100).count();
        #[allow(clippy::cast_precision_loss, reason = "a page of a few thousand pixels")]
        Ok(dark as f64 / rest.len() as f64)
    }

    fn socket(&self) -> String {
        self.dir.join("cups/socket").to_string_lossy().into_owned()
    }

    fn wait_for_port(&self, port: u16) -> Result<()> {
        crate::soon("the printer listens", Duration::from_secs(10), || {
            let sockets = self.host.run(&["ss", "-Hltn", &format!("sport = :{port}")])?;
            ensure!(!sockets.trim().is_empty(), "nothing listens on {port}");
            Ok(())
        })
    }
}

/// What lies on the tray in a printer's directory, in the order of printing.
pub(crate) fn tray(host: &Host, dir: &Path) -> Result<Vec<Printed>> {
    let mut jobs: Vec<u32> = fs::read_dir(dir.join("tray"))?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    jobs.sort_unstable();
    jobs.into_iter().map(|job| printed(host, &dir.join("tray").join(job.to_string()))).collect()
}

fn printed(host: &Host, sheet: &Path) -> Result<Printed> {
    let ticket = fs::read_to_string(sheet.join("ticket"))?;
    let value = |name: &str| ticket.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let document = sheet.join("document");
    let path = document.to_string_lossy();
    ensure!(value("CONTENT_TYPE") == Some("application/pdf"), "the printer got something else:\n{ticket}");
    let text = host.run(&["pdftotext", "-layout", &path, "-"])?;
    // pdftotext ends every page with a form feed.
    let pages = text.trim_end_matches('\u{c}').split('\u{c}').map(|page| page.trim().to_owned()).collect();
    Ok(Printed {
        pages,
        copies: value("IPP_COPIES").map_or(Ok(1), str::parse)?,
        sides: value("IPP_SIDES").unwrap_or("one-sided").to_owned(),
        document,
    })
}

/// What a printer runs for each document, in its directory.
pub(crate) fn write_paper_path(dir: &Path) -> Result<PathBuf> {
    let paper_path = dir.join("paper-path");
    fs::write(&paper_path, PAPER_PATH.replace("@DIR@", &dir.to_string_lossy()))?;
    fs::set_permissions(&paper_path, fs::Permissions::from_mode(0o755))?;
    Ok(paper_path)
}

pub(crate) fn set_file(path: &Path, there: bool) -> Result<()> {
    if there {
        fs::write(path, "").with_context(|| format!("write {}", path.display()))
    } else if path.exists() {
        fs::remove_file(path).with_context(|| format!("remove {}", path.display()))
    } else {
        Ok(())
    }
}

/// CUPS runs its filters as `lp`, which has no rights here otherwise.
fn open_to_filters(dir: &Path) -> Result<()> {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o777))
        .with_context(|| format!("open {}", dir.display()))
}

/// The programs that CUPS brought, and a backend of our own. It is closed to others, so CUPS runs it as root.
fn programs_of_cups(bin: &Path) -> Result<()> {
    const CUPS: &str = "/usr/lib/cups";
    fs::create_dir_all(bin.join("backend"))?;
    for entry in fs::read_dir(CUPS).context("CUPS is not installed")? {
        let entry = entry?;
        if entry.file_name() != "backend" {
            symlink(entry.path(), bin.join(entry.file_name()))?;
        }
    }
    for entry in fs::read_dir(Path::new(CUPS).join("backend"))? {
        let entry = entry?;
        symlink(entry.path(), bin.join("backend").join(entry.file_name()))?;
    }
    let backend = bin.join("backend/paper");
    fs::write(&backend, PAPER_BACKEND)?;
    Ok(fs::set_permissions(&backend, fs::Permissions::from_mode(0o700))?)
}

/// A power cut must not take the queue with it, so CUPS writes at once what it usually keeps for half a minute.
fn cupsd_conf(dir: &str) -> String {
    format!(
        "LogLevel info\n\
         Listen {dir}/cups/socket\n\
         Listen localhost:631\n\
         Browsing No\n\
         WebInterface No\n\
         DefaultAuthType None\n\
         JobRetryInterval 2\n\
         DirtyCleanInterval 0\n\
         PreserveJobHistory Yes\n\
         MaxJobs 5000\n\
         <Location />\nAllow all\n</Location>\n\
         <Policy default>\n\
         JobPrivateAccess all\n\
         JobPrivateValues none\n\
         <Limit All>\nAllow all\n</Limit>\n\
         </Policy>\n"
    )
}

fn cups_files_conf(dir: &str) -> String {
    format!(
        "User lp\nGroup lp\nSystemGroup root\n\n\
         ServerBin {dir}/cups/bin\n\
         ServerRoot {dir}/cups/root\n\
         RequestRoot {dir}/cups/requests\n\
         TempDir {dir}/cups/requests/tmp\n\
         CacheDir {dir}/cups/cache\n\
         StateDir {dir}/cups/state\n\
         AccessLog {dir}/cups/access_log\n\
         ErrorLog {dir}/cups/error_log\n\
         PageLog {dir}/cups/page_log\n"
    )
}
