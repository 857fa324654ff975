//! Files that appear whole or not at all: written under a temporary name, then renamed.

use std::{io, path::Path};

use tempfile::{Builder, NamedTempFile};

/// A new file in this directory, to be renamed to its final name. Like any file a program makes, it has the mode
/// the umask leaves of 0666: nothing Lemma writes is secret.
///
/// # Errors
/// The operating system's.
pub fn create_in(directory: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".lemma-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn files_have_the_mode_of_any_new_file() {
        let directory = tempfile::tempdir().unwrap();
        let (ordinary, path) = (directory.path().join("ordinary"), directory.path().join("renamed"));
        fs::write(&ordinary, b"").unwrap();
        create_in(directory.path()).unwrap().persist(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&ordinary));
    }
}
