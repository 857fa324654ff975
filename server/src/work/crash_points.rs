//! Named places at which a crash test kills or disturbs the process. They exist only with the feature
//! `crash-points`; without it every function here is empty.

/// Environment variable that names the point at which the process kills itself.
pub const CRASH_POINT: &str = "LEMMA_CRASH_POINT";

/// Environment variable that names a fault of worker processes; they inherit it from the service.
pub const CHILD_FAULT: &str = "LEMMA_CHILD_FAULT";

/// Dies like by `kill -9` if the environment asks for it at this point.
#[cfg(feature = "crash-points")]
pub(crate) fn reach(point: &str) {
    use rustix::process::{Signal, getpid, kill_process};
    if std::env::var(CRASH_POINT).is_ok_and(|wanted| wanted == point) {
        // Delivery is immediate; the loop keeps anything else from happening if it were not.
        let _ = kill_process(getpid(), Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}

/// Does nothing in this build.
#[cfg(not(feature = "crash-points"))]
pub(crate) const fn reach(_: &str) {}

/// The fault that the environment asks worker processes to have.
#[cfg(feature = "crash-points")]
pub(crate) fn child_fault() -> Option<String> {
    std::env::var(CHILD_FAULT).ok()
}

/// None in this build.
#[cfg(not(feature = "crash-points"))]
pub(crate) const fn child_fault() -> Option<String> {
    None
}

/// Has the fault the environment asks for at this moment of an attempt; for crash tests.
pub(crate) fn disturb(moment: &str) {
    match child_fault().as_deref().and_then(|fault| fault.split_once('@')) {
        Some(("abort", wanted)) if wanted == moment => std::process::abort(),
        Some(("panic", wanted)) if wanted == moment => panic!("asked for by the environment"),
        Some(("hang", wanted)) if wanted == moment => loop {
            std::thread::sleep(std::time::Duration::from_secs(1));
        },
        Some(("eat", wanted)) if wanted == moment => {
            let mut eaten: Vec<Vec<u8>> = Vec::new();
            loop {
                eaten.push(vec![1; 64 << 20]);
            }
        }
        _ => {}
    }
}
