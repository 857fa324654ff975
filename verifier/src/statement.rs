//! What a proof states, and the only encoder of public inputs.
//!
//! A [`Statement`] is: circuit id, caller context, every input integer, every output integer. Its length is
//! fixed per circuit, its byte encoding is a bijection between valid statements and accepted byte strings,
//! and its public-input vector is injective: every element packs at most 31 bytes, so nothing is reduced
//! modulo the field and no trailing zero can be added or dropped.
//!
//! | public inputs | content |
//! |---|---|
//! | 0, 1 | circuit id, 16 bytes each, little-endian |
//! | 2 | length of the context, then its bytes 0..16 |
//! | 3 | bytes 16..32 of the context |
//! | per input port, per chunk of at most 31 elements, see [`Port::bytes_per_instance`] | `sum_j 256^j (x_j - type minimum)` |
//! | per output port, per chunk of 31 elements | the same of the outputs |

use halo2_proofs::halo2curves::{bn256::Fr, ff::PrimeField};

use crate::{
    circuit_id::CircuitId,
    interface::{Interface, LANES_PER_INSTANCE, MAX_CONTEXT, Port},
};

/// Up to 32 bytes of the caller's: a nonce, an audience, a digest of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Context(Vec<u8>);

impl Context {
    /// # Errors
    /// [`StatementError::ContextTooLong`] beyond [`MAX_CONTEXT`] bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, StatementError> {
        if bytes.len() > MAX_CONTEXT {
            return Err(StatementError::ContextTooLong { got: bytes.len() });
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Length byte, then the bytes padded with zeros to [`MAX_CONTEXT`].
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![u8::try_from(self.0.len()).unwrap_or(u8::MAX)];
        out.extend(&self.0);
        out.resize(1 + MAX_CONTEXT, 0);
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self, StatementError> {
        let (length, padded) = bytes.split_first().ok_or(StatementError::ContextEncoding)?;
        let (context, padding) =
            padded.split_at_checked(usize::from(*length)).ok_or(StatementError::ContextEncoding)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(StatementError::ContextEncoding);
        }
        Self::new(context.to_vec())
    }
}

/// Why a statement cannot be encoded or decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// The caller's context is too long.
    #[error("the context has {got} bytes, at most {MAX_CONTEXT} are possible; pass a digest of it")]
    ContextTooLong {
        /// Its length in bytes.
        got: usize,
    },
    /// The context's length byte or padding is not canonical.
    #[error("the context of the statement is not canonically encoded")]
    ContextEncoding,
    /// A statement for another interface.
    #[error("the statement has {got} bytes, this circuit's statements have {expected}")]
    Length {
        /// Length for this circuit in bytes.
        expected: usize,
        /// Length found.
        got: usize,
    },
    /// The number of tensors is not the interface's.
    #[error("the statement has {got} tensors, this circuit has {expected}")]
    TensorCount {
        /// Ports of the circuit.
        expected: usize,
        /// Tensors found.
        got: usize,
    },
    /// A tensor's length is not its port's.
    #[error("tensor '{port}' has {got} elements, expected {expected}")]
    TensorLength {
        /// Name of the port.
        port: String,
        /// Elements of the port.
        expected: usize,
        /// Elements found.
        got: usize,
    },
    /// An integer is not a value of its 8-bit type.
    #[error("tensor '{port}', element {index}: {value} is not in {lo}..={hi}")]
    ElementRange {
        /// Name of the port.
        port: String,
        /// Flat index.
        index: usize,
        /// The value found.
        value: i32,
        /// Type minimum.
        lo: i32,
        /// Type maximum.
        hi: i32,
    },
}

/// What a proof says: for this circuit, in this context, these inputs give these outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The circuit the proof is valid for.
    pub circuit: CircuitId,
    /// The caller's context.
    pub context: Context,
    /// Per input port, its integers in row-major order.
    pub inputs: Vec<Vec<i32>>,
    /// Per output port, its integers in row-major order.
    pub outputs: Vec<Vec<i32>>,
}

impl Statement {
    /// The byte encoding: circuit id, context, then one byte `value - type minimum` per element.
    ///
    /// # Errors
    /// When the tensors do not fit `interface`.
    pub fn encode(&self, interface: &Interface) -> Result<Vec<u8>, StatementError> {
        let mut out = self.circuit.0.to_vec();
        out.extend(self.context.encode());
        for lanes in self.lanes(interface)? {
            out.extend(lanes);
        }
        Ok(out)
    }

    /// The inverse of [`Statement::encode`]; nothing else decodes.
    ///
    /// # Errors
    /// When `bytes` is not the encoding of a statement for `interface`.
    pub fn decode(bytes: &[u8], interface: &Interface) -> Result<Self, StatementError> {
        let length = StatementError::Length { expected: interface.statement_bytes(), got: bytes.len() };
        if bytes.len() != interface.statement_bytes() {
            return Err(length);
        }
        let (circuit, rest) = bytes.split_first_chunk::<32>().ok_or_else(|| length.clone())?;
        let (context, mut rest) = rest.split_at_checked(1 + MAX_CONTEXT).ok_or_else(|| length.clone())?;
        let mut tensors = |ports: &[Port]| {
            ports
                .iter()
                .map(|port| {
                    let (lanes, tail) = rest.split_at_checked(port.len()).ok_or_else(|| length.clone())?;
                    rest = tail;
                    Ok(lanes.iter().map(|lane| i32::from(*lane).saturating_add(port.elem.min())).collect())
                })
                .collect::<Result<Vec<Vec<i32>>, StatementError>>()
        };
        Ok(Self {
            circuit: CircuitId(*circuit),
            context: Context::decode(context)?,
            inputs: tensors(&interface.inputs)?,
            outputs: tensors(&interface.outputs)?,
        })
    }

    /// The public-input vector, [`Interface::instances`] field elements.
    ///
    /// # Errors
    /// When the tensors do not fit `interface`.
    ///
    /// # Panics
    /// If the interface packs more than [`LANES_PER_INSTANCE`] bytes into a public input, which no key file does.
    pub fn public_inputs(&self, interface: &Interface) -> Result<Vec<Fr>, StatementError> {
        let (id_low, id_high) = self.circuit.0.split_at(16);
        let context = self.context.encode();
        let (context_low, context_high) = context.split_at(17);
        let mut out: Vec<Fr> = [id_low, id_high, context_low, context_high].into_iter().map(pack).collect();
        for (port, lanes) in interface.ports().zip(self.lanes(interface)?) {
            out.extend(lanes.chunks(usize::from(port.bytes_per_instance.max(1))).map(pack));
        }
        Ok(out)
    }

    /// Per port, its integers offset to bytes.
    fn lanes(&self, interface: &Interface) -> Result<Vec<Vec<u8>>, StatementError> {
        let sides = [(&interface.inputs, &self.inputs), (&interface.outputs, &self.outputs)];
        if let Some((ports, tensors)) = sides.iter().find(|(ports, tensors)| ports.len() != tensors.len()) {
            return Err(StatementError::TensorCount { expected: ports.len(), got: tensors.len() });
        }
        sides
            .iter()
            .flat_map(|(ports, tensors)| ports.iter().zip(tensors.iter()))
            .map(|(port, tensor)| port_lanes(port, tensor))
            .collect()
    }
}

fn port_lanes(port: &Port, tensor: &[i32]) -> Result<Vec<u8>, StatementError> {
    if tensor.len() != port.len() {
        return Err(StatementError::TensorLength {
            port: port.name.clone(),
            expected: port.len(),
            got: tensor.len(),
        });
    }
    let lane = |(index, &value): (usize, &i32)| {
        value.checked_sub(port.elem.min()).and_then(|lane| u8::try_from(lane).ok()).ok_or_else(|| {
            StatementError::ElementRange {
                port: port.name.clone(),
                index,
                value,
                lo: port.elem.min(),
                hi: port.elem.max(),
            }
        })
    };
    tensor.iter().enumerate().map(lane).collect()
}

/// `sum_j 256^j bytes[j]` of at most 31 bytes, hence below the modulus.
fn pack(bytes: &[u8]) -> Fr {
    assert!(bytes.len() <= LANES_PER_INSTANCE, "{} bytes do not fit a field element", bytes.len());
    let mut repr = [0; 32];
    repr.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    Fr::from_repr(repr).expect("at most 248 bits are below the modulus")
}
