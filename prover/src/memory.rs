//! How much memory this machine can give.

use std::{fs, path::Path};

/// Memory the system can give to new work, in bytes: the least of what the kernel calls available and what the
/// control group leaves. `None` where neither is told.
pub fn available_memory() -> Option<u64> {
    let kernel = fs::read_to_string("/proc/meminfo").ok().and_then(|text| mem_available(&text));
    [kernel, cgroup_room(Path::new("/sys/fs/cgroup"))].into_iter().flatten().min()
}

/// Reads the line `MemAvailable:   123456 kB`.
fn mem_available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
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
        assert_eq!(mem_available("MemTotal: 9 kB\nMemAvailable:    2048 kB\n"), Some(2 << 20));
        assert_eq!(mem_available("MemTotal: 9 kB\n"), None);
        assert_eq!(mem_available("MemAvailable: x kB\n"), None);
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
