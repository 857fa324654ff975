//! The front door: tables of a setup, and provers of circuits.

use std::{
    fmt,
    io::{self, Read, Write},
    sync::Arc,
};

use halo2_proofs::{
    halo2curves::bn256::{Fr, G1Affine},
    plonk::{Circuit, Expression, Gate, ProvingKey},
};
use rand::RngCore;

#[cfg(target_arch = "x86_64")]
use crate::lanes::{Ifma, Lanes};
use crate::{
    arithmetic::Backend,
    backends::{Choice, lanes_for},
    bases::{Bases, Points},
    committed::{RegisterError, Registration, Rerandomization, register},
    key::Key,
    memory::Settings,
    progress::Meter,
    prove::{Configured, Context, ProveError, prove},
    scalar::Scalar,
    watch::Watch,
};

/// Something per backend.
#[derive(Clone)]
enum Each<S, L> {
    Scalar(S),
    Lanes(L),
}

/// The same code for whichever there is.
macro_rules! each {
    ($each:expr, $inner:ident => $body:expr) => {
        match $each {
            Each::Scalar($inner) => $body,
            #[cfg(target_arch = "x86_64")]
            Each::Lanes($inner) => $body,
            #[cfg(not(target_arch = "x86_64"))]
            Each::Lanes(never) => match *never {},
        }
    };
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
    pub fn new(choice: Choice, points: &Points<'_>, settings: Settings) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(ifma) = ifma_for(choice, points) {
            return Self(Each::Lanes(Arc::new(Bases::new(Lanes(ifma), points, settings))));
        }
        let _ = choice;
        Self(Each::Scalar(Arc::new(Bases::new(Scalar, points, settings))))
    }

    /// Reads tables that [`write`](Self::write) has written, of the same points with the same settings. The bytes are
    /// trusted to be those that were written: proofs made with others do not verify.
    ///
    /// # Errors
    /// When reading fails, or the bytes are of other points or settings.
    pub fn read(
        choice: Choice,
        points: &Points<'_>,
        settings: Settings,
        from: &mut dyn Read,
    ) -> io::Result<Self> {
        #[cfg(target_arch = "x86_64")]
        if let Some(ifma) = ifma_for(choice, points) {
            return Ok(Self(Each::Lanes(Arc::new(Bases::read(Lanes(ifma), points, settings, from)?))));
        }
        let _ = choice;
        Ok(Self(Each::Scalar(Arc::new(Bases::read(Scalar, points, settings, from)?))))
    }

    /// Binary logarithm of the rows they are for.
    pub fn k(&self) -> u32 {
        each!(&self.0, bases => bases.n().ilog2())
    }

    /// Bytes that [`write`](Self::write) writes.
    pub fn written_len(&self) -> u64 {
        each!(&self.0, bases => bases.written_len())
    }

    /// Writes the tables, in the same form for all backends.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        each!(&self.0, bases => bases.write(out))
    }
}

/// The instructions to use for these points, if there are any.
#[cfg(target_arch = "x86_64")]
fn ifma_for(choice: Choice, points: &Points<'_>) -> Option<Ifma> {
    lanes_for(choice, points.n().ilog2()).then(Ifma::detect)?
}

struct With<B: Backend> {
    key: Key<B>,
    bases: Arc<Bases<B>>,
}

impl<B: Backend> With<B> {
    fn new(backend: B, bases: &Arc<Bases<B>>, key: ProvingKey<G1Affine>, settings: Settings) -> Self {
        Self { key: Key::new(backend, key, settings.keep_cosets), bases: bases.clone() }
    }

    fn context<'a>(&'a self, watch: &'a dyn Watch) -> Context<'a, B> {
        Context { key: &self.key, bases: &self.bases, meter: Meter::new(&self.key, watch) }
    }
}

#[cfg(target_arch = "x86_64")]
type LanesWith = With<Lanes<Ifma>>;
#[cfg(not(target_arch = "x86_64"))]
type LanesWith = std::convert::Infallible;

/// Why a circuit cannot be proven by this crate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// The library's own lookup argument.
    #[error("the circuit has {got} lookup arguments of the library, expected none; express them by gates")]
    Lookups {
        /// Lookup arguments.
        got: usize,
    },
    /// The library caps the degree it reckons with, and its proofs of such a circuit do not verify.
    #[error("gate {gate} has degree {got}, but the key is made for degree {limit}; set the minimum degree")]
    Degree {
        /// The gate's name.
        gate: String,
        /// Of the key.
        limit: usize,
        /// Of the gate.
        got: usize,
    },
    /// The setup is for another number of rows.
    #[error("the key has 2^{got} rows, but the tables are for 2^{expected}")]
    Rows {
        /// Of the tables.
        expected: u32,
        /// Of the key.
        got: u32,
    },
    /// Fewer rows than transforms take.
    #[error("the key has 2^{got} rows, expected at least 2^{least}")]
    FewRows {
        /// Least.
        least: u32,
        /// Of the key.
        got: u32,
    },
}

/// Smallest size, as the binary logarithm of rows.
const SMALLEST: u32 = 4;

fn check_supported(key: &ProvingKey<G1Affine>, expected: u32) -> Result<(), Unsupported> {
    let (system, got) = (key.get_vk().cs(), key.get_vk().get_domain().k());
    if got != expected {
        return Err(Unsupported::Rows { expected, got });
    }
    if got < SMALLEST {
        return Err(Unsupported::FewRows { least: SMALLEST, got });
    }
    if !system.lookups().is_empty() {
        return Err(Unsupported::Lookups { got: system.lookups().len() });
    }
    let limit = system.degree();
    let degree = |gate: &Gate<Fr>| gate.polynomials().iter().map(Expression::degree).max().unwrap_or(0);
    match system.gates().iter().find(|gate| degree(gate) > limit) {
        Some(gate) => Err(Unsupported::Degree { gate: gate.name().to_owned(), limit, got: degree(gate) }),
        None => Ok(()),
    }
}

/// Proves inferences of one circuit.
pub struct Prover(Each<With<Scalar>, LanesWith>);

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prover").finish_non_exhaustive()
    }
}

impl Prover {
    /// Prepares a circuit's key for a setup. The library's key is freed on the way: it would be a good part of the peak.
    ///
    /// # Errors
    /// When the circuit uses what this crate does not know, or the setup has another size.
    pub fn new(tables: &Tables, key: ProvingKey<G1Affine>, settings: Settings) -> Result<Self, Unsupported> {
        check_supported(&key, tables.k())?;
        Ok(match &tables.0 {
            Each::Scalar(bases) => Self(Each::Scalar(With::new(Scalar, bases, key, settings))),
            #[cfg(target_arch = "x86_64")]
            Each::Lanes(bases) => {
                let ifma = Ifma::detect().expect("detected when the tables were made");
                Self(Each::Lanes(With::new(Lanes(ifma), bases, key, settings)))
            }
            #[cfg(not(target_arch = "x86_64"))]
            Each::Lanes(never) => match *never {},
        })
    }

    /// Whether proofs hide everything but the public inputs: always with IPA; with KZG when the setup has a power more
    /// than rows.
    pub fn hides(&self) -> bool {
        each!(&self.0, with => with.bases.scheme.hides())
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
        Ok(self.prove_committed(circuit, instances, &Registration::none(), rng, watch)?.0)
    }

    /// Commits to columns of the first phase before anything is proven: `(advice column, values on usable rows)`, each
    /// with random elements on the unusable rows.
    ///
    /// # Errors
    /// When a column does not exist, is of a later phase, is given twice, or has more values than there are usable
    /// rows.
    pub fn register(
        &self,
        columns: Vec<(usize, Vec<Fr>)>,
        rng: &mut dyn RngCore,
        watch: &dyn Watch,
    ) -> Result<Registration, RegisterError> {
        each!(&self.0, with => register(&with.context(watch), columns, rng))
    }

    /// Proves with columns that were registered: the proof holds fresh commitments to them, and
    /// [`Rerandomization`] says what they differ by from the registered ones, for the link.
    ///
    /// # Errors
    /// As [`prove`](Self::prove).
    pub fn prove_committed<C: Circuit<Fr>>(
        &self,
        circuit: &C,
        instances: &[&[Fr]],
        registration: &Registration,
        rng: &mut dyn RngCore,
        watch: &dyn Watch,
    ) -> Result<(Vec<u8>, Rerandomization), ProveError> {
        each!(&self.0, with => prove(with.context(watch), &Configured::new(circuit), instances, registration, rng))
    }
}
