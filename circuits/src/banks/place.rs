//! Placement: blocks of planes in the lanes of a bank.
//!
//! All rows of a bank serve its lanes alike: tag, exponents and restarts are shared. So the planes of a block
//! have the same positions, exponents and slices; each slice is a run of rows.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    ir::{Model, TensorId},
    plan::{Form, Forms},
};

use super::{
    homes::{Home, Homes},
    slices::Slices,
};

/// What the lanes of a bank hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BankKind {
    /// Model inputs and channels in the linear form.
    Linear,
    /// Channels requantized by thresholds.
    Threshold,
    /// Elementwise maxima.
    Maximum,
    /// Elementwise products.
    Product,
}

impl BankKind {
    /// All kinds, in the order of their banks.
    pub(crate) const ALL: [Self; 4] = [Self::Linear, Self::Threshold, Self::Maximum, Self::Product];

    fn of(form: &Form) -> Self {
        match form {
            Form::Linear(_) | Form::Function(_) => Self::Linear,
            Form::Threshold(_) => Self::Threshold,
            Form::Maximum => Self::Maximum,
            Form::Product => Self::Product,
        }
    }
}

/// Lanes of the banks of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LanesPerBank {
    pub(crate) linear: usize,
    pub(crate) threshold: usize,
    pub(crate) pair: usize,
}

impl LanesPerBank {
    pub(crate) fn of(self, kind: BankKind) -> usize {
        match kind {
            BankKind::Linear => self.linear,
            BankKind::Threshold => self.threshold,
            BankKind::Maximum | BankKind::Product => self.pair,
        }
    }
}

/// Which position each row of a block holds; the same for all blocks of planes that are alike.
#[derive(Debug)]
pub(crate) struct RowOrder {
    /// Positions in row order: slice by slice.
    pub(crate) positions: Vec<usize>,
    /// Per slice its last row, counted from the first row of the block.
    pub(crate) slice_ends: Vec<usize>,
}

impl RowOrder {
    fn of(slices: &Slices, plane: usize) -> Self {
        let classes = &slices.classes[plane];
        let mut positions: Vec<usize> = (0..classes.len()).collect();
        positions.sort_by_key(|position| (classes[*position], *position));
        let mut slice_ends = vec![0; slices.uses[plane].len()];
        for (row, position) in positions.iter().enumerate() {
            slice_ends[classes[*position]] = row;
        }
        Self { positions, slice_ends }
    }
}

/// Planes that share rows.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) tensor: TensorId,
    /// The node that defines the tensor, `None` for a model input.
    pub(crate) node: Option<usize>,
    pub(crate) kind: BankKind,
    /// One per lane, fewer than the lanes when some are idle.
    pub(crate) planes: Vec<usize>,
    pub(crate) rows: Arc<RowOrder>,
    /// Bank, counted over banks of all kinds, linear ones first.
    pub(crate) bank: usize,
    pub(crate) first_row: usize,
}

impl Block {
    /// Positions in row order.
    pub(crate) fn positions(&self) -> &[usize] {
        &self.rows.positions
    }

    /// Slices of each of its planes.
    pub(crate) fn num_slices(&self) -> usize {
        self.rows.slice_ends.len()
    }

    /// Rows of the circuit the block occupies.
    pub(crate) fn rows(&self) -> std::ops::Range<usize> {
        self.first_row..self.first_row + self.positions().len()
    }

    /// The row of the circuit on which a slice's evaluation is complete.
    pub(crate) fn slice_end(&self, class: usize) -> usize {
        self.first_row + self.rows.slice_ends[class]
    }

    /// The row of the circuit on which the block's claims are complete.
    pub(crate) fn end(&self) -> usize {
        self.first_row + self.positions().len() - 1
    }
}

/// The group and the slot in it of a block's first lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) group: usize,
    pub(crate) slot: usize,
}

/// The blocks of a model, before and after they have rows.
#[derive(Clone, Debug)]
pub(crate) struct Placement {
    pub(crate) blocks: Vec<Block>,
    /// Per tensor and plane its block and lane.
    pub(crate) lanes: Vec<Vec<(usize, usize)>>,
    /// Rows in use per bank.
    pub(crate) bank_rows: Vec<usize>,
    /// Lanes of a bank of each kind.
    pub(crate) lanes_per_bank: LanesPerBank,
    /// Banks of each kind, in the order of [`BankKind::ALL`].
    counts: [usize; 4],
}

impl Placement {
    /// The blocks of all stored tensors, without rows.
    pub(crate) fn blocks(
        model: &Model,
        homes: &Homes,
        slices: &[Slices],
        runs: &[Vec<Vec<usize>>],
        forms: &Forms,
        lanes_per_bank: LanesPerBank,
    ) -> Self {
        let mut blocks = Vec::new();
        let mut block = |tensor, node, kind, planes: &[usize], rows: &Arc<RowOrder>| {
            let (planes, rows) = (planes.to_vec(), rows.clone());
            blocks.push(Block { tensor, node, kind, planes, rows, bank: 0, first_row: 0 });
        };
        for (input, runs) in model.inputs.iter().zip(runs) {
            for run in runs {
                let rows = Arc::new(RowOrder::of(&slices[input.tensor.0], run[0]));
                block(input.tensor, None, BankKind::Linear, run, &rows);
            }
        }
        for (index, node) in model.nodes.iter().enumerate() {
            let Some(home) = &homes.stored[node.output.0] else { continue };
            let slices = &slices[node.output.0];
            let kind = |plane: usize| BankKind::of(forms.nodes[index].form(home.planes[plane].channel));
            for of in BankKind::ALL {
                let planes = (0..home.planes.len()).filter(|plane| kind(*plane) == of).collect();
                for like in alike(home, slices, planes) {
                    let rows = Arc::new(RowOrder::of(slices, like[0]));
                    for planes in like.chunks(lanes_per_bank.of(of)) {
                        block(node.output, Some(index), of, planes, &rows);
                    }
                }
            }
        }
        let planes =
            |home: &Option<_>| home.as_ref().map_or(0, |home: &super::homes::Home| home.planes.len());
        let mut lanes: Vec<_> = homes.stored.iter().map(|home| vec![(0, 0); planes(home)]).collect();
        for (index, block) in blocks.iter().enumerate() {
            for (lane, plane) in block.planes.iter().enumerate() {
                lanes[block.tensor.0][*plane] = (index, lane);
            }
        }
        Self { blocks, lanes, bank_rows: Vec::new(), lanes_per_bank, counts: [0; 4] }
    }

    /// Rows of all blocks of a kind, and of the largest.
    pub(crate) fn demand(&self, kind: BankKind) -> (usize, usize) {
        let rows = self.blocks.iter().filter(|block| block.kind == kind).map(|block| block.positions().len());
        rows.fold((0, 0), |(sum, largest), rows| (sum + rows, largest.max(rows)))
    }

    /// Gives every block rows in the emptiest of so many banks of its kind, largest blocks first; `None` if a bank
    /// then has more than `capacity` rows.
    pub(crate) fn placed(&self, counts: [usize; 4], capacity: usize) -> Option<Self> {
        let mut bank_rows = vec![0; counts.iter().sum()];
        let mut order: Vec<usize> = (0..self.blocks.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(self.blocks[*index].positions().len()));
        // Most shapes hold too little: nothing is copied before all blocks have rows.
        let mut spots = vec![(0, 0); self.blocks.len()];
        for index in order {
            let block = &self.blocks[index];
            let kind = block.kind as usize;
            let first: usize = counts[..kind].iter().sum();
            let bank = (first..first + counts[kind]).min_by_key(|bank| bank_rows[*bank])?;
            spots[index] = (bank, bank_rows[bank]);
            bank_rows[bank] += block.positions().len();
            if bank_rows[bank] > capacity {
                return None;
            }
        }
        let block = |(block, (bank, first_row)): (&Block, _)| Block { bank, first_row, ..block.clone() };
        let blocks = self.blocks.iter().zip(spots).map(block).collect();
        Some(Self { blocks, lanes: self.lanes.clone(), bank_rows, counts, ..*self })
    }

    /// Where every block of a node begins when its blocks share an equation of groups of so many slots: blocks of few
    /// lanes share a group.
    pub(crate) fn starts(&self, node: usize, slots: usize) -> BTreeMap<usize, Start> {
        let mut next = Start::default();
        let blocks = self.blocks.iter().enumerate().filter(|(_, block)| block.node == Some(node));
        blocks
            .map(|(index, block)| {
                let lanes = self.lanes_per_bank.of(block.kind);
                if next.slot + lanes > slots && next.slot > 0 {
                    next = Start { group: next.group + 1, slot: 0 };
                }
                let start = next;
                next = match next.slot + lanes {
                    end if end < slots => Start { slot: end, ..next },
                    end => Start { group: next.group + end.div_ceil(slots), slot: 0 },
                };
                (index, start)
            })
            .collect()
    }

    /// The first lane of a bank, counted over all lanes.
    pub(crate) fn first_lane(&self, bank: usize) -> usize {
        let mut before = bank;
        let mut lanes = 0;
        for (kind, count) in BankKind::ALL.into_iter().zip(self.counts) {
            lanes += before.min(count) * self.lanes_per_bank.of(kind);
            before = before.saturating_sub(count);
        }
        lanes
    }

    /// The block and lane of a plane.
    pub(crate) fn lane(&self, tensor: TensorId, plane: usize) -> (&Block, usize) {
        let (block, lane) = self.lanes[tensor.0][plane];
        (&self.blocks[block], lane)
    }
}

/// Planes grouped by slices and exponents, in order of first occurrence.
fn alike(home: &Home, slices: &Slices, planes: Vec<usize>) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for plane in planes {
        let same = |group: &&mut Vec<usize>| {
            let first = group[0];
            slices.classes[first] == slices.classes[plane]
                && slices.exponents[first] == slices.exponents[plane]
                && home.planes[first].exponents == home.planes[plane].exponents
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(plane),
            None => groups.push(vec![plane]),
        }
    }
    groups
}
