//! Where the ids in answers lead.

use utoipa::openapi::{RefOr, link::Link, path::Operation};

/// Operation that answers, operation that an id in its answer leads to, and where that id is.
const LINKS: [(&str, &str, &str); 16] = [
    ("upload_model", "get_model", "$response.body#/id"),
    ("build_circuit", "get_build", "$response.body#/id"),
    ("build_circuit", "cancel_build", "$response.body#/id"),
    ("build_circuit", "get_circuit", "$response.body#/circuit"),
    ("build_circuit", "get_verifying_key", "$response.body#/circuit"),
    ("list_circuits", "get_circuit", "$response.body#/circuits/0/id"),
    ("get_circuit", "get_verifying_key", "$response.body#/id"),
    ("get_circuit", "get_model", "$response.body#/model"),
    ("request_proof", "get_proof", "$response.body#/id"),
    ("request_proof", "cancel_proof", "$response.body#/id"),
    ("request_proof", "get_bundle", "$response.body#/id"),
    ("request_proof", "get_proof_bytes", "$response.body#/id"),
    ("get_proof", "get_bundle", "$response.body#/id"),
    ("get_proof", "get_circuit", "$response.body#/circuit"),
    ("list_proofs", "get_proof", "$response.body#/proofs/0/id"),
    ("infer", "get_proof", "$response.body#/proof/id"),
];

/// Adds an operation's links to its successful answers.
pub(super) fn add(operation: &mut Operation) {
    let Some(name) = operation.operation_id.clone() else { return };
    for (_, target, id) in LINKS.iter().filter(|(from, ..)| *from == name) {
        for (status, response) in &mut operation.responses.responses {
            if let (RefOr::T(response), true) = (response, status.starts_with('2')) {
                let link = Link::builder().operation_id(*target).parameter("id", *id).build();
                response.links.insert((*target).to_owned(), RefOr::T(link));
            }
        }
    }
}
