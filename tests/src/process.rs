//! A child process with its log: ended by its own id, and heard when the test fails.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::poll;

/// How many lines of a log are shown for a failed test.
const SHOWN: usize = 200;
/// What a program gets between SIGTERM and SIGKILL when its test is over.
const GRACE: Duration = Duration::from_secs(3);

/// A program with nothing of our environment but what every program needs.
pub fn command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().current_dir(folder);
    for name in ["PATH", "HOME", "LANG", "TMPDIR"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("RUST_BACKTRACE", "1");
    command
}

/// A running child. Dropping it ends it: SIGTERM, a few seconds, SIGKILL.
pub struct Process {
    name: String,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Process {
    /// Starts it; its output is collected line by line.
    pub fn start(name: &str, command: Command) -> Result<Self> {
        Self::spawn(name, command, Stdio::null())
    }

    /// As [`Self::start`], for a program that is told something by [`Self::tell`].
    pub fn start_listening(name: &str, command: Command) -> Result<Self> {
        Self::spawn(name, command, Stdio::piped())
    }

    /// Writes a line to its standard input.
    pub fn tell(&mut self, line: &str) -> Result<()> {
        let input = self.child.stdin.as_mut().context("it has no input")?;
        writeln!(input, "{line}")?;
        Ok(input.flush()?)
    }

    fn spawn(name: &str, mut command: Command, input: Stdio) -> Result<Self> {
        command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| {
            format!("cannot start {name} ({})", command.get_program().display())
        })?;
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut readers = Vec::new();
        if let Some(output) = child.stdout.take() {
            readers.push(collect(output, Arc::clone(&log)));
        }
        if let Some(output) = child.stderr.take() {
            readers.push(collect(output, Arc::clone(&log)));
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
            readers,
        })
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far, both streams in the order they came.
    pub fn log(&self) -> String {
        let lines = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        lines.join("\n")
    }

    /// Fails when it has ended by itself.
    pub fn still_runs(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} has ended by itself: {status}", self.name),
        }
    }

    /// Asks it to end, as a service manager does.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Sends any other signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id())?;
        let id = Pid::from_raw(id).context("a process id is never 0")?;
        kill_process(id, signal).with_context(|| format!("cannot signal {}", self.name))
    }

    /// Ends it at once, as a crash would.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.exit(poll::PATIENCE).await.map(drop)
    }

    /// Waits for its end; its log is complete afterwards.
    pub async fn exit(&mut self, within: Duration) -> Result<ExitStatus> {
        let child = &mut self.child;
        let what = format!("the end of {}", self.name);
        let status = poll::until(&what, within, async || Ok(child.try_wait()?)).await?;
        for reader in self.readers.drain(..) {
            // A grandchild may hold the pipe open; its output is not ours.
            if reader.is_finished() {
                let _ = reader.join();
            }
        }
        Ok(status)
    }

    /// Waits until its log holds `text`.
    pub async fn says(&mut self, text: &str) -> Result<()> {
        let what = format!("{} saying {text:?}", self.name);
        poll::until_true(&what, poll::PATIENCE, async || {
            Ok(self.log().contains(text))
        })
        .await
    }

    #[expect(clippy::disallowed_methods, reason = "a destructor can't await")]
    fn end(&mut self) {
        if self.terminate().is_ok() {
            let start = Instant::now();
            while start.elapsed() < GRACE {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                thread::sleep(Duration::from_millis(10));
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn show(&self) {
        let lines = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = lines.len().saturating_sub(SHOWN);
        eprintln!("---- log of {} ({skipped} lines left out)", self.name);
        for line in lines.iter().skip(skipped) {
            eprintln!("{line}");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.end();
        }
        // The test harness keeps the output of a test that passes, so this is seen for failures only, those by `?` included.
        self.show();
    }
}

fn collect(
    output: impl Read + Send + 'static,
    log: Arc<Mutex<Vec<String>>>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while matches!(output.read_until(b'\n', &mut line), Ok(length) if length > 0) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            log.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(text);
            line.clear();
        }
    })
}
