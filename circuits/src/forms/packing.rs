//! Several accumulators in one field element.
//!
//! The output channels of a layer are numbered by `(group g, slot i)` and weighted with `B^i rho^g`. A layer
//! equation `sum_n coef_n (claimed_n - true_n) = 0` at a random `rho` forces, per group,
//! `sum_i B^i D_i = 0` modulo p. With `|D_i| < B` and `B^G <= 2^252 < p/2` that is an equation between
//! integers, and reducing it modulo `B`, `B^2`, ... gives `D_i = 0` for every slot. So the weight column
//! shrinks by G.
//!
//! `|D_i| < B` because both sides are in one interval of length below B. The claimed value is there by its lookups,
//! whatever else the prover did. The true value is there **if the bytes the operator reads are right**: the interval
//! analysis is about right bytes, and lookups alone let some operators' accumulators go further, by more than B
//! (`soundness::reach` lists them). That the bytes are right follows from the groups of the operators that define
//! them, so groups are gone through one after another: no operator may share one with an operator it depends on, which
//! `equations::groups` asserts of every layout.

use halo2_proofs::halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};
use lemma_verifier::{
    integers::natural,
    shape::{PACKED_BITS, Shape},
    tags::PAIR_BASE,
};

use typed_index_collections::TiVec;

use crate::{
    expanded::{Expanded, Node},
    forms::{ClampClass, Form, Forms, tables::excess_parts},
    index::{NodeId, SlotId},
};

/// Base and group size of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packing {
    /// `log2 B`.
    pub(crate) base_bits: u32,
    /// Slots of a group, G.
    pub(crate) slots: usize,
}

impl Packing {
    /// The packings of all nodes' output channels.
    pub(crate) fn all(expanded: &Expanded, forms: &Forms, shape: &Shape) -> TiVec<NodeId, Self> {
        expanded.nodes.iter_enumerated().map(|(id, node)| Self::of(node, forms, id, shape)).collect()
    }

    /// The packing of a node's output channels.
    pub(crate) fn of(node: &Node, forms: &Forms, id: NodeId, shape: &Shape) -> Self {
        let node_forms = &forms.nodes[id];
        // The same for all channels of the linear form, of which there may be thousands.
        let is_linear = |form: &Form| matches!(form, Form::Linear(_));
        let linear = node_forms
            .channels
            .iter()
            .any(is_linear)
            .then(|| linear_distance(&forms.clamps[node_forms.clamp], shape));
        let distance = node_forms.channels.iter().map(|form| match form {
            Form::Linear(_) => linear.unwrap_or_default(),
            Form::Threshold(class) => {
                let range = forms.steps[*class].steps.range;
                let span = u128::from((range.hi - range.lo).unsigned_abs());
                span + span.max(1 << (shape.threshold_limbs * shape.limb_bits)) + 1
            }
            Form::Function(_) => 512 << shape.shift,
            Form::Maximum | Form::Product => u128::from(PAIR_BASE.unsigned_abs() + 1) * 512,
        });
        let bound = distance.max().unwrap_or(1);
        let base_bits = u128::BITS - bound.leading_zeros();
        assert!(
            base_bits <= PACKED_BITS / 2,
            "node '{}': accumulators of {base_bits} bits; the interval analysis bounds them far below",
            node.name
        );
        Self { base_bits, slots: (PACKED_BITS / base_bits) as usize }
    }

    /// The last slot of a group.
    pub(crate) fn last_slot(&self) -> SlotId {
        SlotId::from(self.slots - 1)
    }

    /// `B^slot`.
    pub(crate) fn weight(&self, slot: SlotId) -> Fr {
        assert!(slot <= self.last_slot(), "{slot:?} of {}", self.slots);
        natural(2).pow_vartime([u64::from(self.base_bits) * usize::from(slot) as u64])
    }

    /// `1 / B^(slots - 1)`: from the first slot of a group back to the last slot of the one before.
    pub(crate) fn unwind(&self) -> Fr {
        Fr::TWO_INV.pow_vartime([u64::from(self.base_bits) * (self.slots as u64 - 1)])
    }
}

/// A strict bound of `|claimed - true|` for `2^shift (y' - E) + r`: the length of the interval the lookups allow.
fn linear_distance(class: &ClampClass, shape: &Shape) -> u128 {
    let (low, high) = excess_parts(class, shape.excess_bits);
    let bits = shape.excess_bits.unwrap_or(0);
    let span = |side: fn(&ClampClass) -> i64| {
        u128::from(side(&low).unsigned_abs())
            + (u128::from(high.as_ref().map_or(0, side).unsigned_abs()) << bits)
    };
    let bytes = u128::from((class.hi - class.lo).unsigned_abs());
    (bytes + span(|class| class.below) + span(|class| class.above) + 1) << shape.shift
}
