//! Lines of the log, in the shapes of Traefik's: `2026-11-23T13:33:25Z INF message key=value`, or a JSON object.

use std::fmt;
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::observe::time::Utc;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    pub(super) json: bool,
    pub(super) color: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut now = Vec::with_capacity(20);
        Utc::new(SystemTime::now()).write_rfc3339(&mut now);
        let now = String::from_utf8_lossy(&now);
        if self.json {
            json(writer, &now, event.metadata().level(), &fields)
        } else {
            self.common(writer, &now, event.metadata().level(), &fields)
        }
    }
}

impl Lines {
    fn common(self, mut out: Writer<'_>, now: &str, level: &Level, fields: &Fields) -> fmt::Result {
        let (name, color) = match *level {
            Level::TRACE => ("TRC", "\x1b[35m"),
            Level::DEBUG => ("DBG", "\x1b[33m"),
            Level::INFO => ("INF", "\x1b[32m"),
            Level::WARN => ("WRN", "\x1b[31m"),
            Level::ERROR => ("ERR", "\x1b[1;31m"),
        };
        if self.color {
            write!(out, "\x1b[90m{now}\x1b[0m {color}{name}\x1b[0m ")?;
        } else {
            write!(out, "{now} {name} ")?;
        }
        visible(&mut out, &fields.message)?;
        for (key, value) in &fields.others {
            if self.color {
                write!(out, " \x1b[36m{key}=\x1b[0m")?;
            } else {
                write!(out, " {key}=")?;
            }
            let value = value.text();
            if value.is_empty() || value.contains([' ', '"', '=']) {
                out.write_char('"')?;
                visible(&mut out, &value.replace('"', "\\\""))?;
                out.write_char('"')?;
            } else {
                visible(&mut out, value)?;
            }
        }
        writeln!(out)
    }
}

fn json(mut out: Writer<'_>, now: &str, level: &Level, fields: &Fields) -> fmt::Result {
    let level = match *level {
        Level::TRACE => "trace",
        Level::DEBUG => "debug",
        Level::INFO => "info",
        Level::WARN => "warn",
        Level::ERROR => "error",
    };
    write!(out, "{{\"level\":\"{level}\"")?;
    for (key, value) in &fields.others {
        match value {
            Value::Plain(text) => write!(out, ",{}:{text}", quoted(key))?,
            Value::Text(text) => write!(out, ",{}:{}", quoted(key), quoted(text))?,
        }
    }
    writeln!(
        out,
        ",\"time\":\"{now}\",\"message\":{}}}",
        quoted(&fields.message)
    )
}

fn quoted(text: &str) -> String {
    // A string always has a JSON form.
    serde_json::to_string(text).unwrap_or_default()
}

/// Control characters could end a line and begin a false one.
fn visible(out: &mut Writer<'_>, text: &str) -> fmt::Result {
    for letter in text.chars() {
        match letter {
            '\n' => out.write_str("\\n")?,
            other if other.is_control() => write!(out, "\\x{:02x}", u32::from(other))?,
            other => out.write_char(other)?,
        }
    }
    Ok(())
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, Value)>,
}

enum Value {
    /// Numbers and truth values, as JSON has them.
    Plain(String),
    Text(String),
}

impl Value {
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Text(text) => text,
        }
    }
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        if field.name() == "message" {
            value.text().clone_into(&mut self.message);
        } else {
            self.others.push((field.name(), value));
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, Value::Text(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Value::Text(value.to_owned()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::Plain(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::Plain(value.to_string()));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    fn logged(lines: Lines) -> String {
        let out = Arc::new(Mutex::new(Vec::new()));
        let writer = {
            let out = Arc::clone(&out);
            move || Copy(Arc::clone(&out))
        };
        let layer = tracing_subscriber::fmt::layer()
            .event_format(lines)
            .with_writer(writer);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(provider = "file", count = 3, path = %"a b\n", "Starting provider");
        });
        let bytes = out.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    struct Copy(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Copy {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn common_lines_look_like_traefiks() {
        let line = logged(Lines {
            json: false,
            color: false,
        });
        let (_, rest) = line.split_once("Z ").unwrap();
        assert_eq!(
            rest,
            "INF Starting provider provider=file count=3 path=\"a b\\n\"\n"
        );
    }

    #[test]
    fn json_lines_are_objects() {
        let line = logged(Lines {
            json: true,
            color: false,
        });
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(object["level"], "info");
        assert_eq!(object["message"], "Starting provider");
        assert_eq!(object["count"], 3);
        assert_eq!(object["path"], "a b\n");
    }
}
