//! Ports that the author of a Service wants to be reached by from outside, without HTTP.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::{HeaderOfClients, HeaderVersion, ListenerKey, ObjectName, PortRef, Transport};

use super::super::super::problems::quoted;
use super::super::draft::Draft;
use super::super::exposed::Exposed;
use super::super::table::{Annotation, Scope, Verdict};
use super::super::value::Value;

/// Most entries.
const MOST: usize = 64;
/// Faulty ones that are told.
const TOLD: usize = 8;
/// Longest value, bytes.
const LONGEST: usize = 8 * 1024;

/// By key.
pub(super) const ROWS: [Annotation; 1] = [Annotation {
    key: "expose",
    value: Value::Text {
        values: "entries with `,` between: a port of Tidegate's pods, `:`, a port of the Service by number or name, perhaps `/udp`, and \
                 perhaps `;proxy-in`, `;proxy-out` or `;proxy-out=v2`",
        read: |draft: &mut Draft, text, _: &ObjectName| read(draft, text),
    },
    default: "nothing but HTTP leads to the Service",
    scopes: &[Scope::Service],
    verdict: Verdict::Exact,
    doc: "Opens ports of Tidegate's pods whose connections (TCP) or datagrams (`/udp`) go to the pods of the Service as they are:\n\
          `13306:3306;proxy-in;proxy-out=v2, 5353:dns/udp`. With `proxy-in` each connection must begin with a header of the PROXY\n\
          protocol, from one of `--trusted-proxies`; with `proxy-out` pods get such a header (version 1, or `v2`). The ports must be among\n\
          those of `--allow-ports`, and the namespace among those of `--stream-namespaces`. A port that several objects ask for belongs\n\
          to a ConfigMap of `--tcp-services-configmap` or `--udp-services-configmap`, else to the oldest Service. An entry that cannot be\n\
          read is reported, and the others count. See [streams.md](streams.md).",
}];

/// Reads all entries, and says of each that cannot be read what is wrong with it.
fn read(draft: &mut Draft, text: &str) -> Option<()> {
    if text.len() > LONGEST {
        return None;
    }
    let (mut exposed, mut faults, mut taken) = (Vec::new(), Vec::new(), BTreeSet::new());
    for text in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        match entry(text) {
            Ok(_) if exposed.len() == MOST => faults.push(format!("{}: there are more than {MOST}", quoted(text))),
            Ok(entry) if !taken.insert(entry.listener) => {
                faults.push(format!("{}: {} stands in it more than once", quoted(text), entry.listener));
            }
            Ok(entry) => exposed.push(entry),
            Err(why) => faults.push(format!("{}: {why}", quoted(text))),
        }
    }
    if !faults.is_empty() {
        let more = faults.len().saturating_sub(TOLD);
        faults.truncate(TOLD);
        if more > 0 {
            faults.push(format!("and {more} more"));
        }
        let message = format!("entries that have no effect: {}", faults.join("; "));
        let remedy = "Write PORT:SERVICE-PORT, perhaps /udp, and for TCP perhaps ;proxy-in or ;proxy-out=v2, with commas between";
        draft.cannot_read(message.into(), remedy.into());
    }
    draft.options.of_rare().exposed = Some(exposed.into());
    Some(())
}

fn entry(text: &str) -> Result<Exposed, &'static str> {
    let mut words = text.split(';').map(str::trim);
    let (port, to) = words.next().and_then(|ports| ports.split_once(':')).ok_or("it has no colon")?;
    let (to, transport) = match to.split_once('/') {
        None | Some((_, "tcp")) => (to.split('/').next().unwrap_or(to), Transport::Tcp),
        Some((to, "udp")) => (to, Transport::Udp),
        Some(_) => return Err("behind the slash stands tcp or udp"),
    };
    let port = number(port.trim()).ok_or("the port is no number from 1 to 65535")?;
    let (mut from_clients, mut to_pods) = (HeaderOfClients::None, None);
    for word in words {
        match word {
            "proxy-in" => from_clients = HeaderOfClients::Required,
            "proxy-out" | "proxy-out=v1" => to_pods = Some(HeaderVersion::V1),
            "proxy-out=v2" => to_pods = Some(HeaderVersion::V2),
            _ => return Err("behind a semicolon stands proxy-in, proxy-out, proxy-out=v1 or proxy-out=v2"),
        }
    }
    if transport == Transport::Udp && (from_clients == HeaderOfClients::Required || to_pods.is_some()) {
        return Err("datagrams have no header of the PROXY protocol");
    }
    let port_of_service = service_port(to.trim()).ok_or("the port of the Service is neither a number nor a name")?;
    Ok(Exposed { listener: ListenerKey { port, transport }, port: port_of_service, from_clients, to_pods })
}

/// A port by number.
pub(crate) fn number(text: &str) -> Option<u16> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_plain && *port != 0)
}

/// A port of a Service by number or name (RFC 6335 §5.1).
pub(crate) fn service_port(text: &str) -> Option<PortRef> {
    if let Some(number) = number(text) {
        return Some(PortRef::Number(number));
    }
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let has_letter = text.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_name = has_letter && text.len() <= 63 && text.bytes().all(is_part);
    is_name.then(|| PortRef::Name(Arc::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposed(text: &str) -> (Vec<String>, Option<String>) {
        let mut draft = Draft::default();
        read(&mut draft, text).unwrap();
        let shown = |one: &Exposed| {
            format!(
                "{} {} {:?} {:?}",
                one.listener,
                one.port,
                one.from_clients,
                one.to_pods.unwrap_or(HeaderVersion::V1)
            )
        };
        let exposed = draft.options.rare().unwrap().exposed.as_ref().unwrap().iter().map(shown).collect();
        (exposed, draft.finding.map(|finding| finding.message.to_string()))
    }

    #[test]
    fn entries_name_ports_and_what_is_told_of_clients() {
        let (entries, fault) = exposed("13306:3306;proxy-in;proxy-out=v2, 5353:dns/udp ,1:2/tcp; proxy-out,");
        let expected =
            ["TCP port 13306 3306 Required V2", "UDP port 5353 dns None V1", "TCP port 1 2 None V1"].map(String::from);
        assert_eq!((entries, fault), (expected.to_vec(), None));
        assert_eq!(exposed(""), (vec![], None));
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_told_and_the_others_count() {
        for bad in [
            "13306",
            "x:80",
            "0:80",
            "65536:80",
            "+1:80",
            "80:",
            "80:A",
            "80:80/sctp",
            "80:80;",
            "80:80;proxy",
            "80:80/udp;proxy-in",
            "80:80;proxy-out=v3",
            "1:1",
            ":",
        ] {
            let (entries, fault) = exposed(&format!("1:1, {bad}"));
            assert_eq!(entries.len(), 1, "{bad}");
            assert!(fault.is_some_and(|fault| fault.contains(bad)), "{bad}");
        }
        let many: Vec<_> = (1..=MOST + 1).map(|port| format!("{port}:80")).collect();
        let (entries, fault) = exposed(&many.join(","));
        assert_eq!((entries.len(), fault.is_some()), (MOST, true));
        assert_eq!(read(&mut Draft::default(), &"1:1,".repeat(LONGEST)), None);
    }
}
