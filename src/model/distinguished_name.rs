//! Names in certificates, written as OpenSSL writes them with `XN_FLAG_RFC2253`: what nginx has in `$ssl_client_s_dn`.

use std::fmt::Write as _;

use x509_parser::asn1_rs::{Any, Tag, ToDer};
use x509_parser::prelude::X509Name;

/// Short names of attributes, as OpenSSL has them.
const KNOWN: [(&str, &str); 26] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.20", "telephoneNumber"),
    ("2.5.4.41", "name"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationQualifier"),
    ("2.5.4.45", "x500UniqueIdentifier"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.65", "pseudonym"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("1.2.840.113549.1.9.2", "unstructuredName"),
];

/// The name in visible ASCII: the last part first, with commas between, and without anything that could end a field of HTTP.
pub(super) fn written(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter_rdn().collect();
    let mut text = String::new();
    for (at, part) in parts.into_iter().rev().enumerate() {
        for (within, attribute) in part.iter().enumerate() {
            text.push_str(match (at, within) {
                (0, 0) => "",
                (_, 0) => ",",
                (_, _) => "+",
            });
            let key = attribute.attr_type().to_id_string();
            let known = KNOWN.iter().find(|(id, _)| *id == key);
            let value = known.and_then(|_| readable(attribute.attr_value()));
            text.push_str(known.map_or(&key, |(_, short)| short));
            text.push('=');
            match value {
                Some(value) => escape(&value, &mut text),
                None => dump(attribute.attr_value(), &mut text),
            }
        }
    }
    text
}

/// A string as UTF-8; `None`: it is no string.
fn readable(value: &Any<'_>) -> Option<String> {
    let bytes = value.data;
    match value.tag() {
        Tag::Utf8String => String::from_utf8(bytes.to_vec()).ok(),
        Tag::PrintableString | Tag::Ia5String | Tag::T61String | Tag::NumericString | Tag::VisibleString => {
            Some(bytes.iter().copied().map(char::from).collect())
        }
        Tag::BmpString => {
            let (units, []) = bytes.as_chunks::<2>() else { return None };
            String::from_utf16(&units.iter().copied().map(u16::from_be_bytes).collect::<Vec<_>>()).ok()
        }
        // OpenSSL knows a few more, and dumps the rest.
        _ => None,
    }
}

fn escape(value: &str, text: &mut String) {
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => text.extend(['\\', char::from(byte)]),
            b'#' | b' ' if at == 0 => text.extend(['\\', char::from(byte)]),
            b' ' if at == last => text.push_str("\\ "),
            0x20..=0x7e => text.push(char::from(byte)),
            // A String takes everything.
            _ => _ = write!(text, "\\{byte:02X}"),
        }
    }
}

fn dump(value: &Any<'_>, text: &mut String) {
    text.push('#');
    for byte in value.to_der_vec().unwrap_or_default() {
        let _ = write!(text, "{byte:02X}");
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{DistinguishedName, DnType, DnValue};

    use crate::model::CertificateNames;

    fn subject(parts: &[(DnType, DnValue)]) -> String {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        parts.iter().for_each(|(kind, value)| params.distinguished_name.push(kind.clone(), value.clone()));
        let made = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        CertificateNames::of(made.der()).unwrap().subject.into()
    }

    /// The expectations were made by `openssl x509 -subject -nameopt RFC2253`.
    #[test]
    fn names_are_written_as_openssl_writes_them() {
        let text = |text: &str| DnValue::Utf8String(text.into());
        let names = [
            (DnType::CountryName, text("DE")),
            (DnType::OrganizationName, text("Example, Inc.")),
            (DnType::CommonName, text("alice")),
        ];
        assert_eq!(subject(&names), "CN=alice,O=Example\\, Inc.,C=DE");
        for (value, expected) in [
            ("a+b=c", "CN=a\\+b=c"),
            (" a#b ", "CN=\\ a#b\\ "),
            ("#a", "CN=\\#a"),
            ("\"a\" <b>;\\", "CN=\\\"a\\\" \\<b\\>\\;\\\\"),
            ("a\r\nX: y\0", "CN=a\\0D\\0AX: y\\00"),
            ("Jürgen", "CN=J\\C3\\BCrgen"),
            ("", "CN="),
        ] {
            assert_eq!(subject(&[(DnType::CommonName, text(value))]), expected, "{value:?}");
        }
        assert_eq!(subject(&[]), "");
        let email = DnType::CustomDnType(vec![1, 2, 840, 113549, 1, 9, 1]);
        assert_eq!(subject(&[(email, text("a@b.example"))]), "emailAddress=a@b.example");
        let unknown = DnType::CustomDnType(vec![1, 3, 9999, 1]);
        assert_eq!(subject(&[(unknown, text("ab"))]), "1.3.9999.1=#0C026162");
    }
}
