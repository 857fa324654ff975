//! Imports the MLPerf Tiny reference models from `../shared/mlperf_tiny`, relative to the repository root.

use std::{fs, path::PathBuf};

use lemma_circuits::{
    import::{GraphError, ImportErrorKind, import},
    ir::{Elem, Op},
};

/// The bytes of a reference model, or `None` with a note when the folder is not there.
fn reference_model(file: &str) -> Option<Vec<u8>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/mlperf_tiny"));
    if !folder.is_dir() {
        eprintln!("SKIPPED: the folder {} is absent, so '{file}' was not imported", folder.display());
        return None;
    }
    Some(fs::read(folder.join(file)).unwrap_or_else(|error| panic!("reading {file}: {error}")))
}

#[test]
fn the_autoencoder_has_the_shape_its_description_says() {
    let Some(bytes) = reference_model("ad01.qop.onnx") else { return };
    let model = import(&bytes, "ad01.qop.onnx").unwrap();
    let widths: Vec<usize> = model.tensors.iter().map(|tensor| tensor.len).collect();
    assert_eq!(widths, [640, 128, 128, 128, 128, 8, 128, 128, 128, 128, 640]);
    assert!(model.tensors.iter().all(|tensor| tensor.elem == Elem::I8));
    assert_eq!(model.macs(), 264_192);
    assert_eq!((model.inputs[0].name.as_str(), model.inputs[0].shape.as_slice()), ("input_1", &[1, 640][..]));
    assert_eq!(
        (model.outputs[0].name.as_str(), model.outputs[0].shape.as_slice()),
        ("Identity", &[1, 640][..])
    );
    assert_eq!((&model.inputs[0].quantize, model.outputs[0].tail.len()), (&None, 0));
    let Op::FullyConnected(first) = &model.nodes[0].op else { panic!("a fully connected layer") };
    assert_eq!(first.input_zero_point, 89);
    let Op::FullyConnected(last) = &model.nodes[9].op else { panic!("a fully connected layer") };
    assert_eq!(last.requantize.zero_point, 96);
}

#[test]
fn both_forms_of_the_autoencoder_are_the_same_model() {
    let Some(q_operator) = reference_model("ad01.qop.onnx") else { return };
    let Some(qdq) = reference_model("ad01.qdq.onnx") else { return };
    let q_operator = import(&q_operator, "ad01.qop.onnx").unwrap();
    let mut qdq = import(&qdq, "ad01.qdq.onnx").unwrap();
    assert_eq!(q_operator.id(), qdq.id());
    for (renamed, node) in qdq.nodes.iter_mut().zip(&q_operator.nodes) {
        renamed.name.clone_from(&node.name);
    }
    assert_eq!(q_operator, qdq);
}

#[test]
fn a_float_model_is_refused_with_the_way_to_quantize_it() {
    let Some(bytes) = reference_model("ad01.f32.onnx") else { return };
    let error = import(&bytes, "ad01.f32.onnx").unwrap_err();
    assert_eq!(*error.kind, ImportErrorKind::Graph(GraphError::NothingQuantized));
    assert!(error.to_string().contains("quantize_static"), "{error}");
}

#[test]
fn both_forms_of_every_convolutional_model_are_the_same_model() {
    for (name, macs, nodes) in
        [("kws", 2_664_768, 11), ("ic_resnet8", 12_505_728, 15), ("vww", 7_491_968, 30), ("sww", 826_368, 10)]
    {
        let import_form = |form: &str| {
            let file = format!("{name}.{form}.onnx");
            let bytes = reference_model(&file)?;
            Some(import(&bytes, &file).unwrap_or_else(|error| panic!("{error}")))
        };
        let (Some(q_operator), Some(qdq)) = (import_form("qop"), import_form("qdq")) else { return };
        assert_eq!(q_operator.check_consistency(), Ok(()));
        assert_eq!(q_operator.id(), qdq.id(), "{name}");
        assert_eq!((q_operator.macs(), q_operator.nodes.len()), (macs, nodes), "{name}");
    }
}
