//! A circuit that assigns a recorded grid, so that the library's own checker sees the same cells.

use std::{collections::BTreeMap, sync::Arc};

use halo2_proofs::{
    circuit::{Cell as LibraryCell, Layouter, SimpleFloorPlanner, Value},
    halo2curves::bn256::Fr,
    plonk::{Advice, Any, Circuit, Column, ConstraintSystem, Error, Fixed, Instance},
};
use lemma_verifier::shape::Shape;

use super::grid::{Cell, Grid, Kind};
use crate::circuit::LemmaCircuit;

/// The gates of a shape with the cells of a grid.
///
/// Every pass assigns all advice: the grid's challenges need not be the verifier's.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    shape: Shape,
    grid: Option<Arc<Grid>>,
}

/// The library's handles of all columns.
#[derive(Clone, Debug)]
pub struct ReplayConfig {
    /// Absent where no gate reads the column.
    fixed: BTreeMap<usize, Column<Fixed>>,
    advice: Vec<Column<Advice>>,
    instance: Column<Instance>,
}

impl Replay {
    /// The circuit of a shape with a grid's cells.
    pub fn new(shape: Shape, grid: Grid) -> Self {
        Self { shape, grid: Some(Arc::new(grid)) }
    }
}

impl Circuit<Fr> for Replay {
    type Config = ReplayConfig;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn params(&self) -> Shape {
        self.shape.clone()
    }

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> ReplayConfig {
        Self::configure_with_params(meta, Shape::default())
    }

    fn configure_with_params(meta: &mut ConstraintSystem<Fr>, shape: Shape) -> ReplayConfig {
        LemmaCircuit::configure_with_params(meta, shape);
        let fixed = meta.fixed_queries().iter().map(|(column, _)| (column.index(), *column)).collect();
        let mut advice: Vec<_> = meta.advice_queries().iter().map(|(column, _)| *column).collect();
        advice.sort_unstable_by_key(Column::index);
        advice.dedup();
        assert_eq!(advice.len(), meta.num_advice_columns(), "a gate reads every advice column");
        let (instance, _) = meta.instance_queries()[0];
        ReplayConfig { fixed, advice, instance }
    }

    fn synthesize(&self, config: ReplayConfig, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let grid = self.grid.as_ref().ok_or(Error::Synthesis)?;
        let column = |cell: &Cell| -> Column<Any> {
            match cell.kind {
                Kind::Fixed => config.fixed[&cell.column].into(),
                Kind::Advice => config.advice[cell.column].into(),
                Kind::Instance => config.instance.into(),
            }
        };
        layouter.assign_region(
            || "replay",
            |mut region| {
                for cell in grid.assigned(Kind::Fixed) {
                    region.assign_fixed(config.fixed[&cell.column], cell.row, grid.value(cell));
                }
                for cell in grid.assigned(Kind::Advice) {
                    let value = Value::known(grid.value(cell));
                    region.assign_advice(config.advice[cell.column], cell.row, value);
                }
                for [from, to] in &grid.copies {
                    let [from, to] =
                        [from, to].map(|cell| LibraryCell { row_offset: cell.row, column: column(cell) });
                    region.constrain_equal(from, to);
                }
                Ok(())
            },
        )
    }
}
