//! What the service remembers, in SQLite.
//!
//! Whatever is acknowledged to a caller is written with `synchronous=FULL`: it is on the disk before the
//! acknowledgement leaves. Starts and progress are written with `synchronous=NORMAL`, which a crash of the process
//! does not lose either. Every change of a job is one transaction that loads its life, applies an event to it,
//! and updates the row only where state and attempt are still what was loaded.

mod circuits;
mod listing;
mod models;
mod progress;
mod row;
mod submit;
mod transition;
mod write;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{
    SqlitePool,
    migrate::MigrateError,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

pub use circuits::CircuitEntry;
pub use listing::{JobFilter, JobPage};
pub use models::ModelRecord;
pub use submit::{Idempotency, JobRow, NewJob, Repeat};
pub use transition::{Applied, Dispatchable, Results};
use write::{Durability, Write};

use crate::work::jobs::Timestamp;

/// Longest wait for another writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections for reading.
const READERS: u32 = 4;

/// Why the records cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot open the records in {}: {source}; restore the file from a backup, or move it away together with its -wal and \
     -shm files to begin without jobs, models and circuits",
    path.display()
)]
pub struct OpenRecordsError {
    /// The database's file.
    pub path: PathBuf,
    /// What is wrong.
    #[source]
    pub source: RecordsError,
}

/// Why the records could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// The database refused.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
    /// The database has a schema this program does not know.
    #[error("database schema: {0}; run the version of lemma-server that wrote it, or move the file away")]
    Schema(#[from] MigrateError),
    /// A row holds something this program did not write.
    #[error("the row of {what} is damaged in column {column}; restore the database from a backup")]
    Damaged {
        /// Whose row.
        what: String,
        /// Which column.
        column: String,
    },
    /// The file that is open is no longer the one of this name: what is written to it is lost with the process.
    #[error("{} was moved, deleted or replaced while the service runs; put it back or restart the service", path.display())]
    Gone {
        /// The database's file.
        path: PathBuf,
    },
    /// A tag for a model that is not there.
    #[error("model {model} is not known; upload it first")]
    UnknownModel {
        /// The digest asked for.
        model: lemma_verifier::digest::Digest,
    },
}

impl From<sqlx::Error> for RecordsError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::ColumnDecode { index, .. } => {
                Self::Damaged { what: "a record".into(), column: index }
            }
            error => Self::Database(error),
        }
    }
}

/// SQLite's result codes for a system that refuses: BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN.
const SYSTEM_REFUSES: [u32; 7] = [5, 6, 7, 8, 10, 13, 14];

impl RecordsError {
    /// Whether it can go away by itself: the database refused, as with a full disk.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                let code = error.code().and_then(|code| code.parse::<u32>().ok());
                // The lowest byte of an extended code is the primary one.
                code.is_some_and(|code| SYSTEM_REFUSES.contains(&(code & 0xff)))
            }
            Self::Gone { .. } => true,
            Self::Database(error) => matches!(
                error,
                sqlx::Error::Io(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
            ),
            _ => false,
        }
    }
}

/// The database's file, as it was when it was opened.
#[derive(Debug)]
struct DatabaseFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl DatabaseFile {
    fn identity(path: &Path) -> Option<(u64, u64)> {
        fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
    }

    fn open(path: &Path) -> Result<Self, RecordsError> {
        match Self::identity(path) {
            Some(identity) => Ok(Self { path: path.to_path_buf(), identity }),
            None => Err(RecordsError::Gone { path: path.to_path_buf() }),
        }
    }

    fn expect_in_place(&self) -> Result<(), RecordsError> {
        if Self::identity(&self.path) == Some(self.identity) {
            return Ok(());
        }
        Err(RecordsError::Gone { path: self.path.clone() })
    }
}

/// The records of one service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Records {
    durable: SqlitePool,
    relaxed: SqlitePool,
    readers: SqlitePool,
    file: Arc<DatabaseFile>,
    /// Who writes next: SQLite itself would let writers of one process find out by polling.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Records {
    /// Opens the database file, making or upgrading it as necessary.
    ///
    /// # Errors
    /// When the file is no database of this service or cannot be written.
    pub async fn open(path: &Path) -> Result<Self, OpenRecordsError> {
        Self::connect(path).await.map_err(|source| OpenRecordsError { path: path.to_path_buf(), source })
    }

    async fn connect(path: &Path) -> Result<Self, RecordsError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(BUSY_TIMEOUT)
            .foreign_keys(true)
            // Inputs are overwritten when they are deleted.
            .pragma("secure_delete", "ON");
        let writer = |synchronous| {
            let options = options.clone().synchronous(synchronous);
            SqlitePoolOptions::new().max_connections(1).connect_with(options)
        };
        let durable = writer(SqliteSynchronous::Full).await?;
        sqlx::migrate!("./migrations").run(&durable).await?;
        let relaxed = writer(SqliteSynchronous::Normal).await?;
        let readers =
            SqlitePoolOptions::new().max_connections(READERS).connect_with(options.read_only(true)).await?;
        let file = Arc::new(DatabaseFile::open(path)?);
        Ok(Self { durable, relaxed, readers, file, turn: Arc::default() })
    }

    /// Moves what was written since the last time from the write-ahead log to the database and empties the log, so that
    /// what was deleted is on the disk no longer. Whether it could: a reader may be in the way.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn checkpoint(&self) -> Result<bool, RecordsError> {
        let _turn = self.turn.lock().await;
        let (busy, _, _): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.durable).await?;
        Ok(busy == 0)
    }

    /// Whether the database takes writes as durable as those that accept jobs: it makes one.
    ///
    /// # Errors
    /// When it does not.
    pub async fn check_writable(&self, now: Timestamp) -> Result<(), RecordsError> {
        let mut write = self.begin(Durability::Durable).await?;
        sqlx::query(
            "INSERT INTO write_checks (name, at) VALUES ('readiness', $1) \
             ON CONFLICT (name) DO UPDATE SET at = excluded.at",
        )
        .bind(now.0)
        .execute(&mut *write)
        .await?;
        write.commit().await
    }

    /// Waits for everything that was begun and closes the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.relaxed.close().await;
        self.durable.close().await;
    }
}

#[cfg(test)]
mod tests;
