use rand::rngs::OsRng;

use super::*;

#[test]
fn generated_parameters_are_the_library_s() {
    for k in [1, 5, 7] {
        let bytes = Points::derive(k, usize::MAX).file();
        assert_eq!(bytes.len() as u64, file_len(k));
        let mut library = Vec::new();
        ParamsIPA::<G1Affine>::new(k).write(&mut library).unwrap();
        assert!(bytes == library, "k = {k}");
    }
}

/// What a verifier derives commits to its public inputs as the whole does.
#[test]
fn a_verifier_s_parameters_commit_to_public_inputs() {
    let k = 6;
    let whole = Transparent::derive_whole(k).unwrap().0.library;
    for public_inputs in [0, 1, 4, 7, 50, 64] {
        let some = Transparent::derive(k, public_inputs).unwrap();
        assert!(some.are_for(k, public_inputs));
        assert!(!some.are_for(k, public_inputs + 1) && !some.are_for(k + 1, public_inputs));
        let some = some.library;
        assert_eq!(some.get_g(), whole.get_g());
        let mut column = vec![Fr::ZERO; 1 << k];
        column.iter_mut().take(public_inputs).for_each(|cell| *cell = Fr::random(OsRng));
        let column = EvaluationDomain::<Fr>::new(2, k).lagrange_from_vec(column);
        let [some, whole] = [&some, &whole]
            .map(|params: &Arc<ParamsIPA<_>>| params.commit_lagrange(&column, Blind::default()));
        assert_eq!(some, whole, "{public_inputs} public inputs");
    }
}

/// A kept file is believed only if it is what would be derived, as far as it is used.
#[test]
fn kept_parameters_are_checked() {
    let (k, public_inputs) = (6, 5);
    let good = Transparent::derive_some(k, public_inputs).unwrap().1;
    assert!(Transparent::read_some(k, public_inputs, &good).is_ok());
    assert!(Transparent::read_some(k, public_inputs + 1, &good).is_err(), "a point that is not there");
    assert!(Transparent::read_some(k, 64, &Transparent::derive_whole(k).unwrap().1).is_ok());
    let point = |index: usize| 4 + POINT_LEN * index;
    // A generator, w and a Lagrange point that is used, each in another's place.
    for index in [0, 128, 64 + 3] {
        let mut bad = good.clone();
        bad.copy_within(point(1)..point(2), point(index));
        let refused = Transparent::read_some(k, public_inputs, &bad);
        assert!(refused.is_err(), "point {index}");
    }
    assert!(Transparent::read_some(k, public_inputs, &good[..good.len() - 1]).is_err());
    assert!(Transparent::read_some(k, public_inputs, &[]).is_err());
    let unknown = LARGEST_PINNED + 1;
    assert!(
        matches!(Transparent::read_some(unknown, 0, &[]), Err(TransparentError::Malformed { k, .. }) if k == unknown)
    );
}

#[test]
fn every_pinned_digest_is_the_generated_one_up_to_nine() {
    for k in FIRST_PINNED..=9 {
        let (derived, bytes) = Transparent::derive_whole(k).unwrap();
        assert_eq!(pinned_file(k), Some(Digest::of(&bytes)));
        assert_eq!(derived.library.get_g().len(), 1 << k);
        assert_eq!(
            pinned(&GENERATORS, k),
            Some(digest_of_generators(&Transparent::derive_some(k, 0).unwrap().1))
        );
    }
    for list in [&FILES, &GENERATORS] {
        assert_eq!(pinned(list, FIRST_PINNED - 1), None);
        assert_eq!(pinned(list, LARGEST_PINNED + 1), None);
        assert!((FIRST_PINNED..=LARGEST_PINNED).all(|k| pinned(list, k).is_some()));
    }
}

#[test]
#[ignore = "derives 2^17 points, about a minute of CPU time in a release build"]
fn every_pinned_digest_is_the_generated_one() {
    for k in FIRST_PINNED..=LARGEST_PINNED {
        let file = Points::derive(k, usize::MAX).file();
        assert_eq!(pinned_file(k), Some(Digest::of(&file)), "{k}");
        assert_eq!(pinned(&GENERATORS, k), Some(digest_of_generators(&file)), "{k}");
    }
}

#[test]
fn other_points_than_the_pinned_ones_are_refused() {
    let (expected, got) = (pinned_file(5).unwrap(), Digest::of(b"other"));
    assert_eq!(check(5, Some(expected), got), Err(TransparentError::PinnedDigest { k: 5, expected, got }));
    assert_eq!(check(5, Some(expected), expected), Ok(()));
    assert_eq!(check(21, None, got), Ok(()));
}

#[test]
fn other_files_are_refused() {
    let good = Transparent::derive_whole(5).unwrap().1;
    let refused = |k, bytes: &[u8]| matches!(read(k, bytes), Err(TransparentError::Malformed { .. }));
    assert!(refused(5, &good[..good.len() - 1]));
    assert!(refused(6, &good));
    let mut other_size = good.clone();
    other_size[0] = 6;
    assert!(refused(5, &other_size));
    let mut no_point = good.clone();
    no_point[4..36].fill(0xff);
    assert!(refused(5, &no_point));
    assert!(!refused(5, &good));
}
