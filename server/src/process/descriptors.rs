//! Open files and connections: how many the process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Files kept back from connections: the database, blobs, the pipes of worker processes, the program's own.
const RESERVE: u64 = 256;

/// Raises the number of files and connections this process and its workers may have open to what the system allows.
pub(crate) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        warn!(%error, ?current, ?maximum, "the limit of open files stays as it is");
    }
}

/// As many of the wanted connections as the limit of open files leaves room for.
pub(crate) fn connections(wanted: usize) -> usize {
    let allowed = fitting(wanted, getrlimit(Resource::Nofile).current);
    if allowed < wanted {
        warn!(wanted, allowed, "the limit of open files allows fewer connections; raise it with `ulimit -n`");
    }
    allowed
}

/// Half of a limit that is too low for the reserve.
fn fitting(wanted: usize, limit: Option<u64>) -> usize {
    let room = limit.map_or(u64::MAX, |limit| limit.saturating_sub(RESERVE.min(limit / 2)).max(1));
    wanted.min(usize::try_from(room).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_room_for_other_files() {
        assert_eq!(fitting(1024, None), 1024);
        assert_eq!(fitting(1024, Some(1024)), 768);
        assert_eq!(fitting(100, Some(1024)), 100);
        assert_eq!(fitting(1024, Some(64)), 32);
        assert_eq!(fitting(1024, Some(0)), 1);
    }

    #[test]
    fn the_limit_becomes_what_is_allowed() {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let current = maximum.map(|maximum| maximum / 2);
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).expect("lowers");
        raise();
        let raised = getrlimit(Resource::Nofile);
        assert_eq!((raised.current, raised.maximum), (maximum, maximum));
    }
}
