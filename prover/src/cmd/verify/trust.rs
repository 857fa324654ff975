//! What a verdict rests on: the circuit the caller names, the model the caller has, or a key alone.

use std::path::Path;

use lemma_circuits::shape::Scheme;
use lemma_prover::artifact::ProofBundle;
use lemma_prover::envelope::Kind;
use lemma_prover::keys::SetupChoice;
use lemma_prover::params::{SrsChoice, list_srs};
use lemma_prover::verify::{BareKey, VerifyError};

use super::file_limit;
use crate::cmd::args::{SchemeName, SetupArgs, VerifyArgs};
use crate::cmd::failure::Failure;
use crate::cmd::files;
use crate::cmd::model::OnnxModel;
use crate::cmd::progress::Screen;
use crate::cmd::session::{Session, compile_model, complete_circuit_id, setup_choice};

/// What the caller trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// A circuit id, which stands for a model.
    Circuit,
    /// A model, from which the id was derived.
    Model,
    /// A key file. Nothing ties it to the model it names: whoever made it can have made it accept anything.
    KeyFile,
}

impl Trust {
    /// The word for it in JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Circuit => "circuit",
            Self::Model => "model",
            Self::KeyFile => "key file",
        }
    }
}

/// Why there is no key to judge by.
#[derive(Debug)]
pub(super) enum NoKey {
    /// The arguments, a file or this machine is at fault.
    Failure(Failure),
    /// The bundle is refused before its model's key is known.
    Refusal(VerifyError),
}

impl<E: Into<Failure>> From<E> for NoKey {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

/// The key to judge the bundle by, and what it rests on.
///
/// # Errors
/// [`NoKey::Failure`] when it is not there or not the circuit's that the caller names, [`NoKey::Refusal`] when the bundle is none, or
/// rests on parameters that the caller does not accept.
pub(super) fn key(
    args: &VerifyArgs,
    bundle: &[u8],
    session: &Session,
    screen: &Screen,
) -> Result<(BareKey, Trust), NoKey> {
    match (&args.onnx, &args.circuit, &args.vk) {
        (Some(model), _, _) => Ok((of_model(model, args, bundle, session, screen)?, Trust::Model)),
        (None, Some(id), Some(file)) => {
            let key = of_file(file, session)?;
            key.expect_circuit(complete_circuit_id(id)?).map_err(|error| Failure::file(file, error))?;
            Ok((key, Trust::Circuit))
        }
        (None, Some(id), None) => {
            let record = session.trusted_circuit(id)?;
            Ok((session.stored()?.bare_verifier(record.circuit)?, Trust::Circuit))
        }
        (None, None, Some(file)) => Ok((of_file(file, session)?, Trust::KeyFile)),
        (None, None, None) => Err(Failure::unusable(
            "name what you trust: --onnx MODEL or --circuit ID, with --vk FILE for a key that is not in the store",
        )
        .into()),
    }
}

fn of_file(path: &Path, session: &Session) -> Result<BareKey, Failure> {
    let bytes = files::read(path, file_limit(Kind::VerifyingKey))?;
    let key = match session.stored() {
        Ok(keyring) => keyring.bare_verifier_from_file(&bytes).map_err(Failure::from),
        Err(_) => BareKey::read(&bytes).map_err(Failure::unusable),
    };
    key.map_err(|error| Failure::file(path, error))
}

/// The key of the model's circuit in the bundle's scheme: the store's, or made now. The bundle chooses the scheme only, which every circuit id
/// covers; of the setups it chooses none.
fn of_model(
    path: &Path,
    args: &VerifyArgs,
    bundle: &[u8],
    session: &Session,
    screen: &Screen,
) -> Result<BareKey, NoKey> {
    let bundle = ProofBundle::decode(bundle).map_err(|error| NoKey::Refusal(VerifyError::Bundle(error)))?;
    if bundle.insecure_srs && !args.allow_insecure_srs {
        return Err(NoKey::Refusal(VerifyError::InsecureSrs));
    }
    let scheme = match bundle.scheme {
        Scheme::Ipa => SchemeName::Ipa,
        Scheme::Kzg => SchemeName::Kzg,
    };
    let of_scheme = setup_choice(scheme, &SetupArgs { srs: args.srs, insecure_local_srs: false })?;
    let compiled = compile_model(OnnxModel::read(path)?, of_scheme)?;
    let setup = if bundle.insecure_srs { local_setup(compiled.circuit.k(), session)? } else { of_scheme };
    let keyring = session.keyring()?;
    let made = keyring.verifier_for(&compiled.circuit, &compiled.onnx, setup, screen)?;
    Ok(keyring.bare_verifier(made.circuit_id())?)
}

/// The parameters of this size that were made on this machine. None are drawn here: they would give an id that no proof has.
fn local_setup(k: u32, session: &Session) -> Result<SetupChoice, Failure> {
    let strings = list_srs(session.store()?).map_err(Failure::unusable)?;
    match strings.iter().find(|string| string.setup.insecure && string.k == k) {
        Some(string) => Ok(SetupChoice::Kzg(SrsChoice::Ceremony(Some(string.id())))),
        None => Err(Failure::unusable(
            "the proof rests on kzg parameters that were made on another machine, so that the model's circuit id cannot be derived here; \
             ask for a proof of the ipa scheme or of a ceremony, or name the id and the key you trust with --circuit ID --vk FILE",
        )),
    }
}
