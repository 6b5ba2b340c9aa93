//! The page for Prometheus, text format 0.0.4.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

use super::kind::Key;
use super::names::{self, Family, Group};
use super::shard::{Total, Totals};
use super::{Metrics, ScopeKey, process};

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
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let count = |value: u64| value as f64;
        let reloads = names::CONFIG_RELOADS;
        page.plain(
            reloads.name,
            reloads.help,
            COUNTER,
            count(self.reloads.load(Relaxed)),
        );
        let last = names::LAST_RELOAD_SUCCESS;
        page.plain(
            last.name,
            last.help,
            GAUGE,
            count(self.last_reload.load(Relaxed)),
        );

        let mut state = self.state();
        let mut open = String::new();
        for ((entry_point, protocol), gauge) in &state.open {
            let sum = gauge
                .all()
                .fold(0, |sum: u64, own| sum.wrapping_add(own.value()));
            let labels = [
                (names::ENTRY_POINT, entry_point.as_str()),
                (names::PROTOCOL, protocol),
            ];
            line(
                &mut open,
                names::OPEN_CONNECTIONS.name,
                "",
                &labels,
                count(sum),
            );
        }
        page.family(names::OPEN_CONNECTIONS, GAUGE, &open);
        let mut expiries = String::new();
        for certificate in &state.certificates {
            let labels = [
                (names::COMMON_NAME, certificate.common_name.as_str()),
                (names::ALTERNATIVE_NAMES, &certificate.alternative_names),
                (names::SERIAL, &certificate.serial),
            ];
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let at = certificate.not_after as f64;
            line(
                &mut expiries,
                names::CERTIFICATES_NOT_AFTER.name,
                "",
                &labels,
                at,
            );
        }
        page.family(names::CERTIFICATES_NOT_AFTER, GAUGE, &expiries);
        let mut servers = String::new();
        for server in &state.servers {
            let labels = [
                (names::SERVICE, server.service.as_str()),
                (names::URL, &server.url),
            ];
            line(
                &mut servers,
                names::SERVER_UP.name,
                "",
                &labels,
                f64::from(u8::from(server.up.load(Relaxed))),
            );
        }
        page.family(names::SERVER_UP, GAUGE, &servers);
        for group in [Group::EntryPoint, Group::Router, Group::Service] {
            let scopes = state.scopes.iter().filter(|(key, _)| key.group == group);
            let totals: Vec<_> = scopes
                .map(|(key, scope)| {
                    let mut totals = Totals::default();
                    scope.all().for_each(|shard| shard.gather(&mut totals));
                    (key, totals)
                })
                .collect();
            self.group(&mut page, group, &totals);
        }
        state.forget();
        drop(state);
        page.finish()
    }

    fn group(&self, page: &mut Page, group: Group, totals: &[(&ScopeKey, Totals)]) {
        let families = group.families();
        let mut requests = String::new();
        let mut tls = String::new();
        let mut durations = String::new();
        let mut request_bytes = String::new();
        let mut response_bytes = String::new();
        #[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floats")]
        let count = |value: u64| value as f64;
        for (scope, totals) in totals {
            for (key, total) in &totals.series {
                let code = key.code().to_string();
                let labels = labels(scope, *key, &code);
                if totals.labelled.is_empty() {
                    line(
                        &mut requests,
                        families.requests.name,
                        "",
                        &labels,
                        count(total.requests),
                    );
                }
                line(
                    &mut request_bytes,
                    families.request_bytes.name,
                    "",
                    &labels,
                    count(total.request_bytes),
                );
                line(
                    &mut response_bytes,
                    families.response_bytes.name,
                    "",
                    &labels,
                    count(total.response_bytes),
                );
                self.histogram(&mut durations, families.duration.name, &labels, total);
            }
            for ((key, values), requests_total) in &totals.labelled {
                let code = key.code().to_string();
                let mut labels = labels(scope, *key, &code);
                let own = self.options.header_labels.iter().zip(values);
                labels.extend(own.map(|((label, _), value)| (label.as_str(), &**value)));
                labels.sort_unstable();
                line(
                    &mut requests,
                    families.requests.name,
                    "",
                    &labels,
                    count(*requests_total),
                );
            }
            for ((version, cipher), total) in &totals.tls {
                let mut labels = named(scope);
                labels.push((names::TLS_CIPHER, cipher));
                labels.push((names::TLS_VERSION, version));
                labels.sort_unstable();
                line(
                    &mut tls,
                    families.requests_tls.name,
                    "",
                    &labels,
                    count(*total),
                );
            }
        }
        page.family(families.requests, COUNTER, &requests);
        page.family(families.requests_tls, COUNTER, &tls);
        page.family(families.duration, HISTOGRAM, &durations);
        page.family(families.request_bytes, COUNTER, &request_bytes);
        page.family(families.response_bytes, COUNTER, &response_bytes);
    }

    fn histogram(&self, out: &mut String, name: &str, labels: &[Label<'_>], total: &Total) {
        #[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floats")]
        let count = |value: u64| value as f64;
        let bounds = self.options.buckets.iter().map(|bound| bound.to_string());
        let mut sum = 0;
        for (bound, bucket) in bounds.chain(["+Inf".to_owned()]).zip(&total.buckets) {
            sum += bucket;
            let mut labels = labels.to_vec();
            labels.push((names::BUCKET, &bound));
            line(out, name, "_bucket", &labels, count(sum));
        }
        line(out, name, "_sum", labels, count(total.nanos) / 1e9);
        line(out, name, "_count", labels, count(sum));
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
