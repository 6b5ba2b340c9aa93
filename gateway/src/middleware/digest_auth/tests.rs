//! Tests of `digestAuth`: who is let in, once.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::middleware::filter::Outcome;
use crate::middleware::testing::{answered, context, decide, request};
use crate::types::UserLine;

/// Of the password `secret`.
const USER: &str = "dig:traefik:87c3a72fbb7d2b618c7e5b197b5d3ff6";

fn auth(change: impl FnOnce(&mut Config)) -> Result<DigestAuth, String> {
    let mut config = Config {
        users: vec![UserLine::new(USER)],
        ..Config::default()
    };
    change(&mut config);
    DigestAuth::new(&config)
}

/// The credentials of a client that was challenged.
struct Client<'a> {
    auth: &'a DigestAuth,
    name: &'a str,
    password: &'a str,
    uri: &'a str,
    nonce: String,
}

impl<'a> Client<'a> {
    fn new(auth: &'a DigestAuth, name: &'a str, password: &'a str) -> Self {
        let challenge = answered(auth, request("/a"));
        let challenge = challenge.headers()[header::WWW_AUTHENTICATE]
            .to_str()
            .unwrap();
        let parsed = Credentials::parse(challenge).unwrap();
        assert_eq!(parsed.qop, "auth");
        Self {
            auth,
            name,
            password,
            uri: "/a",
            nonce: parsed.nonce.into_owned(),
        }
    }

    fn asks(&self, target: &str, nc: &str) -> Result<Request, Response> {
        let secret = digest(&[self.name, "traefik", self.password]);
        let asked = digest(&["GET", self.uri]);
        let response = digest(&[&secret, &self.nonce, nc, "c", "auth", &asked]);
        let field = format!(
            "Digest username=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\", opaque=\"{}\", qop=auth, nc={nc}, cnonce=\"c\"",
            self.name, self.nonce, self.uri, self.auth.opaque,
        );
        let mut request = request(target);
        let field = HeaderValue::try_from(field).unwrap();
        request.headers.insert(header::AUTHORIZATION, field);
        match decide(self.auth, &mut context(), &mut request) {
            Outcome::Answer(response) => Err(*response),
            _ => Ok(request),
        }
    }
}

fn is_stale(response: &Response) -> bool {
    let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str();
    challenge.unwrap().contains("stale=\"true\"")
}

#[test]
fn the_right_password_lets_in_once_for_each_count() {
    let auth = auth(|config| {
        config.header_field = "X-User".to_owned();
        config.remove_header = true;
    });
    let auth = auth.unwrap();
    let client = Client::new(&auth, "dig", "secret");
    let request = client.asks("/a", "00000001").unwrap();
    assert_eq!(request.headers["x-user"], "dig");
    assert!(!request.headers.contains_key(header::AUTHORIZATION));
    let again = client.asks("/a", "00000001").unwrap_err();
    assert_eq!(again.status(), 401);
    assert!(is_stale(&again));
    assert!(client.asks("/a/below", "0000000a").is_ok());
    for (target, nc) in [("/b", "0000000b"), ("/", "0000000b"), ("/a", "zz")] {
        let response = client.asks(target, nc).unwrap_err();
        assert!(!is_stale(&response), "{target} {nc}");
    }
}

#[test]
fn nobody_else() {
    let auth = auth(|_| {}).unwrap();
    for (name, password) in [
        ("dig", "wrong"),
        ("dig", ""),
        ("", "secret"),
        ("other", "secret"),
    ] {
        let client = Client::new(&auth, name, password);
        let response = client.asks("/a", "1").unwrap_err();
        assert!(!is_stale(&response), "{name}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain");
    }
}

#[test]
fn what_is_refused() {
    let refused = |change: fn(&mut Config)| auth(change).err().unwrap();
    let broken = refused(|config| config.users.push(UserLine::new("a:b")));
    assert!(
        broken.starts_with("error parsing DigestUser: a"),
        "{broken}"
    );
    refused(|config| config.users.clear());
    refused(|config| config.users_file = "/no/such/file".to_owned());
    refused(|config| config.realm = "a\"b".to_owned());
}
