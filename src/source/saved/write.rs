//! Writing the file of saved objects as a whole.

use std::io::{self, BufWriter, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::checksum::Summed;
use super::{END, MAGIC, VERSION};
use crate::source::kinds;
use crate::source::objects::Objects;

/// Writes all objects as they are at this time. Returns how many bytes were written. Holds at most one object in memory in its
/// written form.
pub fn write(objects: &Objects, at: SystemTime, out: impl Write) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 16, Summed::new(out));
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    writeln!(out, "{MAGIC} {VERSION} {seconds}")?;
    let mut count = 0_u64;
    for object in objects.iter() {
        write!(out, "{{\"{}\":", object.reference().kind.as_str())?;
        kinds::save(&object, &mut out)?;
        out.write_all(b"}\n")?;
        count += 1;
    }
    out.flush()?;
    let sum = out.get_ref().checksum.value();
    writeln!(out, "{END} {count} {sum:016x}")?;
    out.flush()?;
    Ok(out.get_ref().bytes)
}
