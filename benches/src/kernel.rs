//! What the kernel counts: bytes written, processor time, resident memory.
//!
//! Read from Linux's `/proc` and `/sys`. Where those are missing the answer is `None`, and the figure is left out.

use std::fs;
use std::path::Path;

/// Bytes that this process has made differ from the disk's, since it started: not bytes that were written. The kernel
/// counts when a folio, the unit of its page cache, is first changed, and counts all of it; what reaches the disk are the
/// blocks in it that changed. Where a file system has large folios (ext4 since Linux 6.16, XFS), a folio has up to as
/// much as was written in one call when it was made, such as the megabyte of zeros that a segment begins with, so that
/// an append of 4 KiB can count for 1 MiB. The file system's own journal is not in it.
#[must_use]
pub fn process_written_bytes() -> Option<u64> {
    let counters = fs::read_to_string("/proc/self/io").ok()?;
    counters.lines().find_map(|line| line.strip_prefix("write_bytes:"))?.trim().parse().ok()
}

/// Bytes written to the device that holds `path`, by everything on this machine, the file system's journal included.
#[must_use]
#[cfg(unix)]
pub fn device_written_bytes(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;

    const SECTOR_BYTES: u64 = 512;
    let device = fs::metadata(path).ok()?.dev();
    let major = ((device >> 8) & 0xFFF) | ((device >> 32) & !0xFFF);
    let minor = (device & 0xFF) | ((device >> 12) & 0xFFFF_FF00);
    let counters = fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).ok()?;
    let sectors: u64 = counters.split_whitespace().nth(6)?.parse().ok()?;
    Some(sectors * SECTOR_BYTES)
}

/// Bytes written to a device: not known on this system.
#[must_use]
#[cfg(not(unix))]
pub fn device_written_bytes(_path: &Path) -> Option<u64> {
    None
}

/// Processor time that all threads of a process have used, in microseconds, to the clock tick of 10 ms.
#[must_use]
pub fn processor_micros(process: u32) -> Option<u64> {
    const TICK_MICROS: u64 = 10_000;
    let counters = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may itself have spaces and parentheses in it.
    let (_, counters) = counters.rsplit_once(')')?;
    let mut counters = counters.split_whitespace().skip(11);
    let user: u64 = counters.next()?.parse().ok()?;
    let system: u64 = counters.next()?.parse().ok()?;
    Some((user + system) * TICK_MICROS)
}

/// This process's resident memory, in MiB.
#[must_use]
pub fn resident_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_written_is_counted_by_process_and_device() {
        let directory = tempfile::tempdir_in(".").expect("a directory");
        let process = process_written_bytes().expect("a count");
        let mut file = File::create(directory.path().join("file")).expect("a file");
        file.write_all(&vec![7; 1 << 20]).expect("written");
        file.sync_all().expect("synced");
        assert!(process_written_bytes().expect("a count") >= process + (1 << 20));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_without_an_end_has_used_time_and_has_memory() {
        assert!(processor_micros(std::process::id()).is_some());
        assert!(resident_mib().expect("a size") > 0.0);
        assert_eq!(processor_micros(0), None);
    }
}
