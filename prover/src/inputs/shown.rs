//! Text from a file as messages show it: short, and without characters that steer a terminal.

const MAX_CHARACTERS: usize = 64;
const MAX_NAMES: usize = 20;

/// The text with control characters escaped, cut to 64 characters.
pub(super) fn shown(text: &str) -> String {
    let mut start = String::new();
    for character in text.chars().take(MAX_CHARACTERS) {
        match character {
            '\'' | '"' => start.push(character),
            _ => start.extend(character.escape_debug()),
        }
    }
    if text.chars().nth(MAX_CHARACTERS).is_some() {
        start.push_str("...");
    }
    start
}

/// At most 20 names, so that a file cannot fill the screen.
pub(super) fn list_names(names: &[String]) -> String {
    let listed =
        names.iter().take(MAX_NAMES).map(|name| format!("'{}'", shown(name))).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(MAX_NAMES) {
        _ if names.is_empty() => "nothing".to_owned(),
        None | Some(0) => listed,
        Some(more) => format!("{listed} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_text_that_cannot_steer_a_terminal_or_fill_it() {
        assert_eq!(shown("x\u{1b}[2J"), "x\\u{1b}[2J");
        assert_eq!(shown("('a', \"b\")"), "('a', \"b\")");
        assert_eq!(shown(&"a".repeat(64)).len(), 64);
        assert_eq!(shown(&"a".repeat(65)), format!("{}...", "a".repeat(64)));
        assert_eq!(list_names(&[]), "nothing");
        assert_eq!(list_names(&["a".into(), "b".into()]), "'a', 'b'");
        assert!(list_names(&vec!["a".into(); 21]).ends_with("'a' and 1 more"));
    }
}
