//! The front door: tables of a setup, and provers of circuits.

use std::{fmt, sync::Arc};

use halo2_proofs::{
    halo2curves::bn256::{Fr, G1Affine},
    plonk::{Circuit, ProvingKey},
};
use rand::RngCore;

#[cfg(target_arch = "x86_64")]
use crate::lanes::{Ifma, Lanes};
use crate::{
    backends::{Choice, lanes_are_off},
    bases::{Bases, Points},
    key::Key,
    msm::Windows,
    prove::{ProveError, prove},
    scalar::Scalar,
    watch::Watch,
};

/// The least `k` for which lanes pay: with fewer rows a rotation may leave a lane's rows.
const SMALLEST_LANES: u32 = 9;

/// Something per backend.
#[derive(Clone)]
enum Each<S, L> {
    Scalar(S),
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "lanes need x86-64"))]
    Lanes(L),
}

#[cfg(target_arch = "x86_64")]
type LanesBases = Arc<Bases<Lanes<Ifma>>>;
#[cfg(not(target_arch = "x86_64"))]
type LanesBases = std::convert::Infallible;

/// Tables of a setup's points, shared by all circuits of one size.
#[derive(Clone)]
pub struct Tables(Each<Arc<Bases<Scalar>>, LanesBases>);

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").finish_non_exhaustive()
    }
}

impl Tables {
    /// Makes the tables of a setup's points.
    pub fn new(choice: Choice, points: &Points<'_>) -> Self {
        let windows = Windows::for_bases(points.n());
        #[cfg(target_arch = "x86_64")]
        if let Some(ifma) = lanes(choice, points.n().ilog2()) {
            return Self(Each::Lanes(Arc::new(Bases::new(Lanes(ifma), points, windows, true))));
        }
        let _ = choice;
        Self(Each::Scalar(Arc::new(Bases::new(Scalar, points, windows, true))))
    }
}

/// The instructions to use for so many rows, if there are any.
#[cfg(target_arch = "x86_64")]
fn lanes(choice: Choice, k: u32) -> Option<Ifma> {
    (choice == Choice::Fastest && k >= SMALLEST_LANES && !lanes_are_off()).then(Ifma::detect)?
}

struct With<B: crate::arithmetic::Backend> {
    key: Key<B>,
    bases: Arc<Bases<B>>,
}

#[cfg(target_arch = "x86_64")]
type LanesWith = With<Lanes<Ifma>>;
#[cfg(not(target_arch = "x86_64"))]
type LanesWith = std::convert::Infallible;

/// Proves inferences of one circuit.
pub struct Prover(Each<With<Scalar>, LanesWith>);

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prover").finish_non_exhaustive()
    }
}

impl Prover {
    /// Prepares a circuit's key for a setup.
    pub fn new(tables: &Tables, key: &ProvingKey<G1Affine>) -> Self {
        match &tables.0 {
            Each::Scalar(bases) => {
                Self(Each::Scalar(With { key: Key::new(Scalar, key, true), bases: bases.clone() }))
            }
            #[cfg(target_arch = "x86_64")]
            Each::Lanes(bases) => {
                let ifma = Ifma::detect().expect("detected when the tables were made");
                Self(Each::Lanes(With { key: Key::new(Lanes(ifma), key, true), bases: bases.clone() }))
            }
            #[cfg(not(target_arch = "x86_64"))]
            Each::Lanes(never) => match *never {},
        }
    }

    /// Proves that the circuit holds for these public inputs.
    ///
    /// # Errors
    /// When the circuit or its public inputs do not fit the key, or the watch stops it.
    pub fn prove<C: Circuit<Fr>>(
        &self,
        circuit: &C,
        instances: &[&[Fr]],
        rng: &mut dyn RngCore,
        watch: &dyn Watch,
    ) -> Result<Vec<u8>, ProveError> {
        match &self.0 {
            Each::Scalar(with) => prove(&with.key, &with.bases, circuit, instances, rng, watch),
            #[cfg(target_arch = "x86_64")]
            Each::Lanes(with) => prove(&with.key, &with.bases, circuit, instances, rng, watch),
            #[cfg(not(target_arch = "x86_64"))]
            Each::Lanes(never) => match *never {},
        }
    }
}
