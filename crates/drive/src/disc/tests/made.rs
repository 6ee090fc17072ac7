//! UDF as our own code writes it, for what no program at hand can write: kinds of lists, holes, metadata partitions. A
//! second reader (7z) is asked whether it understands it too. And discs that lie.

use super::*;
use crate::disc::bytes;

const BLOCK: usize = 2_048;
/// Where the partition begins, and how many blocks it has.
const START: u32 = 300;
const LENGTH: u32 = 700;

/// How the bytes of files are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Short,
    Long,
    Inside,
}

/// Something in a folder.
enum Node {
    File(Vec<u8>),
    /// Bytes, a hole, bytes.
    Sparse(Vec<u8>, u32, Vec<u8>),
    Folder(Vec<(&'static str, Node)>),
}

struct Writer {
    image: Vec<u8>,
    /// The next free block of the partition, and of the metadata file.
    next: u32,
    next_metadata: u32,
    way: Way,
    metadata: bool,
    extended: bool,
}

/// Blocks of the metadata file: where it begins in the partition and how many it has.
const METADATA: u32 = 20;
const METADATA_LENGTH: u32 = 200;

impl Writer {
    fn new(way: Way, metadata: bool, extended: bool) -> Self {
        let image = vec![0; (START + LENGTH + 20) as usize * BLOCK];
        let next = if metadata { METADATA + METADATA_LENGTH } else { 10 };
        Self { image, next, next_metadata: 1, way, metadata, extended }
    }

    fn put(&mut self, sector: u32, bytes: &[u8]) {
        let at = sector as usize * BLOCK;
        self.image[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// A descriptor with its tag, whole.
    fn descriptor(kind: u16, location: u32, mut body: Vec<u8>) -> Vec<u8> {
        let version: u16 = 3;
        let crc = udf::crc(&body[16..]);
        let length = u16::try_from(body.len() - 16).unwrap();
        body[0..2].copy_from_slice(&kind.to_le_bytes());
        body[2..4].copy_from_slice(&version.to_le_bytes());
        body[8..10].copy_from_slice(&crc.to_le_bytes());
        body[10..12].copy_from_slice(&length.to_le_bytes());
        body[12..16].copy_from_slice(&location.to_le_bytes());
        body[4] = 0;
        body[4] = body[..16].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        body
    }

    /// Room for descriptors of files and folders: the block to be told, and the sector where it is.
    fn room(&mut self) -> (u32, u32) {
        if self.metadata {
            self.next_metadata += 1;
            let block = self.next_metadata - 1;
            return (block, START + METADATA + block);
        }
        self.next += 1;
        (self.next - 1, START + self.next - 1)
    }

    /// The partition in which they are.
    fn partition(&self) -> u16 {
        u16::from(self.metadata)
    }

    fn long(length: u32, block: u32, partition: u16) -> Vec<u8> {
        let mut ad = vec![0; 16];
        ad[0..4].copy_from_slice(&length.to_le_bytes());
        ad[4..8].copy_from_slice(&block.to_le_bytes());
        ad[8..10].copy_from_slice(&partition.to_le_bytes());
        ad
    }

    /// Bytes that lie somewhere in the partition.
    fn data(&mut self, bytes: &[u8]) -> u32 {
        let block = self.next;
        self.put(START + block, bytes);
        self.next += u32::try_from(bytes.len().div_ceil(BLOCK)).unwrap();
        block
    }

    fn entry(&mut self, kind: u8, way: u16, length: u64, pieces: &[u8]) -> u32 {
        let (block, sector) = self.room();
        let at = if self.extended { 216 } else { 176 };
        let mut body = vec![0; at];
        body[20..22].copy_from_slice(&4_u16.to_le_bytes());
        body[24] = 1;
        body[27] = kind;
        body[34..36].copy_from_slice(&way.to_le_bytes());
        body[44..48].copy_from_slice(&(1_u32 << 10 | 0b100_0010_0001).to_le_bytes());
        body[48] = 1;
        body[56..64].copy_from_slice(&length.to_le_bytes());
        let modified = if self.extended { 92 } else { 84 };
        body[modified..modified + 12].copy_from_slice(&[0, 0x10, 0xd4, 0x07, 2, 29, 12, 34, 56, 0, 0, 0]);
        let lengths = at - 4;
        body[lengths..lengths + 4].copy_from_slice(&u32::try_from(pieces.len()).unwrap().to_le_bytes());
        if self.extended {
            body[64..72].copy_from_slice(&length.to_le_bytes());
        }
        body.extend_from_slice(pieces);
        let tag = if self.extended { 266 } else { 261 };
        let body = Self::descriptor(tag, block, body);
        self.put(sector, &body);
        block
    }

    fn node(&mut self, node: &Node, above: Option<u32>) -> u32 {
        match node {
            Node::File(bytes) => self.file(5, bytes),
            Node::Sparse(first, hole, last) => {
                let (one, two) = (self.data(first), self.data(last));
                let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
                let pieces = [
                    Self::long(length(first), one, 0),
                    Self::long(2 << 30 | *hole, 0, 0),
                    Self::long(length(last), two, 0),
                ]
                .concat();
                let size = u64::from(*hole) + (first.len() + last.len()) as u64;
                self.entry(5, 1, size, &pieces)
            }
            Node::Folder(nodes) => {
                // Its own entry comes after it: the parent of a top is itself, of others nobody looks at it.
                let mut records = Self::identifier(0x0a, &[], above.unwrap_or(0), self.partition());
                for (name, node) in nodes {
                    let block = self.node(node, Some(0));
                    let flags = if matches!(node, Node::Folder(_)) { 2 } else { 0 };
                    let name: Vec<u8> =
                        std::iter::once(16).chain(name.encode_utf16().flat_map(u16::to_be_bytes)).collect();
                    records.extend(Self::identifier(flags, &name, block, self.partition()));
                }
                self.folder(&records)
            }
        }
    }

    fn folder(&mut self, records: &[u8]) -> u32 {
        if records.len() < 1_500 {
            return self.entry(4, 3, records.len() as u64, records);
        }
        // Records of folders are metadata too.
        let count = u32::try_from(records.len().div_ceil(BLOCK)).unwrap();
        let (block, sector) = self.room();
        for _ in 1..count {
            self.room();
        }
        self.put(sector, records);
        let length = u32::try_from(records.len()).unwrap();
        let piece = [length.to_le_bytes(), block.to_le_bytes()].concat();
        self.entry(4, 0, records.len() as u64, &piece)
    }

    fn file(&mut self, kind: u8, bytes: &[u8]) -> u32 {
        let length = u32::try_from(bytes.len()).unwrap();
        match self.way {
            Way::Inside if bytes.len() < 1_000 => self.entry(kind, 3, bytes.len() as u64, bytes),
            // A short one is in the partition of its entry, which is where metadata is.
            Way::Short if !self.metadata => {
                let block = self.data(bytes);
                self.entry(kind, 0, bytes.len() as u64, &[length.to_le_bytes(), block.to_le_bytes()].concat())
            }
            _ => {
                let block = self.data(bytes);
                self.entry(kind, 1, bytes.len() as u64, &Self::long(length, block, 0))
            }
        }
    }

    fn identifier(flags: u8, name: &[u8], block: u32, partition: u16) -> Vec<u8> {
        let mut body = vec![0; (38 + name.len()).next_multiple_of(4)];
        body[16] = 1;
        body[18] = flags;
        body[19] = u8::try_from(name.len()).unwrap();
        body[20..36].copy_from_slice(&Self::long(2_048, block, partition));
        body[38..38 + name.len()].copy_from_slice(name);
        Self::descriptor(257, block, body)
    }

    fn finish(mut self, top: &Node) -> Vec<u8> {
        let root = self.node(top, None);
        let (set, sector) = self.room();
        let mut body = vec![0; 512];
        // Character sets are those of the standard: OSTA compressed Unicode.
        body[400..416].copy_from_slice(&Self::long(2_048, root, self.partition()));
        body[416..448].copy_from_slice(&entity(b"*OSTA UDF Compliant", 0x0250));
        let body = Self::descriptor(256, set, body);
        self.put(sector, &body);
        if self.metadata {
            self.write_metadata_files();
        }
        for (place, id) in [(16, b"BEA01"), (17, b"NSR03"), (18, b"TEA01")] {
            self.put(place, &[&[0][..], id, &[1]].concat());
        }
        self.volume(set);
        self.image
    }

    /// The file that is the metadata partition, and its mirror, told at blocks of the other partition.
    fn write_metadata_files(&mut self) {
        for (block, kind) in [(2, 250), (3, 251)] {
            let piece = [(METADATA_LENGTH * BLOCK as u32).to_le_bytes(), METADATA.to_le_bytes()].concat();
            let mut body = vec![0; 216];
            body[20..22].copy_from_slice(&4_u16.to_le_bytes());
            body[24] = 1;
            body[27] = kind;
            body[56..64].copy_from_slice(&u64::from(METADATA_LENGTH * BLOCK as u32).to_le_bytes());
            body[212..216].copy_from_slice(&8_u32.to_le_bytes());
            body.extend_from_slice(&piece);
            let body = Self::descriptor(266, block, body);
            self.put(START + block, &body);
        }
    }

    fn volume(&mut self, set: u32) {
        let mut primary = vec![0; 512];
        primary[16] = 1;
        primary[24..28].copy_from_slice(&[8, b't', b'o', b'p']);
        primary[55] = 4;
        let mut partition = vec![0; 512];
        partition[16] = 2;
        partition[20] = 1;
        partition[24..56].copy_from_slice(&entity(b"+NSR03", 0));
        partition[184] = 1;
        partition[188..192].copy_from_slice(&START.to_le_bytes());
        partition[192..196].copy_from_slice(&LENGTH.to_le_bytes());
        let mut maps = vec![1, 6, 1, 0, 0, 0];
        if self.metadata {
            let mut map = vec![0; 64];
            (map[0], map[1]) = (2, 64);
            map[4..36].copy_from_slice(&entity(b"*UDF Metadata Partition", 0x0250));
            map[36] = 1;
            map[40..44].copy_from_slice(&2_u32.to_le_bytes());
            map[44..48].copy_from_slice(&3_u32.to_le_bytes());
            map[48..52].copy_from_slice(&u32::MAX.to_le_bytes());
            map[52] = 32;
            map[56] = 1;
            maps.extend(map);
        }
        let mut logical = vec![0; 440];
        logical[16] = 3;
        logical[84..89].copy_from_slice(&[8, b'm', b'a', b'd', b'e']);
        logical[211] = 5;
        logical[212..216].copy_from_slice(&(BLOCK as u32).to_le_bytes());
        let revision = if self.metadata { 0x0250 } else { 0x0201 };
        logical[216..248].copy_from_slice(&entity(b"*OSTA UDF Compliant", revision));
        logical[248..264].copy_from_slice(&Self::long(BLOCK as u32, set, self.partition()));
        logical[264..268].copy_from_slice(&u32::try_from(maps.len()).unwrap().to_le_bytes());
        logical[268] = if self.metadata { 2 } else { 1 };
        logical.extend(maps);
        let descriptors = [(1, primary), (5, partition), (6, logical), (8, vec![0; 512])];
        for (sector, (kind, body)) in (32..).zip(descriptors) {
            let body = Self::descriptor(kind, sector, body);
            self.put(sector, &body);
        }
        let mut anchor = vec![0; 512];
        for at in [16, 24] {
            anchor[at..at + 4].copy_from_slice(&(16 * BLOCK as u32).to_le_bytes());
            anchor[at + 4..at + 8].copy_from_slice(&32_u32.to_le_bytes());
        }
        let last = START + LENGTH + 19;
        for sector in [256, last] {
            let anchor = Self::descriptor(2, sector, anchor.clone());
            self.put(sector, &anchor);
        }
    }
}

/// `EntityID` (1/7.4) with a suffix of UDF.
fn entity(name: &[u8], revision: u16) -> Vec<u8> {
    let mut entity = vec![0; 32];
    entity[1..=name.len()].copy_from_slice(name);
    entity[24..26].copy_from_slice(&revision.to_le_bytes());
    entity
}

/// With a hole, unless the second reader is to read it, which has no word for holes.
fn example(hole: bool) -> Node {
    let many = (0..120).map(|_| ()).enumerate().map(|(n, ())| {
        let name: &'static str = Box::leak(format!("a file with number {n} in its name").into_boxed_str());
        (name, Node::File(n.to_string().into_bytes()))
    });
    Node::Folder(vec![
        ("hello.txt", Node::File(b"hello".to_vec())),
        ("Grüße 日本", Node::Folder(vec![("ä", Node::File(vec![7; 5_000]))])),
        (
            "sparse",
            if hole { Node::Sparse(vec![1; 4_096], 3_000_832, vec![2; 100]) } else { Node::File(vec![3; 9]) },
        ),
        ("empty", Node::File(Vec::new())),
        ("many", Node::Folder(many.collect())),
    ])
}

/// Small images, for the fuzz targets too.
fn forms(hole: bool) -> Vec<(String, Vec<u8>)> {
    let mut forms = Vec::new();
    for way in [Way::Short, Way::Long, Way::Inside] {
        for metadata in [false, true] {
            for extended in [false, true] {
                let name = format!("{way:?} metadata={metadata} extended={extended}");
                forms.push((name, Writer::new(way, metadata, extended).finish(&example(hole))));
            }
        }
    }
    forms
}

#[test]
fn every_way_to_tell_where_bytes_are_is_read() {
    let mut expected = Tree::new();
    let file =
        |bytes: &[u8]| Thing::File { hash: hash(bytes), modified: 1_078_054_496 + 3_600, executable: true };
    expected.insert("/hello.txt".to_owned(), file(b"hello"));
    expected.insert("/Grüße 日本".to_owned(), Thing::Folder);
    expected.insert("/Grüße 日本/ä".to_owned(), file(&[7; 5_000]));
    expected.insert("/sparse".to_owned(), file(&[vec![1; 4_096], vec![0; 3_000_832], vec![2; 100]].concat()));
    expected.insert("/empty".to_owned(), file(b""));
    expected.insert("/many".to_owned(), Thing::Folder);
    for n in 0..120 {
        expected.insert(format!("/many/a file with number {n} in its name"), file(n.to_string().as_bytes()));
    }
    for (name, image) in forms(true) {
        let volume = Volume::open(&image[..]).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((volume.label(), volume.format()), ("made", Format::Udf), "{name}");
        same(tree_of(&volume), expected.clone(), &name);
    }
    expected.insert("/sparse".to_owned(), file(&[3; 9]));
    for (name, image) in forms(false) {
        let place = tempfile::tempdir().unwrap();
        let (path, out) = (place.path().join("made.udf"), place.path().join("out"));
        fs::write(&path, &image).unwrap();
        run("7z", &["x", "-tudf", &format!("-o{}", out.display()), path.to_str().unwrap()]);
        same(contents(tree_in(&out)), contents(expected.clone()), &format!("7z, {name}"));
    }
}

/// Reads all there is, within limits, as the fuzz targets do.
fn look_at_everything(image: &[u8]) -> usize {
    crate::disc::look_at_everything(image)
}

#[test]
fn no_disc_with_a_few_wrong_bytes_makes_us_stumble() {
    let source = tempfile::tempdir().unwrap();
    fs::create_dir_all(source.path().join("a/b/c/d/e/f/g/h/i/j")).unwrap();
    fs::write(source.path().join("a/b/file with a name that is rather long"), b"x").unwrap();
    let iso = Image::made("genisoimage", &["-R", "-J"], source.path());
    let mut images = vec![fs::read(&iso.path).unwrap()];
    images.extend(forms(true).into_iter().map(|(_, image)| image).take(4));
    let mut random = blake3::Hasher::new().finalize_xof();
    let mut next = || {
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) >> 2).unwrap()
    };
    for image in images {
        let used: Vec<usize> = (0..image.len()).filter(|at| image[*at] != 0).collect();
        for _ in 0..300 {
            let mut wrong = image.clone();
            for _ in 0..=next() % 4 {
                let at = used[next() % used.len()];
                wrong[at] = u8::try_from(next() % 256).unwrap();
            }
            look_at_everything(&wrong);
        }
    }
}

#[test]
fn a_folder_that_leads_back_to_one_above_it_is_refused() {
    let source = tempfile::tempdir().unwrap();
    fs::create_dir_all(source.path().join("first/second")).unwrap();
    let iso = Image::made("genisoimage", &["-R"], source.path());
    let mut image = fs::read(&iso.path).unwrap();
    let volume = Volume::open(&image[..]).unwrap();
    let first = volume.find(&["first".to_owned()]).unwrap();
    let second = volume.find(&["first".to_owned(), "second".to_owned()]).unwrap();
    let (first, second) =
        (u32::try_from(first.id / SECTOR).unwrap(), u32::try_from(second.id / SECTOR).unwrap());
    // The record of `second` in `first` is made to say that it is where `first` is.
    let folder = usize::try_from(u64::from(first) * SECTOR).unwrap();
    let record = (folder..folder + SECTOR as usize)
        .find(|at| bytes::u32(&image, at + 2) == second && bytes::u8(&image, at + 25) == 2);
    let at = record.unwrap();
    image[at + 2..at + 6].copy_from_slice(&first.to_le_bytes());
    let volume = Volume::open(&image[..]).unwrap();
    let path = ["first", "second", "second", "second"].map(str::to_owned);
    let error = volume.find(&path).unwrap_err();
    assert!(matches!(error, DiscError::Damaged("its folders lead in a circle")), "{error}");
    assert!(look_at_everything(&image) < 100, "and nobody walks in it for long");
}

#[test]
fn what_lies_beyond_the_end_is_said_to_and_the_rest_is_read() {
    let source = difficult();
    let iso = Image::made("genisoimage", &["-R"], source.path());
    let image = fs::read(&iso.path).unwrap();
    let volume = Volume::open(&image[..]).unwrap();
    let large = volume.find(&["large.bin".to_owned()]).unwrap();
    let content = volume.content(&large).unwrap();
    let (at, _) = content.places(large.size - 1, 1).next().unwrap();
    let cut = &image[..usize::try_from(at).unwrap()];
    let volume = Volume::open(cut).unwrap();
    let content = volume.content(&volume.find(&["large.bin".to_owned()]).unwrap()).unwrap();
    let mut bytes = vec![0; 100];
    content.read(volume.reader(), &mut bytes, 0).unwrap();
    let error = content.read(volume.reader(), &mut bytes, large.size - 100).unwrap_err();
    assert!(matches!(error, DiscError::Damaged(_)), "{error}");
    assert!(
        content.read(volume.reader(), &mut bytes, large.size - 50).is_err(),
        "beyond the end of the file"
    );
}

#[test]
fn what_is_no_disc_is_said_to_be_none() {
    for nothing in [vec![], vec![0; 40_000], vec![0xff; 2 << 20], b"hello".repeat(100_000)] {
        assert!(matches!(Volume::open(&nothing[..]), Err(DiscError::Unknown)));
    }
}

/// An image as the fuzz targets take it: what is not empty in it (`crate::fuzzing::disc`).
fn for_fuzzing(image: &[u8]) -> Vec<u8> {
    let sectors = image.len() / BLOCK;
    let mut out = u16::try_from(sectors.saturating_sub(1)).unwrap().to_le_bytes().to_vec();
    for (sector, bytes) in image.chunks(BLOCK).enumerate() {
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        // What files hold is not worth the room.
        if used == 0 || bytes[..used].iter().all(|byte| *byte == bytes[0]) {
            continue;
        }
        out.extend_from_slice(&u16::try_from(sector).unwrap().to_le_bytes());
        out.extend_from_slice(&u16::try_from(used).unwrap().to_le_bytes());
        out.extend_from_slice(&bytes[..used]);
    }
    out
}

#[test]
#[ignore = "not a test: writes what the fuzz targets begin with"]
fn the_corpus_is_written() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let source = tempfile::tempdir().unwrap();
    fs::create_dir_all(source.path().join("a/b/c/d/e/f/g/h/i")).unwrap();
    fs::write(source.path().join("a/b/c/d/e/f/g/h/i/deep"), "deep").unwrap();
    fs::write(source.path().join("a name that goes on and on ".repeat(8).trim()), "x").unwrap();
    std::os::unix::fs::symlink("a", source.path().join("link")).unwrap();
    let write = |target: &str, name: &str, image: &[u8]| {
        fs::create_dir_all(corpus.join(target)).unwrap();
        fs::write(corpus.join(target).join(name), for_fuzzing(image)).unwrap();
    };
    for (name, options) in [("rock-ridge", &["-R"][..]), ("joliet", &["-J"]), ("plain", &["-iso-level", "1"])]
    {
        let options = [options, &["-no-pad"]].concat();
        let image = Image::made("genisoimage", &options, source.path());
        write("iso9660", name, &fs::read(&image.path).unwrap());
    }
    let small = || {
        let inner = Node::Folder(vec![("ä", Node::File(vec![7; 3_000]))]);
        let sparse = Node::Sparse(vec![1; 2_048], 4_096, vec![2; 9]);
        Node::Folder(vec![("hello", Node::File(b"hello".to_vec())), ("in", inner), ("sparse", sparse)])
    };
    for (way, metadata, extended) in
        [(Way::Short, false, false), (Way::Inside, false, true), (Way::Long, true, true)]
    {
        let name = format!("{way:?}-{metadata}-{extended}").to_lowercase();
        write("udf", &name, &Writer::new(way, metadata, extended).finish(&small()));
    }
    for (media, revision) in [("cdr", "1.50"), ("cdr", "2.01")] {
        let path = source.path().join("empty.img");
        let [media_type, udf] = [format!("--media-type={media}"), format!("--udfrev={revision}")];
        run("mkudffs", &["--new-file", &media_type, &udf, path.to_str().unwrap(), "1000"]);
        write("udf", &format!("{media}-{revision}"), &fs::read(&path).unwrap());
        fs::remove_file(path).unwrap();
    }
}
