//! How much memory and work a prover takes, and what it goes without when that is too much.

use halo2_proofs::{
    halo2curves::bn256::{Fr, G1Affine},
    plonk::{ConstraintSystem, ProvingKey},
};

use crate::{
    backends::{Choice, lanes_for},
    key::{cosets, largest_rotation},
    msm::Windows,
    program::{Challenges, Column, Program, columns_per_product},
};

/// What a prover keeps to be fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Values of fixed columns on all cosets, which are computed for every proof otherwise.
    pub keep_cosets: bool,
    /// A table of prefix sums, for columns that seldom change from row to row.
    pub prefix_table: bool,
    /// Of the multiples of a base that make up its table, one in so many is kept.
    pub stride: usize,
}

impl Settings {
    /// Everything is kept.
    pub const FASTEST: Self = Self { keep_cosets: true, prefix_table: true, stride: 1 };

    /// About as much memory as the proof library's prover takes.
    pub const BALANCED: Self = Self { keep_cosets: true, prefix_table: false, stride: 2 };

    /// Settings from the fastest to the smallest, by the time that a byte saves. Of visual wake words (2^15 rows, elements)
    /// half the tables take 50 MB and 2 % of the time, the prefix table 36 MB and 3 %, kept cosets 90 MB and 12 %.
    pub fn from_fastest() -> impl Iterator<Item = Self> {
        let half_tables = Self { stride: 2, ..Self::FASTEST };
        let without_cosets = Self { keep_cosets: false, ..Self::BALANCED };
        let strides = [4, 8, 32].into_iter().map(move |stride| Self { stride, ..without_cosets });
        [Self::FASTEST, half_tables, Self::BALANCED, without_cosets].into_iter().chain(strides)
    }

    /// The fastest whose peak is within a budget of bytes, or the smallest there are.
    pub fn within(budget: u64, shape: &Shape) -> Self {
        Self::fastest(|settings| shape.memory(settings).peak() <= budget)
    }

    /// The fastest that fit, or the smallest there are.
    pub fn fastest(fits: impl Fn(Self) -> bool) -> Self {
        let smallest = Self::from_fastest().last().unwrap_or(Self::FASTEST);
        Self::from_fastest().find(|settings| fits(*settings)).unwrap_or(smallest)
    }

    pub(crate) fn windows(self, bases: usize) -> Windows {
        Windows { stride: self.stride, ..Windows::for_bases(bases) }
    }
}

/// How polynomials are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// With KZG.
    Shplonk,
    /// Without a trusted setup.
    InnerProduct,
}

/// Bytes that a prover takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Tables of a setup's points, shared by all circuits of the size.
    pub tables: u64,
    /// What is kept of a circuit.
    pub key: u64,
    /// What a proof takes besides, at most.
    pub proof: u64,
}

impl Memory {
    /// All together while a proof is made.
    pub const fn peak(self) -> u64 {
        self.tables + self.key + self.proof
    }
}

/// The numbers of a circuit that decide how much memory its prover takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    k: u32,
    cosets: u64,
    quotient_pieces: u64,
    /// Elements on either side of an extended column.
    padding: u64,
    /// Fixed columns, columns of the permutation, and the three switches.
    fixed: u64,
    permuted: u64,
    products: u64,
    advice: u64,
    instance: u64,
    /// Of the columns that the quotient reads, those that no proof changes, and the others.
    constant: u64,
    changing: u64,
    combined: u64,
    rotations: u64,
    /// Advice columns of the first phase, which mostly hold small integers.
    early: u64,
    instructions: u64,
    evaluations: u64,
    lanes: bool,
    threads: u64,
}

/// Operations that make up a proof's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Additions of points.
    pub additions: u64,
    /// Butterflies of transforms.
    pub butterflies: u64,
    /// Operations on a row: of constraints on every coset, and products of evaluations.
    pub operations: u64,
}

impl Shape {
    /// The shape of a key's circuit, proven by the threads of the current pool.
    pub fn of_key(choice: Choice, key: &ProvingKey<G1Affine>) -> Self {
        let verifying = key.get_vk();
        let shape = Self::new(choice, verifying.cs(), verifying.get_domain().k());
        Self { threads: rayon::current_num_threads() as u64, ..shape }
    }

    /// The shape of a constraint system without selectors over `2^k` rows, proven by as many threads as the machine has.
    pub fn new(choice: Choice, system: &ConstraintSystem<Fr>, k: u32) -> Self {
        let program = Program::new(system, &Challenges::placeholders(system));
        let columns = program.columns();
        let changes = |column: &&Column| {
            matches!(
                column,
                Column::Advice(_)
                    | Column::Instance(_)
                    | Column::Product(_)
                    | Column::Combined(_)
                    | Column::Point
            )
        };
        let changing = columns.iter().filter(changes).count();
        let permuted = system.permutation().get_columns().len();
        let mut rotations: Vec<i32> = system.advice_queries().iter().map(|query| query.1.0).collect();
        rotations.extend([0, 1, i32::MIN]);
        rotations.sort_unstable();
        rotations.dedup();
        let lanes = lanes_for(choice, k);
        Self {
            k,
            cosets: cosets(system.degree()) as u64,
            quotient_pieces: system.degree() as u64 - 1,
            padding: largest_rotation(system) as u64 * if lanes { 8 } else { 1 },
            fixed: system.num_fixed_columns() as u64,
            permuted: permuted as u64,
            products: permuted.div_ceil(columns_per_product(system)) as u64,
            advice: system.num_advice_columns() as u64,
            instance: system.num_instance_columns() as u64,
            constant: (columns.len() - changing) as u64,
            changing: changing as u64,
            combined: program.combinations.list.len() as u64,
            rotations: rotations.len() as u64,
            early: system.advice_column_phase().iter().filter(|phase| **phase == 0).count() as u64,
            instructions: program.instructions.len() as u64,
            evaluations: (system.advice_queries().len() + system.fixed_queries().len() + 3 * permuted) as u64,
            lanes,
            threads: std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64),
        }
    }

    /// The same computed with in plain elements, which take a fifth less memory.
    pub const fn without_lanes(self) -> Self {
        Self { lanes: false, padding: if self.lanes { self.padding / 8 } else { self.padding }, ..self }
    }

    /// Whether it is computed with in lanes.
    pub const fn uses_lanes(&self) -> bool {
        self.lanes
    }

    /// The operations of a proof with these settings, as far as they can be known: how many digits of the witness are 0
    /// is not. What the circuit computes by itself is not in them.
    pub fn work(&self, settings: Settings, opening: Opening) -> Work {
        let n = 1u64 << self.k;
        let k = u64::from(self.k);
        let windows = settings.windows(n as usize);
        // Digits of a full scalar for each base, and the sums of buckets.
        let full = n * windows.count() as u64 + (windows.stride as u64) * (1 << windows.bits);
        // Many columns repeat rows, or are 0 on some: measured on networks.
        let columns = (self.advice - self.early) * full * 11 / 20 + self.products * full * 3 / 4;
        let commitments = self.early * n * 6 / 5 + columns + (self.quotient_pieces + 3) * full;
        let opening = match opening {
            Opening::Shplonk => 0,
            // Three rounds over the tables, a collapse of eight to one, and an eighth as much again.
            Opening::InnerProduct => (3 * full + 70 * n) * 9 / 8,
        };
        let witness = self.advice + self.instance + self.products;
        let constant = if settings.keep_cosets { 0 } else { self.constant };
        let transforms = witness + self.cosets * (self.changing + constant + 1);
        Work {
            additions: commitments + opening,
            butterflies: transforms * n * k / 2,
            operations: self.instructions * self.cosets * n + 2 * self.evaluations * n,
        }
    }

    /// What its prover takes with these settings.
    pub fn memory(&self, settings: Settings) -> Memory {
        let n = 1u64 << self.k;
        // Five limbs in lanes, four otherwise.
        let column = n * if self.lanes { 40 } else { 32 };
        let extended = (column / n) * (n + 2 * self.padding);
        let windows = settings.windows(n as usize);
        let table = 64 * (n + 1) * windows.kept() as u64;
        let tables = table * if settings.prefix_table { 3 } else { 2 };

        let transforms = column * (1 + 2 * self.cosets);
        // Those on cosets are not kept in another form.
        let in_coefficients = if settings.keep_cosets { 0 } else { self.constant };
        let polynomials = column * (self.fixed + self.permuted + 3 - self.constant + in_coefficients);
        // Of the rows of a product about half hold copies.
        let permutation = 32 * n * (self.permuted / 2 + 1) + column;
        let kept = if settings.keep_cosets { self.cosets * self.constant * extended } else { 0 };

        // Digits, twice, and points and sums of a group.
        let sums = self.threads * (12 * (n + 1) * windows.kept() as u64 + (1 << 22));
        let columns = self.advice + self.instance + self.products;
        let commitments = 32 * n * columns + sums;
        let coefficients = column * (columns + self.combined + 1);
        let buffers = extended * (self.changing + if settings.keep_cosets { 0 } else { self.constant });
        let quotient = coefficients + buffers + column * (self.cosets + 1);
        let opening = coefficients + column * (self.quotient_pieces + self.rotations) + 32 * n * 8 + sums;
        Memory {
            tables,
            key: transforms + polynomials + permutation + kept,
            proof: commitments.max(quotient).max(opening),
        }
    }
}
