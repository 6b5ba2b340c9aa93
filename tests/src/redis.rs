//! A Redis server of the test's own, that can be killed and started again on the same port and data.

use std::time::Duration;

use anyhow::{Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::process::{self, Process};
use crate::{poll, ports, stream};

/// `redis-server` with a password, every write synced to disk before it is acknowledged.
pub struct Redis {
    pub port: u16,
    folder: TempDir,
    /// More options, at each start.
    options: Vec<String>,
    process: Option<Process>,
}

/// What clients have to present.
pub const PASSWORD: &str = "test-password";

impl Redis {
    /// Starts it and waits for its first PONG.
    pub async fn start() -> Result<Self> {
        Self::start_with(&[]).await
    }

    /// The same with more options of `redis-server`.
    pub async fn start_with(options: &[&str]) -> Result<Self> {
        let mut redis = Self {
            port: ports::free()?,
            folder: tempfile::tempdir()?,
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            process: None,
        };
        redis.restart().await?;
        Ok(redis)
    }

    /// As clients are told of it.
    pub fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port)
    }

    /// Ends it as a crash would.
    pub async fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill().await,
            None => bail!("redis-server does not run"),
        }
    }

    /// Stops it where it is, as an overloaded machine would: connections stay, and nobody answers.
    pub fn pause(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after [`Self::pause`].
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        match &self.process {
            Some(process) => process.signal(signal),
            None => bail!("redis-server does not run"),
        }
    }

    /// Starts it on the same port, with what it had on disk.
    pub async fn restart(&mut self) -> Result<()> {
        let port = self.port.to_string();
        let mut command = process::command("redis-server", self.folder.path());
        command.args([
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--requirepass",
            PASSWORD,
        ]);
        command.args([
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ]);
        command.args(&self.options);
        let process = self
            .process
            .insert(Process::start("redis-server", command)?);
        poll::until_true(
            "redis-server answering",
            Duration::from_secs(20),
            async || {
                process.still_runs()?;
                Ok(call(self.port, "PING").await?.starts_with("+PONG"))
            },
        )
        .await
    }

    /// One command in Redis's inline form, and the answer's bytes as text.
    pub async fn call(&self, line: &str) -> Result<String> {
        poll::soon("an answer of Redis", call(self.port, line)).await
    }
}

async fn call(port: u16, line: &str) -> Result<String> {
    let mut stream = stream::plain(port).await?;
    let text = format!("AUTH {PASSWORD}\r\n{line}\r\nQUIT\r\n");
    stream.write_all(text.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let answer = answer.strip_prefix("+OK\r\n").unwrap_or(&answer);
    Ok(answer.strip_suffix("+OK\r\n").unwrap_or(answer).to_owned())
}

/// The slots of a Redis Cluster.
const SLOTS: usize = 16_384;

/// Nodes of a cluster, each with an equal part of the slots and no replica. One that is away takes only its part away.
pub async fn cluster(count: usize) -> Result<Vec<Redis>> {
    let mut nodes = Vec::new();
    let mut buses = Vec::new();
    for _ in 0..count {
        let bus = ports::free()?.to_string();
        let options = [
            ["--cluster-enabled", "yes"],
            ["--cluster-port", &bus],
            ["--cluster-node-timeout", "2000"],
            ["--cluster-require-full-coverage", "no"],
            ["--masterauth", PASSWORD],
        ];
        nodes.push(Redis::start_with(&options.concat()).await?);
        buses.push(bus);
    }
    for (at, (node, bus)) in nodes.iter().zip(&buses).enumerate() {
        let (first, last) = part(at, count);
        let line = format!("CLUSTER ADDSLOTSRANGE {first} {last}");
        expect(&node.call(&line).await?, "+OK")?;
        if let (1.., Some(other)) = (at, nodes.first()) {
            let line = format!("CLUSTER MEET 127.0.0.1 {} {bus}", node.port);
            expect(&other.call(&line).await?, "+OK")?;
        }
    }
    for node in &nodes {
        poll::until_true("the cluster", poll::PATIENCE, async || {
            let info = node.call("CLUSTER INFO").await?;
            let all = format!("cluster_slots_assigned:{SLOTS}\r\ncluster_slots_ok:{SLOTS}");
            Ok(info.contains("cluster_state:ok") && info.contains(&all))
        })
        .await?;
    }
    Ok(nodes)
}

/// The first and the last slot of a node of [`cluster`].
pub fn part(at: usize, count: usize) -> (usize, usize) {
    (SLOTS * at / count, SLOTS * (at + 1) / count - 1)
}

fn expect(answer: &str, start: &str) -> Result<()> {
    match answer.starts_with(start) {
        true => Ok(()),
        false => bail!("Redis says {answer:?}"),
    }
}
