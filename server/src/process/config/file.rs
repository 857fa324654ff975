//! The configuration file.

use std::{fs::File, io::Read, path::Path};

use super::{ConfigError, Settings};

/// Largest configuration file, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Reads settings from a TOML file.
pub(super) fn read(path: &Path) -> Result<Settings, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(ConfigError::TooLarge { path: path.to_owned(), limit: MAX_BYTES });
    }
    toml::from_str(&text).map_err(|source| ConfigError::Parse { path: path.to_owned(), source })
}
