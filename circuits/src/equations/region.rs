//! The region of the equations, row by row.

use std::collections::BTreeMap;

use lemma_verifier::{index::RowId, interface::HEADER_INSTANCES};
use typed_index_collections::TiSlice;

use crate::{
    equations::{Equation, Factor, Groups, Operand, Weights},
    forms::Packing,
    index::{EquationId, NodeId},
    place::Placement,
};

/// A row of the region.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Whether the windows continue from the row before.
    pub(crate) keep_window: bool,
    /// `1` or `-1` with an operand per way, `0` without.
    pub(crate) sign: i8,
    pub(crate) operands: Vec<Operand>,
    /// Whether the weight evaluations continue from the row before.
    pub(crate) keep_weight: bool,
    /// Per way, the vector and the part of it in this row: groups `part * columns..` with the given columns.
    pub(crate) weights: Vec<Weights>,
    pub(crate) part: usize,
    /// What the products that are complete here are multiplied with.
    pub(crate) factor: Option<Factor>,
}

impl Row {
    /// A public input that is packed as the statement has it: no product takes part.
    fn of_packed(packed: &Operand) -> Self {
        Self {
            keep_window: false,
            sign: 0,
            operands: vec![*packed],
            keep_weight: false,
            weights: Vec::new(),
            part: 0,
            factor: None,
        }
    }
}

/// The equations as rows from row [`Region::FIRST_ROW`] on.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    pub(crate) rows: Vec<Row>,
    /// Rows of the circuit on which the product sum must be 0.
    pub(crate) zeros: Vec<RowId>,
}

impl Region {
    /// The first operands mirror the public inputs after the header, row by row.
    pub(crate) const FIRST_ROW: usize = HEADER_INSTANCES;

    /// The row of the circuit that is the region's row with this index.
    pub(crate) fn row(index: usize) -> RowId {
        RowId::from(Self::FIRST_ROW + index)
    }

    /// Its rows, with their numbers in the circuit.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (RowId, &Row)> {
        self.rows.iter().enumerate().map(|(index, content)| (Self::row(index), content))
    }

    /// Lays the equations out with this many weight columns per way. The first operands of the first rows are
    /// `packed`: the evaluations that are the public inputs themselves.
    pub(crate) fn of(packed: &[Operand], equations: Vec<Equation>, columns: usize) -> Self {
        let mut region =
            Self { rows: packed.iter().map(Row::of_packed).collect(), zeros: vec![RowId::default()] };
        for equation in equations {
            for segment in equation.segments {
                region.segment(segment, columns);
            }
            region.zeros.push(Self::row(region.rows.len()));
        }
        region
    }

    fn segment(&mut self, segment: super::Segment, columns: usize) {
        let (rows, parts) = (segment.rows(columns), segment.groups.div_ceil(columns));
        // Windows and evaluations are complete on the last row.
        let before_moves = rows - segment.moves.len();
        let mut moves = segment.moves.into_iter();
        for index in 0..rows {
            let of_row = if index < before_moves { None } else { moves.next() };
            let (sign, operands) = of_row.unwrap_or_default();
            // The highest groups come first: U is evaluated by Horner's rule.
            let part = (rows - index <= parts).then(|| rows - 1 - index);
            self.rows.push(Row {
                keep_window: index > before_moves || segment.continues,
                sign,
                operands,
                keep_weight: part.is_some_and(|part| part + 1 < parts),
                weights: part.map_or_else(Vec::new, |_| segment.weights.clone()),
                part: part.unwrap_or(0),
                factor: (index + 1 == rows).then_some(segment.factor),
            });
        }
    }

    /// Which operators have claims in which groups. Those of model inputs are bytes, not errors.
    pub(crate) fn groups(&self, placement: &Placement, packings: &TiSlice<NodeId, Packing>) -> Groups {
        let blocks = placement.blocks.iter().map(|block| ((block.bank, block.end()), block));
        let blocks: BTreeMap<_, _> = blocks.collect();
        let mut groups = Groups::default();
        for (row, content) in self.iter() {
            let equation = EquationId::from(self.zeros.partition_point(|zero| *zero <= row));
            for (way, operand) in content.operands.iter().enumerate() {
                let Operand::Claims { bank, row } = operand else { continue };
                let block = blocks[&(*bank, *row)];
                let Some(node) = block.content.node() else { continue };
                let Some(Weights::Minus { start, .. }) = content.weights.get(way) else {
                    unreachable!("claims enter with minus the weight of a slot")
                };
                let last = start.group + placement.groups(block, packings[node].slots);
                groups.add(equation, start.group..last, node);
            }
        }
        groups
    }

    /// Rows up to the end of the region and the row after it, which holds the last product sum.
    pub(crate) fn end_row(&self) -> usize {
        Self::FIRST_ROW + self.rows.len() + 1
    }
}
