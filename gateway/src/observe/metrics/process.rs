//! What the process itself uses, from `/proc`, under the names of Prometheus's client libraries.

use std::fs;

use super::page::Page;

/// Linux counts CPU time for `/proc` in hundredths of a second on every architecture we run on.
const TICKS: f64 = 100.0;
/// Also on every architecture we run on, for the second field of `statm`.
const PAGE: u64 = 4096;

/// Adds the families; what `/proc` does not tell is left out.
pub(super) fn write(page: &mut Page) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the name in parentheses and may hold anything.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    let field = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok());
    if let (Some(user), Some(system)) = (field(11), field(12)) {
        page.plain(
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            "counter",
            (user + system) / TICKS,
        );
    }
    if let Some(limit) = open_files_limit() {
        page.plain(
            "process_max_fds",
            "Maximum number of open file descriptors.",
            "gauge",
            limit,
        );
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // One of them is the folder that is being read.
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let open = open.count().saturating_sub(1) as f64;
        page.plain(
            "process_open_fds",
            "Number of open file descriptors.",
            "gauge",
            open,
        );
    }
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = statm.split_whitespace().nth(1);
    if let Some(pages) = resident.and_then(|text| text.parse::<u64>().ok()) {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let bytes = (pages * PAGE) as f64;
        page.plain(
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            "gauge",
            bytes,
        );
    }
    if let (Some(started), Some(booted)) = (field(19), boot_time()) {
        page.plain(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            "gauge",
            booted + started / TICKS,
        );
    }
    if let Some(bytes) = field(20) {
        page.plain(
            "process_virtual_memory_bytes",
            "Virtual memory size in bytes.",
            "gauge",
            bytes,
        );
    }
}

fn open_files_limit() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}
