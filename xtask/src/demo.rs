//! A neighbour on this computer, so that one person can see what two computers do: a second node with its own data, a
//! folder of samples and the built-in printer. Both nodes stay on the loopback interface.

use crate::{project, shell};
use anyhow::{Context as _, Result, ensure};
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The neighbour's name.
pub(crate) const NAME: &str = "Demo neighbour";
/// Keeps a node on the loopback interface.
pub(crate) const LOOPBACK: &str = "LANYARD_LOOPBACK";

const READY_WITHIN: Duration = Duration::from_secs(20);
const STOP_WITHIN: Duration = Duration::from_secs(8);

/// Where the demonstration's own app keeps its data, apart from the person's.
pub(crate) fn own_data() -> Result<PathBuf> {
    folder("me")
}

/// A running `lanyard run`; stopped when dropped.
pub(crate) struct Node {
    process: Child,
    program: PathBuf,
    data: Option<PathBuf>,
    ready: Instant,
    ready_after: Duration,
}

impl Node {
    /// Starts a node and waits until it is ready.
    pub(crate) fn start(
        release: bool,
        data: Option<&Path>,
        name: Option<&str>,
        loopback: bool,
    ) -> Result<Self> {
        let mut command = Self::starting(release, data, name);
        if loopback {
            command.env(LOOPBACK, "1");
        }
        Self::until_ready(command, project::binary("lanyard", release), data)
    }

    /// A release node on the loopback interface that logs only what goes wrong, for measurements.
    pub(crate) fn start_quietly(data: Option<&Path>, name: &str) -> Result<Self> {
        let mut command = Self::starting(true, data, Some(name));
        command.env(LOOPBACK, "1").env("RUST_LOG", "warn");
        Self::until_ready(command, project::binary("lanyard", true), data)
    }

    fn starting(release: bool, data: Option<&Path>, name: Option<&str>) -> Command {
        let mut command = Command::new(project::binary("lanyard", release));
        command.args(["run", "--json"]);
        if let Some(name) = name {
            command.args(["--name", name]);
        }
        if let Some(data) = data {
            command.arg("--data").arg(data);
        }
        command
    }

    fn until_ready(command: Command, program: PathBuf, data: Option<&Path>) -> Result<Self> {
        let began = Instant::now();
        let mut process = shell::tied(&command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let output = process.stdout.take();
        let data = data.map(Path::to_owned);
        let mut node = Self { process, program, data, ready: began, ready_after: Duration::ZERO };
        let (line, ready) = lines(output)
            .recv_timeout(READY_WITHIN)
            .context("the node did not get ready; its message is above, its log in its data folder")?;
        ensure!(line.contains("\"ready\""), "the node said {line:?} instead of being ready");
        node.ready = ready;
        node.ready_after = ready.duration_since(began);
        Ok(node)
    }

    /// The link for a browser, from a node that runs already.
    pub(crate) fn link(release: bool, data: Option<&Path>) -> Result<String> {
        shell::read(&mut front_end(&project::binary("lanyard", release), data, &["browser"]))
    }

    /// When it said that it was ready.
    pub(crate) fn ready(&self) -> Instant {
        self.ready
    }

    /// How long that took, from the start of the process.
    pub(crate) fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Runs one command against this node and gives what it prints.
    pub(crate) fn ask(&self, words: &[&str]) -> Result<String> {
        shell::read(&mut self.command(words))
    }

    /// A command against this node.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        front_end(&self.program, self.data.as_deref(), words)
    }

    /// Waits until it ends by itself or by Ctrl-C.
    pub(crate) fn wait(&mut self) -> Result<()> {
        self.process.wait().context("waiting for the node")?;
        Ok(())
    }
}

fn front_end(program: &Path, data: Option<&Path>, words: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(words);
    if let Some(data) = data {
        command.arg("--data").arg(data);
    }
    command
}

impl Drop for Node {
    /// Asks it to stop, which lets it say goodbye and save what is in flight; insists after a while.
    fn drop(&mut self) {
        if cfg!(unix) {
            let _ = Command::new("kill").arg(self.process.id().to_string()).stderr(Stdio::null()).status();
            let until = Instant::now() + STOP_WITHIN;
            while Instant::now() < until {
                if !matches!(self.process.try_wait(), Ok(None)) {
                    return;
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The lines of a pipe, each with the time at which it came. A reader that falls far behind loses lines.
pub(crate) fn lines(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<(String, Instant)> {
    let (sender, receiver) = mpsc::sync_channel(1000);
    thread::spawn(move || {
        for line in pipe.into_iter().flat_map(|pipe| BufReader::new(pipe).lines().map_while(Result::ok)) {
            // Read on when nobody listens any more: a full pipe would stop the other side, a closed one end it.
            let _ = sender.try_send((line, Instant::now()));
        }
    });
    receiver
}

/// The second computer of the demonstration.
pub(crate) struct Neighbour {
    /// Held for its drop, which stops the node.
    _node: Node,
    data: PathBuf,
}

impl Neighbour {
    /// Starts it and switches on what it shares.
    pub(crate) fn start(release: bool) -> Result<Self> {
        let data = folder("neighbour")?;
        let samples = samples()?;
        let node = Node::start(release, Some(&data), Some(NAME), true)?;
        let shared = node.ask(&["shares", "--json"]).context("asking the neighbour what it shares")?;
        let shared: serde_json::Value =
            serde_json::from_str(&shared).context("reading what the neighbour shares")?;
        let is_shared =
            |kind: &str| shared.as_array().into_iter().flatten().any(|share| share["kind"] == kind);
        if !is_shared("folder") {
            let path = samples.to_string_lossy();
            node.ask(&["share", "folder", &path, "--name", "Samples", "--write"])?;
        }
        if !is_shared("printer") {
            node.ask(&["share", "printer", "save-as-pdf", "--name", "Save as PDF"])?;
        }
        Ok(Self { _node: node, data })
    }

    /// Where its printer saves pages.
    pub(crate) fn printed(&self) -> PathBuf {
        self.data.join("downloads").join("Printed")
    }
}

fn folder(name: &str) -> Result<PathBuf> {
    let folder = project::cache()?.join("demo").join(name);
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    Ok(folder)
}

/// A few small files to look at, copy and print; what a visitor changed or added stays.
fn samples() -> Result<PathBuf> {
    let top = folder("samples")?;
    let recipes = top.join("Recipes");
    fs::create_dir_all(&recipes)?;
    let files: [(PathBuf, Vec<u8>); 4] = [
        (top.join("Read me first.txt"), READ_ME.into()),
        (top.join("Invitation.pdf"), one_page("You are invited", "Saturday, four o'clock, in the garden.")),
        (recipes.join("Pancakes.txt"), PANCAKES.into()),
        (recipes.join("Lemonade.txt"), LEMONADE.into()),
    ];
    for (path, content) in files {
        if !path.exists() {
            fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
        }
    }
    Ok(top)
}

const READ_ME: &str = "This folder belongs to the demo neighbour, a second node on your own computer.\n\n\
Download a file, or drop one of yours here.\nPrint Invitation.pdf on its printer: it saves the pages as a PDF file.\n";
const PANCAKES: &str =
    "Pancakes\n\n200 g flour, 2 eggs, 400 ml milk, a pinch of salt.\nStir, wait ten minutes, fry.\n";
const LEMONADE: &str = "Lemonade\n\nJuice of 4 lemons, 1 litre of water, 80 g sugar, ice.\n";

/// A PDF file with one A4 page and two lines of ASCII text, in a font that every reader has.
pub(crate) fn one_page(title: &str, line: &str) -> Vec<u8> {
    let escape = |text: &str| text.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
    let content =
        format!("BT /F1 28 Tf 72 740 Td ({}) Tj /F1 14 Tf 0 -40 Td ({}) Tj ET", escape(title), escape(line));
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", index + 1));
    }
    let table = file.len();
    file.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    for offset in offsets {
        file.push_str(&format!("{offset:010} 00000 n \n"));
    }
    file.push_str(&format!(
        "trailer << /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n",
        objects.len() + 1
    ));
    file.into_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn every_object_of_the_sample_page_is_where_its_table_says() {
        let file = String::from_utf8(one_page("A (title)", "and a line")).unwrap();
        let table = file.split("xref\n0 6\n").nth(1).unwrap();
        for (number, line) in table.lines().skip(1).take(5).enumerate() {
            let offset: usize = line[..10].parse().unwrap();
            assert!(file[offset..].starts_with(&format!("{} 0 obj", number + 1)), "object {}", number + 1);
        }
        let start: usize = file.lines().rev().nth(1).unwrap().parse().unwrap();
        assert!(file[start..].starts_with("xref"));
    }
}
