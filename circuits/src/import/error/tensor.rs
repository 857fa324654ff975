//! Why a constant of the file cannot be read.

/// A constant tensor that is damaged or of a kind that is not supported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorError {
    /// A tensor of an unsupported element type.
    #[error("tensor '{tensor}' is {got}; supported are float32, int8, uint8, int32, int64 and bool{remedy}")]
    Type {
        /// The tensor.
        tensor: String,
        /// Its element type.
        got: String,
        /// What to do, or nothing.
        remedy: &'static str,
    },
    /// A negative dimension.
    #[error("tensor '{tensor}' has dimension {dim}; a constant needs fixed dimensions")]
    Dimension {
        /// The tensor.
        tensor: String,
        /// The dimension.
        dim: i64,
    },
    /// The data does not fill the shape.
    #[error("tensor '{tensor}' needs {expected} {unit} for its shape and has {got}; the file is damaged")]
    DataLength {
        /// The tensor.
        tensor: String,
        /// What `expected` and `got` count.
        unit: &'static str,
        /// From the shape.
        expected: usize,
        /// In the file.
        got: usize,
    },
    /// Data both as raw bytes and in a typed field.
    #[error("tensor '{tensor}' has raw data and typed data; re-export the model")]
    AmbiguousData {
        /// The tensor.
        tensor: String,
    },
    /// Data in another file.
    #[error(
        "tensor '{tensor}' keeps its data in another file; save the model as one file with \
         onnx.save(model, path, save_as_external_data=False)"
    )]
    ExternalData {
        /// The tensor.
        tensor: String,
    },
    /// An element outside its type.
    #[error("tensor '{tensor}' holds {value}, which is not a value of {element}; the file is damaged")]
    ElementRange {
        /// The tensor.
        tensor: String,
        /// The element.
        value: i64,
        /// Its type.
        element: &'static str,
    },
}
