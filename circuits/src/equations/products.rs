//! Matrix products of two activations: their rows of an equation, see [`crate::network::products`].

use std::collections::HashMap;

use crate::{
    index::{BlockId, MapId, PlaneId},
    ir::MatMul,
    network::{
        products::{MatrixProduct, Side, Vector, chunks, width},
        slices::{Reader, Track, terms},
    },
};

use super::{Factor, Operand, Segment, Sources, Weights};

/// The evaluations of the slices of the factors of a product.
pub(crate) type Evaluations = HashMap<(Side, usize), Operand>;

impl Sources<'_> {
    /// The slices a product reads.
    pub(crate) fn evaluations(&self, map: MapId) -> Evaluations {
        let Some(product) = &self.network.maps[map].product else { return Evaluations::new() };
        let mut factors = product.factors;
        factors.sort_unstable();
        let mut out = Evaluations::new();
        for Track { tensor, plane, terms } in terms(&self.network.slices, &factors, Reader::factors(map)) {
            for term in &terms {
                let Reader::Factor { side, slice, .. } = term.reader else {
                    unreachable!("only factors were asked for")
                };
                assert_eq!(
                    (term.classes.len(), term.shift),
                    (1, 0),
                    "a factor's slices are those its product reads"
                );
                let (lane, row) = self.placement.slice(tensor, plane, term.classes[0]);
                let operand = Operand::Slice { lane, row };
                assert_eq!(out.insert((side, slice), operand), None, "slice {slice} is within a plane");
            }
        }
        out
    }

    /// The products of slices that make up the accumulators of a block of this product.
    pub(crate) fn products(&self, map: MapId, slices: &Evaluations, block: BlockId) -> Vec<Segment> {
        let Some(product) = &self.network.maps[map].product else { return Vec::new() };
        let planes = &self.placement.blocks[block].planes.raw;
        let batches = planes
            .chunk_by(|one, next| batch_and_chunk(product, *one).0 == batch_and_chunk(product, *next).0);
        let side_by_side = batches.flat_map(|planes| planes.chunks(self.ways));
        side_by_side
            .flat_map(|planes| Beside { sources: self, map, product, slices, block, planes }.segments())
            .collect()
    }
}

/// The batch and the chunk of columns that a plane of a product holds.
fn batch_and_chunk(product: &MatrixProduct, plane: PlaneId) -> (usize, usize) {
    let chunks = chunks(&product.layer);
    (usize::from(plane) / chunks, usize::from(plane) % chunks)
}

/// Planes of one batch of a product side by side.
struct Beside<'a> {
    sources: &'a Sources<'a>,
    map: MapId,
    product: &'a MatrixProduct,
    slices: &'a Evaluations,
    block: BlockId,
    planes: &'a [PlaneId],
}

impl Beside<'_> {
    fn segments(&self) -> Vec<Segment> {
        let MatMul { rows, inner, columns, .. } = self.product.layer;
        let width = width(&self.product.layer);
        let product = |k: usize| {
            let Operand::Slice { lane, row } = self.lhs(k) else { unreachable!("evaluations are of slices") };
            self.segment(false, vec![self.rhs(k)], Vector::One, Factor::Slice { lane, row })
        };
        let mut out: Vec<Segment> = (0..inner).map(product).collect();
        let [lhs_center, rhs_center] = self.product.centers;
        if lhs_center != 0 {
            let window = (0..inner).map(|k| self.rhs(k)).collect();
            out.extend(self.powers(window, Vector::LhsCenter, (0..rows).map(|row| row * width)));
        }
        if rhs_center != 0 {
            let window = (0..inner).map(|k| vec![self.lhs(k); self.planes.len()]).collect();
            let first = batch_and_chunk(self.product, self.planes[0]).1 * width;
            out.extend(self.powers(window, Vector::RhsCenter, 0..width.min(columns - first)));
        }
        out
    }

    fn batch(&self) -> usize {
        batch_and_chunk(self.product, self.planes[0]).0
    }

    fn lhs(&self, k: usize) -> Operand {
        self.slices[&(Side::Lhs, self.batch() * self.product.layer.inner + k)]
    }

    fn rhs(&self, k: usize) -> Vec<Operand> {
        let chunks = chunks(&self.product.layer);
        let row = self.batch() * self.product.layer.inner + k;
        let slice = |plane: &PlaneId| row * chunks + batch_and_chunk(self.product, *plane).1;
        self.planes.iter().map(|plane| self.slices[&(Side::Rhs, slice(plane))]).collect()
    }

    /// A window times each of several powers of s.
    fn powers(
        &self,
        window: Vec<Vec<Operand>>,
        vector: Vector,
        exponents: impl Iterator<Item = usize>,
    ) -> Vec<Segment> {
        let mut window = Some(window);
        let power = |exponent: usize| {
            let window = window.take();
            self.segment(window.is_none(), window.unwrap_or_default(), vector, Factor::Power(exponent as u64))
        };
        exponents.map(power).collect()
    }

    fn segment(&self, continues: bool, moves: Vec<Vec<Operand>>, vector: Vector, factor: Factor) -> Segment {
        let (sources, block) = (self.sources, self.block);
        let weights = |plane: &PlaneId| Weights::Tap {
            map: self.map,
            tap: MatrixProduct::tap(*plane, vector),
            block: Some(block),
        };
        let moves = moves.into_iter().map(|ways| (1, sources.padded(ways, Operand::First)));
        Segment {
            continues,
            moves: moves.collect(),
            weights: sources.padded(self.planes.iter().map(weights).collect(), Weights::None),
            groups: sources.groups(self.map, block),
            factor,
        }
    }
}
