//! Tests of the importer on models built in memory; those of an operator family are with the family.

mod container;
mod documentation;
mod edges;
mod every_reason;
mod graphs;
mod hostile;
pub(super) mod models;
pub(super) mod pairs;
mod refused_elsewhere;
mod remedies;

/// Asserts that importing a model fails with an error kind of a pattern, and gives the error back.
macro_rules! assert_refused {
    ($model:expr, $pattern:pat $(if $guard:expr)?) => {{
        let error = $model.import().expect_err("the model was imported");
        assert!(matches!(&*error.kind, $pattern $(if $guard)?), "{error:?}");
        assert!(error.to_string().starts_with("test.onnx: "), "{error}");
        error
    }};
}
pub(super) use assert_refused;
