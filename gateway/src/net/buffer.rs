//! Read buffers, pooled per worker thread.
//!
//! An idle connection holds none: it borrows one inside `poll_read` and gives it back when the socket
//! has nothing (`Poll::Pending`). So memory follows the traffic, not the number of connections.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

/// Size of a pooled buffer, and so the most that one read takes.
pub const SIZE: usize = 32 * 1024;
/// Buffers kept for reuse by one worker; more are freed when they come back.
const KEPT: usize = 64;

thread_local! {
    static FREE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Runs `read` with a pooled buffer; the buffer is back in the pool when this returns.
pub fn with<R>(read: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = FREE
        .with_borrow_mut(Vec::pop)
        .unwrap_or_else(|| vec![0; SIZE].into_boxed_slice());
    let result = read(&mut buffer);
    FREE.with_borrow_mut(|free| {
        if free.len() < KEPT {
            free.push(buffer);
        }
    });
    result
}

/// Reads once and appends what came to `into`, which grows only when there is something.
/// Answers the number of bytes; 0 is the end of the stream.
pub fn poll_read_into<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    into: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    with(|buffer| {
        let mut target = ReadBuf::new(buffer);
        ready!(Pin::new(stream).poll_read(cx, &mut target))?;
        into.extend_from_slice(target.filled());
        Poll::Ready(Ok(target.filled().len()))
    })
}

/// Reads once and answers what came as its own `Bytes`, at most `limit` bytes; empty is the end of the stream.
pub fn poll_read_bytes<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    limit: usize,
) -> Poll<io::Result<Bytes>> {
    with(|buffer| {
        let end = limit.min(buffer.len());
        let mut target = ReadBuf::new(&mut buffer[..end]);
        ready!(Pin::new(stream).poll_read(cx, &mut target))?;
        Poll::Ready(Ok(Bytes::copy_from_slice(target.filled())))
    })
}
