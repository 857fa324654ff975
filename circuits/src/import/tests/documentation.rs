//! The list of supported operators, and the page about them.

use crate::import::supported;

/// The words of `docs/operators.md`.
fn words(page: &str) -> Vec<&str> {
    page.split(|character: char| !character.is_ascii_alphanumeric()).collect()
}

#[test]
fn every_supported_operator_is_on_the_page() {
    let page = include_str!("../../../../docs/operators.md");
    let (accepted, _) = page.split_once("## What is refused").expect("a section on what is refused");
    let words = words(accepted);
    for operator in supported() {
        assert!(words.contains(&operator.op), "{} is not in docs/operators.md", operator.op);
    }
}

/// The first column of every table, up to the section on what is refused, names operators.
#[test]
fn every_operator_of_the_page_is_supported() {
    let page = include_str!("../../../../docs/operators.md");
    let (accepted, _) = page.split_once("## What is refused").expect("a section on what is refused");
    let rows = accepted.lines().filter(|line| line.starts_with("| "));
    let mut named = 0;
    for row in rows.filter(|row| !row.starts_with("| operator")) {
        let first = row.trim_start_matches("| ").split(" | ").next().unwrap_or_default();
        let is_operator = |word: &&str| word.chars().next().is_some_and(char::is_uppercase);
        for word in words(first).into_iter().filter(is_operator) {
            named += 1;
            assert!(supported().iter().any(|operator| operator.op == word), "{word} in '{first}'");
        }
    }
    assert!(named > 60, "{named} operators on the page");
}
