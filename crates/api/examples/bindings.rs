//! Writes the page's TypeScript types into a folder: `cargo run -p lanyard-api --example bindings -- ui/src/api`.
//!
//! One file, sorted by name, so that the same Rust always gives the same bytes; a check compares them with what is
//! checked in.

use lanyard_api::{ApiError, Event, Request, Response};
use std::{any::TypeId, collections::BTreeMap, collections::HashSet, error::Error, fs, path::PathBuf};
use ts_rs::{Config, TS, TypeVisitor};

const FILE: &str = "index.ts";

const HEAD: &str =
    "// Generated from crates/api by `cargo run -p lanyard-api --example bindings`. Do not edit.\n";

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args_os().nth(1).ok_or("tell the folder to write into")?);
    let mut types = Types { config: Config::new(), seen: HashSet::new(), declarations: BTreeMap::new() };
    types.visit::<Request>();
    types.visit::<Response>();
    types.visit::<Event>();
    types.visit::<ApiError>();

    let mut text = String::from(HEAD);
    for declaration in types.declarations.values() {
        text.push('\n');
        text.push_str(declaration);
    }
    fs::create_dir_all(&dir)?;
    fs::write(dir.join(FILE), text)?;
    Ok(())
}

/// Everything reachable from what was visited.
struct Types {
    config: Config,
    seen: HashSet<TypeId>,
    declarations: BTreeMap<String, String>,
}

impl TypeVisitor for Types {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        // Lists, options and plain values have no file of their own, but what is in them has.
        if T::output_path().is_some() {
            let docs = T::docs().unwrap_or_default();
            let declaration = format!("{docs}export {}\n", T::decl(&self.config));
            self.declarations.insert(T::ident(&self.config), declaration);
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}
