//! Numbers as people read them.

/// `number` in groups of three digits, with narrow spaces that do not break.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// Bytes with a binary prefix and three digits.
pub(super) fn bytes(number: u64) -> String {
    const NAMES: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if number < 1024 {
        return format!("{number}\u{202f}B");
    }
    let power = (number.ilog2() / 10) as usize;
    let shown = number as f64 / (1u64 << (10 * power)) as f64;
    let digits = if shown < 10.0 { 2 } else { usize::from(shown < 100.0) };
    format!("{shown:.digits$}\u{202f}{}", NAMES[power - 1])
}

/// Microseconds as milliseconds or seconds.
pub(super) fn millis(micros: u32) -> String {
    match micros {
        0..10_000 => format!("{:.1}\u{202f}ms", f64::from(micros) / 1e3),
        10_000..10_000_000 => format!("{}\u{202f}ms", micros / 1000),
        _ => format!("{:.1}\u{202f}s", f64::from(micros) / 1e6),
    }
}

/// Seconds as HAProxy's page shows them: the two largest units.
pub(super) fn seconds(number: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let at = units.iter().position(|(size, _)| number >= *size).unwrap_or(3);
    let (size, name) = units[at];
    let first = format!("{}{name}", number / size);
    match units.get(at + 1) {
        Some((smaller, name)) if number % size / smaller > 0 => format!("{first}{}{name}", number % size / smaller),
        Some(_) | None => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_right() {
        let times =
            [0, 1240, 9_999, 12_345, 9_999_999, 12_300_000].map(|micros| millis(micros).replace('\u{202f}', " "));
        assert_eq!(times, ["0.0 ms", "1.2 ms", "10.0 ms", "12 ms", "9999 ms", "12.3 s"]);
        assert_eq!([count(0), count(999), count(1000)], ["0", "999", "1\u{202f}000"]);
        assert_eq!(count(u64::MAX), "18\u{202f}446\u{202f}744\u{202f}073\u{202f}709\u{202f}551\u{202f}615");
        let sizes = [0, 1023, 1024, 10 * 1024, 500 << 20, u64::MAX].map(|size| bytes(size).replace('\u{202f}', " "));
        assert_eq!(sizes, ["0 B", "1023 B", "1.00 KiB", "10.0 KiB", "500 MiB", "16.0 EiB"]);
        assert_eq!([0, 59, 60, 61, 3600, 90_000].map(seconds), ["0s", "59s", "1m", "1m1s", "1h", "1d1h"]);
    }
}
