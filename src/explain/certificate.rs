//! The certificate a client is shown for the host it names to TLS.

use std::time::{Duration, SystemTime};

use crate::model::HostPattern;
use crate::routing::{CertificateSource, Certificates, RouteTable};
use crate::translate::{self, Input};

use super::{Facts, shown};

/// The certificate in words, and why it is this one.
pub(super) fn describe<T>(
    input: &Input,
    table: &RouteTable<T>,
    server_name: Option<&str>,
    hosts: &[HostPattern],
    facts: &mut Facts,
) -> Vec<String> {
    let Certificates { list, source } = table.certificates(server_name);
    let why = match (source, server_name) {
        (CertificateSource::Entry, _) => "a TLS entry covers the host",
        (CertificateSource::EntryByDefault, _) => {
            "a TLS entry covers the host and has no usable certificate for it, so the default serves"
        }
        (CertificateSource::Default, Some(_)) => "no TLS entry covers the host, so the default serves",
        (CertificateSource::Default, None) => "TLS knows no addresses, so the default serves",
    };
    if list.is_empty() {
        return vec![format!("self-signed certificate made at start: {why}")];
    }
    let mut lines = Vec::new();
    for certificate in list {
        let secret = translate::secret_of(input, hosts, certificate);
        let file = if secret.is_none() { translate::certificate_file_of(input, certificate) } else { None };
        let (name, why) = match (&secret, file) {
            (Some(secret), _) => (format!("Secret {secret}"), why),
            (None, Some(file)) => {
                let why = if source == CertificateSource::Entry { "it names the host" } else { why };
                (format!("file {file} of --certificate-dir"), why)
            }
            (None, None) => ("certificate".to_owned(), why),
        };
        let end = date(certificate.not_after());
        let now = input.settings().now;
        let state = if now > certificate.not_after() {
            format!("EXPIRED {end}")
        } else if now < certificate.not_before() {
            format!("not valid before {}", date(certificate.not_before()))
        } else {
            format!("valid until {end}")
        };
        lines.push(format!("{name} ({}), {state}: {why}", certificate.names().join(" ")));
        if facts.secret.is_none() {
            facts.secret = secret;
        }
    }
    lines
}

/// The TLS entries that name the host and do not count there.
pub(super) fn uncounted<T>(
    input: &Input,
    table: &RouteTable<T>,
    server_name: Option<&str>,
    hosts: &[HostPattern],
) -> Vec<String> {
    let found = table.find(server_name, "/", &|_| true, &mut String::new()).ok();
    let Some(owner) = found.and_then(|found| found.host) else { return Vec::new() };
    let uncounted = translate::uncounted_tls(input, hosts, owner).into_iter();
    let lines = uncounted.map(|(ingress, host)| {
        format!("not by TLS entries of Ingress {ingress} for {host}: another namespace has rules for the host")
    });
    shown(lines.collect())
}

/// Seconds since the Unix epoch as a date of HTTP, which is in UTC.
fn date(seconds: i64) -> String {
    // Dates of HTTP end with the year 9999.
    let seconds = u64::try_from(seconds).unwrap_or(0).min(253_402_300_799);
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}
