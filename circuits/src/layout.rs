//! From a model to a layout: which columns and rows the circuit has and what each of them holds.
//!
//! The layout is a pure function of the model and the commitment scheme; no input value reaches it. It is the end of a
//! pipeline, a folder for each question: `network`, what is computed, `place`, where the planes lie,
//! `equations`, what must be 0; here `search` chooses the columns, and `fixed` fills what no input changes.

mod budget;
mod copies;
mod fixed;
pub(crate) mod search;

use std::sync::OnceLock;

use halo2_proofs::halo2curves::bn256::Fr;
use lemma_verifier::{
    columns::{BankColumns, Columns, Way},
    index::{AdviceColumn, BankId, FixedColumn, Lane, RowId},
    interface::Interface,
    scheme::Scheme,
    shape::{BankKind, Shape, usable_rows},
};
use typed_index_collections::TiVec;

use crate::{
    cells::{ByRow, FixedCells},
    cost::Cost,
    equations::{Region, Row},
    error::PlanError,
    expanded::{Expanded, Op},
    forms::{
        Forms, Packing,
        tables::{self, Entry},
    },
    index::NodeId,
    ir::{Model, TensorId},
    network::{Base, Network, homes::Cell, slices::Reader},
    place::{Block, Placement},
};

pub use budget::{Budget, check_size};
use search::Choice;
#[cfg(any(test, feature = "testing"))]
pub use search::ForcedShape;

/// Everything about a circuit that does not depend on an input.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The model in terms of operators that have equations, with copies.
    pub(crate) expanded: Expanded,
    pub(crate) shape: Shape,
    /// Rows the circuit uses; the lookup sum ends on the row after them.
    pub(crate) rows: usize,
    pub(crate) columns: Columns,
    pub(crate) forms: Forms,
    pub(crate) network: Network,
    pub(crate) placement: Placement,
    pub(crate) packings: TiVec<NodeId, Packing>,
    pub(crate) region: Region,
    /// Per table set its entries, [`Layout::rows`] each.
    pub(crate) tables: Vec<Vec<Entry>>,
    /// See [`Layout::fixed`].
    fixed: OnceLock<TiVec<FixedColumn, ByRow<Fr>>>,
    pub(crate) cost: Cost,
}

impl Layout {
    /// The cheapest layout for a model under a commitment scheme.
    ///
    /// # Errors
    /// [`PlanError`] when the model cannot be proven exactly or is too large.
    pub(crate) fn of(model: &Model, scheme: Scheme, budget: &Budget) -> Result<Self, PlanError> {
        Self::among(model, scheme, budget, |_| true)
    }

    /// The cheapest layout among the shapes `admitted`.
    ///
    /// # Errors
    /// As [`Layout::of`].
    pub(crate) fn among(
        model: &Model,
        scheme: Scheme,
        budget: &Budget,
        admitted: impl Fn(&Shape) -> bool,
    ) -> Result<Self, PlanError> {
        model.check_consistency()?;
        check_size(model, budget)?;
        let expanded = Expanded::of(model);
        let too_large = || PlanError::TooLarge { activations: model.activations(), macs: model.macs() };
        let flat = if is_flat(&expanded) { Self::flat(&expanded, scheme, &admitted)? } else { None };
        // Positions make layers no cheaper.
        let has_layers = || expanded.nodes.iter().any(|node| matches!(node.op, Op::FullyConnected(_)));
        let planned = match flat {
            Some(flat) if has_layers() => Some(flat),
            Some(flat) => {
                let limit = Cost::of(&flat.1.shape, scheme);
                Some(Self::in_space(&expanded, scheme, &admitted, Some(limit))?.unwrap_or(flat))
            }
            None => Self::in_space(&expanded, scheme, &admitted, None)?,
        };
        let (expanded, choice) = planned.ok_or_else(too_large)?;
        Ok(Self::with_choice(expanded, choice, scheme))
    }

    /// The cheapest choice whose planes have one position, with the network it is for.
    fn flat(
        expanded: &Expanded,
        scheme: Scheme,
        admitted: impl Fn(&Shape) -> bool,
    ) -> Result<Option<(Expanded, Choice)>, PlanError> {
        let base = Base::flat(expanded)?;
        let choice = search::cheapest_flat(&base, scheme, admitted)?;
        Ok(choice.map(|choice| (base.expanded, choice)))
    }

    /// The cheapest choice whose planes have positions, told apart by powers of s, if it costs less than `limit`.
    fn in_space(
        expanded: &Expanded,
        scheme: Scheme,
        admitted: impl Fn(&Shape) -> bool,
        limit: Option<Cost>,
    ) -> Result<Option<(Expanded, Choice)>, PlanError> {
        let base = Base::of(expanded)?;
        let choice = search::cheapest(&base, scheme, admitted, limit)?;
        Ok(choice.map(|choice| (base.expanded, choice)))
    }

    fn with_choice(expanded: Expanded, choice: Choice, scheme: Scheme) -> Self {
        let Choice { shape, forms, network, placement, packings, region } = choice;
        let columns = Columns::of(&shape);
        // A flat circuit multiplies the operand of the row itself: without one the prover could choose it, and one of another row
        // would not count.
        let has_own_operand = |row: &Row| !row.keep_window && (row.sign != 0) == row.factor.is_some();
        assert!(
            columns.positions.is_some() || region.rows.iter().all(has_own_operand),
            "a product has one operand"
        );
        region.groups(&placement, &packings).assert_every_one_has_its_turn(&expanded);
        let entries = tables::entries(&forms, &shape);
        let table_rows = entries.len().div_ceil(shape.table_sets as usize);
        let rows = search::rows(&network, &placement, &region).max(table_rows);
        assert!(rows <= usable_rows(shape.k), "{rows} rows planned in 2^{}", shape.k);
        let tables = tables::fill(&entries, shape.table_sets, rows);
        let cost = Cost::of(&shape, scheme);
        let fixed = OnceLock::new();
        Self {
            expanded,
            shape,
            rows,
            columns,
            forms,
            network,
            placement,
            packings,
            region,
            tables,
            fixed,
            cost,
        }
    }

    /// The fixed columns, [`Layout::rows`]` + 1` values each. They are most of a large layout, and who asks for its size
    /// needs none of them: they are made when they are asked for first.
    pub(crate) fn fixed(&self) -> &FixedCells {
        self.fixed.get_or_init(|| {
            let sources = fixed::Sources {
                expanded: &self.expanded,
                network: &self.network,
                forms: &self.forms,
                shape: &self.shape,
                columns: &self.columns,
                placement: &self.placement,
                region: &self.region,
                packings: &self.packings,
                tables: &self.tables,
                rows: self.rows,
            };
            sources.build()
        })
    }

    /// The fixed columns of a layout that lies.
    #[cfg(test)]
    pub(crate) fn fixed_mut(&mut self) -> &mut FixedCells {
        self.fixed();
        self.fixed.get_mut().expect("they were just made")
    }

    /// Columns and gate constants.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Rows in use, of `2^k`.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Predicted proving cost.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// All advice cells.
    pub fn all_cells(&self) -> usize {
        (self.shape.num_advice() as usize) << self.shape.k
    }

    /// The interface with the packing of the public inputs this layout reads.
    pub(crate) fn interface(&self, mut interface: Interface) -> Interface {
        for (port, bytes) in interface.inputs.iter_mut().zip(&self.network.inputs.bytes) {
            port.bytes_per_instance = u8::try_from(*bytes).expect("at most 31 bytes are packed");
        }
        interface
    }

    /// Advice cells that hold something, of `2^k` per advice column.
    pub fn used_cells(&self) -> usize {
        let shape = &self.shape;
        let bank = |(bank, rows): (&BankColumns, &usize)| {
            let of_form = match bank.kind {
                BankKind::Linear => 1 + shape.excess_cells() + shape.remainder_limbs(),
                BankKind::Threshold => 2 + 2 * shape.threshold_limbs,
                BankKind::Maximum | BankKind::Product => 3,
            };
            let running = bank.lanes.iter().filter(|lane| lane.evaluation.is_some()).count() + 1;
            let powers = bank.powers().map_or(0, |_| 2);
            rows * (bank.lanes.len() * of_form as usize + running + powers)
        };
        let banks: usize = self.columns.banks.iter().zip(&self.placement.bank_rows).map(bank).sum();
        let lookups = self.rows * shape.lookup_columns() as usize;
        let way = |way: &Way| 2 + usize::from(way.window.is_some());
        let of_region = 1 + self.columns.ways.iter().map(way).sum::<usize>();
        let positions = self.columns.positions.map_or(0, |_| self.region.rows.len() + self.rows);
        banks + lookups + self.region.rows.len() * of_region + positions
    }

    /// Calls `visit` with bank, row and the powers of s it is weighted with: of its slices, of its claims. Rows of flat
    /// banks have none.
    pub(crate) fn for_each_power(&self, mut visit: impl FnMut(BankId, RowId, u64, u64)) {
        let has_powers = |block: &&Block| self.columns.banks[block.bank].powers().is_some();
        for block in self.placement.blocks.iter().filter(has_powers) {
            let home = self.network.homes.home(block.tensor);
            let slices = &self.network.slices[block.tensor.0];
            for row in block.rows() {
                let Some((plane, position)) = block.at(row, Lane::default()) else { continue };
                let slice = slices.exponents[plane][position];
                let claim = match block.content.node() {
                    Some(_) => home.planes[plane].exponents[position],
                    None => {
                        let element = home.planes[plane].elements[position];
                        self.network.instance_of(block.tensor, element).0 as u64
                    }
                };
                visit(block.bank, row, slice, claim);
            }
        }
    }

    /// Calls `visit` with public input, byte, activation column and row of every element of a model output.
    pub(crate) fn for_each_output(&self, mut visit: impl FnMut(usize, usize, AdviceColumn, RowId)) {
        for (cell, reader) in &self.network.outputs {
            let (Cell::Stored { tensor, element }, Reader::Byte { instance, byte }) = (cell, reader) else {
                unreachable!("outputs are stored and read by the statement")
            };
            let (column, row) = self.activation(*tensor, *element);
            visit(*instance, *byte, column, row);
        }
    }

    /// The column and row of a stored element.
    pub(crate) fn activation(&self, tensor: TensorId, element: usize) -> (AdviceColumn, RowId) {
        let (plane, position) = self.network.homes.home(tensor).spot(element);
        let (block, member) = self.placement.member(tensor, plane);
        let (lane, row) = block.spot(member, position);
        (self.columns.banks[block.bank].lanes[lane].cells.activation(), row)
    }
}

/// Whether planes of one position may be what a network is best laid out in: it is fully connected layers, and functions
/// and sums that read no more elements than the layers do, each of which takes a row of the equations.
fn is_flat(expanded: &Expanded) -> bool {
    let (mut of_layers, mut of_others) = (0, 0);
    for node in &expanded.nodes {
        match &node.op {
            Op::FullyConnected(layer) => of_layers += layer.inputs,
            Op::Table(_) | Op::Add(_) => of_others += node.inputs.len() * expanded.tensor(node.output).len,
            Op::Rearrange(_) => {}
            Op::Convolution(_) | Op::MatMul(_) | Op::Multiply(_) | Op::Maximum | Op::Product => {
                return false;
            }
        }
    }
    of_others <= of_layers
}

#[cfg(test)]
mod tests;
