//! One look-up: which names are asked for, and what comes of the answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};

use super::followed::Answer;
use crate::model::{ExternalName, LookupFailure};

/// Addresses of a name that are used; of more the lowest.
const MOST_ADDRESSES: usize = 64;
/// Longest time to live that DNS can tell (RFC 2181 §8), for answers that have none.
const LONGEST_LIFE: u32 = i32::MAX as u32;
/// Longest wait for one server. `resolv.conf` may say less.
const LONGEST_WAIT_FOR_SERVER: Duration = Duration::from_secs(3);

/// Asks DNS. Cheap to clone.
#[derive(Clone)]
pub(super) struct Client {
    resolver: TokioResolver,
    /// Search domains.
    search: Vec<Name>,
    /// Which addresses are asked for, the better ones first.
    families: [RecordType; 2],
}

impl Client {
    /// Asks this server, or those of `resolv.conf`.
    pub(super) fn new(server: Option<SocketAddr>) -> Result<Self, NetError> {
        let (config, options) = match server {
            Some(server) => (of_server(server), ResolverOpts::default()),
            None => hickory_resolver::system_conf::read_system_conf()?,
        };
        let search = config.search().to_vec();
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let kept = builder.options_mut();
        kept.timeout = options.timeout.min(LONGEST_WAIT_FOR_SERVER);
        (kept.attempts, kept.edns0) = (options.attempts, options.edns0);
        // What is asked for again is out of date.
        kept.cache_size = 0;
        // The file names the machine itself and what its owner wants to call by another name: nothing for tenants.
        kept.use_hosts_file = ResolveHosts::Never;
        // The time to live of a chain is the shortest of all its links.
        kept.preserve_intermediates = true;
        Ok(Self { resolver: builder.build()?, search, families: families() })
    }

    /// The addresses of a name.
    pub(super) async fn lookup(&self, name: &ExternalName) -> Result<Answer, LookupFailure> {
        let mut denial = LookupFailure::NoSuchName;
        for candidate in candidates(name, &self.search) {
            match self.addresses(candidate).await {
                Err(LookupFailure::NoAddress) => denial = LookupFailure::NoAddress,
                Err(failure) if failure.is_denial() => {}
                // Perhaps the name exists. To go on to another name would lead elsewhere.
                outcome => return outcome,
            }
        }
        Err(denial)
    }

    /// The addresses of exactly this name: of the better family, or else of the other.
    async fn addresses(&self, name: Name) -> Result<Answer, LookupFailure> {
        let [first, second] = self.families;
        match self.of_family(name.clone(), first).await {
            Err(LookupFailure::NoAddress) => self.of_family(name, second).await,
            outcome => outcome,
        }
    }

    async fn of_family(&self, name: Name, family: RecordType) -> Result<Answer, LookupFailure> {
        let found = self.resolver.lookup(name, family).await.map_err(|error| failure(&error))?;
        let life = found.answers().iter().map(|record| record.ttl).min().unwrap_or(LONGEST_LIFE);
        let mut addresses: Vec<_> = found.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(MOST_ADDRESSES);
        if addresses.is_empty() {
            return Err(LookupFailure::NoAddress);
        }
        Ok(Answer { addresses, life: Duration::from_secs(life.into()) })
    }
}

fn of_server(server: SocketAddr) -> ResolverConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    ResolverConfig::from_parts(None, Vec::new(), vec![NameServerConfig::new(server.ip(), true, connections.into())])
}

/// The names to try, in order. A name with a dot is tried as it is before the search domains, whatever `ndots` says: the API
/// means a whole name, and with the `ndots:5` of Kubernetes whoever may name a Service `example` in a namespace `com` would
/// get the requests for a host of example.com.
fn candidates(name: &ExternalName, search: &[Name]) -> Vec<Name> {
    let Ok(mut whole) = Name::from_ascii(name.host().as_str()) else { return Vec::new() };
    let mut candidates: Vec<_> = match name.is_absolute() {
        true => Vec::new(),
        false => search.iter().filter_map(|domain| whole.clone().append_domain(domain).ok()).collect(),
    };
    whole.set_fqdn(true);
    let at = if name.host().parent().is_some() { 0 } else { candidates.len() };
    candidates.insert(at, whole);
    candidates.iter_mut().for_each(|candidate| candidate.set_fqdn(true));
    candidates
}

/// IPv4 first, unless there is a way for IPv6 only.
fn families() -> [RecordType; 2] {
    let (v4, v6) = ((Ipv4Addr::UNSPECIFIED.into(), "192.0.2.1"), (Ipv6Addr::UNSPECIFIED.into(), "2001:db8::1"));
    // Connecting UDP sends nothing: the system only looks for a way.
    let has_way =
        |(from, to): (IpAddr, &str)| UdpSocket::bind((from, 0)).and_then(|socket| socket.connect((to, 9))).is_ok();
    if !has_way(v4) && has_way(v6) { [RecordType::AAAA, RecordType::A] } else { [RecordType::A, RecordType::AAAA] }
}

/// The library's errors are an open set.
fn failure(error: &NetError) -> LookupFailure {
    match error {
        error if error.is_nx_domain() => LookupFailure::NoSuchName,
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NoError => LookupFailure::NoAddress,
            ResponseCode::Refused => LookupFailure::Refused,
            _ => LookupFailure::ServerFailure,
        },
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => LookupFailure::Refused,
        NetError::Dns(_) => LookupFailure::ServerFailure,
        NetError::Timeout => LookupFailure::Timeout,
        NetError::Io(_) | NetError::NoConnections | NetError::Busy => LookupFailure::Unreachable,
        _ => LookupFailure::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_34a_search_domains_are_tried_for_names_without_a_dot_at_the_end() {
        let search = ["tidegate.svc.cluster.local", "svc.cluster.local"].map(|text| Name::from_ascii(text).unwrap());
        let tried = |name: &str| -> Vec<String> {
            let name = ExternalName::parse(name).unwrap();
            candidates(&name, &search).iter().map(ToString::to_string).collect()
        };
        assert_eq!(
            tried("api.example.com"),
            ["api.example.com.", "api.example.com.tidegate.svc.cluster.local.", "api.example.com.svc.cluster.local."]
        );
        assert_eq!(tried("api.example.com."), ["api.example.com."]);
        assert_eq!(tried("db"), ["db.tidegate.svc.cluster.local.", "db.svc.cluster.local.", "db."]);
        assert_eq!(tried("db."), ["db."]);
        let long = format!("{}.{}.{}.{}", "a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(55));
        assert_eq!(tried(&long), [format!("{long}.")], "with a search domain it would be too long");
    }
}
