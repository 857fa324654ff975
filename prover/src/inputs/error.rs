//! Why a file does not give a model its inputs.

/// Why a file does not give a model its inputs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The file is larger than anything this reader accepts.
    #[error("the input file has {got} bytes, the limit is {limit}; keep only the rows to prove")]
    FileTooLarge {
        /// Limit in bytes.
        limit: u64,
        /// Size in bytes.
        got: u64,
    },
    /// Neither a zip archive nor a JSON object.
    #[error(
        "the input file is neither a .npz archive nor a JSON object; write it with numpy.savez or as \
         {{\"name\": nested lists}}, holding {expected}"
    )]
    UnknownFormat {
        /// The model's inputs.
        expected: String,
    },
    /// The zip archive cannot be read.
    #[error("the .npz archive is damaged: {reason}; write it again with numpy.savez")]
    Archive {
        /// What the zip reader reports.
        reason: String,
    },
    /// The zip archive lists more members than anyone needs.
    #[error("the .npz archive lists {got} members, the limit is {limit}")]
    TooManyMembers {
        /// Limit.
        limit: u64,
        /// Members listed.
        got: u64,
    },
    /// An array the model needs is absent.
    #[error("the input file has no array '{name}'; it needs {expected}; it holds {found}")]
    MissingArray {
        /// The input's name.
        name: String,
        /// The model's inputs.
        expected: String,
        /// Names in the file.
        found: String,
    },
    /// A name occurs twice, so that two readers could disagree on its value.
    #[error("the input file has '{name}' more than once; keep one")]
    DuplicateArray {
        /// The repeated name.
        name: String,
    },
    /// An `.npy` member is malformed.
    #[error("array '{name}': {reason}; write it again with numpy.savez")]
    Npy {
        /// The array.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An element type that cannot become the input's type without a decision that only the user can make.
    #[error(
        "array '{name}' has dtype {got}, the model wants {expected}; convert it with .astype(numpy.{expected})"
    )]
    ElementType {
        /// The array.
        name: String,
        /// Type the model wants.
        expected: &'static str,
        /// Type in the file.
        got: String,
    },
    /// 8-bit integers of the other type: the same number stands for another value there.
    #[error(
        "array '{name}' has dtype {got}, the model wants {expected}, whose integers stand for other values; shift them as \
         the model's zero point asks, mostly by 128, or give the array as int64 if its numbers are already the model's"
    )]
    OtherSign {
        /// The array.
        name: String,
        /// Type the model wants.
        expected: &'static str,
        /// Type in the file.
        got: &'static str,
    },
    /// The array is larger than anything this reader accepts.
    #[error("array '{name}' has {got} bytes, the limit is {limit}; keep only the rows to prove")]
    ArrayTooLarge {
        /// The array.
        name: String,
        /// Limit in bytes.
        limit: u64,
        /// Size in bytes.
        got: u64,
    },
    /// The shape is not the input's, with or without rows.
    #[error("array '{name}' has shape {got:?}, the model wants {expected:?}, or several rows of it")]
    Shape {
        /// The array.
        name: String,
        /// The model's shape.
        expected: Vec<usize>,
        /// Shape in the file.
        got: Vec<usize>,
    },
    /// EZKL's form holds another number of inputs, or of values in one.
    #[error("input_data holds {got} {what}, the model wants {expected}")]
    Count {
        /// What is counted.
        what: String,
        /// Count the model wants.
        expected: usize,
        /// Count in the file.
        got: usize,
    },
    /// Several rows, and no choice between them.
    #[error("array '{name}' has {rows} rows, a proof is about one; choose it with --row I, I from 0 to {}, or several for `lemma run` with --rows FIRST..END", rows - 1)]
    RowNeeded {
        /// The array.
        name: String,
        /// Rows in the file.
        rows: usize,
    },
    /// The chosen row does not exist.
    #[error("array '{name}' has {rows} row(s), row {row} does not exist; rows count from 0")]
    RowOutOfRange {
        /// The array.
        name: String,
        /// Rows in the file.
        rows: usize,
        /// The chosen row.
        row: usize,
    },
    /// Inputs with other numbers of rows.
    #[error(
        "array '{name}' has {got} row(s) and the first input has {expected}; give all inputs as many, or choose with --row"
    )]
    RowCounts {
        /// The array.
        name: String,
        /// Rows of the first input.
        expected: usize,
        /// Rows of this one.
        got: usize,
    },
    /// A value is not one of the input's type.
    #[error("array '{name}', element {index}: {value} is not {expected}")]
    Value {
        /// The array.
        name: String,
        /// Row-major index in the chosen row.
        index: usize,
        /// The value.
        value: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// A float32 value has no integer.
    #[error("array '{name}': {source}")]
    Quantize {
        /// The array.
        name: String,
        /// Which element, and why.
        source: lemma_circuits::edge::EdgeError,
    },
    /// The JSON text is malformed, or not of an accepted form.
    #[error(
        "the JSON input is not {{\"name\": nested lists}} or {{\"input_data\": [...]}} with {expected}: {source}"
    )]
    Json {
        /// The model's inputs.
        expected: String,
        /// Where and why.
        source: serde_json::Error,
    },
}
