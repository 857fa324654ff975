//! The figure of ARCHITECTURE.md: which rows of which columns hold what, read off a layout.

use lemma_verifier::{
    index::{BankId, RowId, first},
    scheme::Scheme,
    shape::{BankKind, BankShape, Shape},
};

use crate::{
    equations::Operand,
    index::MapId,
    layout::{Budget, Layout},
    place::{Block, Content},
    testing::networks::{Builder, Scale, Slide},
};

/// A padded convolution and a pointwise one.
fn layout() -> Layout {
    let mut network = Builder::new(7, 3, 2, [4, 4]);
    let scale = Scale { multipliers: vec![0.021], zero_point: -128, clamp: (-128, 127) };
    network.convolution(3, 1, Slide::SAME, &scale);
    network.convolution(2, 1, Slide::POINTWISE, &scale);
    let lanes = |banks: &BankShape| (banks.lanes, banks.ways) == (3, 2);
    let admitted = |shape: &Shape| shape.banks.as_ref().is_some_and(lanes);
    Layout::among(&network.finish(), Scheme::Kzg, &Budget::UNLIMITED, admitted).expect("the network is small")
}

/// What lies in a row of a bank.
fn of_bank(layout: &Layout, bank: BankId, row: RowId) -> String {
    let at = |block: &&Block| block.bank == bank && block.span().contains(&row);
    let Some(block) = layout.placement.blocks.iter().find(at) else { return String::new() };
    let name = match block.content {
        Content::Node(node) => &layout.expanded.nodes[node].name,
        Content::Input => "x",
        Content::Output => "outputs",
    };
    let lanes = layout.columns.banks[bank].lanes.keys();
    let lane = |lane| {
        block.at(row, lane).map_or("idle".to_owned(), |(plane, _)| format!("{name}.{}", usize::from(plane)))
    };
    lanes.map(lane).collect::<Vec<_>>().join(", ")
}

/// What a row of the region computes.
fn of_region(layout: &Layout, row: RowId) -> String {
    let equation = layout.region.zeros.partition_point(|zero| *zero <= row);
    let Some(content) = layout.region.iter().find(|(of, _)| *of == row).map(|(_, content)| content) else {
        return String::new();
    };
    let what = match content.operands.first() {
        Some(Operand::Instance) => "public inputs",
        Some(Operand::Claims { .. }) => "less claims",
        Some(Operand::Slice { .. } | Operand::First) => "windows of slices times weights",
        None => "weights",
    };
    let equation = match equation.checked_sub(2).and_then(|map| layout.network.maps.get(MapId::from(map))) {
        Some(map) => &layout.expanded.nodes[map.node].name,
        None => "statement",
    };
    format!("{equation}: {what}")
}

/// Runs of rows with the same content.
fn figure(layout: &Layout) -> String {
    let content = |row: RowId| {
        let banks = layout.columns.banks.keys().map(|bank| of_bank(layout, bank, row));
        banks.chain([of_region(layout, row)]).collect::<Vec<_>>()
    };
    let rows: Vec<Vec<String>> = first(layout.rows).map(content).collect();
    let banks = layout.columns.banks.iter().map(|bank| match bank.kind {
        BankKind::Linear => "bank, linear form",
        BankKind::Threshold => "bank, thresholds",
        BankKind::Maximum | BankKind::Product => "bank, pairs",
    });
    let mut lines = vec![("rows".to_owned(), banks.chain(["region of the equations"]).collect::<Vec<_>>())];
    let mut first = 0;
    for run in rows.chunk_by(|one, next| one == next) {
        let last = first + run.len() - 1;
        let cells: Vec<&str> = run[0].iter().map(String::as_str).collect();
        let rows = if run.len() > 1 { format!("{first}-{last}") } else { first.to_string() };
        lines.push((rows, cells));
        first = last + 1;
    }
    let width = |column: usize| lines.iter().map(|(_, cells)| cells[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..layout.columns.banks.len()).map(width).collect();
    let line = |(rows, cells): &(String, Vec<&str>)| {
        let cells: String = cells
            .iter()
            .zip(widths.iter().chain([&0]))
            .map(|(cell, width)| format!(" | {cell:width$}"))
            .collect();
        format!("{rows:>7}{cells}").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_figure_of_the_regions_is_a_layouts() {
    let page = include_str!("../../../../ARCHITECTURE.md");
    let figure = figure(&layout());
    assert!(page.contains(&figure), "ARCHITECTURE.md has another figure than\n{figure}");
}
