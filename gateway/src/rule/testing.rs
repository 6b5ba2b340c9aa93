//! For tests: a seeded source of rules and requests, and an evaluator so plain that it is right by reading.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::http::RequestView;
use super::{Call, Expr};

/// A small repeatable generator (xorshift64*).
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

const HOSTS: [&str; 8] = [
    "a.test", "b.test", "A.test", "a.test.", "*.a.test", "*.test", "*", "x.a.test",
];
const PATHS: [&str; 10] = [
    "/", "/a", "/a/", "/ab", "/a/b", "/a/b/c", "/b", "/é", "/a`b", "/c\r",
];
const NAMES: [&str; 3] = ["X-A", "x-b", "Host"];
const VALUES: [&str; 3] = ["1", "2", "a b"];

/// A rule without `!!`, which no printed rule has.
pub(crate) fn random_expr(rng: &mut Rng, depth: usize) -> Expr {
    match rng.below(8) {
        0 | 1 if depth > 0 => Expr::And(operands(rng, depth)),
        2 | 3 if depth > 0 => Expr::Or(operands(rng, depth)),
        4 if depth > 0 => match random_expr(rng, depth - 1) {
            Expr::Not(inner) => Expr::Not(inner),
            inner => Expr::Not(Box::new(inner)),
        },
        _ => Expr::Matcher(random_call(rng)),
    }
}

fn operands(rng: &mut Rng, depth: usize) -> Vec<Expr> {
    (0..2 + rng.below(2))
        .map(|_| random_expr(rng, depth - 1))
        .collect()
}

fn random_call(rng: &mut Rng) -> Call {
    let (name, args): (_, Vec<&str>) = match rng.below(10) {
        0..=2 => ("Host", vec![rng.pick(&HOSTS)]),
        3 | 4 => ("PathPrefix", vec![rng.pick(&PATHS)]),
        5 => ("Path", vec![rng.pick(&PATHS)]),
        6 => ("Method", vec![rng.pick(&["get", "POST"])]),
        7 => ("Header", vec![rng.pick(&NAMES), rng.pick(&VALUES)]),
        8 => ("Query", vec![rng.pick(&["q", "é"]), rng.pick(&VALUES)]),
        _ => (
            "ClientIP",
            vec![rng.pick(&["127.0.0.1", "10.0.0.0/8", "::1"])],
        ),
    };
    Call {
        name,
        args: args.into_iter().map(Into::into).collect(),
        offset: 0,
    }
}

/// A request that owns its parts.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) flat_host: Option<String>,
    pub(crate) path: Vec<u8>,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) client_ip: Option<IpAddr>,
}

impl Request {
    pub(crate) fn view(&self) -> RequestView<'_> {
        RequestView {
            method: &self.method,
            host: &self.host,
            flat_host: self.flat_host.as_deref(),
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
            client_ip: self.client_ip,
        }
    }

    /// A request as the recorded cases write them: `GET /x?a=1 | Host: b.test | Name: value`; the host is `a.test` unless
    /// given, the client `127.0.0.1`.
    pub(crate) fn parse(text: &str) -> Self {
        let mut parts = text.split(" | ");
        let (method, target) = parts
            .next()
            .unwrap_or_default()
            .split_once(' ')
            .unwrap_or_default();
        let (path, query) = target
            .split_once('?')
            .map_or((target, None), |(path, query)| (path, Some(query)));
        let mut request = Self {
            method: method.into(),
            host: "a.test".into(),
            path: super::routing_path(path).unwrap_or_default().into_owned(),
            query: query.map(Into::into),
            client_ip: Some([127, 0, 0, 1].into()),
            ..Self::default()
        };
        for field in parts {
            let (name, value) = field.split_once(':').unwrap_or((field, ""));
            let value = value.trim();
            match name {
                "-" => request.host.clear(),
                "Host" => request.host = super::canonical_host(value).into_owned(),
                "Client" => request.client_ip = value.parse().ok(),
                _ => request.add(name, value),
            }
        }
        request
    }

    fn add(&mut self, name: &str, value: &str) {
        if let (Ok(name), Ok(value)) = (
            name.parse::<HeaderName>(),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            self.headers.append(name, value);
        }
    }
}

pub(crate) fn random_request(rng: &mut Rng) -> Request {
    let mut request = Request {
        method: rng.pick(&["GET", "POST", "get"]).into(),
        host: rng
            .pick(&["a.test", "b.test", "x.a.test", "a.test.", "y.test", "c", ""])
            .into(),
        path: rng
            .pick(&[
                "/", "/a", "/a/", "/ab", "/a/b", "/a/b/c/d", "/b", "/é", "/a`b", "/x",
            ])
            .into(),
        query: (rng.below(2) == 0).then(|| {
            rng.pick(&["q=1", "q=a+b&%C3%A9=2", "x&q=2&q=1", "q=%zz"])
                .into()
        }),
        client_ip: Some(
            rng.pick(&["127.0.0.1", "10.1.2.3", "::1"])
                .parse()
                .unwrap_or([0; 4].into()),
        ),
        ..Request::default()
    };
    for _ in 0..rng.below(3) {
        let (name, value) = (rng.pick(&NAMES), rng.pick(&VALUES));
        request.add(name, value);
    }
    request
}

/// What `expr` says of `request`, the slow and obvious way.
pub(crate) fn naive(expr: &Expr, request: &Request) -> bool {
    match expr {
        Expr::Not(inner) => !naive(inner, request),
        Expr::And(children) => children.iter().all(|child| naive(child, request)),
        Expr::Or(children) => children.iter().any(|child| naive(child, request)),
        Expr::Matcher(call) => naive_call(call.name, &call.args, request),
    }
}

fn naive_call(name: &str, args: &[String], request: &Request) -> bool {
    let path = String::from_utf8_lossy(&request.path);
    match name {
        "Host" => naive_host(&args[0].to_lowercase(), &request.host),
        "Path" => path == args[0],
        "PathPrefix" => path.starts_with(&args[0]),
        "Method" => request.method == args[0].to_uppercase(),
        "Header" if args[0] == "Host" => false,
        "Header" => request
            .headers
            .get_all(&args[0])
            .iter()
            .any(|value| value == args[1].as_str()),
        "Query" => {
            let decode = |text: &str| {
                percent_encoding::percent_decode_str(&text.replace('+', " "))
                    .decode_utf8_lossy()
                    .into_owned()
            };
            let pairs = request
                .query
                .iter()
                .flat_map(|query| query.split('&'))
                .filter(|pair| !pair.contains("%zz"));
            let mut pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            pairs.any(|(name, value)| decode(name) == args[0] && decode(value) == args[1])
        }
        "ClientIP" => match (args[0].as_str(), request.client_ip) {
            ("10.0.0.0/8", Some(address)) => address.to_string().starts_with("10."),
            (wanted, Some(address)) => wanted == address.to_string(),
            _ => false,
        },
        _ => unreachable!("{name} is not generated"),
    }
}

fn naive_host(pattern: &str, host: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let same = |pattern: &str, host: &str| match pattern.starts_with('*') {
        true => host
            .split_once('.')
            .is_some_and(|(_, rest)| pattern == format!("*.{rest}")),
        false => pattern == host,
    };
    !host.is_empty()
        && (same(pattern, host)
            || pattern
                .strip_suffix('.')
                .is_some_and(|pattern| same(pattern, host))
            || host
                .strip_suffix('.')
                .is_some_and(|host| same(pattern, host)))
}
