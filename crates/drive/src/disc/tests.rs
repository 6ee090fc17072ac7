//! Discs as real programs write them, compared with what went in; and discs that lie.

use super::*;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

mod made;

impl ReadAt for File {
    fn size(&self) -> u64 {
        self.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, into, offset)
    }
}

/// What a path is: a folder, or a file's content and whether it may be run, or something else.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Thing {
    Folder,
    File { hash: String, modified: i64, executable: bool },
    Other,
}

type Tree = BTreeMap<String, Thing>;

fn tree_of<R: ReadAt>(volume: &Volume<R>) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![(String::new(), volume.root().unwrap())];
    while let Some((path, folder)) = folders.pop() {
        for entry in volume.entries(&folder).unwrap() {
            let entry = entry.unwrap();
            let below = format!("{path}/{}", entry.name);
            let names: Vec<String> = below[1..].split('/').map(str::to_owned).collect();
            assert_eq!(volume.find(&names).unwrap(), entry, "{below} is found by its path");
            let thing = match entry.kind {
                Kind::Folder => Thing::Folder,
                Kind::Other => Thing::Other,
                Kind::File => Thing::File {
                    hash: hash(&read(volume, &entry)),
                    modified: entry.modified.unwrap_or(0) / 1_000_000_000,
                    executable: entry.executable,
                },
            };
            assert_eq!(tree.insert(below.clone(), thing), None, "{below} twice");
            if entry.kind == Kind::Folder {
                folders.push((below, entry));
            }
        }
    }
    tree
}

fn read<R: ReadAt>(volume: &Volume<R>, entry: &Entry) -> Vec<u8> {
    let content = volume.content(entry).unwrap();
    assert_eq!(content.size(), entry.size, "{}", entry.name);
    let mut bytes = vec![0; usize::try_from(entry.size).unwrap()];
    content.read(volume.reader(), &mut bytes, 0).unwrap();
    bytes
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_owned()
}

/// The same of a folder of this computer.
fn tree_in(root: &Path) -> Tree {
    use std::os::unix::fs::MetadataExt;
    let mut tree = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            let thing = if metadata.is_dir() {
                folders.push(path.clone());
                Thing::Folder
            } else if metadata.is_file() {
                let (modified, executable) = (metadata.mtime(), metadata.mode() & 0o100 != 0);
                Thing::File { hash: hash(&fs::read(&path).unwrap()), modified, executable }
            } else {
                Thing::Other
            };
            tree.insert(format!("/{}", path.strip_prefix(root).unwrap().display()), thing);
        }
    }
    tree
}

/// Where neither times nor rights are kept.
fn contents(tree: Tree) -> Tree {
    let plain = |thing| match thing {
        Thing::File { hash, .. } => Thing::File { hash, modified: 0, executable: false },
        other => other,
    };
    tree.into_iter().map(|(path, thing)| (path, plain(thing))).collect()
}

/// A folder with what makes discs difficult.
fn difficult() -> tempfile::TempDir {
    let top = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &[u8]| {
        let path = top.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    let mut large = vec![0; 3 * 1024 * 1024 + 17];
    blake3::Hasher::new().finalize_xof().fill(&mut large);
    write("large.bin", &large);
    write("empty", b"");
    write("read me.txt", b"hello");
    write(&long_name(), b"a long name");
    write("Grüße/日本語.txt", "ä".as_bytes());
    write("one/two/three/four/five/six/seven/eight/nine/ten/deep.txt", b"deep");
    for number in 0..400 {
        write(&format!("many/file number {number}.txt"), number.to_string().as_bytes());
    }
    write("program", b"#!/bin/sh\n");
    let program = top.path().join("program");
    let rights = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, rights).unwrap();
    std::os::unix::fs::symlink("../../etc/passwd", top.path().join("link")).unwrap();
    let times = fs::FileTimes::new()
        .set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(999_999_999));
    File::options().append(true).open(program).unwrap().set_times(times).unwrap();
    top
}

/// Says what is different, and only that.
fn same(ours: Tree, theirs: Tree, what: &str) {
    let only = |one: &Tree, other: &Tree| -> Vec<String> {
        let lacks = one.iter().filter(|(path, thing)| other.get(*path) != Some(thing));
        lacks.map(|(path, thing)| format!("{path} {thing:?}")).take(10).collect()
    };
    assert!(ours == theirs, "{what}: ours {:#?}, theirs {:#?}", only(&ours, &theirs), only(&theirs, &ours));
}

fn long_name() -> String {
    format!("{}.txt", "long-".repeat(40))
}

/// Runs a program that the tests need. The time zone is one far from Greenwich, so that a wrong sign shows.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).env("TZ", "NZ").env("LC_ALL", "C.UTF-8").output();
    let output = output.unwrap_or_else(|error| panic!("{program} is needed (cargo xtask setup): {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

struct Image {
    _place: tempfile::TempDir,
    path: PathBuf,
}

impl Image {
    fn made(program: &str, arguments: &[&str], source: &Path) -> Self {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("image.iso");
        let (image, source) = (path.to_str().unwrap(), source.to_str().unwrap());
        run(program, &[arguments, &["-quiet", "-o", image, source]].concat());
        Self { _place: place, path }
    }

    fn open(&self) -> Volume<File> {
        Volume::open(File::open(&self.path).unwrap()).unwrap()
    }
}

#[test]
fn rock_ridge_has_names_times_and_rights_as_they_were() {
    let source = difficult();
    let expected = tree_in(source.path());
    for (program, arguments) in [
        ("genisoimage", &["-R", "-V", "Holidays 1"][..]),
        ("genisoimage", &["-R", "-J", "-joliet-long", "-V", "Holidays 1"]),
        ("xorriso", &["-as", "mkisofs", "-R", "-J", "-V", "Holidays 1"]),
    ] {
        let volume = Image::made(program, arguments, source.path()).open();
        assert_eq!((volume.format(), volume.label()), (Format::RockRidge, "Holidays 1"), "{arguments:?}");
        let mut tree = tree_of(&volume);
        // Where folders that lie deep are kept; empty for whoever follows the links to them.
        tree.remove("/rr_moved");
        same(tree, expected.clone(), program);
    }
}

#[test]
fn joliet_has_unicode_names_of_64_characters() {
    let source = difficult();
    fs::remove_file(source.path().join("link")).unwrap();
    fs::remove_file(source.path().join(long_name())).unwrap();
    // Without Rock Ridge this program leaves out what lies deeper than the standard allows.
    fs::remove_dir_all(source.path().join("one/two/three/four/five/six/seven/eight")).unwrap();
    let volume = Image::made("genisoimage", &["-J", "-V", "Fête"], source.path()).open();
    assert_eq!((volume.format(), volume.label()), (Format::Joliet, "Fête"));
    same(contents(tree_of(&volume)), contents(tree_in(source.path())), "what went in");
}

#[test]
fn plain_names_are_those_that_isoinfo_tells() {
    let source = difficult();
    fs::remove_dir_all(source.path().join("one")).unwrap();
    for level in ["1", "2", "3"] {
        let image = Image::made("genisoimage", &["-iso-level", level], source.path());
        let volume = image.open();
        assert_eq!(volume.format(), Format::Iso9660);
        let told = run("isoinfo", &["-f", "-i", image.path.to_str().unwrap()]);
        let plain = |line: &str| line.trim_end_matches(";1").trim_end_matches('.').to_owned();
        let told: Vec<String> = told.lines().map(plain).collect();
        let mut ours: Vec<String> = tree_of(&volume).into_keys().collect();
        let mut theirs = told;
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs, "level {level}");
        let hashes = |tree: Tree| {
            let mut all: Vec<String> =
                contents(tree).into_values().map(|thing| format!("{thing:?}")).collect();
            all.retain(|thing| thing != "Other");
            all.sort();
            all
        };
        assert_eq!(hashes(tree_of(&volume)), hashes(tree_in(source.path())), "level {level}");
    }
}

#[test]
fn a_disc_with_both_is_read_as_udf_and_a_second_reader_finds_the_same() {
    let source = difficult();
    fs::remove_file(source.path().join("link")).unwrap();
    // This program cuts names there.
    fs::remove_file(source.path().join(long_name())).unwrap();
    let image =
        Image::made("genisoimage", &["-udf", "-J", "-joliet-long", "-R", "-V", "Bridge"], source.path());
    let volume = image.open();
    assert_eq!((volume.format(), volume.label()), (Format::Udf, "Bridge"));
    let tree = tree_of(&volume);
    same(contents(tree.clone()), contents(tree_in(source.path())), "what went in");
    let out = tempfile::tempdir().unwrap();
    run("7z", &["x", "-tudf", &format!("-o{}", out.path().display()), image.path.to_str().unwrap()]);
    same(contents(tree), contents(tree_in(out.path())), "7z");
}

#[test]
fn empty_volumes_of_every_revision_and_medium_are_understood() {
    let place = tempfile::tempdir().unwrap();
    for (media, revision) in [
        ("hd", "1.02"),
        ("hd", "1.50"),
        ("hd", "2.00"),
        ("hd", "2.01"),
        ("dvd", "2.01"),
        ("dvdrw", "2.01"),
        ("cdrw", "2.01"),
        ("dvdram", "2.01"),
        ("cdr", "1.50"),
        ("cdr", "2.01"),
        ("dvdr", "2.01"),
        ("bdr", "2.50"),
    ] {
        let path = place.path().join(format!("{media}-{revision}.img"));
        let image = path.to_str().unwrap();
        let media = format!("--media-type={media}");
        let revision = format!("--udfrev={revision}");
        run("mkudffs", &["--new-file", "--label=Zürich", &media, &revision, image, "30000"]);
        let volume = Volume::open(File::open(&path).unwrap());
        let volume = volume.unwrap_or_else(|error| panic!("{media} {revision}: {error}"));
        assert_eq!((volume.format(), volume.label()), (Format::Udf, "Zürich"), "{media} {revision}");
        let tree = tree_of(&volume);
        assert!(tree.values().all(|thing| *thing == Thing::Folder), "{media} {revision}: {tree:?}");
        fs::remove_file(&path).unwrap();
    }
    let path = place.path().join("sectors.img");
    for block in ["512", "1024", "4096"] {
        let block = format!("--blocksize={block}");
        run("mkudffs", &["--new-file", "--label=disk", &block, path.to_str().unwrap(), "30000"]);
        assert_eq!(Volume::open(File::open(&path).unwrap()).unwrap().label(), "disk", "{block}");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn another_disc_has_another_identity_and_the_same_has_the_same() {
    let source = difficult();
    let image = Image::made("genisoimage", &["-R", "-V", "A"], source.path());
    let copy = image.path.with_extension("copy");
    fs::copy(&image.path, &copy).unwrap();
    assert_eq!(image.open().identity(), Volume::open(File::open(&copy).unwrap()).unwrap().identity());
    let other = Image::made("genisoimage", &["-R", "-V", "B"], source.path());
    assert_ne!(image.open().identity(), other.open().identity());
}
