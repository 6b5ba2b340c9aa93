//! A session as the hub sees it: it takes what is published, and looks at its clocks.

use std::io::{self, IoSlice};
use std::time::Instant;

use super::phase::ABNORMAL;
use super::{Phase, Session};
use crate::hub::{Channel, Client, Farewell, Lane, Message, Pipe, Publication, Pushed};
use crate::ws::close::Close;
use crate::ws::socket::forget;
use crate::ws::wire;

impl Client for Session {
    fn offer(&self, publication: &Publication) {
        // It may have left the channel while the shard was walking its list.
        if !self.targets.get().contains(publication.channel) {
            return;
        }
        let known = self.known.get(publication.channel as usize);
        if known.is_some_and(|known| (1..=known.get()).contains(&publication.version)) {
            return;
        }
        let audience = publication.audience;
        if audience != 0 && audience & self.choice.get().audience() == 0 {
            return;
        }
        let bounds = &self.server().settings.bounds;
        let mut outbox = self.outbox.borrow_mut();
        let offered = outbox.offer(publication, bounds, self);
        let blocked = !outbox.is_empty();
        drop(outbox);
        self.shard.local().published(publication.message.at());
        match offered {
            Ok(Pushed::Kept) => {}
            Ok(Pushed::Dropped(count)) => {
                if publication.lane == Lane::Frame {
                    self.frame_dropped();
                }
                self.dropped(publication.message.kind(), count);
            }
            Ok(Pushed::Overflow) => self.close(Close::SLOW),
            Ok(Pushed::NeedsSnapshot(count)) => {
                self.dropped(publication.message.kind(), count);
                self.send_layers();
            }
            Err(_) => self.drop_connection(ABNORMAL),
        }
        if blocked {
            // Its task has to wait for the socket to become writable.
            self.wake();
        }
    }

    fn sweep(&self, now: Instant) {
        let settings = &self.server().settings;
        let blocked = self.outbox.borrow().blocked_for(now);
        let slow = blocked.is_some_and(|blocked| blocked >= settings.write_timeout);
        match self.phase.get() {
            // A close frame would have to wait behind what is blocked.
            Phase::Open if slow => {
                forget(&self.socket);
                self.drop_connection(Close::SLOW.code);
            }
            Phase::Open if self.identity.is_over(now) => self.close(Close::EXPIRED),
            Phase::Open => {
                self.heartbeat(now);
                self.perform(now);
            }
            phase => {
                let since = phase.ending_since();
                let waited = since.map(|since| now.saturating_duration_since(since));
                if waited.is_some_and(|waited| waited >= settings.closing) {
                    self.drop_connection(phase.code());
                }
            }
        }
    }

    fn leave(&self, farewell: &Farewell) {
        if self.phase.get() != Phase::Open {
            return;
        }
        let (message, close) = (farewell.message.clone(), farewell.close.clone());
        self.outbox.borrow_mut().close_after(message, close);
        let since = Instant::now();
        let code = Close::RESTART.code;
        self.phase.set(Phase::Closing { since, code });
        self.wake();
    }

    fn waiting(&self) -> (usize, usize) {
        self.outbox.borrow().size()
    }
}

impl Session {
    fn dropped(&self, kind: &'static str, count: usize) {
        let dropped = &self.server().metrics.ws.dropped;
        let counter = dropped.with_label_values(&[kind, "slow_client"]);
        counter.inc_by(count as u64);
    }

    /// Too many deltas wait: one snapshot takes their place, and that of snapshots that wait already.
    fn send_layers(&self) {
        let (publication, version) = {
            let retained = self.shard.retained();
            (wire::layers_replaced(&retained), retained.version)
        };
        if let Some(known) = self.known.get(Channel::Layers as usize) {
            known.set(version);
        }
        let bounds = &self.server().settings.bounds;
        if self
            .outbox
            .borrow_mut()
            .offer(&publication, bounds, self)
            .is_err()
        {
            self.drop_connection(ABNORMAL);
        }
    }

    fn heartbeat(&self, now: Instant) {
        let settings = &self.server().settings;
        if now.saturating_duration_since(self.heard.get()) >= settings.timeout {
            self.close(Close::SILENT);
            return;
        }
        let (pinged, _) = self.pinged.get();
        if now.saturating_duration_since(pinged) >= settings.ping_interval {
            self.pinged.set((now, true));
            self.send(Message::ping(b""));
            if self.json_pings.get() {
                self.send(wire::ping());
            }
        }
    }
}

impl Pipe for Session {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.try_write(bytes)
    }

    fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.socket.try_write_vectored(pieces)
    }

    fn sent(&self, message: &Message) {
        if self.counts() {
            self.shard.local().sent(message);
            if message.kind() == "frame" {
                self.frame_sent(message);
            }
        }
    }
}
