//! Documents: what they link to is there.

use std::{fs, path::PathBuf, process::Command};

use lemma_tests::repository;

/// The Markdown files of the repository.
fn pages() -> Vec<PathBuf> {
    let listed =
        Command::new("git").args(["ls-files", "*.md"]).current_dir(repository()).output().expect("git runs");
    let listed = String::from_utf8(listed.stdout).expect("paths are text");
    listed.lines().map(|line| repository().join(line)).collect()
}

/// The targets of `[text](target)`, outside of blocks of code.
fn links(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let outside = text.split("```").step_by(2);
    for rest in outside.flat_map(|text| text.split("](").skip(1)) {
        out.extend(rest.split_once(')').map(|(target, _)| target.to_owned()));
    }
    out
}

/// The names that headings of a page have in links.
fn anchors(text: &str) -> Vec<String> {
    let heading = |line: &str| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    text.lines().filter(|line| line.starts_with('#')).map(heading).collect()
}

#[test]
fn links_lead_to_files_and_headings() {
    let mut checked = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("pages are readable");
        let folder = page.parent().expect("pages lie in a folder");
        for link in links(&text).iter().filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { folder.join(path) };
            assert!(target.exists(), "{}: {link} is not there", page.display());
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).expect("a page with headings");
                let is_there = anchors(&text).iter().any(|known| known == anchor);
                assert!(is_there, "{}: {link} is no heading", page.display());
            }
            checked += 1;
        }
    }
    assert!(checked > 30, "{checked} links");
}
