//! `/api/explain`: which router takes a request, and why. Not one of Traefik's paths.

use std::fmt;
use std::sync::Arc;

use ::http::StatusCode;

use super::json;
use super::query::Query;
use crate::http::Response;
use crate::runtime::explanation::{Explained, Question};

/// Who knows. The error says what of the question cannot be read.
type Answer = dyn Fn(&Question) -> Result<Explained, String> + Send + Sync;

/// See the module.
#[derive(Clone)]
pub struct Explain(Arc<Answer>);

impl fmt::Debug for Explain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Explain")
    }
}

impl Explain {
    pub fn new(
        answer: impl Fn(&Question) -> Result<Explained, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(answer))
    }

    /// `?method=GET&url=https://a.test/x&header=Name:value&clientIp=10.0.0.1&tls=true&entryPoint=web`; only `url` is needed,
    /// `header` may be repeated.
    pub(super) fn answer(&self, query: &Query) -> Response {
        match question(query).and_then(|question| (self.0)(&question)) {
            Ok(explained) => json::document(&explained),
            Err(error) => json::refusal(StatusCode::BAD_REQUEST, &error),
        }
    }
}

fn question(query: &Query) -> Result<Question, String> {
    let given = |key: &str| Some(query.get(key).to_owned()).filter(|value| !value.is_empty());
    let headers = query.all("header").map(|field| {
        let (name, value) = field.split_once(':').ok_or("header: write Name:value")?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    });
    let client_ip = given("clientIp").map(|ip| {
        ip.parse()
            .map_err(|_| format!("clientIp: {ip:?} is no address"))
    });
    Ok(Question {
        method: given("method").unwrap_or_else(|| "GET".to_owned()),
        url: given("url").ok_or("url is missing")?,
        headers: headers.collect::<Result<_, String>>()?,
        client_ip: client_ip.transpose()?,
        tls: match query.get("tls") {
            "" | "false" => false,
            "true" => true,
            other => return Err(format!("tls: write true or false, not {other:?}")),
        },
        entry_point: given("entryPoint"),
    })
}
