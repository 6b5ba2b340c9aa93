//! What a process uses, read from /proc.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Linux counts CPU time for /proc in hundredths of a second on every architecture we run on.
const TICK: Duration = Duration::from_millis(10);

/// Resident memory in bytes.
pub fn resident_bytes(id: u32) -> Result<u64> {
    status(id, "VmRSS:")
}

/// The most resident memory it ever had, in bytes.
pub fn peak_resident_bytes(id: u32) -> Result<u64> {
    status(id, "VmHWM:")
}

/// CPU time used so far, in user and kernel together.
pub fn cpu(id: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The second field is the name in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(')').context("no name in stat")?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || -> Result<u32> { Ok(fields.next().context("stat is short")?.parse()?) };
    Ok(TICK * (ticks()? + ticks()?))
}

/// Open file descriptors.
pub fn descriptors(id: u32) -> Result<usize> {
    Ok(fs::read_dir(format!("/proc/{id}/fd"))?.count())
}

fn status(id: u32, key: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let line = line.with_context(|| format!("no {key} for process {id}"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_process() -> Result<()> {
        let id = std::process::id();
        assert!(resident_bytes(id)? > 100_000);
        assert!(peak_resident_bytes(id)? >= resident_bytes(id)? / 2);
        assert!(descriptors(id)? >= 3);
        cpu(id).map(drop)
    }
}
