//! How of two values for one setting the first wins.

/// Takes a value over where there is none. Returns whether there is another one.
pub(super) fn take_over<T: PartialEq>(mine: &mut Option<T>, other: Option<T>) -> bool {
    match (&*mine, other) {
        (_, None) => false,
        (Some(mine), Some(other)) => *mine != other,
        (None, other @ Some(_)) => {
            *mine = other;
            false
        }
    }
}
