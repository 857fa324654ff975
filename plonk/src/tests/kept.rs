//! Tables as bytes, settings and memory.

use std::io;

use super::{
    setups::Setup,
    toy::{Shape as ToyShape, Toy},
};
use crate::{Prover, Settings, Shape, Tables, Unsupported, backends::Choice, watch::Unwatched};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

#[test]
fn tables_are_read_as_they_were_written() {
    for setup in [Setup::kzg(5), Setup::ipa(5)] {
        for settings in Settings::from_fastest() {
            let tables = Tables::new(Choice::Fastest, &setup.points(), settings);
            let mut bytes = Vec::new();
            tables.write(&mut bytes).unwrap();
            for choice in [Choice::Fastest, Choice::Scalar] {
                let read = Tables::read(choice, &setup.points(), settings, &mut &bytes[..]).unwrap();
                let mut again = Vec::new();
                read.write(&mut again).unwrap();
                assert!(bytes == again, "{settings:?}");
            }
        }
    }
}

#[test]
fn tables_of_other_points_are_refused() {
    let (kzg, ipa) = (Setup::kzg(5), Setup::ipa(5));
    let settings = Settings::FASTEST;
    let mut bytes = Vec::new();
    Tables::new(Choice::Scalar, &ipa.points(), settings).write(&mut bytes).unwrap();
    let read = |setup: &Setup, settings, bytes: &[u8]| {
        Tables::read(Choice::Scalar, &setup.points(), settings, &mut &bytes[..]).unwrap_err().kind()
    };
    assert_eq!(read(&kzg, settings, &bytes), io::ErrorKind::InvalidData);
    assert_eq!(read(&Setup::ipa(6), settings, &bytes), io::ErrorKind::InvalidData);
    assert_eq!(read(&ipa, Settings { stride: 2, ..settings }, &bytes), io::ErrorKind::InvalidData);
    assert_eq!(read(&ipa, settings, &bytes[..bytes.len() - 1]), io::ErrorKind::UnexpectedEof);
    for at in [0, 8, 20, 64, 64 + 31] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x80;
        assert_eq!(read(&ipa, settings, &damaged), io::ErrorKind::InvalidData, "byte {at}");
    }
}

#[test]
fn all_settings_prove_the_same() {
    let setup = Setup::kzg(6);
    let toy = Toy { shape: ToyShape { degree: 5, phases: 2, copied: 4, weights: 2 }, seed: Some(2) };
    let key = setup.key(&toy);
    let proofs: Vec<Vec<u8>> = Settings::from_fastest()
        .map(|settings| {
            let tables = Tables::new(Choice::Fastest, &setup.points(), settings);
            let prover = Prover::new(&tables, key.clone(), settings).unwrap();
            assert!(prover.hides());
            let mut rng = ChaCha20Rng::seed_from_u64(1);
            prover.prove(&toy, &[&toy.public()], &mut rng, &Unwatched).unwrap()
        })
        .collect();
    assert!(setup.accepts(&key, &toy.public(), &proofs[0]));
    assert!(proofs.iter().all(|proof| *proof == proofs[0]));
}

#[test]
fn a_budget_is_kept_by_going_without() {
    let setup = Setup::kzg(6);
    let toy = Toy { shape: ToyShape { degree: 5, phases: 1, copied: 4, weights: 0 }, seed: Some(2) };
    let shape = Shape::of_key(Choice::Scalar, &setup.key(&toy));
    let settings: Vec<Settings> = Settings::from_fastest().collect();
    let peaks: Vec<u64> = settings.iter().map(|settings| shape.memory(*settings).peak()).collect();
    assert!(peaks.windows(2).all(|pair| pair[1] <= pair[0]), "{peaks:?}");
    assert_eq!(Settings::within(u64::MAX, &shape), Settings::FASTEST);
    assert_eq!(Settings::within(peaks[1], &shape), settings[1]);
    assert_eq!(Settings::within(0, &shape), settings[settings.len() - 1]);
}

#[test]
fn another_size_is_refused() {
    let toy = Toy { shape: ToyShape { degree: 4, phases: 1, copied: 1, weights: 0 }, seed: Some(2) };
    let key = Setup::kzg(5).key(&toy);
    let tables = Tables::new(Choice::Fastest, &Setup::kzg(6).points(), Settings::FASTEST);
    let refusal = Prover::new(&tables, key.clone(), Settings::FASTEST).unwrap_err();
    assert_eq!(refusal, Unsupported::Rows { expected: 6, got: 5 });
}
