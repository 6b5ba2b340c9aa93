//! Lines and their way to the file.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Method, Version};

use super::*;

fn options(format: Format) -> Options {
    Options {
        path: None,
        format,
        fields: Fields::new("keep", &BTreeMap::new()),
        headers: Headers::new("drop", &BTreeMap::new()),
        keep_query: true,
        filters: Filters::default(),
    }
}

fn request() -> Request {
    Request {
        started: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_440_805),
        method: Method::GET,
        target: (*b"/x?q=1").into(),
        version: Version::HTTP_11,
        host: Some(HeaderValue::from_static("a.test:81")),
        forwarded_for: None,
        peer: "127.0.0.1:4000".parse().unwrap(),
        tls: None,
        client_subject: None,
        headers: Vec::new(),
        origin_headers: Vec::new(),
        downstream_headers: Vec::new(),
    }
}

fn entry(request: &Request) -> Entry<'_> {
    Entry {
        request,
        entry_point: "web",
        router: Some("r@file"),
        origin: Some(Origin {
            service: "s@file",
            url: "http://127.0.0.1:9000",
            status: 200,
            bytes: 17,
            duration: Duration::from_millis(3),
        }),
        user: Some("test"),
        retries: 0,
        status: 401,
        sent: 17,
        received: 5,
        duration: Duration::from_micros(4_900),
    }
}

fn written(entry: &Entry<'_>, options: &Options) -> (String, Option<usize>) {
    let mut out = Vec::new();
    let count_at = line::write(&mut out, entry, options);
    (String::from_utf8(out).unwrap(), count_at)
}

#[test]
fn the_common_format_is_traefiks() {
    let request = request();
    let (line, count_at) = written(&entry(&request), &options(Format::Common));
    let count_at = count_at.unwrap();
    let line = format!("{}7{}", &line[..count_at], &line[count_at..]);
    assert_eq!(
        line,
        "127.0.0.1 - test [23/Nov/2026:13:33:25 +0000] \"GET /x?q=1 HTTP/1.1\" 401 17 \"-\" \"-\" 7 \"r@file\" \"http://127.0.0.1:9000\" 4ms\n"
    );
    let generic = written(&entry(&request), &options(Format::GenericClf)).0;
    assert!(generic.ends_with("401 17 \"-\" \"-\"\n"), "{generic}");
}

#[test]
fn no_client_writes_a_line_of_its_own() {
    let mut request = request();
    let headers = Headers::new("keep", &BTreeMap::new());
    let mut fields = HeaderMap::new();
    fields.insert(
        "user-agent",
        HeaderValue::from_bytes(b"quo\"te\tx").unwrap(),
    );
    request.headers = headers.pick(&fields);
    request.target = (*b"/a\nb").into();
    let mut entry = entry(&request);
    entry.user = Some("a\r\nb");
    let line = written(&entry, &options(Format::Common)).0;
    assert_eq!(line.matches('\n').count(), 1);
    assert!(line.contains(r#"- a\x0d\x0ab ["#), "{line}");
    assert!(line.contains(r#""quo\"te\x09x""#), "{line}");
}

#[test]
fn the_json_format_is_an_object_with_sorted_keys() {
    let request = request();
    let (line, count_at) = written(&entry(&request), &options(Format::Json));
    let count_at = count_at.unwrap();
    let line = format!("{}7{}", &line[..count_at], &line[count_at..]);
    let object: serde_json::Value = serde_json::from_str(&line).unwrap();
    for (key, value) in [
        ("ClientAddr", serde_json::json!("127.0.0.1:4000")),
        ("RequestHost", "a.test".into()),
        ("RequestPort", "81".into()),
        ("RequestCount", 7.into()),
        ("OriginStatus", 200.into()),
        ("Overhead", 1_900_000.into()),
        ("ServiceAddr", "127.0.0.1:9000".into()),
        ("StartUTC", "2026-11-23T13:33:25Z".into()),
        ("level", "info".into()),
    ] {
        assert_eq!(object[key], value, "{key}");
    }
    let keys: Vec<_> = line.split(",\"").skip(1).collect();
    assert!(keys.is_sorted_by_key(|key| key.split('"').next().unwrap().to_owned()));
}

#[test]
fn fields_and_headers_are_kept_dropped_or_redacted() {
    let names = |list: &[(&str, &str)]| {
        list.iter()
            .map(|&(name, mode)| (name.to_owned(), mode.to_owned()))
            .collect()
    };
    let fields = Fields::new("drop", &names(&[("routername", "keep"), ("Duration", "x")]));
    assert!(fields.keep(Field::RouterName) && !fields.keep(Field::Duration));
    let headers = Headers::new(
        "keep",
        &names(&[("Authorization", "redact"), ("X-SECRET", "drop")]),
    );
    let mut map = HeaderMap::new();
    for (name, value) in [
        ("authorization", "a"),
        ("x-secret", "b"),
        ("accept", "c"),
        ("host", "h"),
    ] {
        map.insert(name, HeaderValue::from_static(value));
    }
    map.append("accept", HeaderValue::from_static("d"));
    let mut request = request();
    request.headers = headers.pick(&map);
    let json = Options {
        fields: Fields::new("drop", &BTreeMap::new()),
        ..options(Format::Json)
    };
    let line = written(&entry(&request), &json).0;
    let object: serde_json::Value = serde_json::from_str(&line).unwrap();
    let keys: Vec<_> = object.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "level",
            "msg",
            "request_Accept",
            "request_Authorization",
            "time"
        ]
    );
    assert_eq!(object["request_Accept"], "c,d");
    assert_eq!(object["request_Authorization"], "REDACTED");
    assert!(!Headers::new("drop", &names(&[("x", "drop")])).any());
}

#[test]
fn filters_are_alternatives() {
    let request = request();
    let entry = entry(&request);
    let keep = |filters: Filters| filters.keep(&entry);
    assert!(keep(Filters::default()));
    let codes = |text| StatusRanges::parse(&[text]).unwrap();
    assert!(keep(Filters {
        status_codes: codes("400-499"),
        ..Filters::default()
    }));
    assert!(!keep(Filters {
        status_codes: codes("200"),
        retry_attempts: true,
        ..Filters::default()
    }));
    assert!(keep(Filters {
        status_codes: codes("200"),
        min_duration: Some(Duration::from_millis(4)),
        ..Filters::default()
    }));
}

#[test]
fn lines_of_all_workers_come_in_their_order_and_survive_a_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/access.log");
    let options = Options {
        path: Some(path.clone()),
        ..options(Format::Common)
    };
    let log = AccessLog::open(options, 2).unwrap();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let log = &log;
            scope.spawn(move || {
                crate::observe::become_worker(worker);
                for round in 0..100 {
                    let request = request();
                    let mut entry = entry(&request);
                    entry.sent = round * 2 + worker as u64;
                    log.write(start + Duration::from_nanos(entry.sent), &entry);
                }
            });
        }
    });
    log.close();
    let text = std::fs::read_to_string(&path).unwrap();
    let mut sizes = Vec::new();
    for (place, line) in text.lines().enumerate() {
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(words[12], (place + 1).to_string(), "{line}");
        sizes.push(words[9].parse::<u64>().unwrap());
    }
    assert_eq!(sizes.len(), 200);
    // Batches may be cut anywhere, but each worker's own lines stay in order.
    for worker in 0..2 {
        assert!(sizes.iter().filter(|size| *size % 2 == worker).is_sorted());
    }
}
