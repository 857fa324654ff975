//! Tables of points for the prover: in the store between processes, because making them takes as long as a proof.

use lemma_plonk::{Points, Settings, Tables, backends::Choice};

use super::{
    ParamsError,
    kept::{CachedParameters, undamaged},
};
use crate::store::{ObjectKind, RecordKind, Store, StoreError};

/// Most bytes of tables that are kept in a store: all sizes up to 2^17, or one larger.
const BUDGET: u64 = 1 << 30;

/// What records of tables are called.
const PREFIX: &str = "tables-";

/// Tables from the store, or made and kept there under `name`.
///
/// # Errors
/// When the store fails.
pub(super) fn load_or_make(
    store: Option<&Store>,
    name: &str,
    points: &Points<'_>,
    settings: Settings,
) -> Result<Tables, ParamsError> {
    let make = || Tables::new(Choice::Fastest, points, settings);
    let Some(store) = store else { return Ok(make()) };
    let name = format!("{PREFIX}{name}-{}-{}", u8::from(settings.prefix_table), settings.stride);
    let _alone = store.lock(&format!("params-{name}"))?;
    if let Some(tables) = load(store, &name, points, settings)? {
        return Ok(tables);
    }
    let tables = make();
    match keep(store, &name, &tables) {
        // Who may not write, or has no room, makes them again next time.
        Ok(()) | Err(StoreError::NotWritable { .. } | StoreError::Io { .. }) => Ok(tables),
        Err(error) => Err(error.into()),
    }
}

/// `None` when there are none, they are damaged, or they are of other points.
fn load(
    store: &Store,
    name: &str,
    points: &Points<'_>,
    settings: Settings,
) -> Result<Option<Tables>, ParamsError> {
    let Some(CachedParameters { object }) = undamaged(store.record(name))?.flatten() else { return Ok(None) };
    match undamaged(store.open_checked(ObjectKind::Parameters, object)) {
        Ok(Some((mut file, _))) => Ok(Tables::read(Choice::Fastest, points, settings, &mut file).ok()),
        Ok(None) => Ok(None),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Keeps tables unless that would take more than the budget.
fn keep(store: &Store, name: &str, tables: &Tables) -> Result<(), StoreError> {
    let mut kept = 0;
    let names = store.record_names(RecordKind::Parameters)?;
    for other in names.iter().filter(|other| other.starts_with(PREFIX) && *other != name) {
        if let Ok(Some(CachedParameters { object })) = store.record(other) {
            kept += store.object_len(ObjectKind::Parameters, object).unwrap_or_default();
        }
    }
    if kept + tables.written_len() > BUDGET {
        return Ok(());
    }
    let _session = store.session()?;
    let (object, _) = store.put_with(ObjectKind::Parameters, |out| tables.write(out))?;
    store.put_record(name, &CachedParameters { object })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture,
        params::{Parameters, SrsChoice},
        progress::{Phase, Recorder, Silent},
    };

    const K: u32 = 6;

    #[test]
    fn tables_leave_memory_with_the_last_that_has_them() {
        let (_directory, store) = fixture::store();
        let parameters = Parameters::new(store);
        let has = || parameters.has_tables(None, K, Settings::FASTEST);
        let [one, other] = [(); 2].map(|()| parameters.tables(None, K, Settings::FASTEST, &Silent).unwrap());
        assert!(std::sync::Arc::ptr_eq(&one, &other) && has());
        drop(one);
        assert!(has());
        drop(other);
        assert!(!has());
    }

    #[test]
    fn tables_are_made_once_per_store_and_again_when_damaged() {
        let (_directory, store) = fixture::store();
        let srs = Parameters::new(store.clone()).choose_srs(SrsChoice::InsecureLocal, K).unwrap().id();
        let names = || {
            let names = store.record_names(RecordKind::Parameters).unwrap();
            names.into_iter().filter(|name| name.starts_with(PREFIX)).collect::<Vec<_>>()
        };
        let bytes = |srs| {
            let tables = Parameters::new(store.clone()).tables(srs, K, Settings::FASTEST, &Silent).unwrap();
            let mut bytes = Vec::new();
            tables.write(&mut bytes).unwrap();
            assert_eq!(bytes.len() as u64, tables.written_len());
            bytes
        };
        for srs in [Some(srs), None] {
            let before = names().len();
            let made = bytes(srs);
            assert_eq!(names().len(), before + 1);
            assert!(bytes(srs) == made, "read back");
        }
        for name in names() {
            let CachedParameters { object } = store.record(&name).unwrap().unwrap();
            std::fs::write(store.object_path(ObjectKind::Parameters, object), b"damaged").unwrap();
        }
        let recorder = Recorder::default();
        Parameters::new(store.clone()).tables(None, K, Settings::FASTEST, &recorder).unwrap();
        assert!(recorder.steps().iter().any(|step| step.0 == Phase::Tables));
        assert!(!bytes(Some(srs)).is_empty());
        assert_eq!(names().len(), 2);
    }
}
