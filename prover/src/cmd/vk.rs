//! `lemma vk`: a circuit's verifying key as a file.

use lemma_verifier::artifact::VerifyingKeyFile;
use serde_json::json;

use super::{args::VkArgs, failure::Failure, files, output::Outcome, session::Session, text};

/// Runs the command.
pub(crate) fn run(args: &VkArgs, session: &Session) -> Result<Outcome, Failure> {
    let record = session.circuit(&args.circuit)?;
    let bytes = session.stored()?.vk_bytes(&record).map_err(Failure::unusable)?;
    let key = VerifyingKeyFile::decode(&bytes).map_err(Failure::unusable)?;
    if key.circuit_id() != record.circuit {
        return Err(Failure::Unusable(format!(
            "the stored key of circuit {} is of circuit {}; compile the model again into a new store",
            record.circuit,
            key.circuit_id()
        )));
    }
    files::write(&args.output, &bytes)?;
    let text = format!(
        "{}, {}, key of circuit {}",
        args.output.display(),
        text::bytes(bytes.len() as u64),
        record.circuit
    );
    let json = json!({
        "circuit": record.circuit.to_string(),
        "vk": args.output.display().to_string(),
        "vk_bytes": bytes.len(),
        "insecure_srs": record.insecure_srs(),
    });
    Ok(Outcome::done(text, json))
}
