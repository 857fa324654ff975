//! Requests for circuits.
//!
//! Which members go together depends on their values, so the schema is one of three, each of which allows what
//! [`BuildRequest::setup`] accepts.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Object, ObjectBuilder, OneOfBuilder, RefOr, Schema, Type,
        schema::{AdditionalProperties, SchemaType},
    },
};

use super::Scheme;
use crate::work::jobs::Setup;

/// Asks for the keys of a model.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuildRequest {
    /// Model id of an uploaded model, or `name:tag`.
    pub model: String,
    /// Commitment scheme.
    #[serde(default)]
    pub scheme: Scheme,
    /// For `kzg`: id of an imported ceremony; the only one that is large enough if absent.
    #[serde(default)]
    pub ceremony: Option<String>,
    /// For `kzg`, if the service allows it: parameters drawn on the server, for benchmarks and tests. Whoever drew
    /// them can forge proofs.
    #[serde(default)]
    pub insecure_local_srs: bool,
}

impl BuildRequest {
    /// The setup asked for, or why it makes no sense.
    ///
    /// # Errors
    /// A sentence for the caller.
    pub(crate) fn setup(&self) -> Result<Setup, &'static str> {
        match (self.scheme, self.insecure_local_srs, &self.ceremony) {
            (Scheme::Ipa, false, None) => Ok(Setup::Ipa),
            (Scheme::Ipa, ..) => {
                Err("the ipa scheme has no parameters to choose; drop ceremony and insecure_local_srs")
            }
            (Scheme::Kzg, true, Some(_)) => {
                Err("a ceremony and insecure_local_srs exclude each other; drop one")
            }
            (Scheme::Kzg, true, None) => Ok(Setup::KzgInsecureLocal),
            (Scheme::Kzg, false, ceremony) => Ok(Setup::Kzg { ceremony: ceremony.clone() }),
        }
    }
}

/// A member with one value.
fn constant(kind: Type, value: Value, description: &str) -> ObjectBuilder {
    let builder = ObjectBuilder::new().schema_type(SchemaType::new(kind)).enum_values(Some([value]));
    builder.description(Some(description))
}

/// A request with this scheme, this ceremony and these parameters.
fn request(scheme: &str, ceremony: ObjectBuilder, local: bool, description: &str) -> ObjectBuilder {
    let model = ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .min_length(Some(1))
        .max_length(Some(200))
        .examples([json!("digits:latest")])
        .description(Some("Model id of an uploaded model, the sha256 of its file, or `name:tag`."));
    let why = "Parameters drawn on the server, for benchmarks and tests, if the service allows them. Whoever drew them can \
               forge proofs.";
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::Object))
        .description(Some(description))
        .property("model", model)
        .required("model")
        .property("scheme", constant(Type::String, json!(scheme), "Commitment scheme; `ipa` if absent."))
        .property("ceremony", ceremony)
        .property("insecure_local_srs", constant(Type::Boolean, json!(local), why))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

impl PartialSchema for BuildRequest {
    fn schema() -> RefOr<Schema> {
        let none = || ObjectBuilder::new().schema_type(SchemaType::new(Type::Null));
        let ceremony = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .min_length(Some(1))
            .max_length(Some(128))
            .description(Some("Id of an imported ceremony; the only one that is large enough if absent."));
        let ipa = "Transparent: nobody has to be trusted.";
        let kzg = "Rests on a ceremony.";
        let local = "Rests on parameters drawn on the server.";
        let alternatives: [Object; 3] = [
            request("ipa", none(), false, ipa).build(),
            request("kzg", ceremony, false, kzg).required("scheme").build(),
            request("kzg", none(), true, local).required("scheme").required("insecure_local_srs").build(),
        ];
        let one_of = OneOfBuilder::new().description(Some("Asks for the keys of a model."));
        alternatives.into_iter().fold(one_of, OneOfBuilder::item).into()
    }
}

impl ToSchema for BuildRequest {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("BuildRequest")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether an object is as one of the alternatives says, as far as these go.
    fn fits(request: &Value, alternative: &Value) -> bool {
        let members = request.as_object().unwrap();
        let required = alternative["required"].as_array().unwrap();
        let has_type = |value: &Value, kind: &Value| match value {
            Value::Null => kind == "null",
            Value::Bool(_) => kind == "boolean",
            Value::String(_) => kind == "string",
            _ => false,
        };
        let fits = |(name, value): (&String, &Value)| {
            let schema = &alternative["properties"][name];
            let kinds = &schema["type"];
            let typed = kinds.as_array().map_or_else(
                || has_type(value, kinds),
                |kinds| kinds.iter().any(|kind| has_type(value, kind)),
            );
            typed && schema["enum"].as_array().is_none_or(|values| values.contains(value))
        };
        required.iter().all(|name| members.contains_key(name.as_str().unwrap())) && members.iter().all(fits)
    }

    #[test]
    fn the_schema_allows_what_is_accepted() {
        let schema = serde_json::to_value(BuildRequest::schema()).unwrap();
        let alternatives = schema["oneOf"].as_array().unwrap();
        assert!(alternatives.iter().all(|alternative| alternative["additionalProperties"] == false));
        let missing = json!("missing");
        for scheme in [&missing, &json!("ipa"), &json!("kzg"), &json!("stark")] {
            for ceremony in [&missing, &json!(null), &json!("x")] {
                for local in [&missing, &json!(false), &json!(true)] {
                    let mut request = json!({ "model": "digits:latest" });
                    let members = [("scheme", scheme), ("ceremony", ceremony), ("insecure_local_srs", local)];
                    for (name, value) in members.into_iter().filter(|(_, value)| **value != missing) {
                        request[name] = value.clone();
                    }
                    let fitting =
                        alternatives.iter().filter(|alternative| fits(&request, alternative)).count();
                    let read = serde_json::from_value::<BuildRequest>(request.clone());
                    let accepted = read.is_ok_and(|request| request.setup().is_ok());
                    assert_eq!(fitting, usize::from(accepted), "{request}");
                }
            }
        }
    }
}
