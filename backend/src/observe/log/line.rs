//! One event as one line.

use std::fmt::{self, Write as _};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::{OWN, Settings};
use crate::config::LogLevel;

/// As services of the surrounding system know it.
const SERVICE: &str = "stream-manager";
/// Parts of names whose values are never shown.
const SECRETS: [&str; 6] = [
    "token",
    "password",
    "secret",
    "authorization",
    "cookie",
    "credential",
];

/// `None` if the level is too low.
pub(super) fn render(event: &Event<'_>, settings: &Settings, now_ms: u64) -> Option<String> {
    let mut fields = Fields::default();
    event.record(&mut fields);
    if settings.level == LogLevel::Fatal && !fields.fatal {
        return None;
    }
    let metadata = event.metadata();
    let level = if fields.fatal {
        "fatal"
    } else {
        name(*metadata.level())
    };
    let component = fields.component.take();
    let component = component.unwrap_or_else(|| component_of(metadata.target()).to_owned());
    let timestamp = crate::clock::rfc3339(now_ms);
    let mut line = String::with_capacity(256);
    if settings.pretty {
        let _ = write!(
            line,
            "{timestamp} {:<5} {component}: {}",
            level.to_uppercase(),
            plain(&fields.message)
        );
        for (name, value) in &fields.rest {
            let _ = write!(line, " {name}={}", shown(value));
        }
    } else {
        let _ = write!(
            line,
            r#"{{"level":"{level}","time":{now_ms},"msg":{},"service":"{SERVICE}","component":{},"environment":"{}","timestamp":"{timestamp}""#,
            Value::from(fields.message),
            Value::from(component),
            settings.environment.as_str(),
        );
        for (name, value) in fields.rest {
            let _ = write!(line, ",{}:{value}", Value::from(name));
        }
        line.push('}');
    }
    line.push('\n');
    Some(line)
}

fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// The room an event comes from, or the library.
fn component_of(target: &str) -> &str {
    let mut parts = target.split("::");
    match (parts.next(), parts.next()) {
        (Some(OWN), Some(room)) => room,
        (Some(OWN), None) => "main",
        (library, _) => library.unwrap_or("main"),
    }
}

/// Text from outside must not begin a line of its own.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            plain.extend(character.escape_default());
        } else {
            plain.push(character);
        }
    }
    plain
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains([' ', '"', '=']) => plain(text),
        value => value.to_string(),
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    component: Option<String>,
    fatal: bool,
    rest: Vec<(String, Value)>,
}

impl Fields {
    fn push(&mut self, field: &Field, value: Value) {
        let name = field.name();
        // The required fields are the line's own.
        match name {
            "message" => self.message = text(value),
            "component" => self.component = Some(text(value)),
            "fatal" => self.fatal = value == Value::Bool(true),
            "level" | "time" | "msg" | "service" | "environment" | "timestamp" => {}
            _ if name.starts_with("log.") => {}
            _ => {
                let lower = name.to_ascii_lowercase();
                let secret = SECRETS.iter().any(|secret| lower.contains(secret));
                let value = if secret { Value::from("***") } else { value };
                self.rest.push((camel(name), value));
            }
        }
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        value => value.to_string(),
    }
}

/// `client_id` as `clientId`.
fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut parts = name.split('_');
    camel.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let mut letters = part.chars();
        camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(cause) = source {
            let _ = write!(text, ": {cause}");
            source = cause.source();
        }
        self.push(field, text.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, format!("{value:?}").into());
    }
}
