//! Opening files in a place where somebody may have put something else.

use std::{fs::File, io, os::unix::fs::OpenOptionsExt, path::Path};

use rustix::fs::OFlags;

/// Opens a file for reading; `None` if something else has its name. Opening a pipe would wait for whoever writes to it, and
/// reading it for what is written, perhaps for ever.
///
/// # Errors
/// When there is nothing of that name, or the system refuses.
pub fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).map_err(io::Error::other)?;
    match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => Ok(file.metadata()?.is_file().then_some(file)),
        // Sockets and some devices do not open at all.
        Err(_) if path.metadata().is_ok_and(|found| !found.is_file()) => Ok(None),
        Err(error) => Err(error),
    }
}
