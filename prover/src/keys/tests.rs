use std::{fs, thread};

use lemma_verifier::{
    digest::Digest,
    setup::SrsId,
    statement::Context,
    verify::{Expect, verify},
};

use super::*;
use crate::{
    fixture::{self, IPA, KZG, ONNX, circuit, context, inputs},
    progress::{Recorder, Silent},
    prove::prove,
    store::GcReport,
};

fn phases(recorder: &Recorder) -> Vec<Phase> {
    recorder.steps().into_iter().map(|step| step.0).collect()
}

fn proves(keys: &ProvingKeys, circuit: &CompiledCircuit) {
    let proven = prove(keys, circuit, &inputs(), context(), &Silent).unwrap();
    let expect = Expect { circuit: keys.circuit_id(), context: Some(context()), allow_insecure_srs: true };
    assert!(verify(&proven.bundle, keys.verifier(), &expect).is_ok());
}

#[test]
fn keys_are_made_once_and_found_again() {
    for setup in [IPA, KZG] {
        let (_directory, store) = fixture::store();
        let circuit = circuit(3, setup);
        let first = Recorder::default();
        let verifier = Keyring::new(store.clone()).verifier_for(&circuit, ONNX, setup, &first).unwrap();
        assert!(phases(&first).contains(&Phase::VerifyingKey));
        assert!(!phases(&first).contains(&Phase::ProvingKey));

        let second = Recorder::default();
        let made = Keyring::new(store.clone()).proving_keys(&circuit, ONNX, setup, &second).unwrap();
        assert_eq!(made.circuit_id(), verifier.circuit_id());
        assert!(!phases(&second).contains(&Phase::VerifyingKey));
        assert!(phases(&second).contains(&Phase::ProvingKey));
        proves(&made, &circuit);

        let third = Recorder::default();
        let keyring = Keyring::new(store.clone());
        let loaded = keyring.proving_keys(&circuit, ONNX, setup, &third).unwrap();
        assert_eq!(loaded.circuit_id(), verifier.circuit_id());
        assert!(phases(&third).contains(&Phase::LoadKeys));
        assert!(
            !phases(&third).contains(&Phase::VerifyingKey) && !phases(&third).contains(&Phase::ProvingKey)
        );
        assert_eq!(loaded.pk_bytes(), made.pk_bytes());
        proves(&loaded, &circuit);

        let record = keyring.circuit(verifier.circuit_id()).unwrap();
        assert_eq!(keyring.circuits().unwrap(), [record]);
        assert_eq!(
            (record.model, record.k, record.scheme()),
            (circuit.model_id(), circuit.k(), setup.scheme())
        );
        assert_eq!((record.insecure_srs(), record.srs()), (verifier.insecure_srs(), verifier.srs()));
        assert_eq!(keyring.onnx(&record).unwrap(), ONNX);
        let file = keyring.vk_bytes(&record).unwrap();
        let read = keyring.verifier_from_file(&file, &Silent).unwrap();
        let found = keyring.verifier(record.circuit, &Silent).unwrap();
        assert_eq!((read.circuit_id(), found.circuit_id()), (record.circuit, record.circuit));
        assert_eq!(file.len(), read.file_len());
        assert_eq!(store.gc().unwrap(), GcReport::default());
    }
}

/// The id is the same on every machine and names everything it should.
#[test]
fn circuit_ids_tell_circuits_apart() {
    let id = |weight, setup| {
        let (_directory, store) = fixture::store();
        let verifier =
            Keyring::new(store).verifier_for(&circuit(weight, setup), ONNX, setup, &Silent).unwrap();
        assert_eq!(verifier.insecure_srs(), setup == KZG);
        verifier.circuit_id()
    };
    assert_eq!(id(3, IPA), id(3, IPA));
    let ids = [id(3, IPA), id(4, IPA), id(3, KZG), id(3, KZG)];
    for (i, a) in ids.iter().enumerate() {
        for b in &ids[..i] {
            // Two local strings are two setups.
            assert_ne!(a, b);
        }
    }
}

#[test]
fn keys_of_one_circuit_refuse_proofs_of_another() {
    let (_directory, store) = fixture::store();
    let keyring = Keyring::new(store);
    let circuits = [circuit(3, KZG), circuit(4, KZG)];
    let keys = circuits.each_ref().map(|circuit| keyring.proving_keys(circuit, ONNX, KZG, &Silent).unwrap());
    assert_eq!(keyring.circuits().unwrap().len(), 2);
    let proven = prove(&keys[0], &circuits[0], &inputs(), Context::default(), &Silent).unwrap();
    let expect = Expect { circuit: keys[1].circuit_id(), context: None, allow_insecure_srs: true };
    assert!(verify(&proven.bundle, keys[1].verifier(), &expect).is_err());
}

#[test]
fn concurrent_callers_make_keys_once() {
    let (_directory, store) = fixture::store();
    let circuit = circuit(3, IPA);
    let recorder = Recorder::default();
    let ids: Vec<_> = thread::scope(|scope| {
        let make =
            || Keyring::new(store.clone()).proving_keys(&circuit, ONNX, IPA, &recorder).unwrap().circuit_id();
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
    let count = |phase| phases(&recorder).into_iter().filter(|each| *each == phase).count();
    assert_eq!((count(Phase::VerifyingKey), count(Phase::ProvingKey), count(Phase::LoadKeys)), (1, 1, 3));
}

#[test]
fn damaged_keys_are_made_again_and_never_used() {
    for kind in [ObjectKind::ProvingKey, ObjectKind::VerifyingKey, ObjectKind::Model] {
        for damage in [&b"damage"[..], b""] {
            let (_directory, store) = fixture::store();
            let circuit = circuit(3, KZG);
            let keyring = Keyring::new(store.clone());
            let id = keyring.proving_keys(&circuit, ONNX, KZG, &Silent).unwrap().circuit_id();
            let record = keyring.circuit(id).unwrap();
            let digest = match kind {
                ObjectKind::ProvingKey => record.pk.unwrap(),
                ObjectKind::VerifyingKey => record.vk,
                _ => record.onnx,
            };
            let path = store.object_path(kind, digest);
            let mut bytes = fs::read(&path).unwrap();
            if damage.is_empty() {
                fs::remove_file(&path).unwrap();
            } else {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(&path, bytes).unwrap();
            }
            if kind == ObjectKind::VerifyingKey {
                assert!(
                    matches!(keyring.verifier(id, &Silent), Err(KeysError::KeyLost { circuit, .. }) if circuit == id)
                );
            }
            let checked = keyring.check_files(id);
            if kind == ObjectKind::ProvingKey {
                checked.unwrap();
            } else {
                assert!(checked.unwrap_err().is_damage());
            }
            let again = keyring.proving_keys(&circuit, ONNX, KZG, &Silent).unwrap();
            assert_eq!(again.circuit_id(), id);
            keyring.check_files(id).unwrap();
            proves(&again, &circuit);
        }
    }
}

#[test]
fn keys_of_another_circuit_are_not_taken_for_these() {
    let (_directory, store) = fixture::store();
    let keyring = Keyring::new(store.clone());
    let circuits = [circuit(3, KZG), circuit(4, KZG)];
    let ids = circuits
        .each_ref()
        .map(|circuit| keyring.proving_keys(circuit, ONNX, KZG, &Silent).unwrap().circuit_id());
    let records = ids.map(|id| keyring.circuit(id).unwrap());
    assert_eq!(circuits[0].shape(), circuits[1].shape());
    // Another proving key of the same shape.
    store.put_record(&ids[0].to_string(), &CircuitRecord { pk: records[1].pk, ..records[0] }).unwrap();
    let keys = keyring.proving_keys(&circuits[0], ONNX, KZG, &Silent).unwrap();
    proves(&keys, &circuits[0]);
    assert_eq!(keyring.circuit(ids[0]).unwrap().pk, records[0].pk);
    // Another verifying key.
    store.put_record(&ids[0].to_string(), &CircuitRecord { vk: records[1].vk, ..records[0] }).unwrap();
    assert!(matches!(
        keyring.verifier(ids[0], &Silent),
        Err(KeysError::WrongKey { expected, got }) if expected == ids[0] && got == ids[1]
    ));
}

#[test]
fn a_plan_that_leads_to_another_circuit_is_made_again() {
    let (_directory, store) = fixture::store();
    let keyring = Keyring::new(store.clone());
    let circuits = [circuit(3, KZG), circuit(4, KZG)];
    let verifiers =
        circuits.each_ref().map(|circuit| keyring.verifier_for(circuit, ONNX, KZG, &Silent).unwrap());
    let ids = verifiers.each_ref().map(VerifierKey::circuit_id);
    let records = ids.map(|id| keyring.circuit(id).unwrap());
    let plan = plan_name(&circuits[0], verifiers[0].file().setup());
    let id = ids[0].to_string();
    let damage: [&dyn Fn(); 4] = [
        &|| store.put_record(&plan, &PlanRecord { circuit: ids[1] }).unwrap(),
        &|| store.put_record(&id, &records[1]).unwrap(),
        &|| store.put_record(&id, &CircuitRecord { vk: records[1].vk, ..records[0] }).unwrap(),
        &|| fs::write(store.root().join("records/circuit").join(&id), b"damage").unwrap(),
    ];
    for damage in damage {
        damage();
        let keys = keyring.proving_keys(&circuits[0], ONNX, KZG, &Silent).unwrap();
        assert_eq!(keys.circuit_id(), ids[0]);
        proves(&keys, &circuits[0]);
        // No proving key was put into the other circuit's record.
        assert_eq!(keyring.circuit(ids[1]).unwrap().pk, None);
    }
}

#[test]
fn what_cannot_be_had_is_named() {
    let (_directory, store) = fixture::store();
    let keyring = Keyring::new(store);
    let ipa = circuit(3, IPA);
    let scheme = keyring.verifier_for(&ipa, ONNX, KZG, &Silent);
    assert!(matches!(scheme, Err(KeysError::Scheme { compiled: Scheme::Ipa, setup: Scheme::Kzg })));
    let unknown = CircuitId([9; 32]);
    assert!(matches!(
        keyring.verifier(unknown, &Silent),
        Err(KeysError::UnknownCircuit { circuit }) if circuit == unknown
    ));
    let kzg = circuit(3, KZG);
    let no_srs = SetupChoice::Kzg(SrsChoice::Ceremony(None));
    let refused = keyring.proving_keys(&kzg, ONNX, no_srs, &Silent);
    assert!(matches!(refused, Err(KeysError::Parameters(ParamsError::NoSrs { .. }))));
    let named = SetupChoice::Kzg(SrsChoice::Ceremony(Some(SrsId(Digest([1; 32])))));
    let refused = keyring.proving_keys(&kzg, ONNX, named, &Silent);
    assert!(matches!(refused, Err(KeysError::Parameters(ParamsError::UnknownSrs { .. }))));
    let file = keyring.verifier_from_file(b"no key", &Silent);
    assert!(matches!(file, Err(KeysError::VerifierKey(VerifierKeyError::File(_)))));
    assert!(KeysError::Library(plonk::Error::Synthesis).to_string().starts_with("cannot make keys"));
}
