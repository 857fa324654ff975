//! Commitments: tables of the bases of a commitment scheme, and which of them is cheapest for a column.

mod file;

use std::{fmt, sync::Arc};

use ff::Field;
use halo2_proofs::halo2curves::bn256::{Fr, G1, G1Affine};

use crate::{
    arithmetic::Backend,
    fft::reversed,
    memory::Settings,
    msm::{Spread, Table, Workspaces, affine, prefix_sums},
    watch::{Stop, Watch},
};

/// Points of a commitment scheme over polynomials of degree below n = `2^k`.
#[derive(Clone, Copy)]
pub enum Points<'a> {
    /// KZG.
    Kzg {
        /// `[s^i] G` for i from 0: n of them, or more. With more than n, quotients are blinded; with n, a proof hides
        /// nothing that the quotient's pieces tell.
        powers: &'a [G1Affine],
        /// `[L_i(s)] G` of the n Lagrange polynomials of the rows.
        lagrange: &'a [G1Affine],
    },
    /// The inner product argument.
    Ipa {
        /// The n generators of coefficients.
        generators: &'a [G1Affine],
        /// The n generators of values.
        lagrange: &'a [G1Affine],
        /// The generator of blinds.
        w: G1Affine,
        /// The generator of inner products.
        u: G1Affine,
    },
}

impl fmt::Debug for Points<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kzg { powers, .. } => f.debug_struct("Kzg").field("powers", &powers.len()).finish(),
            Self::Ipa { generators, .. } => {
                f.debug_struct("Ipa").field("generators", &generators.len()).finish()
            }
        }
    }
}

impl Points<'_> {
    /// Values of a column.
    pub(crate) fn n(&self) -> usize {
        match self {
            Self::Kzg { lagrange, .. } | Self::Ipa { lagrange, .. } => lagrange.len(),
        }
    }
}

/// What differs between the schemes once tables are made.
#[derive(Clone, Debug)]
pub(crate) enum Scheme {
    /// KZG.
    Kzg {
        /// `[s^n] G` is the last base of coefficients.
        blinds_quotient: bool,
    },
    /// The inner product argument; w is the last base of values and of coefficients.
    Ipa {
        /// Generators of coefficients, in natural order.
        generators: Vec<G1Affine>,
        /// The generator of blinds.
        w: G1Affine,
        /// The generator of inner products.
        u: G1Affine,
    },
}

impl Scheme {
    /// Whether a proof hides everything but what is public.
    pub(crate) fn hides(&self) -> bool {
        !matches!(self, Self::Kzg { blinds_quotient: false })
    }

    /// Whether commitments have blinds of their own.
    pub(crate) fn has_blinds(&self) -> bool {
        matches!(self, Self::Ipa { .. })
    }

    /// Whether instance columns are committed to and opened.
    pub(crate) fn queries_instance(&self) -> bool {
        matches!(self, Self::Ipa { .. })
    }
}

/// Tables for commitments to values and to coefficients.
pub(crate) struct Bases<B: Backend> {
    pub(crate) scheme: Scheme,
    n: usize,
    /// Of values; blinds at the end with IPA.
    lagrange: Table<B>,
    /// Of differences of values: prefix sums of the bases of values; blinds at the end with IPA.
    prefix: Option<Table<B>>,
    /// Of coefficients in reversed order; then of blinds with IPA, of `X^n` with KZG.
    coefficients: Table<B>,
    pub(crate) workspaces: Arc<Workspaces<B>>,
}

/// The scheme of a setup, and the bases of its tables: of values, of differences, of coefficients.
fn base_lists(points: &Points<'_>, with_prefix: bool) -> (Scheme, [Option<Vec<G1Affine>>; 3]) {
    let n = points.n();
    let k = n.ilog2();
    let (scheme, lagrange, natural, blind, extra) = match *points {
        Points::Kzg { powers, lagrange } => {
            // With a secret among the rows, where `s^n = 1`, commitments are values of single rows, and nothing hides.
            let extra = powers.get(n).copied().filter(|power| *power != powers[0]);
            (Scheme::Kzg { blinds_quotient: extra.is_some() }, lagrange, powers, None, extra)
        }
        Points::Ipa { generators, lagrange, w, u } => {
            let scheme = Scheme::Ipa { generators: generators.to_vec(), w, u };
            (scheme, lagrange, generators, Some(w), Some(w))
        }
    };
    let with =
        |bases: &[G1Affine], extra: Option<G1Affine>| bases.iter().copied().chain(extra).collect::<Vec<_>>();
    let reversed: Vec<G1Affine> = (0..n).map(|i| natural[reversed(i, k)]).collect();
    let prefix = with_prefix.then(|| prefix_sums(lagrange)).flatten();
    (
        scheme,
        [Some(with(lagrange, blind)), prefix.map(|sums| with(&sums, blind)), Some(with(&reversed, extra))],
    )
}

impl<B: Backend> Bases<B> {
    /// Makes the tables.
    pub(crate) fn new(backend: B, points: &Points<'_>, settings: Settings) -> Self {
        let n = points.n();
        let (scheme, lists) = base_lists(points, settings.prefix_table);
        let workspaces = Arc::new(Workspaces::default());
        let table = |bases: &[G1Affine]| Table::new(backend, bases, settings.windows(n), &workspaces);
        let [lagrange, prefix, coefficients] = lists.map(|list| list.map(|bases| table(&bases)));
        let (lagrange, coefficients) = lagrange.zip(coefficients).expect("both are always listed");
        Self { scheme, n, lagrange, prefix, coefficients, workspaces }
    }

    /// Rows, and values of a column.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// The base of the values on a row.
    pub(crate) fn row(&self, row: usize) -> G1Affine {
        affine::<B>(&self.lagrange.points()[row])
    }

    /// Commits to the values of a column; the blind counts with IPA only.
    pub(crate) fn commit_values(
        &self,
        values: &[Fr],
        blind: Fr,
        spread: Spread,
        watch: &dyn Watch,
    ) -> Result<G1, Stop> {
        if let Some(prefix) = &self.prefix {
            let occupied = values.iter().filter(|value| !bool::from(value.is_zero())).count();
            let changes = 1 + values.windows(2).filter(|pair| pair[0] != pair[1]).count();
            if changes < occupied {
                let next = values[1..].iter().copied().chain([Fr::ZERO]);
                let mut differences: Vec<Fr> =
                    values.iter().zip(next).map(|(value, next)| *value - next).collect();
                self.push_blind(&mut differences, blind);
                return prefix.multiply(&differences, spread, watch);
            }
        }
        match self.scheme {
            Scheme::Kzg { .. } => self.lagrange.multiply(values, spread, watch),
            Scheme::Ipa { .. } => {
                let mut scalars = values.to_vec();
                scalars.push(blind);
                self.lagrange.multiply(&scalars, spread, watch)
            }
        }
    }

    fn push_blind(&self, scalars: &mut Vec<Fr>, blind: Fr) {
        if let Scheme::Ipa { .. } = self.scheme {
            scalars.push(blind);
        }
    }

    /// Commits to coefficients in reversed order; `extra` is the blind with IPA, the coefficient of `X^n` with KZG.
    pub(crate) fn commit_coefficients(
        &self,
        mut reversed: Vec<Fr>,
        extra: Fr,
        spread: Spread,
        watch: &dyn Watch,
    ) -> Result<G1, Stop> {
        assert_eq!(reversed.len(), self.n, "coefficients");
        if self.coefficients.bases() > self.n {
            reversed.push(extra);
        } else {
            assert!(bool::from(extra.is_zero()), "these bases have no power for it");
        }
        self.coefficients.multiply(&reversed, spread, watch)
    }
}
