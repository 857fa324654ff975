//! Bytes that no exporter wrote: nothing panics, and nothing that differs is imported by accident.

use proptest::prelude::*;

use super::models::{ModelBuilder, q_gemm, q_linear_mat_mul, qdq_around, qdq_relu};
use crate::import::import;

/// Models that together use most operators.
fn seeds() -> Vec<Vec<u8>> {
    let shapes = qdq_around(|model: ModelBuilder| {
        model
            .node("QuantizeLinear", &["r0", "y_scale", "y_zero"], &["q"])
            .node("Shape", &["q"], &["dims"])
            .node("Reshape", &["q", "dims"], &["reshaped"])
            .node("Flatten", &["reshaped"], &["flat"])
            .int("axis", 1)
            .node("Transpose", &["flat"], &["moved"])
            .ints("perm", &[1, 0])
            .node("Squeeze", &["moved"], &["line"])
            .node("DequantizeLinear", &["line", "y_scale", "y_zero"], &["dq"])
            .node("Clip", &["dq", "y_scale"], &["r"])
    });
    let mut models = [q_gemm(), q_linear_mat_mul(), qdq_relu(), shapes];
    for model in &mut models[1..] {
        // Without the import of com.microsoft, which they do not need, nothing in these files can be left out.
        model.proto.opset_import.truncate(1);
    }
    models.iter().map(ModelBuilder::bytes).collect()
}

#[test]
fn a_file_truncated_at_any_byte_is_refused() {
    for bytes in seeds() {
        import(&bytes, "whole").unwrap();
        for length in 0..bytes.len() {
            assert!(import(&bytes[..length], "cut").is_err(), "{length} of {} bytes", bytes.len());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_bytes_never_panic(
        seed in 0_usize..4,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = seeds().swap_remove(seed);
        for (index, byte) in edits {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        let _ = import(&bytes, "mutated").map(|model| model.id());
    }

    #[test]
    fn spliced_bytes_never_panic(
        seed in 0_usize..4,
        cut in any::<prop::sample::Index>(),
        removed in 0_usize..16,
        inserted in prop::collection::vec(any::<u8>(), 0..16),
    ) {
        let mut bytes = seeds().swap_remove(seed);
        let start = cut.index(bytes.len());
        let end = (start + removed).min(bytes.len());
        bytes.splice(start..end, inserted);
        let _ = import(&bytes, "spliced").map(|model| model.id());
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = import(&bytes, "random");
    }
}
