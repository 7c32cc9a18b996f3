//! Snapshot files: no input panics, and what is read is written and read again as the same.

#![no_main]

use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use tidegate::source::objects::Objects;
use tidegate::source::saved;

/// CRC-64/XZ, bit by bit: a second opinion, and the way past the checksum to what is behind it.
fn checksum(bytes: &[u8]) -> u64 {
    !bytes.iter().fold(!0_u64, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| (crc >> 1) ^ (0xC96C_5795_D787_0F42 & (crc & 1).wrapping_neg()))
    })
}

fn objects(saved: saved::Saved) -> Objects {
    let mut objects = Objects::default();
    saved.changes.into_iter().for_each(|change| drop(objects.apply(change)));
    objects
}

fuzz_target!(|input: &[u8]| {
    // As it is, and with the end it should have.
    let _ = saved::parse(input);
    let mut body = input.to_vec();
    if !body.ends_with(b"\n") {
        body.push(b'\n');
    }
    let count = body.split(|byte| *byte == b'\n').filter(|line| line.first() == Some(&b'{')).count();
    let end = format!("end {count} {:016x}\n", checksum(&body));
    body.extend_from_slice(end.as_bytes());
    let Ok(saved) = saved::parse(&body[..]) else { return };
    assert_eq!(saved.changes.len() + saved.left_out, count);
    let objects_read = objects(saved);
    let mut written = Vec::new();
    saved::write(&objects_read, SystemTime::UNIX_EPOCH, &mut written).unwrap();
    let again = saved::parse(&written[..]).unwrap();
    assert_eq!(again.left_out, 0);
    let again = objects(again);
    assert!(objects_read.ingresses().all(|object| again.ingress(&object.name) == Some(object)));
    assert!(objects_read.services().all(|object| again.service(&object.name) == Some(object)));
    assert!(objects_read.slices().all(|object| again.slice(&object.name) == Some(object)));
    assert!(objects_read.secrets().all(|object| again.secret(&object.name) == Some(object)));
    assert!(objects_read.classes().eq(again.classes()));
});
