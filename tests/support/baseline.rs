//! What a request may cost: `benches/baseline.toml`.

use std::collections::BTreeMap;
use std::path::Path;

/// For noise; not a budget to be used up.
const TOLERANCE: f64 = 0.02;

/// The costs of one section, by name.
#[derive(Debug)]
pub struct Baseline {
    unit: &'static str,
    costs: BTreeMap<String, f64>,
}

impl Baseline {
    /// Reads a section of the file.
    pub fn read(unit: &'static str) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/baseline.toml");
        Self::parse(unit, &std::fs::read_to_string(file).expect("benches/baseline.toml is there"))
    }

    fn parse(unit: &'static str, text: &str) -> Self {
        let section = text.split(&format!("[{unit}]\n")).nth(1).expect("the section is there");
        let lines = section.lines().take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#'));
        let costs = lines.filter_map(|line| line.split_once(" = ")).map(|(name, cost)| {
            (name.to_owned(), cost.parse().unwrap_or_else(|_| panic!("{name} costs a number, not {cost}")))
        });
        Self { unit, costs: costs.collect() }
    }

    /// The names of what is measured.
    pub fn names(&self) -> Vec<&str> {
        self.costs.keys().map(String::as_str).collect()
    }

    /// Compares what was measured: a line to print, or what to do about it.
    pub fn check(&self, name: &str, measured: f64) -> Result<String, String> {
        let unit = self.unit;
        let cost = *self.costs.get(name).ok_or_else(|| format!("{name} is not in benches/baseline.toml"))?;
        let line = format!("{name}: {measured:.3} {unit} per request, baseline {cost}");
        if measured > cost * (1.0 + TOLERANCE) {
            return Err(format!(
                "{line} and 2 % for noise: a request costs more than it did.\n\
                 Find out where: scripts/cost profile, then callgrind_annotate. The baseline is only ever lowered; to raise \
                 it for a good reason takes a line of its own in CHANGELOG.md, with the profile."
            ));
        }
        let hint = if measured < cost * (1.0 - TOLERANCE) { "; lower it in benches/baseline.toml" } else { "" };
        Ok(format!("{line}{hint}"))
    }
}

#[test]
fn what_costs_more_than_noise_is_refused_and_what_costs_less_is_told() {
    let text = "[other]\na = 1\n[instructions]\n# a comment\na = 1000\nnothing = 0\n\n[more]\nb = 2\n";
    let baseline = Baseline::parse("instructions", text);
    assert_eq!(baseline.names(), ["a", "nothing"]);
    assert_eq!(baseline.check("a", 1019.0).unwrap(), "a: 1019.000 instructions per request, baseline 1000");
    let refused = baseline.check("a", 1021.0).unwrap_err();
    assert!(refused.contains("1021.0") && refused.contains("CHANGELOG"), "{refused}");
    assert!(baseline.check("a", 970.0).unwrap().contains("lower it"));
    assert!(baseline.check("nothing", 0.0).is_ok());
    assert!(baseline.check("nothing", 0.002).is_err(), "nothing has no noise");
    assert!(baseline.check("b", 0.0).unwrap_err().contains("not in benches/baseline.toml"));
}
