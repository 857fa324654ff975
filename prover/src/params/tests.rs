use std::{fs, path::Path};

use ff::Field;
use halo2_proofs::{
    SerdeFormat,
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    poly::{
        commitment::{Params, ParamsProver},
        kzg::commitment::ParamsKZG,
    },
};
use lemma_verifier::digest::Digest;
use rand::rngs::OsRng;

use super::{
    kzg::{Bases, KzgParameters, Powers},
    srs_file::tests::{POWER, Ptau},
    *,
};
use crate::{
    fixture,
    progress::Silent,
    store::{ObjectKind, Store},
};

/// Writes a raw file of a random secret with `2^k` powers.
fn ceremony(directory: &Path, k: u32) -> PathBuf {
    let path = directory.join(format!("ceremony-{k}.raw"));
    let mut bytes = Vec::new();
    ParamsKZG::<Bn256>::setup(k, OsRng).write_custom(&mut bytes, SerdeFormat::RawBytes).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// The raw file of a string, as halo2's libraries write it.
fn write_raw(directory: &Path, params: &KzgParameters) -> PathBuf {
    let path = directory.join("string.raw");
    params.library.write_custom(&mut fs::File::create(&path).unwrap(), SerdeFormat::RawBytes).unwrap();
    path
}

fn write_ptau(directory: &Path) -> PathBuf {
    let path = directory.join("ceremony.ptau");
    fs::write(&path, Ptau::new(Fr::random(OsRng)).bytes()).unwrap();
    path
}

/// The parameters, with their powers checked to be one string.
fn checked(store: &Store, record: &SrsRecord, k: u32) -> KzgParameters {
    let params = Parameters::new(store.clone()).kzg_parameters(record.id(), k, &Silent).unwrap();
    let powers = params.library.get_g().iter().copied().chain(params.next_power).collect();
    Powers::check(powers, params.library.g2(), params.library.s_g2()).unwrap();
    params
}

fn bytes<'a, P: Params<'a, G1Affine>>(params: &P) -> Vec<u8> {
    let mut bytes = Vec::new();
    params.write(&mut bytes).unwrap();
    bytes
}

#[test]
fn transparent_parameters_are_the_same_from_everywhere() {
    let (_directory, store) = fixture::store();
    let derived = Parameters::in_memory().ipa(6, &Silent).unwrap();
    let kept = Parameters::new(store.clone()).ipa(6, &Silent).unwrap();
    let loaded = Parameters::new(store.clone()).ipa(6, &Silent).unwrap();
    assert_eq!(bytes(&*derived), bytes(&*kept));
    assert_eq!(bytes(&*derived), bytes(&*loaded));
    // A damaged file is derived again.
    let object = store.list().unwrap()[0];
    assert_eq!((object.kind, object.referenced), (ObjectKind::Parameters, true));
    fs::write(store.object_path(object.kind, object.digest), b"damage").unwrap();
    let healed = Parameters::new(store.clone()).ipa(6, &Silent).unwrap();
    assert_eq!(bytes(&*derived), bytes(&*healed));
    assert!(store.get(object.kind, object.digest, 1 << 20).is_ok());
}

#[test]
fn sizes_outside_the_limits_are_refused() {
    let (_directory, store) = fixture::store();
    let parameters = Parameters::new(store);
    assert!(matches!(parameters.ipa(21, &Silent), Err(ParamsError::Size { k: 21, .. })));
    for size in [0, MIN_K - 1, MAX_K + 1, u32::MAX] {
        assert!(matches!(parameters.ipa(size, &Silent), Err(ParamsError::Size { k, .. }) if k == size));
        assert!(matches!(
            parameters.choose_srs(SrsChoice::InsecureLocal, size),
            Err(ParamsError::Size { k, .. }) if k == size
        ));
    }
}

#[test]
fn an_imported_ceremony_serves_every_smaller_size() {
    let (directory, store) = fixture::store();
    let path = ceremony(directory.path(), 7);
    let record = import_srs(&store, &path).unwrap();
    assert_eq!((record.k, record.setup.insecure, record.source.as_str()), (7, false, "ceremony-7.raw"));
    assert_eq!(record.source_sha256, Some(Digest::of(&fs::read(&path).unwrap())));
    assert_eq!(list_srs(&store).unwrap(), std::slice::from_ref(&record));

    let original =
        ParamsKZG::<Bn256>::read_custom(&mut fs::File::open(&path).unwrap(), SerdeFormat::RawBytes).unwrap();
    for k in [7, 5] {
        let mut expected = original.clone();
        expected.downsize(k);
        let derived = Parameters::new(store.clone()).kzg(record.id(), k, &Silent).unwrap();
        let loaded = Parameters::new(store.clone()).kzg(record.id(), k, &Silent).unwrap();
        assert_eq!(bytes(&*derived), bytes(&expected));
        assert_eq!(bytes(&*loaded), bytes(&expected));
    }
    let parameters = Parameters::new(store.clone());
    assert!(matches!(
        parameters.kzg(record.id(), 8, &Silent),
        Err(ParamsError::SrsTooSmall { expected: 8, got: 7, .. })
    ));
    // Damaged parameters are derived again; damaged powers are not used.
    for entry in store.list().unwrap() {
        fs::write(store.object_path(entry.kind, entry.digest), b"damage").unwrap();
    }
    assert!(matches!(
        Parameters::new(store).kzg(record.id(), 7, &Silent),
        Err(ParamsError::Store(StoreError::Damaged { .. }))
    ));
}

#[test]
fn a_string_hides_where_it_has_a_power_beyond_the_rows() {
    let (directory, store) = fixture::store();
    // A .ptau file for every size, a raw file for every size but its own.
    let ptau = import_srs(&store, &write_ptau(directory.path())).unwrap();
    assert_eq!((ptau.k, ptau.hiding_k(&store)), (POWER, POWER));
    assert!(checked(&store, &ptau, POWER).next_power.is_some());
    let raw = import_srs(&store, &ceremony(directory.path(), 6)).unwrap();
    assert_eq!((raw.k, raw.hiding_k(&store)), (6, 5));
    for (k, hides) in [(5, true), (6, false)] {
        // Derived, then from the cache.
        for _ in 0..2 {
            assert_eq!(checked(&store, &raw, k).next_power.is_some(), hides);
        }
    }
    // One that is drawn here.
    let local = Parameters::new(store.clone()).choose_srs(SrsChoice::InsecureLocal, 6).unwrap();
    assert_eq!((local.k, local.hiding_k(&store)), (6, 6));
    assert!(checked(&store, &local, 6).next_power.is_some());
}

#[test]
fn caches_of_earlier_versions_are_completed() {
    let (directory, store) = fixture::store();
    let record = import_srs(&store, &write_ptau(directory.path())).unwrap();
    let fresh = checked(&store, &record, POWER);
    let name = kept::kzg_name(record.id(), POWER);
    let old = || {
        let mut bases = kept::bases(&store, &name, POWER).unwrap().unwrap();
        bases.powers.truncate(1 << POWER);
        kept::keep(&store, &name, &bases.write()).unwrap();
        Bases::read(POWER, &bases.write()).unwrap()
    };
    let lagrange = old().lagrange;
    let completed = checked(&store, &record, POWER);
    assert_eq!(completed.next_power, fresh.next_power);
    assert_eq!(bytes(&*completed.library), bytes(&*fresh.library));
    assert_eq!(kept::bases(&store, &name, POWER).unwrap().unwrap().lagrange, lagrange);
    // Without the string, or with a damaged one, they serve as they are.
    old();
    let powers = store.object_path(ObjectKind::Srs, record.powers);
    let mut damaged = fs::read(&powers).unwrap();
    damaged[100] ^= 1;
    fs::write(&powers, damaged).unwrap();
    assert!(checked(&store, &record, POWER).next_power.is_none());
    fs::remove_file(&powers).unwrap();
    assert!(checked(&store, &record, POWER).next_power.is_none());
    assert_eq!(record.hiding_k(&store), POWER - 1);
}

#[test]
fn a_longer_file_of_a_ceremony_makes_its_proofs_hide() {
    let (directory, store) = fixture::store();
    let long = import_srs(&store, &write_ptau(directory.path())).unwrap();
    let params = checked(&store, &long, POWER);
    let (_directory, fresh) = fixture::store();
    let short = import_srs(&fresh, &write_raw(directory.path(), &params)).unwrap();
    assert_eq!((short.id(), short.k, short.hiding_k(&fresh)), (long.id(), POWER, POWER - 1));
    assert!(checked(&fresh, &short, POWER).next_power.is_none());
    let again = import_srs(&fresh, &directory.path().join("ceremony.ptau")).unwrap();
    assert_eq!((again.k, again.hiding_k(&fresh)), (POWER, POWER));
    assert_eq!(checked(&fresh, &again, POWER).next_power, params.next_power);
}

#[test]
fn importing_again_keeps_the_longer_string() {
    let (directory, store) = fixture::store();
    let path = ceremony(directory.path(), 6);
    let long = import_srs(&store, &path).unwrap();
    assert_eq!(import_srs(&store, &path).unwrap(), long);
    // The same secret with fewer powers.
    let mut params =
        ParamsKZG::<Bn256>::read_custom(&mut fs::File::open(&path).unwrap(), SerdeFormat::RawBytes).unwrap();
    params.downsize(5);
    let short = directory.path().join("short.raw");
    params.write_custom(&mut fs::File::create(&short).unwrap(), SerdeFormat::RawBytes).unwrap();
    assert_eq!(import_srs(&store, &short).unwrap(), long);
    let (_directory, fresh) = fixture::store();
    assert_eq!(import_srs(&fresh, &short).unwrap().k, 5);
    let grown = import_srs(&fresh, &path).unwrap();
    assert_eq!((grown.k, grown.id()), (6, long.id()));
    assert_eq!(list_srs(&fresh).unwrap().len(), 1);
}

#[test]
fn the_choice_of_a_string_is_never_a_guess() {
    let (directory, store) = fixture::store();
    let parameters = Parameters::new(store.clone());
    let any = SrsChoice::Ceremony(None);
    assert!(matches!(parameters.choose_srs(any, 6), Err(ParamsError::NoSrs { k: 6 })));
    // A local string is not a ceremony.
    let local = parameters.choose_srs(SrsChoice::InsecureLocal, 6).unwrap();
    assert!(local.setup.insecure && local.source_sha256.is_none());
    assert_eq!(parameters.choose_srs(SrsChoice::InsecureLocal, 6).unwrap(), local);
    assert!(matches!(parameters.choose_srs(any, 6), Err(ParamsError::NoSrs { k: 6 })));

    let first = import_srs(&store, &ceremony(directory.path(), 6)).unwrap();
    assert_eq!(parameters.choose_srs(any, 6).unwrap(), first);
    assert_eq!(parameters.choose_srs(SrsChoice::Ceremony(Some(first.id())), 5).unwrap(), first);
    assert!(matches!(parameters.choose_srs(any, 7), Err(ParamsError::NoSrs { k: 7 })));
    let small = parameters.choose_srs(SrsChoice::Ceremony(Some(first.id())), 7);
    assert!(matches!(small, Err(ParamsError::SrsTooSmall { expected: 7, got: 6, .. })));

    let second = import_srs(&store, &ceremony(directory.path(), 7)).unwrap();
    match parameters.choose_srs(any, 6) {
        Err(ParamsError::AmbiguousSrs { mut candidates }) => {
            candidates.sort();
            let mut both = [first.id(), second.id()];
            both.sort();
            assert_eq!(candidates, both);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(parameters.choose_srs(any, 7).unwrap(), second);
    let unknown = SrsId(Digest([1; 32]));
    let absent = parameters.choose_srs(SrsChoice::Ceremony(Some(unknown)), 6);
    assert!(matches!(absent, Err(ParamsError::UnknownSrs { id }) if id == unknown));
}

#[test]
fn a_local_string_stays_insecure_when_it_is_imported() {
    let (directory, store) = fixture::store();
    let parameters = Parameters::new(store.clone());
    let local = parameters.choose_srs(SrsChoice::InsecureLocal, 6).unwrap();
    let path = directory.path().join("local.raw");
    let params = parameters.kzg(local.id(), 6, &Silent).unwrap();
    params.write_custom(&mut fs::File::create(&path).unwrap(), SerdeFormat::RawBytes).unwrap();
    let imported = import_srs(&store, &path).unwrap();
    assert_eq!(imported, local);
    assert!(imported.setup.insecure);
}

#[test]
fn strings_need_a_store_and_files_need_to_be_strings() {
    let parameters = Parameters::in_memory();
    assert!(matches!(parameters.choose_srs(SrsChoice::InsecureLocal, 6), Err(ParamsError::NoStore)));
    assert!(matches!(parameters.kzg(SrsId(Digest([0; 32])), 6, &Silent), Err(ParamsError::NoStore)));
    let (directory, store) = fixture::store();
    let path = directory.path().join("text");
    fs::write(&path, "not a string").unwrap();
    let error = import_srs(&store, &path).unwrap_err();
    assert!(matches!(error, ParamsError::SrsFile { source: SrsFileError::Unrecognized, .. }));
    assert!(error.to_string().contains("text: it is neither"));
    assert!(list_srs(&store).unwrap().is_empty());
}

/// Two local strings, of 2^5 and of 2^6 powers.
fn two_strings(store: &Store) -> [SrsRecord; 2] {
    [5, 6].map(|k| Parameters::new(store.clone()).choose_srs(SrsChoice::InsecureLocal, k).unwrap())
}

#[test]
fn a_record_of_another_string_is_refused() {
    let (_directory, store) = fixture::store();
    let [one, other] = two_strings(&store);
    store.put_record(&one.id().to_string(), &other).unwrap();
    let refusal = Parameters::new(store).kzg(one.id(), 5, &Silent).unwrap_err();
    assert!(
        matches!(refusal, ParamsError::WrongSrs { expected, got } if (expected, got) == (one.id(), other.id())),
        "{refusal}"
    );
}

#[test]
fn powers_of_another_string_are_refused() {
    let (_directory, store) = fixture::store();
    let [one, other] = two_strings(&store);
    store
        .put_record(&other.id().to_string(), &SrsRecord { powers: one.powers, k: 5, ..other.clone() })
        .unwrap();
    let refusal = Parameters::new(store).kzg(other.id(), 5, &Silent).unwrap_err();
    assert!(matches!(refusal, ParamsError::WrongPowers { id } if id == other.id()), "{refusal}");
}

#[test]
fn kept_bases_of_another_string_or_size_are_made_again() {
    let (_directory, store) = fixture::store();
    let [one, other] = two_strings(&store);
    let bytes = |id: SrsId, k: u32| {
        let mut bytes = Vec::new();
        let params = Parameters::new(store.clone()).kzg(id, k, &Silent).unwrap();
        params.write_custom(&mut bytes, halo2_proofs::SerdeFormat::RawBytes).unwrap();
        bytes
    };
    let kept =
        |id: SrsId, k: u32| store.record::<kept::CachedParameters>(&kept::kzg_name(id, k)).unwrap().unwrap();
    let (small, large) = (bytes(other.id(), 5), bytes(other.id(), 6));
    // Of the other string, then of the other size.
    for wrong in [kept(one.id(), 5), kept(other.id(), 6)] {
        store.put_record(&kept::kzg_name(other.id(), 5), &wrong).unwrap();
        assert_eq!(bytes(other.id(), 5), small);
    }
    store.put_record(&kept::kzg_name(other.id(), 6), &kept(other.id(), 5)).unwrap();
    assert_eq!(bytes(other.id(), 6), large);
}
