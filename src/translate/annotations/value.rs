//! The values that annotations take, and how each is read.

use std::str::FromStr;
use std::time::Duration;

use crate::model::ObjectName;

use super::draft::Draft;

/// The values that an annotation takes, and what each sets.
#[derive(Debug)]
pub(crate) enum Value {
    /// `true` or `false`.
    Boolean(fn(&mut Draft, bool)),
    /// `true` or `false`, and the other spellings that Go reads: ingress-nginx takes them all.
    LooseBoolean(fn(&mut Draft, bool)),
    /// One of these words.
    OneOf(&'static [Word]),
    /// `on` or `off`.
    OnOff(fn(&mut Draft, bool)),
    /// A number of bytes: digits and `k`, `m` or `g`.
    Size(fn(&mut Draft, u64)),
    /// Whole seconds, from one to a year.
    Seconds(fn(&mut Draft, Duration)),
    /// A time with a unit, from a millisecond to a year.
    Time(fn(&mut Draft, Duration)),
    /// A time as HAProxy writes it, from a millisecond to a year: without a unit it is milliseconds.
    HaproxyTime(fn(&mut Draft, Duration)),
    /// A whole number from zero.
    Count(fn(&mut Draft, u32)),
    /// A text with a parser of its own.
    Text {
        /// The values in words.
        values: &'static str,
        /// Reads a value of an annotation that the object of this name carries. `None`: it is not one of the values.
        read: fn(&mut Draft, &str, &ObjectName) -> Option<()>,
    },
}

/// A word that an annotation takes as its value.
#[derive(Debug)]
pub(crate) struct Word {
    /// The word.
    pub(crate) text: &'static str,
    /// Sets what it stands for.
    pub(crate) set: fn(&mut Draft),
}

impl Value {
    /// Reads a value. `None`: it is not one of the values.
    pub(super) fn read(&self, draft: &mut Draft, text: &str, carrier: &ObjectName) -> Option<()> {
        match self {
            Self::Boolean(set) => match text {
                "true" => set(draft, true),
                "false" => set(draft, false),
                _ => return None,
            },
            Self::LooseBoolean(set) => match text {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => set(draft, true),
                "0" | "f" | "F" | "FALSE" | "false" | "False" => set(draft, false),
                _ => return None,
            },
            Self::OnOff(set) => match text {
                "on" => set(draft, true),
                "off" => set(draft, false),
                _ => return None,
            },
            Self::Size(set) => set(draft, size(text)?),
            Self::Seconds(set) => set(draft, seconds(text)?),
            Self::Time(set) => set(draft, time(text, None)?),
            Self::HaproxyTime(set) => set(draft, haproxy_time(text)?),
            Self::Count(set) => set(draft, number(text)?),
            Self::OneOf(words) => (words.iter().find(|word| word.text == text)?.set)(draft),
            Self::Text { values: _, read } => return read(draft, text, carrier),
        }
        Some(())
    }

    /// The values in words, as Markdown.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Boolean(_) | Self::LooseBoolean(_) => "`true` or `false`".into(),
            Self::OneOf(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{}`", word.text)).collect();
                words.join(" or ")
            }
            Self::OnOff(_) => "`on` or `off`".into(),
            Self::Size(_) => "bytes as digits, alone or with `k`, `m` or `g`".into(),
            Self::Seconds(_) => "whole seconds, `1` to `31536000`".into(),
            Self::Time(_) => "a whole number with `ms`, `s`, `m` or `h`, up to a year".into(),
            Self::HaproxyTime(_) => {
                "a whole number, alone (milliseconds) or with `us`, `ms`, `s`, `m`, `h` or `d`".into()
            }
            Self::Count(_) => "a whole number, `0` or more".into(),
            Self::Text { values, read: _ } => (*values).into(),
        }
    }
}

/// Longest time that an annotation may set: a year.
const LONGEST: u64 = 365 * 24 * 3600;

/// `8m` and the like: nothing but digits and one letter, in either case.
fn size(text: &str) -> Option<u64> {
    let (digits, unit) = match text.trim().as_bytes() {
        [digits @ .., b'k' | b'K'] => (digits, 1 << 10),
        [digits @ .., b'm' | b'M'] => (digits, 1 << 20),
        [digits @ .., b'g' | b'G'] => (digits, 1 << 30),
        digits => (digits, 1_u64),
    };
    number::<u64>(str::from_utf8(digits).ok()?)?.checked_mul(unit)
}

fn seconds(text: &str) -> Option<Duration> {
    number(text).filter(|seconds| (1..=LONGEST).contains(seconds)).map(Duration::from_secs)
}

/// A time as HAProxy writes it: digits and a unit, or milliseconds.
pub(super) fn haproxy_time(text: &str) -> Option<Duration> {
    time(text, Some(1000))
}

/// Digits and a unit; `usual` is the unit of a number without one, in microseconds.
fn time(text: &str, usual: Option<u64>) -> Option<Duration> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(at);
    let unit = match unit {
        "us" if usual.is_some() => 1,
        "ms" => 1000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" if usual.is_some() => 24 * 3_600_000_000,
        "" => usual?,
        _ => return None,
    };
    let time = Duration::from_micros(number::<u64>(digits)?.checked_mul(unit)?);
    (Duration::from_millis(1)..=Duration::from_secs(LONGEST)).contains(&time).then_some(time)
}

/// Digits, without a sign.
pub(super) fn number<T: FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_digits_and_a_letter() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1", Some(1)),
            ("8k", Some(8 << 10)),
            ("8K", Some(8 << 10)),
            ("50m", Some(50 << 20)),
            (" 50M ", Some(50 << 20)),
            ("2g", Some(2 << 30)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("17179869184g", None),
            ("", None),
            ("m", None),
            ("-1", None),
            ("+1", None),
            ("1.5m", None),
            ("1 m", None),
            ("1mb", None),
            ("50Mi", None),
            ("1m;", None),
            ("1m\r\nX: y", None),
            ("１m", None),
        ] {
            assert_eq!(size(text), expected, "{text:?}");
        }
    }

    #[test]
    fn times_have_a_unit_and_those_of_haproxy_need_none() {
        for (text, ours, of_haproxy) in [
            ("5s", Some(5000), Some(5000)),
            ("250ms", Some(250), Some(250)),
            ("2m", Some(120_000), Some(120_000)),
            ("1h", Some(3_600_000), Some(3_600_000)),
            ("1d", None, Some(86_400_000)),
            ("5000us", None, Some(5)),
            ("5000", None, Some(5000)),
            ("365d", None, Some(LONGEST * 1000)),
            ("366d", None, None),
            ("10us", None, None),
            ("0", None, None),
            ("0s", None, None),
            ("", None, None),
            ("s", None, None),
            ("-1s", None, None),
            ("1.5s", None, None),
            ("1 s", None, None),
            ("1S", None, None),
            ("18446744073709551615h", None, None),
        ] {
            assert_eq!(time(text, None), ours.map(Duration::from_millis), "{text:?}");
            assert_eq!(haproxy_time(text), of_haproxy.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn seconds_are_whole_and_neither_none_nor_more_than_a_year() {
        for (text, expected) in [("1", Some(1)), ("3600", Some(3600)), ("31536000", Some(LONGEST)), ("007", Some(7))] {
            assert_eq!(seconds(text), expected.map(Duration::from_secs), "{text}");
        }
        for text in ["", "0", "-1", "+1", "60s", "1m", "1.5", " 1", "31536001", "99999999999999999999", "1e3", "６０"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
