//! Fields by the names a type serializes with.

use std::collections::BTreeMap;

use serde_json::Value;

/// The paths of all values that have no parts, each with a JSON pointer to the first such value. `[]` stands for every index; a list
/// without elements is a value without parts.
pub(super) fn leaves(tree: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    walk(tree, "", "", &mut found);
    found
}

fn walk(value: &Value, path: &str, pointer: &str, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let dot = if path.is_empty() { "" } else { "." };
                walk(member, &format!("{path}{dot}{name}"), &format!("{pointer}/{name}"), found);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for (index, element) in elements.iter().enumerate() {
                walk(element, &format!("{path}[]"), &format!("{pointer}/{index}"), found);
            }
        }
        _ => {
            found.entry(path.to_owned()).or_insert_with(|| pointer.to_owned());
        }
    }
}

#[test]
fn all_parts_are_found_once() {
    let tree = serde_json::json!({ "a": { "b": [[1, 2], [3]], "c": null }, "d": [], "e": "x" });
    let found = leaves(&tree);
    let paths: Vec<_> = found.iter().map(|(path, pointer)| (path.as_str(), pointer.as_str())).collect();
    assert_eq!(paths, [("a.b[][]", "/a/b/0/0"), ("a.c", "/a/c"), ("d", "/d"), ("e", "/e")]);
}
