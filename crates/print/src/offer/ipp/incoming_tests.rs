use super::*;
use flate2::{
    Compression as Level,
    write::{DeflateEncoder, GzEncoder},
};
use http_body_util::Full;
use lanyard_ipp::{GroupTag, Operation, Value};

fn pieces(bytes: &[u8], size: usize) -> impl Body<Data = Bytes, Error = BodyError> + Send + Unpin + 'static {
    let pieces: Vec<_> =
        bytes.chunks(size).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    StreamBody::new(stream::iter(pieces))
}

fn packed(bytes: &[u8], compression: Compression) -> Vec<u8> {
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Level::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Deflate => {
            let mut encoder = DeflateEncoder::new(Vec::new(), Level::default());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
    }
}

async fn unpacked(bytes: &[u8], size: usize, compression: Compression) -> Result<Bytes, BodyError> {
    let begun = Bytes::copy_from_slice(&bytes[..bytes.len().min(3)]);
    let rest = pieces(&bytes[begun.len()..], size);
    Ok(document(begun, rest, compression, CancellationToken::new()).collect().await?.to_bytes())
}

fn text() -> Vec<u8> {
    (0..200_000u32).flat_map(|n| (n / 7).to_be_bytes()).collect()
}

#[tokio::test]
async fn a_document_comes_out_as_it_went_in_however_it_is_packed_and_cut() {
    let text = text();
    for compression in [Compression::None, Compression::Gzip, Compression::Deflate] {
        let packed = packed(&text, compression);
        for size in [1, 7, 4096, 1 << 20] {
            if size == 1 && compression == Compression::None {
                continue;
            }
            let out = unpacked(&packed, size, compression).await.unwrap();
            assert_eq!(out.len(), text.len(), "{compression:?} in pieces of {size}");
            assert_eq!(out, text);
        }
    }
}

#[tokio::test]
async fn a_packed_document_that_ends_early_is_an_error_wherever_it_is_cut() {
    let text = &text()[..20_000];
    for compression in [Compression::Gzip, Compression::Deflate] {
        let packed = packed(text, compression);
        for cut in [0, 1, 5, packed.len() / 2, packed.len() - 1] {
            let out = unpacked(&packed[..cut], 4096, compression).await;
            assert!(out.is_err(), "{compression:?} cut after {cut} of {} bytes", packed.len());
        }
    }
}

#[tokio::test]
async fn a_packed_document_with_a_changed_byte_is_an_error() {
    let mut packed = packed(&text(), Compression::Gzip);
    let middle = packed.len() / 2;
    packed[middle] ^= 0x55;
    assert!(unpacked(&packed, 4096, Compression::Gzip).await.is_err());
}

#[tokio::test]
async fn a_zlib_wrapping_is_not_what_deflate_means() {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Level::default());
    encoder.write_all(&text()).unwrap();
    let wrapped = encoder.finish().unwrap();
    assert!(unpacked(&wrapped, 4096, Compression::Deflate).await.is_err());
}

#[tokio::test]
async fn a_bomb_is_cut_off_before_it_has_gone_off() {
    let zeros = vec![0; 16 << 20];
    let mut encoder = DeflateEncoder::new(Vec::new(), Level::best());
    for _ in 0..32 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let mut body =
        document(Bytes::new(), pieces(&bomb, 64 << 10), Compression::Deflate, CancellationToken::new());
    let (mut inflated, mut largest) = (0u64, 0);
    let refused = loop {
        match body.frame().await {
            Some(Ok(frame)) => {
                let length = frame.into_data().unwrap().len();
                inflated += length as u64;
                largest = largest.max(length);
            }
            Some(Err(error)) => break error,
            None => panic!("all {inflated} bytes of it came through"),
        }
    };
    assert!(refused.to_string().contains("far more"), "{refused}");
    assert!(largest <= 8 << 20, "{largest} bytes at once");
    assert!(inflated < 400 << 20, "{inflated}");
}

#[tokio::test]
async fn a_message_may_come_in_any_pieces_with_the_document_behind_it() {
    let message =
        Message::request(Operation::PrintJob, 7).with(GroupTag::Operation, "job-name", Value::name("letter"));
    let mut bytes = message.encode();
    bytes.extend_from_slice(b"%PDF-1.7");
    for size in 1..bytes.len() + 1 {
        let mut body = pieces(&bytes, size);
        let (read, begun) = super::message(&mut body).await.unwrap();
        assert_eq!(read, message);
        let rest = document(begun, body, Compression::None, CancellationToken::new())
            .collect()
            .await
            .unwrap()
            .to_bytes();
        assert_eq!(rest, b"%PDF-1.7".as_slice(), "in pieces of {size}");
    }
}

#[tokio::test]
async fn what_is_no_message_is_told_apart_from_what_begins_as_one() {
    let of = |bytes: &'static [u8]| async move { message(&mut Full::new(Bytes::from_static(bytes))).await };
    assert!(matches!(of(b"").await, Err(NoMessage::Nothing)));
    assert!(matches!(of(b"GET / HT").await, Err(NoMessage::Bad(..))));
    assert!(matches!(of(b"\x02\x00\x00").await, Err(NoMessage::Nothing)));
    let Err(NoMessage::Bad(header, DecodeError::Cut)) = of(b"\x02\x00\x00\x0b\x00\x00\x00\x09\x01").await
    else {
        panic!("a cut message")
    };
    assert_eq!(header.request_id, 9);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_too_slowly_is_given_up() {
    let slow = stream::unfold(0u8, |n| async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let byte = if n < 8 { 1 } else { 0x44 };
        Some((Ok::<_, BodyError>(Frame::data(Bytes::copy_from_slice(&[byte]))), n.saturating_add(1)))
    });
    let begun = tokio::time::Instant::now();
    let mut body = StreamBody::new(Box::pin(slow));
    assert!(message(&mut body).await.is_err());
    assert!(begun.elapsed() <= MESSAGE_DEADLINE + Duration::from_secs(1));
}
