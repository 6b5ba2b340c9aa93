//! What a client's bytes do: frames to events, events to messages, messages to handlers.

use std::rc::Rc;
use std::time::Instant;

use super::handlers::{self, Outcome};
use super::{Phase, Session};
use crate::hub::Message;
use crate::ws::close::Close;
use crate::ws::decoder::Event;
use crate::ws::limits::Verdict;
use crate::ws::wire::{self, Incoming, WireError};

/// Stands for a close without a code (RFC 6455, section 7.4.1).
const NO_CODE: u16 = 1005;

impl Session {
    /// Takes what was read.
    pub(super) fn take(self: &Rc<Self>, bytes: &mut [u8]) {
        self.heard.set(Instant::now());
        let fed = self
            .decoder
            .borrow_mut()
            .feed(bytes, |event| self.event(&event));
        if let Err(close) = fed {
            self.fault(close);
        }
    }

    /// The client broke the protocol: what it sends from here on means nothing, so that no answer to our close frame can
    /// be awaited, and it is for the server to end the connection (RFC 6455, section 7.1.7).
    fn fault(&self, close: Close) {
        self.close(close);
        if let Phase::Closing { since, code } = self.phase.get() {
            self.phase.set(Phase::Failing { since, code });
        }
    }

    /// `false` ends reading.
    fn event(self: &Rc<Self>, event: &Event<'_>) -> bool {
        // After our close frame only the client's matters.
        let open = self.phase.get() == Phase::Open;
        match *event {
            Event::Close(code) => {
                self.closed_by_client(code);
                return false;
            }
            Event::Text(text) if open && self.raw => {
                self.send_back(Message::text("echo", text.as_bytes()));
            }
            Event::Binary(bytes) if open && self.raw => {
                self.send_back(Message::binary("echo", bytes));
            }
            Event::Text(text) if open => self.message(text),
            Event::Binary(bytes) if open => match std::str::from_utf8(bytes) {
                Ok(text) => self.message(text),
                Err(_) => self.close(Close::BINARY),
            },
            Event::Ping(payload) if open => self.send(Message::pong(payload)),
            Event::Pong(_) => self.pong(),
            Event::Text(_) | Event::Binary(_) | Event::Ping(_) => {}
        }
        true
    }

    fn closed_by_client(&self, code: Option<u16>) {
        match self.phase.get() {
            Phase::Open => {
                self.outbox.borrow_mut().close(Message::close(code, ""));
                let since = Instant::now();
                let code = code.unwrap_or(NO_CODE);
                self.phase.set(Phase::Answering { since, code });
            }
            Phase::Closing { since, code } => self.phase.set(Phase::Answering { since, code }),
            Phase::Answering { .. }
            | Phase::Failing { .. }
            | Phase::Draining { .. }
            | Phase::Gone { .. } => {}
        }
        self.wake();
    }

    fn pong(&self) {
        let (pinged, awaited) = self.pinged.get();
        if awaited {
            self.pinged.set((pinged, false));
            let rtt = &self.server().metrics.ws.latency.rtt;
            rtt.observe(pinged.elapsed().as_secs_f64());
        }
    }

    fn message(self: &Rc<Self>, text: &str) {
        let settings = &self.server().settings;
        let now = Instant::now();
        // Clocks are looked at now and then; nobody acts in between.
        if self.identity.is_over(now) {
            self.close(Close::EXPIRED);
            return;
        }
        let verdict = self
            .limits
            .borrow_mut()
            .message(settings.rate, settings.burst, now);
        if verdict != Verdict::Take {
            self.over_the_rate(&verdict);
            return;
        }
        match Incoming::read(text) {
            Ok(message) => self.handle(&message, text),
            Err((error, request)) => {
                self.count_received("other");
                self.mistake(&error, request.as_deref());
            }
        }
    }

    fn handle(self: &Rc<Self>, message: &Incoming, text: &str) {
        let Some(row) = handlers::find(&message.kind) else {
            self.count_received("other");
            let error = format!("Unknown message type: {}", message.kind);
            let error = WireError::new("UNKNOWN_TYPE", error);
            self.mistake(&error, message.request.as_deref());
            return;
        };
        self.count_received(row.kind);
        match handlers::run(row, self, message, text) {
            Outcome::Done => self.acknowledge(message.request.as_deref()),
            Outcome::Answered => {}
            Outcome::Bad(error) => self.mistake(&error, message.request.as_deref()),
        }
    }

    /// Confirms a request that has an id.
    pub(super) fn acknowledge(&self, request: Option<&str>) {
        if let Some(request) = request {
            let version = self.shard.retained().version;
            self.send(wire::ack(request, version));
        }
    }

    /// Tells of an error that is not the message's fault.
    pub(super) fn fail(&self, error: &WireError, request: Option<&str>) {
        self.count_error(error.code);
        // Bad messages are few: after ten in a minute the client is sent away.
        tracing::info!(
            r#type = "websocket",
            event = "error",
            clientId = self.id,
            ip = %self.address,
            code = error.code,
            requestId = request,
            reason = &*error.message,
            "a message was refused"
        );
        self.send(wire::error(error, request));
    }

    /// Tells of an error in the message, and counts it against the client.
    pub(super) fn mistake(&self, error: &WireError, request: Option<&str>) {
        self.fail(error, request);
        if self.limits.borrow_mut().mistake(Instant::now()) {
            // Closing drops what waits, and the last error is still to be told.
            self.flush();
            self.close(Close::TOO_MANY_ERRORS);
        }
    }

    fn over_the_rate(&self, verdict: &Verdict) {
        let metrics = &self.server().metrics;
        metrics.rate_limited.with_label_values(&["ws"]).inc();
        let dropped = &metrics.ws.dropped;
        dropped.with_label_values(&["other", "rate_limit"]).inc();
        match verdict {
            Verdict::DropAndTell(wait) => {
                self.count_error("RATE_LIMITED");
                self.send(wire::rate_limited(*wait, None));
            }
            Verdict::Close => self.close(Close::TOO_FAST),
            Verdict::Take | Verdict::Drop => {}
        }
    }

    fn count_received(&self, kind: &str) {
        let received = &self.server().metrics.ws.received;
        received.with_label_values(&[kind]).inc();
    }

    pub(super) fn count_error(&self, code: &str) {
        let errors = &self.server().metrics.ws.errors;
        errors.with_label_values(&[code]).inc();
    }
}
