//! Whole bodies: the first part in memory, the rest in a file that has no name and goes away by itself.

use std::collections::VecDeque;
use std::fs::File;
use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::http::HeaderMap;
use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::http::{Body, ErrorKind, ProxyError, Side};

/// Kept in memory unless something else is configured.
const MEMORY: u64 = 1024 * 1024;

/// Bytes that are written to the file, or read from it, at once.
const PIECE: usize = 128 * 1024;

/// How long a body may be, and how much of it is in memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// `None` means any length.
    most: Option<u64>,
    memory: u64,
}

impl Limits {
    /// 0 means any length, and the usual memory.
    pub(super) fn new(most: i64, memory: i64) -> Result<Self, String> {
        let size = |what: &str, bytes: i64| {
            u64::try_from(bytes).map_err(|_| format!("{what} bytes should be >= 0 got {bytes}"))
        };
        let most = size("max", most)?;
        let memory = size("mem", memory)?;
        Ok(Self {
            most: (most > 0).then_some(most),
            memory: if memory == 0 { MEMORY } else { memory },
        })
    }

    /// Whether a body may be so long.
    pub(super) fn allow(&self, length: u64) -> bool {
        self.most.is_none_or(|most| length <= most)
    }
}

/// A body that is being kept.
pub(super) struct Storing {
    memory: Vec<Bytes>,
    in_memory: u64,
    /// Bytes that belong in the file and are not there yet.
    pending: BytesMut,
    file: Option<Arc<File>>,
    in_file: u64,
}

impl Storing {
    /// Reads `body` to its end; `None` where it is too long.
    pub(super) async fn read(
        mut body: Body,
        limits: &Limits,
    ) -> Result<Option<Stored>, ProxyError> {
        if let Body::Full(bytes) = &body
            && bytes.len() as u64 <= limits.memory
            && limits.allow(bytes.len() as u64)
        {
            return Ok(Some(Stored::whole(bytes.clone())));
        }
        let mut storing = Self {
            memory: Vec::new(),
            in_memory: 0,
            pending: BytesMut::new(),
            file: None,
            in_file: 0,
        };
        let mut trailers = None;
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                Ok(data) => {
                    if !limits.allow(storing.length() + data.len() as u64) {
                        return Ok(None);
                    }
                    storing.add(data, limits.memory).await.map_err(disk)?;
                }
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        storing.spill().await.map_err(disk)?;
        Ok(Some(storing.finish(trailers)))
    }

    fn length(&self) -> u64 {
        self.in_memory + self.in_file + self.pending.len() as u64
    }

    async fn add(&mut self, mut data: Bytes, memory: u64) -> io::Result<()> {
        let room = usize::try_from(memory.saturating_sub(self.in_memory)).unwrap_or(usize::MAX);
        let first = data.split_to(data.len().min(room));
        if !first.is_empty() {
            self.in_memory += first.len() as u64;
            self.memory.push(first);
        }
        self.pending.extend_from_slice(&data);
        if self.pending.len() >= PIECE {
            self.spill().await?;
        }
        Ok(())
    }

    /// Writes what is pending into the file, on a thread that may wait for the disk.
    async fn spill(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let bytes = self.pending.split().freeze();
        let (length, at) = (bytes.len() as u64, self.in_file);
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || {
            let file = match file {
                Some(file) => file,
                None => Arc::new(tempfile::tempfile()?),
            };
            file.write_all_at(&bytes, at)?;
            Ok::<_, io::Error>(file)
        });
        self.file = Some(written.await.map_err(io::Error::other)??);
        self.in_file += length;
        Ok(())
    }

    fn finish(mut self, trailers: Option<HeaderMap>) -> Stored {
        let memory = match self.memory.len() {
            0 | 1 => self.memory.pop().unwrap_or_default(),
            _ => self.memory.concat().into(),
        };
        Stored {
            memory,
            file: self.file,
            in_file: self.in_file,
            trailers,
        }
    }
}

fn disk(error: io::Error) -> ProxyError {
    tracing::error!(%error, "a body could not be kept in a temporary file");
    ProxyError::new(ErrorKind::Internal, Side::Gateway).because(error)
}

/// A whole body, to be sent any number of times.
#[derive(Debug)]
pub(super) struct Stored {
    memory: Bytes,
    file: Option<Arc<File>>,
    in_file: u64,
    trailers: Option<HeaderMap>,
}

impl Stored {
    fn whole(memory: Bytes) -> Self {
        Self {
            memory,
            file: None,
            in_file: 0,
            trailers: None,
        }
    }

    /// The body, from its start.
    pub(super) fn body(&self) -> Body {
        if self.file.is_none() && self.trailers.is_none() {
            return match self.memory.is_empty() {
                true => Body::Empty,
                false => Body::Full(self.memory.clone()),
            };
        }
        let mut frames = VecDeque::new();
        if !self.memory.is_empty() {
            frames.push_back(self.memory.clone());
        }
        Body::stream(Reading {
            memory: frames,
            file: self.file.clone(),
            at: 0,
            end: self.in_file,
            read: None,
            trailers: self.trailers.clone(),
            has_trailers: self.trailers.is_some(),
        })
    }
}

struct Reading {
    memory: VecDeque<Bytes>,
    file: Option<Arc<File>>,
    at: u64,
    end: u64,
    /// A piece on its way from the disk.
    read: Option<JoinHandle<io::Result<Bytes>>>,
    trailers: Option<HeaderMap>,
    has_trailers: bool,
}

impl Reading {
    fn start(file: Arc<File>, at: u64, end: u64) -> JoinHandle<io::Result<Bytes>> {
        let length = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
        tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; length];
            file.read_exact_at(&mut piece, at)?;
            Ok(piece.into())
        })
    }
}

impl http_body::Body for Reading {
    type Data = Bytes;
    type Error = ProxyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ProxyError>>> {
        let this = self.get_mut();
        if let Some(piece) = this.memory.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if let Some(file) = this.file.as_ref().filter(|_| this.at < this.end) {
            let read = this
                .read
                .get_or_insert_with(|| Self::start(Arc::clone(file), this.at, this.end));
            let piece = ready!(Pin::new(read).poll(cx));
            this.read = None;
            return Poll::Ready(Some(match piece.map_err(io::Error::other).flatten() {
                Ok(piece) => {
                    this.at += piece.len() as u64;
                    Ok(Frame::data(piece))
                }
                Err(error) => Err(disk(error)),
            }));
        }
        Poll::Ready(this.trailers.take().map(|found| Ok(Frame::trailers(found))))
    }

    fn is_end_stream(&self) -> bool {
        self.memory.is_empty() && self.at >= self.end && self.trailers.is_none()
    }

    /// A body with trailers is sent in chunks.
    fn size_hint(&self) -> SizeHint {
        if self.has_trailers {
            return SizeHint::new();
        }
        let memory: u64 = self.memory.iter().map(|piece| piece.len() as u64).sum();
        SizeHint::with_exact(memory + (self.end - self.at))
    }
}
