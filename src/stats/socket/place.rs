//! Where a stats socket is, as `--stats-socket` says: `PATH|127.0.0.1:PORT[,level=…][,mode=…]`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::level::Level;

/// A stats socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketPlace {
    /// Where it is.
    pub at: SocketAt,
    /// What its clients may do. Default operator, over TCP user.
    pub level: Level,
}

/// Where a stats socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketAt {
    /// A Unix socket.
    Unix {
        /// Its file.
        path: PathBuf,
        /// Who may connect, as of files. Default 0600.
        mode: u32,
    },
    /// A port of a loopback address: there is no login.
    Tcp(SocketAddr),
}

impl FromStr for SocketPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let place = parts.next().unwrap_or_default();
        let (mut level, mut mode) = (None, None);
        for part in parts {
            match part.split_once('=') {
                Some(("level", word)) => {
                    let known = Level::parse(word).ok_or("level is user, operator or admin")?;
                    level = Some(known);
                }
                Some(("mode", digits)) => {
                    let bits = u32::from_str_radix(digits, 8).ok().filter(|bits| *bits <= 0o777);
                    mode = Some(bits.ok_or("mode has octal digits, as 0660")?);
                }
                Some(_) | None => return Err(format!("{part:?} is neither level=… nor mode=…")),
            }
        }
        if let Ok(address) = place.parse::<SocketAddr>() {
            if !address.ip().is_loopback() {
                return Err("a stats socket has no login, so its address must be one of loopback".into());
            }
            if mode.is_some() {
                return Err("mode is for Unix sockets".into());
            }
            return Ok(Self { at: SocketAt::Tcp(address), level: level.unwrap_or(Level::User) });
        }
        let path = PathBuf::from(place.strip_prefix("unix@").unwrap_or(place));
        if !path.is_absolute() {
            return Err("it must be an absolute path, or a loopback address with a port".into());
        }
        let mode = mode.unwrap_or(0o600);
        Ok(Self { at: SocketAt::Unix { path, mode }, level: level.unwrap_or(Level::Operator) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_levels_and_modes() {
        let unix = |path: &str, mode, level| SocketPlace { at: SocketAt::Unix { path: path.into(), mode }, level };
        let read = |text: &str| text.parse::<SocketPlace>();
        assert_eq!(read("/run/s.sock"), Ok(unix("/run/s.sock", 0o600, Level::Operator)));
        assert_eq!(read("/run/s,mode=0660,level=admin"), Ok(unix("/run/s", 0o660, Level::Admin)));
        let tcp = SocketPlace { at: SocketAt::Tcp("127.0.0.1:9999".parse().unwrap()), level: Level::User };
        assert_eq!(read("127.0.0.1:9999"), Ok(tcp));
        for wrong in
            ["", "s.sock", "0.0.0.0:1", "10.0.0.1:80", "127.0.0.1:1,mode=0600", "/s,mode=9", "/s,level=root", "/s,x"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
