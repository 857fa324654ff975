//! Named records in their envelopes.

#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used
    )
)]

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

use bincode::Options;
use lemma_verifier::{
    digest::Digest,
    envelope::{self, Kind},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{DamagedRecord, ObjectKind, Store, StoreError, collect::files, open_file};

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RecordKind {
    /// A circuit, by circuit id.
    Circuit,
    /// The circuit id of a model, plan, scheme and setup, by their digest.
    Plan,
    /// A KZG string, by its id.
    Srs,
    /// Commitment parameters of one size, by setup and size.
    Parameters,
}

impl RecordKind {
    pub(crate) const ALL: [Self; 4] = [Self::Circuit, Self::Plan, Self::Srs, Self::Parameters];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Circuit => "circuit",
            Self::Plan => "plan",
            Self::Srs => "srs",
            Self::Parameters => "params",
        }
    }
}

/// The objects a record keeps from being collected.
pub(crate) type References = Vec<(ObjectKind, Digest)>;

/// A type that is kept as a record.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// Its kind.
    const KIND: RecordKind;

    /// The objects it needs.
    fn references(&self) -> References;
}

/// What is written: the references first, so that garbage collection needs no other knowledge.
#[derive(serde::Serialize, serde::Deserialize)]
struct Body<T> {
    references: Vec<([u8; 8], Digest)>,
    content: T,
}

/// Stands for the content when only the references matter.
#[derive(serde::Serialize, serde::Deserialize)]
struct ReferencesOnly {
    references: Vec<([u8; 8], Digest)>,
}

fn format() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().with_limit(Kind::StoreRecord.max_body().into())
}

fn padded(name: &str) -> [u8; 8] {
    let mut padded = [0; 8];
    padded.iter_mut().zip(name.bytes()).for_each(|(place, byte)| *place = byte);
    padded
}

impl Store {
    fn record_path(&self, kind: RecordKind, name: &str) -> PathBuf {
        self.records_of(kind).join(name)
    }

    /// Writes a record, replacing one of the same name.
    pub(crate) fn put_record<T: Record>(&self, name: &str, content: &T) -> Result<(), StoreError> {
        let _session = self.session()?;
        let path = self.record_path(T::KIND, name);
        let references =
            content.references().into_iter().map(|(kind, digest)| (padded(kind.as_str()), digest)).collect();
        let body = format()
            .serialize(&Body { references, content })
            .map_err(|_| StoreError::RecordBody { path: path.clone() })?;
        let bytes = envelope::encode(Kind::StoreRecord, &body)
            .map_err(|source| StoreError::RecordEnvelope { path: path.clone(), source })?;
        let mut file = self.new_file()?;
        file.write_all(&bytes).map_err(StoreError::io("write", &path))?;
        self.publish(file, &path)
    }

    /// Reads a record; `None` when there is none of this name.
    pub(crate) fn record<T: Record>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let path = self.record_path(T::KIND, name);
        match self.record_body(&path) {
            Ok(body) => format()
                .deserialize::<Body<T>>(&body)
                .map(|body| Some(body.content))
                .map_err(|_| StoreError::RecordBody { path }),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn record_body(&self, path: &Path) -> Result<Vec<u8>, StoreError> {
        let limit = u64::from(Kind::StoreRecord.max_body()).saturating_add(1 << 10);
        let file = open_file(path)?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).map_err(StoreError::io("read", path))?;
        envelope::decode(Kind::StoreRecord, &bytes)
            .map(<[u8]>::to_vec)
            .map_err(|source| StoreError::RecordEnvelope { path: path.to_path_buf(), source })
    }

    /// The names of all records of a kind, sorted.
    pub(crate) fn record_names(&self, kind: RecordKind) -> Result<Vec<String>, StoreError> {
        let entries = files(&self.records_of(kind))?;
        let mut names: Vec<_> =
            entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// All undamaged records of a kind, by name. [`Store::damaged_records`] tells the others.
    pub(crate) fn all_records<T: Record>(&self) -> Result<Vec<T>, StoreError> {
        let names = self.record_names(T::KIND)?;
        Ok(names.iter().filter_map(|name| self.record(name).ok().flatten()).collect())
    }

    /// The objects all readable records need, whatever they tell, and the records that cannot be read.
    pub(super) fn referenced(&self) -> Result<(References, Vec<DamagedRecord>), StoreError> {
        let (mut all, mut damaged) = (References::new(), Vec::new());
        for kind in RecordKind::ALL {
            for name in self.record_names(kind)? {
                let path = self.record_path(kind, &name);
                match self.references_of(&path) {
                    Ok(found) => all.extend(found),
                    // Replaced or collected by another process.
                    Err(error) if error.is_not_found() => {}
                    Err(error) => damaged.push(DamagedRecord { path, reason: error.to_string() }),
                }
            }
        }
        all.sort();
        Ok((all, damaged))
    }

    fn references_of(&self, path: &Path) -> Result<References, StoreError> {
        let malformed = || StoreError::RecordBody { path: path.to_path_buf() };
        let found: ReferencesOnly =
            format().allow_trailing_bytes().deserialize(&self.record_body(path)?).map_err(|_| malformed())?;
        let reference = |(code, digest): ([u8; 8], Digest)| {
            let kind = ObjectKind::ALL.into_iter().find(|kind| padded(kind.as_str()) == code);
            kind.map(|kind| (kind, digest)).ok_or_else(malformed)
        };
        found.references.into_iter().map(reference).collect()
    }
}
