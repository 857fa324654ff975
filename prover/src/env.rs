//! What proving and the operators outside of proofs depend on of the processor and the environment.

use lemma_circuits::edge::SoftmaxKernel;

/// Name of the variable that turns vector instructions off when it is `off`.
pub use lemma_plonk::backends::LANES_VARIABLE;

/// The arithmetic of onnxruntime's Softmax on this machine's processor.
pub fn softmax_kernel() -> SoftmaxKernel {
    #[cfg(target_arch = "x86_64")]
    if !std::arch::is_x86_feature_detected!("avx512f") {
        return SoftmaxKernel::Fma3;
    }
    SoftmaxKernel::Avx512
}
