//! How loaded the process is, and the figures of a `metricsUpdate`.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

/// The unit of times in `/proc`, fixed by the kernel's interface.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE: f64 = 4096.0;

/// StreamMetrics of the specification, section 4.1. Encoder figures stay at rest: there is no encoder here.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamMetrics {
    pub fps: f64,
    pub bitrate: u64,
    pub dropped_frames: u64,
    pub encoder_latency: f64,
    pub buffer_health: f64,
    /// Percent of one core since the figures were last asked for.
    pub cpu_usage: f64,
    /// MB.
    pub memory_usage: f64,
    pub connected_clients: usize,
    pub messages_per_second: f64,
    pub queue_depth: usize,
}

/// Measures between two calls.
#[derive(Debug)]
pub struct Load(Mutex<Sample>);

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    cpu: f64,
    messages: u64,
    /// The result of the last measurement, good for a moment.
    rates: (f64, f64),
}

impl Load {
    pub fn new() -> Self {
        Self(Mutex::new(Sample {
            at: Instant::now(),
            cpu: usage().0,
            messages: 0,
            rates: (0.0, 0.0),
        }))
    }

    /// Percent of one core, resident MB, and messages a second, given how many there were in all.
    pub fn measure(&self, messages: u64) -> (f64, f64, f64) {
        let (cpu, memory) = usage();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = last.at.elapsed().as_secs_f64();
        // Several may ask; a second is the shortest that says something.
        if passed >= 1.0 {
            let sent = messages.saturating_sub(last.messages);
            #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
            let rates = ((cpu - last.cpu) / passed * 100.0, sent as f64 / passed);
            *last = Sample {
                at: Instant::now(),
                cpu,
                messages,
                rates: (tenths(rates.0), tenths(rates.1)),
            };
        }
        (last.rates.0, memory, last.rates.1)
    }
}

impl Default for Load {
    fn default() -> Self {
        Self::new()
    }
}

/// Seconds of processor time, and resident MB. Zero where there is no `/proc`.
fn usage() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    let number = |field: usize| -> f64 {
        let text = fields.get(field).copied().unwrap_or_default();
        text.parse().unwrap_or_default()
    };
    let memory = number(21) * PAGE / 1_000_000.0;
    ((number(11) + number(12)) / TICKS_PER_SECOND, tenths(memory))
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
