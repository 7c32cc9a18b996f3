//! The head of a message.

use std::time::SystemTime;

use super::Severity;
use super::target::{Place, SyslogForm, SyslogTarget};
use crate::observe::clock::Clock;

/// What messages to a target begin with.
pub(super) struct Header {
    facility: u8,
    form: SyslogForm,
    /// What follows the time.
    behind: Box<[u8]>,
    clock: Clock,
}

impl Header {
    pub(super) fn new(target: &SyslogTarget) -> Self {
        let SyslogTarget { place, facility, form, tag, host } = target;
        let process = std::process::id();
        let behind = match (form, place) {
            // What syslog(3) writes. A server takes the word behind the time for the tag.
            (SyslogForm::Rfc3164, Place::Unix(_)) => format!(" {tag}[{process}]: "),
            (SyslogForm::Rfc3164, Place::Udp(..) | Place::Tcp(..)) => format!(" {host} {tag}[{process}]: "),
            (SyslogForm::Rfc5424, _) => format!(" {host} {tag} {process} - - "),
        };
        Self { facility: facility.number(), form: *form, behind: behind.into_bytes().into(), clock: Clock::new() }
    }

    /// Makes this the time of the messages that follow.
    pub(super) fn set_time(&mut self, now: SystemTime) {
        self.clock.set(now);
    }

    /// Appends a message without an end.
    pub(super) fn message(&self, out: &mut Vec<u8>, severity: Severity, line: &[u8]) {
        // RFC 5424 §6.2.1.
        let priority = u32::from(self.facility) * 8 + severity as u32;
        out.push(b'<');
        out.extend_from_slice(itoa::Buffer::new().format(priority).as_bytes());
        match self.form {
            SyslogForm::Rfc3164 => {
                out.push(b'>');
                out.extend_from_slice(&self.clock.rfc3164());
            }
            SyslogForm::Rfc5424 => {
                out.extend_from_slice(b">1 ");
                out.extend_from_slice(self.clock.rfc3339());
            }
        }
        out.extend_from_slice(&self.behind);
        out.extend_from_slice(line);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn message(target: &str, severity: Severity) -> String {
        let target = SyslogTarget::parse(target).unwrap().from_host(Some("edge-1"));
        let mut header = Header::new(&target);
        header.set_time(UNIX_EPOCH + Duration::from_millis(1_767_323_045_678));
        let mut out = Vec::new();
        header.message(&mut out, severity, b"a line");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn both_forms_are_as_their_standards_have_them() {
        let process = std::process::id();
        assert_eq!(
            message("syslog:udp://a?facility=local2", Severity::Informational),
            format!("<150>Jan  2 03:04:05 edge-1 tidegate[{process}]: a line")
        );
        assert_eq!(
            message("syslog:udp://a?format=rfc5424&tag=edge", Severity::Emergency),
            format!("<128>1 2026-01-02T03:04:05.678Z edge-1 edge {process} - - a line")
        );
        assert_eq!(
            message("syslog:unix:///dev/log", Severity::Informational),
            format!("<134>Jan  2 03:04:05 tidegate[{process}]: a line")
        );
        assert!(message("syslog:udp://a", Severity::Alert).starts_with("<129>"));
        assert!(message("syslog:udp://a", Severity::Notice).starts_with("<133>"));
    }

    #[test]
    fn names_of_hosts_stay_one_word() {
        let target = SyslogTarget::parse("syslog:udp://a").unwrap();
        assert_eq!(&*target.clone().from_host(Some("a b\nc")).host, "abc");
        assert_eq!(&*target.from_host(None).host, "-");
    }
}
