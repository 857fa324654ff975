//! Matrix products of two activations: how factors and products are arranged, and their part of an equation.
//!
//! With the columns of the product in chunks of `width`, the element (i, j) of batch b is in the plane of
//! (b, j div width) with exponent `i width + j mod width`. The factors are copied into homes of their own, where
//! for every k
//!
//! `A_k = sum_i a'[i][k] s^(i width)` and, per chunk c, `B_kc = sum_{j in c} b'[k][j] s^(j mod width)`
//!
//! are slices, primes meaning "minus the type minimum". Then `sum_k (A_k - ca 1_A) (B_kc - cb 1_B)` is the plane of
//! the accumulators, `ca`, `cb` the zero points minus the type minima and `1_A`, `1_B` the sums of the powers. Its
//! constant part is in the bias; the rest takes a row per k and rows and columns once more for the zero points:
//! nothing per multiplication.

use std::{collections::HashMap, hash::Hash};

use typed_index_collections::TiSlice;

use crate::{
    expanded::{Expanded, Op},
    index::{MapId, PlaneId, TapId},
    ir::{MatMul, TensorId},
    network::{
        homes::{Home, Plane, distinct},
        maps::{Coefficients, Reads, Tap},
        shared::by_position,
        slices::Reader,
    },
};

/// Chunks of the columns of a product, and of the inner dimension of a factor that has no arrangement of its own.
pub(crate) const CHUNKS: usize = 8;

/// Which factor of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Side {
    Lhs,
    Rhs,
}

/// A matrix product with the tensors it reads.
#[derive(Clone, Debug)]
pub(crate) struct MatrixProduct {
    pub(crate) layer: MatMul,
    pub(crate) factors: [TensorId; 2],
    /// Zero points of the factors minus the minima of their types.
    pub(crate) centers: [i64; 2],
}

impl MatrixProduct {
    /// The product of a node.
    pub(crate) fn of(expanded: &Expanded, layer: &MatMul, inputs: &[TensorId]) -> Self {
        let factors = [inputs[0], inputs[1]];
        let zero_points = [layer.lhs_zero_point, layer.rhs_zero_point];
        let center = |side: usize| i64::from(zero_points[side] - expanded.tensor(factors[side]).elem.min());
        Self { layer: layer.clone(), factors, centers: [center(0), center(1)] }
    }

    /// What every accumulator is when all bytes of the factors are 0.
    pub(crate) fn bias(&self) -> i64 {
        self.layer.inner as i64 * self.centers[0] * self.centers[1]
    }

    /// The accumulator of an element from the bytes of the factors.
    pub(crate) fn accumulator(&self, element: usize, byte: impl Fn(Side, usize) -> i64) -> i64 {
        let [lhs, rhs] = self.centers;
        let term = |(left, right)| (byte(Side::Lhs, left) - lhs) * (byte(Side::Rhs, right) - rhs);
        self.layer.pairs(element).map(term).sum()
    }

    /// The vectors of weights of its equations: per plane of the product 1, and minus either center.
    pub(crate) fn taps(&self, planes: &TiSlice<PlaneId, Plane>) -> Vec<Tap> {
        let tap = |plane: PlaneId, vector: Vector| {
            let weight = match vector {
                Vector::One => 1,
                Vector::LhsCenter => -self.centers[0],
                Vector::RhsCenter => -self.centers[1],
            };
            Tap { first_plane: plane, weights: Coefficients::One(weight), reads: Reads::Nothing, zero: 0 }
        };
        planes.keys().flat_map(|plane| Vector::ALL.map(|vector| tap(plane, vector))).collect()
    }

    /// The number of a vector among [`Self::taps`].
    pub(crate) fn tap(plane: PlaneId, vector: Vector) -> TapId {
        TapId::from(Vector::ALL.len() * usize::from(plane) + vector as usize)
    }

    /// The power of s an element of a factor is weighted with.
    pub(crate) fn exponent(&self, side: Side, element: usize) -> u64 {
        slice(&self.layer, side, element).1
    }

    /// Who reads an element of a factor, and the power of s it is weighted with.
    pub(crate) fn reading(&self, map: MapId, side: Side, element: usize) -> (Reader, u64) {
        let (slice, exponent) = slice(&self.layer, side, element);
        (Reader::Factor { map, side, slice }, exponent)
    }
}

/// The vectors of weights of a plane of a product.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Vector {
    One,
    LhsCenter,
    RhsCenter,
}

impl Vector {
    pub(crate) const ALL: [Self; 3] = [Self::One, Self::LhsCenter, Self::RhsCenter];
}

/// Columns of a chunk.
pub(crate) fn width(layer: &MatMul) -> usize {
    layer.columns.div_ceil(CHUNKS.min(layer.columns))
}

/// Chunks of the columns.
pub(crate) fn chunks(layer: &MatMul) -> usize {
    layer.columns.div_ceil(width(layer))
}

/// The slice of an element of a factor and its power of s in it.
fn slice(layer: &MatMul, side: Side, element: usize) -> (usize, u64) {
    let width = width(layer);
    match side {
        Side::Lhs => {
            let (row, k) = (element / layer.inner, element % layer.inner);
            (row / layer.rows * layer.inner + k, (row % layer.rows * width) as u64)
        }
        Side::Rhs => {
            let (row, column) = (element / layer.columns, element % layer.columns);
            (row * chunks(layer) + column / width, (column % width) as u64)
        }
    }
}

/// The planes of a product: per batch one for each chunk of the columns.
pub(crate) fn product_planes(layer: &MatMul) -> Vec<Plane> {
    let width = width(layer);
    let plane = |index: usize| {
        let (batch, chunk) = (index / chunks(layer), index % chunks(layer));
        let columns = chunk * width..((chunk + 1) * width).min(layer.columns);
        let places = (0..layer.rows).flat_map(|row| columns.clone().map(move |column| (row, column)));
        let (elements, exponents): (Vec<_>, Vec<u64>) = places
            .map(|(row, column)| {
                let element = (batch * layer.rows + row) * layer.columns + column;
                (element, (row * width + column % width) as u64)
            })
            .unzip();
        Plane::new(0, elements, by_position(exponents))
    };
    (0..layer.batch * chunks(layer)).map(plane).collect()
}

/// The product that reads a tensor, and as which factor; factors are copies that nothing else reads.
pub(crate) fn role(expanded: &Expanded, tensor: TensorId) -> Option<(&MatMul, Side)> {
    expanded.nodes.iter().find_map(|node| match &node.op {
        Op::MatMul(layer) if node.inputs[0] == tensor => Some((layer, Side::Lhs)),
        Op::MatMul(layer) if node.inputs[1] == tensor => Some((layer, Side::Rhs)),
        _ => None,
    })
}

/// Whether every slice of the factor is within a plane.
pub(crate) fn keeps_slices(layer: &MatMul, side: Side, home: &Home) -> bool {
    let mut planes = HashMap::new();
    (0..home.len()).all(|element| {
        let plane = home.spot(element).0;
        *planes.entry(slice(layer, side, element).0).or_insert(plane) == plane
    })
}

/// Planes for a factor: per batch one for each chunk of the inner dimension. Exponents follow those of the elements
/// it copies, given as stored plane and exponent, so that a plane it copies from is read in few slices.
pub(crate) fn factor_planes<P: Copy + Eq + Hash>(
    layer: &MatMul,
    side: Side,
    source: impl Fn(usize) -> Option<(P, u64)>,
) -> Vec<Plane> {
    let chunk = layer.inner.div_ceil(CHUNKS.min(layer.inner));
    let plane = |index: usize| {
        let (batch, first) =
            (index / layer.inner.div_ceil(chunk), index % layer.inner.div_ceil(chunk) * chunk);
        let inner = first..(first + chunk).min(layer.inner);
        let elements: Vec<usize> = match side {
            Side::Lhs => inner
                .flat_map(|k| (0..layer.rows).map(move |row| (batch * layer.rows + row) * layer.inner + k))
                .collect(),
            Side::Rhs => inner
                .flat_map(|k| {
                    (0..layer.columns).map(move |column| (batch * layer.inner + k) * layer.columns + column)
                })
                .collect(),
        };
        let in_order = || by_position(0..elements.len() as u64);
        let exponents = even(&elements, &source).map_or_else(in_order, by_position);
        Plane::new(index, elements, exponents)
    };
    (0..layer.batch * layer.inner.div_ceil(chunk)).map(plane).collect()
}

/// [`fitting`] exponents of the sources of elements, if all have one.
fn even<P: Copy + Eq + Hash>(
    elements: &[usize],
    source: impl Fn(usize) -> Option<(P, u64)>,
) -> Option<Vec<u64>> {
    fitting(&elements.iter().map(|element| source(*element)).collect::<Option<Vec<_>>>()?)
}

/// Exponents that differ from those of the sources, each a plane and its exponent, by the same amount for all elements
/// of a source plane; of a plane that is repeated, by the same amount for each repetition.
pub(crate) fn fitting<P: Copy + Eq + Hash>(sources: &[(P, u64)]) -> Option<Vec<u64>> {
    let least = sources.iter().map(|(_, exponent)| *exponent).min()?;
    let span = sources.iter().map(|(_, exponent)| *exponent).max()? - least + 1;
    span.checked_mul(sources.len() as u64)?;
    let (mut ranks, mut repetitions) = (HashMap::new(), HashMap::new());
    let exponents: Vec<u64> = sources
        .iter()
        .map(|source| {
            let repetition = repetitions.entry(*source).and_modify(|count| *count += 1).or_insert(0u64);
            let fresh = ranks.len() as u64;
            *ranks.entry((source.0, *repetition)).or_insert(fresh) * span + source.1 - least
        })
        .collect();
    // Sparse exponents would need more powers of s than the slices save.
    let dense = ranks.len() as u64 * span <= MAX_SPARSITY * sources.len() as u64;
    (dense && distinct(&exponents)).then_some(exponents)
}

/// Most powers of s per element of a plane.
pub(crate) const MAX_SPARSITY: u64 = 16;
