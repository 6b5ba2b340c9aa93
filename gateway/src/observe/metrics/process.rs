//! What the process itself uses, from `/proc`, under the names of Prometheus's client libraries.

use std::fs;

use super::page::Page;

/// Linux counts CPU time for `/proc` in hundredths of a second on every architecture we run on.
const TICKS: f64 = 100.0;
/// Also on every architecture we run on, for the second field of `statm`.
const PAGE: f64 = 4096.0;

/// Adds the families; what `/proc` does not tell is left out.
pub(super) fn write(page: &mut Page) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the name in parentheses and may hold anything.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default();
    let field = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok());
    let cpu = field(11)
        .zip(field(12))
        .map(|(user, system)| (user + system) / TICKS);
    let started = field(19)
        .zip(boot_time())
        .map(|(started, booted)| booted + started / TICKS);
    let families = [
        (
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            "counter",
            cpu,
        ),
        (
            "process_max_fds",
            "Maximum number of open file descriptors.",
            "gauge",
            open_files_limit(),
        ),
        (
            "process_open_fds",
            "Number of open file descriptors.",
            "gauge",
            open_files(),
        ),
        (
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            "gauge",
            resident_bytes(),
        ),
        (
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            "gauge",
            started,
        ),
        (
            "process_virtual_memory_bytes",
            "Virtual memory size in bytes.",
            "gauge",
            field(20),
        ),
    ];
    for (name, help, kind, value) in families {
        if let Some(value) = value {
            page.plain(name, help, kind, value);
        }
    }
}

fn open_files() -> Option<f64> {
    // One of them is the folder that is being read.
    let count = fs::read_dir("/proc/self/fd")
        .ok()?
        .count()
        .saturating_sub(1);
    u32::try_from(count).ok().map(f64::from)
}

fn resident_bytes() -> Option<f64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: f64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE)
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
