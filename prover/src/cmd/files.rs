//! Files of a bounded size.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use super::failure::Failure;

/// Reads a whole file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: std::io::Error| Failure::file(path, format!("cannot be read: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(Failure::file(path, "is a directory; name a file"));
    }
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(Failure::file(path, format!("has more than {limit} bytes, the limit for such a file")));
    }
    Ok(bytes)
}

/// Writes a whole file: a reader sees the old content or the new, never a part.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let unwritable = |error: std::io::Error| Failure::file(path, format!("cannot be written: {error}"));
    // A device or a pipe, such as /dev/stdout, is written in place.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return std::fs::write(path, bytes).map_err(unwritable);
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The error's own text names the temporary file, which nobody asked for.
    let nameless = |error: std::io::Error| unwritable(error.kind().into());
    let mut file = tempfile::Builder::new().prefix(".lemma-").tempfile_in(directory).map_err(nameless)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(unwritable)?;
    file.persist(path).map_err(|error| unwritable(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_directories_missing_files_and_more_than_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("four");
        write(&path, b"four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
        for (path, limit) in [(path.as_path(), 3), (directory.path(), 9), (Path::new("/nonexistent"), 9)] {
            let failure = read(path, limit).unwrap_err();
            assert_eq!(failure.exit_code(), 2);
            assert!(failure.to_string().contains(&path.display().to_string()), "{failure}");
        }
    }

    #[test]
    fn replaces_a_file_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(write(&directory.path().join("absent").join("file"), b"").is_err());
    }
}
