//! Tests of the importer on models built in memory.

mod arg_max;
mod beside_constants;
mod container;
mod convolution;
mod documentation;
mod edges;
mod elementwise;
mod every_reason;
mod float_pairs;
mod folding;
mod graphs;
mod hostile;
mod integer;
mod layout;
mod maximum;
mod models;
mod q_operator;
mod qdq;
mod refused_elsewhere;
mod remedies;
mod shapes;

/// Asserts that importing a model fails with an error kind of a pattern, and gives the error back.
macro_rules! assert_refused {
    ($model:expr, $pattern:pat $(if $guard:expr)?) => {{
        let error = $model.import().expect_err("the model was imported");
        assert!(matches!(&*error.kind, $pattern $(if $guard)?), "{error:?}");
        assert!(error.to_string().starts_with("test.onnx: "), "{error}");
        error
    }};
}
use assert_refused;
