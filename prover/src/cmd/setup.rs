//! How the setup of a circuit is shown.

use lemma_verifier::setup::{Setup, SrsId, UNKNOWN_CEREMONY};
use serde_json::{Map, Value};

use super::output;

/// For a person: whose word a proof of the circuit rests on, besides the argument's own.
pub(crate) fn text(setup: &Setup) -> String {
    let string = |srs: SrsId, name: &str| format!("{name}; SRS id {srs}");
    match setup {
        Setup::Transparent => "nobody to trust: the parameters come from a hash function".to_owned(),
        Setup::Kzg(kzg) if kzg.insecure => string(kzg.srs(), "INSECURE, made on one machine"),
        Setup::Kzg(kzg) => string(kzg.srs(), kzg.srs().ceremony().unwrap_or(UNKNOWN_CEREMONY)),
    }
}

/// For a program: `ceremony` is null where the string has no name in this source.
pub(crate) fn json(setup: &Setup) -> Map<String, Value> {
    let srs = setup.srs();
    let ceremony = srs.filter(|_| !setup.insecure()).and_then(SrsId::ceremony);
    output::fields([
        ("insecure_srs", setup.insecure().into()),
        ("srs", srs.map(|srs| srs.to_string()).into()),
        ("ceremony", ceremony.into()),
    ])
}
