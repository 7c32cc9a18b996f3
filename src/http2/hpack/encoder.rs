//! From fields to header blocks (RFC 7541 §3).

/// The pseudo-fields of requests (RFC 9113 §8.3.1, RFC 8441 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pseudo {
    /// `:method`.
    Method,
    /// `:scheme`.
    Scheme,
    /// `:authority`.
    Authority,
    /// `:path`.
    Path,
    /// `:protocol`, of extended CONNECT.
    Protocol,
}

/// The encoding side of a connection.
#[derive(Debug, Default)]
pub struct Encoder {
    limit: u32,
}

impl Encoder {
    /// An encoder whose peer has said nothing yet: its table has 4096 bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The peer's SETTINGS_HEADER_TABLE_SIZE. The next block says what is made of it (RFC 7541 §4.2).
    pub fn set_table_bytes(&mut self, bytes: u32) {
        self.limit = bytes;
    }

    /// Begins a block.
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// `:status`.
    pub fn status(&mut self, status: u16, out: &mut Vec<u8>) {
        let _ = (status, out);
    }

    /// A pseudo-field of a request. All of them precede the other fields.
    pub fn pseudo(&mut self, name: Pseudo, value: &[u8], out: &mut Vec<u8>) {
        let _ = (name, value, out);
    }

    /// A field. Its name may have any case and is written in lower case.
    pub fn field(&mut self, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        let _ = (name, value, out);
    }
}
