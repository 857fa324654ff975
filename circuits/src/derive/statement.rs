//! The public inputs that cells make up.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use lemma_verifier::{
    index::Lane,
    integers::{integer, natural},
    interface::LANES_PER_INSTANCE,
};

use super::hints::Hints;
use crate::{
    layout::Layout,
    place::{Block, Content},
};

/// `2^shift` times every public input after the header, from the cells it is made of, where an equation reads it.
pub(super) fn packed_statement(layout: &Layout, hints: &Hints<'_>) -> Vec<Fr> {
    if layout.columns.positions.is_none() {
        return Vec::new();
    }
    let mut instances = vec![Fr::ZERO; layout.network.instances];
    let scale = natural(1 << layout.shape.shift);
    let weights = std::iter::successors(Some(scale), |weight| Some(weight * natural(256)));
    // Behind the last bytes of an input there may be idle lanes.
    let weights: Vec<Fr> = weights.take(2 * LANES_PER_INSTANCE).collect();
    let center = |block: &Block| integer(layout.network.centers[block.tensor.0].into());
    for block in layout.placement.blocks.iter().filter(|block| block.content == Content::Input) {
        let home = layout.network.homes.home(block.tensor);
        for row in block.rows() {
            let Some((plane, position)) = block.at(row, Lane::default()) else { continue };
            let element = home.planes[plane].elements[position];
            let (instance, byte) = layout.network.instance_of(block.tensor, element);
            for (lane, cell) in layout.columns.banks[block.bank].lanes.iter_enumerated() {
                let is_idle = block.at(row, lane).is_none();
                let idle = if is_idle { center(block) } else { Fr::ZERO };
                let byte_of_lane = hints.cell(cell.cells.activation(), row) - idle;
                instances[instance] += weights[byte + usize::from(lane)] * byte_of_lane;
            }
        }
    }
    layout.for_each_output(|instance, byte, column, row| {
        instances[instance] += weights[byte] * hints.cell(column, row);
    });
    instances
}
