//! Wall clock times as text, made anew only when the millisecond or second changes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// The last time that was written, in both forms.
pub(super) struct Clock {
    second: u64,
    milli: u32,
    rfc3339: [u8; 24],
    common: [u8; 26],
}

impl Clock {
    pub(super) fn new() -> Self {
        let mut clock =
            Self { second: 0, milli: 0, rfc3339: *b"1970-01-01T00:00:00.000Z", common: *b"01/Jan/1970:00:00:00 +0000" };
        clock.set_second(0);
        clock
    }

    /// Makes `time` the time that is written. Times before 1970 and after 9999 are written as those.
    pub(super) fn set(&mut self, time: SystemTime) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (second, milli) = (since.as_secs().min(253_402_300_799), since.subsec_millis());
        if second != self.second {
            self.set_second(second);
        }
        if milli != self.milli {
            self.milli = milli;
            digits(&mut self.rfc3339[20..23], milli);
        }
    }

    /// As `2026-01-02T03:04:05.678Z` (RFC 3339).
    pub(super) fn rfc3339(&self) -> &[u8] {
        &self.rfc3339
    }

    /// As `02/Jan/2026:03:04:05 +0000`, the Common Log Format's.
    pub(super) fn common(&self) -> &[u8] {
        &self.common
    }

    /// As `Jan  2 03:04:05`, as RFC 3164 §4.1.2 has it.
    pub(super) fn rfc3164(&self) -> [u8; 15] {
        let mut text = *b"Jan  2 03:04:05";
        text[..3].copy_from_slice(&self.common[3..6]);
        text[4..6].copy_from_slice(&self.common[..2]);
        if text[4] == b'0' {
            text[4] = b' ';
        }
        text[7..].copy_from_slice(&self.common[12..20]);
        text
    }

    /// As `02/Jan/2026:03:04:05.678`, HAProxy's.
    pub(super) fn haproxy(&self) -> [u8; 24] {
        let mut text = *b"02/Jan/2026:03:04:05.678";
        text[..20].copy_from_slice(&self.common[..20]);
        text[20..].copy_from_slice(&self.rfc3339[19..23]);
        text
    }

    /// Since 1970, to the millisecond.
    pub(super) fn since_1970(&self) -> Duration {
        Duration::new(self.second, self.milli * 1_000_000)
    }

    fn set_second(&mut self, second: u64) {
        self.second = second;
        let (year, month, day) = civil((second / 86_400) as u32);
        let of_day = (second % 86_400) as u32;
        let (hour, minute, seconds) = (of_day / 3600, of_day / 60 % 60, of_day % 60);

        digits(&mut self.rfc3339[0..4], year);
        digits(&mut self.rfc3339[5..7], month);
        digits(&mut self.rfc3339[8..10], day);
        digits(&mut self.common[0..2], day);
        self.common[3..6].copy_from_slice(MONTHS[(month - 1) as usize]);
        digits(&mut self.common[7..11], year);
        for (index, value) in [hour, minute, seconds].into_iter().enumerate() {
            digits(&mut self.rfc3339[11 + 3 * index..13 + 3 * index], value);
            digits(&mut self.common[12 + 3 * index..14 + 3 * index], value);
        }
    }
}

/// Year, month and day of the proleptic Gregorian calendar for days since 1970-01-01. Years are counted from March in
/// eras of 400, so that the leap day is the last of its year.
fn civil(days: u32) -> (u32, u32, u32) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u32::from(month <= 2), month, day)
}

fn digits(to: &mut [u8], mut value: u32) {
    for digit in to.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_httpdate_writes_them() {
        let mut clock = Clock::new();
        let mut second: u64 = 0;
        while second < 8_000_000_000 {
            let time = UNIX_EPOCH + Duration::from_millis(second * 1000 + second % 1000);
            clock.set(time);
            let expected = httpdate::fmt_http_date(time);
            let (day, month, year, of_day) = (&expected[5..7], &expected[8..11], &expected[12..16], &expected[17..25]);
            assert_eq!(clock.common(), format!("{day}/{month}/{year}:{of_day} +0000").as_bytes());
            let month = 1 + MONTHS.iter().position(|m| m.as_slice() == month.as_bytes()).unwrap();
            let rfc3339 = format!("{year}-{month:02}-{day}T{of_day}.{:03}Z", second % 1000);
            assert_eq!(clock.rfc3339(), rfc3339.as_bytes());
            second += 86_400 * 3 + 12_345;
        }
    }

    #[test]
    fn days_of_one_digit_have_a_blank_in_syslog() {
        let mut clock = Clock::new();
        clock.set(UNIX_EPOCH + Duration::from_millis(1_767_323_045_678));
        assert_eq!(&clock.rfc3164(), b"Jan  2 03:04:05");
        assert_eq!(&clock.haproxy(), b"02/Jan/2026:03:04:05.678");
        clock.set(UNIX_EPOCH + Duration::from_millis(1_768_446_245_000));
        assert_eq!(&clock.rfc3164(), b"Jan 15 03:04:05");
    }

    #[test]
    fn times_outside_the_calendar_are_its_ends() {
        let mut clock = Clock::new();
        clock.set(UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(clock.rfc3339(), b"1970-01-01T00:00:00.000Z");
        clock.set(UNIX_EPOCH + Duration::from_secs(1 << 40));
        assert_eq!(clock.rfc3339(), b"9999-12-31T23:59:59.000Z");
    }
}
