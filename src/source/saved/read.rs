//! Reading the file of saved objects, all of it or nothing: no object is used before the checksum at its end was verified.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::checksum::Checksum;
use super::{END, MAGIC, VERSION};
use crate::source::kinds;
use crate::source::objects::{Change, Object};

/// Bytes a file may have; a larger one is not read.
const MAX_FILE: u64 = 512 << 20;
/// Bytes a line may have: an object of the API has at most 1.5 MiB.
const MAX_LINE: u64 = 16 << 20;

/// What a file of saved objects held.
#[derive(Clone, Debug)]
pub struct Saved {
    /// All objects, each once, as arrivals.
    pub changes: Vec<Change>,
    /// When they were last known to be current.
    pub at: SystemTime,
    /// Objects left out because this version cannot read them.
    pub left_out: usize,
    /// Size of the file. Bytes.
    pub bytes: u64,
}

/// Why a file of saved objects is not used.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// It cannot be read at all.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Larger than any that was written.
    #[error("it has more than {MAX_FILE} bytes")]
    TooLarge,
    /// Not a file of saved objects.
    #[error("it is not a file of saved objects")]
    NotOne,
    /// Of another version of the format.
    #[error("its format has version {0}, and this is {VERSION}")]
    Version(u32),
    /// The end is missing.
    #[error("it is cut off")]
    Truncated,
    /// The checksum or the count at its end is not that of its content.
    #[error("its content does not fit its checksum")]
    Corrupt,
}

impl Rejection {
    /// The value of the metric's label `reason`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge => "too_large",
            Self::NotOne => "not_a_snapshot",
            Self::Version(_) => "version",
            Self::Truncated => "truncated",
            Self::Corrupt => "corrupt",
        }
    }
}

/// Reads the file; `None` when there is none. Its time of modification tells to when it was current, if that is later
/// than what it says itself: the writer sets it while nothing changes.
pub fn read(path: &Path) -> Result<Option<Saved>, Rejection> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no plain file").into());
    }
    if metadata.len() > MAX_FILE {
        return Err(Rejection::TooLarge);
    }
    let mut saved = parse(BufReader::with_capacity(1 << 18, file.take(MAX_FILE + 1)))?;
    if let Ok(modified) = metadata.modified()
        && modified <= SystemTime::now()
    {
        saved.at = saved.at.max(modified);
    }
    Ok(Some(saved))
}

/// Reads what `write` wrote.
pub fn parse(mut input: impl BufRead) -> Result<Saved, Rejection> {
    let mut checksum = Checksum::new();
    let mut line = Vec::new();
    let mut bytes = next_line(&mut input, &mut line)?;
    let seconds = header(&line)?;
    let (mut changes, mut left_out) = (Vec::new(), 0);
    loop {
        checksum.add(&line);
        bytes += next_line(&mut input, &mut line)?;
        if line.first() != Some(&b'{') {
            break;
        }
        match object(&line) {
            Some(object) => changes.push(Change::arrival(object)),
            None => left_out += 1,
        }
    }
    if !line.ends_with(b"\n") {
        return Err(Rejection::Truncated);
    }
    let expected = format!("{END} {} {:016x}\n", changes.len() + left_out, checksum.value());
    if line != expected.as_bytes() || input.read(&mut [0])? != 0 {
        return Err(Rejection::Corrupt);
    }
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or(Rejection::Corrupt)?;
    Ok(Saved { changes, at, left_out, bytes })
}

/// The object of a line, `{"Ingress":{…}}`. `None` when this version does not know the kind or cannot use the object.
fn object(line: &[u8]) -> Option<Object> {
    let (kind, rest) = std::str::from_utf8(line).ok()?.strip_prefix("{\"")?.split_once("\":")?;
    (kinds::named(kind)?.from_saved)(rest.strip_suffix("}\n")?.as_bytes())
}

/// The time that the first line tells.
fn header(line: &[u8]) -> Result<u64, Rejection> {
    let text = std::str::from_utf8(line).map_err(|_| Rejection::NotOne)?;
    let rest = text.strip_prefix(MAGIC).and_then(|rest| rest.strip_prefix(' ')).ok_or(Rejection::NotOne)?;
    let rest = rest.strip_suffix('\n').ok_or(Rejection::Truncated)?;
    let (version, seconds) = rest.split_once(' ').ok_or(Rejection::NotOne)?;
    match version.parse() {
        Ok(VERSION) => seconds.parse().map_err(|_| Rejection::NotOne),
        Ok(other) => Err(Rejection::Version(other)),
        Err(_) => Err(Rejection::NotOne),
    }
}

/// Puts the next line with its end into `line`; without an end where the input ends or the line is too long.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    line.clear();
    input.by_ref().take(MAX_LINE).read_until(b'\n', line).map(|count| count as u64)
}
