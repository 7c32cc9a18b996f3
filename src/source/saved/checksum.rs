//! CRC-64/XZ: finds every single flipped byte and every burst of up to eight, which is what happens to files.

use std::io;

const TABLE: [u64; 256] = table();

const fn table() -> [u64; 256] {
    // The polynomial of ECMA-182, reflected.
    const POLYNOMIAL: u64 = 0xC96C_5795_D787_0F42;
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u64;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ POLYNOMIAL } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// The checksum of bytes that come piece by piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checksum(u64);

impl Checksum {
    /// Of no bytes yet.
    pub(super) fn new() -> Self {
        Self(!0)
    }

    /// Goes on with these bytes.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |crc, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8));
    }

    /// Of all bytes so far.
    pub(super) fn value(self) -> u64 {
        !self.0
    }
}

/// Counts and sums what is written through it.
pub(super) struct Summed<W> {
    inner: W,
    /// Of what was written.
    pub(super) checksum: Checksum,
    /// Bytes written.
    pub(super) bytes: u64,
}

impl<W> Summed<W> {
    /// Nothing written yet.
    pub(super) fn new(inner: W) -> Self {
        Self { inner, checksum: Checksum::new(), bytes: 0 }
    }
}

impl<W: io::Write> io::Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.checksum.add(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_known_sum() {
        let mut sum = Checksum::new();
        sum.add(b"12345");
        sum.add(b"6789");
        assert_eq!(sum.value(), 0x995D_C9BB_DF19_39FA);
    }
}
