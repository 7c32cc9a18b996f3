//! What an annotation of ingress-nginx is here, for those who ask about a key and not about an object.

use super::dialects::DialectName;
use super::faults;
use super::ingress_nginx;
use super::meant::meant;
use super::table::Verdict;

/// What the keys of ingress-nginx start with.
pub const NGINX_PREFIX: &str = ingress_nginx::DIALECT.prefix;

/// What a key with the prefix of ingress-nginx is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does the same here.
    Exact,
    /// It does the same within bounds, or but for what would harm others: which.
    Bounded(&'static str),
    /// It does nearly the same: how it differs, where a value makes it matter.
    Different(&'static str),
    /// It does nothing, and why it need not.
    NoEffect(&'static str),
    /// It does nothing, or does not do so for some values: why, and what to do instead.
    Refused(String),
    /// ingress-nginx does not have it either, or no longer.
    Nobodys,
    /// No row has it: it is not read.
    Unread,
}

/// What a key with the prefix of ingress-nginx is; `None` for any other key.
pub fn standing(key: &str) -> Option<Standing> {
    let short = key.strip_prefix(NGINX_PREFIX)?;
    let row = DialectName::IngressNginx.table().find(short);
    Some(match row.map(|row| row.verdict) {
        Some(Verdict::Exact) => Standing::Exact,
        Some(Verdict::Bounded(how)) => Standing::Bounded(how),
        Some(Verdict::Different(how)) => Standing::Different(how),
        Some(Verdict::NoEffect(why)) => Standing::NoEffect(why),
        Some(Verdict::Refused { why, instead }) => Standing::Refused(format!("{why}; {instead}")),
        Some(Verdict::Judged(how)) => Standing::Refused(how.to_owned()),
        None if meant(short).is_some() => Standing::Nobodys,
        None => Standing::Unread,
    })
}

/// The field that findings about the annotation with this key name.
pub fn field_of(key: &str) -> String {
    faults::field(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_as_their_rows_say() {
        let of = |short: &str| standing(&format!("{NGINX_PREFIX}{short}"));
        assert_eq!(of("force-ssl-redirect"), Some(Standing::Exact));
        assert!(matches!(of("proxy-buffering"), Some(Standing::Bounded(_))));
        assert!(matches!(of("backend-protocol"), Some(Standing::Different(_))));
        assert!(matches!(of("enable-rewrite-log"), Some(Standing::NoEffect(_))));
        assert!(matches!(of("fastcgi-index"), Some(Standing::Refused(_))));
        assert_eq!((of("secure-backends"), of("no-such-thing")), (Some(Standing::Nobodys), Some(Standing::Unread)));
        assert_eq!(standing("tidegate.dev/balance"), None);
    }
}
