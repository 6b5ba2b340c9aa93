//! The page for Prometheus, text format 0.0.4.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::kind::Key;
use super::names::{self, Families, Family, Group};
use super::registry::{ScopeKey, State};
use super::shard::{Total, Totals};
use super::{CacheCounters, Metrics, Options, process};

/// Content type of the page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";
const HISTOGRAM: &str = "histogram";

/// A label and its value.
type Label<'a> = (&'a str, &'a str);

/// A page that is being written: families in any order, sorted at the end as Go's library does.
#[derive(Debug, Default)]
pub(super) struct Page {
    families: Vec<(&'static str, String)>,
}

impl Page {
    /// Adds a family, if it has series.
    fn family(&mut self, family: Family, kind: &str, series: &str) {
        if series.is_empty() {
            return;
        }
        let Family { name, help } = family;
        let text = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{series}");
        self.families.push((name, text));
    }

    /// Adds a family of one series without labels.
    pub(super) fn plain(&mut self, name: &'static str, help: &'static str, kind: &str, value: f64) {
        let mut series = String::new();
        line(&mut series, name, "", &[], value);
        self.family(Family { name, help }, kind, &series);
    }

    fn finish(mut self) -> String {
        self.families.sort_by_key(|(name, _)| *name);
        let mut page =
            String::with_capacity(self.families.iter().map(|(_, text)| text.len()).sum());
        for (_, text) in self.families {
            page.push_str(&text);
        }
        page
    }
}

impl Metrics {
    /// Gathers everything; then forgets what left the configuration.
    pub fn page(&self) -> String {
        let mut page = Page::default();
        process::write(&mut page);
        let reloads = names::CONFIG_RELOADS;
        let count = float(self.reloads.load(Relaxed));
        page.plain(reloads.name, reloads.help, COUNTER, count);
        let last = names::LAST_RELOAD_SUCCESS;
        let at = float(self.last_reload.load(Relaxed));
        page.plain(last.name, last.help, GAUGE, at);
        let mut state = self.state();
        gauges(&mut page, &state);
        caches(&mut page, &state);
        for group in [Group::EntryPoint, Group::Router, Group::Service] {
            let scopes = state.scopes.iter().filter(|(key, _)| key.group == group);
            let mut series = GroupSeries::new(group, &self.options);
            for (key, scope) in scopes {
                let mut totals = Totals::default();
                scope.all().for_each(|shard| shard.gather(&mut totals));
                series.add(key, &totals);
            }
            series.finish(&mut page);
        }
        state.forget();
        drop(state);
        page.finish()
    }
}

/// Prometheus counts in floats.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn float(value: u64) -> f64 {
    value as f64
}

fn caches(page: &mut Page, state: &State) {
    let mut requests = String::new();
    for (name, counters) in &state.caches {
        for (result, count) in counters.results() {
            let labels = [(names::MIDDLEWARE, name.as_str()), (names::RESULT, result)];
            let family = names::CACHE_REQUESTS.name;
            line(&mut requests, family, "", &labels, float(count));
        }
    }
    page.family(names::CACHE_REQUESTS, COUNTER, &requests);
    type Value = fn(&CacheCounters) -> &AtomicU64;
    let (evicted, bytes, records): (Value, Value, Value) = (
        |cache| &cache.evicted,
        |cache| &cache.bytes,
        |cache| &cache.records,
    );
    for (family, kind, value) in [
        (names::CACHE_EVICTIONS, COUNTER, evicted),
        (names::CACHE_BYTES, GAUGE, bytes),
        (names::CACHE_RECORDS, GAUGE, records),
    ] {
        let mut series = String::new();
        for (name, counters) in &state.caches {
            let labels = [(names::MIDDLEWARE, name.as_str())];
            let value = float(value(counters).load(Relaxed));
            line(&mut series, family.name, "", &labels, value);
        }
        page.family(family, kind, &series);
    }
}

fn gauges(page: &mut Page, state: &State) {
    let mut series = String::new();
    let family = names::OPEN_CONNECTIONS;
    for ((entry_point, protocol), gauge) in &state.open {
        let open = gauge
            .all()
            .fold(0, |sum: u64, own| sum.wrapping_add(own.value()));
        let labels = [
            (names::ENTRY_POINT, entry_point.as_str()),
            (names::PROTOCOL, protocol),
        ];
        line(&mut series, family.name, "", &labels, float(open));
    }
    page.family(family, GAUGE, &series);
    let mut series = String::new();
    let family = names::CERTIFICATES_NOT_AFTER;
    for certificate in &state.certificates {
        let labels = [
            (names::COMMON_NAME, certificate.common_name.as_str()),
            (names::ALTERNATIVE_NAMES, &certificate.alternative_names),
            (names::SERIAL, &certificate.serial),
        ];
        let at = u64::try_from(certificate.not_after).unwrap_or(0);
        line(&mut series, family.name, "", &labels, float(at));
    }
    page.family(family, GAUGE, &series);
    let mut series = String::new();
    let family = names::SERVER_UP;
    for server in &state.servers {
        let labels = [
            (names::SERVICE, server.service.as_str()),
            (names::URL, &server.url),
        ];
        let up = u64::from(server.up.load(Relaxed));
        line(&mut series, family.name, "", &labels, float(up));
    }
    page.family(family, GAUGE, &series);
}

/// The series of one group, family by family.
struct GroupSeries<'o> {
    families: Families,
    options: &'o Options,
    requests: String,
    tls: String,
    durations: String,
    request_bytes: String,
    response_bytes: String,
}

impl<'o> GroupSeries<'o> {
    fn new(group: Group, options: &'o Options) -> Self {
        Self {
            families: group.families(),
            options,
            requests: String::new(),
            tls: String::new(),
            durations: String::new(),
            request_bytes: String::new(),
            response_bytes: String::new(),
        }
    }

    fn add(&mut self, scope: &ScopeKey, totals: &Totals) {
        let families = self.families;
        for (key, total) in &totals.series {
            let code = key.code().to_string();
            let labels = labels(scope, *key, &code);
            for (out, family, value) in [
                (
                    &mut self.request_bytes,
                    families.request_bytes,
                    total.request_bytes,
                ),
                (
                    &mut self.response_bytes,
                    families.response_bytes,
                    total.response_bytes,
                ),
            ] {
                line(out, family.name, "", &labels, float(value));
            }
            if totals.labelled.is_empty() {
                let name = families.requests.name;
                line(&mut self.requests, name, "", &labels, float(total.requests));
            }
            self.histogram(&labels, total);
        }
        for ((key, values), count) in &totals.labelled {
            let code = key.code().to_string();
            let mut labels = labels(scope, *key, &code);
            let own = self.options.header_labels.iter().zip(values);
            labels.extend(own.map(|((label, _), value)| (label.as_str(), &**value)));
            labels.sort_unstable();
            let name = families.requests.name;
            line(&mut self.requests, name, "", &labels, float(*count));
        }
        for ((version, cipher), count) in &totals.tls {
            let mut labels = named(scope);
            labels.push((names::TLS_CIPHER, cipher));
            labels.push((names::TLS_VERSION, version));
            labels.sort_unstable();
            let name = families.requests_tls.name;
            line(&mut self.tls, name, "", &labels, float(*count));
        }
    }

    fn histogram(&mut self, labels: &[Label<'_>], total: &Total) {
        let (out, name) = (&mut self.durations, self.families.duration.name);
        let bounds = self.options.buckets.iter().map(ToString::to_string);
        let mut sum = 0;
        for (bound, bucket) in bounds.chain(["+Inf".to_owned()]).zip(&total.buckets) {
            sum += bucket;
            let mut labels = labels.to_vec();
            labels.push((names::BUCKET, &bound));
            line(out, name, "_bucket", &labels, float(sum));
        }
        line(out, name, "_sum", labels, float(total.nanos) / 1e9);
        line(out, name, "_count", labels, float(sum));
    }

    fn finish(self, page: &mut Page) {
        let families = self.families;
        page.family(families.requests, COUNTER, &self.requests);
        page.family(families.requests_tls, COUNTER, &self.tls);
        page.family(families.duration, HISTOGRAM, &self.durations);
        page.family(families.request_bytes, COUNTER, &self.request_bytes);
        page.family(families.response_bytes, COUNTER, &self.response_bytes);
    }
}

fn named(scope: &ScopeKey) -> Vec<Label<'_>> {
    match scope.group {
        Group::EntryPoint => vec![(names::ENTRY_POINT, &scope.name)],
        Group::Router => vec![
            (names::ROUTER, &scope.name),
            (names::SERVICE, &scope.service),
        ],
        Group::Service => vec![(names::SERVICE, &scope.name)],
    }
}

/// The labels of a series, sorted.
fn labels<'a>(scope: &'a ScopeKey, key: Key, code: &'a str) -> Vec<Label<'a>> {
    let mut labels = named(scope);
    labels.extend([
        (names::CODE, code),
        (names::METHOD, key.method()),
        (names::PROTOCOL, key.protocol()),
    ]);
    labels.sort_unstable();
    labels
}

fn line(out: &mut String, name: &str, suffix: &str, labels: &[Label<'_>], value: f64) {
    out.push_str(name);
    out.push_str(suffix);
    for (place, (label, value)) in labels.iter().enumerate() {
        out.push(if place == 0 { '{' } else { ',' });
        out.push_str(label);
        out.push_str("=\"");
        for letter in value.chars() {
            match letter {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
    }
    if !labels.is_empty() {
        out.push('}');
    }
    // Writing to a string does not fail.
    let _ = writeln!(out, " {value}");
}
