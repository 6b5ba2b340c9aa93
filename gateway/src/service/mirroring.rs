//! `mirroring`: one service answers, others get copies of some of the requests. What becomes of a copy, nobody waits for.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;

use crate::http::{
    Body, Connection, Context, Gathered, Handler, HandlerFuture, ProxyError, Request, Response,
    gather,
};
use crate::observe::Record;

/// Requests of one service whose copies are under way. What comes above that is not copied, so that a mirror that is slow
/// or dead cannot fill the memory.
const MOST_UNDER_WAY: usize = 4096;

/// A service that gets copies.
pub struct Mirror {
    /// It.
    pub handler: Arc<dyn Handler>,
    /// Of the requests, in percent.
    pub percent: u8,
}

/// See the module.
pub struct Mirroring {
    main: Arc<dyn Handler>,
    mirrors: Box<[Mirror]>,
    /// Whether copies have the body.
    with_body: bool,
    /// Requests with a longer body, in bytes, are not copied; `None` means any.
    most_body: Option<u64>,
    total: AtomicU64,
    under_way: Arc<AtomicUsize>,
}

/// Counts a request's copies while they are under way.
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request as its copies need it.
struct Original {
    connection: Rc<Connection>,
    host: String,
    hide_client: bool,
    record: Record,
    request: Request,
    body: Option<Bytes>,
}

impl Mirroring {
    /// `main` answers. A limit on bodies counts only where copies have them.
    pub fn new(
        main: Arc<dyn Handler>,
        mirrors: Vec<Mirror>,
        with_body: bool,
        most_body: Option<u64>,
    ) -> Self {
        Self {
            main,
            mirrors: mirrors.into(),
            with_body,
            most_body,
            total: AtomicU64::new(0),
            under_way: Arc::default(),
        }
    }

    /// The mirrors of the next request, spread out evenly: the first of a share is copied first, as in Traefik.
    fn next(&self) -> Vec<Arc<dyn Handler>> {
        if self.mirrors.is_empty() {
            return Vec::new();
        }
        let before = self.total.fetch_add(1, Ordering::Relaxed);
        let share =
            |total: u64, percent: u8| (u128::from(total) * u128::from(percent)).div_ceil(100);
        self.mirrors
            .iter()
            .filter(|mirror| {
                share(before.wrapping_add(1), mirror.percent) > share(before, mirror.percent)
            })
            .map(|mirror| Arc::clone(&mirror.handler))
            .collect()
    }

    fn admit(&self) -> Option<UnderWay> {
        let admitted = UnderWay(Arc::clone(&self.under_way));
        if self.under_way.fetch_add(1, Ordering::Relaxed) < MOST_UNDER_WAY {
            return Some(admitted);
        }
        tracing::debug!("not mirrored: the mirrors have not answered the requests before it");
        None
    }

    async fn copied(
        &self,
        cx: &mut Context,
        mut request: Request,
        mirrors: Vec<Arc<dyn Handler>>,
        under_way: UnderWay,
    ) -> Result<Response, ProxyError> {
        let mut kept = None;
        if self.with_body && !matches!(request.body, Body::Empty) {
            match gather(std::mem::take(&mut request.body), self.most_body).await? {
                Gathered::Whole(bytes) => {
                    request.body = Body::Full(bytes.clone());
                    kept = Some(bytes);
                }
                Gathered::TooLong(body) => {
                    request.body = body;
                    tracing::debug!("not mirrored: the body is longer than maxBodySize");
                    return self.main.handle(cx, request).await;
                }
            }
        }
        let original = Original {
            connection: Rc::clone(&cx.connection),
            host: cx.host.clone(),
            hide_client: cx.hide_client,
            record: cx.record.of_copy(Instant::now()),
            request: head(&request),
            body: kept,
        };
        let answer = self.main.handle(cx, request).await;
        // A client that did not wait for the answer ends this future, and nothing is copied, as in Traefik.
        tokio::task::spawn_local(async move {
            for mirror in mirrors {
                send(&original, &*mirror).await;
            }
            drop(under_way);
        });
        answer
    }
}

/// The request without its body.
fn head(request: &Request) -> Request {
    let mut headers = request.headers.clone();
    if matches!(request.body, Body::Stream(_)) {
        // Copies have no body then.
        headers.remove(::http::header::CONTENT_LENGTH);
    }
    Request {
        method: request.method.clone(),
        target: request.target.clone(),
        version: request.version,
        headers,
        body: Body::Empty,
    }
}

/// Sends one copy and reads its answer to the end, so that its connection can be used again.
async fn send(original: &Original, mirror: &dyn Handler) {
    let mut cx = Context::new(
        Rc::clone(&original.connection),
        original.host.clone(),
        Instant::now(),
    );
    cx.hide_client = original.hide_client;
    cx.record = original.record.of_copy(Instant::now());
    let mut request = head(&original.request);
    let mut received = 0;
    if let Some(body) = &original.body {
        received = body.len() as u64;
        request.body = Body::Full(body.clone());
    }
    match mirror.handle(&mut cx, request).await {
        Ok(response) => {
            let mut body = response.into_body();
            let mut sent = 0;
            while let Some(Ok(frame)) = body.frame().await {
                sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                if let Some(trailers) = frame.trailers_ref() {
                    cx.record.trailers(trailers);
                }
            }
            cx.record.ended(sent, received);
        }
        Err(error) => tracing::debug!(%error, "a mirror did not answer"),
    }
}

impl Handler for Mirroring {
    fn handle<'a>(&'a self, cx: &'a mut Context, request: Request) -> HandlerFuture<'a> {
        let mirrors = self.next();
        if mirrors.is_empty() {
            return self.main.handle(cx, request);
        }
        match self.admit() {
            Some(under_way) => Box::pin(self.copied(cx, request, mirrors, under_way)),
            None => self.main.handle(cx, request),
        }
    }
}
