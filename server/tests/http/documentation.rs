//! The commands of the documentation do what it says.

use std::{path::Path, process::Command};

use crate::support::{Server, directory, settings};

/// The blocks of this kind in a Markdown text.
fn blocks(text: &str, kind: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut inside: Option<String> = None;
    for line in text.lines() {
        match &mut inside {
            Some(_) if line.starts_with("```") => blocks.extend(inside.take()),
            Some(block) => *block += &format!("{line}\n"),
            None if line == format!("```{kind}") => inside = Some(String::new()),
            None => {}
        }
    }
    blocks
}

#[test]
fn every_command_of_the_api_page_succeeds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = std::fs::read_to_string(root.join("docs/api.md")).unwrap();
    let commands = blocks(&page, "sh");
    assert!(commands.len() > 8, "{}", commands.len());
    let data = directory("documentation");
    let server = Server::start(settings(&data), data);
    let scratch = directory("documentation-files");
    std::fs::create_dir_all(&scratch).unwrap();
    let script = commands.concat().replace("/tmp/", &format!("{}/", scratch.display()));
    let run = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .env("LEMMA", format!("http://{}", server.address))
        .current_dir(&root)
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}\n{err}");
    for part in [
        "\"valid\":true",
        "\"code\":\"other-context\"",
        "urn:lemma:problem:invalid-input",
        "\"status\":\"cancelled\"",
        "\"meta\":{\"order\":17}",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
}

/// The example of the crate's page, which was built beside this test.
#[test]
fn the_example_serves_proves_verifies_and_stops() {
    let tests = std::env::current_exe().unwrap();
    let example = tests.ancestors().nth(2).unwrap().join("examples/serve");
    assert!(
        example.exists(),
        "{} is not there: `cargo test -p lemma-server` builds the examples",
        example.display()
    );
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let (home, temporary) = (directory("example-home"), directory("example-data"));
    std::fs::create_dir_all(&temporary).unwrap();
    let run = |model: &str| {
        let files = [fixtures.join(model), fixtures.join("digits/example.json")];
        Command::new(&example)
            .args(files)
            .env("LEMMA_HOME", &home)
            .env("TMPDIR", &temporary)
            .output()
            .unwrap()
    };
    let run_well = run("digits/s8s8.qop.onnx");
    let (out, err) = (String::from_utf8_lossy(&run_well.stdout), String::from_utf8_lossy(&run_well.stderr));
    assert!(run_well.status.success(), "{out}\n{err}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("listening on http://127.0.0.1:") && lines[1] == "stopped", "{out}");
    assert!(lines[2].starts_with("logits [1, 10]: ["), "{out}");
    let refused = run("digits/mlp.f32.onnx");
    let (out, err) = (String::from_utf8_lossy(&refused.stdout), String::from_utf8_lossy(&refused.stderr));
    assert!(!refused.status.success() && out.ends_with("stopped\n"), "{out}\n{err}");
    assert!(err.contains("GET /v1/info lists the operators"), "{err}");
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "data is left behind");
}

#[test]
fn a_demonstration_whose_reader_goes_away_ends_well() {
    let command = format!(
        "'{}' demo --exit | head -n 1; echo \"${{PIPESTATUS[0]}}\"",
        env!("CARGO_BIN_EXE_lemma-server")
    );
    let run = Command::new("bash").args(["-c", &command]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(out.contains("the service listens on http://127.0.0.1"), "{out}\n{err}");
    assert!(out.ends_with("\n0\n") && err.is_empty(), "{out}\n{err}");
}

#[test]
fn the_api_page_lists_every_problem_with_its_status() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md")).unwrap();
    for kind in lemma_server::http::problem::ProblemType::ALL {
        let (name, status) = (format!("`{}`", kind.name()), format!("| {} |", kind.status().as_u16()));
        let row = page.lines().find(|line| line.starts_with('|') && line.contains(&name));
        assert!(row.is_some_and(|row| row.contains(&status)), "{name} {status}: {row:?}");
    }
}
