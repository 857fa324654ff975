//! What parent and child say to each other.
//!
//! ```text
//! offset  size  field
//!      0     4  length h of the header, little-endian
//!      4     4  length p of the payload
//!      8     h  header, JSON
//!    8+h     p  payload: an ONNX file or a proof bundle
//! ```

use std::{
    fmt,
    io::{self, Read, Write},
    path::PathBuf,
};

use lemma_prover::progress::Phase;
use lemma_verifier::{circuit_id::CircuitId, scheme::Scheme};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    jobs::{CircuitFacts, CircuitWork, Failure, Setup},
    prediction::Prediction,
};

/// Most bytes of a header; an input integer takes at most 5.
const MAX_HEADER: u32 = 256 << 20;

/// Most bytes of a payload.
const MAX_PAYLOAD: u32 = 128 << 20;

/// What the parent says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "order", content = "request", rename_all = "snake_case")]
pub(crate) enum Order {
    /// It asks for this.
    Do(Request),
    /// It does not want what it asked for last any more. The answer comes all the same, and soon.
    Cancel,
}

/// What the parent asks for.
#[derive(Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub(crate) enum Request {
    /// Prove one inference.
    Prove {
        #[serde(with = "crate::work::jobs::written::circuit_id")]
        circuit: CircuitId,
        #[serde(with = "crate::work::jobs::written::bytes")]
        context: Vec<u8>,
        inputs: Vec<Vec<i32>>,
        /// What the circuit's keys can be made of again.
        origin: Option<Origin>,
        /// Bytes of private memory the child may have.
        memory_limit: u64,
    },
    /// Plan a circuit for the model in the payload.
    Plan {
        scheme: Scheme,
        /// Bytes of private memory the child may have.
        memory_limit: u64,
        /// Seconds that planning may be predicted to take.
        seconds: u64,
    },
    /// Make the keys of the model in the payload.
    MakeKeys {
        setup: Setup,
        /// Bytes of private memory the child may have.
        memory_limit: u64,
    },
}

/// What a circuit was made of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Where the ONNX file is.
    pub(crate) onnx: PathBuf,
    pub(crate) work: CircuitWork,
}

/// Inputs are not shown.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prove { .. } => "Prove",
            Self::Plan { .. } => "Plan",
            Self::MakeKeys { .. } => "MakeKeys",
        })
    }
}

/// What the child says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "told", content = "report", rename_all = "snake_case")]
pub(crate) enum Told {
    /// It lives. It says so again and again, however long a step takes.
    Alive,
    /// Something about what it was asked for.
    Report(Report),
}

/// What the child tells about what it was asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub(crate) enum Report {
    /// A step began.
    Began { phase: Phase },
    /// The step that began last ended.
    Ended { phase: Phase, milliseconds: u64 },
    /// The proof has advanced: it is in this stage, and this share of it is done.
    Advanced { stage: String, share: f32 },
    /// The proof bundle is the payload.
    Proven { resident_bytes: u64 },
    /// The keys are in the store.
    KeysMade { facts: Box<CircuitFacts>, resident_bytes: u64 },
    /// The circuit is planned.
    Planned { prediction: Prediction },
    /// The model has no plan.
    Unplannable { too_large: bool, reason: String },
    /// It cannot be done.
    Failed { failure: Failure, resident_bytes: u64 },
}

impl Report {
    /// The resident set of the process, of a report that ends a request for keys or a proof.
    pub(crate) const fn resident_bytes(&self) -> Option<u64> {
        match self {
            Self::Proven { resident_bytes }
            | Self::KeysMade { resident_bytes, .. }
            | Self::Failed { resident_bytes, .. } => Some(*resident_bytes),
            Self::Began { .. }
            | Self::Ended { .. }
            | Self::Advanced { .. }
            | Self::Planned { .. }
            | Self::Unplannable { .. } => None,
        }
    }
}

/// Writes one message.
pub(crate) fn write_message<T: Serialize>(
    out: &mut impl Write,
    header: &T,
    payload: &[u8],
) -> io::Result<()> {
    let header = serde_json::to_vec(header)?;
    out.write_all(&length(header.len(), MAX_HEADER)?.to_le_bytes())?;
    out.write_all(&length(payload.len(), MAX_PAYLOAD)?.to_le_bytes())?;
    out.write_all(&header)?;
    out.write_all(payload)?;
    out.flush()
}

fn length(bytes: usize, limit: u32) -> io::Result<u32> {
    u32::try_from(bytes)
        .ok()
        .filter(|length| *length <= limit)
        .ok_or_else(|| invalid(format!("a part of {bytes} bytes, the limit is {limit}")))
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Reads one message; `None` at the end of the stream.
pub(crate) fn read_message<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<(T, Vec<u8>)>> {
    let Some(header) = read_length(from, MAX_HEADER)? else { return Ok(None) };
    let payload = read_length(from, MAX_PAYLOAD)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let header = read_bytes(from, header)?;
    let payload = read_bytes(from, payload)?;
    let header = serde_json::from_slice(&header)
        // The text of the error could repeat a part of the message.
        .map_err(|error| invalid(format!("malformed header at column {}", error.column())))?;
    Ok(Some((header, payload)))
}

fn read_length(from: &mut impl Read, limit: u32) -> io::Result<Option<u32>> {
    let mut bytes = [0; 4];
    match from.read_exact(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u32::from_le_bytes(bytes);
    if length > limit {
        return Err(invalid(format!("a part of {length} bytes, the limit is {limit}")));
    }
    Ok(Some(length))
}

fn read_bytes(from: &mut impl Read, length: u32) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(length.into()).read_to_end(&mut bytes)?;
    if u32::try_from(bytes.len()) == Ok(length) {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Vec<u8> {
        let mut bytes = Vec::new();
        let report = Report::Proven { resident_bytes: 7 };
        write_message(&mut bytes, &report, b"bundle").expect("writes");
        bytes
    }

    #[test]
    fn messages_come_back_as_they_went() {
        let bytes = [message(), message()].concat();
        let mut stream = &bytes[..];
        for _ in 0..2 {
            let (report, payload): (Report, _) =
                read_message(&mut stream).expect("reads").expect("a message");
            assert!(matches!(report, Report::Proven { resident_bytes: 7 }));
            assert_eq!(payload, b"bundle");
        }
        assert!(read_message::<Report>(&mut stream).expect("reads").is_none());
    }

    #[test]
    fn truncated_and_oversized_messages_are_errors() {
        let bytes = message();
        for end in 4..bytes.len() {
            assert!(read_message::<Report>(&mut &bytes[..end]).is_err(), "{end} bytes");
        }
        let oversized = [&(MAX_HEADER + 1).to_le_bytes()[..], &bytes[4..]].concat();
        assert!(read_message::<Report>(&mut &oversized[..]).is_err());
    }

    #[test]
    fn orders_come_back_as_they_went() {
        let mut bytes = Vec::new();
        let plan = Request::Plan { scheme: Scheme::Kzg, memory_limit: 7, seconds: 8 };
        write_message(&mut bytes, &Order::Do(plan), b"onnx").expect("writes");
        write_message(&mut bytes, &Order::Cancel, &[]).expect("writes");
        let mut stream = &bytes[..];
        let mut read = || read_message::<Order>(&mut stream).expect("reads").expect("an order");
        let (order, payload) = read();
        assert!(matches!(
            order,
            Order::Do(Request::Plan { scheme: Scheme::Kzg, memory_limit: 7, seconds: 8 })
        ));
        assert_eq!(payload, b"onnx");
        assert!(matches!(read().0, Order::Cancel));
    }

    #[test]
    fn debug_text_of_a_request_has_no_input() {
        let request = Request::Prove {
            circuit: CircuitId([0; 32]),
            context: Vec::new(),
            inputs: vec![vec![87_654_321]],
            origin: None,
            memory_limit: 0,
        };
        assert_eq!(format!("{request:?}"), "Prove");
    }
}
