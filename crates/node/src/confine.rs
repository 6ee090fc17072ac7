//! Confining this process to the files it needs (Landlock, Linux 5.13 and later): whatever a fault of ours lets
//! somebody do, the rest of the disk stays closed.
//!
//! Must be entered while the process has one thread, because each thread confines itself and those it starts; so
//! the binaries call it before there is a run time. What was once given up cannot be had back: a folder that is to
//! be shared later must be allowed at the start. The network is left open: Landlock limits TCP by port only, and
//! other devices listen on any.

use crate::{Config, DataDir, StartError, config, lock::Lock, shares};
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// How far this process is confined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confinement {
    level: Level,
    /// Where it may write.
    roots: Vec<PathBuf>,
}

/// How much the kernel does of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All that was asked for.
    Full,
    /// The kernel knows some of it.
    Partial,
    /// Nothing: the kernel cannot.
    None,
}

/// What is read besides: programs and libraries, names, times, printers, and what the self-check looks at. Never all
/// of /etc, which holds other people's secrets.
#[cfg(target_os = "linux")]
const READ: &[&str] = &[
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/passwd",
    "/etc/group",
    "/etc/machine-id",
    "/var/lib/dbus/machine-id",
    "/etc/cups/client.conf",
    "/etc/cups/lpoptions",
    "/etc/papersize",
    "/etc/ssl/certs",
    "/etc/ufw/ufw.conf",
    "/run/cups",
    "/run/systemd/resolve",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/sys",
    "/sys/class/net",
    "/sys/devices/system/cpu",
    "/dev/urandom",
    "/dev/random",
];

static CONFINED: OnceLock<Confinement> = OnceLock::new();

impl Confinement {
    /// Whether the kernel does what was asked for, at least in part.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.level != Level::None
    }

    /// How much of it the kernel does.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Folders that are open to this process.
    #[must_use]
    pub fn folders(&self) -> usize {
        self.roots.len()
    }
}

/// How this process is confined, if that was asked for.
#[must_use]
pub fn confinement() -> Option<Confinement> {
    CONFINED.get().cloned()
}

/// Whether a folder can be shared by this process.
#[must_use]
pub fn allows(path: &Path) -> bool {
    let Some(confined) = CONFINED.get().filter(|confined| confined.holds()) else { return true };
    let Ok(real) = path.canonicalize() else { return true };
    confined.roots.iter().any(|root| real.starts_with(root))
}

/// Confines this process to its data, its downloads, the folders that are shared now, and `allow`. Best effort: a
/// kernel that cannot is no error, and the self-check says so.
///
/// # Errors
/// [`StartError`] when the data directory cannot be used, another node runs on it, or a folder of `allow` is none.
pub fn enter(config: &Config, allow: &[PathBuf]) -> Result<(), StartError> {
    let data = DataDir::resolve(config.data.as_deref())?;
    data.create()?;
    let lock = Lock::take(&data)?;
    let downloads = config::downloads(config, &data);
    let _ = std::fs::create_dir_all(&downloads); // said when something is to be copied there
    let mut roots = Vec::new();
    for dir in allow {
        let real = dir.canonicalize().and_then(|real| match real.is_dir() {
            true => Ok(real),
            false => Err(std::io::ErrorKind::NotADirectory.into()),
        });
        roots.push(
            real.map_err(|error| StartError::failed(format!("cannot allow {}", dir.display()), error))?,
        );
    }
    let shared = shares::folders_in(&data.store());
    let others = [data.root().to_owned(), downloads].into_iter().chain(shared);
    roots.extend(others.filter_map(|path| path.canonicalize().ok()));
    roots.sort();
    roots.dedup();
    let level = restrict(&roots)?;
    drop(lock);
    // Entered twice, the narrower holds; the first is told.
    let _ = CONFINED.set(Confinement { level, roots });
    Ok(())
}

#[cfg(target_os = "linux")]
fn restrict(roots: &[PathBuf]) -> Result<Level, StartError> {
    use landlock::{
        ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
        RulesetStatus, path_beneath_rules,
    };
    let abi = ABI::V5;
    let all = AccessFs::from_all(abi);
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cups"));
    // Documents are read by a child, which is this program once more, wherever it lies.
    let program = std::env::current_exe().ok();
    let read = READ.iter().map(PathBuf::from).chain(home).chain(program);
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(roots, all)))
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(read, AccessFs::from_read(abi))))
        .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(["/dev/null"], AccessFs::from_file(abi))))
        .and_then(landlock::RulesetCreated::restrict_self);
    let status = restricted.map_err(|error| StartError::failed("confining this process", error))?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Level::Full,
        RulesetStatus::PartiallyEnforced => Level::Partial,
        RulesetStatus::NotEnforced => Level::None,
    })
}

#[cfg(not(target_os = "linux"))]
fn restrict(_: &[PathBuf]) -> Result<Level, StartError> {
    Ok(Level::None)
}
