//! Discs and drives of one computer, used from another: listed, copied, saved as an image, pulled out and put back.
//!
//! There is no optical drive here: a loop device stands in for one, which an image is put into and taken out of as a disc
//! is. A stick is a loop device with a file system on it, mounted where a desktop would mount it.

use crate::{office::Pair, street::status_of};
use anyhow::{Context, Result, bail, ensure};
use lanyard_api::{Drive, Listing, Medium, MediumKind, Share, ShareKind, Transfer, TransferState};
use lanyard_tests::{Host, Lab, Node, documents, impair, scenarios, soon};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const SOON: Duration = Duration::from_secs(20);
const LATE: Duration = Duration::from_secs(90);

scenarios![
    discs_of_both_kinds_are_browsed_copied_and_saved_as_they_are,
    an_image_is_saved_although_both_ends_are_killed,
    a_file_manager_and_a_guest_read_parts_of_a_disc,
    a_copy_waits_for_the_stick_it_comes_from_and_takes_from_no_other,
    a_disc_in_a_drive_is_exchanged,
    a_stick_in_use_is_ejected_only_when_that_is_meant,
    a_file_larger_than_four_gigabytes_is_whole,
];

fn shell(line: &str) -> Result<String> {
    let output = Command::new("sh").args(["-c", line]).output()?;
    ensure!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn sum(path: &Path) -> Result<String> {
    Ok(shell(&format!("sha256sum '{}'", path.display()))?.split(' ').next().unwrap_or_default().to_owned())
}

/// What is on a disc.
fn grow(root: &Path) -> Result<()> {
    fs::create_dir_all(root.join("Fotos/Sommer 2004"))?;
    for n in 0..200_u16 {
        let content = documents::noise(usize::from(n) * 31, n.into());
        fs::write(root.join(format!("Fotos/Sommer 2004/Bild {n}.jpg")), content)?;
    }
    fs::write(root.join("film.bin"), documents::noise(9_000_000, 3))?;
    Ok(())
}

/// An image of a disc with that on it.
fn image(dir: &Path, label: &str, options: &str) -> Result<PathBuf> {
    let source = dir.join("source");
    if !source.exists() {
        grow(&source)?;
    }
    let image = dir.join(format!("{label}.iso"));
    let (source, out) = (source.display(), image.display());
    shell(&format!("genisoimage -quiet {options} -V {label} -o '{out}' '{source}'"))?;
    Ok(image)
}

fn share(node: &Node, source: &Path, name: &str) -> Result<Share> {
    let source = source.to_string_lossy();
    let share: Share = node.json(&["share", "disc", &source, "--name", name])?;
    ensure!(share.kind == ShareKind::Disc && !share.policy.write, "{share:?}");
    Ok(share)
}

/// The drive of that name as `node` sees it, once it is there or away.
fn is_there(node: &Node, name: &str, there: bool) -> Result<Drive> {
    soon(&format!("“{name}” is {}", if there { "there" } else { "away" }), SOON, || {
        let drive = node.nearby()?.drives.into_iter().find(|drive| drive.name == name);
        let drive = drive.context("it is not seen at all")?;
        ensure!(drive.available == there, "{drive:?}");
        Ok(drive)
    })
}

/// The newest copy waits because what it comes from is not in.
fn waits(node: &Node) -> Result<Transfer> {
    soon("the copy waits for the disc or drive", SOON, || {
        let newest = node.transfers()?.into_iter().next().context("no copy")?;
        let away = newest.state == TransferState::Waiting && newest.reason.as_deref() == Some("away");
        ensure!(away, "{newest:?}");
        Ok(newest)
    })
}

fn discs_of_both_kinds_are_browsed_copied_and_saved_as_they_are() -> Result<()> {
    let pair = Pair::new()?;
    let dir = pair.owner.host().dir().to_owned();
    let here = pair.folder("here")?;
    for (name, options) in
        [("Rock", "-R"), ("Joliet", "-J -joliet-long"), ("Bridge", "-udf -R -J -joliet-long")]
    {
        let image = image(&dir, name, options)?;
        share(&pair.owner, &image, name)?;
        ensure!(is_there(&pair.sender, name, true)?.disc, "it is told that this is a disc");
        let listing: Listing = pair.sender.json(&["ls", &format!("{name}:Fotos/Sommer 2004")])?;
        ensure!(listing.entries.len() == 200, "{} names", listing.entries.len());
        let into = here.join(name);
        fs::create_dir(&into)?;
        let into = into.to_string_lossy();
        pair.sender.run(&["get", &format!("{name}:Fotos"), &format!("{name}:film.bin"), &into])?;
        shell(&format!("diff -r '{}' '{into}'", dir.join("source").display()))?;
        let saved = here.join(format!("{name}.iso"));
        pair.sender.run(&["get", name, "--image", &saved.to_string_lossy()])?;
        ensure!(sum(&saved)? == sum(&image)?, "{name}: the image is another one");
        let refused = pair.sender.refuses(&["mkdir", &format!("{name}:new")])?;
        ensure!(refused.contains("has not allowed"), "{refused}");
    }
    let plain = pair.share(false)?;
    let refused =
        pair.sender.refuses(&["get", "Shared", "--image", &here.join("x.iso").to_string_lossy()])?;
    ensure!(refused.contains("not a disc"), "{refused}: {}", plain.display());
    Ok(())
}

fn an_image_is_saved_although_both_ends_are_killed() -> Result<()> {
    let mut pair = Pair::new()?;
    let image = image(pair.owner.host().dir(), "Whole", "-udf -R")?;
    share(&pair.owner, &image, "Whole")?;
    pair.sender.finds_drive("Whole")?;
    impair::rate(pair.owner.host(), 20, pair.sender.host())?;
    let saved = pair.folder("here")?.join("whole.iso");
    let _command = pair.sender.spawn(&["get", "Whole", "--image", &saved.to_string_lossy()])?;
    pair.sender.is_copying(1_000_000, SOON)?;
    pair.sender.kill()?;
    ensure!(!saved.exists(), "half an image under its name");
    pair.sender.start_again()?;
    pair.sender.is_copying(3_000_000, SOON)?;
    pair.owner.kill()?;
    pair.owner.start_again()?;
    impair::full_rate(pair.owner.host())?;
    pair.sender.copy_becomes(TransferState::Done, LATE)?;
    ensure!(sum(&saved)? == sum(&image)?, "the image is another one");
    Ok(())
}

fn a_file_manager_and_a_guest_read_parts_of_a_disc() -> Result<()> {
    let lab = Lab::new()?;
    let (ben, cleo) = (lab.host("ben")?, lab.host("cleo")?);
    let owner = Node::at_home(&ben)?;
    let image = image(ben.dir(), "Open", "-R")?;
    let share: Share =
        owner.json(&["share", "disc", &image.to_string_lossy(), "--name", "Open", "--to", "network"])?;
    let url = format!("https://{}:{}/dav/{}", ben.ipv4()?, owner.status()?.port, share.id);
    soon("the disc is there for everyone", SOON, || {
        let status = status_of(&cleo, &["-k", "-X", "OPTIONS", &url])?;
        ensure!(status == "200", "status {status}");
        Ok(())
    })?;
    let whole = fs::read(ben.dir().join("source/film.bin"))?;
    for (path, from, to, expected) in [
        ("film.bin", 4_000_000, 4_000_099, &whole[4_000_000..4_000_100]),
        (".lanyard-disc-image", 32_769, 32_773, &b"CD001"[..]),
    ] {
        let part = cleo.dir().join("part");
        let range = format!("{from}-{to}");
        cleo.run(&["curl", "-sfk", "-r", &range, "-o", &part.to_string_lossy(), &format!("{url}/{path}")])?;
        ensure!(fs::read(&part)? == expected, "{path} {range}");
    }
    let listed = cleo.run(&["curl", "-sfk", "-X", "PROPFIND", "-H", "Depth: 1", &format!("{url}/")])?;
    ensure!(listed.contains("film.bin") && !listed.contains("lanyard-disc-image"), "{listed}");
    for method in ["PUT", "DELETE", "MKCOL"] {
        let status = status_of(&cleo, &["-k", "-X", method, "-d", "x", &format!("{url}/film.bin")])?;
        ensure!(status == "405", "{method}: {status}");
    }
    Ok(())
}

/// A stick, which is pulled out when it is dropped.
struct Stick {
    host: Host,
    place: PathBuf,
    device: String,
}

impl Stick {
    /// One with a file system and a folder on it, not plugged in yet.
    fn new(host: &Host, name: &str, content: &[u8]) -> Result<Self> {
        let image = host.dir().join(format!("{name}.stick"));
        let source = host.dir().join(format!("{name}.source"));
        fs::create_dir_all(source.join("Music"))?;
        fs::write(source.join("Music/song.bin"), content)?;
        let (file, from) = (image.display(), source.display());
        shell(&format!("truncate -s 48M '{file}' && mkfs.ext4 -q -L {name} -d '{from}' '{file}'"))?;
        let device = shell(&format!("losetup -f --show '{file}'"))?;
        Ok(Self { host: host.clone(), place: PathBuf::from("/run/media/ben/STICK"), device })
    }

    fn plug(&self) -> Result<()> {
        let place = self.place.to_string_lossy();
        self.host.run(&["mkdir", "-p", &place])?;
        self.host.run(&["mount", &self.device, &place])?;
        Ok(())
    }

    /// As when it is pulled: whoever has files open is not asked.
    fn pull(&self) -> Result<()> {
        self.host.run(&["umount", "-l", &self.place.to_string_lossy()])?;
        Ok(())
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        let _ = self.host.run(&["umount", "-l", &self.place.to_string_lossy()]); // it may be out already
        let _ = Command::new("losetup").args(["-d", &self.device]).status();
    }
}

fn media(node: &Node) -> Result<Vec<Medium>> {
    node.json(&["discs"])
}

/// Shares the folder on the stick that is in.
fn share_music(owner: &Node, stick: &Stick) -> Result<()> {
    soon("the stick is noticed", SOON, || {
        let media = media(owner)?;
        let [one] = media.as_slice() else { bail!("{media:?}") };
        ensure!(one.kind == MediumKind::Drive && one.share.is_none(), "nothing is shared by itself: {one:?}");
        ensure!(one.path == stick.place.to_string_lossy(), "{one:?}");
        Ok(())
    })?;
    let music = stick.place.join("Music");
    owner.run(&["share", "folder", &music.to_string_lossy(), "--name", "Music", "--write"])?;
    Ok(())
}

fn a_copy_waits_for_the_stick_it_comes_from_and_takes_from_no_other() -> Result<()> {
    let pair = Pair::new()?;
    let host = pair.owner.host().clone();
    let song = documents::noise(12_000_000, 1);
    let mine = Stick::new(&host, "MINE", &song)?;
    let other = Stick::new(&host, "OTHER", &documents::noise(12_000_000, 2))?;
    mine.plug()?;
    share_music(&pair.owner, &mine)?;
    is_there(&pair.sender, "Music", true)?;
    impair::rate(pair.owner.host(), 20, pair.sender.host())?;
    let here = pair.folder("here")?;
    let _command = pair.sender.spawn(&["get", "Music:song.bin", &here.to_string_lossy()])?;
    pair.sender.is_copying(1_000_000, SOON)?;
    mine.pull()?;
    waits(&pair.sender)?;
    is_there(&pair.sender, "Music", false)?;
    ensure!(media(&pair.owner)?.is_empty(), "it is out");
    // Another stick at the same place, with a folder and a file of the same names.
    other.plug()?;
    soon("the other stick is noticed", SOON, || {
        ensure!(media(&pair.owner)?.iter().any(|one| one.name == "OTHER"), "not yet");
        Ok(())
    })?;
    let refused = pair.sender.refuses(&["ls", "Music:"])?;
    ensure!(refused.contains("is not in"), "{refused}");
    let refused = pair.sender.refuses(&["mkdir", "Music:new"])?;
    ensure!(refused.contains("is not in"), "{refused}");
    ensure!(!host.seen_from_here(&other.place).join("Music/new").exists(), "written to another stick");
    waits(&pair.sender)?;
    other.pull()?;
    impair::full_rate(pair.owner.host())?;
    mine.plug()?;
    is_there(&pair.sender, "Music", true)?;
    pair.sender.copy_becomes(TransferState::Done, LATE)?;
    ensure!(fs::read(here.join("song.bin"))? == song, "another song");
    Ok(())
}

/// A drive that a disc is put into and taken out of.
struct OpticalDrive(String);

impl OpticalDrive {
    fn with(image: &Path) -> Result<Self> {
        Ok(Self(shell(&format!("losetup -r -f --show '{}'", image.display()))?))
    }

    /// A loop device is empty when nobody has it open any more, as an optical drive opens when nobody reads.
    fn take_out(&self) -> Result<()> {
        shell(&format!("losetup -d {}", self.0))?;
        soon("the drive is empty", SOON, || {
            ensure!(shell(&format!("losetup {}", self.0)).is_err(), "it is still in");
            Ok(())
        })
    }

    fn put_in(&self, image: &Path) -> Result<()> {
        shell(&format!("losetup -r {} '{}'", self.0, image.display())).map(drop)
    }
}

impl Drop for OpticalDrive {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.0]).output(); // it may be empty already
    }
}

fn a_disc_in_a_drive_is_exchanged() -> Result<()> {
    let mut pair = Pair::new()?;
    let dir = pair.owner.host().dir().to_owned();
    let (first, second) = (image(&dir, "First", "-udf -R")?, image(&dir, "Second", "-R")?);
    let drive = OpticalDrive::with(&first)?;
    share(&pair.owner, Path::new(&drive.0), "Disc")?;
    is_there(&pair.sender, "Disc", true)?;
    impair::rate(pair.owner.host(), 20, pair.sender.host())?;
    let saved = pair.folder("here")?.join("saved.iso");
    let _command = pair.sender.spawn(&["get", "Disc", "--image", &saved.to_string_lossy()])?;
    pair.sender.is_copying(1_000_000, SOON)?;
    // The disc is exchanged while the computer is off.
    pair.owner.kill()?;
    drive.take_out()?;
    drive.put_in(&second)?;
    pair.owner.start_again()?;
    waits(&pair.sender)?;
    is_there(&pair.sender, "Disc", false)?;
    let refused = pair.sender.refuses(&["ls", "Disc:"])?;
    ensure!(refused.contains("is not in"), "{refused}");
    drive.take_out()?;
    drive.put_in(&first)?;
    impair::full_rate(pair.owner.host())?;
    is_there(&pair.sender, "Disc", true)?;
    pair.sender.copy_becomes(TransferState::Done, LATE)?;
    ensure!(sum(&saved)? == sum(&first)?, "the image is of another disc");
    Ok(())
}

fn a_stick_in_use_is_ejected_only_when_that_is_meant() -> Result<()> {
    let pair = Pair::new()?;
    let song = documents::noise(12_000_000, 1);
    let stick = Stick::new(pair.owner.host(), "MINE", &song)?;
    stick.plug()?;
    share_music(&pair.owner, &stick)?;
    is_there(&pair.sender, "Music", true)?;
    impair::rate(pair.owner.host(), 20, pair.sender.host())?;
    let here = pair.folder("here")?;
    let _command = pair.sender.spawn(&["get", "Music:song.bin", &here.to_string_lossy()])?;
    pair.sender.is_copying(1_000_000, SOON)?;
    let refused = pair.owner.refuses(&["eject", "MINE"])?;
    ensure!(refused.contains("A device is reading from it"), "{refused}");
    pair.sender.is_copying(1_500_000, SOON)?;
    pair.owner.run(&["eject", "MINE", "--force"])?;
    ensure!(media(&pair.owner)?.is_empty(), "it is out");
    waits(&pair.sender)?;
    impair::full_rate(pair.owner.host())?;
    stick.plug()?;
    pair.sender.copy_becomes(TransferState::Done, LATE)?;
    ensure!(fs::read(here.join("song.bin"))? == song, "another song");
    Ok(())
}

fn a_file_larger_than_four_gigabytes_is_whole() -> Result<()> {
    const SIZE: u64 = (4 << 30) + 123_456;
    let pair = Pair::new()?;
    let dir = pair.owner.host().dir().to_owned();
    let (source, image) = (dir.join("large"), dir.join("large.iso"));
    fs::create_dir(&source)?;
    let file = fs::File::create(source.join("film.bin"))?;
    file.set_len(SIZE)?;
    // Beyond the seam between the two parts into which the standard divides it.
    let (at, mark) = (SIZE - 50_000, documents::noise(40_000, 9));
    std::os::unix::fs::FileExt::write_all_at(&file, &mark, at)?;
    let (from, to) = (source.display(), image.display());
    shell(&format!(
        "xorriso -as mkisofs -quiet -R -iso-level 3 -V Large '{from}' | dd of='{to}' bs=1M iflag=fullblock conv=sparse status=none"
    ))?;
    let share = share(&pair.owner, &image, "Large")?;
    pair.sender.finds_drive("Large")?;
    let listing: Listing = pair.sender.json(&["ls", "Large:"])?;
    ensure!(listing.entries.iter().any(|entry| entry.size == SIZE), "{listing:?}");
    pair.owner.run(&["allow", &share.id, "--to", "network"])?;
    let (address, port) = (pair.owner.host().ipv4()?, pair.owner.status()?.port);
    let url = format!("https://{address}:{port}/dav/{}/film.bin", share.id);
    let part = pair.sender.host().dir().join("part");
    let (range, out) = (format!("{at}-{}", at + mark.len() as u64 - 1), part.to_string_lossy().into_owned());
    soon("the part is there for everyone", SOON, || {
        pair.sender.host().run(&["curl", "-sfk", "-r", &range, "-o", &out, &url])?;
        Ok(())
    })?;
    ensure!(fs::read(&part)? == mark, "another part");
    Ok(())
}
