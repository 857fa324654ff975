//! The service's OpenAPI document.

mod links;
mod requests;

pub(crate) use requests::{JobHeaders, JobRefusals, WaitHeader};

use utoipa::{
    OpenApi as _, ToSchema,
    openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder, path::Operation},
};

use super::problem::{MEDIA_TYPE, ProblemDetails};

/// The bytes of a file.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary, min_length = 1)]
#[expect(dead_code, reason = "it is only described, never built")]
pub(crate) struct File(Vec<u8>);

/// The document without its routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Lemma",
        description = "Proofs that a quantized neural network gave this answer. Upload a model, build its circuit, ask \
                       for proofs, download and verify them, here or offline. There is no authentication: the service \
                       trusts whoever reaches it.",
    ),
    components(schemas(ProblemDetails)),
    tags(
        (name = "models", description = "ONNX files"),
        (name = "circuits", description = "Models with their keys"),
        (name = "proofs", description = "Asking for proofs, downloading and judging them"),
        (name = "operation", description = "Watching over the service"),
    )
)]
struct Frame;

/// The document to which routes are added.
pub(crate) fn frame() -> OpenApi {
    Frame::openapi()
}

/// Adds what is the same everywhere: error responses are problems, any operation can answer with one, and ids lead
/// to further operations.
pub(crate) fn finish(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            describe_problems(operation);
            links::add(operation);
        }
    }
    document
}

fn describe_problems(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    let any = ResponseBuilder::new().description("Any other problem").build();
    responses.insert("default".to_owned(), RefOr::T(any));
    for (status, response) in responses {
        if let (RefOr::T(response), true) = (response, status.starts_with(['4', '5', 'd'])) {
            let schema = Some(Ref::from_schema_name("Problem"));
            response
                .content
                .insert(MEDIA_TYPE.to_owned(), RefOr::T(ContentBuilder::new().schema(schema).build()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::http::routes::document;

    #[test]
    fn every_reference_leads_somewhere() {
        let document = serde_json::to_value(document()).unwrap();
        let mut references = Vec::new();
        collect(&document, "$ref", &mut references);
        assert!(references.len() > 20);
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    fn collect(value: &Value, key: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(text) if name == key => found.push(text.clone()),
                        member => collect(member, key, found),
                    }
                }
            }
            Value::Array(members) => members.iter().for_each(|member| collect(member, key, found)),
            _ => {}
        }
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let document = serde_json::to_value(document()).unwrap();
        let mut names = BTreeSet::new();
        for item in document["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{name} is not unique");
                assert!(!operation["summary"].as_str().unwrap().is_empty(), "{name}");
            }
        }
        let mut linked = Vec::new();
        collect(&document, "operationId", &mut linked);
        assert!(linked.iter().all(|name| names.contains(name)), "{linked:?}");
        assert!(linked.len() > names.len(), "links repeat the names of operations");
    }

    #[test]
    fn cursors_are_told_from_other_texts() {
        let document = serde_json::to_value(document()).unwrap();
        let mut cursors = 0;
        for item in document["paths"].as_object().unwrap().values() {
            for parameter in item["get"]["parameters"].as_array().into_iter().flatten() {
                if parameter["name"] == "cursor" {
                    assert!(parameter["schema"]["pattern"].is_string(), "{parameter}");
                    cursors += 1;
                }
            }
        }
        assert_eq!(cursors, 3);
    }

    #[test]
    fn every_error_response_is_a_problem() {
        let document = serde_json::to_value(document()).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let responses = operation["responses"].as_object().unwrap();
                assert!(responses.contains_key("default"), "{method} {path}");
                for (status, response) in responses {
                    if status.starts_with(['4', '5']) || status == "default" {
                        let schema = &response["content"][MEDIA_TYPE]["schema"]["$ref"];
                        assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
                    }
                }
            }
        }
    }
}
