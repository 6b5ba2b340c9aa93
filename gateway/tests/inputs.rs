//! Rules, targets, PROXY headers, ClientHellos, signatures and configuration under mangled input: the checks of `fuzz/`, seeded and bounded, so that
//! they run everywhere. `CODEC_CASES` and `CODEC_SEED` as for `codec.rs`.

#![allow(
    unreachable_pub,
    reason = "the files are a library's, and public there"
)]

#[path = "../../fuzz/src/client_hello.rs"]
mod client_hello;
#[path = "../../fuzz/src/mangle.rs"]
mod mangle;
#[path = "../../fuzz/src/paths.rs"]
mod paths;
#[path = "../../fuzz/src/proxy.rs"]
mod proxy;
#[path = "../../fuzz/src/rules.rs"]
mod rules;
#[path = "../../fuzz/src/signatures.rs"]
mod signatures;
#[path = "../../fuzz/src/spellings.rs"]
mod spellings;

use std::sync::Arc;

use rustls_pki_types::ServerName;

const RULES: &[&str] = &[
    "Host(`a.test`)",
    "Host(`*.a.test`) && PathPrefix(`/a`)",
    "(Host(`a.test`) || HostRegexp(`^[a-z]+\\.test$`)) && !Path(`/x`)",
    "Method(`GET`) && Header(`X-A`, `1`) && Query(`q`, `1`)",
    "HeaderRegexp(`X-A`, `^\\d+$`) || QueryRegexp(`q`, `.`)",
    "ClientIP(`127.0.0.1/8`) && PathRegexp(`^/(a|b)+$`)",
    "HostSNI(`*`) || ALPN(`h2`)",
    "HostHeader(`a`, `b`) && Headers(`X`, `y`) && Query(`a=b`)",
    "Host(\"a\\u00e9\\x41\\n\") || Path('x')",
];
const WORDS: &[&[u8]] = &[
    b"&&",
    b"||",
    b"!",
    b"(",
    b")",
    b"`",
    b"\"",
    b"\\",
    b",",
    b" ",
    b"{n:[a-z]+}",
    b"(?i)",
    b"(a+)+",
    b"[",
    b"]",
    b"*",
    b"\0",
    b"\xff",
    b"\xc3\xa9",
    b"Host",
    b"0x1",
    b"'",
    b"//",
    b"/*",
    b"&",
    b"|",
];

const TARGETS: &[&str] = &[
    "/a/b?q=1",
    "/",
    "*",
    "/a/../b",
    "/%61%2F%2e%2E/x",
    "http://a.test:80/x?y",
    "HTTP://[::1]/",
    "/a;b=c/d?e;f",
    "//x",
    "/a[b]\"<>",
    "/\u{e9}",
    "https://a.test?x",
];
const PATH_PIECES: &[&[u8]] = &[
    b"/", b"//", b".", b"..", b"/../", b"%2e", b"%2E", b"%2f", b"%5c", b"%00", b"%", b"%zz", b"?",
    b"#", b";", b"\\", b" ", b"@", b":", b"[", b"]", b"%c3%28", b"\xff", b"\0", b"%25",
];

const DOCUMENTS: &[&str] = &[
    "http.routers.r.rule=Host(`a`)\nhttp.routers.r.tls=true\nhttp.services.s.loadbalancer.servers[0].url=http://b",
    "http.middlewares.m.headers.customrequestheaders.X-A=1\nhttp.middlewares.m.stripprefix.prefixes=/a,/b",
    "http.routers.r.tls.domains[0].main=a\nhttp.routers.r.tls.domains[0].sans=b,c\ntls.options.o.minversion=VersionTLS12",
    "tcp.routers.t.rule=HostSNI(`*`)\nudp.services.u.loadbalancer.servers[0].address=a:1",
    "--entryPoints.web.address=:80\n--providers.docker\n--log.level=DEBUG\n-api",
    "ENTRYPOINTS_WEB_ADDRESS=:80\nPROVIDERS_FILE_FILENAME=x",
    "http:\n  routers:\n    r: {rule: 'Host(`a`)', middlewares: [m, n], priority: 3}\n  services: &a\n    s: *a\n",
    "[http.routers.r]\nrule = \"Host(`a`)\"\n[[http.services.s.loadBalancer.servers]]\nurl = 'x'\n",
    "{\"http\": {\"routers\": {\"r\": {\"rule\": \"Host(`a`)\", \"priority\": 1e3}}}}",
];
const SIGNS: &[&[u8]] = &[
    b".",
    b"=",
    b"[",
    b"]",
    b"[0]",
    b"[999999999]",
    b",",
    b"\n",
    b": ",
    b"- ",
    b"&x ",
    b"*x",
    b"{",
    b"}",
    b"\"",
    b"'",
    b"|",
    b"#",
    b"true",
    b"1h",
    b"-1",
    b"99999999999999999999",
    b"\t",
    b"\0",
    b"\xc3\xa9",
    b"..",
    b"/",
    b"<<: ",
    b"!!int ",
    b"http",
];

fn headers() -> Vec<Vec<u8>> {
    let two = |command: u8, family: u8, body: &[u8]| {
        let length = u16::try_from(body.len()).unwrap_or(0).to_be_bytes();
        [
            b"\r\n\r\n\0\r\nQUIT\n".as_slice(),
            &[command, family],
            &length,
            body,
        ]
        .concat()
    };
    let mut all: Vec<Vec<u8>> = [
        "PROXY TCP4 203.0.113.7 127.0.0.1 5555 80\r\nGET / HTTP/1.1\r\n",
        "PROXY TCP6 2001:db8::9 ::1 65535 0\r\n",
        "PROXY UNKNOWN\r\n",
        "POST / HTTP/1.1\r\n",
    ]
    .map(|line| line.as_bytes().to_vec())
    .into();
    all.push(two(0x21, 0x11, &[1; 12]));
    all.push(two(0x21, 0x21, &[2; 40]));
    all.push(two(0x20, 0x00, &[]));
    all.push(two(0x21, 0x31, &[3; 216]));
    all
}

#[test]
fn rules_are_read_or_refused_and_printed_as_they_mean() {
    mangle::run(RULES, WORDS, 20_000, rules::rules);
}

#[test]
fn targets_have_one_representation() {
    mangle::run(TARGETS, PATH_PIECES, 100_000, paths::paths);
}

#[test]
fn proxy_headers_are_decided_alike_wherever_they_are_cut() {
    let pieces: &[&[u8]] = &[
        b"\r\n",
        b" ",
        b"\0",
        b"PROXY ",
        b"\x21",
        b"\x00\x0c",
        b"\xff\xff",
        b"1",
        b":",
        b".",
    ];
    mangle::run(&headers(), pieces, 20_000, proxy::proxy);
}

#[test]
fn only_what_is_signed_is_let_in() {
    const SIGNED: &str = r#"Hmac keyId="ruby",algorithm="hmac-sha256",headers="(request-target)",signature="OQ/dHqRW9vFmrW/RCHg7O2Fqx+3uqxJw81p6k9Rcyo4=""#;
    let others = [
        r#"Signature keyId="ruby",algorithm="hmac-sha512",created=1402170695,expires="1402170699",headers="(request-target) (created) (expires) host digest",signature="AAAA""#,
        r#"Hmac signature="",headers="date",algorithm="hmac-sha1",keyId="x""#,
    ];
    let pieces: &[&[u8]] = &[
        b"\"",
        b",",
        b"=",
        b" ",
        b"\\",
        b"(",
        b")",
        b"host host",
        b"keyId=\"a\"",
        b"created=",
        b"1e400",
        b"-",
        b"\xff",
        b"\t",
        b"cookie",
        b"Hmac ",
        b"A",
        b"==",
    ];
    let all = [&[SIGNED], &others[..]].concat();
    mangle::run(&all, pieces, 50_000, signatures::signatures);
}

#[test]
fn configuration_is_read_or_refused_in_every_spelling() {
    mangle::run(DOCUMENTS, SIGNS, 5_000, spellings::spellings);
}

/// What a client of this name sends first.
fn hello(name: &str) -> anyhow::Result<Vec<u8>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let name = ServerName::try_from(name.to_owned())?;
    let mut client = rustls::ClientConnection::new(Arc::new(config), name)?;
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes)?;
    Ok(bytes)
}

#[test]
fn client_hellos_name_the_same_host_wherever_they_are_cut() -> anyhow::Result<()> {
    let names = ["a.test", "A.TEST", "127.0.0.1", "xn--bcher-kva.example"];
    let hellos: Vec<Vec<u8>> = names
        .into_iter()
        .map(hello)
        .collect::<anyhow::Result<_>>()?;
    let pieces: &[&[u8]] = &[
        b"\x16\x03\x01",
        b"\x01",
        b"\0",
        b"\0\0",
        b"\xff\xff",
        b".",
        b"a.test",
        b"\x15\x03\x03\0\x02\x02\x28",
        b"\x80",
    ];
    mangle::run(&hellos, pieces, 5_000, client_hello::client_hello);
    Ok(())
}
