//! What a step costs: wall-clock time, CPU time of all threads, peak memory.

use std::{
    fs,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

/// CPU time this process has used so far, all threads together.
pub fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

/// The largest resident set of this process so far, in bytes; `None` where the system does not tell.
pub fn peak_rss_bytes() -> Option<u64> {
    peak_rss_of(&fs::read_to_string("/proc/self/status").ok()?)
}

/// Reads the line `VmHWM:   123456 kB`.
fn peak_rss_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Time between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Elapsed {
    /// Wall-clock time.
    pub wall: Duration,
    /// CPU time of all threads of the process.
    pub cpu: Duration,
}

/// Measures [`Elapsed`] time from its start.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu_time() }
    }

    /// Time since the start.
    pub fn read(&self) -> Elapsed {
        Elapsed { wall: self.wall.elapsed(), cpu: cpu_time().saturating_sub(self.cpu) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_counts_work_and_not_sleep() {
        let watch = Stopwatch::start();
        let mut x = 1u64;
        while watch.read().cpu < Duration::from_millis(20) {
            x = std::hint::black_box(x.wrapping_mul(6364136223846793005).wrapping_add(1));
        }
        assert!(watch.read().cpu >= Duration::from_millis(20));
        assert!(watch.read().wall > Duration::ZERO);
    }

    #[test]
    fn peak_memory_is_read_from_the_status_file() {
        assert_eq!(peak_rss_of("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n"), Some(2 << 20));
        assert_eq!(peak_rss_of("VmRSS:\t 1 kB\n"), None);
        assert_eq!(peak_rss_of("VmHWM:\t many kB\n"), None);
        assert_eq!(peak_rss_of("VmHWM:\t 18446744073709551615 kB\n"), None);
        if cfg!(target_os = "linux") {
            assert!(peak_rss_bytes().is_some_and(|bytes| bytes > 1 << 20));
        }
    }
}
