//! Packing groups: a layout in which an operator shares one with another that it reads is refused.

use lemma_verifier::index::GroupId;

use super::case::Case;
use crate::{
    equations::{Operand, Weights},
    expanded::Expanded,
    index::NodeId,
    place::Start,
};

/// Whether a node reads what another computes, directly or through others.
fn depends(expanded: &Expanded, node: NodeId, on: NodeId) -> bool {
    let defines = |tensor| expanded.nodes.position(|node| node.output == tensor);
    let mut read = expanded.nodes[node].inputs.iter().filter_map(|input| defines(*input));
    read.any(|read| read == on || depends(expanded, read, on))
}

/// The operator whose claims are in each equation, in order; none in the statement's.
fn owners(case: &Case) -> Vec<Option<NodeId>> {
    let region = &case.layout.region;
    let mut owners = vec![None; region.zeros.len()];
    for (row, content) in region.iter() {
        let equation = region.zeros.partition_point(|zero| *zero <= row);
        for operand in &content.operands {
            if let Operand::Claims { bank, row } = operand {
                let mut blocks = case.layout.placement.blocks.iter();
                let block = blocks.find(|block| (block.bank, block.end()) == (*bank, *row));
                owners[equation] = block.expect("claims of a block").content.node();
            }
        }
    }
    owners
}

#[test]
fn operators_that_share_a_group_are_refused_where_one_reads_the_other() {
    let (mut refused, mut allowed) = (0, 0);
    for case in Case::all() {
        let (layout, owners) = (&case.layout, owners(&case));
        assert_eq!(
            layout.region.groups(&layout.placement, &layout.packings).waiting(case.expanded()),
            None,
            "{}",
            case.name
        );
        for (equation, pair) in owners.windows(2).enumerate() {
            let [Some(first), Some(second)] = *pair else { continue };
            // Without the zero between them the two equations are one.
            let mut region = layout.region.clone();
            region.zeros.remove(equation);
            let is_refused =
                region.groups(&layout.placement, &layout.packings).waiting(case.expanded()).is_some();
            assert_eq!(is_refused, depends(case.expanded(), second, first), "{}: {pair:?}", case.name);
            *(if is_refused { &mut refused } else { &mut allowed }) += 1;
        }
    }
    assert!(refused > 10 && allowed > 3, "{refused} refused, {allowed} allowed");
}

/// The channels of the first layer reach over two groups. Claims of the second in the last of them wait for it, as they
/// would in the first.
#[test]
fn every_group_that_a_block_reaches_counts() {
    let cases = Case::all();
    let case = cases.iter().find(|case| case.name == "layers").unwrap();
    let (layout, owners) = (&case.layout, owners(case));
    let [Some(first), Some(second)] = owners[1..3] else { panic!("two layers") };
    assert!(depends(case.expanded(), second, first));
    let is_refused = |group: usize| {
        let mut region = layout.region.clone();
        region.zeros.remove(1);
        for weights in region.rows.iter_mut().flat_map(|row| &mut row.weights) {
            if let Weights::Minus { node: Some(node), start } = weights
                && *node == second
            {
                *start = Start { group: GroupId::from(group), ..*start };
            }
        }
        region.groups(&layout.placement, &layout.packings).waiting(case.expanded()).is_some()
    };
    assert_eq!([0, 1, 2].map(is_refused), [true, true, false]);
}
