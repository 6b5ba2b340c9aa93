//! Which fields and headers a line has (Traefik's `accessLog.fields`), decided once.

use std::collections::BTreeMap;
use std::collections::HashMap;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The fields of a line, in the order of the JSON format: sorted by their bytes, as Go writes a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    ClientAddr,
    ClientHost,
    ClientPort,
    ClientUsername,
    DownstreamContentSize,
    DownstreamStatus,
    Duration,
    GzipRatio,
    OriginContentSize,
    OriginDuration,
    OriginStatus,
    Overhead,
    RequestAddr,
    RequestContentSize,
    RequestCount,
    RequestHost,
    RequestMethod,
    RequestPath,
    RequestPort,
    RequestProtocol,
    RequestScheme,
    RetryAttempts,
    RouterName,
    ServiceAddr,
    ServiceName,
    ServiceUrl,
    StartLocal,
    StartUtc,
    TlsCipher,
    TlsClientSubject,
    TlsVersion,
    EntryPointName,
}

/// Names of the fields, in their order.
const NAMES: [&str; 32] = [
    "ClientAddr",
    "ClientHost",
    "ClientPort",
    "ClientUsername",
    "DownstreamContentSize",
    "DownstreamStatus",
    "Duration",
    "GzipRatio",
    "OriginContentSize",
    "OriginDuration",
    "OriginStatus",
    "Overhead",
    "RequestAddr",
    "RequestContentSize",
    "RequestCount",
    "RequestHost",
    "RequestMethod",
    "RequestPath",
    "RequestPort",
    "RequestProtocol",
    "RequestScheme",
    "RetryAttempts",
    "RouterName",
    "ServiceAddr",
    "ServiceName",
    "ServiceURL",
    "StartLocal",
    "StartUTC",
    "TLSCipher",
    "TLSClientSubject",
    "TLSVersion",
    "entryPointName",
];

impl Field {
    /// As a line has it.
    pub fn name(self) -> &'static str {
        NAMES.get(self as usize).copied().unwrap_or_default()
    }
}

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields(u32);

impl Fields {
    /// From `defaultMode` and `names`; names in any case. What is neither `keep` nor `drop` means the default.
    pub fn new(default_mode: &str, names: &BTreeMap<String, String>) -> Self {
        let keep = |mode: &str, default| match mode {
            "keep" => true,
            "drop" => false,
            _ => default,
        };
        let default = keep(default_mode, true);
        let mut set = 0;
        for (place, name) in NAMES.iter().enumerate() {
            let said = names
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name));
            if said.map_or(default, |(_, mode)| keep(mode, default)) {
                set |= 1 << place;
            }
        }
        Self(set)
    }

    /// Whether a line has the field.
    pub fn keep(self, field: Field) -> bool {
        self.0 & 1 << field as u8 != 0
    }
}

/// What becomes of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Keep,
    Drop,
    /// It is shown that it was there.
    Redact,
}

/// Which headers a line has (`fields.headers`).
#[derive(Debug, Clone)]
pub struct Headers {
    default: Mode,
    names: HashMap<HeaderName, Mode>,
}

impl Headers {
    /// From `defaultMode` and `names`. What is no mode means the default.
    pub fn new(default_mode: &str, names: &BTreeMap<String, String>) -> Self {
        let mode = |text: &str, default| match text {
            "keep" => Mode::Keep,
            "drop" => Mode::Drop,
            "redact" => Mode::Redact,
            _ => default,
        };
        let default = mode(default_mode, Mode::Keep);
        let names = names.iter().filter_map(|(name, text)| {
            let name = HeaderName::try_from(name.as_str()).ok()?;
            Some((name, mode(text, default)))
        });
        Self {
            names: names.collect(),
            default,
        }
    }

    /// Whether a line may have headers at all; else nobody looks at them.
    pub fn any(&self) -> bool {
        self.default != Mode::Drop || self.names.values().any(|mode| *mode != Mode::Drop)
    }

    /// What becomes of a header.
    pub fn mode(&self, name: &HeaderName) -> Mode {
        self.names.get(name).copied().unwrap_or(self.default)
    }

    /// The fields of `headers` that a line has, sorted by name. `Host` is none of them, as in Go.
    pub fn pick(&self, headers: &HeaderMap) -> Vec<(HeaderName, Option<HeaderValue>)> {
        if !self.any() {
            return Vec::new();
        }
        let mut picked = Vec::new();
        for name in headers.keys().filter(|name| *name != http::header::HOST) {
            match self.mode(name) {
                Mode::Drop => {}
                Mode::Redact => picked.push((name.clone(), None)),
                Mode::Keep => picked.extend(
                    headers
                        .get_all(name)
                        .iter()
                        .map(|value| (name.clone(), Some(value.clone()))),
                ),
            }
        }
        picked.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        picked
    }
}
