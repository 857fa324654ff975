//! The service's OpenAPI document.

use utoipa::{
    OpenApi as _, ToSchema,
    openapi::{ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, path::Operation},
};

use crate::{
    problem::{MEDIA_TYPE, ProblemDetails},
    routes,
};

/// The bytes of a file.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
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

/// The complete document.
pub fn document() -> OpenApi {
    routes::document()
}

/// Adds to every operation what every operation can answer: any error is a problem.
pub(crate) fn finish(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        let operations: [&mut Option<Operation>; 3] = [&mut item.get, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), RefOr::T(any_problem()));
        }
    }
    document
}

fn any_problem() -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description("Any other problem").content(MEDIA_TYPE, content).build()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_reference_leads_somewhere() {
        let document = serde_json::to_value(document()).unwrap();
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(references.len() > 20);
        for reference in references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    fn collect(value: &Value, references: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(target) if name == "$ref" => references.push(target.clone()),
                        member => collect(member, references),
                    }
                }
            }
            Value::Array(members) => members.iter().for_each(|member| collect(member, references)),
            _ => {}
        }
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
