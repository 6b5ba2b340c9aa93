//! What happens in the run: changes and chat through both instances, and the faults; and what must be true after it.
//!
//! While Redis is away only one instance is written to: what two change on their own nobody can join (`degrade`).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use sluice_tests::http1::Client;
use sluice_tests::poll::{self, PATIENCE};
use sluice_tests::redis::Redis;
use sluice_tests::stack::Backend;
use sluice_tests::usage;

use crate::random::Random;

const LAYERS: u64 = 5;
const USERS: u64 = 200;
/// Chat messages that are kept: of older ones who comes late hears nothing.
const KEPT: usize = 200;

/// See the head of this file.
pub(crate) struct Driver {
    random: Random,
    redis: Redis,
    one: Backend,
    two: Backend,
    fault: Fault,
    truth: Truth,
    written: u64,
    refused: u64,
    faults: BTreeMap<&'static str, u64>,
}

/// What is true in the end.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// The number in each layer's content.
    pub(crate) layers: BTreeMap<String, u64>,
    /// Ids of the messages that were acknowledged and are still kept.
    pub(crate) chat: Vec<String>,
}

enum Fault {
    /// None; the next one not before.
    None(Instant),
    Paused(Instant),
    Killed(Instant),
    /// Redis is back, and what was changed meanwhile is being stored.
    Catching,
}

impl Driver {
    pub(crate) async fn new(
        random: Random,
        redis: Redis,
        one: Backend,
        two: Backend,
    ) -> Result<Self> {
        let mut truth = Truth::default();
        for number in 0..LAYERS {
            let id = format!("l{number}");
            let body = json!({"id": id, "type": "text"}).to_string();
            let made = one.post("/stream/layers", &body).await?;
            ensure!(made.status == 201, "{}", made.text());
            truth.layers.insert(id, 0);
        }
        one.post("/stream/start", "").await?;
        Ok(Self {
            random,
            redis,
            one,
            two,
            fault: Fault::None(Instant::now() + Duration::from_secs(1)),
            truth,
            written: 0,
            refused: 0,
            faults: BTreeMap::new(),
        })
    }

    pub(crate) async fn run(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.faults().await?;
            match self.random.below(10) {
                0..=5 => self.change().await?,
                6..=8 => self.say().await?,
                _ => self.control().await?,
            }
        }
        Ok(())
    }

    /// The instance that is written to next.
    fn port(&mut self) -> u16 {
        let both = matches!(self.fault, Fault::None(_));
        match both && self.random.one_in(2) {
            true => self.two.api,
            false => self.one.api,
        }
    }

    async fn faults(&mut self) -> Result<()> {
        let now = Instant::now();
        let pause = |random: &mut Random| Duration::from_millis(300 + random.below(1500));
        match self.fault {
            Fault::None(next) if now >= next => {
                let until = now + pause(&mut self.random);
                let (name, fault) = match self.random.below(3) {
                    0 => {
                        self.redis.pause()?;
                        ("Redis paused", Fault::Paused(until))
                    }
                    1 => {
                        self.redis.kill().await?;
                        ("Redis killed", Fault::Killed(until))
                    }
                    _ => {
                        self.two.process.kill().await?;
                        self.two.restart().await?;
                        ("instance killed", Fault::Catching)
                    }
                };
                *self.faults.entry(name).or_default() += 1;
                self.fault = fault;
            }
            Fault::Paused(until) if now >= until => {
                self.redis.resume()?;
                self.fault = Fault::Catching;
            }
            Fault::Killed(until) if now >= until => {
                self.redis.restart().await?;
                self.fault = Fault::Catching;
            }
            Fault::Catching if self.is_stored().await? => {
                let calm = Duration::from_millis(500 + self.random.below(1500));
                self.fault = Fault::None(now + calm);
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether both have stored what they have, and have the same.
    async fn is_stored(&self) -> Result<bool> {
        let mut versions = Vec::new();
        for instance in [&self.one, &self.two] {
            let health = instance.get("/health").await?.json()?;
            let state = &health["components"]["state"];
            if state["dirty"] != false || health["components"]["redis"]["status"] != "ok" {
                return Ok(false);
            }
            versions.push((state["stateVersion"].clone(), state["epoch"].clone()));
        }
        Ok(versions[0] == versions[1])
    }

    async fn call(
        &mut self,
        method: &str,
        path: &str,
        user: u64,
        body: &Value,
    ) -> Result<(u16, Value)> {
        let port = self.port();
        let mut client = Client::connect(port).await?;
        let (body, from) = (
            body.to_string(),
            format!("198.51.{}.{}", user / 200, user % 200 + 1),
        );
        let length = body.len();
        client
            .send(format!(
                "{method} {path} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {from}\r\nContent-Length: {length}\r\n\r\n{body}"
            ))
            .await?;
        let answer = client.answer().await?;
        Ok((answer.status, answer.json()?))
    }

    async fn change(&mut self) -> Result<()> {
        let id = format!("l{}", self.random.below(LAYERS));
        self.written += 1;
        let number = self.written;
        let body = json!({"data": {"n": number, "text": "x".repeat(100)}});
        let path = format!("/stream/layers/{id}/content");
        let (status, answer) = self.call("PATCH", &path, 0, &body).await?;
        match status {
            200 => {
                self.truth.layers.insert(id, number);
            }
            // Another instance was faster five times, or the store was slow: then nothing was changed.
            409 | 503 => self.refused += 1,
            _ => anyhow::bail!("{status}: {answer}"),
        }
        Ok(())
    }

    async fn say(&mut self) -> Result<()> {
        let user = self.random.below(USERS);
        let body =
            json!({"text": format!("{user}"), "user": {"id": format!("u{user}"), "name": "U"}});
        let (status, answer) = self.call("POST", "/stream/chat", user, &body).await?;
        match status {
            200 => {
                let id = answer["data"]["id"].as_str().context("an id")?;
                self.truth.chat.push(id.to_owned());
            }
            429 => self.refused += 1,
            _ => anyhow::bail!("{status}: {answer}"),
        }
        Ok(())
    }

    async fn control(&mut self) -> Result<()> {
        let (status, answer) = self.call("POST", "/stream/pause", 0, &json!({})).await?;
        ensure!(matches!(status, 200 | 409 | 503), "{status}: {answer}");
        Ok(())
    }

    /// Ends the faults and waits until both instances are of one mind; what must be true then.
    pub(crate) async fn settle(&mut self) -> Result<Truth> {
        match self.fault {
            Fault::Paused(_) => self.redis.resume()?,
            Fault::Killed(_) => self.redis.restart().await?,
            Fault::None(_) | Fault::Catching => {}
        }
        self.fault = Fault::Catching;
        let what = "both instances of one mind";
        poll::until_true(what, Duration::from_secs(30), async || {
            self.is_stored().await
        })
        .await?;
        let mut truth = std::mem::take(&mut self.truth);
        let first = truth.chat.len().saturating_sub(KEPT / 2);
        truth.chat.drain(..first);
        for instance in [&self.one, &self.two] {
            let listed = instance.get("/stream/layers").await?.json()?;
            for layer in listed["data"].as_array().into_iter().flatten() {
                let id = layer["id"].as_str().unwrap_or_default();
                let number = layer["content"]["data"]["n"].as_u64().unwrap_or(0);
                ensure!(
                    truth.layers.get(id) == Some(&number),
                    "{id}: {number}, {truth:?}"
                );
            }
        }
        Ok(truth)
    }

    /// What was done.
    pub(crate) fn told(&self) -> String {
        format!(
            "stress: {} changes, {} refused, faults {:?}",
            self.written, self.refused, self.faults
        )
    }

    /// Everybody has gone: so have sockets, and the memory that they took.
    pub(crate) async fn nothing_is_left(
        &self,
        files: usize,
        memory: u64,
        growth: u64,
    ) -> Result<()> {
        let id = self.one.process.id();
        poll::until_true("files as before", PATIENCE, async || {
            // Connections to Redis that were not there at first.
            Ok(usage::descriptors(id)? <= files + 6)
        })
        .await?;
        let now = usage::resident_bytes(id)?;
        ensure!(now < memory + growth, "{memory} bytes, and {now} after it");
        Ok(())
    }
}
