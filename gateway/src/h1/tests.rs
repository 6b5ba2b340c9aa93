//! The codec, bytes in and out: what is refused, how bodies are framed, and the same decision wherever the bytes are cut.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use ::http::{HeaderMap, Method, StatusCode};
use bytes::BytesMut;

use super::*;

fn request(text: &str) -> Result<Option<RequestHead>, HeadError> {
    parse_request(&mut BytesMut::from(text), &Limits::default())
}

fn response(text: &str) -> Result<Option<ResponseHead>, HeadError> {
    parse_response(&mut BytesMut::from(text), &Method::GET, &Limits::default())
}

/// A request with these field lines.
fn fields(lines: &str) -> Result<RequestHead, HeadError> {
    let text = format!("POST /x HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n\r\n");
    request(&text).map(Option::unwrap)
}

fn decode(framing: Framing, bytes: &[u8]) -> Result<(Vec<u8>, Option<HeaderMap>), BodyError> {
    decode_pieces(framing, [bytes]).map(|(body, trailers, _)| (body, trailers))
}

/// Body, trailers and what is left over.
type Whole = (Vec<u8>, Option<HeaderMap>, Vec<u8>);

/// What comes out when the bytes come in these pieces and then end.
fn decode_pieces<'a>(
    framing: Framing,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Whole, BodyError> {
    let (mut decoder, mut buf, mut body) = (BodyDecoder::new(framing), BytesMut::new(), Vec::new());
    let mut pieces = pieces.into_iter();
    loop {
        match decoder.decode(&mut buf)? {
            Decoded::Data(data) => {
                assert!(!data.is_empty());
                body.extend_from_slice(&data);
            }
            Decoded::NeedMore => match pieces.next() {
                Some(piece) => buf.extend_from_slice(piece),
                None => {
                    decoder.end_of_stream()?;
                    return Ok((body, None, buf.to_vec()));
                }
            },
            Decoded::End { trailers } => {
                pieces.for_each(|piece| buf.extend_from_slice(piece));
                return Ok((body, trailers, buf.to_vec()));
            }
        }
    }
}

#[test]
fn a_request_and_what_follows_it() {
    let mut buf = BytesMut::from(
        "POST /a?b HTTP/1.1\r\nHost:\ta.test:80 \r\nX-Forwarded-For: 1\r\nx-odd:  v \t\r\ncontent-length: 5\r\n\r\nhelloGET",
    );
    let head = parse_request(&mut buf, &Limits::default())
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            head.method.as_str(),
            std::str::from_utf8(&head.target).unwrap()
        ),
        ("POST", "/a?b")
    );
    assert_eq!(head.headers["host"], "a.test:80");
    assert_eq!(head.headers["x-odd"], "v");
    assert_eq!(head.framing, Framing::Length(5));
    assert!(head.keep_alive && !head.upgrade);
    assert_eq!(&buf[..], b"helloGET");
}

#[test]
fn interned_names_have_the_length_they_are_filed_under() {
    for (length, name) in names::INTERNED {
        assert_eq!(name.len(), *length, "{name}");
        assert_eq!(names::parse(name.to_uppercase().as_bytes()).unwrap(), *name);
    }
}

#[test]
fn first_lines() {
    use HeadError::*;
    for (line, expected) in [
        ("GET / HTTP/1.2", None),
        ("P0ST /m HTTP/1.1", None),
        ("* /m HTTP/1.1", None),
        ("GET x HTTP/1.1", None),
        ("GET / HTTP/2.0", Some(Version)),
        ("GET / HTTP/0.9", Some(Version)),
        ("GET / HTTP/1", Some(StartLine)),
        ("GET / HTTP/1.10", Some(StartLine)),
        ("GET / http/1.1", Some(StartLine)),
        ("GET / HTTP/1.1 ", Some(StartLine)),
        ("GET  / HTTP/1.1", Some(StartLine)),
        ("GET /a b HTTP/1.1", Some(StartLine)),
        ("GET /a\tb HTTP/1.1", Some(StartLine)),
        ("GET /a\0b HTTP/1.1", Some(StartLine)),
        ("GET /a\x7fb HTTP/1.1", Some(StartLine)),
        ("GET /a\rb HTTP/1.1", Some(StartLine)),
        (" GET / HTTP/1.1", Some(StartLine)),
        ("G@T / HTTP/1.1", Some(StartLine)),
        ("GET: / HTTP/1.1", Some(StartLine)),
        ("GET /", Some(StartLine)),
        ("GET", Some(StartLine)),
        ("", Some(StartLine)),
    ] {
        let text = format!("{line}\r\nHost: a\r\n\r\n");
        assert_eq!(request(&text).err(), expected, "{line:?}");
        // Refused as soon as the line is there, unless it was fine.
        let early = request(&format!("{line}\r\n"));
        assert_eq!(early.err(), expected, "{line:?}, alone");
    }
}

#[test]
fn targets_need_not_be_utf8() {
    let mut buf = BytesMut::from(&b"GET /\xe9\xff?\xfe HTTP/1.1\r\nHost: a\r\n\r\n"[..]);
    let head = parse_request(&mut buf, &Limits::default())
        .unwrap()
        .unwrap();
    assert_eq!(&head.target[..], b"/\xe9\xff?\xfe");
}

#[test]
fn lengths_are_one_decimal_number() {
    assert_eq!(
        fields("Content-Length: 5\r\nContent-Length: 5")
            .unwrap()
            .framing,
        Framing::Length(5)
    );
    assert_eq!(
        fields("Content-Length: 05").unwrap().framing,
        Framing::Length(5)
    );
    for bad in [
        "5, 5",
        "+5",
        "-5",
        "5.0",
        "0x5",
        "5 5",
        "five",
        "",
        " ",
        "5,6",
        "99999999999999999999",
        "9223372036854775808",
        "5\x0b",
        "5;q=1",
        "\u{665}",
        "1_0",
    ] {
        let error = fields(&format!("Content-Length: {bad}")).err();
        assert!(
            matches!(
                error,
                Some(HeadError::ContentLength | HeadError::FieldValue)
            ),
            "{bad:?}: {error:?}"
        );
    }
    assert_eq!(
        fields("Content-Length: 5\r\nContent-Length: 6").err(),
        Some(HeadError::ContentLength)
    );
}

#[test]
fn only_chunked_is_a_transfer_encoding() {
    let chunked = fields("Transfer-Encoding: Chunked\r\nTrailer: X-Sum").unwrap();
    assert_eq!(chunked.framing, Framing::Chunked);
    assert!(!chunked.headers.contains_key("transfer-encoding"));
    assert_eq!(chunked.headers["trailer"], "X-Sum");
    for bad in [
        ",chunked",
        "chunked, identity",
        "gzip, chunked",
        "xchunked",
        "identity",
        "",
        "\"chunked\"",
        "chunked;q=1",
        "chunked\r\nTransfer-Encoding: chunked",
    ] {
        assert_eq!(
            fields(&format!("Transfer-Encoding: {bad}")).err(),
            Some(HeadError::TransferEncoding),
            "{bad:?}"
        );
    }
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
    ] {
        assert_eq!(fields(lines).err(), Some(HeadError::AmbiguousLength));
    }
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(request(old).err(), Some(HeadError::AmbiguousLength));
    for name in ["Content-Length", "x, transfer-encoding", "Trailer"] {
        assert_eq!(
            fields(&format!("Transfer-Encoding: chunked\r\nTrailer: {name}")).err(),
            Some(HeadError::Trailer)
        );
    }
}

#[test]
fn field_lines_that_parsers_read_differently_are_refused() {
    use HeadError::*;
    for (lines, expected) in [
        ("X: a\r\n b", Folded),
        (" X: a", Folded),
        ("X : a", FieldName),
        (": a", FieldName),
        ("nocolon", FieldName),
        ("X\u{85}: a", FieldName),
        ("X: a\rb", FieldValue),
        ("X: a\r", FieldValue),
        ("X: a\0b", FieldValue),
        ("X: a\x0bb", FieldValue),
        ("X: a\nY: b", LineEnd),
        ("Host: b.test", RepeatedHost),
    ] {
        assert_eq!(fields(lines).err(), Some(expected), "{lines:?}");
    }
    assert_eq!(request("GET / HTTP/1.1\n").err(), Some(LineEnd));
}

#[test]
fn hosts() {
    for (text, expected) in [
        ("GET / HTTP/1.1\r\n\r\n", Some(HeadError::MissingHost)),
        ("GET / HTTP/1.0\r\n\r\n", None),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", None),
        ("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", None),
        (
            "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
            Some(HeadError::MalformedHost),
        ),
        (
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            Some(HeadError::MalformedHost),
        ),
        (
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
            Some(HeadError::MalformedHost),
        ),
        (
            "GET / HTTP/1.1\r\nHost: \u{e9}\r\n\r\n",
            Some(HeadError::MalformedHost),
        ),
    ] {
        assert_eq!(request(text).err(), expected, "{text:?}");
    }
    let mut answer = Vec::new();
    HeadError::MissingHost.write_answer(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request: missing required Host header\r\n"));
    assert!(answer.ends_with("\r\n\r\n400 Bad Request: missing required Host header"));
}

#[test]
fn connections_and_expectations() {
    assert!(!fields("Connection: x, Close").unwrap().keep_alive);
    let old = |line: &str| {
        request(&format!("GET / HTTP/1.0\r\n{line}\r\n"))
            .unwrap()
            .unwrap()
    };
    assert!(!old("").keep_alive);
    assert!(old("Connection: Keep-Alive\r\n").keep_alive);
    assert!(!old("Connection: Upgrade\r\nUpgrade: x\r\n").upgrade);
    assert!(
        fields("Connection: keep-alive, upgrade\r\nUpgrade: x")
            .unwrap()
            .upgrade
    );
    assert!(!fields("Upgrade: x").unwrap().upgrade);
    assert_eq!(
        fields("Expect: 100-Continue").unwrap().expect,
        Expect::Continue
    );
    assert_eq!(
        fields("Expect: 100-continue, x").unwrap().expect,
        Expect::Unknown
    );
    assert_eq!(fields("Expect: x").unwrap().expect, Expect::Unknown);
}

#[test]
fn heads_over_their_limits() {
    let limits = Limits {
        head_bytes: 100,
        fields: 3,
    };
    let parse = |text: &str| parse_request(&mut BytesMut::from(text), &limits).err();
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(100));
    assert_eq!(parse(&long), Some(HeadError::TooLarge));
    assert_eq!(parse(&"A".repeat(101)), Some(HeadError::TooLarge));
    assert_eq!(
        parse("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n"),
        None
    );
    assert_eq!(
        parse("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n"),
        Some(HeadError::TooLarge)
    );
}

/// Method, answer, its framing, and whether the connection can go on.
const ANSWERS: &[(&str, &str, Framing, bool)] = &[
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        Framing::Length(2),
        true,
    ),
    ("GET", "HTTP/1.1 200 OK\r\n\r\n", Framing::UntilClose, false),
    (
        "GET",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n",
        Framing::Length(2),
        false,
    ),
    (
        "GET",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n",
        Framing::Length(2),
        true,
    ),
    (
        "GET",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        Framing::UntilClose,
        false,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        Framing::Chunked,
        true,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
        Framing::Chunked,
        false,
    ),
    (
        "HEAD",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
        Framing::None,
        true,
    ),
    (
        "HEAD",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        Framing::None,
        true,
    ),
    (
        "GET",
        "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        Framing::None,
        true,
    ),
    (
        "GET",
        "HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n",
        Framing::None,
        false,
    ),
    (
        "GET",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
        Framing::None,
        true,
    ),
    (
        "GET",
        "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
        Framing::None,
        false,
    ),
    (
        "GET",
        "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n",
        Framing::None,
        true,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        Framing::Length(0),
        false,
    ),
];

#[test]
fn answers_and_their_framing() {
    for &(method, text, framing, keep) in ANSWERS {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let head = parse_response(&mut BytesMut::from(text), &method, &Limits::default())
            .unwrap()
            .unwrap();
        assert_eq!((head.framing, head.keep_alive), (framing, keep), "{text}");
    }
}

#[test]
fn answers_that_are_not_http() {
    for text in [
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 099 Low\r\n\r\n",
        "200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nnocolon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX-A: b\rX-Evil: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\n X: a\r\n\r\n",
        "garbage\r\n",
    ] {
        assert!(response(text).is_err(), "{text:?}");
    }
}

#[test]
fn answers_may_fold_and_end_lines_with_lf() {
    let head = response("HTTP/1.1 200 OK\nX-Fold: a\r\n b\n\tc\nKeep-Alive: max=3, timeout=7\n\n")
        .unwrap()
        .unwrap();
    assert_eq!(head.headers["x-fold"], "a b c");
    assert_eq!(head.idle_timeout.unwrap().as_secs(), 7);
}

#[test]
fn chunks() {
    for good in [
        "5\r\nhello\r\n0\r\n\r\n",
        "0005\r\nhello\r\n0\r\n\r\n",
        "5;a=b;c=\"d\"\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0;last\r\n\r\n",
        "2\r\nhe\r\n3\r\nllo\r\n000\r\nX: y\r\n\r\n",
    ] {
        let (body, _) = decode(Framing::Chunked, good.as_bytes()).unwrap();
        assert_eq!(body, b"hello", "{good:?}");
    }
    for bad in [
        "5\r\nhelloX0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\nhello",
        "10000000000000005\r\nhello",
        "5\r\rhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5\r\r;ABCD\r\nhello\r\n0\r\n\r\n",
        "5_0\r\nhello\r\n0\r\n\r\n",
        "5,6\r\nhello\r\n0\r\n\r\n",
        "5\0\r\nhello\r\n0\r\n\r\n",
        "0\r\nbroken trailer\r\n\r\n",
        "0\r\nX: a\nY: b\r\n\r\n",
        "0\r\nX : a\r\n\r\n",
        "5\r\nhel",
        "5\r\nhello\r\n",
        "5\r\nhello\r\n0\r\n",
    ] {
        assert!(decode(Framing::Chunked, bad.as_bytes()).is_err(), "{bad:?}");
    }
    for bad in [
        format!("{}5\r\nhello", "0".repeat(40_000)),
        format!("5;{}\r\nhello", "x".repeat(9_000)),
        format!("1;{}\r\nx\r\n", "x".repeat(900)).repeat(40),
        format!("0\r\n{}\r\n", "X: y\r\n".repeat(9_000)),
    ] {
        assert!(decode(Framing::Chunked, bad.as_bytes()).is_err());
    }
}

#[test]
fn trailers_lose_what_may_not_trail() {
    let text = "0\r\nGrpc-Status: 0\r\nContent-Length: 50\r\nHost: evil\r\n\r\nGET";
    let (_, trailers, rest) = decode_pieces(Framing::Chunked, [text.as_bytes()]).unwrap();
    let trailers = trailers.unwrap();
    assert_eq!(
        (trailers.len(), &trailers["grpc-status"]),
        (1, &"0".parse().unwrap())
    );
    assert_eq!(rest, b"GET");
}

#[test]
fn other_framings_end_where_they_say() {
    let (body, _, rest) = decode_pieces(Framing::Length(5), [&b"hel"[..], b"loGET"]).unwrap();
    assert_eq!((&body[..], &rest[..]), (&b"hello"[..], &b"GET"[..]));
    assert_eq!(
        decode(Framing::Length(5), b"hell").err(),
        Some(BodyError::Truncated)
    );
    assert_eq!(decode(Framing::UntilClose, b"hell").unwrap().0, b"hell");
    let (body, _, rest) = decode_pieces(Framing::None, [&b"GET"[..]]).unwrap();
    assert_eq!((&body[..], &rest[..]), (&b""[..], &b"GET"[..]));
}

#[test]
fn every_split_gives_the_same() {
    let text = b"POST /a HTTP/1.1\r\nHost: a\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n5;e\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nT: u\r\n\r\nGET";
    for first in 0..text.len() {
        for second in first..text.len() {
            let pieces = [&text[..first], &text[first..second], &text[second..]];
            let (mut parser, mut buf) = (HeadParser::new(), BytesMut::new());
            let mut rest = pieces.iter();
            let head = loop {
                buf.extend_from_slice(rest.next().unwrap());
                if let Some(head) = parser.request(&mut buf, &Limits::default()).unwrap() {
                    break head;
                }
            };
            assert_eq!(head.headers.len(), 2);
            let body = std::iter::once(&buf[..]).chain(rest.copied());
            let (body, trailers, rest) = decode_pieces(head.framing, body).unwrap();
            assert_eq!(body, b"hello0123456789abcdef");
            assert_eq!(trailers.unwrap()["t"], "u");
            assert_eq!(rest, b"GET");
        }
    }
}

#[test]
fn heads_are_written_as_go_writes_them() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "spoofed"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("content-length", "99"),
        ("transfer-encoding", "gzip"),
        ("connection", "x"),
        ("sec-websocket-key", "k"),
    ] {
        headers.append(name, value.parse().unwrap());
    }
    let line = RequestLine {
        method: &Method::POST,
        base: "/b",
        target: b"/x?y",
        host: b"a.test",
    };
    let mut out = Vec::new();
    write_request_head(
        &mut out,
        &line,
        &headers,
        Framing::None,
        Persistence::Default,
    );
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "POST /b/x?y HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\nX-A: 2\r\nSec-WebSocket-Key: k\r\nContent-Length: 0\r\n\r\n"
    );
    let mut out = Vec::new();
    headers.insert("date", "now".parse().unwrap());
    write_response_head(
        &mut out,
        StatusCode::NOT_FOUND,
        &headers,
        Framing::Chunked,
        Persistence::Close,
    );
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "HTTP/1.1 404 Not Found\r\nX-A: 1\r\nX-A: 2\r\nSec-WebSocket-Key: k\r\nDate: now\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
}

#[test]
fn chunk_sizes_are_written_in_hexadecimal() {
    for length in [1, 15, 16, 255, 32_768, usize::MAX] {
        let mut out = Vec::new();
        chunk_start(&mut out, length);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{length:x}\r\n"));
    }
}

#[test]
fn an_answer_without_a_date_gets_one() {
    let mut out = Vec::new();
    write_response_head(
        &mut out,
        StatusCode::OK,
        &HeaderMap::new(),
        Framing::Length(0),
        Persistence::Default,
    );
    let text = String::from_utf8(out).unwrap();
    let date = text
        .split("Date: ")
        .nth(1)
        .unwrap()
        .split("\r\n")
        .next()
        .unwrap();
    assert!(httpdate::parse_http_date(date).is_ok(), "{text}");
    assert!(text.contains("Content-Length: 0\r\n"));
}

#[test]
fn names_that_are_known_are_written_as_others_are() {
    for (lower, written) in names::WRITTEN {
        let name = http::HeaderName::from_static(lower);
        let mut out = Vec::new();
        canonical_name(&mut out, &name);
        assert_eq!(out, written.as_bytes());
        out.clear();
        names::start_line(&mut out, &name);
        assert_eq!(out, format!("{written}: ").as_bytes());
    }
}
