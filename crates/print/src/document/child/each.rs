//! Where children come from: each is started when it is needed, with its question as an argument and its document as its
//! standard input.

use super::{
    super::wire::Question,
    process::{ChildProgram, Running},
};
use std::{fs::File, io, process::Stdio, sync::Arc};

/// Starts children.
#[derive(Clone)]
pub(in super::super) struct Nursery {
    program: Arc<ChildProgram>,
}

/// A child that has been asked.
pub(super) struct Child {
    pub(super) running: Running,
}

impl Child {
    /// None ever waits.
    #[allow(clippy::unused_self)]
    pub(super) fn died_waiting(&self) -> bool {
        false
    }
}

impl Nursery {
    pub(in super::super) fn of(program: ChildProgram) -> Self {
        Self { program: Arc::new(program) }
    }

    /// A child that has been asked.
    pub(super) fn ask(&self, question: &Question, document: &File, out: Option<&File>) -> io::Result<Child> {
        let mut command = self.program.command(&serde_json::to_string(question)?);
        command.stdin(document.try_clone()?);
        command.stdout(match out {
            Some(out) => out.try_clone()?.into(),
            None => Stdio::null(),
        });
        Ok(Child { running: Running::start(command)? })
    }

    /// A child has answered: it is ended.
    #[allow(clippy::unused_self)]
    pub(super) fn over(&self, child: Child) {
        drop(child);
    }

    /// Nothing is started before it is needed here.
    pub(in super::super) fn expect(&self) {}
}
