//! The ConfigMaps that an operator names for streams, in ingress-nginx's format: the port as the key, and as the value the
//! Service, its port and perhaps twice `PROXY`: `3306: shop/mysql:3306:PROXY:PROXY`. haproxytech's controller has the same format
//! with `ssl` in the third place.

use crate::model::{
    HeaderOfClients, HeaderVersion, ListenerKey, ObjectKind, ObjectName, ObjectRef, PortRef, Problem, ProblemCode,
    Severity, Transport,
};
use crate::source::objects::{LARGEST_CONFIG_MAP, Objects};

use super::super::annotations::{port_number, service_port};
use super::super::problems::{on, quoted};
use super::super::settings::Settings;
use super::claim::Claim;

/// Most ports of one ConfigMap.
const MOST: usize = 4096;

/// What is wrong with an entry.
struct EntryFault {
    severity: Severity,
    message: String,
    remedy: &'static str,
}

/// An entry that can be read, and what is to be said of it.
struct Entry {
    claim: Claim,
    remark: Option<EntryFault>,
}

/// What the ConfigMap of this name asks for: nothing, unless an option names it.
pub(super) fn claims(settings: &Settings, objects: &Objects, name: &ObjectName) -> Vec<Claim> {
    let mut claims = Vec::new();
    each(settings, objects, name, &mut |_, entry| claims.extend(entry.ok().map(|entry| entry.claim)));
    claims
}

/// What is wrong with it.
pub(crate) fn problems(settings: &Settings, objects: &Objects, name: &ObjectName) -> Vec<Problem> {
    let (object, mut problems) = (ObjectRef::new(ObjectKind::ConfigMap, name.clone()), Vec::new());
    let options = settings.streams.config_maps().filter(|(named, _)| *named == name);
    match objects.config_map(name) {
        None => problems.extend(options.map(|(_, transport)| {
            let message = "the ConfigMap does not exist or may not be read, so it opens no ports";
            let (code, remedy) = (ProblemCode::ConfigMapNotFound, "Create it, readable for this controller's role");
            on(&object, option(transport), code, Severity::Error, message, remedy)
        })),
        Some(map) if map.is_too_large && options.count() > 0 => {
            let message = format!("it has more than {LARGEST_CONFIG_MAP} bytes, so it opens no ports");
            let code = ProblemCode::InvalidConfigMap;
            problems.push(on(&object, "data", code, Severity::Error, message, "Make it smaller"));
        }
        Some(_) => {}
    }
    each(settings, objects, name, &mut |key, entry| {
        let fault = match entry {
            Ok(Entry { claim: _, remark }) => remark,
            Err(fault) => Some(fault),
        };
        problems.extend(fault.map(|EntryFault { severity, message, remedy }| {
            let field = format!("data[{}]", quoted(key));
            on(&object, field, ProblemCode::InvalidConfigMap, severity, message, remedy)
        }));
    });
    problems
}

fn option(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "--tcp-services-configmap",
        Transport::Udp => "--udp-services-configmap",
    }
}

fn each(
    settings: &Settings,
    objects: &Objects,
    name: &ObjectName,
    each: &mut dyn FnMut(&str, Result<Entry, EntryFault>),
) {
    let Some(map) = objects.config_map(name) else { return };
    for (_, transport) in settings.streams.config_maps().filter(|(named, _)| *named == name) {
        for (at, (key, value)) in map.data.iter().enumerate() {
            let entry = if at < MOST {
                entry(name, transport, key, value)
            } else {
                Err(no_effect(format!("there are more than {MOST} ports"), "Leave some of them out"))
            };
            each(key, entry);
        }
    }
}

fn no_effect(why: String, remedy: &'static str) -> EntryFault {
    EntryFault { severity: Severity::Error, message: format!("{why}, so the entry has no effect"), remedy }
}

const FORM: &str = "Write PORT: NAMESPACE/SERVICE:PORT, and for TCP perhaps :PROXY or :PROXY:PROXY behind it";

fn entry(by: &ObjectName, transport: Transport, key: &str, value: &str) -> Result<Entry, EntryFault> {
    let wrong = |what: String| no_effect(what, FORM);
    let port = port_number(key).ok_or_else(|| wrong(format!("{} is no port number", quoted(key))))?;
    let value = value.trim();
    let mut words = value.split(':');
    let named = words.next().and_then(|name| name.split_once('/'));
    let is_name = |text: &str| !text.is_empty() && !text.contains('/');
    let (namespace, service) = named
        .filter(|(namespace, name)| is_name(namespace) && is_name(name))
        .ok_or_else(|| wrong(format!("{} does not begin with NAMESPACE/SERVICE", quoted(value))))?;
    let to = words.next().and_then(service_port);
    let to: PortRef = to.ok_or_else(|| wrong(format!("{} names no port of the Service", quoted(value))))?;
    let (third, fourth) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if words.next().is_some() {
        return Err(wrong(format!("{} has too many parts", quoted(value))));
    }
    if third.eq_ignore_ascii_case("ssl") {
        let remedy = "Let the pods end TLS, or serve the port as an Ingress";
        return Err(no_effect("TLS is not ended for streams (ssl)".into(), remedy));
    }
    let is_proxy = |word: &str| match word {
        "" => Ok(false),
        word if word.eq_ignore_ascii_case("PROXY") => Ok(true),
        word => Err(wrong(format!("{} is none of the words that may follow the port", quoted(word)))),
    };
    let (from_clients, to_pods) = (is_proxy(third)?, is_proxy(fourth)?);
    let is_ignored = transport == Transport::Udp && (from_clients || to_pods);
    let remark = is_ignored.then(|| EntryFault {
        severity: Severity::Warning,
        message: "datagrams have no header of the PROXY protocol, so PROXY has no effect".into(),
        remedy: "Leave PROXY out",
    });
    let claim = Claim {
        by: ObjectRef::new(ObjectKind::ConfigMap, by.clone()),
        created: 0,
        listener: ListenerKey { port, transport },
        service: ObjectName::new(namespace, service),
        port: to,
        from_clients: if from_clients && !is_ignored { HeaderOfClients::Required } else { HeaderOfClients::None },
        to_pods: (to_pods && !is_ignored).then_some(HeaderVersion::V1),
    };
    Ok(Entry { claim, remark })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(transport: Transport, key: &str, value: &str) -> Result<String, String> {
        let entry = entry(&ObjectName::new("edge", "tcp"), transport, key, value).map_err(|fault| fault.message)?;
        let Claim { listener, service, port, from_clients, to_pods, .. } = entry.claim;
        let remark = if entry.remark.is_some() { " (remark)" } else { "" };
        let is_in = from_clients == HeaderOfClients::Required;
        Ok(format!("{listener} {service}:{port} {is_in} {}{remark}", to_pods.is_some()))
    }

    #[test]
    fn entries_are_read_as_ingress_nginx_does() {
        let tcp = |value| read(Transport::Tcp, "3306", value).unwrap();
        assert_eq!(tcp("shop/mysql:3306"), "TCP port 3306 shop/mysql:3306 false false");
        assert_eq!(tcp(" shop/mysql:db "), "TCP port 3306 shop/mysql:db false false");
        assert_eq!(tcp("shop/mysql:3306:PROXY"), "TCP port 3306 shop/mysql:3306 true false");
        assert_eq!(tcp("shop/mysql:3306:proxy:Proxy"), "TCP port 3306 shop/mysql:3306 true true");
        assert_eq!(tcp("shop/mysql:3306::PROXY"), "TCP port 3306 shop/mysql:3306 false true");
        let udp = |value| read(Transport::Udp, "53", value).unwrap();
        assert_eq!(udp("kube-system/dns:53"), "UDP port 53 kube-system/dns:53 false false");
        assert_eq!(udp("kube-system/dns:53:PROXY"), "UDP port 53 kube-system/dns:53 false false (remark)");
    }

    #[test]
    fn entries_that_cannot_be_read_have_no_effect() {
        for (key, value) in [
            ("0", "a/b:1"),
            ("65536", "a/b:1"),
            ("-1", "a/b:1"),
            ("http", "a/b:1"),
            ("1", ""),
            ("1", "b:1"),
            ("1", "/b:1"),
            ("1", "a/:1"),
            ("1", "a/b/c:1"),
            ("1", "a/b"),
            ("1", "a/b:"),
            ("1", "a/b:0"),
            ("1", "a/b:A"),
            ("1", "a/b:1:HELLO"),
            ("1", "a/b:1:PROXY:PROXY:PROXY"),
            ("1", "a/b:1:ssl"),
        ] {
            assert!(read(Transport::Tcp, key, value).is_err(), "{key}: {value}");
        }
    }
}
