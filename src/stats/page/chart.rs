//! Charts of the last hour of an upstream, as SVG without scripts: requests and, over them, errors; and how long requests took.

use std::fmt::Write as _;

use super::units;
use crate::stats::history::{INTERVAL, MOST_SAMPLES, Sample};

/// Samples that share a point: the highest of them is shown.
const SHARED: usize = 3;
/// Points, each one unit wide.
const WIDTH: usize = MOST_SAMPLES / SHARED;
/// Units.
const HEIGHT: usize = 30;

/// The charts; nothing as long as there are fewer than two points.
pub(super) fn charts(samples: &[Sample]) -> String {
    // From the end, so that points do not change which samples they have as seen from the newest.
    let mut points: Vec<_> = samples
        .rchunks(SHARED)
        .map(|some| {
            let most = |of: fn(&Sample) -> u32| some.iter().map(of).max().unwrap_or(0);
            Sample {
                requests: most(|sample| sample.requests),
                errors: most(|sample| sample.errors),
                micros: most(|sample| sample.micros),
            }
        })
        .collect();
    points.reverse();
    if points.len() < 2 {
        return String::new();
    }
    format!("<div class=\"charts\">{}{}</div>", requests(&points), times(&points))
}

fn requests(points: &[Sample]) -> String {
    let (requests, errors) =
        points.iter().fold((0, 0), |(one, other), point| (one.max(point.requests), other.max(point.errors)));
    let most = requests.max(errors).max(1);
    let rate = |count: u32| f64::from(count) / INTERVAL.as_secs_f64();
    let mut out = format!(
        "<figure><svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"the last hour: at most {:.1} requests and {:.1} errors a second\">",
        rate(requests),
        rate(errors),
    );
    line(&mut out, "requests", points.iter().map(|point| Some(point.requests)), points.len(), most);
    if errors > 0 {
        line(&mut out, "errors", points.iter().map(|point| Some(point.errors)), points.len(), most);
    }
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "</svg><figcaption>last hour: at most <span class=\"requests\">{:.1} requests/s</span>, <span class=\"errors\">{:.1} \
         errors/s</span></figcaption></figure>",
        rate(requests),
        rate(errors),
    );
    out
}

/// Mean times. Where there were no requests the line has a gap.
fn times(points: &[Sample]) -> String {
    let most = points.iter().map(|point| point.micros).max().unwrap_or(0);
    let last = points.iter().rev().map(|point| point.micros).find(|micros| *micros > 0).unwrap_or(0);
    let (most_text, last_text) = (units::millis(most), units::millis(last));
    let mut out = format!(
        "<figure><svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"the last hour: mean time of requests at most {most_text}, at last {last_text}\">",
    );
    let values = points.iter().map(|point| Some(point.micros).filter(|micros| *micros > 0));
    line(&mut out, "times", values, points.len(), most.max(1));
    let _ = write!(
        out,
        "</svg><figcaption>mean time: at most <span class=\"times\">{most_text}</span>, last {last_text}</figcaption></figure>",
    );
    out
}

/// A line from the left to the newest point, with gaps where there is no value.
fn line(out: &mut String, class: &str, values: impl Iterator<Item = Option<u32>>, count: usize, most: u32) {
    let first = WIDTH.saturating_sub(count);
    let mut is_open = false;
    for (at, value) in values.enumerate() {
        let Some(value) = value else {
            if std::mem::take(&mut is_open) {
                out.push_str("\"/>");
            }
            continue;
        };
        let height = (HEIGHT - 1) as f64 * (1.0 - f64::from(value) / f64::from(most)) + 0.5;
        if !std::mem::replace(&mut is_open, true) {
            // A point alone is a short line.
            let _ = write!(out, "<polyline class=\"{class}\" points=\"{}.5,{height:.1} ", first + at);
        }
        let _ = write!(out, "{},{height:.1} ", first + at + 1);
    }
    if is_open {
        out.push_str("\"/>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_as_wide_as_the_chart_and_an_empty_one_is_none() {
        assert_eq!(charts(&[Sample::default(); 3]), "");
        let mut samples = vec![Sample { requests: 10, errors: 0, micros: 1500 }; MOST_SAMPLES];
        samples[5].requests = 100;
        let quiet = charts(&samples);
        assert!(quiet.contains("at most 10.0 requests") && quiet.contains("points=\"0.5,") && !quiet.contains("121,"));
        assert!(quiet.contains("1.5\u{202f}ms</span>, last 1.5\u{202f}ms<"), "{quiet}");
        assert!(!quiet.contains("polyline class=\"errors\""));
        samples[9].errors = 20;
        let chart = charts(&samples);
        assert!(chart.contains("polyline class=\"errors\"") && chart.contains("2.0 errors/s"), "{chart}");
        assert!(chart.len() < 8000, "{}", chart.len());
    }

    #[test]
    fn times_have_a_gap_where_there_were_no_requests() {
        let mut samples = vec![Sample { requests: 1, errors: 0, micros: 250_000 }; 9 * SHARED];
        samples[3 * SHARED..5 * SHARED].fill(Sample::default());
        let chart = charts(&samples);
        assert_eq!(chart.matches("polyline class=\"times\"").count(), 2, "{chart}");
        assert_eq!(chart.matches("polyline class=\"requests\"").count(), 1, "{chart}");
        assert!(chart.contains("at most <span class=\"times\">250\u{202f}ms</span>"), "{chart}");
    }
}
