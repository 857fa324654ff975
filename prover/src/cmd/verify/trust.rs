//! What a verdict rests on: the circuit the caller names, the model the caller has, or a key alone.

use std::path::Path;

use lemma_prover::{
    keys::SetupChoice,
    params::{ParamsError, SrsChoice, list_srs},
};
use lemma_verifier::{
    artifact::ProofBundle,
    envelope::Kind,
    scheme::Scheme,
    verify::{BareKey, VerifyError},
};

use super::file_limit;
use crate::cmd::{
    args::{SchemeName, SetupArgs, VerifyArgs},
    failure::Failure,
    files,
    model::OnnxModel,
    progress::Screen,
    session::{Compiled, Session, compile_model, complete_circuit_id, setup_choice},
};

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
/// covers; of the setups it chooses none, but where the string of its circuit is not here any more: then it is the key that was made with it.
fn of_model(
    path: &Path,
    args: &VerifyArgs,
    bundle: &[u8],
    session: &Session,
    screen: &Screen,
) -> Result<BareKey, NoKey> {
    let bundle = ProofBundle::decode(bundle).map_err(|error| NoKey::Refusal(VerifyError::Bundle(error)))?;
    let onnx = OnnxModel::read(path)?;
    check_stored_claims(&bundle, session).map_err(NoKey::Refusal)?;
    if bundle.insecure_srs && !args.allow_insecure_srs {
        return Err(NoKey::Refusal(VerifyError::InsecureSrs));
    }
    let scheme = match bundle.scheme {
        Scheme::Ipa => SchemeName::Ipa,
        Scheme::Kzg => SchemeName::Kzg,
    };
    let choice = setup_choice(scheme, &SetupArgs { srs: args.srs, insecure_local_srs: false })?;
    let compiled = compile_model(onnx, choice)?;
    let derive = |compiled: &Compiled, setup: SetupChoice| -> Result<BareKey, Failure> {
        let keyring = session.keyring()?;
        let made = keyring.verifier_for(&compiled.circuit, &compiled.onnx, setup, screen)?;
        Ok(keyring.bare_verifier(made.circuit_id())?)
    };
    if let Some(setup) = present_setup(choice, &bundle, &compiled, session)? {
        return Ok(derive(&compiled, setup)?);
    }
    if let Some(key) = key_without_string(&bundle, &compiled, session) {
        return Ok(key);
    }
    Err(no_string(&bundle).into())
}

/// What the bundle says of the setup of its circuit, where the store has that circuit.
fn check_stored_claims(bundle: &ProofBundle, session: &Session) -> Result<(), VerifyError> {
    let known = session.stored().ok().and_then(|keyring| keyring.circuit(bundle.circuit).ok());
    let Some(record) = known else { return Ok(()) };
    if record.scheme() != bundle.scheme {
        return Err(VerifyError::Scheme { expected: record.scheme(), got: bundle.scheme });
    }
    if record.insecure_srs() != bundle.insecure_srs {
        return Err(VerifyError::InsecureMark { expected: record.insecure_srs(), got: bundle.insecure_srs });
    }
    Ok(())
}

/// The choice, if this machine has the string it needs. None is drawn here: it would give an id that no proof has.
fn present_setup(
    choice: SetupChoice,
    bundle: &ProofBundle,
    compiled: &Compiled,
    session: &Session,
) -> Result<Option<SetupChoice>, Failure> {
    let (SetupChoice::Kzg(string), k) = (choice, compiled.circuit.k()) else { return Ok(Some(choice)) };
    let Ok(keyring) = session.stored() else { return Ok(None) };
    if bundle.insecure_srs {
        let strings = list_srs(keyring.store()).map_err(Failure::unusable)?;
        let local = strings.iter().find(|string| string.setup.insecure && string.k == k);
        return Ok(local.map(|string| SetupChoice::Kzg(SrsChoice::Ceremony(Some(string.id())))));
    }
    match keyring.parameters().choose_srs(string, k) {
        Ok(_) => Ok(Some(choice)),
        Err(ParamsError::NoSrs { .. }) => Ok(None),
        Err(error) => Err(Failure::unusable(error)),
    }
}

/// What to do about a string that is not there.
fn no_string(bundle: &ProofBundle) -> Failure {
    Failure::unusable(if bundle.insecure_srs {
        "the proof rests on kzg parameters that were made on another machine, so that the model's circuit id cannot be derived here; \
         ask for a proof of the ipa scheme or of a ceremony, or name the id and the key you trust with --circuit ID --vk FILE"
    } else {
        "the proof says that it is of the kzg scheme, in which the model's circuit id is derived with the proof's ceremony; import that \
         with `lemma srs import FILE`, or name the id and the key you trust with --circuit ID --vk FILE, which need no ceremony"
    })
}

/// The key that this store made of the model's circuit while it had the string for it.
fn key_without_string(bundle: &ProofBundle, compiled: &Compiled, session: &Session) -> Option<BareKey> {
    let keyring = session.stored().ok()?;
    let key = keyring.bare_verifier(bundle.circuit).ok()?;
    let made = keyring.made(&compiled.circuit, key.file().setup()).ok()?;
    (made == Some(bundle.circuit)).then_some(key)
}
