//! The standard `process_…` metrics, from Linux's `/proc`. Elsewhere they stay 0.

use std::fs;
use std::sync::{Mutex, PoisonError};

use prometheus::{Counter, Error, Gauge, IntGauge};

use super::register::Register;

/// The unit of times in `/proc`, fixed by the kernel's interface.
const TICKS_PER_SECOND: f64 = 100.0;
/// The kernel counts memory in pages here; 4 KiB on every machine that is built for.
const PAGE: i64 = 4096;

#[derive(Debug)]
pub(super) struct Process {
    cpu: Counter,
    /// What `cpu` was set from last: a counter can only be added to.
    counted: Mutex<f64>,
    memory: IntGauge,
    start: Gauge,
    open_files: IntGauge,
    max_files: IntGauge,
}

impl Process {
    pub(super) fn new(to: &Register<'_>) -> Result<Self, Error> {
        let cpu = Counter::new(
            "process_cpu_seconds_total",
            "Processor time, user and system.",
        )?;
        to.0.register(Box::new(cpu.clone()))?;
        Ok(Self {
            cpu,
            counted: Mutex::new(0.0),
            memory: to.int("process_resident_memory_bytes", "Resident memory.")?,
            start: to.gauge("process_start_time_seconds", "Start, as Unix time.")?,
            open_files: to.int("process_open_fds", "Open files and sockets.")?,
            max_files: to.int("process_max_fds", "The most that may be open.")?,
        })
    }

    pub(super) fn update(&self) {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The second field is the program's name, in brackets, and may hold anything.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().collect())
            .unwrap_or_default();
        let number = |field: usize| -> f64 {
            let text = fields.get(field).copied().unwrap_or_default();
            text.parse().unwrap_or_default()
        };
        let seconds = (number(11) + number(12)) / TICKS_PER_SECOND;
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        self.cpu.inc_by((seconds - *counted).max(0.0));
        *counted = seconds.max(*counted);
        drop(counted);

        let pages: i64 = fields
            .get(21)
            .and_then(|text| text.parse().ok())
            .unwrap_or_default();
        self.memory.set(pages * PAGE);
        self.start.set(boot_time() + number(19) / TICKS_PER_SECOND);
        let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        self.open_files.set(i64::try_from(open).unwrap_or(i64::MAX));
        self.max_files.set(max_files());
    }
}

fn boot_time() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "));
    line.and_then(|seconds| seconds.trim().parse().ok())
        .unwrap_or_default()
}

fn max_files() -> i64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}
