//! The recorder refuses what synthesis may not do.

use halo2_proofs::{
    circuit::{Cell as LibraryCell, Layouter, SimpleFloorPlanner, Value},
    halo2curves::bn256::Fr,
    plonk::{
        Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Expression, FirstPhase, Fixed,
        SecondPhase,
    },
    poly::Rotation,
};
use lemma_circuits::testing::{
    grid::Cell,
    recorder::{RecordError, challenges, record},
};

/// What the circuit below does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fault {
    #[default]
    None,
    SecondWrite,
    SecondFixedWrite,
    LateColumnInFirstPass,
    Unknown,
    BlindedRow,
    CopyWithoutEquality,
    LayoutByPhase,
}

#[derive(Clone, Debug, Default)]
struct Faulty(Fault);

#[derive(Clone, Debug)]
struct Config {
    fixed: Column<Fixed>,
    columns: [Column<Advice>; 2],
    challenge: Challenge,
}

const K: u32 = 4;

impl Circuit<Fr> for Faulty {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(meta: &mut ConstraintSystem<Fr>) -> Config {
        let fixed = meta.fixed_column();
        let first = meta.advice_column_in(FirstPhase);
        let challenge = meta.challenge_usable_after(FirstPhase);
        let second = meta.advice_column_in(SecondPhase);
        meta.create_gate("scaled", |meta| {
            let fixed = meta.query_fixed(fixed, Rotation::cur());
            let [first, second] = [first, second].map(|column| meta.query_advice(column, Rotation::cur()));
            vec![fixed * (second - first * Expression::Challenge(challenge))]
        });
        meta.enable_equality(first);
        Config { fixed, columns: [first, second], challenge }
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let mut drawn = None;
        layouter.get_challenge(config.challenge).map(|value| drawn = Some(value));
        let one = Value::known(Fr::one());
        layouter.assign_region(
            || "faulty",
            |mut region| {
                region.assign_fixed(config.fixed, 0, Fr::one());
                match drawn {
                    None => region.assign_advice(config.columns[0], 0, one),
                    Some(drawn) => region.assign_advice(config.columns[1], 0, Value::known(drawn)),
                };
                let [first, second] = config.columns;
                let cell =
                    |column: Column<Advice>, row_offset| LibraryCell { row_offset, column: column.into() };
                match (self.0, drawn) {
                    (Fault::SecondWrite, None) => {
                        region.assign_advice(first, 0, one);
                    }
                    (Fault::SecondFixedWrite, _) => {
                        region.assign_fixed(config.fixed, 0, Fr::one());
                    }
                    (Fault::LateColumnInFirstPass, None) => {
                        region.assign_advice(second, 0, one);
                    }
                    (Fault::Unknown, None) => {
                        region.assign_advice(first, 1, Value::<Fr>::unknown());
                    }
                    (Fault::BlindedRow, None) => {
                        region.assign_advice(first, (1 << K) - 1, one);
                    }
                    (Fault::CopyWithoutEquality, _) => {
                        region.constrain_equal(cell(first, 0), cell(second, 0))
                    }
                    (Fault::LayoutByPhase, Some(_)) => region.constrain_equal(cell(first, 0), cell(first, 1)),
                    _ => {}
                }
                Ok(())
            },
        )
    }
}

fn fault(fault: Fault) -> Option<RecordError> {
    record(K, &Faulty(fault), &[], challenges(0)).err()
}

#[test]
fn faults_of_synthesis_are_refused_by_name() {
    let (first, second) = (Cell::advice(0, 0), Cell::advice(1, 0));
    assert_eq!(fault(Fault::None), None);
    assert_eq!(fault(Fault::SecondWrite), Some(RecordError::SecondWrite { cell: first, phase: 0 }));
    let again = RecordError::SecondWrite { cell: Cell::fixed(0, 0), phase: 0 };
    assert_eq!(fault(Fault::SecondFixedWrite), Some(again));
    let late = RecordError::WrongPhase { cell: second, expected: 1, got: 0 };
    assert_eq!(fault(Fault::LateColumnInFirstPass), Some(late));
    assert_eq!(fault(Fault::Unknown), Some(RecordError::Unknown { cell: Cell::advice(0, 1) }));
    let row = fault(Fault::BlindedRow);
    assert!(matches!(row, Some(RecordError::Row { cell, .. }) if cell.row == 15), "{row:?}");
    assert_eq!(fault(Fault::CopyWithoutEquality), Some(RecordError::Equality { cell: second }));
    assert_eq!(fault(Fault::LayoutByPhase), Some(RecordError::LayoutDiffers { phase: 1 }));
}
