//! Tests of `grpcWeb`: types, base64, trailers, and who may ask.

#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{self, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;

use super::*;
use crate::http::Body;
use crate::middleware::filter::Outcome;
use crate::middleware::testing::{answered, context, decide, request_with};

fn grpc_web(origins: &[&str]) -> GrpcWeb {
    GrpcWeb::new(&Config {
        allow_origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
    })
    .unwrap()
}

fn post(kind: &'static str, body: Body) -> Request {
    let fields = [("content-type", kind), ("origin", "http://one.test")];
    let mut request = request_with("/svc/m", &fields);
    request.method = Method::POST;
    request.body = body;
    request
}

/// An answer of gRPC with trailers.
fn answer() -> Response {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let full = http_body_util::Full::new(Bytes::from_static(b"\0\0\0\0\x02ok"));
    let body = full.with_trailers(std::future::ready(Some(Ok::<_, Infallible>(trailers))));
    let mut response = Response::new(Body::stream(body.map_err(|never| match never {})));
    let kind = HeaderValue::from_static("application/grpc+proto");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

async fn asked(kind: &'static str, body: Body) -> (Request, Response) {
    let grpc_web = grpc_web(&["http://one.test"]);
    let mut request = post(kind, body);
    let cx = &mut context();
    let Outcome::Keep(memo) = decide(&grpc_web, cx, &mut request) else {
        panic!("it is a call");
    };
    let mut response = answer();
    grpc_web.response(cx, Some(memo), &mut response);
    (request, response)
}

const MESSAGES: &[u8] = b"\0\0\0\0\x02ok\x80\0\0\0\x10grpc-status: 0\r\n";

#[tokio::test]
async fn bytes_stay_bytes() {
    let (request, response) = asked("application/grpc-web+proto", Body::from("x")).await;
    assert_eq!(
        request.headers[header::CONTENT_TYPE],
        "application/grpc+proto"
    );
    assert_eq!(request.body.length(), Some(1));
    let headers = response.headers();
    assert_eq!(headers[header::CONTENT_TYPE], "application/grpc-web+proto");
    assert_eq!(
        headers[header::ACCESS_CONTROL_ALLOW_ORIGIN],
        "http://one.test"
    );
    let exposed = headers[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str();
    assert!(exposed.unwrap().ends_with("grpc-status, grpc-message"));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, MESSAGES);
}

#[tokio::test]
async fn text_is_base64_both_ways() {
    // Two texts in a row, in pieces that end anywhere.
    let pieces = vec!["aGVs", "bG8=d", "29y", "bGQh"];
    let body = Body::stream(Pieces(pieces.into_iter()));
    let (request, response) = asked("application/grpc-web-text", body).await;
    assert_eq!(request.headers[header::CONTENT_TYPE], "application/grpc");
    let body = request.body.collect().await.unwrap().to_bytes();
    assert_eq!(body, "helloworld!");
    let kind = &response.headers()[header::CONTENT_TYPE];
    assert_eq!(kind, "application/grpc-web-text+proto");
    let mut whole = Vec::new();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let piece = frame.unwrap().into_data().unwrap();
        whole.extend(STANDARD.decode(piece).unwrap());
    }
    assert_eq!(whole, MESSAGES);
    for broken in ["a", "aGVsb", "!!!!"] {
        let (request, _) = asked("application/grpc-web-text", Body::from(broken)).await;
        let error = request.body.collect().await.err().unwrap();
        assert_eq!(error.status(), 400, "{broken}");
    }
}

/// A body that comes in these pieces.
struct Pieces(std::vec::IntoIter<&'static str>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = crate::http::ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = self.get_mut().0.next();
        Poll::Ready(piece.map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes())))))
    }
}

#[test]
fn who_may_ask() {
    let preflight = [
        ("origin", "http://one.test"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "x-grpc-web, content-type"),
    ];
    for (origins, allowed) in [
        (&["*"][..], true),
        (&["http://one.test"], true),
        (&["http://two.test"], false),
        (&[], false),
    ] {
        let mut request = request_with("/", &preflight);
        request.method = Method::OPTIONS;
        let response = answered(&grpc_web(origins), request);
        let headers = response.headers();
        assert_eq!(response.status(), 200);
        assert_eq!(headers.get_all(header::VARY).iter().count(), 3);
        let origin = headers.get(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(origin.is_some(), allowed, "{origins:?}");
        if allowed {
            let names = &headers[header::ACCESS_CONTROL_ALLOW_HEADERS];
            assert_eq!(names, "X-Grpc-Web, Content-Type");
        }
    }
    let mut other = request_with("/", &preflight[..2]);
    other.method = Method::OPTIONS;
    let outcome = decide(&grpc_web(&["*"]), &mut context(), &mut other);
    assert!(matches!(outcome, Outcome::Next));
}
