//! A chart of the last hour of an upstream: requests and, over them, errors, as SVG without scripts.

use std::fmt::Write as _;

use crate::stats::history::{INTERVAL, MOST_SAMPLES, Sample};

/// Samples that share a point: the highest of them is shown.
const SHARED: usize = 3;
/// Points, each one unit wide.
const WIDTH: usize = MOST_SAMPLES / SHARED;
/// Units.
const HEIGHT: usize = 30;

/// The chart; nothing as long as there are fewer than two points.
pub(super) fn chart(samples: &[Sample]) -> String {
    let seconds = INTERVAL.as_secs_f64();
    // From the end, so that points do not change which samples they have as seen from the newest.
    let mut points: Vec<_> = samples
        .rchunks(SHARED)
        .map(|some| {
            let most = |of: fn(&Sample) -> u32| some.iter().map(of).max().unwrap_or(0);
            (most(|sample| sample.requests), most(|sample| sample.errors))
        })
        .collect();
    points.reverse();
    if points.len() < 2 {
        return String::new();
    }
    let (requests, errors) = points.iter().fold((0, 0), |(one, other), point| (one.max(point.0), other.max(point.1)));
    let most = requests.max(errors).max(1);
    let rate = |count: u32| f64::from(count) / seconds;
    let mut out = format!(
        "<figure><svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"the last hour: at most {:.1} requests and {:.1} errors a second\">",
        rate(requests),
        rate(errors),
    );
    line(&mut out, "requests", points.iter().map(|point| point.0), points.len(), most);
    if errors > 0 {
        line(&mut out, "errors", points.iter().map(|point| point.1), points.len(), most);
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

fn line(out: &mut String, class: &str, values: impl Iterator<Item = u32>, count: usize, most: u32) {
    let _ = write!(out, "<polyline class=\"{class}\" points=\"");
    let first = WIDTH.saturating_sub(count);
    for (at, value) in values.enumerate() {
        let height = (HEIGHT - 1) as f64 * (1.0 - f64::from(value) / f64::from(most)) + 0.5;
        let _ = write!(out, "{},{height:.1} ", first + at);
    }
    out.push_str("\"/>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_as_wide_as_the_chart_and_an_empty_one_is_none() {
        assert_eq!(chart(&[Sample::default(); 3]), "");
        let mut samples = vec![Sample { requests: 10, errors: 0 }; MOST_SAMPLES];
        samples[5].requests = 100;
        let quiet = chart(&samples);
        assert!(quiet.contains("at most 10.0 requests") && quiet.contains("points=\"0,") && !quiet.contains("120,"));
        assert!(!quiet.contains("polyline class=\"errors\""));
        samples[9].errors = 20;
        let chart = chart(&samples);
        assert!(chart.contains("polyline class=\"errors\"") && chart.contains("2.0 errors/s"), "{chart}");
        assert!(chart.len() < 6000, "{}", chart.len());
    }
}
