//! What is wrong with a request, in the words of its sender: members, lists and numbers instead of fields, sequences and
//! the names of Rust's types.

/// Longest value that is repeated, in characters.
const MAX_SHOWN: usize = 64;

/// What can be found where something else is expected, and its name in JSON.
const FOUND: [(&str, &str); 8] = [
    ("string ", "the text "),
    ("integer ", "the number "),
    ("floating point ", "the number "),
    ("boolean ", ""),
    ("map", "an object"),
    ("sequence", "a list"),
    ("null", "null"),
    ("unit value", "null"),
];

/// Rewords an error of `serde` about the member at `path`, which is empty or `.` for the whole.
pub(super) fn plain(path: &str, error: &str) -> String {
    let (error, position) = match error.rsplit_once(" at line ") {
        Some((error, position)) => (error, format!(" (line {})", position.replace(" column", ", column"))),
        None => (error, String::new()),
    };
    let whole = path.is_empty() || path == ".";
    let member = if whole { String::new() } else { format!("{path}: ") };
    format!("{}{position}", about(&member, error))
}

fn about(member: &str, error: &str) -> String {
    if let Some(name) = error.strip_prefix("missing field ") {
        return format!("{} is missing", name.replace('`', "\""));
    }
    if let Some(name) = error.strip_prefix("duplicate field ") {
        return format!("{} is there twice", name.replace('`', "\""));
    }
    if let Some((name, known)) = error.strip_prefix("unknown field ").and_then(|rest| rest.split_once(", ")) {
        let known = known.trim_start_matches("expected ").trim_start_matches("one of ").replace('`', "");
        return format!("{} is not known here; known are {known}", shown(&name.replace('`', "\"")));
    }
    if let Some((name, known)) = error.strip_prefix("unknown variant ").and_then(|rest| rest.split_once(", "))
    {
        let known = known.trim_start_matches("expected ").trim_start_matches("one of ").replace('`', "");
        return format!("{member}{} is none of {known}", shown(&name.replace('`', "\"")));
    }
    let wrong = ["invalid type: ", "invalid value: ", "invalid length "];
    if let Some((found, expected)) = wrong
        .iter()
        .find_map(|prefix| error.strip_prefix(prefix))
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!("{member}it is {}, expected {}", kind(found), wanted(expected));
    }
    if error.contains("invalid digit")
        || error.contains("cannot parse integer")
        || error.contains("number too large")
    {
        return format!("{member}expected a whole number in its range");
    }
    format!("{member}{error}")
}

fn kind(found: &str) -> String {
    let name = FOUND.iter().find_map(|(prefix, name)| Some(format!("{name}{}", found.strip_prefix(prefix)?)));
    shown(&name.unwrap_or_else(|| found.to_owned()).replace('`', ""))
}

fn wanted(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" | "nonzero u32" => {
            "a whole number, 0 or more, in its range".into()
        }
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number in its range".into(),
        "f32" | "f64" => "a number".into(),
        "a map" => "an object".into(),
        "a sequence" => "a list".into(),
        "a boolean" => "true or false".into(),
        expected if expected.starts_with("struct ") => "an object".into(),
        expected if expected.starts_with("variant ") || expected.contains("enum") => {
            "one of the words listed".into()
        }
        expected => expected.replace('`', ""),
    }
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_speak_of_members_and_json() {
        for (path, error, told) in [
            (".", "missing field `circuit` at line 1 column 2", "\"circuit\" is missing (line 1, column 2)"),
            ("k", "unknown field `k`, expected one of `a`, `b`", "\"k\" is not known here; known are a, b"),
            (
                "m",
                "invalid type: string \"x\", expected a map",
                "m: it is the text \"x\", expected an object",
            ),
            (
                "t",
                "invalid type: map, expected u32",
                "t: it is an object, expected a whole number, 0 or more, in its range",
            ),
            (
                "t",
                "invalid value: integer `-1`, expected u32",
                "t: it is the number -1, expected a whole number, 0 or more, in its range",
            ),
            ("p", "unknown variant `x`, expected one of `low`, `high`", "p: \"x\" is none of low, high"),
            ("", "duplicate field `a`", "\"a\" is there twice"),
            ("limit", "invalid digit found in string", "limit: expected a whole number in its range"),
        ] {
            assert_eq!(plain(path, error), told);
        }
        let long = plain("m", &format!("invalid type: string \"{}\", expected a map", "é".repeat(1000)));
        assert!(long.chars().count() < 150, "{long}");
    }
}
