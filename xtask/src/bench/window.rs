//! From the start of the app to a window with something in it, on a screen in memory (so: software rendering).

use super::{Folder, Goal, Row, median, millis, tell};
use crate::{demo, project, shell};
use anyhow::{Context as _, Result, ensure};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const WIDTH: usize = 1280;
const HEIGHT: usize = 800;
/// An empty window has a few colours. Smoothed text has a colour for every shade of its edges.
const COLOURS_OF_TEXT: usize = 24;

/// Cold-ish (data from an earlier start) and without a neighbour.
pub(super) fn window(folder: &Folder) -> Result<()> {
    let mut times = Vec::new();
    for round in 0..6 {
        let screen = Screen::start(folder.path(), round)?;
        let time = content(&screen, &folder.path().join("data"))?;
        // The first start makes the data and fills the page cache.
        if round > 0 {
            times.push(time);
        }
    }
    let middle = millis(median(&mut times));
    tell(Row::of("window with content (median of 5)", middle, "ms", Goal::Most(1500.0)));
    Ok(())
}

fn content(screen: &Screen, data: &Path) -> Result<Duration> {
    let mut app = Command::new(project::binary("lanyard-desktop", true));
    app.arg("--data")
        .arg(data)
        .env("DISPLAY", &screen.display)
        .env(demo::LOOPBACK, "1")
        .env_remove("WAYLAND_DISPLAY");
    let began = Instant::now();
    let app = Ending(
        shell::tied(&app).stdin(Stdio::null()).stderr(Stdio::null()).spawn().context("starting the app")?,
    );
    while screen.colours()? < COLOURS_OF_TEXT {
        ensure!(began.elapsed() < Duration::from_secs(30), "the window stayed empty for 30 s");
        thread::sleep(Duration::from_millis(10));
    }
    let time = began.elapsed();
    drop(app);
    Ok(time)
}

/// Xvfb, which keeps its picture in a file.
struct Screen {
    process: Child,
    display: String,
    picture: PathBuf,
}

impl Screen {
    fn start(folder: &Path, round: u32) -> Result<Self> {
        let folder = folder.join(format!("screen-{round}"));
        fs::create_dir_all(&folder)?;
        let mut xvfb = Command::new("Xvfb");
        xvfb.args([
            "-displayfd",
            "1",
            "-nolisten",
            "tcp",
            "-screen",
            "0",
            &format!("{WIDTH}x{HEIGHT}x24+32"),
            "-fbdir",
        ]);
        let mut process = shell::tied(xvfb.arg(&folder))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting Xvfb")?;
        let lines = demo::lines(process.stdout.take());
        let mut screen = Self { process, display: String::new(), picture: folder.join("Xvfb_screen0") };
        let (number, _) = lines.recv_timeout(Duration::from_secs(10)).context("Xvfb did not start")?;
        screen.display = format!(":{}", number.trim());
        Ok(screen)
    }

    /// How many colours a part of its pixels have.
    fn colours(&self) -> Result<usize> {
        let file = fs::read(&self.picture)?;
        let pixels = file.len().checked_sub(WIDTH * HEIGHT * 4).context("a short picture")?;
        let colours: HashSet<&[u8]> = file[pixels..].chunks_exact(4).step_by(3).collect();
        Ok(colours.len())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Ends the app politely, so that its data is closed for the next round.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}
