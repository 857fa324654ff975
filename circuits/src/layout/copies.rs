//! Cells that are equal to others.

use lemma_verifier::{
    chip::Slot,
    columns::BankLane,
    index::{AdviceColumn, LaneId, RowId},
    system::bank_chips,
};
use typed_index_collections::TiVec;

use super::Layout;
use crate::{
    equations::{Factor, Operand},
    index::Position,
    network::homes::Cell,
    place::Content,
};

impl Layout {
    /// The lookups of all lanes, in order.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        bank_chips(&self.columns, &self.shape).into_iter().flat_map(|bank| bank.slots).collect()
    }

    /// Every copy constraint, as pairs of (advice column, row), original first.
    pub(crate) fn for_each_copy(&self, mut copy: impl FnMut((AdviceColumn, RowId), (AdviceColumn, RowId))) {
        self.for_each_copied_output(&mut copy);
        let columns = &self.columns;
        let lanes: TiVec<LaneId, AdviceColumn> = columns.lanes().map(BankLane::slice).collect();
        if let Some(positions) = &columns.positions {
            self.for_each_power(|bank, row, slice, claim| {
                let Some(powers) = columns.banks[bank].powers() else { return };
                copy((positions.powers, RowId::from(slice as usize)), (powers.slice, row));
                copy((positions.powers, RowId::from(claim as usize)), (powers.claim, row));
            });
        }
        let mut idle = self.placement.idle_input_cells().map(|(lane, row)| (lanes[lane], row));
        if let Some(first) = idle.next() {
            idle.for_each(|other| copy(first, other));
        }
        for (row, content) in self.region.iter() {
            if let (Some(positions), Some(factor)) = (&columns.positions, content.factor) {
                let source = match factor {
                    Factor::Power(exponent) => (positions.powers, RowId::from(exponent as usize)),
                    Factor::Slice { lane, row } => (lanes[lane], row),
                };
                copy(source, (positions.factor, row));
            }
            for (way, operand) in columns.ways.iter().zip(&content.operands) {
                let source = match operand {
                    Operand::Slice { lane, row } => (lanes[*lane], *row),
                    Operand::Claims { bank, row } => (columns.banks[*bank].claims, *row),
                    Operand::First => (columns.ways[0].operand, row),
                    Operand::Instance => continue,
                };
                copy(source, (way.operand, row));
            }
        }
    }

    /// The copies of a flat layout's outputs.
    fn for_each_copied_output(&self, mut copy: impl FnMut((AdviceColumn, RowId), (AdviceColumn, RowId))) {
        for block in self.placement.blocks.iter().filter(|block| block.content == Content::Output) {
            let view = self.network.homes.view(block.tensor);
            // Row by row: the last member comes first.
            for (member, element) in block.planes.iter_enumerated().rev() {
                let Cell::Stored { tensor, element } = view.cell(usize::from(*element)) else {
                    unreachable!("outputs are stored, see `expand`")
                };
                let (lane, row) = block.spot(member, Position::default());
                let column = self.columns.banks[block.bank].lanes[lane].cells.activation();
                copy(self.activation(tensor, element), (column, row));
            }
        }
    }
}
