//! What a file system calls itself, read from its first bytes, in the words in which the system's own probe (blkid)
//! would tell it. Used where there is no such probe, or nobody has asked it yet. Pure.

/// Bytes at the beginning of a drive that are looked at.
pub(super) const HEAD: usize = 0x10100;

/// The id and the name of a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) id: String,
    pub(super) label: String,
}

/// What is there; none when it is nothing that is known.
pub(super) fn probe(head: &[u8]) -> Option<Known> {
    let has = |at: usize, magic: &[u8]| head.get(at..at + magic.len()) == Some(magic);
    let part = |at: usize, length: usize| head.get(at..at + length);
    // ext2 to ext4: a superblock at 1,024.
    if has(1_024 + 0x38, &[0x53, 0xef]) {
        return Some(Known { id: uuid(part(1_024 + 0x68, 16)?), label: text(part(1_024 + 0x78, 16)?) });
    }
    if has(0, b"XFSB") {
        return Some(Known { id: uuid(part(32, 16)?), label: text(part(108, 12)?) });
    }
    if has(0x1_0040, b"_BHRfS_M") {
        return Some(Known { id: uuid(part(0x1_0020, 16)?), label: String::new() });
    }
    if has(3, b"NTFS    ") {
        let serial = u64::from_le_bytes(part(0x48, 8)?.try_into().ok()?);
        return Some(Known { id: format!("{serial:016X}"), label: String::new() });
    }
    if has(3, b"EXFAT   ") {
        return Some(Known { id: short(part(0x64, 4)?), label: String::new() });
    }
    if has(510, &[0x55, 0xaa]) {
        // FAT32, then FAT12 and FAT16: the same words at other places.
        for (magic, kind, serial, label) in
            [(0x52, &b"FAT32   "[..], 0x43, 0x47), (0x36, b"FAT1", 0x27, 0x2b)]
        {
            if has(magic, kind) {
                return Some(Known { id: short(part(serial, 4)?), label: text(part(label, 11)?) });
            }
        }
    }
    None
}

fn uuid(bytes: &[u8]) -> String {
    uuid::Uuid::from_slice(bytes).map(|uuid| uuid.to_string()).unwrap_or_default()
}

fn short(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().rev().map(|byte| format!("{byte:02X}")).collect();
    format!("{}-{}", &digits[..4], &digits[4..])
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim().to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_are_those_that_the_systems_own_probe_tells() {
        let mut fat = vec![0; HEAD];
        fat[510..512].copy_from_slice(&[0x55, 0xaa]);
        fat[0x52..0x5a].copy_from_slice(b"FAT32   ");
        fat[0x43..0x47].copy_from_slice(&[0xef, 0xbe, 0xad, 0xde]);
        fat[0x47..0x52].copy_from_slice(b"HOLIDAYS   ");
        assert_eq!(probe(&fat).unwrap(), Known { id: "DEAD-BEEF".into(), label: "HOLIDAYS".into() });
        let mut ext = vec![0; HEAD];
        ext[1_080..1_082].copy_from_slice(&[0x53, 0xef]);
        ext[1_128..1_144].copy_from_slice(&[0x11; 16]);
        ext[1_144..1_149].copy_from_slice(b"stick");
        let id = "11111111-1111-1111-1111-111111111111".to_owned();
        assert_eq!(probe(&ext).unwrap(), Known { id, label: "stick".into() });
    }

    #[test]
    fn nothing_is_told_of_what_is_not_known_however_short() {
        for length in [0, 3, 512, 1_200, HEAD] {
            assert_eq!(probe(&vec![0; length]), None);
            assert_eq!(probe(&vec![0x55; length]), None);
        }
    }
}
