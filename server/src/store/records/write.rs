//! Transactions that write.

use std::ops::{Deref, DerefMut};

use sqlx::{Sqlite, SqliteConnection, pool::PoolConnection};
use tokio::sync::OwnedMutexGuard;

use super::{Records, RecordsError};

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// It does: what it says survives a power failure.
    Durable,
    /// It does not: what it says survives the process.
    Relaxed,
}

/// A transaction that has the write lock from its beginning, so what it reads stays true until its end. Rolled back
/// when dropped.
///
/// SQLite ends a transaction by itself when the disk is full. What it then thinks of the connection and what the pool
/// thinks of it need not agree, so a connection goes back to the pool only after a commit or a rollback that succeeded;
/// after anything else it is closed, which undoes what was begun.
pub(super) struct Write {
    connection: PoolConnection<Sqlite>,
    ended: bool,
    _turn: OwnedMutexGuard<()>,
}

impl Records {
    pub(super) async fn begin(&self, durability: Durability) -> Result<Write, RecordsError> {
        if durability == Durability::Durable {
            // Nothing is acknowledged that the next start would not find.
            self.file.expect_in_place()?;
        }
        let turn = self.turn.clone().lock_owned().await;
        let pool = match durability {
            Durability::Durable => &self.durable,
            Durability::Relaxed => &self.relaxed,
        };
        let mut write = Write { connection: pool.acquire().await?, ended: false, _turn: turn };
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *write).await?;
        Ok(write)
    }
}

impl Write {
    pub(super) async fn commit(self) -> Result<(), RecordsError> {
        self.end("COMMIT").await
    }

    pub(super) async fn rollback(self) -> Result<(), RecordsError> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, how: &'static str) -> Result<(), RecordsError> {
        sqlx::query(how).execute(&mut *self).await?;
        self.ended = true;
        Ok(())
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Write {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}
