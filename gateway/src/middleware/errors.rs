//! `errors`: in place of answers with certain statuses, clients get a page of another service.

use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::build::Site;
use super::chain::{Chain, failed};
use super::wrapper::Wrap;
use crate::config::dynamic::ErrorPage as Config;
use crate::http::{
    Asked, Body, Context, Handler, HandlerFuture, ProxyError, Request, Response, Target, answer,
    path,
};
use crate::types::StatusRanges;

/// See the module.
pub struct Errors {
    statuses: StatusRanges,
    rewrites: Box<[(StatusRanges, StatusCode)]>,
    service: Arc<dyn Handler>,
    /// Path and query of the page, with its placeholders.
    query: String,
    /// Fields that the page's request takes over; `None` means all but what proves who the client is.
    taken: Option<Box<[HeaderName]>>,
}

impl Errors {
    /// The service must be there.
    pub fn new(config: &Config, site: &mut Site<'_>) -> Result<Self, String> {
        let statuses = StatusRanges::parse(&config.status).map_err(|error| error.to_string())?;
        let service = (site.service)(&config.service)?;
        let rewrite = |(from, to): (&String, &i64)| {
            let from = StatusRanges::parse(&[from]).map_err(|error| error.to_string())?;
            let to = u16::try_from(*to)
                .ok()
                .and_then(|to| StatusCode::from_u16(to).ok());
            Ok::<_, String>((from, to.ok_or("a status of statusRewrites is no status")?))
        };
        let name = |name: &String| {
            HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| format!("{name:?} is no header name"))
        };
        let taken = config.error_request_headers.iter().map(name);
        let query = match config.query.as_str() {
            "" => String::new(),
            query => format!("/{}", query.strip_prefix('/').unwrap_or(query)),
        };
        Ok(Self {
            statuses,
            rewrites: config
                .status_rewrites
                .iter()
                .map(rewrite)
                .collect::<Result<_, _>>()?,
            service,
            query,
            taken: match config.error_request_headers.is_empty() {
                true => None,
                false => Some(taken.collect::<Result<_, _>>()?),
            },
        })
    }

    /// The fields of the page's request.
    fn fields(&self, mut asked: HeaderMap) -> HeaderMap {
        let host = asked.remove(header::HOST);
        let mut headers = match &self.taken {
            None => {
                // The page's service may be anybody's (CVE-2026-41181).
                for name in [
                    header::AUTHORIZATION,
                    header::PROXY_AUTHORIZATION,
                    header::COOKIE,
                ] {
                    asked.remove(name);
                }
                asked
            }
            Some(names) => {
                let mut taken = HeaderMap::new();
                for name in names {
                    for value in asked.get_all(name) {
                        taken.append(name, value.clone());
                    }
                }
                taken
            }
        };
        // The page's request has no body.
        for name in [
            header::CONTENT_LENGTH,
            header::TRANSFER_ENCODING,
            header::EXPECT,
        ] {
            headers.remove(name);
        }
        if let Some(host) = host {
            headers.insert(header::HOST, host);
        }
        headers
    }

    async fn run(
        &self,
        cx: &mut Context,
        request: Request,
        rest: &Chain,
    ) -> Result<Response, ProxyError> {
        let outer = cx.asked.replace(Asked::default());
        let result = rest.run(cx, request).await;
        // Those outside see what this one saw.
        let asked = match outer {
            Some(_) => cx.asked.clone(),
            None => cx.asked.take(),
        };
        let asked = asked.unwrap_or_default();
        let response = match result {
            Ok(response) => response,
            Err(error) if self.statuses.contains(error.status().as_u16()) => failed(cx, error),
            Err(error) => return Err(error),
        };
        let original = response.status();
        if !self.statuses.contains(original.as_u16()) {
            return Ok(response);
        }
        drop(response);
        let rewrite = self
            .rewrites
            .iter()
            .find(|(from, _)| from.contains(original.as_u16()));
        let status = rewrite.map_or(original, |(_, to)| *to);
        let Some(page) = self.page_request(cx, asked, status, original) else {
            let text = status.canonical_reason().unwrap_or_default();
            return Ok(answer(status, format!("{text}\n")));
        };
        // The page is asked for by the gateway, not by the client.
        cx.hide_client = true;
        let mut page = match self.service.handle(cx, page).await {
            Ok(page) => page,
            Err(error) => failed(cx, error),
        };
        *page.status_mut() = status;
        Ok(page)
    }

    fn page_request(
        &self,
        cx: &Context,
        asked: Asked,
        status: StatusCode,
        original: StatusCode,
    ) -> Option<Request> {
        let mut url = self.query.replace("{status}", status.as_str());
        url = url.replace("{originalStatus}", original.as_str());
        if url.contains("{url}") {
            let host = asked.headers.get(header::HOST);
            let host = host.map_or(&b""[..], HeaderValue::as_bytes);
            let scheme: &[u8] = match cx.connection.tls {
                Some(_) => b"https://",
                None => b"http://",
            };
            let whole = [scheme, host, asked.target.as_bytes()].concat();
            url = url.replace("{url}", &path::query_escape(&whole));
        }
        let url = url.split('#').next().unwrap_or_default();
        let (page, query) = match url.split_once('?') {
            Some((page, query)) => (page, Some(query.as_bytes())),
            None => (url, None),
        };
        if path::invalid_escape(page).is_some() || url.bytes().any(|byte| byte <= b' ') {
            tracing::error!(query = self.query, "the query of errors makes no URL");
            return None;
        }
        let page = if page.is_empty() { "/" } else { page };
        Some(Request {
            method: Method::GET,
            target: Target::new(&path::escaped(page), query),
            version: ::http::Version::HTTP_11,
            headers: self.fields(asked.headers),
            body: Body::Empty,
        })
    }
}

impl Wrap for Errors {
    fn handle<'a>(
        &'a self,
        cx: &'a mut Context,
        request: Request,
        rest: &'a Arc<Chain>,
    ) -> HandlerFuture<'a> {
        Box::pin(self.run(cx, request, rest))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::ErrorKind;
    use crate::middleware::testing::{Script, context, request_with, site_with, wrapped};

    fn errors(pages: &Arc<Script>, change: impl FnOnce(&mut Config)) -> Errors {
        let mut config = Config {
            status: vec!["404".to_owned(), "500-599".to_owned()],
            service: "pages".to_owned(),
            query: "/{status}/{originalStatus}?u={url}".to_owned(),
            ..Config::default()
        };
        change(&mut config);
        site_with(pages, |site| Errors::new(&config, site)).unwrap()
    }

    #[tokio::test]
    async fn a_page_takes_the_place_of_the_answer() {
        let pages = Script::new([Ok(StatusCode::OK), Ok(StatusCode::OK)]);
        let errors = errors(&pages, |config| {
            config.status_rewrites = [("404".to_owned(), 200)].into();
            config.error_request_headers = vec!["X-Keep".to_owned()];
        });
        let fields = [("x-keep", "1"), ("x-drop", "1")];
        let missing = Script::new([Ok(StatusCode::NOT_FOUND)]);
        let asked = request_with("/a?b=c", &fields);
        let response = wrapped(&errors, &missing, &mut context(), asked)
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        let unreachable = Script::new([Err(ProxyError::upstream(ErrorKind::Unreachable))]);
        let asked = request_with("/", &fields);
        let response = wrapped(&errors, &unreachable, &mut context(), asked)
            .await
            .unwrap();
        assert_eq!(response.status(), 502);
        assert_eq!(
            pages.targets(),
            [
                "/200/404?u=http%3A%2F%2Fa.test%2Fa%3Fb%3Dc",
                "/502/502?u=http%3A%2F%2Fa.test%2F"
            ]
        );
        assert_eq!(pages.fields("x-keep"), 2);
        assert_eq!(pages.fields("x-drop"), 0);
        assert_eq!(pages.fields("host"), 2);
    }

    #[tokio::test]
    async fn other_answers_pass() {
        let pages = Script::new([]);
        let errors = errors(&pages, |_| {});
        let fine = Script::new([Ok(StatusCode::FORBIDDEN)]);
        let asked = request_with("/", &[]);
        let response = wrapped(&errors, &fine, &mut context(), asked)
            .await
            .unwrap();
        assert_eq!(response.status(), 403);
        assert!(pages.targets().is_empty());
    }
}
