//! Registered columns and their links.

use ff::Field;
use halo2_proofs::{
    halo2curves::bn256::{Fr, G1Affine},
    plonk::ProvingKey,
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::{
    setups::Setup,
    toy::{ROWS, Shape, Toy, value},
};
use crate::{
    Points, ProveError, Prover, RegisterError, Registration, Settings, Tables,
    backends::Choice,
    link::{LinkError, Subject, answer, check_link, link, link_bases, link_len},
    watch::Unwatched,
};

struct Case {
    setup: Setup,
    key: ProvingKey<G1Affine>,
    toy: Toy,
    prover: Prover,
}

/// A proof with its link.
struct Linked {
    proof: Vec<u8>,
    link: Vec<u8>,
}

impl Case {
    fn new(setup: Setup) -> Self {
        let toy = Toy { shape: Shape { degree: 4, phases: 2, copied: 3, weights: 3 }, seed: Some(11) };
        let key = setup.key(&toy);
        let tables = Tables::new(Choice::Fastest, &setup.points(), Settings::FASTEST);
        let prover = Prover::new(&tables, key.clone(), Settings::FASTEST).unwrap();
        Self { setup, key, toy, prover }
    }

    fn register(&self, values: Vec<Fr>, seed: u64) -> Registration {
        let columns = vec![(power_column(&self.toy.shape), values)];
        self.prover.register(columns, &mut ChaCha20Rng::seed_from_u64(seed), &Unwatched).unwrap()
    }

    fn subject<'a>(&'a self, registration: &'a Public, proof: &'a [u8]) -> Subject<'a> {
        Subject {
            context: b"a statement",
            system: self.key.get_vk().cs(),
            columns: &registration.columns,
            registered: &registration.commitments,
            bases: &registration.bases,
            proof,
        }
    }

    fn prove(&self, registration: &Registration, seed: u64) -> Linked {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let public = self.toy.public();
        let (proof, rerandomization) =
            self.prover.prove_committed(&self.toy, &[&public], registration, &mut rng, &Unwatched).unwrap();
        let public = Public::of(registration);
        let link = link(&self.subject(&public, &proof), registration, &rerandomization, &mut rng).unwrap();
        Linked { proof, link }
    }

    fn accepts(&self, proof: &[u8]) -> bool {
        self.setup.accepts(&self.key, &self.toy.public(), proof)
    }
}

/// The advice column of powers, which nothing but its gate reads, on its own row.
fn power_column(shape: &Shape) -> usize {
    shape.copied
}

/// Its values.
fn powers(toy: &Toy) -> Vec<Fr> {
    let exponent = [toy.shape.degree as u64 - 1];
    toy.seed
        .map_or_else(Vec::new, |seed| (0..ROWS).map(|row| value(seed, row).pow_vartime(exponent)).collect())
}

/// What everybody may know of a registration.
struct Public {
    columns: Vec<usize>,
    commitments: Vec<G1Affine>,
    bases: Vec<G1Affine>,
}

impl Public {
    fn of(registration: &Registration) -> Self {
        Self {
            columns: registration.indices(),
            commitments: registration.commitments(),
            bases: registration.bases().to_vec(),
        }
    }
}

fn on_both(check: fn(Case)) {
    check(Case::new(Setup::kzg(6)));
    check(Case::new(Setup::ipa(6)));
}

#[test]
fn proofs_of_one_registration_are_linked_and_differ() {
    on_both(|case| {
        let registration = case.register(powers(&case.toy), 1);
        let public = Public::of(&registration);
        let bases = link_bases(&case.setup.points(), case.key.get_vk().cs(), &public.columns);
        assert_eq!(bases, public.bases, "who checks a link takes the bases from the setup");
        let (first, second) = (case.prove(&registration, 2), case.prove(&registration, 3));
        for linked in [&first, &second] {
            assert!(case.accepts(&linked.proof));
            assert_eq!(linked.link.len(), link_len(public.bases.len()));
            assert_eq!(check_link(&case.subject(&public, &linked.proof), &linked.link), Ok(()));
        }
        let words: Vec<&[u8]> = first.proof.chunks_exact(32).chain(first.link.chunks_exact(32)).collect();
        let both = second.proof.chunks_exact(32).chain(second.link.chunks_exact(32));
        assert_eq!(both.filter(|word| words.contains(word)).count(), 0);
        // The link of another proof, and the same values registered again.
        let equation = Err(LinkError::Equation);
        assert_eq!(check_link(&case.subject(&public, &first.proof), &second.link), equation);
        let again = Public::of(&case.register(powers(&case.toy), 4));
        assert_ne!(again.commitments, public.commitments);
        assert_eq!(check_link(&case.subject(&again, &first.proof), &first.link), equation);
    });
}

#[test]
fn a_proof_of_other_values_has_no_link() {
    on_both(|case| {
        // The registration says 0 where the proof says something else; its maker knows all that differs.
        let mut others = powers(&case.toy);
        others[1] += Fr::ONE;
        let (honest, other) = (case.register(powers(&case.toy), 1), case.register(others, 1));
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let public = case.toy.public();
        let (proof, rerandomization) =
            case.prover.prove_committed(&case.toy, &[&public], &honest, &mut rng, &Unwatched).unwrap();
        assert!(case.accepts(&proof));
        let registered = Public::of(&other);
        let subject = case.subject(&registered, &proof);
        assert_eq!(link(&subject, &honest, &rerandomization, &mut rng), Err(LinkError::Registration));
        let forged = answer(&subject, &honest, &rerandomization, &mut rng).unwrap();
        assert_eq!(check_link(&case.subject(&registered, &proof), &forged), Err(LinkError::Equation));
        // A proof with the other values does not satisfy the circuit.
        let unsatisfied = case.prove(&other, 5);
        assert!(!case.accepts(&unsatisfied.proof));
        assert_eq!(check_link(&case.subject(&registered, &unsatisfied.proof), &unsatisfied.link), Ok(()));
    });
}

#[test]
fn every_part_of_a_subject_counts() {
    on_both(|case| {
        let registration = case.register(powers(&case.toy), 1);
        let public = Public::of(&registration);
        let Linked { proof, link } = case.prove(&registration, 2);
        let subject = case.subject(&public, &proof);
        let check = |subject: Subject<'_>, link: &[u8]| check_link(&subject, link).unwrap_err();
        let elsewhere = Subject { context: b"another statement", ..subject };
        assert_eq!(check(elsewhere, &link), LinkError::Equation);
        let mut moved = proof.clone();
        *moved.last_mut().unwrap() ^= 1;
        assert_eq!(check(Subject { proof: &moved, ..subject }, &link), LinkError::Equation);
        let other_column = [0];
        assert_eq!(check(Subject { columns: &other_column, ..subject }, &link), LinkError::Equation);
        let bases: Vec<G1Affine> = public.bases.iter().rev().copied().collect();
        assert_eq!(check(Subject { bases: &bases, ..subject }, &link), LinkError::Equation);
        let negated = [-public.commitments[0]];
        assert_eq!(check(Subject { registered: &negated, ..subject }, &link), LinkError::Equation);
        let two = [public.commitments[0], G1Affine::from(halo2_proofs::halo2curves::bn256::G1::generator())];
        let uneven = LinkError::Subject { columns: 1, commitments: 2 };
        assert_eq!(check(Subject { registered: &two, ..subject }, &link), uneven);
        let late = [case.key.get_vk().cs().num_advice_columns() - 1];
        assert_eq!(
            check(Subject { columns: &late, ..subject }, &link),
            LinkError::Column { column: late[0] }
        );
        let short = &proof[..64];
        let column = public.columns[0];
        assert_eq!(check(Subject { proof: short, ..subject }, &link), LinkError::Commitment { column });
        let expected = link.len();
        assert_eq!(check(subject, &link[1..]), LinkError::Length { expected, got: expected - 1 });
        for at in 0..link.len() {
            let mut tampered = link.clone();
            tampered[at] ^= 1;
            assert!(check_link(&subject, &tampered).is_err(), "byte {at}");
        }
        let mut large = link.clone();
        large[32..64].fill(0xff);
        assert_eq!(check(subject, &large), LinkError::Encoding);
    });
}

/// With one column, equal nonces give the masks away: `(z - z') / (c - c')`.
#[test]
fn a_generator_that_repeats_itself_repeats_no_nonce() {
    on_both(|case| {
        let registration = case.register(powers(&case.toy), 1);
        let public = Public::of(&registration);
        let rng = ChaCha20Rng::seed_from_u64(2);
        let statement = [&case.toy.public()[..]];
        let (proof, rerandomization) = case
            .prover
            .prove_committed(&case.toy, &statement, &registration, &mut rng.clone(), &Unwatched)
            .unwrap();
        let first = case.subject(&public, &proof);
        let second = Subject { context: b"another statement", ..first };
        let made = |subject| link(&subject, &registration, &rerandomization, &mut rng.clone()).unwrap();
        let links = [made(first), made(second)];
        assert_ne!(links[0][..32], links[1][..32], "one commitment to nonces for two challenges");
        assert_eq!(check_link(&first, &links[0]), Ok(()));
        assert_eq!(check_link(&second, &links[1]), Ok(()));
    });
}

#[test]
fn only_columns_of_the_first_phase_are_registered() {
    let case = Case::new(Setup::kzg(6));
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut register = |columns| case.prover.register(columns, &mut rng, &Unwatched).unwrap_err();
    let late = case.key.get_vk().cs().num_advice_columns() - 1;
    assert_eq!(register(vec![(late, Vec::new())]), RegisterError::Column { column: late });
    assert_eq!(register(vec![(99, Vec::new())]), RegisterError::Column { column: 99 });
    assert_eq!(register(vec![(0, Vec::new()), (0, Vec::new())]), RegisterError::Column { column: 0 });
    let limit = 64 - (case.key.get_vk().cs().blinding_factors() + 1);
    let long = RegisterError::Length { column: 0, limit, got: limit + 1 };
    assert_eq!(register(vec![(0, vec![Fr::ONE; limit + 1])]), long);
}

#[test]
fn nothing_is_registered_where_proofs_do_not_hide() {
    let setup = Setup::kzg(6);
    let toy = Toy { shape: Shape { degree: 4, phases: 1, copied: 3, weights: 0 }, seed: Some(11) };
    let key = setup.key(&toy);
    let Points::Kzg { powers, lagrange } = setup.points() else { unreachable!("made for KZG") };
    let among_the_rows: Vec<G1Affine> = [powers[..64].to_vec(), vec![powers[0]]].concat();
    for powers in [&powers[..64], &among_the_rows] {
        let tables = Tables::new(Choice::Fastest, &Points::Kzg { powers, lagrange }, Settings::FASTEST);
        let prover = Prover::new(&tables, key.clone(), Settings::FASTEST).unwrap();
        assert!(!prover.hides());
        let rng = &mut ChaCha20Rng::seed_from_u64(1);
        let refused = prover.register(vec![(0, Vec::new())], rng, &Unwatched).unwrap_err();
        assert_eq!(refused, RegisterError::Setup);
    }
}

/// The next circuit reads the column on two rows, so the masks of the first would be too few.
#[test]
fn a_registration_of_another_circuit_or_setup_is_refused() {
    on_both(|case| {
        let registration = case.register(powers(&case.toy), 1);
        let toy = Toy { shape: Shape { copied: 2, ..case.toy.shape }, ..case.toy.clone() };
        let tables = Tables::new(Choice::Fastest, &case.setup.points(), Settings::FASTEST);
        let key = case.setup.key(&toy);
        let prover = Prover::new(&tables, key.clone(), Settings::FASTEST).unwrap();
        let prove = |prover: &Prover, toy: &Toy| {
            let rng = &mut ChaCha20Rng::seed_from_u64(1);
            prover.prove_committed(toy, &[&toy.public()], &registration, rng, &Unwatched).unwrap_err()
        };
        assert!(matches!(prove(&prover, &toy), ProveError::Registration));
        let other = match case.setup {
            Setup::Kzg { .. } => Case::new(Setup::ipa(6)),
            Setup::Ipa { .. } => Case::new(Setup::kzg(6)),
        };
        assert!(matches!(prove(&other.prover, &case.toy), ProveError::Registration));
    });
}

#[test]
fn secrets_are_not_shown() {
    let case = Case::new(Setup::kzg(6));
    let shown = format!("{:?}", case.register(vec![Fr::from(123_456_789)], 1));
    assert!(shown.starts_with("Registration { columns: ["), "{shown}");
    assert!(!shown.contains("0x") && !shown.contains("75bcd15"), "{shown}");
}
