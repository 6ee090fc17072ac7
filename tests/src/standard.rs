//! A printer on the network that speaks IPP and belongs to nobody: `ippeveprinter` on a host of its own, announced by
//! Avahi, in plain and over TLS, with the same paper path as [`crate::printer`].

use crate::{
    host::{Host, Process},
    printer::{Printed, set_file, tray, write_paper_path},
};
use anyhow::{Result, bail, ensure};
use std::{fs, path::PathBuf, time::Duration};

/// Its port.
const PORT: &str = "8631";

/// The printer.
#[derive(Debug)]
pub struct StandardPrinter {
    host: Host,
    dir: PathBuf,
    name: String,
    formats: String,
    process: Option<Process>,
}

impl StandardPrinter {
    /// Starts D-Bus, Avahi and the printer.
    ///
    /// # Errors
    /// When one of them is not installed or does not start.
    pub fn install(host: &Host, name: &str, formats: &[&str]) -> Result<Self> {
        let dir = host.dir().join("standard");
        for sub in ["tray", "spool", "keys"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        write_paper_path(&dir)?;
        host.sh("mkdir -p /run/dbus /run/avahi-daemon
             dbus-daemon --system --fork --nopidfile
             avahi-daemon -D --no-drop-root --no-chroot --no-rlimits")?;
        let formats = formats.join(",");
        let mut printer = Self { host: host.clone(), dir, name: name.to_owned(), formats, process: None };
        printer.on()?;
        Ok(printer)
    }

    /// Switches it on.
    ///
    /// # Errors
    /// When it does not start.
    pub fn on(&mut self) -> Result<()> {
        let dir = self.dir.to_string_lossy().into_owned();
        self.process = Some(self.host.spawn(&[
            "ippeveprinter",
            "-2",
            "-k",
            "-d",
            &format!("{dir}/spool"),
            "-K",
            &format!("{dir}/keys"),
            "-c",
            &format!("{dir}/paper-path"),
            "-f",
            &self.formats,
            "-p",
            PORT,
            "-r",
            "_print",
            &self.name,
        ])?);
        crate::soon("the printer listens", Duration::from_secs(10), || {
            let sockets = self.host.run(&["ss", "-Hltn", &format!("sport = :{PORT}")])?;
            ensure!(!sockets.trim().is_empty(), "nothing listens on {PORT}");
            Ok(())
        })?;
        // It makes its key with the first connection, and two when there are two at once.
        let uri = format!("ipps://localhost:{PORT}/ipp/print");
        self.host.run(&["ipptool", "-T", "10", &uri, "get-printer-attributes.test"]).map(|_| ())
    }

    /// Switches it off as pulling the plug would.
    ///
    /// # Errors
    /// When it survives.
    pub fn off(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Sees to it that its host is still called what the printer says after its addresses have changed. Avahi may hear
    /// itself tell an address that is no longer its own, takes that for another computer of its name and calls itself
    /// differently; a real printer then announces itself anew, and `ippeveprinter` does not.
    ///
    /// # Errors
    /// When Avahi does not take its name back.
    pub fn keeps_its_name(&self) -> Result<()> {
        const CONFLICTS: Duration = Duration::from_secs(2);
        let name = self.host.name();
        crate::soon("Avahi keeps its name", Duration::from_secs(20), || {
            std::thread::sleep(CONFLICTS);
            let title = self.host.run(&["ps", "-o", "args=", "-C", "avahi-daemon"])?;
            if !title.contains(&format!("[{name}.local]")) {
                self.host.run(&["avahi-set-host-name", name])?;
                bail!("it calls itself {title:?}");
            }
            Ok(())
        })
    }

    /// What lies on the tray, in the order of printing.
    ///
    /// # Errors
    /// When a document on it cannot be read.
    pub fn tray(&self) -> Result<Vec<Printed>> {
        tray(&self.host, &self.dir)
    }

    /// How many documents lie on the tray.
    ///
    /// # Errors
    /// When the tray cannot be read.
    pub fn sheets(&self) -> Result<usize> {
        // What is still being printed has another name.
        let is_whole = |entry: &fs::DirEntry| !entry.file_name().to_string_lossy().starts_with('.');
        Ok(fs::read_dir(self.dir.join("tray"))?.filter_map(Result::ok).filter(is_whole).count())
    }

    /// What it has printed, as the bytes that it got, in no order.
    ///
    /// # Errors
    /// When a document on the tray cannot be read.
    pub fn received(&self) -> Result<Vec<Vec<u8>>> {
        let sheets = fs::read_dir(self.dir.join("tray"))?;
        sheets.map(|sheet| Ok(fs::read(sheet?.path().join("document"))?)).collect()
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

    /// Takes away what lies on the tray. A printer that was switched off counts its jobs from 1 again.
    ///
    /// # Errors
    /// When the tray cannot be emptied.
    pub fn empty_tray(&self) -> Result<()> {
        fs::remove_dir_all(self.dir.join("tray"))?;
        Ok(fs::create_dir(self.dir.join("tray"))?)
    }

    /// Takes the paper out, or puts new paper in.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn set_paper(&self, there: bool) -> Result<()> {
        set_file(&self.dir.join("paper-out"), !there)
    }

    /// Makes it take its time with every document until it is told otherwise.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub fn set_busy(&self, busy: bool) -> Result<()> {
        set_file(&self.dir.join("busy"), busy)
    }
}
