//! The tunnel: bytes both ways between two connections, untouched, until both have ended.
//!
//! One small future for both directions. While nothing comes it holds no buffer: a read borrows the
//! worker's, and only bytes that the other side does not take at once are kept (which stops reading, so
//! that a slow reader slows the sender down and nothing grows).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Deadline, Look, Side, Stream, Watch, buffer};

/// How long both sides have for a farewell: to take it, and to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// How a tunnel behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct TunnelOptions {
    /// Ends a tunnel on which nothing has come from either side for so long. `None` never does.
    pub idle_timeout: Option<Duration>,
}

/// Why a tunnel has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// Both sides have ended.
    Closed,
    /// Nothing came for too long.
    Idle,
    /// It was as old as it may become.
    Old,
    /// What watches it did not like what it saw.
    Refused,
    /// The client's connection broke.
    ClientBroke,
    /// The server's connection broke.
    ServerBroke,
}

/// What a tunnel has carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Bytes from the client that the server took.
    pub sent: u64,
    /// Bytes from the server that the client took.
    pub received: u64,
    /// Why it ended.
    pub reason: EndReason,
}

/// Joins two connections. `to_server` and `to_client` were read already and go first.
pub fn tunnel(
    client: Stream,
    server: Stream,
    to_server: Bytes,
    to_client: Bytes,
    options: TunnelOptions,
) -> Tunnel {
    Tunnel {
        client,
        server,
        up: Half::new(Side::Client, to_server),
        down: Half::new(Side::Server, to_client),
        idle_timeout: options.idle_timeout,
        deadline: None,
        watched: None,
    }
}

/// The future of [`tunnel`]. Dropping it closes both connections.
#[derive(Debug)]
pub struct Tunnel {
    client: Stream,
    server: Stream,
    up: Half,
    down: Half,
    idle_timeout: Option<Duration>,
    deadline: Option<Box<Deadline>>,
    watched: Option<Box<Watched>>,
}

/// What only watched tunnels have.
#[derive(Debug)]
struct Watched {
    watch: Box<dyn Watch>,
    /// The end of its life; later that of the farewell.
    clock: Deadline,
    /// Why it ends; the farewell is under way.
    parting: Option<EndReason>,
}

/// One direction.
#[derive(Debug)]
struct Half {
    /// Where it comes from.
    side: Side,
    /// Read, but not taken by the other side yet.
    pending: Bytes,
    /// Read, but not judged by the watch yet.
    kept: Box<[u8]>,
    /// The farewell is said, or waits in `pending`.
    parted: bool,
    carried: u64,
    state: State,
    /// Written, but maybe still in a TLS session's buffer.
    unflushed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The sender has ended; the receiver is not told yet.
    Ending,
    /// The receiver is told; what else the sender says goes nowhere. Closing with it unread would reset the connection,
    /// and the sender might lose its own farewell.
    Draining,
    Ended,
}

/// Which end of a direction broke.
enum Broke {
    From,
    To,
}

impl Half {
    fn new(side: Side, pending: Bytes) -> Self {
        Self {
            side,
            pending,
            kept: Box::default(),
            parted: false,
            carried: 0,
            state: State::Open,
            unflushed: false,
        }
    }

    /// Carries what there is. Ready once the direction has ended. `moved` is set if any bytes came.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        (from, to): (&mut Stream, &mut Stream),
        watched: &mut Option<Box<Watched>>,
        moved: &mut bool,
    ) -> Poll<Result<(), Broke>> {
        loop {
            while !self.pending.is_empty() {
                let wrote = ready!(Pin::new(&mut *to).poll_write(cx, &self.pending));
                self.took(&wrote).map(|wrote| self.pending.advance(wrote))?;
                if self.pending.is_empty() {
                    // Let go of what the bytes were a part of.
                    self.pending = Bytes::new();
                }
            }
            match self.state {
                State::Ended => return Poll::Ready(Ok(())),
                State::Ending => {
                    // A receiver that is gone already needs no end.
                    let _ = ready!(Pin::new(&mut *to).poll_shutdown(cx));
                    self.state = match self.parted {
                        true => State::Draining,
                        false => State::Ended,
                    };
                }
                State::Draining => {
                    if ready!(poll_discard(cx, from)) == 0 {
                        self.state = State::Ended;
                    }
                }
                State::Open => {
                    let Poll::Ready(read) = self.poll_carry(cx, from, to, watched)? else {
                        return self.poll_flush(cx, to);
                    };
                    *moved = true;
                    if read == 0 {
                        // A sender that ends in the middle of something: so does the receiver see it.
                        self.pending = std::mem::take(&mut self.kept).into();
                        self.state = State::Ending;
                    }
                }
            }
        }
    }

    /// Reads once, and writes at once what was read, as far as the watch lets it pass.
    fn poll_carry(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        watched: &mut Option<Box<Watched>>,
    ) -> Result<Poll<usize>, Broke> {
        buffer::with(|space| {
            let mut target = ReadBuf::new(space);
            // What is kept is a part of one head: there is room.
            target.put_slice(&self.kept);
            match Pin::new(from).poll_read(cx, &mut target) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(Ok(())) => {}
                // TLS without its goodbye: for a tunnel an end like any other.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(Poll::Ready(0));
                }
                Poll::Ready(Err(_)) => return Err(Broke::From),
            }
            let all = target.filled();
            let read = all.len() - self.kept.len();
            if read == 0 {
                return Ok(Poll::Ready(0));
            }
            let Some(watch) = watched.as_mut().map(|watched| &mut watched.watch) else {
                self.forward(cx, to, all)?;
                return Ok(Poll::Ready(read));
            };
            let look = watch.look(self.side, all);
            let (passed, kept) = all.split_at_checked(look.pass).unwrap_or((all, &[]));
            self.kept = kept.into();
            if !passed.is_empty() {
                self.forward(cx, to, passed)?;
            }
            if look.last {
                self.part(watch.farewell(self.side.other()));
            }
            Ok(Poll::Ready(read))
        })
    }

    /// Writes at once what can be written, and keeps the rest.
    fn forward(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut Stream,
        bytes: &[u8],
    ) -> Result<(), Broke> {
        let wrote = match Pin::new(to).poll_write(cx, bytes) {
            Poll::Ready(wrote) => self.took(&wrote)?,
            Poll::Pending => 0,
        };
        if let Some(rest) = bytes.get(wrote..)
            && !rest.is_empty()
        {
            self.pending = Bytes::copy_from_slice(rest);
        }
        Ok(())
    }

    /// Judges what was read before the tunnel was one.
    fn first_look(&mut self, watch: &mut dyn Watch) {
        let Look { pass, last } = watch.look(self.side, &self.pending);
        let kept = self.pending.split_off(pass.min(self.pending.len()));
        self.kept = (&*kept).into();
        if last {
            self.part(watch.farewell(self.side.other()));
        }
    }

    /// Says the farewell where this is a place for it.
    fn part_if_between(&mut self, watch: &mut dyn Watch) {
        if self.state == State::Open && watch.look(self.side, &[]).last {
            self.part(watch.farewell(self.side.other()));
        }
    }

    /// After what is pending comes the farewell, and then the end.
    fn part(&mut self, farewell: Bytes) {
        self.kept = Box::default();
        self.pending = match self.pending.is_empty() {
            true => farewell,
            false => [&*self.pending, &*farewell].concat().into(),
        };
        self.parted = true;
        self.state = State::Ending;
    }

    fn took(&mut self, wrote: &io::Result<usize>) -> Result<usize, Broke> {
        match wrote {
            Ok(wrote) if *wrote > 0 => {
                self.carried += *wrote as u64;
                self.unflushed = true;
                Ok(*wrote)
            }
            _ => Err(Broke::To),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Poll<Result<(), Broke>> {
        if self.unflushed {
            match ready!(Pin::new(to).poll_flush(cx)) {
                Ok(()) => self.unflushed = false,
                Err(_) => return Poll::Ready(Err(Broke::To)),
            }
        }
        Poll::Pending
    }
}

/// Reads what nobody is to get. Zero is the end, or a connection that broke.
fn poll_discard(cx: &mut Context<'_>, from: &mut Stream) -> Poll<usize> {
    buffer::with(|space| {
        let mut target = ReadBuf::new(space);
        let read = ready!(Pin::new(from).poll_read(cx, &mut target));
        Poll::Ready(read.map_or(0, |()| target.filled().len()))
    })
}

impl Tunnel {
    /// The same under the eyes of `watch`, for `lifetime` at most.
    #[must_use]
    pub fn watched(mut self, mut watch: Box<dyn Watch>, lifetime: Option<Duration>) -> Self {
        self.up.first_look(&mut *watch);
        self.down.first_look(&mut *watch);
        self.watched = Some(Box::new(Watched {
            watch,
            clock: lifetime.map_or_else(Deadline::new, Deadline::after),
            parting: None,
        }));
        self
    }

    fn tally(&self, reason: EndReason) -> Tally {
        let parting = self.watched.as_ref().and_then(|watched| watched.parting);
        Tally {
            sent: self.up.carried,
            received: self.down.carried,
            reason: parting.unwrap_or(reason),
        }
    }

    /// Carries in both directions, and says whether anything moved.
    fn poll_both(&mut self, cx: &mut Context<'_>, moved: &mut bool) -> Poll<EndReason> {
        // A farewell to one side does not depend on whether the other is still there.
        let parting = self
            .watched
            .as_ref()
            .is_some_and(|one| one.parting.is_some());
        let ways = (&mut self.client, &mut self.server);
        let up = match self.up.poll(cx, ways, &mut self.watched, moved) {
            Poll::Ready(Err(_)) if parting => true,
            Poll::Ready(Err(Broke::From)) => return Poll::Ready(EndReason::ClientBroke),
            Poll::Ready(Err(Broke::To)) => return Poll::Ready(EndReason::ServerBroke),
            Poll::Ready(Ok(())) => true,
            Poll::Pending => false,
        };
        let ways = (&mut self.server, &mut self.client);
        let down = match self.down.poll(cx, ways, &mut self.watched, moved) {
            Poll::Ready(Err(_)) if parting => true,
            Poll::Ready(Err(Broke::From)) => return Poll::Ready(EndReason::ServerBroke),
            Poll::Ready(Err(Broke::To)) => return Poll::Ready(EndReason::ClientBroke),
            Poll::Ready(Ok(())) => true,
            Poll::Pending => false,
        };
        match up && down {
            true => Poll::Ready(EndReason::Closed),
            false => Poll::Pending,
        }
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>, moved: bool) -> Poll<()> {
        let Some(timeout) = self.idle_timeout else {
            return Poll::Pending;
        };
        let deadline = self
            .deadline
            .get_or_insert_with(|| Box::new(Deadline::after(timeout)));
        if moved {
            deadline.set(timeout);
        }
        deadline.poll_expired(cx)
    }

    /// Whether it is time to end, for whatever reason.
    fn poll_end(&mut self, cx: &mut Context<'_>, moved: bool) -> Poll<EndReason> {
        if let Some(watched) = &self.watched {
            let expired = watched.clock.poll_expired(cx).is_ready();
            match watched.parting {
                Some(reason) if expired => return Poll::Ready(reason),
                Some(_) => return Poll::Pending,
                None if watched.watch.is_ending() => return Poll::Ready(EndReason::Refused),
                None if expired => return Poll::Ready(EndReason::Old),
                None => {}
            }
        }
        ready!(self.poll_idle(cx, moved));
        Poll::Ready(EndReason::Idle)
    }

    /// Begins the farewell; `false` where there is none, or it took too long.
    fn part(&mut self, reason: EndReason) -> bool {
        let Some(watched) = self.watched.as_mut().filter(|one| one.parting.is_none()) else {
            return false;
        };
        if !watched.watch.is_ending() {
            watched.watch.time_is_up(reason);
        }
        watched.parting = Some(reason);
        watched.clock.set(FAREWELL);
        self.up.part_if_between(&mut *watched.watch);
        self.down.part_if_between(&mut *watched.watch);
        true
    }
}

impl Future for Tunnel {
    type Output = Tally;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Tally> {
        let this = self.get_mut();
        loop {
            let mut moved = false;
            if let Poll::Ready(reason) = this.poll_both(cx, &mut moved) {
                return Poll::Ready(this.tally(reason));
            }
            let reason = ready!(this.poll_end(cx, moved));
            if !this.part(reason) {
                return Poll::Ready(this.tally(reason));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::JoinHandle;

    use super::*;

    fn run(test: impl Future<Output = ()> + 'static) {
        let runtime = tokio::runtime::LocalRuntime::new().unwrap();
        runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(20), test)
                .await
                .expect("in time");
        });
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await;
        (client.unwrap(), listener.accept().await.unwrap().0)
    }

    /// The outer ends of a tunnel, and the tunnel.
    async fn joined(
        to_server: &'static [u8],
        to_client: &'static [u8],
        idle_timeout: Option<Duration>,
    ) -> (TcpStream, TcpStream, JoinHandle<Tally>) {
        let (client, inner_client) = pair().await;
        let (server, inner_server) = pair().await;
        let options = TunnelOptions { idle_timeout };
        let task = tokio::task::spawn_local(tunnel(
            Stream::Tcp(inner_client),
            Stream::Tcp(inner_server),
            Bytes::from_static(to_server),
            Bytes::from_static(to_client),
            options,
        ));
        (client, server, task)
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Tunnel>() <= 256, "{}", size_of::<Tunnel>());
    }

    #[test]
    fn what_was_read_goes_first_and_an_end_is_passed_on() {
        run(async {
            let (mut client, mut server, task) = joined(b"early ", b"hello ", None).await;
            client.write_all(b"late").await.unwrap();
            client.shutdown().await.unwrap();
            let mut got = Vec::new();
            server.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, b"early late");
            // The other direction is still open.
            server.write_all(b"world").await.unwrap();
            drop(server);
            let mut got = Vec::new();
            client.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, b"hello world");
            let tally = task.await.unwrap();
            assert_eq!((tally.sent, tally.received), (10, 11));
            assert_eq!(tally.reason, EndReason::Closed);
        });
    }

    #[test]
    fn megabytes_cross_in_both_directions_at_once() {
        const SIZE: usize = 3_000_000;
        run(async {
            let (client, server, task) = joined(b"", b"", None).await;
            let both = [client, server].map(|end| {
                tokio::task::spawn_local(async move {
                    let (mut read, mut write) = end.into_split();
                    let writer = tokio::task::spawn_local(async move {
                        let data: Vec<u8> = (0..SIZE).map(|i| (i % 251) as u8).collect();
                        write.write_all(&data).await.unwrap();
                    });
                    let mut got = Vec::new();
                    read.read_to_end(&mut got).await.unwrap();
                    writer.await.unwrap();
                    got
                })
            });
            for end in both {
                let got = end.await.unwrap();
                assert_eq!(got.len(), SIZE);
                assert!(
                    got.iter()
                        .enumerate()
                        .all(|(i, byte)| *byte == (i % 251) as u8)
                );
            }
            assert_eq!(task.await.unwrap().sent, SIZE as u64);
        });
    }

    #[test]
    fn a_slow_reader_slows_the_sender_down() {
        run(async {
            let (client, _server, _task) = joined(b"", b"", None).await;
            let data = vec![0; 64 * 1024];
            let mut sent = 0;
            // The kernel's buffers fill up, then nothing more is taken.
            while let Ok(written) = tokio::time::timeout(Duration::from_millis(300), async {
                client.writable().await.map(|()| client.try_write(&data))
            })
            .await
            {
                sent += written.unwrap().unwrap_or(0);
                assert!(sent < 64 << 20, "the tunnel swallows everything");
            }
        });
    }

    #[test]
    fn an_idle_tunnel_ends_and_a_busy_one_does_not() {
        run(async {
            let timeout = Duration::from_millis(400);
            let (mut client, mut server, task) = joined(b"", b"", Some(timeout)).await;
            for _ in 0..8 {
                client.write_all(b"x").await.unwrap();
                assert_eq!(server.read_u8().await.unwrap(), b'x');
                tokio::time::sleep(timeout / 4).await;
            }
            assert!(!task.is_finished());
            assert_eq!(task.await.unwrap().reason, EndReason::Idle);
        });
    }

    #[test]
    fn a_reset_ends_it() {
        run(async {
            let (client, _server, task) = joined(b"", b"", None).await;
            socket2::SockRef::from(&client)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
            drop(client);
            assert_eq!(task.await.unwrap().reason, EndReason::ClientBroke);
        });
    }
}
