//! A private cupsd with printers that keep what reaches them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A cupsd of its own. Its queue `pages` runs CUPS's PDF filters (copies and ranges work as with a real printer),
/// its queue `raw` passes bytes through.
pub(crate) struct Cupsd {
    dir: TempDir,
    child: Option<Child>,
}

/// What a printer did: one run of the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Printed {
    pub(crate) title: String,
    pub(crate) copies: u32,
    pub(crate) options: String,
    pub(crate) document: PathBuf,
}

const SERVER_BIN: &str = "/usr/lib/cups";

impl Cupsd {
    pub(crate) fn start() -> Self {
        for tool in ["/usr/sbin/cupsd", "/usr/sbin/lpadmin", "/usr/lib/cups/filter/pdftopdf"] {
            assert!(Path::new(tool).exists(), "{tool} is missing: install cups and cups-filters");
        }
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["root", "spool/tmp", "cache", "state", "bin/backend", "kept"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        for name in ["filter", "cgi-bin", "daemon", "driver", "monitor", "notifier"] {
            symlink(Path::new(SERVER_BIN).join(name), dir.path().join("bin").join(name)).unwrap();
        }
        let mut cupsd = Self { dir, child: None };
        cupsd.write("cupsd.conf", CUPSD_CONF);
        cupsd.write("cups-files.conf", CUPS_FILES_CONF);
        cupsd.write("keep.ppd", PPD);
        cupsd.write("bin/backend/keep", BACKEND);
        // A backend that only root may run runs as root, and may write where it wants.
        fs::set_permissions(cupsd.path("bin/backend/keep"), fs::Permissions::from_mode(0o700)).unwrap();
        cupsd.up();
        cupsd.lpadmin(&[
            "-p",
            "pages",
            "-v",
            "keep:/",
            "-P",
            &cupsd.path("keep.ppd").display().to_string(),
            "-E",
        ]);
        cupsd.lpadmin(&["-p", "raw", "-v", "keep:/", "-E"]);
        cupsd
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("cups.sock")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn up(&mut self) {
        let child = Command::new("/usr/sbin/cupsd")
            .arg("-f")
            .arg("-c")
            .arg(self.path("cupsd.conf"))
            .arg("-s")
            .arg(self.path("cups-files.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        eventually("cupsd answers", || self.tool("lpstat", &["-r"]).contains("is running"));
    }

    /// SIGTERM: it saves what it knows.
    pub(crate) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = Command::new("kill").arg(child.id().to_string()).status();
        let _ = child.wait();
    }

    /// SIGKILL: it forgets what it had not saved yet.
    pub(crate) fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn lpadmin(&self, args: &[&str]) {
        self.tool("lpadmin", args);
    }

    pub(crate) fn tool(&self, name: &str, args: &[&str]) -> String {
        let output = Command::new(name).args(args).env("CUPS_SERVER", self.socket()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Makes the printers behave: `slow` (never ends) or `empty` (out of paper), until [`Cupsd::behave_well`].
    pub(crate) fn misbehave(&self, how: &str) {
        fs::write(self.path(how), "").unwrap();
    }

    pub(crate) fn behave_well(&self) {
        for how in ["slow", "empty"] {
            let _ = fs::remove_file(self.path(how));
        }
    }

    /// Whether the printer has a whole document, on paper or not.
    pub(crate) fn has_received(&self) -> bool {
        let kept = fs::read_dir(self.path("kept")).into_iter().flatten().flatten();
        kept.map(|entry| entry.file_name()).any(|name| name != "log")
    }

    /// Everything that reached a printer, in order.
    pub(crate) fn printed(&self) -> Vec<Printed> {
        let log = fs::read_to_string(self.path("kept/log")).unwrap_or_default();
        let line = |line: &str| {
            let mut parts = line.splitn(4, '\t');
            let mut next = || parts.next().unwrap_or_default().to_owned();
            let (document, title, copies, options) = (next(), next(), next(), next());
            Printed {
                title,
                copies: copies.parse().unwrap(),
                options,
                document: self.path("kept").join(document),
            }
        };
        log.lines().map(line).collect()
    }

    fn write(&self, name: &str, text: &str) {
        let text = text.replace("@DIR@", &self.dir.path().display().to_string());
        fs::write(self.path(name), text).unwrap();
    }
}

impl Drop for Cupsd {
    fn drop(&mut self) {
        self.behave_well();
        self.stop();
    }
}

/// Waits for something that happens elsewhere.
pub(crate) fn eventually(what: &str, mut check: impl FnMut() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(start.elapsed() < Duration::from_secs(30), "not within 30 s: {what}");
        thread::sleep(Duration::from_millis(25));
    }
}

/// The text on the pages of a PDF, as poppler reads it.
pub(crate) fn text_of(pdf: &Path) -> String {
    let output = Command::new("pdftotext").arg(pdf).arg("-").output();
    let output = output.expect("pdftotext is missing: install poppler-utils");
    assert!(output.status.success(), "{} is no PDF", pdf.display());
    String::from_utf8(output.stdout).unwrap()
}

const CUPSD_CONF: &str = "\
Listen @DIR@/cups.sock
LogLevel debug
MaxLogSize 0
DefaultAuthType Basic
Browsing No
WebInterface No
<Location />
  Order allow,deny
  Allow all
</Location>
# As Debian ships it: only the owner of a job may give it a document or cancel it.
<Policy default>
  JobPrivateAccess default
  JobPrivateValues default
  SubscriptionPrivateAccess default
  SubscriptionPrivateValues default
  <Limit Create-Job Print-Job Print-URI Validate-Job>
    Order deny,allow
  </Limit>
  <Limit Send-Document Send-URI Hold-Job Release-Job Restart-Job Purge-Jobs Set-Job-Attributes Cancel-My-Jobs Close-Job CUPS-Move-Job>
    Require user @OWNER @SYSTEM
    Order deny,allow
  </Limit>
  <Limit Cancel-Job CUPS-Authenticate-Job>
    AuthType Default
    Require user @OWNER @SYSTEM
    Order deny,allow
  </Limit>
  <Limit CUPS-Add-Modify-Printer CUPS-Delete-Printer Pause-Printer Resume-Printer Enable-Printer Disable-Printer>
    AuthType Default
    Require user @SYSTEM
    Order deny,allow
  </Limit>
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
";

const CUPS_FILES_CONF: &str = "\
User lp
Group lp
SystemGroup root
ServerRoot @DIR@/root
ServerBin @DIR@/bin
RequestRoot @DIR@/spool
TempDir @DIR@/spool/tmp
CacheDir @DIR@/cache
StateDir @DIR@/state
AccessLog @DIR@/access_log
ErrorLog @DIR@/error_log
PageLog @DIR@/page_log
";

/// job-id user title copies options [file]
const BACKEND: &str = r#"#!/bin/sh
[ $# -eq 0 ] && { echo 'direct keep "Unknown" "Keep"'; exit 0; }
# Paper moves on when CUPS has died and nobody reads what is said.
trap '' PIPE
dir=@DIR@
name=$1-$$.doc
cat "${6:-/dev/stdin}" > "$dir/kept/$name"
echo "ATTR: marker-names='Black Toner,Cyan' marker-colors=#000000,#00FFFF marker-levels=5,80 marker-low-levels=10,10" >&2
if [ -e "$dir/empty" ]; then
    echo 'STATE: +media-empty-error' >&2
    while [ -e "$dir/empty" ]; do sleep 0.1; done
    echo 'STATE: -media-empty-error' >&2
fi
while [ -e "$dir/slow" ]; do sleep 0.1; done
printf '%s\t%s\t%s\t%s\n' "$name" "$3" "$4" "$5" >> "$dir/kept/log"
"#;

const PPD: &str = r#"*PPD-Adobe: "4.3"
*FormatVersion: "4.3"
*FileVersion: "1.0"
*LanguageVersion: English
*LanguageEncoding: ISOLatin1
*PCFileName: "KEEP.PPD"
*Manufacturer: "Lanyard"
*Product: "(Keep)"
*ModelName: "Keep"
*ShortNickName: "Keep"
*NickName: "Lanyard Keep"
*PSVersion: "(3010.000) 0"
*LanguageLevel: "3"
*ColorDevice: True
*DefaultColorSpace: RGB
*FileSystem: False
*Throughput: "1"
*LandscapeOrientation: Plus90
*TTRasterizer: Type42
*cupsVersion: 2.4
*cupsFilter2: "application/vnd.cups-pdf application/pdf 0 -"
*OpenUI *PageSize/Media Size: PickOne
*OrderDependency: 10 AnySetup *PageSize
*DefaultPageSize: A4
*PageSize A4/A4: ""
*PageSize Letter/US Letter: ""
*CloseUI: *PageSize
*OpenUI *PageRegion/Media Size: PickOne
*OrderDependency: 10 AnySetup *PageRegion
*DefaultPageRegion: A4
*PageRegion A4/A4: ""
*PageRegion Letter/US Letter: ""
*CloseUI: *PageRegion
*DefaultImageableArea: A4
*ImageableArea A4/A4: "18 18 577 824"
*ImageableArea Letter/US Letter: "18 18 594 774"
*DefaultPaperDimension: A4
*PaperDimension A4/A4: "595 842"
*PaperDimension Letter/US Letter: "612 792"
*OpenUI *Duplex/Double-Sided: PickOne
*OrderDependency: 20 AnySetup *Duplex
*DefaultDuplex: None
*Duplex None/Off: ""
*Duplex DuplexNoTumble/Long: ""
*Duplex DuplexTumble/Short: ""
*CloseUI: *Duplex
"#;
