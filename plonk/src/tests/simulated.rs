//! The simulators of SOUNDNESS.md, section 9: proofs that the stock verifier accepts, of statements that are false, made
//! without a witness by whoever chooses the challenges beforehand and, with KZG, knows the setup's secret. So what such a
//! proof shows is public; that real ones have the same distribution is what section 9 proves.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    io,
};

use ff::Field;
use halo2_proofs::{
    arithmetic::{best_multiexp, eval_polynomial, lagrange_interpolate},
    halo2curves::{
        bn256::{Bn256, Fr, G1, G1Affine},
        group::{Curve, Group},
    },
    plonk::{Any, ConstraintSystem, ProvingKey, verify_proof},
    poly::{
        VerificationStrategy,
        commitment::{Blind, Params, ParamsProver},
        ipa::{
            commitment::IPACommitmentScheme, multiopen::VerifierIPA, strategy::SingleStrategy as SingleIpa,
        },
        kzg::{
            commitment::KZGCommitmentScheme, multiopen::VerifierSHPLONK,
            strategy::SingleStrategy as SingleKzg,
        },
    },
    transcript::{EncodedChallenge, Transcript, TranscriptRead},
};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::{
    accepted::{prove_with, shapes},
    setups::Setup,
    toy::{Shape, Toy},
};
use crate::{
    fft::{powers, root_of_unity},
    scalar::Scalar,
};

/// A challenge that was chosen beforehand.
#[derive(Clone, Copy, Debug)]
struct Given(Fr);

impl EncodedChallenge<G1Affine> for Given {
    type Input = Fr;

    fn new(input: &Fr) -> Self {
        Self(*input)
    }

    fn get_scalar(&self) -> Fr {
        self.0
    }
}

/// Messages, and the challenges between them whatever they say: a random oracle that was programmed.
#[derive(Clone, Debug)]
struct Script {
    points: VecDeque<G1Affine>,
    scalars: VecDeque<Fr>,
    challenges: ChaCha20Rng,
}

impl Transcript<G1Affine, Given> for Script {
    fn squeeze_challenge(&mut self) -> Given {
        Given(Fr::random(&mut self.challenges))
    }

    fn common_point(&mut self, _: G1Affine) -> io::Result<()> {
        Ok(())
    }

    fn common_scalar(&mut self, _: Fr) -> io::Result<()> {
        Ok(())
    }
}

impl TranscriptRead<G1Affine, Given> for Script {
    fn read_point(&mut self) -> io::Result<G1Affine> {
        self.points.pop_front().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn read_scalar(&mut self) -> io::Result<Fr> {
        self.scalars.pop_front().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

fn accepts(setup: &Setup, key: &ProvingKey<G1Affine>, public: &[Fr], script: &Script) -> bool {
    let mut script = script.clone();
    let key = key.get_vk();
    let public: &[&[&[Fr]]] = &[&[public]];
    let accepted = match setup {
        Setup::Kzg { params, .. } => verify_proof::<
            KZGCommitmentScheme<Bn256>,
            VerifierSHPLONK<'_, Bn256>,
            _,
            _,
            _,
        >(params, key, SingleKzg::new(params), public, &mut script)
        .is_ok(),
        Setup::Ipa { params, .. } => verify_proof::<
            IPACommitmentScheme<G1Affine>,
            VerifierIPA<'_, G1Affine>,
            _,
            _,
            _,
        >(params, key, SingleIpa::new(params), public, &mut script)
        .is_ok(),
    };
    accepted && script.points.is_empty() && script.scalars.is_empty()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Name {
    Instance(usize),
    Advice(usize),
    Product(usize),
    Fixed(usize),
    Sigma(usize),
    Quotient,
    Mask,
}

/// Polynomials that are opened at the same rotations of x.
struct Set {
    rotations: BTreeSet<i32>,
    names: Vec<Name>,
}

/// What it knows: the key, the public inputs, the challenges and, with KZG, the secret. All that it draws is uniform.
struct Simulator<'a> {
    setup: &'a Setup,
    key: &'a ProvingKey<G1Affine>,
    public: &'a [Fr],
    rng: ChaCha20Rng,
    challenges: ChaCha20Rng,
    points: Vec<G1>,
    scalars: Vec<Fr>,
    /// Logarithms of the uniform commitments; with KZG, values of polynomials at the secret.
    logarithms: HashMap<Name, Fr>,
    values: HashMap<(Name, i32), Fr>,
}

impl Simulator<'_> {
    fn system(&self) -> &ConstraintSystem<Fr> {
        self.key.get_vk().cs()
    }

    fn n(&self) -> u64 {
        1 << self.key.get_vk().get_domain().k()
    }

    fn at(&self, x: Fr, rotation: i32) -> Fr {
        let omega = root_of_unity(self.key.get_vk().get_domain().k());
        x * omega.pow_vartime([rotation.rem_euclid(self.n() as i32) as u64])
    }

    fn challenge(&mut self) -> Fr {
        Fr::random(&mut self.challenges)
    }

    fn uniform_point(&mut self) -> Fr {
        let logarithm = Fr::random(&mut self.rng);
        self.points.push(G1::generator() * logarithm);
        logarithm
    }

    fn uniform_scalar(&mut self) -> Fr {
        let scalar = Fr::random(&mut self.rng);
        self.scalars.push(scalar);
        scalar
    }

    /// `L_row(z)`.
    fn lagrange(&self, row: i32, z: Fr) -> Fr {
        let omega = self.at(Fr::ONE, row);
        let vanishing = z.pow_vartime([self.n()]) - Fr::ONE;
        omega * vanishing * (Fr::from(self.n()) * (z - omega)).invert().unwrap()
    }

    /// The value of a polynomial that everybody knows.
    fn known(&self, name: Name, z: Fr) -> Option<Fr> {
        match name {
            Name::Instance(_) => {
                Some((0..).zip(self.public).map(|(row, v)| *v * self.lagrange(row, z)).sum())
            }
            Name::Fixed(i) => Some(eval_polynomial(&self.key.fixed_polys()[i], z)),
            Name::Sigma(i) => Some(eval_polynomial(&self.key.permutation().polys()[i], z)),
            _ => None,
        }
    }

    /// Writes the value at a rotation of x: what everybody knows, or anything.
    fn evaluate(&mut self, name: Name, rotation: i32, x: Fr) {
        let value = match self.known(name, self.at(x, rotation)) {
            Some(value) => {
                self.scalars.push(value);
                value
            }
            None => self.uniform_scalar(),
        };
        self.values.insert((name, rotation), value);
    }

    fn is_ipa(&self) -> bool {
        matches!(self.setup, Setup::Ipa { .. })
    }

    fn products(&self) -> usize {
        self.system().permutation().get_columns().len().div_ceil(self.system().degree() - 2)
    }

    fn end(&self) -> i32 {
        -(self.system().blinding_factors() as i32 + 1)
    }

    fn queried(&self) -> [Vec<(Name, i32)>; 3] {
        let system = self.system();
        [
            system.instance_queries().iter().map(|(c, at)| (Name::Instance(c.index()), at.0)).collect(),
            system.advice_queries().iter().map(|(c, at)| (Name::Advice(c.index()), at.0)).collect(),
            system.fixed_queries().iter().map(|(c, at)| (Name::Fixed(c.index()), at.0)).collect(),
        ]
    }

    fn simulate(mut self) -> Script {
        let challenges = self.challenges.clone();
        let (phases, of_challenges) = (self.system().advice_column_phase(), self.system().challenge_phase());
        let mut of_circuit = vec![Fr::ZERO; of_challenges.len()];
        for phase in 0..=phases.iter().chain(&of_challenges).max().copied().unwrap() {
            for (column, _) in phases.iter().enumerate().filter(|(_, of)| **of == phase) {
                let logarithm = self.uniform_point();
                self.logarithms.insert(Name::Advice(column), logarithm);
            }
            for (index, _) in of_challenges.iter().enumerate().filter(|(_, of)| **of == phase) {
                of_circuit[index] = self.challenge();
            }
        }
        let [_theta, beta, gamma] = [(); 3].map(|()| self.challenge());
        for product in 0..self.products() {
            let logarithm = self.uniform_point();
            self.logarithms.insert(Name::Product(product), logarithm);
        }
        let mask = self.uniform_point();
        self.logarithms.insert(Name::Mask, mask);
        let y = self.challenge();
        let pieces: Vec<Fr> = (1..self.system().degree()).map(|_| self.uniform_point()).collect();
        let x = self.challenge();
        let x_n = x.pow_vartime([self.n()]);
        self.logarithms.insert(Name::Quotient, eval_polynomial(&pieces, x_n));

        let [instance, advice, fixed] = self.queried();
        if self.is_ipa() {
            instance.iter().for_each(|(name, rotation)| self.evaluate(*name, *rotation, x));
        } else {
            for (name, rotation) in instance {
                let value = self.known(name, self.at(x, rotation)).unwrap();
                self.values.insert((name, rotation), value);
            }
        }
        advice.iter().chain(&fixed).for_each(|(name, rotation)| self.evaluate(*name, *rotation, x));
        self.evaluate(Name::Mask, 0, x);
        (0..self.key.permutation().polys().len()).for_each(|i| self.evaluate(Name::Sigma(i), 0, x));
        for i in 0..self.products() {
            self.evaluate(Name::Product(i), 0, x);
            self.evaluate(Name::Product(i), 1, x);
            if i + 1 < self.products() {
                self.evaluate(Name::Product(i), self.end(), x);
            }
        }
        let constraints = self.constraints(&of_circuit, beta, gamma, x);
        let numerator = constraints.into_iter().fold(Fr::ZERO, |sum, constraint| sum * y + constraint);
        self.values.insert((Name::Quotient, 0), numerator * (x_n - Fr::ONE).invert().unwrap());
        match self.setup {
            Setup::Kzg { secret, .. } => self.open_kzg(x, *secret),
            Setup::Ipa { .. } => self.open_ipa(x),
        }
        let points = self.points.iter().map(G1::to_affine).collect();
        Script { points, scalars: self.scalars.into(), challenges }
    }

    /// Values of all constraints at x, in the verifier's order.
    fn constraints(&self, challenges: &[Fr], beta: Fr, gamma: Fr, x: Fr) -> Vec<Fr> {
        let system = self.system();
        let value = |name: Name, rotation: i32| self.values[&(name, rotation)];
        let mut constraints: Vec<Fr> = system
            .gates()
            .iter()
            .flat_map(|gate| gate.polynomials())
            .map(|polynomial| {
                polynomial.evaluate(
                    &|constant| constant,
                    &|_| unreachable!("selectors are fixed columns"),
                    &|query| value(Name::Fixed(query.column_index()), query.rotation().0),
                    &|query| value(Name::Advice(query.column_index()), query.rotation().0),
                    &|query| value(Name::Instance(query.column_index()), query.rotation().0),
                    &|challenge| challenges[challenge.index()],
                    &|a| -a,
                    &|a, b| a + b,
                    &|a, b| a * b,
                    &|a, scalar| a * scalar,
                )
            })
            .collect();
        let (first, last) = (self.lagrange(0, x), self.lagrange(self.end(), x));
        let blind: Fr = (self.end() + 1..0).map(|row| self.lagrange(row, x)).sum();
        let product = |i: usize| value(Name::Product(i), 0);
        let count = self.products();
        constraints.push(first * (Fr::ONE - product(0)));
        constraints.push(last * (product(count - 1).square() - product(count - 1)));
        constraints
            .extend((1..count).map(|i| first * (product(i) - value(Name::Product(i - 1), self.end()))));
        let per_product = system.degree() - 2;
        let columns: Vec<Name> = system
            .permutation()
            .get_columns()
            .iter()
            .map(|column| match column.column_type() {
                Any::Advice(_) => Name::Advice(column.index()),
                Any::Fixed => Name::Fixed(column.index()),
                Any::Instance => Name::Instance(column.index()),
            })
            .collect();
        let mut shift = beta * x;
        for (i, columns) in columns.chunks(per_product).enumerate() {
            let (mut left, mut right) = (value(Name::Product(i), 1), product(i));
            for (place, column) in columns.iter().enumerate() {
                let cell = value(*column, 0) + gamma;
                left *= cell + beta * value(Name::Sigma(per_product * i + place), 0);
                right *= cell + shift;
                shift *= <Fr as ff::PrimeField>::DELTA;
            }
            constraints.push((left - right) * (Fr::ONE - last - blind));
        }
        constraints
    }

    /// Sets in the order in which the verifier first asks for them.
    fn sets(&self) -> Vec<Set> {
        let [instance, advice, fixed] = self.queried();
        let mut queries = if self.is_ipa() { instance } else { Vec::new() };
        queries.extend(advice);
        queries.extend((0..self.products()).map(|i| (Name::Product(i), 0)));
        queries.extend(fixed);
        queries.extend((0..self.key.permutation().polys().len()).map(|i| (Name::Sigma(i), 0)));
        queries.extend([(Name::Quotient, 0), (Name::Mask, 0)]);
        let mut names: Vec<Name> = Vec::new();
        queries.iter().for_each(|(name, _)| {
            if !names.contains(name) {
                names.push(*name)
            }
        });
        let mut sets: Vec<Set> = Vec::new();
        for name in names {
            let rotations = self.values.keys().filter(|(of, _)| *of == name).map(|(_, at)| *at).collect();
            match sets.iter_mut().find(|set| set.rotations == rotations) {
                Some(set) => set.names.push(name),
                None => sets.push(Set { rotations, names: vec![name] }),
            }
        }
        sets
    }

    /// The values of a set, joined by weights, as a polynomial over its points; and these points.
    fn joined(&self, set: &Set, weights: &[Fr], x: Fr) -> (Vec<Fr>, Vec<Fr>) {
        let points: Vec<Fr> = set.rotations.iter().map(|rotation| self.at(x, *rotation)).collect();
        let value = |rotation: &i32| {
            set.names
                .iter()
                .zip(weights)
                .map(|(name, weight)| self.values[&(*name, *rotation)] * weight)
                .sum()
        };
        let values: Vec<Fr> = set.rotations.iter().map(value).collect();
        (lagrange_interpolate(&points, &values), points)
    }

    /// W and W' are functions of what has been written and of the secret.
    fn open_kzg(&mut self, x: Fr, secret: Fr) {
        let (y, v) = (self.challenge(), self.challenge());
        let sets = self.sets();
        let rotations: BTreeSet<i32> = sets.iter().flat_map(|set| set.rotations.iter().copied()).collect();
        let all: Vec<Fr> = rotations.iter().map(|rotation| self.at(x, *rotation)).collect();
        let vanishing = |points: &[Fr], z: Fr| points.iter().fold(Fr::ONE, |product, at| product * (z - at));
        let mut parts = Vec::new();
        for set in &sets {
            let weights = powers(y, set.names.len());
            let at_secret = |name: &Name| self.known(*name, secret).unwrap_or_else(|| self.logarithms[name]);
            let sum: Fr = set.names.iter().zip(&weights).map(|(name, weight)| at_secret(name) * weight).sum();
            let (low, points) = self.joined(set, &weights, x);
            parts.push((sum, low, points));
        }
        let v = powers(v, parts.len());
        let w: Fr = (parts.iter().zip(&v))
            .map(|((sum, low, points), v)| {
                *v * (*sum - eval_polynomial(low, secret)) * vanishing(points, secret).invert().unwrap()
            })
            .sum();
        self.points.push(G1::generator() * w);
        let u = self.challenge();
        let lacking = |points: &[Fr]| vanishing(&all, u) * vanishing(points, u).invert().unwrap();
        let sum: Fr = (parts.iter().zip(&v))
            .map(|((sum, low, points), v)| *v * lacking(points) * (*sum - eval_polynomial(low, u)))
            .sum();
        let rest = (sum - vanishing(&all, u) * w) * (lacking(&parts[0].2) * (secret - u)).invert().unwrap();
        self.points.push(G1::generator() * rest);
    }

    fn commitment(&self, name: Name) -> G1 {
        let Setup::Ipa { params, .. } = self.setup else { unreachable!("commitments are points with IPA") };
        match name {
            Name::Instance(_) => {
                let mut column = self.public.to_vec();
                column.resize(self.n() as usize, Fr::ZERO);
                let column = self.key.get_vk().get_domain().lagrange_from_vec(column);
                params.commit_lagrange(&column, Blind::default())
            }
            Name::Fixed(i) => self.key.get_vk().fixed_commitments()[i].into(),
            Name::Sigma(i) => self.key.get_vk().permutation().commitments()[i].into(),
            name => G1::generator() * self.logarithms[&name],
        }
    }

    /// Everything is uniform but the commitment to the masking polynomial, for which the verifier's equation is solved.
    fn open_ipa(&mut self, x: Fr) {
        let Setup::Ipa { params, w, u, .. } = self.setup else { unreachable!("called with IPA") };
        let (x_1, x_2) = (self.challenge(), self.challenge());
        let sets = self.sets();
        let quotient = self.uniform_point();
        let x_3 = self.challenge();
        let mut value = Fr::ZERO;
        let mut parts = Vec::new();
        for set in &sets {
            let mut weights = powers(x_1, set.names.len());
            weights.reverse();
            let known: Option<Vec<Fr>> = set.names.iter().map(|name| self.known(*name, x_3)).collect();
            let at_x_3 = match known {
                Some(known) => {
                    let sum = known.iter().zip(&weights).map(|(known, weight)| *known * weight).sum();
                    self.scalars.push(sum);
                    sum
                }
                None => self.uniform_scalar(),
            };
            let (low, points) = self.joined(set, &weights, x);
            let vanishing = points.iter().fold(Fr::ONE, |product, at| product * (x_3 - at));
            value = value * x_2 + (at_x_3 - eval_polynomial(&low, x_3)) * vanishing.invert().unwrap();
            let terms = set.names.iter().zip(&weights);
            parts.push((terms.map(|(name, weight)| self.commitment(*name) * weight).sum::<G1>(), at_x_3));
        }
        let x_4 = self.challenge();
        let mut sum = G1::generator() * quotient;
        for (commitment, at_x_3) in &parts {
            sum = sum * x_4 + commitment;
            value = value * x_4 + at_x_3;
        }
        sum -= params.get_g()[0] * value;

        let masking = self.points.len();
        self.points.push(G1::identity());
        let (xi, z) = (self.challenge(), self.challenge());
        let (mut weights, mut b) = (vec![Fr::ONE], powers(x_3, self.n() as usize));
        while b.len() > 1 {
            let [left, right] = [(); 2].map(|()| self.uniform_point());
            let challenge = self.challenge();
            sum += G1::generator() * (left * challenge.invert().unwrap() + right * challenge);
            weights = weights.iter().flat_map(|weight| [*weight, *weight * challenge]).collect();
            let (low, high) = b.split_at(b.len() / 2);
            b = low.iter().zip(high).map(|(low, high)| *low + *high * challenge).collect();
        }
        let (c, f) = (self.uniform_scalar(), self.uniform_scalar());
        sum -= best_multiexp(&weights, params.get_g()) * c + *u * (c * b[0] * z) + *w * f;
        self.points[masking] = -sum * xi.invert().unwrap();
    }
}

fn simulate(setup: &Setup, key: &ProvingKey<G1Affine>, public: &[Fr], seed: u64) -> Script {
    let simulator = Simulator {
        setup,
        key,
        public,
        rng: ChaCha20Rng::seed_from_u64(seed),
        challenges: ChaCha20Rng::seed_from_u64(seed + 1),
        points: Vec::new(),
        scalars: Vec::new(),
        logarithms: HashMap::new(),
        values: HashMap::new(),
    };
    simulator.simulate()
}

#[test]
fn a_simulator_without_a_witness_is_believed() {
    for setup in [Setup::kzg(5), Setup::ipa(5)] {
        for shape in shapes() {
            let toy = Toy { shape, seed: Some(7) };
            let key = setup.key(&toy);
            // No witness has these, so nothing of one is in the transcript.
            let public: Vec<Fr> = toy.public().iter().map(|value| *value + Fr::ONE).collect();
            let script = simulate(&setup, &key, &public, 1);
            assert!(accepts(&setup, &key, &public, &script), "{shape:?}");
            let real = prove_with(Scalar, &setup, &key, &toy, false, 3);
            assert_eq!(32 * (script.points.len() + script.scalars.len()), real.len());
        }
    }
}

#[test]
fn the_verifier_checks_what_is_simulated() {
    for setup in [Setup::kzg(5), Setup::ipa(5)] {
        let toy = Toy { shape: Shape { degree: 4, phases: 2, copied: 3, weights: 1 }, seed: Some(7) };
        let key = setup.key(&toy);
        let public = vec![Fr::from(5); 3];
        let script = simulate(&setup, &key, &public, 1);
        assert!(accepts(&setup, &key, &public, &script));
        for at in 0..script.scalars.len() {
            let mut changed = script.clone();
            changed.scalars[at] += Fr::ONE;
            assert!(!accepts(&setup, &key, &public, &changed), "scalar {at}");
        }
        for at in 0..script.points.len() {
            let mut changed = script.clone();
            changed.points[at] = (changed.points[at] + G1Affine::generator()).to_affine();
            assert!(!accepts(&setup, &key, &public, &changed), "point {at}");
        }
    }
}
