//! Open files and connections: how many the process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

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

#[cfg(test)]
mod tests {
    use super::*;

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
