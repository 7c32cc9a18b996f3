//! Names with rules: of hosts, and of the Kubernetes objects that findings and routes come from.

use std::fmt;
use std::sync::Arc;

use super::kind::ObjectKind;

/// A DNS host name in the form that is compared: lower case, no port, no trailing dot, A-labels (RFC 5890) as given.
///
/// At most 253 bytes of labels of 1 to 63 bytes of `[a-z0-9_-]`, no label starting or ending with a hyphen,
/// and not an IPv4 address (the Ingress API refuses those too).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hostname(Arc<str>);

/// Why a string is not a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostnameError {
    /// No characters at all.
    #[error("it is empty")]
    Empty,
    /// Over 253 bytes.
    #[error("it is longer than 253 characters")]
    TooLong,
    /// A label is empty, over 63 bytes, or has a hyphen at an end.
    #[error("a label between dots is empty, longer than 63 characters, or starts or ends with a hyphen")]
    Label,
    /// Something other than letters, digits, hyphens, underscores and dots.
    #[error("it has characters that host names cannot have (ports, paths and schemes do not belong here)")]
    Character,
    /// An IP address, which cannot be a rule's host.
    #[error("it is an IP address")]
    Address,
    /// A `*` anywhere but as the whole first label, or with nothing behind it.
    #[error("a wildcard must be exactly the first label, as in *.example.com")]
    Wildcard,
}

impl Hostname {
    /// Parses a host name, lower-casing it and dropping one trailing dot.
    pub fn parse(text: &str) -> Result<Self, HostnameError> {
        Self::checked(text).map(|(name, _)| Self(name.to_ascii_lowercase().into()))
    }

    /// As `parse`. A name that is written in the form that is compared shares the text.
    fn parse_shared(text: &Arc<str>) -> Result<Self, HostnameError> {
        match Self::checked(text)? {
            (name, Case::Lower) if name.len() == text.len() => Ok(Self(Arc::clone(text))),
            (name, Case::Lower | Case::Mixed) => Ok(Self(name.to_ascii_lowercase().into())),
        }
    }

    /// The name without a trailing dot, if it is one.
    fn checked(text: &str) -> Result<(&str, Case), HostnameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(HostnameError::Empty);
        }
        if text.len() > 253 {
            return Err(HostnameError::TooLong);
        }
        // One pass with one look at each byte, as a full build reads the name of every rule.
        let (mut start, mut are_labels_sound, mut case) = (0, true, Case::Lower);
        for (at, byte) in text.bytes().enumerate() {
            match KINDS[usize::from(byte)] {
                Kind::Lower => {}
                Kind::Upper => case = Case::Mixed,
                Kind::Dot => {
                    are_labels_sound &= is_label(&text.as_bytes()[start..at]);
                    start = at + 1;
                }
                Kind::Other => return Err(HostnameError::Character),
            }
        }
        if !(are_labels_sound && is_label(&text.as_bytes()[start..])) {
            return Err(HostnameError::Label);
        }
        // An address ends in a digit.
        if text.ends_with(|last: char| last.is_ascii_digit()) && text.parse::<std::net::Ipv4Addr>().is_ok() {
            return Err(HostnameError::Address);
        }
        Ok((text, case))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is behind the first dot, if anything: the part a one-label wildcard shares.
    pub fn parent(&self) -> Option<&str> {
        self.0.split_once('.').map(|(_, parent)| parent)
    }

    /// The same as a name: what is behind a dot of a name is one.
    fn parent_name(&self) -> Option<Self> {
        self.parent().map(|parent| Self(parent.into()))
    }
}

/// Whether all letters of a name are in lower case.
#[derive(Clone, Copy)]
enum Case {
    Lower,
    Mixed,
}

/// What a byte is to a host name.
#[derive(Clone, Copy)]
enum Kind {
    /// Part of a label, and no letter in upper case.
    Lower,
    /// A letter in upper case.
    Upper,
    Dot,
    Other,
}

static KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => Kind::Lower,
            b'A'..=b'Z' => Kind::Upper,
            b'.' => Kind::Dot,
            _ => Kind::Other,
        };
        byte += 1;
    }
    kinds
};

/// Whether characters of labels make one.
fn is_label(label: &[u8]) -> bool {
    (1..=63).contains(&label.len()) && label.first() != Some(&b'-') && label.last() != Some(&b'-')
}

impl std::borrow::Borrow<str> for Hostname {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which hosts a unit of the table answers for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// One host.
    Exact(Hostname),
    /// Names that end in `.` and the parent.
    Wildcard {
        /// What is behind the wildcard.
        parent: Hostname,
        /// How many labels the wildcard stands for.
        labels: Labels,
    },
    /// Every host that no other unit claims: rules without a host.
    Any,
}

/// How many labels of a host name a wildcard stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Labels {
    /// Exactly one (Ingress).
    One,
    /// One or more (Gateway API `Hostname`).
    OneOrMore,
}

impl HostPattern {
    /// `*.` and the parent, as an Ingress has it: exactly one more label.
    pub fn wildcard(parent: Hostname) -> Self {
        Self::Wildcard { parent, labels: Labels::One }
    }

    /// Parses the `host` of an Ingress rule or an entry of `tls.hosts`: empty is any host, `*.example.com` a wildcard.
    pub fn parse(text: &str) -> Result<Self, HostnameError> {
        if text.is_empty() {
            return Ok(Self::Any);
        }
        match text.strip_prefix("*.") {
            Some(rest) => match Hostname::parse(rest) {
                Ok(name) => Ok(Self::wildcard(name)),
                Err(HostnameError::Empty) => Err(HostnameError::Wildcard),
                Err(_) if rest.contains('*') => Err(HostnameError::Wildcard),
                Err(error) => Err(error),
            },
            None if text.contains('*') => Err(HostnameError::Wildcard),
            None => Hostname::parse(text).map(Self::Exact),
        }
    }

    /// As `parse`. An exact host that is written in the form that is compared shares the text: there may be ten thousand.
    pub fn parse_shared(text: &Arc<str>) -> Result<Self, HostnameError> {
        Hostname::parse_shared(text).map_or_else(|_| Self::parse(text), |name| Ok(Self::Exact(name)))
    }

    /// The wildcard of one label that covers an exact host.
    pub fn wildcard_above(&self) -> Option<Self> {
        match self {
            Self::Exact(name) => name.parent_name().map(Self::wildcard),
            Self::Wildcard { .. } | Self::Any => None,
        }
    }

    /// An exact host with `www.` in front or, where it has that, without it.
    pub fn with_other_www(&self) -> Option<Self> {
        let Self::Exact(name) = self else { return None };
        let other = match name.as_str().strip_prefix("www.") {
            Some(rest) => rest.to_owned(),
            None => format!("www.{name}"),
        };
        Hostname::parse(&other).ok().map(Self::Exact)
    }

    /// Whether a certificate name (a DNS name, possibly `*.…`) covers this pattern.
    pub fn is_covered_by(&self, certificate_name: &str) -> bool {
        let wanted = match self {
            Self::Exact(host) => host.as_str(),
            // A certificate's wildcard is one label: it covers as much of such a pattern as any certificate can.
            Self::Wildcard { parent, labels: Labels::One | Labels::OneOrMore } => {
                return certificate_name.strip_prefix("*.").is_some_and(|n| n.eq_ignore_ascii_case(parent.as_str()));
            }
            Self::Any => return true,
        };
        match certificate_name.strip_prefix("*.") {
            Some(parent) => wanted.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
            None => wanted.eq_ignore_ascii_case(certificate_name),
        }
    }
}

/// As an Ingress writes it; `**.` stands for one or more labels.
impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Wildcard { parent, labels: Labels::One } => write!(f, "*.{parent}"),
            Self::Wildcard { parent, labels: Labels::OneOrMore } => write!(f, "**.{parent}"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// Namespace and name of an object. Cluster-scoped objects have an empty namespace.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ObjectName {
    /// Namespace; empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Name within the namespace.
    pub name: Arc<str>,
}

impl ObjectName {
    /// A name from its two parts.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One object: its kind and name. Prints as `Ingress shop/web`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// What it is.
    pub kind: ObjectKind,
    /// Which one it is; for `File` the path, with an empty namespace.
    pub name: ObjectName,
}

impl ObjectRef {
    /// The object of this kind and name.
    pub fn new(kind: ObjectKind, name: ObjectName) -> Self {
        Self { kind, name }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_e1_the_other_host_has_www_in_front_or_has_not() {
        for (host, expected) in [
            ("a.example", Some("www.a.example")),
            ("www.a.example", Some("a.example")),
            ("www.www.a.example", Some("www.a.example")),
            ("*.a.example", None),
            ("", None),
        ] {
            let host = HostPattern::parse(host).unwrap();
            assert_eq!(host.with_other_www().map(|other| other.to_string()).as_deref(), expected);
        }
    }

    #[test]
    fn hosts_are_normalised_or_refused() {
        let good = [
            ("Example.COM.", "example.com"),
            ("a", "a"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("a_b.c", "a_b.c"),
        ];
        for (text, expected) in good {
            assert_eq!(Hostname::parse(text).unwrap().as_str(), expected);
        }
        let long = "a.".repeat(127) + "com";
        for (text, expected) in [
            ("", HostnameError::Empty),
            (".", HostnameError::Empty),
            (long.as_str(), HostnameError::TooLong),
            ("a..b", HostnameError::Label),
            ("-a.b", HostnameError::Label),
            ("a:80", HostnameError::Character),
            ("[::1]", HostnameError::Character),
            ("bücher.example", HostnameError::Character),
            ("10.0.0.1", HostnameError::Address),
        ] {
            assert_eq!(Hostname::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_shared_text_is_read_as_any_other() {
        for text in ["a.example", "A.example", "a.example.", "*.a.example", "", "a..b", "*", "10.0.0.1"] {
            assert_eq!(HostPattern::parse_shared(&text.into()), HostPattern::parse(text), "{text}");
        }
        let text: Arc<str> = "a.example".into();
        let Ok(HostPattern::Exact(Hostname(shared))) = HostPattern::parse_shared(&text) else { panic!("{text}") };
        assert!(Arc::ptr_eq(&shared, &text));
    }

    #[test]
    fn a_wildcard_is_the_whole_first_label() {
        assert_eq!(HostPattern::parse("*.Foo.com").unwrap().to_string(), "*.foo.com");
        assert_eq!(HostPattern::parse("").unwrap(), HostPattern::Any);
        for text in ["*", "*.", "a.*.b", "*a.b", "*.*.b"] {
            assert_eq!(HostPattern::parse(text), Err(HostnameError::Wildcard), "{text}");
        }
    }

    #[test]
    fn certificate_names_cover_one_label() {
        let covers = |host: &str, name: &str| HostPattern::parse(host).unwrap().is_covered_by(name);
        assert!(covers("a.foo.com", "A.foo.com"));
        assert!(covers("a.foo.com", "*.foo.com"));
        assert!(!covers("a.b.foo.com", "*.foo.com"));
        assert!(!covers("foo.com", "*.foo.com"));
        assert!(covers("*.foo.com", "*.foo.com"));
        assert!(!covers("*.foo.com", "a.foo.com"));
    }
}
