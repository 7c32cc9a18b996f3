//! Names outside of the cluster's objects: what ExternalName Services name, and what DNS says of it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::names::{Hostname, HostnameError};

/// The name of an ExternalName Service, as DNS is asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExternalName {
    name: Hostname,
    /// Whether it was written with a dot at the end: then it is the whole name, and search domains are not tried.
    is_absolute: bool,
}

impl ExternalName {
    /// Parses a name as `spec.externalName` has it.
    pub fn parse(text: &str) -> Result<Self, HostnameError> {
        Ok(Self { name: Hostname::parse(text)?, is_absolute: text.ends_with('.') })
    }

    /// The name without a dot at the end: what TLS asks for.
    pub fn host(&self) -> &Hostname {
        &self.name
    }

    /// Whether it is the whole name.
    pub fn is_absolute(&self) -> bool {
        self.is_absolute
    }

    /// Whether it is a name of the machine that asks (RFC 6761 §6.3).
    pub fn is_localhost(&self) -> bool {
        let name = self.name.as_str();
        name == "localhost" || name.ends_with(".localhost")
    }
}

impl fmt::Display for ExternalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)?;
        if self.is_absolute { f.write_str(".") } else { Ok(()) }
    }
}

/// What is known of a name. Before the first answer nothing is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The addresses to use, sorted and each once. Without any there is a failure.
    pub addresses: Arc<[IpAddr]>,
    /// Why the name cannot be resolved at present. With addresses: they are those of before.
    pub failure: Option<LookupFailure>,
}

impl Resolution {
    /// The answer of DNS. There is an address at least.
    pub fn resolved(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let mut addresses: Vec<_> = addresses.into_iter().map(|address| address.to_canonical()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        Self { addresses: addresses.into(), failure: None }
    }

    /// No address.
    pub fn failed(failure: LookupFailure) -> Self {
        Self { addresses: Arc::default(), failure: Some(failure) }
    }
}

/// Why a name cannot be resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LookupFailure {
    /// NXDOMAIN.
    NoSuchName,
    /// The name exists and has no address.
    NoAddress,
    /// SERVFAIL, or another code that says that the server could not answer.
    ServerFailure,
    /// REFUSED.
    Refused,
    /// No answer in time.
    Timeout,
    /// No server could be reached.
    Unreachable,
    /// An answer that cannot be read, or that leads nowhere.
    Malformed,
    /// `resolv.conf` cannot be read or names no server.
    NoServer,
    /// It is not asked for: there are too many other names.
    TooManyNames,
}

impl LookupFailure {
    /// All of them, in the order of the variants.
    pub const ALL: [Self; 9] = [
        Self::NoSuchName,
        Self::NoAddress,
        Self::ServerFailure,
        Self::Refused,
        Self::Timeout,
        Self::Unreachable,
        Self::Malformed,
        Self::NoServer,
        Self::TooManyNames,
    ];

    /// Lower-case name, as in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSuchName => "no_such_name",
            Self::NoAddress => "no_address",
            Self::ServerFailure => "server_failure",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Malformed => "malformed",
            Self::NoServer => "no_server",
            Self::TooManyNames => "too_many_names",
        }
    }

    /// Whether DNS has answered that there is no address. Otherwise nothing is known.
    pub fn is_denial(self) -> bool {
        match self {
            Self::NoSuchName | Self::NoAddress => true,
            Self::ServerFailure
            | Self::Refused
            | Self::Timeout
            | Self::Unreachable
            | Self::Malformed
            | Self::NoServer
            | Self::TooManyNames => false,
        }
    }
}

impl fmt::Display for LookupFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchName => "DNS has no such name (NXDOMAIN)",
            Self::NoAddress => "the name has no address in DNS",
            Self::ServerFailure => "the DNS server cannot answer (SERVFAIL)",
            Self::Refused => "the DNS server refuses to answer (REFUSED)",
            Self::Timeout => "no answer of a DNS server in time",
            Self::Unreachable => "no DNS server can be reached",
            Self::Malformed => "the answer of the DNS server cannot be used",
            Self::NoServer => "resolv.conf names no DNS server",
            Self::TooManyNames => "too many names are asked for already",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_34a_a_dot_at_the_end_makes_a_name_absolute_and_is_no_part_of_it() {
        let [relative, absolute] =
            ["API.example.com", "api.example.com."].map(|text| ExternalName::parse(text).unwrap());
        assert_eq!((relative.host(), relative.is_absolute()), (absolute.host(), false));
        assert!(absolute.is_absolute());
        assert_eq!([relative.to_string(), absolute.to_string()], ["api.example.com", "api.example.com."]);
        for bad in
            ["", ".", "a..b", "a b", "http://a.example", "a.example:80", "-a.example", "a.example..", "127.0.0.1"]
        {
            assert!(ExternalName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rule_34c_names_of_the_machine_itself_are_known() {
        for (name, is_localhost) in [
            ("localhost", true),
            ("LocalHost.", true),
            ("x.localhost", true),
            ("mylocalhost", false),
            ("localhost.example", false),
        ] {
            assert_eq!(ExternalName::parse(name).unwrap().is_localhost(), is_localhost, "{name}");
        }
    }

    #[test]
    fn addresses_are_sorted_and_counted_once() {
        let addresses = ["10.0.0.2", "::ffff:10.0.0.1", "10.0.0.2", "10.0.0.1"].map(|text| text.parse().unwrap());
        let expected: Vec<IpAddr> = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap()).into();
        assert_eq!(*Resolution::resolved(addresses).addresses, expected);
    }

    #[test]
    fn failures_stand_in_the_order_of_their_numbers() {
        assert!(LookupFailure::ALL.iter().enumerate().all(|(at, failure)| *failure as usize == at));
    }
}
