//! A drive with a scratched disc in it, and discs that are exchanged.

use super::*;
use std::{
    fs,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

/// An image with sectors that cannot be read, and how often somebody tried.
struct Scratched {
    image: Vec<u8>,
    bad: Arc<Mutex<BTreeSet<u64>>>,
    tries: Arc<AtomicUsize>,
}

impl ReadAt for Scratched {
    fn size(&self) -> u64 {
        self.image.len() as u64
    }

    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let sector = crate::disc::SECTOR;
        assert_eq!((offset % sector, into.len() as u64 % sector), (0, 0), "a drive reads whole sectors");
        let asked = offset / sector..(offset + into.len() as u64) / sector;
        self.tries.fetch_add(1, Ordering::Relaxed);
        if self.bad.lock().unwrap().range(asked).next().is_some() {
            return Err(io::Error::from_raw_os_error(5));
        }
        (&self.image[..]).read_exact_at(into, offset)
    }
}

fn image(label: &str) -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let (source, image) = (place.path().join("source"), place.path().join("disc.iso"));
    fs::create_dir(&source).unwrap();
    fs::write(source.join("film.bin"), (0..3_000_000_u32).map(|n| n as u8).collect::<Vec<_>>()).unwrap();
    fs::write(source.join("letter.txt"), "unharmed").unwrap();
    let made = Command::new("genisoimage")
        .args(["-quiet", "-R", "-V", label, "-o", image.to_str().unwrap(), source.to_str().unwrap()])
        .status();
    assert!(made.expect("genisoimage is needed (cargo xtask setup)").success());
    (place, image)
}

fn path(text: &str) -> SharePath {
    SharePath::parse(text).unwrap()
}

#[test]
fn a_scratch_costs_what_lies_under_it_and_nothing_else() {
    let (_place, image) = image("A");
    let (bad, tries) = (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(AtomicUsize::new(0)));
    let scratched =
        Scratched { image: fs::read(image).unwrap(), bad: Arc::clone(&bad), tries: Arc::clone(&tries) };
    let disc = Disc::new(Source::drive(Box::new(scratched))).unwrap();
    let content = |name| disc.content(&disc.look(&path(name)).unwrap().1).unwrap();
    let (film, letter) = (content("film.bin"), content("letter.txt"));
    let (at, _) = film.places(1_500_000, 1).next().unwrap();
    bad.lock().unwrap().insert(at / crate::disc::SECTOR);
    let mut bytes = Vec::new();
    disc.read_at(&film, &mut bytes, 0, 1_000_000).unwrap();
    assert!(bytes.iter().enumerate().all(|(n, byte)| *byte == n as u8), "before the scratch");
    let code = |result: Result<(), Refused>| result.unwrap_err().code;
    assert_eq!(code(disc.read_at(&film, &mut bytes, 1_400_000, 200_000)), Code::Damaged);
    let before = tries.load(Ordering::Relaxed);
    assert_eq!(code(disc.read_at(&film, &mut bytes, 1_490_000, 20_000)), Code::Damaged);
    assert_eq!(code(disc.is_readable(&film, 0, film.size())), Code::Damaged);
    assert_eq!(tries.load(Ordering::Relaxed), before, "what is known to be bad is not tried again");
    disc.read_at(&film, &mut bytes, 1_600_000, 1_000).unwrap();
    assert!(bytes.iter().zip(1_600_000_u32..).all(|(byte, n)| *byte == n as u8), "behind the scratch");
    disc.read_at(&letter, &mut bytes, 0, 100).unwrap();
    assert_eq!(bytes, b"unharmed");
    assert_eq!(code(disc.is_readable(&disc.whole(), 0, disc.volume.length())), Code::Damaged);
}

#[test]
fn of_an_image_that_is_cut_off_it_is_said_before_an_answer_begins() {
    let (_place, image) = image("Cut");
    let bytes = fs::metadata(&image).unwrap().len();
    fs::File::options().write(true).open(&image).unwrap().set_len(bytes / 2).unwrap();
    let disc = Disc::new(Source::open(&image).unwrap()).unwrap();
    let content = |name| disc.content(&disc.look(&path(name)).unwrap().1).unwrap();
    let film = content("film.bin");
    disc.is_readable(&film, 0, 1_000_000).unwrap();
    assert_eq!(disc.is_readable(&film, 0, film.size()).unwrap_err().code, Code::Damaged);
}

#[test]
fn many_small_reads_are_few_of_the_drive() {
    let (_place, image) = image("A");
    let (bad, tries) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
    let scratched = Scratched { image: fs::read(image).unwrap(), bad, tries: Arc::clone(&tries) };
    let disc = Disc::new(Source::drive(Box::new(scratched))).unwrap();
    let film = disc.content(&disc.look(&path("film.bin")).unwrap().1).unwrap();
    let (before, mut bytes) = (tries.load(Ordering::Relaxed), Vec::new());
    for at in (0..3_000_000).step_by(1_000) {
        disc.read_at(&film, &mut bytes, at, 1_000).unwrap();
    }
    let tried = tries.load(Ordering::Relaxed) - before;
    assert!(tried <= 5, "{tried} reads for 3,000 questions");
}

#[test]
fn another_disc_in_its_place_is_not_the_one_that_is_shared() {
    let (_first_place, first) = image("First");
    let (_second_place, second) = image("Second");
    let discs = Discs::default();
    let id = look(&first).unwrap().id;
    assert_eq!(discs.get(&first, id).unwrap().id, id);
    let kept = fs::read(&first).unwrap();
    fs::copy(&second, &first).unwrap();
    assert_eq!(discs.get(&first, id).unwrap_err().code, Code::Away);
    fs::write(&first, kept).unwrap();
    assert_eq!(discs.get(&first, id).unwrap().id, id, "it comes back by itself");
    fs::remove_file(&first).unwrap();
    assert_eq!(discs.get(&first, id).unwrap_err().code, Code::Away);
}

#[test]
fn the_picture_of_the_whole_disc_is_the_file_it_came_from() {
    let (_place, image) = image("Whole");
    let disc = Disc::new(Source::open(&image).unwrap()).unwrap();
    let (facts, mut bytes) = (disc.facts_of_whole(), Vec::new());
    disc.read_at(&disc.whole(), &mut bytes, 0, usize::try_from(facts.size).unwrap()).unwrap();
    assert!(bytes == fs::read(&image).unwrap());
    assert!(
        is_image(&path(IMAGE)) && !is_image(&path("letter.txt")) && !is_image(&path(&format!("a/{IMAGE}")))
    );
    let names = disc.entries(&disc.look(&SharePath::top()).unwrap().1).unwrap();
    assert_eq!(names.count(), 2, "and it is not listed");
}

#[test]
fn a_scrambled_film_is_recognised() {
    for scrambled in [false, true] {
        let place = tempfile::tempdir().unwrap();
        let (source, image) = (place.path().join("source"), place.path().join("disc.iso"));
        fs::create_dir_all(source.join("VIDEO_TS")).unwrap();
        let mut sector = vec![0; 2_048];
        sector[..4].copy_from_slice(&[0, 0, 1, 0xba]);
        sector[0x14] = if scrambled { 0x30 } else { 0 };
        fs::write(source.join("VIDEO_TS/VTS_01_1.VOB"), sector.repeat(100)).unwrap();
        let made = Command::new("genisoimage")
            .args(["-quiet", "-udf", "-o", image.to_str().unwrap(), source.to_str().unwrap()])
            .status();
        assert!(made.expect("genisoimage is needed (cargo xtask setup)").success());
        assert_eq!(look(&image).unwrap().scrambled, scrambled);
    }
}
