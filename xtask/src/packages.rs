//! System packages: what is needed, why, and installing what is missing. Debian and its descendants only; on other
//! systems it names what to look for.

use crate::shell;
use anyhow::{Context as _, Result};
use std::process::Command;

/// A package of the system, and the reason for asking for it.
pub(crate) struct Package {
    /// Debian's name.
    name: &'static str,
    /// What it is for, for the person who is asked for a password.
    why: &'static str,
    /// A program that makes the package unnecessary, wherever it came from.
    unless: Option<&'static str>,
}

/// What compiling and running the app takes.
pub(crate) const BUILD: &[Package] = &[
    package("pkg-config", "finds the libraries below"),
    package("libwebkit2gtk-4.1-dev", "the window: Tauri shows it with WebKitGTK"),
    package("libayatana-appindicator3-dev", "the icon in the system tray"),
];

/// What the tests use besides.
pub(crate) const TEST: &[Package] = &[
    package("xvfb", "a screen for the window test"),
    package("webkit2gtk-driver", "clicks in the real window"),
    Package { name: "chromium", why: "the same screens in a browser", unless: Some("chromium") },
    package("dbus", "a session bus for the window, a system bus for avahi in the laboratory"),
    package("cups", "real print queues in the laboratory"),
    package("cups-filters", "turns PDF into what a printer eats"),
    package("cups-ipp-utils", "ippeveprinter, a printer that keeps its pages"),
    package("cups-client", "lp and lpstat, to look at the queues from outside"),
    package("ghostscript", "used by the filters of CUPS"),
    package("poppler-utils", "pdftotext and pdftoppm compare printed pages"),
    package("fonts-dejavu-core", "letters of many alphabets, for text on its way to paper"),
    package("fonts-droid-fallback", "those of East Asia"),
    package("avahi-daemon", "a second opinion about what is announced"),
    package("avahi-utils", "avahi-browse, its witness"),
    package("libnss-mdns", "CUPS reaches printers by their .local names, as on a desktop"),
    package("cups-browsed", "another client that finds printers by itself"),
    package("iproute2", "the laboratory's hosts and cables"),
    package("nftables", "lost packets and unplugged cables"),
    package("tcpdump", "what is on the wire, and what is not"),
    package("slowhttptest", "two hundred browsers that hardly move"),
    package("curl", "one that does"),
    package("python3-venv", "a place for sslyze, which looks at TLS from outside"),
    package("systemd", "systemd-analyze judges how the service is hardened"),
    package("litmus", "the test suite for WebDAV"),
    package("cadaver", "a client for WebDAV that is spoken to in words"),
    package("davfs2", "one that mounts it"),
    package("rclone", "one that copies trees and compares them"),
    package("ntfs-3g", "a disk to which large and small letters are the same"),
    package("fuse3", "mounts drives for ordinary users, and for rclone"),
    package("libglib2.0-bin", "gio, what the file manager of a desktop does, in words"),
    package("gvfs-backends", "where it learnt WebDAV"),
    package("openssl", "shows the certificate that davfs2 is to trust"),
    package("fio", "writes in a mounted drive and checks what it reads again"),
    package("e2fsprogs", "makes a disk that is then damaged"),
    package("rsync", "copies into a mounted drive, and should find nothing to do the second time"),
    package("genisoimage", "discs of many kinds, and isoinfo, which tells what is on one"),
    package("xorriso", "the same discs by another hand"),
    package("udftools", "empty UDF volumes of every revision"),
    package("p7zip-full", "a second reader of discs"),
    package("xdotool", "a hand on the mouse for the window test"),
    package("python3-gi", "a program from which files are dragged"),
    package("gir1.2-gtk-3.0", "its window"),
    package("ffmpeg", "makes small films to play"),
    package("gstreamer1.0-plugins-good", "plays them in the window"),
    package("git", "clones into a mounted drive"),
    package("gcc", "builds in one"),
    package("procps", "counts processes that should be gone"),
    package("python3-venv", "a second implementation of joining, and lies about hardware addresses"),
    package("curl", "knocks at the browser door as another user"),
    package("g++", "libFuzzer is C++ and compiled with the fuzz targets"),
];

/// What `cargo xtask fuzz` uses by itself.
pub(crate) const FUZZ: &[Package] = &[package("g++", "libFuzzer is C++ and compiled with the fuzz targets")];

/// What `cargo xtask bench` compares with.
pub(crate) const BENCH: &[Package] = &[
    package("nginx-light", "the web server to compare with; run privately, never as a service"),
    package("curl", "the client to compare with"),
    package("openssl", "a certificate for the comparison"),
    package("samba", "the file server to compare with; run privately, never as a service"),
    package("smbclient", "its client"),
    package("rsync", "the fastest with small files, as a daemon and as its client"),
    package("rclone", "serves and copies over WebDAV"),
    package("xvfb", "a screen for the window"),
];

/// What the cross checks use.
pub(crate) const CROSS: &[Package] = &[
    package("rustc-web", "Debian's compiler, whose library source can be built for other systems"),
    package("cargo-web", "its cargo"),
    package("rust-web-src", "the library source"),
    package("gcc-mingw-w64-x86-64", "C code inside crates, for Windows"),
];

/// What fetching from PyPI takes.
pub(crate) const PIP: &[Package] =
    &[package("python3", "runs pip"), package("python3-pip", "fetches Node.js into the project's cache")];

const fn package(name: &'static str, why: &'static str) -> Package {
    Package { name, why, unless: None }
}

/// Installs what is missing of `packages`; says what and why first.
pub(crate) fn install(packages: &[Package]) -> Result<()> {
    if !shell::has("apt-get") {
        if cfg!(target_os = "linux") {
            eprintln!("xtask: this is no Debian or Ubuntu; make sure that you have the equivalents of:");
            packages.iter().for_each(|package| eprintln!("  {:30} {}", package.name, package.why));
        }
        return Ok(());
    }
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("xtask: to be installed with apt-get:");
    missing.iter().for_each(|package| eprintln!("  {:30} {}", package.name, package.why));
    let mut install = as_root()?;
    install.args(["sh", "-c", SCRIPT, "xtask"]).args(missing.iter().map(|package| package.name));
    eprintln!("$ apt-get install --no-install-recommends …");
    let status = install.status().context("starting apt-get")?;
    let still: Vec<_> = self::missing(packages).iter().map(|package| package.name).collect();
    anyhow::ensure!(
        still.is_empty(),
        "apt-get could not install everything ({status}). As root, try:\n  apt-get update && apt-get install {}",
        still.join(" ")
    );
    Ok(())
}

/// Services that come with a package (cupsd, avahi-daemon) are not started by installing it: the tests run their own
/// privately, and a person who only wanted to run tests did not ask for a server. Debian's way to say so is
/// `policy-rc.d`; it exists only for the duration, and one that is there already is left alone. A list that cannot be
/// refreshed (a third-party source that is away) is not an error as long as the packages can be had.
const SCRIPT: &str = r#"
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
get() { apt-get -q -o DPkg::Lock::Timeout=600 install -y --no-install-recommends "$@"; }
if apt-get -qq -s install "$@" >/dev/null 2>&1 && get "$@"; then exit 0; fi
apt-get -q update || echo 'xtask: some package lists could not be refreshed; going on with the others' >&2
get "$@"
"#;

fn missing(packages: &[Package]) -> Vec<&Package> {
    packages
        .iter()
        .filter(|package| !package.unless.is_some_and(shell::has) && !installed(package.name))
        .collect()
}

fn installed(name: &str) -> bool {
    let query = Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", name]).output();
    query.is_ok_and(|output| output.status.success() && output.stdout == b"installed")
}

fn as_root() -> Result<Command> {
    if shell::read(Command::new("id").arg("-u"))?.trim() == "0" {
        return Ok(Command::new("env"));
    }
    anyhow::ensure!(shell::has("sudo"), "installing needs root, and there is no sudo; run this as root once");
    eprintln!("xtask: sudo may ask for your password");
    let mut command = Command::new("sudo");
    command.arg("env");
    Ok(command)
}
