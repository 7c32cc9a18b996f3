//! Parameters of a query: those that a place knows, each once.

use super::problem::Problem;
use crate::stats::pairs;

/// The values of these parameters, in their order.
pub(super) fn read<const N: usize>(query: Option<&str>, known: [&str; N]) -> Result<[Option<String>; N], Problem> {
    let mut values = [const { None }; N];
    for (name, value) in pairs(query.unwrap_or_default()) {
        let Some(at) = known.iter().position(|known| *known == name) else {
            return Err(Problem::bad(match known.as_slice() {
                [] => "there are no query parameters here".to_owned(),
                known => format!("a query parameter is not known; there are {}", known.join(", ")),
            }));
        };
        if values[at].replace(value).is_some() {
            return Err(Problem::bad(format!("the query parameter {} is there twice", known[at])));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_known_and_there_once() {
        assert_eq!(read(Some("b=2&a=x%20y"), ["a", "b"]).unwrap(), [Some("x y".to_owned()), Some("2".to_owned())]);
        assert_eq!(read(None, ["a"]).unwrap(), [None]);
        for (query, says) in [("c=1", "there are a"), ("a=1&a=2", "twice"), ("a=1&=", "not known")] {
            assert!(read(Some(query), ["a"]).unwrap_err().detail.contains(says), "{query}");
        }
        assert!(read(Some("a=1"), []).unwrap_err().detail.contains("no query parameters"));
    }
}
