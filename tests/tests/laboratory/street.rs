//! What scenarios about clients without Lanyard begin with: `ben` has a printer that is shared with everyone on the
//! network, `cleo` has a desktop as Debian makes it.

use anyhow::{Context, Result};
use lanyard_tests::{Advert, Desktop, Host, Lab, Node, PaperPrinter, Process, printer::QUEUE, soon};
use std::{fs, time::Duration};

/// How long an announcement or a goodbye may take to be heard.
pub(crate) const HEARD: Duration = Duration::from_secs(8);

/// `ben` has a printer that is shared with everyone; `cleo` has no Lanyard.
pub(crate) struct Street {
    pub(crate) desktop: Desktop,
    pub(crate) owner: Node,
    pub(crate) printer: PaperPrinter,
    pub(crate) lab: Lab,
}

impl Street {
    pub(crate) fn new() -> Result<Self> {
        let street = Self::unshared()?;
        street.owner.run(&["share", "printer", QUEUE, "--name", "Office", "--to", "network"])?;
        Ok(street)
    }

    pub(crate) fn unshared() -> Result<Self> {
        let lab = Lab::new()?;
        let ben = lab.host("ben")?;
        let printer = PaperPrinter::install(&ben)?;
        let owner = Node::at_home_beside(&ben, &printer)?;
        let desktop = Desktop::install(&lab.host("cleo")?)?;
        Ok(Self { desktop, owner, printer, lab })
    }

    /// What `cleo` hears of the printer.
    pub(crate) fn hears(&self, service: &str) -> Result<Advert> {
        hears(&self.desktop, service, "Office (Lanyard)")
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> Result<String> {
        let path = self.desktop.host().dir().join(name);
        fs::write(&path, content)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// The IPP attributes of the printer at `uri`, as ipptool prints them.
    pub(crate) fn attributes(&self, uri: &str, options: &[&str]) -> Result<Attributes> {
        let mut command = vec!["ipptool", "-tv", "-T", "20"];
        command.extend(options);
        command.extend([uri, "get-printer-attributes.test"]);
        Ok(Attributes(self.desktop.host().run(&command)?))
    }
}

pub(crate) fn hears(desktop: &Desktop, service: &str, name: &str) -> Result<Advert> {
    soon(&format!("{name} is heard as {service}"), HEARD, || {
        let found = desktop.browse(service)?;
        let names: Vec<&str> = found.iter().map(|advert| advert.name.as_str()).collect();
        let words = format!("there is {names:?}");
        // The IPv4 one; that of IPv6 says the same.
        found.into_iter().find(|advert| advert.name == name && advert.address.contains('.')).context(words)
    })
}

/// ipptool's `name (syntax) = value` lines.
pub(crate) struct Attributes(String);

impl Attributes {
    pub(crate) fn value(&self, name: &str) -> Result<&str> {
        let found = self.0.lines().find_map(|line| {
            let (told, value) = line.trim().split_once(" = ")?;
            (told.split(' ').next() == Some(name)).then_some(value)
        });
        found.with_context(|| format!("no {name} in {}", self.0))
    }
}

/// A printer that is on the network by itself.
pub(crate) fn corridor(far: &Host) -> Result<Process> {
    let spool = far.dir().join("spool");
    fs::create_dir(&spool)?;
    far.sh("mkdir -p /run/dbus /run/avahi-daemon
         dbus-daemon --system --fork --nopidfile
         avahi-daemon -D --no-drop-root --no-chroot --no-rlimits")?;
    let spool = spool.to_string_lossy();
    let what = ["ippeveprinter", "-2", "-d", &spool, "-c", "/bin/true", "-f", "application/pdf"];
    far.spawn(&[&what[..], &["-p", "8631", "Corridor"]].concat())
}

/// `ben` has a queue for it and shares that.
pub(crate) fn share_corridor(street: &Street, device: &str) -> Result<()> {
    soon("the queue is made", Duration::from_secs(15), || {
        street.printer.admin(&["lpadmin", "-p", "Corridor", "-E", "-v", device, "-m", "everywhere"])
    })?;
    soon("the node knows the queue", Duration::from_secs(10), || {
        street.owner.run(&["share", "printer", "Corridor", "--name", "Corridor", "--to", "network"])
    })?;
    Ok(())
}

/// The status with which a page answers, `000` when there is none.
pub(crate) fn status_of(host: &Host, arguments: &[&str]) -> Result<String> {
    let mut command = vec!["curl", "-s", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}"];
    command.extend(arguments);
    Ok(String::from_utf8_lossy(&host.output(&command)?.stdout).into_owned())
}
