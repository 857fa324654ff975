//! A model with its plan: what the prover works with.

use std::sync::Arc;

use halo2_proofs::halo2curves::ff::PrimeField;
use lemma_verifier::{interface::Interface, scheme::Scheme, shape::Shape};
use sha2::{Digest, Sha256};

use crate::{
    circuit::LemmaCircuit,
    error::PlanError,
    ir::{Model, ModelId},
    layout::{Budget, Layout},
    witness::{WitnessError, check_inputs, run},
};

/// A compiled model: from here keys are made and inferences proven.
#[derive(Clone, Debug)]
pub struct CompiledCircuit {
    model: Arc<Model>,
    model_id: ModelId,
    layout: Arc<Layout>,
    interface: Interface,
    scheme: Scheme,
}

/// One inference, ready to be proven.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The circuit with its witness.
    pub circuit: LemmaCircuit,
    /// Per model output, its integers.
    pub outputs: Vec<Vec<i32>>,
}

/// Plans the circuit of a model within the default budget.
///
/// # Errors
/// As [`compile_within`].
pub fn compile(model: Model, scheme: Scheme) -> Result<CompiledCircuit, PlanError> {
    compile_within(model, scheme, &Budget::default())
}

/// Plans the circuit of a model, which is the same whatever the budget.
///
/// # Errors
/// [`PlanError`] when the model cannot be proven exactly, or is too large for the budget or for any circuit.
pub fn compile_within(model: Model, scheme: Scheme, budget: &Budget) -> Result<CompiledCircuit, PlanError> {
    let layout = Layout::of(&model, scheme, budget)?;
    Ok(CompiledCircuit::new(model, layout, scheme))
}

/// The flat circuit of a model in a shape a test chose.
///
/// # Errors
/// [`PlanError`] when the model cannot be proven exactly or does not fit the shape.
///
/// # Panics
/// If the shape is not valid or its tables do not fit.
#[cfg(any(test, feature = "testing"))]
pub fn compile_with_shape(
    model: Model,
    scheme: Scheme,
    shape: &crate::layout::ForcedShape,
) -> Result<CompiledCircuit, PlanError> {
    let layout = Layout::with_forced_shape(&model, scheme, shape)?;
    Ok(CompiledCircuit::new(model, layout, scheme))
}

/// The circuit of a model in the cheapest shape among those a test admits.
///
/// # Errors
/// [`PlanError`] when the model cannot be proven exactly or fits no such shape.
#[cfg(any(test, feature = "testing"))]
pub fn compile_among(
    model: Model,
    scheme: Scheme,
    admitted: impl Fn(&Shape) -> bool,
) -> Result<CompiledCircuit, PlanError> {
    let layout = Layout::among(&model, scheme, &Budget::default(), admitted)?;
    Ok(CompiledCircuit::new(model, layout, scheme))
}

impl CompiledCircuit {
    fn new(model: Model, layout: Layout, scheme: Scheme) -> Self {
        let interface = layout.interface(model.interface());
        Self { model_id: model.id(), interface, model: Arc::new(model), layout: Arc::new(layout), scheme }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The model's identity.
    pub fn model_id(&self) -> ModelId {
        self.model_id
    }

    /// Where everything is in the circuit.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Columns and gate constants.
    pub fn shape(&self) -> &Shape {
        self.layout.shape()
    }

    /// The public tensors.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// The commitment scheme the plan was made for.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The circuit has 2^k rows.
    pub fn k(&self) -> u32 {
        self.shape().k
    }

    /// The circuit without a witness, for key generation.
    pub fn circuit(&self) -> LemmaCircuit {
        LemmaCircuit::new(self.layout.clone())
    }

    /// sha256 over everything key generation sees: shape, fixed columns, copies. Two compilers that lay a model out
    /// differently have different digests.
    pub fn layout_digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let shape = bincode::serialize(self.shape()).expect("plain data without maps always serializes");
        hash.update(shape);
        for column in self.layout.fixed() {
            hash.update((column.len() as u64).to_le_bytes());
            let bytes: Vec<u8> = column.iter().flat_map(PrimeField::to_repr).collect();
            hash.update(bytes);
        }
        self.layout.for_each_copy(|(from, from_row), (to, to_row)| {
            for index in [usize::from(from), from_row.into(), to.into(), to_row.into()] {
                hash.update((index as u64).to_le_bytes());
            }
        });
        hash.finalize().into()
    }

    /// Runs the model and fills the circuit.
    ///
    /// # Errors
    /// When the inputs are not integers of the model's inputs.
    pub fn assign(&self, inputs: &[Vec<i32>]) -> Result<Assignment, WitnessError> {
        check_inputs(&self.model, inputs)?;
        let witness = run(&self.layout, inputs, &mut |_, _, _| {});
        let outputs = witness.outputs.clone();
        Ok(Assignment { circuit: LemmaCircuit::with_witness(self.layout.clone(), witness), outputs })
    }
}
