//! What most scenarios begin with: `ben` has something to share, `ada` wants to use it.

use anyhow::Result;
use lanyard_api::Job;
use lanyard_tests::{Host, Lab, Node, PaperPrinter, documents, printer::QUEUE};
use std::{fs, path::PathBuf};

/// A printer called "Office" beside `ben`'s node, and `ada`'s node.
pub(crate) struct Office {
    // Fields are dropped in this order: nodes before the printer, hosts and the switch last.
    pub(crate) sender: Node,
    pub(crate) owner: Node,
    pub(crate) printer: PaperPrinter,
    _lab: Option<Lab>,
}

impl Office {
    /// On a LAN.
    pub(crate) fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let mut office = Self::between(lab.host("ada")?, &lab.host("ben")?)?;
        office._lab = Some(lab);
        Ok(office)
    }

    /// On a LAN where `ada` is already, with a print system of her own or without one.
    pub(crate) fn on(lab: Lab, ada: Host, cups: Option<&PaperPrinter>) -> Result<Self> {
        let ben = lab.host("ben")?;
        let printer = PaperPrinter::install(&ben)?;
        let owner = Node::at_home_beside(&ben, &printer)?;
        let sender = match cups {
            Some(cups) => Node::at_home_beside(&ada, cups)?,
            None => Node::at_home(&ada)?,
        };
        owner.run(&["share", "printer", QUEUE, "--name", "Office"])?;
        sender.finds_printer("Office")?;
        Ok(Self { sender, owner, printer, _lab: Some(lab) })
    }

    /// Between two hosts that are connected somehow.
    pub(crate) fn between(ada: Host, ben: &Host) -> Result<Self> {
        let printer = PaperPrinter::install(ben)?;
        let owner = Node::at_home_beside(ben, &printer)?;
        let sender = Node::at_home(&ada)?;
        owner.run(&["share", "printer", QUEUE, "--name", "Office"])?;
        sender.finds_printer("Office")?;
        Ok(Self { sender, owner, printer, _lab: None })
    }

    /// Two nodes without a print queue between them.
    pub(crate) fn without_printer() -> Result<Pair> {
        Pair::new()
    }

    /// A file of the sender's.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> Result<String> {
        file(&self.sender, name, content)
    }

    /// Prints one page with one text, and does not wait.
    pub(crate) fn print(&self, name: &str, text: &str) -> Result<Job> {
        let file = self.file(name, &documents::pdf(&[text]))?;
        self.sender.json(&["print", &file, "--on", "Office"])
    }
}

/// `ada` and `ben` on a LAN; they know each other.
pub(crate) struct Pair {
    pub(crate) sender: Node,
    pub(crate) owner: Node,
    _lab: Lab,
}

impl Pair {
    pub(crate) fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let owner = Node::at_home(&lab.host("ben")?)?;
        let sender = Node::at_home(&lab.host("ada")?)?;
        sender.finds_device("ben", std::time::Duration::from_secs(5))?;
        Ok(Self { sender, owner, _lab: lab })
    }

    /// A file of the sender's.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> Result<String> {
        file(&self.sender, name, content)
    }

    /// Makes a folder on `ben`'s computer and shares it as "Shared".
    pub(crate) fn share(&self, writable: bool) -> Result<PathBuf> {
        let folder = self.owner.host().dir().join("shared");
        fs::create_dir_all(&folder)?;
        let path = folder.to_string_lossy();
        let mut command = vec!["share", "folder", path.as_ref(), "--name", "Shared"];
        if writable {
            command.push("--write");
        }
        self.owner.run(&command)?;
        self.sender.finds_drive("Shared")?;
        Ok(folder)
    }

    /// A new folder of `ada`'s.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.sender.host().dir().join(name);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

fn file(node: &Node, name: &str, content: &[u8]) -> Result<String> {
    let path = node.host().dir().join(name);
    fs::write(&path, content)?;
    Ok(path.to_string_lossy().into_owned())
}
