//! Flow control (RFC 9113 §5.2, §6.9): how many bytes of bodies either side may send, on a stream or on the connection.

/// Size of every window before anybody says otherwise, in bytes (RFC 9113 §6.9.2).
pub(super) const INITIAL: u32 = 65_535;
/// Largest window, in bytes (RFC 9113 §6.9.1).
pub(super) const LARGEST: i32 = i32::MAX;

/// A window would become larger than [`LARGEST`].
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overflow;

/// The peer sent more than it may.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overrun;

/// What the peer lets us send. Negative when it made the window smaller than what was sent (RFC 9113 §6.9.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct SendWindow(i32);

impl SendWindow {
    /// A window that lets nothing pass.
    pub(super) const NONE: Self = Self(0);

    pub(super) fn new(size: i32) -> Self {
        Self(size)
    }

    /// Bytes that may be sent now.
    #[inline]
    pub(super) fn available(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// So many bytes are sent. The caller has asked whether they may.
    #[inline]
    pub(super) fn take(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.available());
        self.0 = i32::try_from(bytes).map_or(0, |bytes| self.0.saturating_sub(bytes));
    }

    /// Its size in bytes; negative as said above.
    pub(super) fn size(self) -> i32 {
        self.0
    }

    /// Makes it larger, or (settings only) smaller. Tells whether it was closed and is open now.
    pub(super) fn shift(&mut self, by: i64) -> Result<bool, Overflow> {
        let was_open = self.0 > 0;
        // At the least -(2^31 - 1): two initial sizes are never further apart, and windows are not smaller than minus
        // one of them.
        self.0 = i32::try_from((i64::from(self.0) + by).max(i64::from(i32::MIN))).map_err(|_| Overflow)?;
        Ok(!was_open && self.0 > 0)
    }
}

/// What we let the peer send.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceiveWindow {
    left: i32,
    /// Bytes that were passed on and not yet given back.
    unreturned: u32,
}

impl ReceiveWindow {
    /// A window that lets nothing pass.
    pub(super) const NONE: Self = Self { left: 0, unreturned: 0 };

    pub(super) fn new(size: u32) -> Self {
        Self { left: i32::try_from(size).unwrap_or(LARGEST), unreturned: 0 }
    }

    /// Bytes that may still come; negative when settings made it smaller than what had come.
    pub(super) fn left(self) -> i32 {
        self.left
    }

    /// So many bytes come.
    #[inline]
    pub(super) fn take(&mut self, bytes: u32) -> Result<(), Overrun> {
        // Also when the window is negative: a frame without bytes is allowed then.
        match i32::try_from(bytes) {
            Ok(0) => Ok(()),
            Ok(bytes) if bytes <= self.left => {
                self.left -= bytes;
                Ok(())
            }
            Ok(_) | Err(_) => Err(Overrun),
        }
    }

    /// So many bytes may come in addition. Tells the increment of the WINDOW_UPDATE that is due: not before half of
    /// `size` has gathered.
    #[inline]
    pub(super) fn give(&mut self, bytes: u32, size: u32) -> Option<u32> {
        self.unreturned += bytes;
        if self.unreturned < size.div_ceil(2) || self.unreturned == 0 {
            return None;
        }
        let increment = std::mem::take(&mut self.unreturned);
        self.left = self.left.saturating_add_unsigned(increment);
        Some(increment)
    }

    /// The peer has learned that windows of streams are smaller by so many bytes than it took for granted.
    pub(super) fn shrink(&mut self, by: u32) {
        self.left = self.left.saturating_sub_unsigned(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_window_may_be_negative_and_never_too_large() {
        let mut window = SendWindow::new(100);
        window.take(100);
        assert_eq!((window.shift(-50), window.available()), (Ok(false), 0));
        assert_eq!((window.shift(50), window.available()), (Ok(false), 0));
        assert_eq!((window.shift(1), window.available()), (Ok(true), 1));
        assert_eq!((window.shift(1), window.available()), (Ok(false), 2));
        assert_eq!(window.shift(i64::from(LARGEST)), Err(Overflow));
        assert_eq!(window.shift(i64::from(LARGEST) - 2), Ok(false));
        assert_eq!(window.available(), LARGEST as usize);
    }

    #[test]
    fn a_receive_window_is_given_back_in_halves() {
        let mut window = ReceiveWindow::new(100);
        assert_eq!(window.take(101), Err(Overrun));
        assert_eq!(window.take(100), Ok(()));
        assert_eq!((window.take(1), window.take(0)), (Err(Overrun), Ok(())));
        assert_eq!(window.give(49, 100), None);
        assert_eq!(window.take(1), Err(Overrun));
        assert_eq!(window.give(1, 100), Some(50));
        assert_eq!(window.take(51), Err(Overrun));
        assert_eq!(window.take(50), Ok(()));
        assert_eq!(ReceiveWindow::new(1).give(0, 1), None);
        assert_eq!(ReceiveWindow::new(0).give(0, 0), None);
    }
}
