//! What a proof will cost, before anything is built.

use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use lemma_circuits::{CompiledCircuit, circuit::LemmaCircuit, cost::MSM_MICROSECONDS};
use lemma_plonk::{Opening, Settings, Shape, backends::Choice};
use lemma_verifier::scheme::Scheme;

/// What an operation costs, in units of one multi-scalar multiplication of the library over 2^16 points.
struct Costs {
    addition: f64,
    butterfly: f64,
    operation: f64,
}

/// Measured on kws, where a unit was 0.375 CPU seconds: 205, 29.5 and 16 ns.
const ELEMENTS: Costs = Costs { addition: 5.5e-7, butterfly: 7.9e-8, operation: 4.3e-8 };

/// From measurements of the inner loops with AVX-512 IFMA, where a unit was 0.32 CPU seconds: 65, 5.5 and 4 ns.
const LANES: Costs = Costs { addition: 2.0e-7, butterfly: 1.7e-8, operation: 1.2e-8 };

/// Memory of the process besides the prover, in bytes.
const BESIDES: u64 = 24 << 20;

/// What a process takes for what its prover has in use, in tenths: plan and witness, and what allocators keep. Measured
/// of eleven networks: within 20 %, but 61 % more than this where planning takes the most, and a third to a half less of the
/// two smallest.
const TENTHS: u64 = 14;

/// Predicted cost of one proof on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// CPU time in units of one multi-scalar multiplication of the library over 2^16 points.
    pub units: f64,
    /// Peak memory of a process that plans and proves, in bytes.
    pub memory_bytes: u64,
}

impl Prediction {
    /// The prediction for a circuit.
    pub fn of(circuit: &CompiledCircuit) -> Self {
        let mut system = ConstraintSystem::default();
        LemmaCircuit::configure_with_params(&mut system, circuit.shape().clone());
        let shape = Shape::new(Choice::Fastest, &system, circuit.k());
        let opening = match circuit.scheme() {
            Scheme::Kzg => Opening::Shplonk,
            Scheme::Ipa => Opening::InnerProduct,
        };
        let work = shape.work(Settings::BALANCED, opening);
        let costs = if shape.uses_lanes() { LANES } else { ELEMENTS };
        Self {
            units: work.additions as f64 * costs.addition
                + work.butterflies as f64 * costs.butterfly
                + work.operations as f64 * costs.operation,
            memory_bytes: shape.memory(Settings::BALANCED).peak() * TENTHS / 10 + BESIDES,
        }
    }

    /// CPU seconds on the reference machine of the circuits' planner.
    pub fn reference_seconds(self) -> f64 {
        self.units * MSM_MICROSECONDS as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use lemma_circuits::{compile, import};

    use super::*;

    #[test]
    fn the_schemes_differ_by_the_opening() {
        let onnx = include_bytes!("../../fixtures/digits/s8s8.qop.onnx");
        let [kzg, ipa] = [Scheme::Kzg, Scheme::Ipa]
            .map(|scheme| Prediction::of(&compile(import::import(onnx, "digits").unwrap(), scheme).unwrap()));
        assert!(kzg.units < ipa.units && ipa.units < 2.0 * kzg.units, "{kzg:?} {ipa:?}");
        assert!(kzg.units > 0.01 && kzg.units < 1.0, "{kzg:?}");
        assert!(kzg.memory_bytes > BESIDES && kzg.reference_seconds() < 1.0);
    }
}
