//! The HTTP/1 codec under mangled input: the checks of `fuzz/`, seeded and bounded, so that they run everywhere.
//!
//! `CODEC_CASES=1000000` runs more of them, `CODEC_SEED=2` others.

#![allow(
    unreachable_pub,
    reason = "the files are a library's, and public there"
)]

#[path = "../../fuzz/src/codec.rs"]
mod codec;
#[path = "../../fuzz/src/mangle.rs"]
mod mangle;
#[path = "../../fuzz/src/oracle.rs"]
mod oracle;

/// Messages to start from: each way to say where a body ends, and what lies just beside it.
const REQUESTS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /a?b=c#d HTTP/1.0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: b\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: u\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\nA\r\n0123456789\r\n00\r\n\r\nX",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x01\x02",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\nX:  y \r\nX:\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    "GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n",
];

const ANSWERS: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: u\r\n\r\n",
    "HTTP/1.0 200\r\n\r\nuntil the end",
    "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nraw",
    "HTTP/1.1 200 OK\nX: folded\n value\nKeep-Alive: timeout=5\nContent-Length: 1\n\nx",
];

/// Pieces that decide something, put anywhere.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"\0",
    b"\x7f",
    b"\x0b",
    b"\xff",
    b"0",
    b"1",
    b"-1",
    b"+1",
    b"0x1",
    b"FFFFFFFFFFFFFFFF",
    b"99999999999999999999",
    b"9223372036854775808",
    b"chunked",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding : chunked\r\n",
    b"Content-Length: 1\r\n",
    b"Content-Length: 2\r\n",
    b"Content-Length: 1, 1\r\n",
    b" folded\r\n",
    b"Host: b\r\n",
    b"Connection: close\r\n",
    b"HTTP/1.1",
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"0\r\n\r\n",
    b"0;a=\"b\r\n\"\r\n\r\n",
    b"Trailer: Host\r\n",
];

fn mangle(messages: &[&str], cases: u64, check: fn(&[u8])) {
    mangle::run(messages, PIECES, cases, check);
}

#[test]
fn requests_are_decided_alike_wherever_they_are_cut() {
    mangle(REQUESTS, 4_000, codec::requests);
}

#[test]
fn answers_are_decided_alike_wherever_they_are_cut() {
    mangle(ANSWERS, 4_000, codec::responses);
}

#[test]
fn hyper_takes_and_frames_what_we_take() {
    mangle(REQUESTS, 200_000, oracle::against_hyper);
}
