//! Tests of the log's lines.

use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::{debug, error, info, warn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::{Settings, layer};
use crate::config::{Environment, LogLevel};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn logged(settings: Settings, run: impl FnOnce()) -> String {
    let sink = Sink::default();
    let subscriber = tracing_subscriber::registry().with(layer(settings, sink.clone()));
    tracing::subscriber::with_default(subscriber, run);
    let bytes = sink.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

fn at(level: LogLevel) -> Settings {
    Settings {
        level,
        environment: Environment::Test,
        ..Settings::default()
    }
}

#[test]
fn a_line_has_every_required_field_and_the_events_own() {
    let text = logged(at(LogLevel::Info), || {
        info!(
            client_id = "c1",
            version = 3,
            live = true,
            r#type = "state",
            "state \"changed\"\n"
        );
    });
    assert_eq!(text.lines().count(), 1, "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["level"], "info");
    assert_eq!(line["msg"], "state \"changed\"\n");
    assert_eq!(line["service"], "stream-manager");
    assert_eq!(line["component"], "observe");
    assert_eq!(line["environment"], "test");
    assert!(
        line["time"]
            .as_u64()
            .is_some_and(|ms| ms > 1_700_000_000_000)
    );
    assert_eq!(
        line["timestamp"],
        crate::clock::rfc3339(line["time"].as_u64().unwrap()).as_str()
    );
    assert_eq!(line["clientId"], "c1");
    assert_eq!(line["version"], 3);
    assert_eq!(line["live"], true);
    assert_eq!(line["type"], "state");
}

#[test]
fn levels_leave_out_what_is_below() {
    let all = || {
        error!("e");
        error!(fatal = true, "f");
        warn!("w");
        debug!("d");
    };
    let messages = |level| -> Vec<String> {
        let text = logged(at(level), all);
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .map(|line| {
                format!(
                    "{}:{}",
                    line["level"].as_str().unwrap(),
                    line["msg"].as_str().unwrap()
                )
            })
            .collect()
    };
    assert_eq!(messages(LogLevel::Fatal), ["fatal:f"]);
    assert_eq!(messages(LogLevel::Error), ["error:e", "fatal:f"]);
    assert_eq!(messages(LogLevel::Info), ["error:e", "fatal:f", "warn:w"]);
    assert_eq!(messages(LogLevel::Trace).len(), 4);
}

#[test]
fn secrets_are_never_shown_and_required_fields_never_replaced() {
    let text = logged(at(LogLevel::Info), || {
        info!(
            api_token = "t0p",
            Authorization = "Bearer t0p",
            set_cookie = "t0p",
            service = "other",
            time = 1,
            "x"
        );
    });
    assert!(!text.contains("t0p"), "{text}");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["apiToken"], "***");
    assert_eq!(line["service"], "stream-manager");
}

#[test]
fn other_libraries_are_left_to_the_processs_own_log() {
    let text = logged(at(LogLevel::Trace), || info!(target: "hyper", "x"));
    assert_eq!(text, "");
}

#[test]
fn lines_for_people_stay_lines() {
    let settings = Settings {
        pretty: true,
        ..at(LogLevel::Info)
    };
    let text = logged(settings, || {
        info!(ip = "1.2.3.4", path = "/a\nb c", "hello\nworld");
    });
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.contains(r#"INFO  observe: hello\nworld ip=1.2.3.4 path="/a\nb c""#),
        "{text}"
    );
}

#[test]
fn a_broken_environment_still_says_how_to_log() {
    let vars = [
        ("NODE_ENV", "production"),
        ("LOG_LEVEL", "loud"),
        ("LOG_PRETTY_PRINT", "true"),
    ];
    let vars = vars.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned()));
    let expected = Settings {
        level: LogLevel::Info,
        pretty: true,
        environment: Environment::Production,
    };
    assert_eq!(Settings::from_vars(vars), expected);
}
