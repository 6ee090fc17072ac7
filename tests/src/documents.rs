//! Documents to print and files to copy, written by our own small writers so that what is in them is known exactly.

/// A PDF with one line of text on each page (PDF 1.4, Helvetica, A4).
#[must_use]
pub fn pdf(pages: &[&str]) -> Vec<u8> {
    pdf_with_ballast(pages, 0)
}

/// The same with `ballast` bytes that no viewer shows and no compression shortens, so that sending it takes time.
#[must_use]
pub fn pdf_with_ballast(pages: &[&str], ballast: usize) -> Vec<u8> {
    let kids: String = (0..pages.len()).map(|page| format!("{} 0 R ", 4 + 2 * page)).collect();
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Count {} /Kids [ {kids}] >>", pages.len()).into_bytes(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec(),
    ];
    for (page, text) in pages.iter().enumerate() {
        objects.push(
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [ 0 0 595 842 ] /Contents {} 0 R \
                 /Resources << /Font << /F1 3 0 R >> >> >>",
                5 + 2 * page
            )
            .into_bytes(),
        );
        let escaped: String =
            text.chars().flat_map(|c| if "()\\".contains(c) { vec!['\\', c] } else { vec![c] }).collect();
        objects.push(stream(format!("BT /F1 24 Tf 72 700 Td ({escaped}) Tj ET").as_bytes()));
    }
    if ballast > 0 {
        objects.push(stream(&noise(ballast, 7)));
    }

    let mut file = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut table = String::from("0000000000 65535 f \n");
    for (number, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.extend(format!("{} 0 obj\n", number + 1).bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let start = file.len();
    let size = objects.len() + 1;
    file.extend(
        format!(
            "xref\n0 {size}\n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
        )
        .bytes(),
    );
    file
}

fn stream(content: &[u8]) -> Vec<u8> {
    let mut object = format!("<< /Length {} >>\nstream\n", content.len()).into_bytes();
    object.extend(content);
    object.extend(b"\nendstream");
    object
}

/// A chess board as a greyscale PNG (RFC 2083) of `side` pixels, eight fields a side; half of it is black.
#[must_use]
pub fn png(side: u32) -> Vec<u8> {
    let mut rows = Vec::new();
    for y in 0..side {
        rows.push(0);
        rows.extend(
            (0..side).map(|x| if (x * 8 / side + y * 8 / side).is_multiple_of(2) { 0u8 } else { 255 }),
        );
    }
    let mut header = Vec::new();
    header.extend(side.to_be_bytes());
    header.extend(side.to_be_bytes());
    header.extend([8, 0, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", header), (b"IDAT", zlib_stored(&rows)), (b"IEND", Vec::new())] {
        let mut body = kind.to_vec();
        body.extend(&data);
        file.extend(u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
        file.extend(&body);
        file.extend(crc32(&body).to_be_bytes());
    }
    file
}

/// RFC 1950 around stored blocks of RFC 1951: no compression at all.
fn zlib_stored(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x78, 0x01];
    let count = data.chunks(65_535).count();
    for (number, block) in data.chunks(65_535).enumerate() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        bytes.push(u8::from(number + 1 == count));
        bytes.extend(length.to_le_bytes());
        bytes.extend((!length).to_le_bytes());
        bytes.extend(block);
    }
    let (mut a, mut b) = (1u32, 0u32);
    for byte in data {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    bytes.extend(((b << 16) | a).to_be_bytes());
    bytes
}

fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// The same chess board as a baseline greyscale JPEG (ITU-T T.81): every 8 × 8 block has one shade, so only the DC
/// coefficients are coded. `side` is rounded down to a multiple of 64.
#[must_use]
pub fn jpeg(side: u16) -> Vec<u8> {
    let side = (side / 64).max(1) * 64;
    let blocks = side / 8;
    let mut file = vec![0xff, 0xd8];
    // JFIF header, 300 dots per inch.
    file.extend([0xff, 0xe0, 0, 16]);
    file.extend(b"JFIF\0\x01\x01\x01\x01\x2c\x01\x2c\0\0");
    file.extend([0xff, 0xdb, 0, 67, 0]);
    file.extend([1; 64]);
    file.extend([0xff, 0xc0, 0, 11, 8]);
    file.extend(side.to_be_bytes());
    file.extend(side.to_be_bytes());
    file.extend([1, 1, 0x11, 0]);
    // DC: twelve sizes, all with codes of four bits. AC: only "end of block", one bit.
    file.extend([0xff, 0xc4, 0, 31, 0x00, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend(0..12);
    file.extend([0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);

    let mut bits: Vec<bool> = Vec::new();
    let mut push = |value: u32, count: u32| bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    let mut before = 0i32;
    for y in 0..blocks {
        for x in 0..blocks {
            let white = (x * 8 / blocks + y * 8 / blocks) % 2 == 1;
            let level = if white { 1016 } else { -1024 };
            let difference: i32 = level - before;
            before = level;
            let size = 32 - difference.unsigned_abs().leading_zeros();
            push(size, 4);
            let coded = if difference < 0 { difference + (1 << size) - 1 } else { difference };
            push(coded.unsigned_abs(), size);
            push(0, 1);
        }
    }
    // The last byte is filled with ones; a byte of all ones is followed by a zero.
    while !bits.len().is_multiple_of(8) {
        bits.push(true);
    }
    for byte in bits.chunks(8).map(|bits| bits.iter().fold(0u8, |byte, bit| byte << 1 | u8::from(*bit))) {
        file.push(byte);
        if byte == 0xff {
            file.push(0);
        }
    }
    file.extend([0xff, 0xd9]);
    file
}

/// Kinds of PWG raster that every printer here takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raster {
    /// One bit, one is black.
    Black,
    /// Eight bits of grey.
    Grey,
    /// Eight bits of each colour.
    Colour,
}

impl Raster {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Black, Self::Grey, Self::Colour];

    /// As the names of sample files have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Black => "black-1",
            Self::Grey => "sgray-8",
            Self::Colour => "srgb-8",
        }
    }
}

/// White pages with a black bar at the top, as PWG raster (PWG 5102.4) of so many pixels.
#[must_use]
pub fn pwg_raster(kind: Raster, dpi: u32, width: u32, height: u32, pages: usize) -> Vec<u8> {
    let (bits, colors, space, white) = match kind {
        Raster::Black => (1, 1, 3, 0x00u8),
        Raster::Grey => (8, 1, 18, 0xff),
        Raster::Colour => (8, 3, 19, 0xff),
    };
    let per_line = (width * bits * colors).div_ceil(8);
    let mut header = vec![0u8; 1796];
    header[..10].copy_from_slice(b"PwgRaster\0");
    let mut put = |at: usize, number: u32| header[at..at + 4].copy_from_slice(&number.to_be_bytes());
    for (at, number) in [
        (276, dpi),
        (280, dpi),
        (340, 1),
        (352, width * 72 / dpi),
        (356, height * 72 / dpi),
        (372, width),
        (376, height),
        (384, bits),
        (388, bits * colors),
        (392, per_line),
        (400, space),
        (420, colors),
        (452, u32::try_from(pages).unwrap_or(1)),
        (456, 1),
        (460, 1),
    ] {
        put(at, number);
    }
    // Runs of one unit: a pixel, or a byte of eight of them.
    let unit = usize::try_from(colors).unwrap_or(1);
    let units = usize::try_from(per_line).unwrap_or(0) / unit;
    let line = |shade: u8| {
        let mut line = Vec::new();
        let mut left = units;
        while left > 0 {
            let run = left.min(128);
            line.push(u8::try_from(run - 1).unwrap_or(127));
            line.extend(vec![shade; unit]);
            left -= run;
        }
        line
    };
    let mut file = b"RaS2".to_vec();
    for _ in 0..pages {
        file.extend(&header);
        let bar = height / 10;
        for (count, shade) in [(bar, !white), (height - bar, white)] {
            let mut left = count;
            while left > 0 {
                let repeat = left.min(256);
                file.push(u8::try_from(repeat - 1).unwrap_or(255));
                file.extend(line(shade));
                left -= repeat;
            }
        }
    }
    file
}

/// Bytes without any pattern, the same ones for the same `seed` (xorshift64*).
#[must_use]
pub fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        out.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    out.truncate(bytes);
    out
}
