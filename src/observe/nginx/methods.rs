//! The methods that are told apart: a closed set, as clients write what they like.

/// As the label `method` shows them. The last stands for all others.
pub(super) const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "_other"];

/// The place of a method in [`METHODS`].
pub(super) fn place(method: &[u8]) -> usize {
    METHODS.iter().position(|known| known.as_bytes() == method).unwrap_or(METHODS.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_nobody_knows_are_one() {
        for (method, shown) in [("GET", "GET"), ("PATCH", "PATCH"), ("get", "_other"), ("X", "_other"), ("", "_other")]
        {
            assert_eq!(METHODS[place(method.as_bytes())], shown);
        }
    }
}
