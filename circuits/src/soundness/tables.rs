//! The table's content: nothing more, nothing less, nothing twice, and the fixed columns hold it.

use std::collections::BTreeSet;

use lemma_verifier::{
    columns::LookupColumns,
    index::{RowId, first},
    integers::integer,
    shape::MAX_LIMB_BITS,
    tags::{SECOND_TAG_FACTOR, range_tag},
};
use sha2::{Digest, Sha256};

use super::case::Case;
use crate::{
    cells::FixedCells,
    error::PlanError,
    forms::{
        Form, NodeForms,
        tables::{BYTE, Entry, PAD, PAIR, check_classes, clamp_tag, second_tag, step_tag},
    },
    testing::tables::{definition, entries, tags},
    witness::tag,
};

fn table(case: &Case) -> BTreeSet<Entry> {
    case.layout.tables.iter().flatten().copied().collect()
}

#[test]
fn no_entry_occurs_twice() {
    for case in Case::all() {
        let entries: usize = case.layout.tables.iter().map(Vec::len).sum();
        assert_eq!(table(&case).len(), entries, "{}", case.name);
    }
}

#[test]
fn the_fixed_columns_hold_the_table() {
    for case in Case::all() {
        let layout = &case.layout;
        assert_fixed_columns_hold(&layout.columns.lookup, &layout.tables, layout.fixed(), layout.rows);
    }
}

/// Checks that the fixed columns of the lookup hold the entries of its tables, `rows` of each, and all of their values.
pub(super) fn assert_fixed_columns_hold(
    lookup: &LookupColumns,
    tables: &[Vec<Entry>],
    fixed: &FixedCells,
    rows: usize,
) {
    assert_eq!(lookup.tables.len(), tables.len());
    for (columns, entries) in lookup.tables.iter().zip(tables) {
        assert_eq!(entries.len(), rows);
        for (row, entry) in entries.iter().enumerate() {
            let cells = columns.iter().map(|column| fixed[*column][RowId::from(row)]);
            assert!(cells.eq(entry.iter().take(columns.len()).map(|value| integer((*value).into()))));
            assert!(entry.iter().skip(columns.len()).all(|value| *value == 0), "a value has no column");
        }
    }
}

#[test]
fn only_zeros_are_under_tag_0() {
    for case in Case::all() {
        assert_eq!(table(&case).iter().filter(|entry| entry[0] == 0).count(), 1, "{}", case.name);
        assert!(table(&case).contains(&[0; 4]));
    }
}

/// Entry by entry what the model defines. Besides it only what no slot can look up: filler, and clamps of operators whose
/// channels all have thresholds.
#[test]
fn the_tables_are_what_the_model_defines() {
    for case in Case::all() {
        let (reachable, others) = entries(&case.layout);
        let expected = definition(&case.layout);
        let (missing, surplus) = (expected.difference(&reachable), reachable.difference(&expected));
        let (missing, surplus): (Vec<_>, Vec<_>) = (missing.take(9).collect(), surplus.take(9).collect());
        assert!(missing.is_empty() && surplus.is_empty(), "{}: {missing:?}, {surplus:?}", case.name);
        let forms = &case.layout.forms;
        let linear = |node: &&NodeForms| node.channels.iter().any(|form| matches!(form, Form::Linear(_)));
        let used: BTreeSet<usize> = forms.nodes.iter().filter(linear).map(|node| node.clamp).collect();
        let unused: BTreeSet<i64> = (0..forms.clamps.len())
            .filter(|class| !used.contains(class))
            .flat_map(|class| [clamp_tag(class), second_tag(clamp_tag(class))])
            .collect();
        let is_idle = |entry: &Entry| entry[0] == PAD || unused.contains(&entry[0]);
        assert!(others.iter().all(is_idle), "{}", case.name);
    }
}

/// What fills the tables is under a tag that no slot has in any row, its multiples included.
#[test]
fn no_slot_looks_the_filler_up() {
    for case in Case::all() {
        assert!(!tags(&case.layout).contains(&PAD), "{}", case.name);
    }
}

/// One below and one above every edge.
#[test]
fn the_edges_are_sharp() {
    for case in Case::all() {
        let (table, layout) = (table(&case), &case.layout);
        let holds = |entry: Entry| table.contains(&entry);
        assert!(holds([BYTE, 0, 0, 0]) && holds([BYTE, 255, 0, 0]));
        assert!(!holds([BYTE, -1, 0, 0]) && !holds([BYTE, 256, 0, 0]));
        assert!(
            table
                .iter()
                .filter(|entry| entry[0] % SECOND_TAG_FACTOR == BYTE)
                .all(|entry| entry[2..] == [0, 0])
        );
        for width in layout.shape.remainder_widths() {
            let tag = range_tag(width);
            assert!(
                layout.shape.linear_lanes == 0
                    || holds([tag, 0, 0, 0]) && holds([tag, (1 << width) - 1, 0, 0])
            );
            assert!(!holds([tag, -1, 0, 0]) && !holds([tag, 1 << width, 0, 0]));
        }
        if layout.shape.linear_lanes == 0 {
            continue;
        }
        for (index, class) in layout.forms.clamps.iter().enumerate() {
            let tag = clamp_tag(index);
            let mask = layout.shape.excess_bits.map_or(i64::MAX, |bits| (1 << bits) - 1);
            let high_bits = layout.shape.excess_bits.unwrap_or(62);
            for (tag, below, above) in [
                (tag, class.below.min(mask), class.above.min(mask)),
                (second_tag(tag), class.below >> high_bits, class.above >> high_bits),
            ] {
                if layout.shape.excess_bits.is_none() && tag != clamp_tag(index) {
                    continue;
                }
                assert!(holds([tag, class.lo, below, 0]) && !holds([tag, class.lo, below + 1, 0]));
                assert!(holds([tag, class.hi, -above, 0]) && !holds([tag, class.hi, -above - 1, 0]));
                assert!(!holds([tag, class.lo, -1, 0]) && !holds([tag, class.hi, 1, 0]));
                assert!(!holds([tag, class.lo + 1, 1, 0]) && !holds([tag, class.lo + 1, -1, 0]));
                assert!(!holds([tag, class.lo - 1, 0, 0]) && !holds([tag, class.hi + 1, 0, 0]));
            }
        }
    }
}

/// The tags a slot can look up are the tags of its own table: none is the filler's, none another table's.
#[test]
fn slots_look_up_their_own_tags() {
    for case in Case::all() {
        let known: BTreeSet<i64> =
            table(&case).iter().map(|entry| entry[0]).filter(|tag| *tag != PAD).collect();
        for slot in case.layout.slots() {
            for row in first(case.layout.rows) {
                let tag = tag(case.layout.fixed(), slot.tag, row) * slot.factor;
                assert!(known.contains(&tag), "{}: tag {tag} in {row:?}", case.name);
            }
        }
    }
}

/// The kinds of tags lie behind each other, all below the first second tag; second tags are of those that have one.
#[test]
fn no_two_tables_share_a_tag() {
    let classes = [clamp_tag(0), clamp_tag(65_533)];
    let ranges = [range_tag(1), range_tag(MAX_LIMB_BITS)];
    let plain = [0, BYTE, classes[0], classes[1], ranges[0], ranges[1], PAD, PAIR];
    let second = [BYTE, classes[0], classes[1], PAIR].map(second_tag);
    let all: Vec<i64> = plain.into_iter().chain(second).collect();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
    assert!(
        plain.iter().all(|tag| tag % SECOND_TAG_FACTOR == *tag)
            && second.iter().all(|tag| tag % SECOND_TAG_FACTOR == 0)
    );
}

/// Beyond the tag space a class would share its tag with a range: refused before a table is made.
#[test]
fn every_class_has_its_own_tag_or_the_model_is_refused() {
    let case = Case::all().into_iter().find(|case| case.name == "layers, thresholds").unwrap();
    let mut forms = case.layout.forms.clone();
    let limit = 65_534 - forms.clamps.len();
    forms.steps = vec![forms.steps[0].clone(); limit];
    assert_eq!(check_classes(&forms), Ok(()));
    assert!(step_tag(&forms, limit - 1) < range_tag(1));
    forms.steps.push(forms.steps[0].clone());
    assert_eq!(check_classes(&forms), Err(PlanError::TooManyClasses { got: 65_535, limit: 65_534 }));
}

/// A changed table is a changed circuit: this digest changes only with a note in the changelog.
#[test]
fn the_content_is_pinned() {
    let digests = Case::all().into_iter().map(|case| {
        let bytes = case.layout.tables.iter().flatten().flatten().flat_map(|value| value.to_le_bytes());
        let digest = Sha256::digest(bytes.collect::<Vec<u8>>());
        format!("{} {}", case.name, &hex::encode(digest)[..16])
    });
    assert_eq!(digests.collect::<Vec<_>>(), PINNED);
}

const PINNED: [&str; 16] = [
    "padded 033c769a253c887c",
    "interleaved 0e43937c8e4a1b76",
    "threshold e60128146e524eb2",
    "residual 279293e13dafe58b",
    "groups 20ecf86072d9ce7d",
    "bytes 33480e22a0849886",
    "matrices 58948e59e2248387",
    "tied sum 7d75aacc3ba4c67c",
    "listed 240972fa9e8b198e",
    "shared 6102b2a8fde16706",
    "layers 15c5c45b0119e477",
    "layers, split 3d925a0ea6be26e2",
    "layers, thresholds 5f4bf61adf1ae111",
    "layers, mixed a3e0d6c00de40bf4",
    "layers, listed 5363ac30bf24ab81",
    "layers and functions dd91e62d6a00f4a7",
];
