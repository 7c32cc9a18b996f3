//! The head of an answer before it is sent: status and fields, one behind the other, so that it can still be replaced
//! and takes no allocation. What follows tells whether it ends the stream.

/// Bytes in front of a field: the lengths of its name and its value.
const LENGTHS: usize = 4;

/// Begins a head in `staged`.
pub(super) fn begin(staged: &mut Vec<u8>, status: u16) {
    staged.clear();
    staged.extend_from_slice(&status.to_be_bytes());
}

/// Adds a field. One that is longer than heads can be is left out.
pub(super) fn add(staged: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let (Ok(name_length), Ok(value_length)) = (u16::try_from(name.len()), u16::try_from(value.len())) else { return };
    staged.reserve(LENGTHS + name.len() + value.len());
    staged.extend_from_slice(&name_length.to_be_bytes());
    staged.extend_from_slice(&value_length.to_be_bytes());
    staged.extend_from_slice(name);
    staged.extend_from_slice(value);
}

/// The status of a head, if there is one.
pub(super) fn status(staged: &[u8]) -> Option<u16> {
    staged.first_chunk().map(|status| u16::from_be_bytes(*status))
}

/// The fields of a head, name and value.
pub(super) fn fields(staged: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = staged.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (&[a, b, c, d], behind) = rest.split_first_chunk::<LENGTHS>()?;
        let (name, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes([a, b])))?;
        let (value, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes([c, d])))?;
        rest = behind;
        Some((name, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_comes_out_as_it_went_in_and_too_long_fields_stay_behind() {
        let mut staged = b"former".to_vec();
        begin(&mut staged, 204);
        add(&mut staged, b"x-one", b"1");
        add(&mut staged, b"x-long", &[b'a'; 70_000]);
        add(&mut staged, b"x-empty", b"");
        assert_eq!(status(&staged), Some(204));
        assert_eq!(fields(&staged).collect::<Vec<_>>(), [(&b"x-one"[..], &b"1"[..]), (b"x-empty", b"")]);
        assert_eq!((status(b""), fields(b"").count()), (None, 0));
    }
}
