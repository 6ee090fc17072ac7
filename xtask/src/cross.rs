//! Type-checking for Windows and macOS on Debian, from Debian's packages and crates.io alone.
//!
//! Debian's Rust comes with the source of the standard library. That is checked once for the other system into a
//! private sysroot, and everything else against it. Nothing is linked. The project's own toolchain is not touched.

use crate::{node_js::NodeJs, packages, project, shell, ui};
use anyhow::{Context as _, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const USAGE: &str = "usage: cargo xtask cross setup | check windows|macos";
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";

/// A system to check for.
struct Target {
    triple: &'static str,
    /// The compiler for C code in crates; none means one that compiles nothing.
    cc: Option<(&'static str, &'static str)>,
}

const WINDOWS: Target =
    Target { triple: "x86_64-pc-windows-gnu", cc: Some(("x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-ar")) };
const MACOS: Target = Target { triple: "aarch64-apple-darwin", cc: None };

/// Does what the words after `cross` say.
pub(crate) fn cross(words: &[String]) -> Result<()> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["setup"] => packages::install(packages::CROSS),
        ["check", "windows"] => WINDOWS.check(),
        ["check", "macos"] => MACOS.check(),
        _ => bail!(USAGE),
    }
}

impl Target {
    fn check(&self) -> Result<()> {
        ensure!(
            Path::new(RUSTC).exists() && Path::new("/usr/lib/rustlib/src/rust/library").exists(),
            "Debian's Rust is not installed; run `cargo xtask cross setup`"
        );
        ui::build(&NodeJs::find()?)?;
        let sysroot = self.standard_library()?;
        let mut cargo = debian_cargo();
        cargo.args(["check", "--workspace", "--locked", "--keep-going", "--target", self.triple]);
        cargo.arg("--target-dir").arg(project::target().join("cross"));
        cargo.env(self.variable("RUSTFLAGS"), format!("--sysroot {}", sysroot.display()));
        self.choose_c_compiler(&mut cargo)?;
        shell::run(&mut cargo)
    }

    /// The standard library's metadata for this system, made once for each version of Debian's Rust.
    fn standard_library(&self) -> Result<PathBuf> {
        let version = shell::read(Command::new(RUSTC).arg("-vV"))?;
        let base = project::cache()?.join("cross");
        let sysroot = base.join("sysroot");
        let library = sysroot.join("lib/rustlib").join(self.triple).join("lib");
        let stamp = library.join(".version");
        if fs::read_to_string(&stamp).is_ok_and(|made_by| made_by == version) {
            return Ok(sysroot);
        }
        let package = base.join("standard-library");
        fs::create_dir_all(package.join("src"))?;
        fs::write(package.join("src/lib.rs"), "")?;
        fs::write(
            package.join("Cargo.toml"),
            "[package]\nname = \"standard-library\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n",
        )?;
        let mut cargo = debian_cargo();
        cargo
            .current_dir(&package)
            .args(["check", "-Zbuild-std=std,panic_unwind,panic_abort,proc_macro,test"])
            .args(["--target", self.triple, "--target-dir", "target"])
            // Building the standard library is the one thing here that stable cargo does not offer.
            .env("RUSTC_BOOTSTRAP", "1");
        self.choose_c_compiler(&mut cargo)?;
        shell::run(&mut cargo).context("checking the standard library")?;
        if library.exists() {
            fs::remove_dir_all(&library)?;
        }
        fs::create_dir_all(&library)?;
        for entry in fs::read_dir(package.join("target").join(self.triple).join("debug/deps"))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".rmeta") && !name.starts_with("libstandard_library") {
                fs::copy(entry.path(), library.join(name))?;
            }
        }
        fs::write(stamp, version)?;
        Ok(sysroot)
    }

    fn choose_c_compiler(&self, cargo: &mut Command) -> Result<()> {
        let triple = self.triple.replace('-', "_");
        match self.cc {
            Some((cc, ar)) => {
                ensure!(shell::has(cc), "{cc} is not installed; run `cargo xtask cross setup`");
                cargo.env(format!("CC_{triple}"), cc).env(format!("AR_{triple}"), ar);
            }
            None => {
                let base = project::cache()?.join("cross");
                let nothing = base.join("cc-that-compiles-nothing");
                fs::write(&nothing, COMPILES_NOTHING)?;
                shell::read(Command::new("chmod").arg("755").arg(&nothing))?;
                let sdk = base.join("empty-sdk");
                fs::create_dir_all(&sdk)?;
                cargo.env(format!("CC_{triple}"), &nothing).env(format!("CXX_{triple}"), &nothing);
                cargo.env(format!("AR_{triple}"), "ar").env("SDKROOT", &sdk);
            }
        }
        Ok(())
    }

    fn variable(&self, name: &str) -> String {
        format!("CARGO_TARGET_{}_{name}", self.triple.replace('-', "_").to_uppercase())
    }
}

/// Answers what the `cc` crate asks a compiler (it takes it for clang) and makes empty objects: a check never links.
const COMPILES_NOTHING: &str = r#"#!/bin/sh
object= before=
for word in "$@"; do
    case $word in
        '-?') exit 1 ;;
        -E) echo clang; exit 0 ;;
        --version | -v) echo 'clang version 14.0.0'; exit 0 ;;
        -o?*) object=${word#-o} ;;
    esac
    [ "$before" = -o ] && object=$word
    before=$word
done
[ -z "$object" ] || : > "$object"
"#;

/// Debian's cargo and compiler, free of what rustup's cargo has set for this process.
fn debian_cargo() -> Command {
    let mut cargo = shell::command(CARGO);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(PathBuf::from("/usr/bin")).chain(std::env::split_paths(&path));
    if let Ok(path) = std::env::join_paths(path) {
        cargo.env("PATH", path);
    }
    cargo.env("RUSTC", RUSTC).env("RUSTDOC", "/usr/bin/rustdoc");
    for name in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"]
    {
        cargo.env_remove(name);
    }
    cargo
}
