//! A computer without Lanyard, as Debian makes it: Avahi, which finds printers and resolves names, and a CUPS that
//! prints on what it finds.

use crate::host::{Host, Process};
use anyhow::{Context, Result, ensure};
use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

/// The computer.
#[derive(Debug)]
pub struct Desktop {
    host: Host,
    dir: PathBuf,
    _cups: Process,
}

/// A service as `avahi-browse` resolves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advert {
    /// The instance's name.
    pub name: String,
    /// The host, with `.local`.
    pub host: String,
    /// IPv4 or IPv6.
    pub address: String,
    /// The port.
    pub port: u16,
    /// The TXT record; keys as they are written.
    pub txt: BTreeMap<String, String>,
    /// The key of the first entry.
    pub first: String,
}

impl Desktop {
    /// Starts D-Bus, Avahi and CUPS.
    ///
    /// # Errors
    /// When one of them is not installed or does not start.
    pub fn install(host: &Host) -> Result<Self> {
        let dir = host.dir().join("desktop");
        for sub in ["root/ppd", "requests/tmp", "cache", "state"] {
            fs::create_dir_all(dir.join(sub))?;
        }
        // CUPS runs its filters as `lp`, which has no rights here otherwise.
        for sub in ["requests", "requests/tmp", "cache", "state"] {
            fs::set_permissions(dir.join(sub), fs::Permissions::from_mode(0o777))?;
        }
        let text = dir.to_string_lossy().into_owned();
        fs::write(dir.join("cupsd.conf"), cupsd_conf(&text))?;
        fs::write(dir.join("cups-files.conf"), cups_files_conf(&text))?;
        host.sh("mkdir -p /run/dbus /run/avahi-daemon /run/cups
             dbus-daemon --system --fork --nopidfile
             avahi-daemon -D --no-drop-root --no-chroot --no-rlimits")?;
        let cups = host.spawn(&[
            "cupsd",
            "-f",
            "-c",
            &format!("{text}/cupsd.conf"),
            "-s",
            &format!("{text}/cups-files.conf"),
        ])?;
        let new = Self { host: host.clone(), dir, _cups: cups };
        crate::soon("CUPS answers", Duration::from_secs(10), || {
            let words = new.run(&["lpstat", "-r"])?;
            ensure!(words.contains("is running"), "{}", words.trim());
            Ok(())
        })?;
        Ok(new)
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its own CUPS's address, for programs that take it from the environment.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        // Where the clients' library looks for what a queue can do.
        let root = self.dir.join("root").to_string_lossy().into_owned();
        vec![("CUPS_SERVER".into(), self.socket()), ("CUPS_SERVERROOT".into(), root)]
    }

    /// Where its CUPS listens.
    #[must_use]
    pub fn socket(&self) -> String {
        self.dir.join("socket").to_string_lossy().into_owned()
    }

    /// Runs a command that talks to its CUPS.
    ///
    /// # Errors
    /// When it fails; with its words and the end of CUPS's log.
    pub fn run(&self, command: &[&str]) -> Result<String> {
        let output = self.host.output_with(command, &self.environment())?;
        ensure!(
            output.status.success(),
            "{}: {}\n{}",
            command.join(" "),
            String::from_utf8_lossy(&output.stderr).trim(),
            self.log()
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What Avahi finds of a type (`_ipp._tcp`, `_print._sub._ipp._tcp`) right now, over IPv4 and IPv6.
    ///
    /// # Errors
    /// When it does not answer, or answers something else.
    pub fn browse(&self, service: &str) -> Result<Vec<Advert>> {
        let found = self.host.run(&["avahi-browse", "-rpt", service])?;
        found.lines().filter(|line| line.starts_with('=')).map(advert).collect()
    }

    /// The end of its CUPS's log.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read(self.dir.join("error_log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

/// `=;eth0;IPv4;Office\032\040Lanyard\041;_ipp._tcp;local;host.local;10.77.0.1;7717;"a=b" "c=d"`
fn advert(line: &str) -> Result<Advert> {
    let fields: Vec<&str> = line.splitn(10, ';').collect();
    let [_, _, _, name, _, _, host, address, port, txt] = fields[..] else {
        anyhow::bail!("avahi-browse printed {line:?}");
    };
    let entries = txt.strip_prefix('"').and_then(|txt| txt.strip_suffix('"')).unwrap_or_default();
    let entries: Vec<(String, String)> = entries
        .split("\" \"")
        .filter_map(|entry| entry.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Ok(Advert {
        name: unescaped(name),
        host: host.to_owned(),
        address: address.to_owned(),
        port: port.parse().with_context(|| format!("a port in {line:?}"))?,
        // avahi-browse lists the entries from the last to the first.
        first: entries.last().map(|(key, _)| key.clone()).unwrap_or_default(),
        txt: entries.into_iter().collect(),
    })
}

/// Avahi writes what is no letter or digit as a backslash and three decimal digits.
fn unescaped(text: &str) -> String {
    let (mut plain, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let number = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u8>().ok());
        match (first, number) {
            (b'\\', Some(byte)) => {
                plain.push(byte);
                rest = &after[3..];
            }
            (b'\\', None) => {
                plain.extend(after.first());
                rest = after.get(1..).unwrap_or_default();
            }
            _ => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn cupsd_conf(dir: &str) -> String {
    format!(
        "LogLevel debug\n\
         Listen {dir}/socket\n\
         Browsing No\n\
         WebInterface No\n\
         DefaultAuthType None\n\
         JobRetryInterval 2\n\
         PreserveJobHistory Yes\n\
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
        "User lp\nGroup lp\nSystemGroup root\n\
         ServerRoot {dir}/root\n\
         RequestRoot {dir}/requests\n\
         TempDir {dir}/requests/tmp\n\
         CacheDir {dir}/cache\n\
         StateDir {dir}/state\n\
         AccessLog {dir}/access_log\n\
         ErrorLog {dir}/error_log\n\
         PageLog {dir}/page_log\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_avahi_prints_is_read() -> Result<()> {
        let line = r#"=;eth0;IPv4;Off\195\164\032\040Lanyard\041;_ipp._tcp;local;lanyard-x.local;10.77.0.1;7717;"TLS=1.3" "txtvers=1""#;
        let advert = advert(line)?;
        ensure!(advert.name == "Offä (Lanyard)" && advert.port == 7717, "{advert:?}");
        ensure!(advert.txt["TLS"] == "1.3" && advert.first == "txtvers", "{advert:?}");
        Ok(())
    }
}
