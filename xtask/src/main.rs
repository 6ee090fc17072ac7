//! The project's chores: everything a person or CI does with this repository besides editing it.
//!
//! Nothing here is part of Lanyard. The dependencies are few on purpose: this is the first thing that a fresh
//! machine compiles.

mod bench;
mod bindings;
mod conformance;
mod cross;
mod demo;
mod deny;
mod from_source;
mod fuzz;
mod icons;
mod node_js;
mod packages;
mod project;
mod run;
mod shell;
mod suites;
mod test;
mod ui;
mod wheel;

use anyhow::{Result, bail};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  setup                    install what building Lanyard needs
  run [--demo] [--release] set up, build, and open the app; --demo adds a neighbour on this computer
  test [--only STEP]… [--list]
                           install what the tests need and run all of them, or only some steps
  bench [--record] [NAME]… measure the figures the project promises (release build)
  fuzz [TARGET]… [--seconds N]
                           give the decoders what nobody would send, 4 seconds each
  bindings [--check]       write ui/src/api from crates/api, or check that it is up to date
  conformance              run the suites of the trade and write docs/conformance.md
  suites                   compile the test suites for file systems that the laboratory starts
  icons                    write the icon files from their SVG source
  cross setup              install what the cross checks need (Debian only, about 2 GB)
  cross check windows|macos
                           type-check the whole workspace for another system
  help                     this text
";

fn main() -> ExitCode {
    if let Some(code) = fuzz::compile_if_asked() {
        return code;
    }
    match chore() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn chore() -> Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_else(|| "help".into());
    let rest: Vec<String> = arguments.collect();
    match command.as_str() {
        "setup" => {
            none(&rest)?;
            run::setup()?;
        }
        "run" => run::run(&run::Options::parse(&rest)?)?,
        "test" => return test::test(&rest),
        "bench" => bench::bench(&rest)?,
        "bindings" => match rest.as_slice() {
            [] => bindings::write()?,
            [flag] if flag == "--check" => bindings::check()?,
            _ => bail!("usage: cargo xtask bindings [--check]"),
        },
        "conformance" => {
            none(&rest)?;
            conformance::write()?;
        }
        "suites" => {
            none(&rest)?;
            suites::install()?;
        }
        "icons" => {
            none(&rest)?;
            icons::icons()?;
        }
        "fuzz" => fuzz::fuzz(&rest)?,
        "cross" => cross::cross(&rest)?,
        "help" | "--help" | "-h" => print!("{HELP}"),
        other => {
            eprint!("xtask: there is no command {other:?}\n\n{HELP}");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn none(arguments: &[String]) -> Result<()> {
    match arguments.first() {
        Some(extra) => bail!("unexpected argument {extra:?}; see `cargo xtask help`"),
        None => Ok(()),
    }
}
