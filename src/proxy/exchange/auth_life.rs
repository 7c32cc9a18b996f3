//! How long an answer of an authentication service is remembered, and for which requests. What its fields say of that is read as
//! nginx reads it for `proxy_cache`, whatever RFC 9111 says besides.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::filter::Fields;
use crate::model::AuthMemoryRule;

/// Longest time.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);
/// Longest list of fields that an answer depends on, as in nginx. Bytes.
const LONGEST_VARY: usize = 128;

/// That an answer may be remembered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lasting {
    /// For how long. Not zero.
    pub life: Duration,
    /// The fields of the request that it depends on (`Vary`): names with commas between. Empty: none.
    pub vary: Box<[u8]>,
}

/// Whether and how long an answer is remembered that has this status and these fields, in their order. Its own time wins over that
/// of the rule, also where the rule has none for the status.
pub(super) fn lasting<'a>(
    rule: &AuthMemoryRule,
    status: u16,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    now: SystemTime,
) -> Option<Lasting> {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut said = Said::default();
    fields.for_each(|(name, value)| said.take(name, value, now));
    let Said { end, is_refused, is_not_kept, is_over, vary, .. } = said;
    if is_refused || is_not_kept || is_over {
        return None;
    }
    let life = match end {
        Some(end) => Duration::from_secs(end.saturating_sub(now)),
        None => rule.life(status)?,
    };
    (!life.is_zero()).then(|| Lasting { life: life.min(LONGEST), vary: vary.into() })
}

/// What stands in the fields of a request that an answer depends on: other bytes for each that differs.
pub(super) fn variant(vary: &[u8], request: Fields<'_>) -> Vec<u8> {
    let mut variant = Vec::new();
    for name in vary.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty()) {
        let values = request.list.iter().filter(|field| field.name.of(request.bytes).eq_ignore_ascii_case(name));
        for field in values {
            let value = field.value.of(request.bytes);
            variant.extend_from_slice(&(value.len() as u64).to_be_bytes());
            variant.extend_from_slice(value);
        }
        // No length of a value.
        variant.extend_from_slice(&u64::MAX.to_be_bytes());
    }
    variant
}

/// What fields have said so far.
#[derive(Default)]
struct Said {
    /// When the answer is over. Seconds since the Unix epoch.
    end: Option<u64>,
    /// It is not remembered, whatever else is said.
    is_refused: bool,
    /// `Cache-Control` says not to.
    is_not_kept: bool,
    /// `Expires` is past.
    is_over: bool,
    has_own: bool,
    has_expires: bool,
    vary: Vec<u8>,
}

impl Said {
    fn take(&mut self, name: &[u8], value: &[u8], now: u64) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        if is(b"cache-control") {
            self.cache_control(&value.to_ascii_lowercase(), now);
        } else if is(b"expires") {
            self.expires(value, now);
        } else if is(b"x-accel-expires") {
            self.own(value, now);
        } else if is(b"set-cookie") {
            // It is for one client.
            self.is_refused = true;
        } else if is(b"vary") {
            self.depends(value);
        }
    }

    /// `value` in lower case.
    fn cache_control(&mut self, value: &[u8], now: u64) {
        let behind = |word: &[u8]| memchr::memmem::find(value, word).map(|at| &value[at + word.len()..]);
        if self.end.is_none() || !self.has_own {
            if [&b"no-cache"[..], b"no-store", b"private"].iter().any(|word| behind(word).is_some()) {
                self.is_not_kept = true;
                return;
            }
            match behind(b"s-maxage=").or_else(|| behind(b"max-age=")).map(seconds) {
                None => {}
                Some(None) => self.is_refused = true,
                Some(Some(0)) => self.is_not_kept = true,
                Some(Some(seconds)) => (self.end, self.is_over) = (Some(now.saturating_add(seconds)), false),
            }
        }
        for stale in [&b"stale-while-revalidate="[..], b"stale-if-error="] {
            self.is_refused |= behind(stale).is_some_and(|text| seconds(text).is_none());
        }
    }

    /// The first counts, unless something else has said a time before.
    fn expires(&mut self, value: &[u8], now: u64) {
        if std::mem::replace(&mut self.has_expires, true) || self.end.is_some() {
            return;
        }
        let date = std::str::from_utf8(value).ok().and_then(|text| httpdate::parse_http_date(text.trim()).ok());
        let date = date.and_then(|date| date.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_secs());
        match date.filter(|end| *end >= now) {
            Some(end) => self.end = Some(end),
            None => self.is_over = true,
        }
    }

    /// nginx' own field: seconds, or behind `@` a time. The first counts, and wins over all others.
    fn own(&mut self, value: &[u8], now: u64) {
        if std::mem::replace(&mut self.has_own, true) {
            return;
        }
        let end = match value.strip_prefix(b"@") {
            Some(time) => number(time),
            None => match number(value) {
                Some(0) if !value.is_empty() => return self.is_refused = true,
                seconds => seconds.map(|seconds| now.saturating_add(seconds)),
            },
        };
        let end = end.filter(|_| value.last().is_some_and(u8::is_ascii_digit));
        if let Some(end) = end {
            (self.end, self.is_not_kept, self.is_over) = (Some(end), false, false);
        }
    }

    fn depends(&mut self, value: &[u8]) {
        if !self.vary.is_empty() {
            self.vary.push(b',');
        }
        self.vary.extend_from_slice(value);
        self.is_refused |= self.vary.len() > LONGEST_VARY || self.vary.contains(&b'*');
    }
}

/// The number at the start of a text in lower case, up to a separator. Without a digit it is 0; `None`: something else stands there.
fn seconds(text: &[u8]) -> Option<u64> {
    number(text.split(|byte| b",; ".contains(byte)).next().unwrap_or_default())
}

/// Digits; none are 0.
fn number(text: &[u8]) -> Option<u64> {
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    text.iter().try_fold(0_u64, |sum, byte| Some(sum.saturating_mul(10).saturating_add(digit(byte)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::HeadEdit;
    use crate::model::{AnswerLife, Captures, Template};

    const NOW: u64 = 1_800_000_000;

    /// The seconds that an answer with these lines is remembered, where the rule says 300 for 200 alone.
    fn life(status: u16, lines: &[&str]) -> Option<u64> {
        let key = Template::parse("x", Captures::Refused).unwrap();
        let lives = [AnswerLife { status: Some(200), time: Duration::from_secs(300) }].into();
        let fields = lines.iter().map(|line| line.split_once(": ").unwrap());
        let fields = fields.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        lasting(&AuthMemoryRule { key, lives }, status, fields, now).map(|lasting| lasting.life.as_secs())
    }

    #[test]
    fn nginx_i5_what_an_answer_says_of_its_time_wins_as_with_nginx() {
        let date = |at| format!("Expires: {}", httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(at)));
        let (later, past) = (date(NOW + 60), date(NOW - 1));
        let at = format!("X-Accel-Expires: @{}", NOW + 7);
        for (status, lines, expected) in [
            (200, &[][..], Some(300)),
            (403, &[], None),
            (200, &["cache-control: Max-Age=9"], Some(9)),
            (200, &["Cache-Control: max-age=900"], Some(900)),
            (403, &["Cache-Control: max-age=9"], Some(9)),
            (200, &["Cache-Control: max-age=9, S-MaxAge=5;x"], Some(5)),
            (200, &["Cache-Control: public, must-revalidate"], Some(300)),
            (200, &["Cache-Control: max-age=0"], None),
            (200, &["Cache-Control: max-age="], None),
            (200, &["Cache-Control: max-age=\"9\""], None),
            (200, &["Cache-Control: max-age=9x"], None),
            (200, &["Cache-Control: max-age=99999999999999999999999"], Some(365 * 86_400)),
            (200, &["Cache-Control: max-age=9, no-store"], None),
            (200, &["Cache-Control: No-Cache"], None),
            (200, &["Cache-Control: private=\"x\""], None),
            (200, &["Cache-Control: max-age=9, stale-if-error=x"], None),
            (200, &["Cache-Control: max-age=9, stale-while-revalidate=60"], Some(9)),
            (200, &["Cache-Control: max-age=9", "Cache-Control: max-age=8"], Some(8)),
            (200, &["Cache-Control: max-age=9", "Cache-Control: private"], None),
            (200, &[&later], Some(60)),
            (403, &[&later], Some(60)),
            (200, &[&past], None),
            (200, &["Expires: 0"], None),
            (200, &["Expires: nonsense"], None),
            (200, &[&later, &past], Some(60)),
            // The order counts where one has no time.
            (200, &[&past, "Cache-Control: max-age=9"], Some(9)),
            (200, &["Cache-Control: max-age=9", &past], Some(9)),
            (200, &[&later, "Cache-Control: max-age=9"], Some(9)),
            (200, &["X-Accel-Expires: 5", "Cache-Control: private", &past], Some(5)),
            (200, &["Cache-Control: private", &past, "X-Accel-Expires: 5"], Some(5)),
            (200, &["X-Accel-Expires: 5", "X-Accel-Expires: 9"], Some(5)),
            (200, &["X-Accel-Expires: 0", "Cache-Control: max-age=9"], None),
            (200, &["X-Accel-Expires: nonsense"], Some(300)),
            (200, &["X-Accel-Expires: -1", "Cache-Control: max-age=9"], Some(9)),
            (403, &[&at], Some(7)),
            (200, &["X-Accel-Expires: @1"], None),
            (200, &["Set-Cookie: a=1", "X-Accel-Expires: 5"], None),
            (200, &["Vary: *"], None),
            (200, &["Vary: a", "Vary: b, *"], None),
            (200, &["Vary: Cookie"], Some(300)),
            (200, &[&format!("Vary: {}", "x".repeat(129))], None),
        ] {
            assert_eq!(life(status, lines), expected, "{status} {lines:?}");
        }
    }

    #[test]
    fn nginx_i5_requests_differ_by_the_fields_that_an_answer_depends_on() {
        let of = |vary: &str, lines: &[(&'static [u8], &[u8])]| {
            let mut edit = HeadEdit::default();
            lines.iter().for_each(|(name, value)| edit.add(crate::filter::FieldName::parse(name).unwrap(), value));
            variant(vary.as_bytes(), edit.added())
        };
        let one = of("X-A, x-b", &[(b"x-a", b"1"), (b"x-b", b"2"), (b"x-c", b"3")]);
        assert_eq!(one, of("x-a,X-B", &[(b"x-b", b"2"), (b"x-a", b"1")]));
        for other in [
            of("x-a,x-b", &[(b"x-a", b"1")]),
            of("x-a,x-b", &[(b"x-b", b"1"), (b"x-a", b"2")]),
            of("x-a,x-b", &[(b"x-a", b"1"), (b"x-a", b"2")]),
            of("x-a,x-b", &[(b"x-a", b"1"), (b"x-b", b"2"), (b"x-b", b"")]),
        ] {
            assert_ne!(one, other);
        }
        assert!(of("", &[(b"x-a", b"1")]).is_empty());
    }
}
