//! What stands behind an ExternalName Service: its name, what DNS says of it, and which addresses are used.

use std::net::SocketAddr;

use crate::model::Resolution;
use crate::translate::External;

/// Whether somebody asks DNS here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A running process does.
    ByProcess,
    /// Nobody does: objects are read from a directory.
    ByNobody,
}

/// The name in words, and whether a request has somewhere to go. What nobody has asked for counts as there.
pub(super) fn describe(external: &External, asked: Asked, used: &[SocketAddr]) -> (Vec<String>, bool) {
    let External { name, resolution, addresses } = external;
    let addresses_text: Vec<_> = addresses.iter().take(super::SHOWN).map(|(address, _)| address.to_string()).collect();
    let more = match addresses.len().saturating_sub(super::SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let text = format!("{}{more}", addresses_text.join(" "));
    let (line, has_endpoint) = match (name, resolution) {
        (None, _) => (format!("external address: {text}"), !used.is_empty()),
        (Some(name), None) => match asked {
            Asked::ByProcess => (format!("external name {name}: DNS has not answered yet"), !used.is_empty()),
            Asked::ByNobody => (
                format!("external name {name}: to the addresses it has in DNS, which only a running process asks"),
                true,
            ),
        },
        (Some(name), Some(Resolution { addresses, failure: Some(failure) })) if addresses.is_empty() => {
            (format!("external name {name}: no address, because {failure}"), false)
        }
        (Some(name), Some(Resolution { addresses: _, failure: Some(failure) })) => {
            (format!("external name {name}: {text}, as before, because at present {failure}"), !used.is_empty())
        }
        (Some(name), Some(Resolution { addresses: _, failure: None })) => {
            (format!("external name {name}: {text}"), !used.is_empty())
        }
    };
    let refused = addresses.iter().filter_map(|(address, reason)| {
        reason.map(|reason| format!("{address} never gets requests: its address is {reason}"))
    });
    (std::iter::once(line).chain(refused).collect(), has_endpoint)
}
