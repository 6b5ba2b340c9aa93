//! Tests of `basicAuth`: who is let in, and what the service and the client are told.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::middleware::testing::{context, request};
use crate::types::UserLine;

const APR1: &str = "test:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/";
const SHA: &str = "sha:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=";

fn auth(change: impl FnOnce(&mut Config)) -> Result<BasicAuth, String> {
    let mut config = Config {
        users: vec![UserLine::new(APR1), UserLine::new(SHA)],
        ..Config::default()
    };
    change(&mut config);
    BasicAuth::new(&config)
}

async fn ask(auth: &BasicAuth, value: &str) -> Result<Request, Response> {
    let (mut cx, mut request) = (context(), request("/"));
    let value = HeaderValue::from_str(value).unwrap();
    request.headers.insert(header::AUTHORIZATION, value);
    let outcome = match auth.request(&mut cx, &mut request) {
        Step::Done(outcome) => outcome,
        Step::Later(outcome) => outcome.await,
    };
    match outcome {
        Outcome::Answer(response) => Err(*response),
        _ => Ok(request),
    }
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[tokio::test]
async fn the_right_password_lets_in_again_and_again() {
    let auth = auth(|_| {}).unwrap();
    for _ in 0..2 {
        for pair in ["test:test", "sha:password"] {
            assert!(ask(&auth, &basic(pair)).await.is_ok(), "{pair}");
        }
        for pair in ["test:wrong", "test:", "nobody:test", "sha:test", "test"] {
            let response = ask(&auth, &basic(pair)).await.unwrap_err();
            assert_eq!(response.status(), 401, "{pair}");
            assert_eq!(
                response.headers()["www-authenticate"],
                "Basic realm=\"traefik\""
            );
        }
    }
    let lower = basic("test:test").replacen("Basic", "bASIC", 1);
    assert!(ask(&auth, &lower).await.is_ok());
    for value in ["Bearer x", "Basic", "Basic !", "Basic dGVzdA"] {
        assert!(ask(&auth, value).await.is_err(), "{value}");
    }
}

#[tokio::test]
async fn the_service_is_told_the_name_and_not_the_password() {
    let auth = auth(|config| {
        config.header_field = "X-User".to_owned();
        config.remove_header = true;
    })
    .unwrap();
    let request = ask(&auth, &basic("test:test")).await.unwrap();
    assert_eq!(request.headers["x-user"], "test");
    assert!(!request.headers.contains_key(header::AUTHORIZATION));
}

#[test]
fn users_must_be_there_and_readable() {
    assert!(auth(|config| config.users.clear()).is_err());
    let error = auth(|config| config.users.push(UserLine::new("a:b:c")))
        .err()
        .unwrap();
    assert!(!error.contains("b:c"), "a hash is not told: {error}");
    assert!(auth(|config| config.users_file = "/no/such/file".to_owned()).is_err());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("# comment\n\n {APR1} \n")).unwrap();
    let read = auth(|config| {
        config.users.clear();
        config.users_file = file.path().to_str().unwrap().to_owned();
    });
    assert_eq!(read.unwrap().users.len(), 1);
}
