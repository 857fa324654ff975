//! Files of a bounded size.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
};

use lemma_prover::atomic_file;

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

/// Refuses, before any work, a place where no file can be written or that is one of the files just read.
pub(crate) fn check_place(path: &Path, inputs: &[&Path]) -> Result<(), Failure> {
    if path.is_dir() {
        return Err(Failure::file(path, "is a directory; name a file to write"));
    }
    let parent = directory_of(path);
    if !parent.is_dir() {
        return Err(Failure::file(
            path,
            format!("the directory {} does not exist; make it", parent.display()),
        ));
    }
    let resolved = path.canonicalize().ok();
    let is_input = |input: &&Path| resolved.is_some() && input.canonicalize().ok() == resolved;
    if path.is_file() && inputs.iter().any(is_input) {
        return Err(Failure::file(path, "is one of the inputs; name another file to write"));
    }
    Ok(())
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a whole file: a reader sees the old content or the new, never a part.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let unwritable = |error: std::io::Error| Failure::file(path, format!("cannot be written: {error}"));
    // A device or a pipe, such as /dev/stdout, is written in place.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return std::fs::write(path, bytes).map_err(unwritable);
    }
    let directory = directory_of(path);
    // The error's own text names the temporary file, which nobody asked for.
    let nameless = |error: std::io::Error| unwritable(error.kind().into());
    let mut file = atomic_file::create_in(directory).map_err(nameless)?;
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
    fn places_that_lose_something_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let input = directory.path().join("input.npz");
        write(&input, b"input").unwrap();
        let same = directory.path().join(".").join("input.npz");
        for wrong in [&same, directory.path(), &directory.path().join("absent/x.proof")] {
            assert_eq!(check_place(wrong, &[&input]).unwrap_err().exit_code(), 2, "{}", wrong.display());
        }
        for place in [&directory.path().join("x.proof"), Path::new("x.proof")] {
            assert!(check_place(place, &[&input, Path::new("absent")]).is_ok());
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
