//! How much memory this machine can give.

use std::{fs, path::Path};

use lemma_circuits::Budget;
use rustix::process::{Resource, getrlimit};

/// What planning may take here: the memory this machine can give. Who asked can stop it at any time.
pub fn plan_budget() -> Budget {
    Budget { bytes: available_memory().unwrap_or(Budget::default().bytes), seconds: u64::MAX }
}

/// Memory the system can give to new work, in bytes: the least of what the kernel calls available, what the control
/// group leaves and what the limits of this process leave. `None` where nothing is told.
pub fn available_memory() -> Option<u64> {
    let kernel = fs::read_to_string("/proc/meminfo").ok().and_then(|text| kilobytes(&text, "MemAvailable:"));
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let room = |resource, used| Some(getrlimit(resource).current?.saturating_sub(kilobytes(&status, used)?));
    let limits = [room(Resource::As, "VmSize:"), room(Resource::Data, "VmData:")];
    limits.into_iter().chain([kernel, cgroup_room(Path::new("/sys/fs/cgroup"))]).flatten().min()
}

/// Reads a line like `MemAvailable:   123456 kB`; in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Room below the limit of the control group, version 2; the page cache counts as used there, so the limit itself
/// is what remains when it is dropped.
fn cgroup_room(root: &Path) -> Option<u64> {
    let number = |name: &str| fs::read_to_string(root.join(name)).ok()?.trim().parse::<u64>().ok();
    let limit = number("memory.max")?;
    let anonymous = fs::read_to_string(root.join("memory.stat")).ok().and_then(|text| {
        text.lines().find_map(|line| line.strip_prefix("anon "))?.trim().parse::<u64>().ok()
    });
    Some(limit.saturating_sub(anonymous.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_number() {
        let available = |text| kilobytes(text, "MemAvailable:");
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(available("MemTotal: 9 kB\n"), None);
        assert_eq!(available("MemAvailable: x kB\n"), None);
    }

    #[test]
    fn reads_the_control_groups_numbers() {
        let root = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(cgroup_room(root.path()), None);
        fs::write(root.path().join("memory.max"), "max\n").expect("writes");
        assert_eq!(cgroup_room(root.path()), None);
        fs::write(root.path().join("memory.max"), "1000\n").expect("writes");
        assert_eq!(cgroup_room(root.path()), Some(1000));
        fs::write(root.path().join("memory.stat"), "anon 300\nfile 5\n").expect("writes");
        assert_eq!(cgroup_room(root.path()), Some(700));
    }
}
