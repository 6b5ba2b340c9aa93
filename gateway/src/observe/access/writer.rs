//! The thread that writes lines away: workers only ever append to memory of their own.
//!
//! A line carries the moment its request ended, so that the file is in that order although each worker has its own
//! buffer, and gets its number here, so that workers need not count together.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::observe::PerWorker;
use crate::observe::time::number;

/// How long lines are collected before they are written together, unless none was written for so long.
const COLLECT: Duration = Duration::from_millis(5);
/// Bytes that may wait for a slow disk, for each worker; lines beyond are lost, and that is told.
const MOST: usize = 8 * 1024 * 1024;
/// Between two complaints about the same.
const COMPLAIN: Duration = Duration::from_secs(10);

/// Lines of one worker that wait.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) bytes: Vec<u8>,
    marks: Vec<Mark>,
}

/// One line: when its request ended, how long it is, and where its number goes.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Instant,
    length: usize,
    count_at: Option<usize>,
}

#[derive(Debug, Default)]
struct Orders {
    wake: bool,
    reopen: bool,
    stop: bool,
}

#[derive(Debug)]
pub(super) struct Shared {
    buffers: PerWorker<Mutex<Pending>>,
    /// Whether the writer knows that there is something. Read by workers for every line, written once a batch.
    told: AtomicBool,
    lost: AtomicU64,
    orders: Mutex<Orders>,
    ordered: Condvar,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    /// Appends a line of this worker: `write` puts it into the buffer and answers where its number goes.
    pub(super) fn push(&self, at: Instant, write: impl FnOnce(&mut Vec<u8>) -> Option<usize>) {
        {
            let mut pending = lock(self.buffers.mine());
            if pending.bytes.len() >= MOST {
                self.lost.fetch_add(1, Ordering::Relaxed);
                return;
            }
            let before = pending.bytes.len();
            let count_at = write(&mut pending.bytes);
            let length = pending.bytes.len() - before;
            pending.marks.push(Mark {
                at,
                length,
                count_at,
            });
        }
        if !self.told.load(Ordering::Relaxed) && !self.told.swap(true, Ordering::AcqRel) {
            self.order(|orders| orders.wake = true);
        }
    }

    pub(super) fn reopen(&self) {
        self.order(|orders| orders.reopen = true);
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        change(&mut lock(&self.orders));
        self.ordered.notify_one();
    }

    /// Waits for an order, or until `within` is over.
    fn next(&self, within: Option<Duration>) -> Orders {
        let orders = lock(&self.orders);
        let idle = |orders: &mut Orders| !(orders.wake || orders.reopen || orders.stop);
        let mut orders = match within {
            Some(within) => {
                let waited = self.ordered.wait_timeout_while(orders, within, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.ordered.wait_while(orders, idle);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
        std::mem::take(&mut *orders)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Writer {
    /// Opens the file (standard output without a path) and starts the thread.
    pub(super) fn start(path: Option<PathBuf>, workers: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            buffers: PerWorker::new(workers, |_| Mutex::default()),
            told: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            orders: Mutex::default(),
            ordered: Condvar::new(),
        });
        let out = match &path {
            Some(path) => Out::File(open(path)?),
            None => Out::Stdout,
        };
        let work = Work {
            shared: Arc::clone(&shared),
            path,
            out,
            held: Vec::new(),
            count: 0,
            complained: None,
        };
        let thread = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || work.run())?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Writes what waits and ends the thread.
    pub(super) fn close(&self) {
        self.shared.order(|orders| orders.stop = true);
        if let Some(thread) = lock(&self.thread).take() {
            thread.join().ok();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Opens a log file to append to it, with the folders above it.
fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

enum Out {
    Stdout,
    File(File),
}

struct Work {
    shared: Arc<Shared>,
    path: Option<PathBuf>,
    out: Out,
    /// Lines that ended after the last batch was begun.
    held: Vec<(Mark, Vec<u8>)>,
    count: u64,
    complained: Option<Instant>,
}

impl Work {
    fn run(mut self) {
        let mut wrote: Option<Instant> = None;
        loop {
            let within = (!self.held.is_empty()).then_some(COLLECT);
            let mut orders = self.shared.next(within);
            while let Some(wrote) = wrote
                && !orders.stop
                && !orders.reopen
            {
                let Some(left) = COLLECT.checked_sub(wrote.elapsed()) else {
                    break;
                };
                let more = self.shared.next(Some(left));
                orders.stop |= more.stop;
                orders.reopen |= more.reopen;
            }
            self.shared.told.store(false, Ordering::Release);
            let until = (!orders.stop && !orders.reopen).then(Instant::now);
            self.batch(until);
            wrote = Some(Instant::now());
            if orders.reopen {
                self.reopen();
            }
            if orders.stop {
                return;
            }
        }
    }

    /// Writes all lines that ended before `until`, in that order.
    fn batch(&mut self, until: Option<Instant>) {
        let mut taken = Vec::new();
        for buffer in self.shared.buffers.all() {
            let pending = std::mem::take(&mut *lock(buffer));
            if !pending.marks.is_empty() {
                taken.push(pending);
            }
        }
        let mut lines: Vec<(Mark, &[u8])> = self
            .held
            .iter()
            .map(|(mark, line)| (*mark, line.as_slice()))
            .collect();
        for pending in &taken {
            let mut rest = pending.bytes.as_slice();
            for mark in &pending.marks {
                let (line, after) = rest.split_at(mark.length.min(rest.len()));
                lines.push((*mark, line));
                rest = after;
            }
        }
        lines.sort_by_key(|(mark, _)| mark.at);
        let mut out = Vec::with_capacity(lines.iter().map(|(_, line)| line.len() + 12).sum());
        let mut held = Vec::new();
        for (mark, line) in lines {
            if until.is_some_and(|until| mark.at > until) {
                held.push((mark, line.to_vec()));
                continue;
            }
            self.count += 1;
            let (before, after) = line.split_at(mark.count_at.unwrap_or(0).min(line.len()));
            out.extend_from_slice(before);
            if mark.count_at.is_some() {
                number(&mut out, self.count);
            }
            out.extend_from_slice(after);
        }
        self.held = held;
        if !out.is_empty() {
            self.write(&out);
        }
        let lost = self.shared.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            self.complain(&format!(
                "{lost} lines of the access log are lost: the disk is slower than the requests"
            ));
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let written = match &mut self.out {
            Out::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush())
            }
            Out::File(file) => file.write_all(bytes),
        };
        if let Err(error) = written {
            self.complain(&format!("cannot write the access log: {error}"));
        }
    }

    fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        match open(path) {
            Ok(file) => self.out = Out::File(file),
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "cannot reopen the access log; still writing to the old file");
            }
        }
    }

    fn complain(&mut self, what: &str) {
        if self
            .complained
            .is_none_or(|last| last.elapsed() >= COMPLAIN)
        {
            self.complained = Some(Instant::now());
            tracing::error!("{what}");
        }
    }
}
