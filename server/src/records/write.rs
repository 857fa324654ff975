//! Transactions that write.

use std::ops::{Deref, DerefMut};

use sqlx::{Sqlite, SqliteConnection, Transaction};
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
pub(super) struct Write {
    transaction: Transaction<'static, Sqlite>,
    _turn: OwnedMutexGuard<()>,
}

impl Records {
    pub(super) async fn begin(&self, durability: Durability) -> Result<Write, RecordsError> {
        let turn = self.turn.clone().lock_owned().await;
        let pool = match durability {
            Durability::Durable => &self.durable,
            Durability::Relaxed => &self.relaxed,
        };
        Ok(Write { transaction: pool.begin_with("BEGIN IMMEDIATE").await?, _turn: turn })
    }
}

impl Write {
    pub(super) async fn commit(self) -> Result<(), RecordsError> {
        Ok(self.transaction.commit().await?)
    }

    pub(super) async fn rollback(self) -> Result<(), RecordsError> {
        Ok(self.transaction.rollback().await?)
    }
}

impl Deref for Write {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}
