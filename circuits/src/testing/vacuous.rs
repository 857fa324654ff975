//! A circuit that constrains nothing, for keys that a forger would make.

use halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner},
    halo2curves::bn256::Fr,
    plonk::{Circuit, ConstraintSystem, Error},
};
use lemma_verifier::shape::Shape;

use crate::circuit::LemmaCircuit;

/// The columns and gates of a shape, nothing assigned: every selector is 0.
#[derive(Clone, Debug)]
pub struct Vacuous(pub Shape);

impl Circuit<Fr> for Vacuous {
    type Config = ();
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn params(&self) -> Shape {
        self.0.clone()
    }

    fn without_witnesses(&self) -> Self {
        self.clone()
    }

    fn configure(_: &mut ConstraintSystem<Fr>) {
        unreachable!("a circuit with parameters is configured with them")
    }

    fn configure_with_params(system: &mut ConstraintSystem<Fr>, shape: Shape) {
        LemmaCircuit::configure_with_params(system, shape);
    }

    fn synthesize(&self, (): (), _: impl Layouter<Fr>) -> Result<(), Error> {
        Ok(())
    }
}
