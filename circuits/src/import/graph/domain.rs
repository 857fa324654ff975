//! Operator domains and their versions.

use std::collections::BTreeMap;

use crate::import::{
    error::{ContainerError, ImportErrorKind},
    proto::OperatorSetIdProto,
};

/// The opsets of the default domain in which every supported operator has the meaning that is implemented.
const ONNX_OPSETS: (i64, i64) = (10, 26);

const MICROSOFT_OPSETS: (i64, i64) = (1, 1);

/// An operator domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::import) enum Domain {
    Onnx,
    Microsoft,
    Other(String),
}

impl Domain {
    pub(super) fn parse(domain: &str) -> Self {
        match domain {
            "" | "ai.onnx" => Self::Onnx,
            "com.microsoft" => Self::Microsoft,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Smallest and largest supported version; other domains have no supported operators.
    fn opsets(&self) -> Option<(i64, i64)> {
        match self {
            Self::Onnx => Some(ONNX_OPSETS),
            Self::Microsoft => Some(MICROSOFT_OPSETS),
            Self::Other(_) => None,
        }
    }

    pub(in crate::import) fn name(&self) -> &str {
        match self {
            Self::Onnx => "ai.onnx",
            Self::Microsoft => "com.microsoft",
            Self::Other(name) => name,
        }
    }
}

/// Domain to version; domains of operators that no node uses do no harm.
pub(super) fn opsets(imports: &[OperatorSetIdProto]) -> Result<BTreeMap<String, i64>, ImportErrorKind> {
    let mut versions = BTreeMap::new();
    for import in imports {
        let parsed = Domain::parse(&import.domain);
        let domain = parsed.name().to_owned();
        if let Some((min, max)) = parsed.opsets()
            && (import.version < min || max < import.version)
        {
            return Err(ContainerError::Opset { domain, version: import.version, min, max }.into());
        }
        if let Some(&first) = versions.get(&domain)
            && first != import.version
        {
            return Err(ContainerError::ConflictingOpset { domain, first, second: import.version }.into());
        }
        versions.insert(domain, import.version);
    }
    Ok(versions)
}

pub(super) fn opset_of(domain: &Domain, opsets: &BTreeMap<String, i64>) -> Result<i64, ImportErrorKind> {
    if let Domain::Other(_) = domain {
        // Refused as an unsupported operator, whatever the version.
        return Ok(0);
    }
    let version = opsets.get(domain.name()).copied();
    version.ok_or_else(|| ContainerError::MissingOpset { domain: domain.name().to_owned() }.into())
}
