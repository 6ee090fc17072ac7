//! Building and opening the app.

use crate::demo::{self, Neighbour};
use crate::{node_js::NodeJs, packages, project, shell, ui};
use anyhow::{Context as _, Result, bail};
use std::path::Path;
use std::process::Command;

/// What was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    demo: bool,
    release: bool,
}

impl Options {
    /// From the words after `run`.
    pub(crate) fn parse(words: &[String]) -> Result<Self> {
        let mut options = Self::default();
        for word in words {
            match word.as_str() {
                "--demo" => options.demo = true,
                "--release" => options.release = true,
                other => bail!("unexpected argument {other:?}; usage: cargo xtask run [--demo] [--release]"),
            }
        }
        Ok(options)
    }
}

/// Installs what building needs. A second call finds everything there and does nothing.
pub(crate) fn setup() -> Result<NodeJs> {
    packages::install(packages::BUILD)?;
    let node = NodeJs::find()?;
    ui::install(&node)?;
    Ok(node)
}

/// Sets up, builds, opens the app, and waits until it ends.
pub(crate) fn run(options: &Options) -> Result<()> {
    let node = setup()?;
    ui::build(&node)?;
    build(options.release)?;
    if options.demo {
        with_neighbour(options.release)
    } else {
        open(Command::new("env"), None, options.release)
    }
}

/// Builds the app and the `lanyard` command. Everything is built together, so that every chore finds the same
/// dependencies with the same features and compiles them once.
pub(crate) fn build(release: bool) -> Result<()> {
    let mut cargo = shell::cargo();
    if release {
        cargo.args([
            "build",
            "--locked",
            "--release",
            "--package",
            "lanyard-desktop",
            "--package",
            "lanyard-cli",
        ]);
    } else {
        cargo.args(["build", "--locked", "--workspace"]);
    }
    shell::run(&mut cargo)
}

/// Builds the release of the `lanyard` command alone.
pub(crate) fn build_command() -> Result<()> {
    shell::run(shell::cargo().args(["build", "--locked", "--release", "--package", "lanyard-cli"]))
}

fn with_neighbour(release: bool) -> Result<()> {
    let neighbour = Neighbour::start(release)?;
    eprintln!(
        "\nxtask: “{}” runs on this computer with a folder of samples and a printer that saves PDF files to\n       {}\n",
        demo::NAME,
        neighbour.printed().display()
    );
    let mut environment = Command::new("env");
    environment.env(demo::LOOPBACK, "1");
    open(environment, Some(&demo::own_data()?), release)
    // The neighbour ends here, when it is dropped.
}

/// Opens the window, or, where there is no display, runs the node and tells the link for a browser.
fn open(mut start: Command, data: Option<&Path>, release: bool) -> Result<()> {
    let has_display = !cfg!(target_os = "linux")
        || ["WAYLAND_DISPLAY", "DISPLAY"]
            .iter()
            .any(|name| std::env::var_os(name).is_some_and(|v| !v.is_empty()));
    let data_arguments = data.map(|data| ["--data".as_ref(), data.as_os_str()]);
    if !has_display {
        return in_a_browser(data, release, data.is_some());
    }
    if cfg!(windows) {
        let environment: Vec<_> =
            start.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
        start = Command::new(project::binary("lanyard-desktop", release));
        start.envs(environment.into_iter().filter_map(|(name, value)| Some((name, value?))));
    } else {
        start.arg(project::binary("lanyard-desktop", release));
    }
    start.args(data_arguments.into_iter().flatten());
    eprintln!("xtask: opening Lanyard; end it from its tray menu or with Ctrl-C here");
    let status = start.status().context("starting the app")?;
    // Ctrl-C ends the app by a signal: that is how a person asks for it.
    if status.success() || status.code().is_none() { Ok(()) } else { bail!("the app ended with {status}") }
}

fn in_a_browser(data: Option<&Path>, release: bool, loopback: bool) -> Result<()> {
    eprintln!("xtask: there is no display here, so no window");
    let running = demo::Node::link(release, data);
    let mut started = None;
    let link = match running {
        Ok(link) => link,
        Err(_) => {
            eprintln!("xtask: running the node without one; Ctrl-C ends it");
            started.insert(demo::Node::start(release, data, None, loopback)?).ask(&["browser"])?
        }
    };
    eprintln!("\nxtask: open this link in a browser on this computer\n");
    println!("{}", link.trim());
    started.map_or(Ok(()), |mut node| node.wait())
}
