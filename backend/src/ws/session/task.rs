//! A session's task: wait for the socket, read, flush, and clean up at the end.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use socket2::SockRef;

use super::phase::ABNORMAL;
use super::{Phase, Session};
use crate::hub::{Client, Flushed, Local as _};

/// Reads before other tasks of the thread get a turn.
const READS: usize = 8;

/// Runs a session to its end. `read` is what came with the handshake.
pub(super) async fn run(session: Rc<Session>, read: Bytes) {
    if !read.is_empty() {
        session.take(&mut read.to_vec());
    }
    // It holds the whole buffer of the handshake, whatever is left in it.
    drop(read);
    poll_fn(|context| session.poll(context)).await;
    session.end();
}

impl Session {
    fn poll(self: &Rc<Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut waker = self.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(context.waker()))
        {
            *waker = Some(context.waker().clone());
        }
        drop(waker);
        self.busy.set(true);
        let polled = self.work(context);
        self.busy.set(false);
        self.shard.local().settled();
        polled
    }

    fn work(self: &Rc<Self>, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..READS {
            self.write(context);
            match self.phase.get() {
                Phase::Gone { .. } => return Poll::Ready(()),
                Phase::Answering { code, .. } if self.outbox.borrow().is_empty() => {
                    self.drop_connection(code);
                    return Poll::Ready(());
                }
                Phase::Failing { since, code } if self.outbox.borrow().is_empty() => {
                    // An error means that the connection is gone, which reading tells.
                    let _ = SockRef::from(&self.socket).shutdown(Shutdown::Write);
                    self.phase.set(Phase::Draining { since, code });
                }
                _ => {}
            }
            match self.socket.poll_read_ready(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => self.read(),
                Poll::Ready(Err(_)) => self.drop_connection(ABNORMAL),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes until nothing waits, or the socket is waited for.
    fn write(&self, context: &mut Context<'_>) {
        while self.flush() == Flushed::Blocked {
            match self.socket.poll_write_ready(context) {
                Poll::Pending => return,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return self.drop_connection(ABNORMAL),
            }
        }
    }

    fn read(self: &Rc<Self>) {
        let worker = self.shard.local();
        let mut buffer = worker.buffer.borrow_mut();
        match self.socket.try_read(&mut buffer) {
            Ok(0) => {
                self.drop_connection(self.phase.get().code());
            }
            Ok(count) => {
                if self.counts() {
                    let bytes = &worker.server.metrics.ws.bytes_received;
                    let first = self.targets.get().iter().next();
                    let channel = first.map_or("none", crate::hub::Channel::name);
                    bytes.with_label_values(&[channel]).inc_by(count as u64);
                }
                if self.phase.get().listens() {
                    self.take(buffer.get_mut(..count).unwrap_or_default());
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.drop_connection(ABNORMAL),
        }
    }

    /// Takes the session out of everything.
    fn end(self: &Rc<Self>) {
        let client = Rc::clone(self) as Rc<dyn Client>;
        self.shard.part(&client, self.targets.get());
        self.waker.replace(None);
        self.seat.replace(None);
        self.viewer.replace(None);
        if !self.counts() {
            return;
        }
        let code = self.phase.get().code();
        let metrics = &self.server().metrics.ws;
        metrics
            .disconnections
            .with_label_values(&[&*code_label(code)])
            .inc();
        tracing::info!(
            r#type = "websocket",
            event = "disconnected",
            clientId = self.id,
            ip = %self.address,
            code,
            durationMs = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX),
            clients = self.server().hub.totals().clients.saturating_sub(1),
            "client disconnected"
        );
    }
}

/// A client may close with 3000 to 4999 as it likes; labels must not be its choice.
fn code_label(code: u16) -> String {
    match code {
        4401 | 4403 | 4408 => code.to_string(),
        3000..=4999 => "other".to_owned(),
        known => known.to_string(),
    }
}
