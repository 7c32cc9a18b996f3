//! The process's own log: structured events on standard error, as text for people or JSON for machines.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::log_queue::LogQueue;

/// What events look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// A JSON object for each event.
    #[default]
    Json,
    /// A line for people.
    Text,
}

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The level is neither a level nor a list of `target=level`.
    #[error("not a log level or list of target=level: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The log's thread could not be started.
    #[error("cannot start the log's thread: {0}")]
    Thread(io::Error),
    /// Logging was started before.
    #[error("logging was started before")]
    Started(#[from] tracing::subscriber::SetGlobalDefaultError),
}

/// The queue of the whole process, once logging was started.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();

/// Sends the events of the whole process to standard error. `filter` is a level (`info`) or a list of directives
/// (`info,tidegate::proxy=debug`), as tracing's `EnvFilter` reads them.
pub fn start(format: LogFormat, filter: &str) -> Result<(), LoggingError> {
    let queue = LogQueue::start(io::stderr(), move |lost| lost_line(format, lost)).map_err(LoggingError::Thread)?;
    tracing::subscriber::set_global_default(subscriber(format, filter, queue.clone())?)?;
    // Nobody else sets it: a second start has failed above.
    let _ = QUEUE.set(queue);
    Ok(())
}

/// Events that the output did not take in time, so far.
pub fn lost() -> u64 {
    QUEUE.get().map_or(0, LogQueue::lost)
}

/// Writes what waits to be written, for at most `patience`. Nothing is logged afterwards.
pub fn finish(patience: Duration) {
    if let Some(queue) = QUEUE.get() {
        queue.finish(patience);
    }
}

/// What is written once the output takes lines again.
fn lost_line(format: LogFormat, lost: u64) -> String {
    match format {
        LogFormat::Json => format!("{{\"level\":\"WARN\",\"message\":\"log lines were lost\",\"lost\":{lost}}}\n"),
        LogFormat::Text => format!("WARN log lines were lost lost={lost}\n"),
    }
}

fn subscriber<W>(format: LogFormat, filter: &str, writer: W) -> Result<Box<dyn Subscriber + Send + Sync>, LoggingError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Times are the default: UTC, RFC 3339 with microseconds. Colours are not compiled in.
    let builder = tracing_subscriber::fmt().with_env_filter(filter_of(filter)?);
    Ok(match format {
        LogFormat::Json => Box::new(builder.json().flatten_event(true).with_writer(writer).finish()),
        LogFormat::Text => Box::new(builder.with_writer(OneLine(writer)).finish()),
    })
}

/// The client of the Kubernetes API logs an error for every attempt to connect. Who made the attempt tells of failures, and
/// not of each one, so the client is silent unless it is named.
fn filter_of(filter: &str) -> Result<EnvFilter, LoggingError> {
    let filter = if filter.contains("kube_client") { filter.to_owned() } else { format!("{filter},kube_client=off") };
    Ok(EnvFilter::try_new(filter)?)
}

/// Escapes what would end a line or control a terminal (class E6): values may come from clients and users' objects.
/// JSON does so by itself.
struct OneLine<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = OneLine<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLine(self.0.make_writer())
    }
}

impl<W: Write> Write for OneLine<W> {
    /// The text layer writes each event whole, with a line feed behind it.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = event.strip_suffix(b"\n").unwrap_or(event);
        if line.iter().all(|byte| (0x20..0x7f).contains(byte)) {
            self.0.write_all(event)?;
            return Ok(event.len());
        }
        let mut escaped = String::with_capacity(event.len() + 32);
        for c in String::from_utf8_lossy(line).chars() {
            if c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
                escaped.extend(c.escape_default());
            } else {
                escaped.push(c);
            }
        }
        escaped.push_str(if line.len() < event.len() { "\n" } else { "" });
        self.0.write_all(escaped.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str, events: impl FnOnce()) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = subscriber(format, filter, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, events);
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_events_are_objects_with_an_rfc_3339_time() {
        let text = logged(LogFormat::Json, "info", || {
            tracing::info!(hosts = 3, "table published");
            tracing::debug!("not at this level");
        });
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&event["message"], &event["hosts"], &event["level"]),
            (&"table published".into(), &3.into(), &"INFO".into())
        );
        let time = event["timestamp"].as_str().unwrap();
        assert!(time.starts_with("20") && time.as_bytes()[10] == b'T' && time.ends_with('Z'), "{time}");
    }

    #[test]
    fn text_events_are_for_people() {
        let text = logged(LogFormat::Text, "debug", || tracing::debug!(host = "käse.example", "host added"));
        assert!(text.ends_with("host added host=\"käse.example\"\n") && text.contains(" DEBUG "), "{text}");
    }

    #[test]
    fn f01_the_client_of_the_api_says_nothing_about_every_attempt() {
        let events =
            || tracing::error!(target: "kube_client::client::builder", "failed with error client error (Connect)");
        assert_eq!(logged(LogFormat::Text, "info", events), "");
        assert_ne!(logged(LogFormat::Text, "info,kube_client=error", events), "");
    }

    #[test]
    fn e06_values_do_not_add_lines_or_control_terminals() {
        let evil = "a\nb\r\x1b[31mc\u{9b}d\u{202e}";
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = logged(format, "info", || tracing::info!(value = %evil, "seen {evil}"));
            assert_eq!(text.find('\n'), Some(text.len() - 1), "{text}");
            assert!(!text.contains(['\x1b', '\r']), "{text}");
        }
    }

    #[test]
    fn the_line_about_lost_lines_is_like_others() {
        let line: serde_json::Value = serde_json::from_str(&lost_line(LogFormat::Json, 7)).unwrap();
        assert_eq!((&line["lost"], &line["message"]), (&7.into(), &"log lines were lost".into()));
        assert_eq!(lost_line(LogFormat::Text, 7), "WARN log lines were lost lost=7\n");
    }

    #[test]
    fn filters_that_are_none_are_refused() {
        for filter in ["info,=", "tidegate=loud"] {
            let error = subscriber(LogFormat::Text, filter, io::sink).err().expect(filter);
            assert!(error.to_string().starts_with("not a log level"), "{error}");
        }
    }
}
